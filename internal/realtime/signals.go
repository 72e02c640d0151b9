package realtime

import (
	"container/list"
	"sync"

	"github.com/omarty/chat/internal/omarty"
)

const (
	// signalsKept is how many people's last signals of a kind are kept of a room, for
	// listeners who have not taken them yet. What is older is lost.
	signalsKept = 4096
	// signalsTaken is how many signals of a kind a listener takes at once; how many
	// people a PresenceChange tells of is peopleTold.
	signalsTaken = 32
	peopleTold   = 1000
)

// Signals are what passes through the rooms that somebody on this node looks at. The
// zero Signals has none, and is ready to use. It is safe for concurrent use.
//
// There is no queue: of each person in a room the last signal of each kind is kept, and
// a listener is a position in what was signalled. So what one has not taken yet is
// merged, and however slow they are it costs nobody anything. What nobody looks at is
// lost, as is what this node is not told of.
type Signals struct {
	mu    sync.Mutex
	rooms map[omarty.ID]*signals
}

// signals are one room's.
type signals struct {
	mu        sync.Mutex
	listeners map[*SignalListener]struct{}
	typing    latest[omarty.Typing]
	marks     latest[omarty.ReadMark]
	presence  latest[omarty.User]
}

// SignalListener is one of those who look at a room.
type SignalListener struct {
	all   *Signals
	room  omarty.ID
	who   omarty.ID
	of    *signals
	heard chan struct{}
	// How much was taken, under of.mu.
	typing, marks, presence uint64
}

// Listen looks at a room for a person, until Close: they are told what is published
// from now on, but not of their own typing and presence.
func (s *Signals) Listen(room, who omarty.ID) *SignalListener {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rooms == nil {
		s.rooms = map[omarty.ID]*signals{}
	}
	of := s.rooms[room]
	if of == nil {
		of = &signals{listeners: map[*SignalListener]struct{}{}}
		s.rooms[room] = of
	}
	of.mu.Lock()
	defer of.mu.Unlock()
	l := &SignalListener{
		all: s, room: room, who: who, of: of, heard: make(chan struct{}, 1),
		typing: of.typing.last, marks: of.marks.last, presence: of.presence.last,
	}
	of.listeners[l] = struct{}{}
	return l
}

// Close ends the listener. It is called once.
func (l *SignalListener) Close() {
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	delete(l.of.listeners, l)
	if len(l.of.listeners) == 0 {
		delete(l.all.rooms, l.room)
	}
}

// Heard gives what receives when something may have come since Take.
func (l *SignalListener) Heard() <-chan struct{} { return l.heard }

// Take gives what was published and not taken yet, as far as that is not outdated: the
// presence of people as one change; more is true where there is more to take.
func (l *SignalListener) Take() (taken []omarty.RoomSignal, more bool) {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	for _, t := range l.of.typing.after(&l.typing, signalsTaken) {
		if t.User.ID != l.who {
			taken = append(taken, t)
		}
	}
	var people []omarty.User
	for _, u := range l.of.presence.after(&l.presence, peopleTold) {
		if u.ID != l.who {
			people = append(people, u)
		}
	}
	if len(people) > 0 {
		taken = append(taken, omarty.PresenceChange{Users: people})
	}
	for _, m := range l.of.marks.after(&l.marks, signalsTaken) {
		taken = append(taken, m)
	}
	more = l.typing < l.of.typing.last || l.presence < l.of.presence.last || l.marks < l.of.marks.last
	return taken, more
}

// Publish tells those who look at a room of signals. It waits for nobody.
func (s *Signals) Publish(room omarty.ID, published ...omarty.RoomSignal) {
	s.mu.Lock()
	of := s.rooms[room]
	s.mu.Unlock()
	if of == nil {
		return
	}
	of.mu.Lock()
	defer of.mu.Unlock()
	for _, one := range published {
		switch one := one.(type) {
		case omarty.Typing:
			of.typing.put(one.User.ID, one)
		case omarty.ReadMark:
			of.marks.put(one.Participant.ID, one)
		case omarty.PresenceChange:
			for _, u := range one.Users {
				of.presence.put(u.ID, u)
			}
		}
	}
	for l := range of.listeners {
		select {
		case l.heard <- struct{}{}:
		default:
		}
	}
}

// Forget drops what was signalled of a person and not taken by everybody yet.
func (s *Signals) Forget(who omarty.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, of := range s.rooms {
		of.mu.Lock()
		of.typing.drop(func(t omarty.Typing) bool { return t.User.ID == who })
		of.marks.drop(func(m omarty.ReadMark) bool { return m.User.ID == who })
		of.presence.drop(func(u omarty.User) bool { return u.ID == who })
		of.mu.Unlock()
	}
}

// Rooms gives the rooms that somebody looks at.
func (s *Signals) Rooms() []omarty.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	rooms := make([]omarty.ID, 0, len(s.rooms))
	for room := range s.rooms {
		rooms = append(rooms, room)
	}
	return rooms
}

// latest are the last signals of a kind, one a person, in the order in which they came.
type latest[T any] struct {
	last  uint64 // the number of the newest
	byKey map[omarty.ID]*list.Element
	order list.List // of numbered[T]
}

type numbered[T any] struct {
	number uint64
	key    omarty.ID
	signal T
}

// put replaces what was signalled of a person.
func (l *latest[T]) put(key omarty.ID, signal T) {
	if l.byKey == nil {
		l.byKey = map[omarty.ID]*list.Element{}
	}
	if old := l.byKey[key]; old != nil {
		l.order.Remove(old)
	} else if len(l.byKey) >= signalsKept {
		delete(l.byKey, l.order.Remove(l.order.Front()).(numbered[T]).key)
	}
	l.last++
	l.byKey[key] = l.order.PushBack(numbered[T]{l.last, key, signal})
}

// after gives the oldest that came after a number, up to so many, and moves that on.
func (l *latest[T]) after(number *uint64, most int) []T {
	if *number >= l.last {
		return nil
	}
	first := l.order.Back()
	if first == nil || first.Value.(numbered[T]).number <= *number {
		*number = l.last // what came after it was dropped
		return nil
	}
	for before := first.Prev(); before != nil && before.Value.(numbered[T]).number > *number; before = before.Prev() {
		first = before
	}
	var found []T
	for ; first != nil && len(found) < most; first = first.Next() {
		one := first.Value.(numbered[T])
		*number = one.number
		found = append(found, one.signal)
	}
	if first == nil {
		*number = l.last // what came after these was dropped, if anything did
	}
	return found
}

// drop forgets some of what was signalled.
func (l *latest[T]) drop(gone func(T) bool) {
	for e := l.order.Front(); e != nil; {
		one, next := e.Value.(numbered[T]), e.Next()
		if gone(one.signal) {
			l.order.Remove(e)
			delete(l.byKey, one.key)
		}
		e = next
	}
}
