package live

import (
	"context"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/omarty/chat/internal/omarty"
)

// Subscriptions of a room's log that ask the same share a view of it: each entry is
// rendered once for a view, and everyone who follows it is handed the same bytes.
//
// A view keeps what it rendered in pages. A follower is a position: it takes from
// the pages what comes after, at the pace of its connection. What it finds missing it
// asks for; so what happens now, what was missed for days, and what a slow reader
// comes back to is one way. Nobody queues anything for anybody.
//
// Who owns which state:
//
//   - feed is a room that somebody on this node follows. While its log moves, one
//     goroutine of its own renders for each of its views what is new, and wakes their
//     followers.
//   - view has the pages and the followers, under its lock.
//   - follower belongs to the connection: the goroutine that writes to that alone
//     moves its position.

const (
	// pageSize is how many entries a page has, and so how many are rendered at once
	// of what was missed.
	pageSize = 64
	// maxPages is how many pages a view keeps.
	maxPages = 32
	// maxRenders is how many pages that were missed are rendered at once: who comes
	// back with many others is served in turn, and what happens now does not wait.
	maxRenders = 2
	// renderRetry is how long it is waited before a page is read again that could not
	// be.
	renderRetry = time.Second
	// minShare is how many followers are worth a goroutine.
	minShare = 64
)

// Logs are the logs of rooms.
type Logs interface {
	// Follow follows a room's log. heard is called with what is heard of it: entries
	// that were committed, or none where the log moved, but nobody said how. It waits
	// for nobody.
	Follow(room omarty.ID, heard func([]omarty.Entry)) Log
}

// Log is one room's.
type Log interface {
	// Head is the newest position that is known here.
	Head() int
	// Since gives the entries after a position, where all up to Head are kept.
	Since(after int) (entries []omarty.Event, kept bool)
	// Read reads the first entries after a position. It fails only when ctx ends, or
	// by a fault.
	Read(ctx context.Context, after, first int) ([]omarty.Event, error)
	Close()
}

// Selection is what subscriptions ask of a room's entries.
type Selection interface {
	// Key tells selections of a room apart.
	Key() string
	// Alone tells that one follower alone asks for it, as what depends on who asks. It
	// is rendered when that comes to it: others do not wait for it.
	Alone() bool
	// Render gives what each entry reads as. known are the messages of some of the
	// entries as they are now, by id; the others are read.
	Render(ctx context.Context, entries []omarty.Event, known map[omarty.ID]omarty.Entry) []Rendered
}

// Rendered is what an entry reads as to a selection.
type Rendered struct {
	// Value is the entry as JSON.
	Value []byte
	// Errors are those beside it, whose paths begin below the subscription's field;
	// nil for none.
	Errors gqlerror.List
}

// views are the feeds of a server.
type views struct {
	logs    Logs
	ctx     context.Context // of rendering
	renders chan struct{}   // a place for each that may run
	lone    chan struct{}   // and for each that does it for one follower alone
	counts  *viewCounts

	mu    sync.Mutex
	feeds map[omarty.ID]*feed
}

func newViews(logs Logs) views {
	return views{logs: logs, ctx: context.Background(), renders: make(chan struct{}, maxRenders), lone: make(chan struct{}, maxRenders), counts: &viewCounts{}}
}

// feed is a room that somebody follows.
type feed struct {
	views *views
	room  omarty.ID
	log   Log
	// state is idle, busy, or busy with more to do.
	state atomic.Int32

	mu     sync.Mutex
	byKey  map[string]*view
	known  map[omarty.ID]omarty.Entry // what entries that are not rendered yet are about
	closed bool
}

const (
	feedIdle int32 = iota
	feedBusy
	feedMore
)

// follow makes a follower one of those who are woken by the view that it asks for; the
// room's log must be listened to meanwhile by the caller, so that nothing is missed.
func (v *views) follow(f *follower) {
	// The view has the selection, and the caller releases what it listens to.
	s := f.Selection
	f.Selection, f.Release = nil, nil
	for !v.feed(f.Room).add(f, s) {
		continue // that one has just been closed
	}
	f.wake()
}

