package live

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/ratelimit"
	"github.com/omarty/chat/internal/realtime"
	"github.com/omarty/chat/internal/service"
)

// Whoever comes into rooms, leaves them and comes back, however late and seldom their node
// hears of it and while the database is away again and again: their inbox tells of each room
// that it was opened, what was said there, and that it was closed, in this order, and in the
// end has all there is.
func TestNoInboxStandsStill(t *testing.T) {
	for i := range *worlds {
		seed := *firstSeed + uint64(i)
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newHouse(t, seed).play() })
		})
	}
}

// house is a database of rooms, and a node to which one person listens. The choices come from
// the seed, and which of them is whose from the machine.
type house struct {
	service.Store
	t      *testing.T
	seed   uint64
	who    omarty.ID
	logs   realtime.Logs
	people realtime.People
	verbs  *service.Service
	server *Server
	rooms  []*chamber
	slow   atomic.Int64 // how long what takes its time does, a time.Duration; 0 in the end

	mu     sync.Mutex
	random *rand.Rand
	away   bool                    // whether the database does not answer
	in     map[omarty.ID]time.Time // the rooms in which the person is, and since when
}

type houseLogs struct{ *realtime.Logs }

func (l houseLogs) Listen(room omarty.ID, heard func([]omarty.Entry)) service.LogListener {
	return l.Logs.Listen(room, heard)
}

type housePeople struct{ *realtime.People }

func (p housePeople) Listen(of omarty.ID, heard func(omarty.Change)) service.Ear {
	return p.People.Listen(of, heard)
}

func newHouse(t *testing.T, seed uint64) *house {
	h := &house{
		t: t, seed: seed, who: omarty.NewID(omarty.KindUser),
		random: rand.New(rand.NewPCG(seed, 0)), in: map[omarty.ID]time.Time{},
	}
	h.slow.Store(int64(time.Millisecond) * int64(1+h.random.IntN(300)))
	for range 1 + h.random.IntN(4) {
		h.rooms = append(h.rooms, &chamber{id: omarty.NewID(omarty.KindRoom)})
	}
	h.verbs = service.New(service.Parts{
		Store: h, Logs: houseLogs{&h.logs}, People: housePeople{&h.people}, Limiter: ratelimit.Off{}, Region: "EG", Now: time.Now,
	})
	h.server = &Server{views: newViews(h), beginnings: newTurns()}
	return h
}

func (h *house) chance(n int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.random.IntN(n)
}

// upTo gives a time up to so many parts of how slow all is.
func (h *house) upTo(parts float64) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return some(h.random, time.Duration(parts*float64(h.slow.Load())))
}

// Follow is for views.
func (h *house) Follow(room omarty.ID, heard func([]omarty.Entry)) Log {
	return h.verbs.FollowLog(room, heard)
}

// answer takes as long as the database does, and tells whether that answers.
func (h *house) answer() error {
	if h.chance(2) == 0 {
		time.Sleep(h.upTo(0.25))
	}
	return h.answerNow()
}

// answerNow is answer to who holds a lock, for which others would wait beside the clock.
func (h *house) answerNow() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.away || h.slow.Load() > 0 && h.random.IntN(20) == 0 {
		return omarty.Errorf(omarty.CodeUnavailable, "Try again.")
	}
	return nil
}

func (h *house) SessionByToken(context.Context, []byte) (omarty.Session, error) {
	return omarty.Session{ID: h.who.As(omarty.KindSession), User: h.who, LastUsedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}, nil
}

func (h *house) GoodSessions(_ context.Context, ids []omarty.ID, _ time.Time) ([]omarty.ID, error) {
	return ids, h.answerNow()
}

func (h *house) RoomIDs(context.Context, omarty.ID) (ids []omarty.ID, err error) {
	h.mu.Lock()
	for _, c := range h.rooms {
		if _, in := h.in[c.id]; in {
			ids = append(ids, c.id)
		}
	}
	h.mu.Unlock()
	return ids, h.answer()
}

func (h *house) RoomsFor(_ context.Context, ids []omarty.ID, _ omarty.ID) (rooms []omarty.Room, err error) {
	h.mu.Lock()
	for _, c := range h.rooms {
		if _, in := h.in[c.id]; in && slices.Contains(ids, c.id) {
			rooms = append(rooms, omarty.Room{ID: c.id, LastSeq: c.head()})
		}
	}
	h.mu.Unlock()
	if err := h.answer(); err != nil {
		return nil, err
	}
	return rooms, nil
}

func (h *house) JoinedSince(_ context.Context, since time.Time) (joins []omarty.Joined, err error) {
	h.mu.Lock()
	for room, at := range h.in {
		if at.After(since) {
			joins = append(joins, omarty.Joined{Room: room, User: h.who, At: at})
		}
	}
	h.mu.Unlock()
	return joins, h.answer()
}

