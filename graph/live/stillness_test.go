package live

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/realtime"
)

var (
	worlds    = flag.Int("worlds", 40, "how many worlds TestNobodyStandsStill and TestNoInboxStandsStill play")
	firstSeed = flag.Uint64("world", 1, "the seed of the first of them")
)

// Whatever a node hears of rooms, late, twice, out of order, or nothing at all, however slow
// or broken what it reads is, and whoever comes and goes meanwhile: once it was looked where
// the logs stand, everyone has all of them soon.
func TestNobodyStandsStill(t *testing.T) {
	for i := range *worlds {
		seed := *firstSeed + uint64(i)
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newWorld(t, seed).play() })
		})
	}
}

// world is a node with some rooms. The choices of each who acts there come from the seed, and
// the moments, where many have the same, from the machine.
type world struct {
	t     *testing.T
	seed  uint64
	logs  realtime.Logs
	views views
	rooms []*chamber
	// fails is how many of a hundred readings fail, and slow how long what waits takes at the
	// most; neither is so once all is well.
	fails int
	slow  time.Duration
	well  atomic.Bool

	mu     sync.Mutex
	actors uint64
	takers []*taker
}

// chamber is a room as the database has it.
type chamber struct {
	id omarty.ID

	mu      sync.Mutex
	entries []omarty.Event
}

func (c *chamber) head() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries)
}

// read gives the first entries after a position.
func (c *chamber) read(after, first int) []omarty.Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entries[min(after, len(c.entries)):min(after+first, len(c.entries))]
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, seed: seed}
	w.views = newViews(w)
	random := w.random()
	w.fails = random.IntN(2) * random.IntN(30)
	w.slow = time.Duration(1+random.IntN(20)) * time.Millisecond
	for range 1 + random.IntN(2) {
		c := &chamber{id: omarty.NewID(omarty.KindRoom)}
		earlier := random.IntN(3 * pageSize)
		if random.IntN(4) == 0 {
			earlier = (maxPages + random.IntN(10)) * pageSize
		}
		for range earlier {
			c.write(random, 1)
		}
		w.rooms = append(w.rooms, c)
	}
	return w
}

func (w *world) random() *rand.Rand {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.actors++
	return rand.New(rand.NewPCG(w.seed, w.actors))
}

// nap lets others do something, or does not.
func nap(random *rand.Rand, most time.Duration) {
	if random.IntN(3) > 0 {
		time.Sleep(some(random, most))
	}
}

// write commits some entries.
func (c *chamber) write(random *rand.Rand, n int) []omarty.Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	var written []omarty.Entry
	for range n {
		e := omarty.Event{Room: c.id, Seq: len(c.entries) + 1, Kind: omarty.EventMessagePosted, Message: omarty.NewID(omarty.KindMessage)}
		entry := omarty.Entry{Event: e, Message: &omarty.Message{ID: e.Message}}
		if len(c.entries) > 0 && random.IntN(6) == 0 {
			e.Kind, e.Message = omarty.EventMessageEdited, c.entries[random.IntN(len(c.entries))].Message
			entry = omarty.Entry{Event: e}
		}
		c.entries = append(c.entries, e)
		written = append(written, entry)
	}
	return written
}

// Follow is for views.
func (w *world) Follow(room omarty.ID, heard func([]omarty.Entry)) Log {
	i := slices.IndexFunc(w.rooms, func(c *chamber) bool { return c.id == room })
	return chamberLog{w.logs.Listen(room, heard), w, w.rooms[i]}
}

// chamberLog is a room's log on the node.
type chamberLog struct {
	*realtime.Listener
	world *world
	of    *chamber
}

func (l chamberLog) Read(_ context.Context, after, first int) ([]omarty.Event, error) {
	random := l.world.random()
	time.Sleep(some(random, l.world.slow))
	if random.IntN(100) < l.world.fails && !l.world.well.Load() {
		return nil, errors.New("a fault")
	}
	return l.of.read(after, first), nil
}

// asking is a selection.
type asking struct {
	world *world
	key   string
	alone bool
	slow  time.Duration
}

func (s asking) Key() string { return s.key }

func (s asking) Alone() bool { return s.alone }