func (v *views) feed(room omarty.ID) *feed {
	v.mu.Lock()
	defer v.mu.Unlock()
	if one := v.feeds[room]; one != nil {
		return one
	}
	one := &feed{views: v, room: room, byKey: map[string]*view{}}
	one.log = v.logs.Follow(room, one.heard)
	if v.feeds == nil {
		v.feeds = map[omarty.ID]*feed{}
	}
	v.feeds[room] = one
	v.counts.feeds.Add(1)
	return one
}

// add makes a follower one of a view's; false where the feed has just been closed.
func (f *feed) add(one *follower, s Selection) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	shared := f.byKey[s.Key()]
	if shared == nil {
		shared = &view{feed: f, selection: s, pages: map[int]*page{}, drafts: map[*draft]struct{}{}, atOnce: pageSize}
		shared.live.Store(int64(f.log.Head()))
		if s.Alone() {
			shared.live.Store(math.MaxInt64) // all of it has to be asked for
		}
		f.byKey[s.Key()] = shared
		f.views.counts.views.Add(1)
	}
	one.view = shared
	shared.mu.Lock()
	defer shared.mu.Unlock()
	one.place = len(shared.followers)
	shared.followers = append(shared.followers, one)
	f.views.counts.followers.Add(1)
	return true
}

// unfollow takes a follower out. It is called once.
func (v *views) unfollow(one *follower) {
	shared := one.view
	f := shared.feed
	v.mu.Lock()
	defer v.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	last := len(shared.followers) - 1
	shared.followers[one.place] = shared.followers[last]
	shared.followers[one.place].place = one.place
	shared.followers[last] = nil
	shared.followers = shared.followers[:last]
	v.counts.followers.Add(-1)
	if last > 0 {
		return
	}
	delete(f.byKey, shared.selection.Key())
	v.counts.views.Add(-1)
	if len(f.byKey) == 0 {
		f.closed = true
		f.log.Close()
		delete(v.feeds, f.room)
		v.counts.feeds.Add(-1)
	}
}

// heard is called by who committed entries, or found that the log has moved.
func (f *feed) heard(entries []omarty.Entry) {
	f.mu.Lock()
	if entries == nil {
		f.forget(func(omarty.Event) bool { return true })
	}
	for _, e := range entries {
		if e.Kind != omarty.EventMessagePosted && !e.Event.Message.IsZero() {
			// What is gone from a text may stand in the entries of its answers, too.
			f.forget(func(kept omarty.Event) bool {
				return kept.Seq < e.Seq && (e.ChangesText() || kept.Message == e.Event.Message)
			})
		}
		if e.Message != nil {
			if f.known == nil {
				f.known = map[omarty.ID]omarty.Entry{}
			}
			f.known[e.Event.Message] = e
		}
	}
	f.mu.Unlock()
	if f.state.Swap(feedMore) == feedIdle {
		go f.run()
	}
}

// forget drops what is kept of the entries that changed; f.mu is held. Who made the
// change waits for it: once that is answered, nobody is handed what was there before.
func (f *feed) forget(changed func(omarty.Event) bool) {
	f.known = nil
	for _, v := range f.byKey {
		v.forget(changed)
	}
}

// run renders what is new, as long as there is any.
func (f *feed) run() {
	for {
		f.state.Store(feedBusy)
		f.mu.Lock()
		known := f.known
		f.known = nil
		begun := make([]*draft, 0, len(f.byKey))
		for _, v := range f.byKey {
			begun = append(begun, v.begin(1))
		}
		f.mu.Unlock()
		for _, d := range begun {
			d.view.advance(f.views.ctx, known, d)
		}
		if f.state.CompareAndSwap(feedBusy, feedIdle) {
			return
		}
	}
}

// view is what the entries of a room read as to one selection.
type view struct {
	feed      *feed
	selection Selection
	// live is the position up to which the view has come as the log moved: what is
	// after it comes by itself, what is missing before it has to be asked for.
	live atomic.Int64

	mu        sync.Mutex
	followers []*follower
	pages     map[int]*page
	kept      []int // the pages' numbers, the oldest first
	// drafts are what is being rendered. atOnce is how many entries are at once of what was
	// missed: fewer where they changed again and again before they were.
	drafts map[*draft]struct{}
	atOnce int
}