func (h *house) Heads(_ context.Context, ids []omarty.ID) (map[omarty.ID]int, error) {
	heads := map[omarty.ID]int{}
	for _, c := range h.rooms {
		if slices.Contains(ids, c.id) {
			heads[c.id] = c.head()
		}
	}
	return heads, h.answer()
}

func (h *house) Events(_ context.Context, room omarty.ID, _ omarty.Reader, after, first int) ([]omarty.Event, error) {
	if err := h.answer(); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(h.rooms, func(c *chamber) bool { return c.id == room })
	return h.rooms[i].read(after, first), nil
}

// commit writes an entry, of which the node hears in one way or another.
func (h *house) commit(c *chamber, kind omarty.EventKind, acting *sync.WaitGroup) {
	e := omarty.Event{Room: c.id, Kind: kind}
	c.mu.Lock()
	e.Seq = len(c.entries) + 1
	if kind != omarty.EventMessagePosted {
		e.Member = h.who
	}
	c.entries = append(c.entries, e)
	c.mu.Unlock()
	tell := func() {
		if h.verbs.KnowsSessions() {
			h.logs.Publish([]omarty.Entry{{Event: e}})
		} else {
			h.verbs.LookAtLogs()
		}
		if kind == omarty.EventMemberJoined {
			h.people.Tell(h.who, omarty.Change{Rooms: true})
		}
	}
	switch h.chance(4) {
	case 0: // nobody tells
	case 1:
		acting.Go(func() { time.Sleep(h.upTo(1)); tell() })
	default:
		tell()
	}
}

// move has the person come into a room, or leave it.
func (h *house) move(c *chamber, acting *sync.WaitGroup) {
	h.mu.Lock()
	_, in := h.in[c.id]
	kind := omarty.EventMemberJoined
	if in {
		kind = omarty.EventMemberLeft
		delete(h.in, c.id)
	} else {
		h.in[c.id] = time.Now()
	}
	h.mu.Unlock()
	h.commit(c, kind, acting)
}

// seqOnly is what all of them ask of entries: which ones they are.
type seqOnly struct{ house *house }

func (seqOnly) Key() string { return "seq" }

func (seqOnly) Alone() bool { return false }

func (s seqOnly) Render(_ context.Context, entries []omarty.Event, _ map[omarty.ID]omarty.Entry) []Rendered {
	time.Sleep(s.house.upTo(0.1))
	made := make([]Rendered, len(entries))
	for i, e := range entries {
		made[i].Value = fmt.Appendf(nil, "%s %d", e.Room, e.Seq)
	}
	return made
}

// updatesOf are the updates of a watch as the door gives them.
type updatesOf struct {
	*service.Inbox
	house *house
}

func (u *updatesOf) Next(ctx context.Context) ([]Update, error) {
	told, err := u.Inbox.Next(ctx)
	if err != nil {
		return nil, err
	}
	var updates []Update
	for _, one := range told {
		var update Update
		switch {
		case one.Opened != nil:
			update.Response = &graphql.Response{Data: fmt.Appendf(nil, "open %s %d", one.Opened.ID, one.Opened.LastSeq)}
		case one.Closed != nil:
			update.Response = &graphql.Response{Data: fmt.Appendf(nil, "close %s", one.Closed.RoomID)}
		case one.CaughtUp:
			update.Response = &graphql.Response{Data: []byte("caught up")}
		}
		if l := one.Follow; l != nil {
			update.Follow = &Following{
				Room: l.Room, Selection: seqOnly{u.house}, After: l.After, Began: l.Began,
				Wants: func(omarty.Event) bool { return true }, Reader: u.Reader(), Release: l.Release,
			}
			if l.After < l.Began {
				update.Follow.CaughtUp = u.CaughtUp
			}
		}
		updates = append(updates, update)
	}
	return updates, nil
}

// device is one that listens, and what it has.
type device struct {
	house    *house
	name     string
	at       map[string]int // how far it is in the rooms that are open to it
	caughtUp bool
}

func (d *device) errorf(format string, a ...any) {
	d.house.t.Errorf("seed %d, %s: "+format, append([]any{d.house.seed, d.name}, a...)...)
}

// take takes what comes.
func (d *device) take(text string) {
	d.house.mu.Lock()
	defer d.house.mu.Unlock()
	if begin := strings.Index(text, `"data":`); begin >= 0 {
		text = text[begin+len(`"data":`):]
	}
	words := strings.Fields(strings.Trim(text, "{}\n"))
	room := words[len(words)-1]
	switch words[0] {
	case "open":
		room = words[1]
		if at, open := d.at[room]; open {
			d.errorf("%s is opened again, and it stands at %d", room, at)
		}
		d.at[room], _ = strconv.Atoi(words[2])
	case "close":
		if _, open := d.at[room]; !open {
			d.errorf("%s is closed, and is not open", room)
		}
		delete(d.at, room)
	case "caught":
		if d.caughtUp {
			d.errorf("it has caught up twice")
		}
		d.caughtUp = true
	default:
		seq, err := strconv.Atoi(room)
		if at, open := d.at[words[0]]; err != nil || !open || seq != at+1 {
			d.errorf("it got %q at %d (open: %v)", text, at, open)
		}
		d.at[words[0]] = seq
	}
}

