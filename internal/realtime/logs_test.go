package realtime

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// entries gives those of a room's log from one position to another.
func entries(room omarty.ID, first, last int) []omarty.Entry {
	var all []omarty.Entry
	for seq := first; seq <= last; seq++ {
		all = append(all, omarty.Entry{Event: omarty.Event{Room: room, Seq: seq, Kind: omarty.EventMessagePosted}})
	}
	return all
}

// events gives the entries of entries as they are kept.
func events(room omarty.ID, first, last int) []omarty.Event {
	var all []omarty.Event
	for _, e := range entries(room, first, last) {
		all = append(all, e.Event)
	}
	return all
}

func positions(of []omarty.Event) []int {
	var all []int
	for _, e := range of {
		all = append(all, e.Seq)
	}
	return all
}

// expectSince demands what is given after a position: entries from first to last,
// or, with kept false, none.
func expectSince(t *testing.T, l *Listener, after, first, last int, kept bool) {
	t.Helper()
	got, ok := l.Since(after)
	var want []int
	for seq := first; seq <= last; seq++ {
		want = append(want, seq)
	}
	if ok != kept || !slices.Equal(positions(got), want) {
		t.Errorf("after %d: got %v, %v; want %d to %d, %v", after, positions(got), ok, first, last, kept)
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestWhatIsPublishedIsGiven(t *testing.T) {
	var logs Logs
	room, other := omarty.NewID(omarty.KindRoom), omarty.NewID(omarty.KindRoom)
	l := logs.Listen(room, nil)
	defer l.Close()
	expectSince(t, l, 0, 1, 0, true)
	moved := l.Moved()
	logs.Publish(entries(other, 1, 3))
	if closed(moved) {
		t.Error("another room moved this one")
	}
	logs.Publish(slices.Concat(entries(other, 4, 5), entries(room, 1, 2)))
	if !closed(moved) || closed(l.Moved()) {
		t.Error("the log moved once")
	}
	expectSince(t, l, 0, 1, 2, true)
	expectSince(t, l, 1, 2, 2, true)
	expectSince(t, l, 2, 3, 2, true)
	expectSince(t, l, 9, 1, 0, true)
	logs.Publish(nil)
}

func TestLogsOfRoomsThatNobodyListensTo(t *testing.T) {
	var logs Logs
	room := omarty.NewID(omarty.KindRoom)
	logs.Publish(entries(room, 1, 3))
	logs.Advance(map[omarty.ID]int{room: 3})
	if len(logs.Rooms()) != 0 {
		t.Errorf("%v are kept", logs.Rooms())
	}
	a, b := logs.Listen(room, nil), logs.Listen(room, nil)
	logs.Publish(entries(room, 4, 4))
	a.Close()
	if !slices.Equal(logs.Rooms(), []omarty.ID{room}) {
		t.Errorf("the rooms are %v", logs.Rooms())
	}
	expectSince(t, b, 3, 4, 4, true)
	b.Close()
	if len(logs.Rooms()) != 0 || len(logs.open) != 0 {
		t.Errorf("%v are kept", logs.Rooms())
	}
	// Who comes then knows nothing of before.
	c := logs.Listen(room, nil)
	defer c.Close()
	expectSince(t, c, 0, 1, 0, true)
}

// A listener that is closed twice takes the log from nobody else.
func TestListenersThatAreClosedTwice(t *testing.T) {
	room := omarty.NewID(omarty.KindRoom)
	var l Logs
	stays, leaves := l.Listen(room, nil), l.Listen(room, nil)
	leaves.Close()
	leaves.Close()
	l.Publish(entries(room, 1, 2))
	expectSince(t, stays, 0, 1, 2, true)
	stays.Close()
	if open := l.Stats().Open; open > 0 {
		t.Errorf("%d logs are open that nobody listens to", open)
	}
}

func TestGaps(t *testing.T) {
	var logs Logs
	room := omarty.NewID(omarty.KindRoom)
	l := logs.Listen(room, nil)
	defer l.Close()
	logs.Advance(map[omarty.ID]int{room: 10})
	expectSince(t, l, 10, 1, 0, true)
	expectSince(t, l, 9, 1, 0, false) // 10 is in the database
	logs.Publish(entries(room, 11, 12))
	expectSince(t, l, 10, 11, 12, true)
	expectSince(t, l, 9, 1, 0, false)
	logs.Publish(entries(room, 15, 15)) // 13 and 14 are on their way
	expectSince(t, l, 14, 15, 15, true)
	expectSince(t, l, 12, 1, 0, false)
	moved := l.Moved()
	logs.Publish(entries(room, 13, 14)) // too late
	expectSince(t, l, 12, 1, 0, false)
	expectSince(t, l, 14, 15, 15, true)
	logs.Advance(map[omarty.ID]int{room: 15})
	logs.Advance(map[omarty.ID]int{room: 3})
	if closed(moved) {
		t.Error("what was known moved the log")
	}
	expectSince(t, l, 14, 15, 15, true)
	logs.Publish(entries(room, 16, 16))
	expectSince(t, l, 14, 15, 16, true)
	logs.Advance(map[omarty.ID]int{room: 18}) // what 17 and 18 say is not known
	expectSince(t, l, 14, 1, 0, false)
	expectSince(t, l, 17, 1, 0, false)
	logs.Publish(entries(room, 17, 19)) // some of it is new
	expectSince(t, l, 16, 17, 19, true)
	expectSince(t, l, 18, 19, 19, true)
	logs.Publish(entries(room, 19, 21)) // some of it is kept already
	expectSince(t, l, 20, 21, 21, true)
	expectSince(t, l, 18, 19, 21, true)
	expectSince(t, l, 17, 1, 0, false)
}

// Who keeps something of a log is told to drop it when a node hears that the log went on, but
// not all of what it says: before the head moves on, by which others find it.
func TestGapsAreTold(t *testing.T) {
	var logs Logs
	room := omarty.NewID(omarty.KindRoom)
	type told struct{ head, entries int }
	var all []told
	var l *Listener
	l = logs.Listen(room, func(entries []omarty.Entry) { all = append(all, told{l.Head(), len(entries)}) })
	defer l.Close()
	expect := func(what string, want ...told) {
		t.Helper()
		if !slices.Equal(all, want) {
			t.Errorf("%s: told %v, want %v", what, all, want)
		}
		all = nil
	}
	logs.Publish(entries(room, 10, 10))
	expect("the first one", told{10, 1})
	logs.Hear(entries(room, 11, 12))
	expect("the next ones", told{12, 2})
	logs.Hear(entries(room, 14, 14)) // 13 deletes a message, say
	expect("a gap", told{12, 0}, told{14, 1})
	logs.Hear(entries(room, 13, 13))
	expect("what comes too late")
	logs.Publish(entries(room, 16, 16)) // by this node, after another one's
	expect("a gap before an own one", told{14, 0}, told{16, 1})
	logs.Advance(map[omarty.ID]int{room: 17})
	expect("what nobody told", told{16, 0}, told{17, 0})
}

func TestOldEntriesAreNotKept(t *testing.T) {
	var logs Logs
	room := omarty.NewID(omarty.KindRoom)
	l := logs.Listen(room, nil)
	defer l.Close()
	var held []omarty.Event
	for seq := 1; seq <= 10*keep; seq++ {
		logs.Publish(entries(room, seq, seq))
		if seq == 2*keep-1 {
			held, _ = l.Since(0)
		}
		expectSince(t, l, max(0, seq-keep), max(0, seq-keep)+1, seq, true)
	}
	if n := len(l.log.tail); n > 2*keep {
		t.Errorf("%d entries are kept", n)
	}
	expectSince(t, l, 10*keep-2*keep-1, 1, 0, false)
	// What was given stays as it was.
	if !slices.Equal(positions(held), positions(events(room, 1, 2*keep-1))) {
		t.Error("what a listener holds was changed")
	}
	// As much at once as may come.
	logs.Publish(entries(room, 10*keep+1, 20*keep))
	expectSince(t, l, 10*keep, 10*keep+1, 20*keep, true)
	logs.Publish(entries(room, 20*keep+1, 20*keep+1))
	if n := len(l.log.tail); n > 2*keep {
		t.Errorf("%d entries are kept", n)
	}
	expectSince(t, l, 19*keep+1, 19*keep+2, 20*keep+1, true)
}

// model is a room's log as a database has it, which tells of commits late, out of
// order, twice or not at all.
type model struct {
	mu   sync.Mutex
	head int
}

func (m *model) commit(n int) (first, last int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.head += n
	return m.head - n + 1, m.head
}

func (m *model) stands() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.head
}

// Whatever way a log is told of, a listener that follows it, and reads what is not
// kept, gets each entry once and in order; those who come late, too.
func TestListenersMissNothing(t *testing.T) {
	const rooms, writers, commits, listeners = 2, 4, 300, 6
	for round := range 3 {
		var logs Logs
		var writing, listening sync.WaitGroup
		stop := make(chan struct{})
		var late []chan struct{}
		for range rooms {
			room, m := omarty.NewID(omarty.KindRoom), &model{}
			finished := make(chan struct{})
			late = append(late, finished)
			var here sync.WaitGroup
			for w := range writers {
				here.Go(func() {
					r := rand.New(rand.NewPCG(uint64(round), uint64(w)))
					for range commits {
						first, last := m.commit(1 + r.IntN(3))
						switch r.IntN(10) {
						case 0: // nobody is told
						case 1:
							logs.Publish(entries(room, first, last))
							logs.Publish(entries(room, first, last))
						case 2: // much later
							delay := time.Duration(r.IntN(1000)) * time.Microsecond
							writing.Go(func() {
								time.Sleep(delay)
								logs.Publish(entries(room, first, last))
							})
							time.Sleep(time.Microsecond)
						default:
							logs.Publish(entries(room, first, last))
						}
					}
				})
			}
			go func() { here.Wait(); close(finished) }()
			writing.Go(func() { // the poll
				for {
					logs.Advance(map[omarty.ID]int{room: m.stands()})
					select {
					case <-stop:
						return
					case <-time.After(time.Millisecond):
					}
				}
			})
			for range listeners {
				listening.Go(func() {
					time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond)
					l := logs.Listen(room, nil)
					defer l.Close()
					began := m.stands()
					logs.Advance(map[omarty.ID]int{room: began})
					follow(t, l, m, rand.IntN(began+1), finished)
				})
			}
		}
		for _, finished := range late {
			<-finished
		}
		listening.Wait()
		close(stop)
		writing.Wait()
		if n := len(logs.open); n != 0 {
			t.Errorf("%d logs are kept", n)
		}
	}
}