// draft is what is being rendered. What has changed since it was begun it may give as it was
// before: that is not kept. It is under view.mu.
type draft struct {
	view *view
	// changed tell of entries whether they have; once there are most of them, all are taken to.
	changed []func(omarty.Event) bool
	most    int
}

// maxChanges is how many changes a draft tells apart of what was missed. One of what is new
// tells none apart: what it knows of messages is of before it was begun, and may be put to an
// entry that tells of a change.
const maxChanges = 256

// has tells whether an entry has changed.
func (d *draft) has(e omarty.Event) bool {
	return len(d.changed) >= d.most || slices.ContainsFunc(d.changed, func(changed func(omarty.Event) bool) bool { return changed(e) })
}

// begin begins a draft that tells so many changes apart, before anything is read for it. The
// caller calls drop.
func (v *view) begin(most int) *draft {
	v.mu.Lock()
	defer v.mu.Unlock()
	d := &draft{view: v, most: most}
	v.drafts[d] = struct{}{}
	return d
}

// drop ends a draft.
func (v *view) drop(d *draft) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.drafts, d)
}

// page has the entries with the positions number*pageSize+1 … (number+1)*pageSize.
type page struct {
	number int
	slots  [pageSize]atomic.Pointer[rendered]
	// asked is true while it is being rendered for who asked; under view.mu are both
	// this and who did.
	asked   bool
	waiting []*follower
}

// rendered is an entry and what it reads as.
type rendered struct {
	omarty.Event
	Rendered
}

func pageOf(seq int) (number, slot int) { return (seq - 1) / pageSize, (seq - 1) % pageSize }

// advance renders what is new, as a draft that was begun, and hands it out.
func (v *view) advance(ctx context.Context, known map[omarty.ID]omarty.Entry, d *draft) {
	defer v.drop(d)
	from := v.live.Load()
	entries, kept := v.feed.log.Since(int(from))
	switch {
	case v.selection.Alone():
		from = 0 // its follower asks for it
	case !kept:
		// Followers ask for it, as for all that they missed.
		v.live.Store(int64(v.feed.log.Head()))
	case len(entries) == 0:
		return
	default:
		v.fill(v.render(ctx, entries, known), d)
		v.live.Store(int64(entries[len(entries)-1].Seq))
	}
	v.handOut(from)
}

// handOut hands what is new after a position to the followers that have come there, in
// as many goroutines as have processors, and waits for none of their connections. Who
// is behind comes to it by what they asked for, and is not waited for here. While it is
// at it, what is written next waits, and is handed out together.
func (v *view) handOut(from int64) {
	v.mu.Lock()
	followers := make([]*follower, 0, len(v.followers))
	for _, f := range v.followers {
		if f.position.Load() >= from {
			followers = append(followers, f)
		}
	}
	v.mu.Unlock()
	share := max(len(followers)/runtime.GOMAXPROCS(0)+1, minShare)
	var handing sync.WaitGroup
	for some := range slices.Chunk(followers, share) {
		if len(some) < share || share >= len(followers) {
			hand(some)
		} else {
			handing.Go(func() { hand(some) })
		}
	}
	handing.Wait()
}

func (v *view) render(ctx context.Context, entries []omarty.Event, known map[omarty.ID]omarty.Entry) []*rendered {
	v.feed.views.counts.rendered.Add(uint64(len(entries)))
	made := make([]*rendered, len(entries))
	for i, r := range v.selection.Render(ctx, entries, known) {
		made[i] = &rendered{entries[i], r}
	}
	return made
}

// fill puts what was rendered as a draft into its pages, but for what has changed since:
// followers ask for that. It tells how much from the first on it has put there.
func (v *view) fill(made []*rendered, d *draft) (filled int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	whole := true
	for _, r := range made {
		if d.has(r.Event) {
			whole = false
			continue
		}
		number, slot := pageOf(r.Seq)
		v.page(number).slots[slot].Store(r)
		if whole {
			filled++
		}
	}
	return filled
}