func (s asking) Render(_ context.Context, entries []omarty.Event, _ map[omarty.ID]omarty.Entry) []Rendered {
	time.Sleep(s.slow)
	made := make([]Rendered, len(entries))
	for i, e := range entries {
		made[i].Value = strconv.AppendInt(nil, int64(e.Seq), 10)
	}
	return made
}

// taker is a follower and its connection.
type taker struct {
	world *world
	name  string
	room  *chamber
	f     *follower
	slow  time.Duration // between two things that it takes
	limit int           // how many bytes it takes at once
	gone  chan struct{} // closed when it leaves
	ended sync.WaitGroup

	mu sync.Mutex
	at int
}

// come makes one that follows a room as subscriptions do.
func (w *world) come(random *rand.Rand, n int) *taker {
	c := w.rooms[random.IntN(len(w.rooms))]
	s := asking{world: w, key: strconv.Itoa(random.IntN(2))}
	if random.IntN(4) == 0 {
		s.key, s.alone = "alone "+strconv.Itoa(n), true
	}
	if random.IntN(3) == 0 {
		s.slow = some(random, w.slow)
	}
	watch := w.logs.Listen(c.id, nil)
	defer watch.Close()
	nap(random, w.slow)
	head := c.head()
	nap(random, w.slow)
	w.logs.Advance(map[omarty.ID]int{c.id: head})
	after := head
	switch random.IntN(3) {
	case 0:
		after = random.IntN(head + 1)
	case 1:
		after = max(0, head-random.IntN(5))
	}
	r := &taker{world: w, room: c, at: after, gone: make(chan struct{}), limit: 1 + random.IntN(3000)}
	if random.IntN(4) == 0 {
		r.slow = some(random, 10*w.slow)
	}
	r.f = &follower{
		Following: Following{Room: c.id, Selection: s, Began: head, Wants: func(omarty.Event) bool { return true }},
		behind:    []byte("\n"),
	}
	r.f.position.Store(int64(after))
	kind := random.IntN(3)
	r.name = fmt.Sprintf("%d (%s after %d of %d, kind %d)", n, s.key, after, head, kind)
	if kind == 0 {
		r.follow()
	} else {
		r.write(kind == 1)
	}
	w.views.follow(r.f)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.takers = append(w.takers, r)
	return r
}

// follow takes as event streams do.
func (r *taker) follow() {
	q := &queue{more: make(chan struct{}, 1)}
	r.f.to = q
	r.ended.Go(func() {
		for {
			select {
			case <-q.more:
			case <-r.gone:
				return
			}
			for range q.take() {
				b, more, _ := r.f.take(nil, r.limit)
				if more {
					q.ready(r.f)
				}
				r.read(b)
				r.rest()
			}
		}
	})
}

// queue is what an event stream has to take from.
type queue struct {
	more chan struct{}

	mu      sync.Mutex
	waiting []*follower
}

func (q *queue) ready(f *follower) bool {
	q.mu.Lock()
	if !f.queued {
		f.queued = true
		q.waiting = append(q.waiting, f)
	}
	q.mu.Unlock()
	select {
	case q.more <- struct{}{}:
	default:
	}
	return false
}

func (q *queue) run() {}

func (q *queue) take() []*follower {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.waiting
	q.waiting = nil
	for _, f := range taken {
		f.queued = false
	}
	return taken
}

// write takes as sockets do, from a connection that takes all at once, or waits.
func (r *taker) write(atOnce bool) {
	ours, theirs := net.Pipe()
	limits := defaults
	limits.waiting = r.limit
	conn := ours
	if atOnce {
		conn = swallowing{ours, r}
	}
	out := &writer{conn: conn, limits: &limits, stalled: func() {}, gone: func(*follower) {}}
	r.f.to = out
	r.ended.Go(func() {
		b := make([]byte, 1<<12)
		var rest []byte
		for {
			n, err := theirs.Read(b)
			if err != nil {
				return
			}
			rest = append(rest, b[:n]...)
			end := bytes.LastIndexByte(rest, '\n') + 1
			r.read(rest[:end])
			rest = rest[end:]
			r.rest()
		}
	})
	r.ended.Go(func() {
		<-r.gone
		_ = ours.Close()
		_ = theirs.Close()
	})
}