// follow follows a log from a position to its end, which is where it stands when it
// has finished.
func follow(t *testing.T, l *Listener, m *model, position int, finished <-chan struct{}) {
	timeout := time.After(2 * time.Minute)
	for finished != nil || position < m.stands() {
		moved := l.Moved()
		got, kept := l.Since(position)
		if !kept {
			got = events(l.room, position+1, min(m.stands(), position+100))
		}
		for _, e := range got {
			position++
			if e.Seq != position || e.Room != l.room {
				t.Errorf("got %d of %v, want %d of %v", e.Seq, e.Room, position, l.room)
				return
			}
		}
		if len(got) > 0 {
			continue
		}
		select {
		case <-moved:
		case <-finished:
			finished = nil
		case <-timeout:
			t.Errorf("stands at %d of %d", position, m.stands())
			return
		}
	}
}

// What is forgotten has to be read, and who listens is told so; nothing is missed by it.
func TestForgottenLogs(t *testing.T) {
	var logs Logs
	room := omarty.NewID(omarty.KindRoom)
	told := 0
	l := logs.Listen(room, func(heard []omarty.Entry) {
		if heard == nil {
			told++
		}
	})
	defer l.Close()
	logs.Publish(entries(room, 1, 5))
	expectSince(t, l, 2, 3, 5, true)
	logs.Forget()
	if told != 1 {
		t.Errorf("who listens was told %d times", told)
	}
	if _, kept := l.Since(2); kept {
		t.Error("what was forgotten is given")
	}
	if got, kept := l.Since(5); !kept || len(got) > 0 {
		t.Errorf("at the head there is %v, kept %v", got, kept)
	}
	logs.Publish(entries(room, 6, 7))
	expectSince(t, l, 5, 6, 7, true)
}