// listen is one subscription, as event streams have it, until ctx ends: false where it could
// not begin.
func (d *device) listen(ctx context.Context) bool {
	h := d.house
	by, release, err := h.verbs.Connect(ctx, "a token", func() { d.errorf("the session has ended") })
	if err != nil {
		return false
	}
	defer release()
	var after []omarty.RoomPosition
	h.mu.Lock()
	for room, seq := range d.at {
		after = append(after, omarty.RoomPosition{Room: room, Seq: seq})
	}
	d.caughtUp = false
	h.mu.Unlock()
	watch, err := h.verbs.WatchInbox(ctx, by, after)
	if err != nil {
		return false
	}
	q := &queue{more: make(chan struct{}, 1)}
	responses := make(chan []byte)
	in := h.server.newInbox(ctx, Inbox{Updates: &updatesOf{Inbox: watch, house: h}})
	in.follower = func(f Following) *follower { return &follower{Following: f, to: q, behind: []byte("\n")} }
	in.send = func(ctx context.Context, response []byte) error {
		select {
		case responses <- response:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	in.present = func(err error) gqlerror.List { return gqlerror.List{gqlerror.Wrap(err)} }
	in.translate = func(errs gqlerror.List) gqlerror.List { return errs }
	in.fail = func(errs gqlerror.List) { d.errorf("it failed with %v", errs) }
	in.begin()
	defer func() { in.end(); in.work.Wait() }()
	for {
		select {
		case response := <-responses:
			d.take(string(response))
		case <-q.more:
			for _, f := range q.take() {
				b, more, ended := f.take(nil, 1+h.chance(100))
				for line := range bytes.Lines(b) {
					d.take(string(line))
				}
				switch {
				case more:
					q.ready(f)
				case ended:
					in.ended(f)
				}
			}
		case <-ctx.Done():
			return true
		}
		if h.chance(4) == 0 {
			time.Sleep(h.upTo(0.1))
		}
	}
}

// play has the person come and go while somebody writes and their devices listen, and looks
// what each of these has in the end.
func (h *house) play() {
	ctx, stop := context.WithCancel(h.t.Context())
	var watching, acting, listening sync.WaitGroup
	watching.Go(func() { h.verbs.WatchConnections(ctx, func(error) {}) })
	watching.Go(func() { h.verbs.WatchLogs(ctx, func(error) {}) })
	watching.Go(func() { h.verbs.WatchJoins(ctx, func(error) {}) })
	var devices []*device
	for i := range 1 + h.chance(3) {
		d := &device{house: h, name: fmt.Sprintf("device %d", i), at: map[string]int{}}
		devices = append(devices, d)
		leaves := h.chance(3) == 0
		listening.Go(func() {
			for ctx.Err() == nil {
				stay, leave := context.WithCancel(ctx)
				if leaves && h.slow.Load() > 0 {
					stay, leave = context.WithTimeout(ctx, h.upTo(20))
				}
				if !d.listen(stay) {
					time.Sleep(50 * time.Millisecond)
				}
				leave()
			}
		})
	}
	for _, c := range h.rooms {
		acting.Go(func() {
			for range 5 + h.chance(40) {
				if h.chance(3) == 0 {
					h.move(c, &acting)
				} else {
					h.commit(c, omarty.EventMessagePosted, &acting)
				}
				time.Sleep(h.upTo(1))
			}
		})
	}
	acting.Go(func() {
		for range h.chance(5) {
			time.Sleep(h.upTo(10))
			h.setAway(true)
			time.Sleep(h.upTo(20))
			h.setAway(false)
		}
	})
	acting.Wait()
	h.slow.Store(0)
	time.Sleep(30 * time.Second) // several looks, of which each may be lost
	h.mu.Lock()
	for _, d := range devices {
		if !d.caughtUp {
			d.errorf("it has not caught up")
		}
		for _, c := range h.rooms {
			_, in := h.in[c.id]
			at, open := d.at[c.id.String()]
			if in != open || in && at != c.head() {
				d.errorf("it stands at %d (open: %v) of %d (there: %v)", at, open, c.head(), in)
			}
		}
	}
	h.mu.Unlock()
	stop()
	listening.Wait()
	watching.Wait()
	if left := h.logs.Rooms(); len(left) > 0 || len(h.server.views.feeds) > 0 {
		h.t.Errorf("seed %d: %d logs and %d feeds are left", h.seed, len(left), len(h.server.views.feeds))
	}
	time.Sleep(time.Minute) // for what is read again
}

func (h *house) setAway(away bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.away = away
}