// swallowing is a connection that takes all at once.
type swallowing struct {
	net.Conn
	r *taker
}

func (s swallowing) Write(b []byte) (int, error) {
	s.r.read(b)
	return len(b), nil
}

// rest is what it does between two things that it takes.
func (r *taker) rest() {
	if !r.world.well.Load() {
		time.Sleep(r.slow)
	}
}

// read takes note of entries.
func (r *taker) read(b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for line := range bytes.Lines(b) {
		seq, err := strconv.Atoi(string(bytes.TrimSuffix(line, []byte("}\n"))))
		if err != nil || seq != r.at+1 {
			r.world.t.Errorf("seed %d: %s got %q after %d", r.world.seed, r.name, line, r.at)
		}
		r.at = seq
	}
}

func (r *taker) stands() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at
}

// leave ends it, once.
func (r *taker) leave() {
	r.f.over.Store(true)
	r.world.views.unfollow(r.f)
	close(r.gone)
	r.ended.Wait()
}

// play has people write, hear and come and go, and looks who stands where in the end.
func (w *world) play() {
	var acting sync.WaitGroup
	for _, c := range w.rooms {
		for range 1 + w.random().IntN(3) {
			random := w.random()
			acting.Go(func() { w.talk(c, random, &acting) })
		}
	}
	for i := range 2 + w.random().IntN(4) {
		random := w.random()
		acting.Go(func() {
			for j := range 1 + random.IntN(8) {
				nap(random, 4*w.slow)
				r := w.come(random, 100*i+j)
				if random.IntN(2) == 0 {
					nap(random, 8*w.slow)
					w.mu.Lock()
					w.takers = slices.DeleteFunc(w.takers, func(other *taker) bool { return other == r })
					w.mu.Unlock()
					r.leave()
				}
			}
		})
	}
	random := w.random()
	acting.Go(func() {
		for range random.IntN(10) {
			time.Sleep(some(random, 20*w.slow))
			w.look(random.IntN(4))
			if random.IntN(4) == 0 {
				w.logs.Forget()
			}
		}
	})
	acting.Wait()
	w.well.Store(true)
	w.look(0)
	time.Sleep(soon)
	for _, r := range w.takers {
		if r.stands() != r.room.head() {
			w.t.Errorf("seed %d: %s stands at %d of %d; the node knows of %d, the view of %d",
				w.seed, r.name, r.stands(), r.room.head(), r.f.view.feed.log.Head(), r.f.view.live.Load())
		}
		r.leave()
	}
	if len(w.views.feeds) > 0 || len(w.logs.Rooms()) > 0 {
		w.t.Errorf("seed %d: %d feeds and %d logs are left", w.seed, len(w.views.feeds), len(w.logs.Rooms()))
	}
}

// soon is within what everyone has all once the logs were looked at: who reads a page again
// that could not be read waits for renderRetry before.
const soon = 5 * time.Second

// look says where the logs stand, as it was some time ago.
func (w *world) look(ago int) {
	heads := map[omarty.ID]int{}
	for _, c := range w.rooms {
		heads[c.id] = max(0, c.head()-ago)
	}
	w.logs.Advance(heads)
}

// talk writes to a room, of which the node hears in one way or another.
func (w *world) talk(c *chamber, random *rand.Rand, acting *sync.WaitGroup) {
	for range random.IntN(60) {
		entries := c.write(random, 1+random.IntN(1+random.IntN(4)*random.IntN(20)))
		late := time.Duration(0)
		if random.IntN(3) == 0 {
			late = some(random, 5*w.slow)
		}
		tell := w.logs.Publish
		if random.IntN(2) == 0 {
			tell = w.logs.Hear
		}
		times := []int{0, 1, 1, 1, 1, 2}[random.IntN(6)]
		for range times {
			if late == 0 {
				tell(entries)
				continue
			}
			acting.Go(func() { time.Sleep(late); tell(entries) })
		}
		nap(random, w.slow)
	}
}

// some gives a time up to most, of few: so many things happen at the same moment.
func some(random *rand.Rand, most time.Duration) time.Duration {
	const step = 1 << 16
	return time.Duration(random.Int64N(int64(most)/step+1)) * step
}