func (v *view) forget(changed func(omarty.Event) bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for d := range v.drafts {
		if len(d.changed) < d.most {
			d.changed = append(d.changed, changed)
		}
	}
	for _, p := range v.pages {
		for i := range p.slots {
			if r := p.slots[i].Load(); r != nil && changed(r.Event) {
				p.slots[i].Store(nil)
			}
		}
	}
}

// page gives a page, which is made where it is missing; v.mu is held. A page that
// goes for it is emptied, since followers may hold it.
func (v *view) page(number int) *page {
	if p := v.pages[number]; p != nil {
		return p
	}
	if len(v.kept) >= maxPages {
		gone := v.pages[v.kept[0]]
		delete(v.pages, v.kept[0])
		v.kept = append(v.kept[:0], v.kept[1:]...)
		for i := range gone.slots {
			gone.slots[i].Store(nil)
		}
	}
	p := &page{number: number}
	v.pages[number] = p
	v.kept = append(v.kept, number)
	return p
}

// ask sees to it that a follower is woken when an entry has been rendered that it
// misses.
func (v *view) ask(f *follower, seq int) {
	if seq > int(v.live.Load()) {
		return // it comes by itself
	}
	number, slot := pageOf(seq)
	v.mu.Lock()
	defer v.mu.Unlock()
	p := v.page(number)
	if p.slots[slot].Load() != nil {
		f.wake() // it has come meanwhile
		return
	}
	p.waiting = append(p.waiting, f)
	v.feed.views.counts.missed.Add(1)
	v.fetch(p, slot)
	// While that is rendered and sent, so is the page that is asked for next.
	if next := (number+1)*pageSize + 1; next <= min(int(v.live.Load()), v.feed.log.Head()) {
		v.fetch(v.page(number+1), 0)
	}
}

// fetch has a page rendered from a slot on, where that has nothing and no one is at it;
// v.mu is held.
func (v *view) fetch(p *page, slot int) {
	if !p.asked && p.slots[slot].Load() == nil {
		p.asked = true
		go v.catchUp(p, p.number*pageSize+slot+1)
	}
}

// catchUp renders the rest of a page from an entry on, or some of it while the room does not
// rest, and hands it to who waits for it. Where it has to wait for others, it renders nothing
// that nobody waits for, or no longer.
func (v *view) catchUp(p *page, from int) {
	ctx := v.feed.views.ctx
	renders := v.feed.views.renders
	if v.selection.Alone() {
		renders = v.feed.views.lone
	}
	select {
	case renders <- struct{}{}:
	default:
		if v.unwanted(p) {
			return
		}
		renders <- struct{}{}
		if v.unwanted(p) {
			<-renders
			return
		}
	}
	defer func() { <-renders }()
	d := v.begin(maxChanges)
	defer v.drop(d)
	entries, err := v.feed.log.Read(ctx, from-1, min((p.number+1)*pageSize-from+1, v.most()))
	v.feed.views.counts.pages.Add(1)
	v.feed.views.counts.pageEntries.Add(uint64(len(entries)))
	if err == nil && len(entries) > 0 {
		v.pace(v.fill(v.render(ctx, entries, nil), d), len(entries))
	} else {
		time.Sleep(renderRetry) // it is asked for again
	}
	v.mu.Lock()
	waiting := p.waiting
	p.waiting, p.asked = nil, false
	v.mu.Unlock()
	hand(waiting)
}

// most is how many entries are rendered at once of what was missed.
func (v *view) most() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.atOnce
}

// pace has fewer be rendered at once where the first of some had changed before they were, so
// that who waits for it comes on while the room does not rest; and more where none had.
func (v *view) pace(filled, of int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch filled {
	case 0:
		v.atOnce = max(1, min(v.atOnce, of)/2)
	case of:
		v.atOnce = min(2*v.atOnce, pageSize)
	}
}

// unwanted tells whether nobody waits for a page, as who asked for it has gone. It can be
// asked for anew then.
func (v *view) unwanted(p *page) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if slices.ContainsFunc(p.waiting, func(f *follower) bool { return !f.over.Load() }) {
		return false
	}
	p.waiting, p.asked = nil, false
	return true
}
