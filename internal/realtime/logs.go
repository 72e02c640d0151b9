// Package realtime knows where the logs of rooms stand that somebody on this node
// listens to, and wakes the listeners when one moves. It keeps the newest entries
// of each, to save a read; the database has the log.
//
// What it is told may come late, twice, out of order or not at all: a listener that
// asks for what is not kept is told to read the log, and gets every entry once.
package realtime

import (
	"sync"
	"sync/atomic"

	"github.com/omarty/chat/internal/omarty"
)

// keep is how many of a log's newest entries are kept, at least where there are
// that many; up to twice that.
const keep = 256

// Logs are the logs of the rooms that somebody listens to. The zero Logs has none,
// and is ready to use. It is safe for concurrent use.
type Logs struct {
	// Followed, where it is not nil, is told when somebody begins to listen to a room, and
	// when nobody does any more. It is set before anybody listens, and waits for nobody.
	Followed func(room omarty.ID, follow bool)

	mu   sync.Mutex
	open map[omarty.ID]*log
	// gaps and finds are how often what came was not next, and how often a look found what
	// nobody told.
	gaps, finds atomic.Uint64
}

// LogStats are what Logs has counted, and how many logs are listened to.
type LogStats struct {
	Open int
	// Gaps counts entries that were told before those ahead of them, which are read from the
	// log. Finds counts how often a log was found to have moved on though nobody told.
	Gaps, Finds uint64
}

// Stats gives what was counted.
func (l *Logs) Stats() LogStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return LogStats{Open: len(l.open), Gaps: l.gaps.Load(), Finds: l.finds.Load()}
}

// log is one room's. Its lock is never held while anybody is waited for.
type log struct {
	listeners int // under Logs.mu

	// head is the newest position that this node has heard of; 0 for none yet. It is
	// written under mu.
	head atomic.Int64

	mu sync.Mutex
	// tail is kept of the log: entries without a gap, the last of which is the head.
	// It is empty where the node heard of the head, but not what it says. Entries in
	// it are never changed, so that listeners may hold a part of it.
	tail []omarty.Event
	// moved is closed when the head moves on; nil while nobody waits for that.
	moved chan struct{}
	// heard are called when something was heard of the log. The slice is never
	// changed.
	heard []*func([]omarty.Entry)
}

// Listener is one of those who listen to a room.
type Listener struct {
	logs   *Logs
	room   omarty.ID
	log    *log
	heard  *func([]omarty.Entry)
	closed bool // under Logs.mu
}

// Listen makes a listener of a room's log, who is to call Close. It knows of every
// entry whose commit this node is told of from now on, and so reads the log's head
// after this call, not before.
//
// Where heard is not nil, it is called with what the node is told: entries that were
// committed, or none, where the head moved on by others, which this node is not told any
// more: because it was read, or since what is told comes after a gap. Who committed them
// waits for it, so it waits for nobody. Calls may overlap, and come in another order.
func (l *Logs) Listen(room omarty.ID, heard func([]omarty.Entry)) *Listener {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[omarty.ID]*log{}
	}
	one := l.open[room]
	if one == nil {
		one = &log{}
		l.open[room] = one
		if l.Followed != nil {
			l.Followed(room, true)
		}
	}
	one.listeners++
	listener := &Listener{logs: l, room: room, log: one}
	if heard != nil {
		listener.heard = &heard
		one.mu.Lock()
		defer one.mu.Unlock()
		one.heard = append(one.heard[:len(one.heard):len(one.heard)], listener.heard)
	}
	return listener
}

// Close ends the listener; only the first call counts. A call of heard may be under way.
func (l *Listener) Close() {
	l.logs.mu.Lock()
	defer l.logs.mu.Unlock()
	if l.closed {
		return // who closes twice takes the log from nobody else
	}
	l.closed = true
	l.log.listeners--
	if l.log.listeners == 0 {
		delete(l.logs.open, l.room)
		if l.logs.Followed != nil {
			l.logs.Followed(l.room, false)
		}
	}
	if l.heard == nil {
		return
	}
	l.log.mu.Lock()
	defer l.log.mu.Unlock()
	var others []*func([]omarty.Entry)
	for _, heard := range l.log.heard {
		if heard != l.heard {
			others = append(others, heard)
		}
	}
	l.log.heard = others
}

// Head gives the newest position that this node has heard of; 0 for none yet.
func (l *Listener) Head() int { return int(l.log.head.Load()) }

// Moved gives what is closed when the log's head moves on from where it is now.
// Who waits for it asks for it before Since, so as to miss nothing in between.
func (l *Listener) Moved() <-chan struct{} {
	l.log.mu.Lock()
	defer l.log.mu.Unlock()
	if l.log.moved == nil {
		l.log.moved = make(chan struct{})
	}
	return l.log.moved
}

// Since gives the entries after a position that this node has heard of: none where
// it has heard of none. Where it has, but does not keep them all, kept is false,
// and the log has to be read.
func (l *Listener) Since(after int) (entries []omarty.Event, kept bool) {
	l.log.mu.Lock()
	defer l.log.mu.Unlock()
	missing := int(l.log.head.Load()) - after
	switch {
	case missing <= 0:
		return nil, true
	case missing > len(l.log.tail):
		return nil, false
	}
	return l.log.tail[len(l.log.tail)-missing:], true
}

// Publish tells of entries that were committed, those of a room in the order of
// their numbers and without a gap. It waits for nobody.
func (l *Logs) Publish(entries []omarty.Entry) {
	for len(entries) > 0 {
		n := 1
		for n < len(entries) && entries[n].Room == entries[0].Room {
			n++
		}
		if one := l.listenedTo(entries[0].Room); one != nil {
			l.count(&l.gaps, one.publish(entries[:n], false))
		}
		entries = entries[n:]
	}
}

// Hear is Publish of what another node tells of one room, which may be long past: what
// this node has heard of is not told again, since a message may have been changed or
// deleted since.
func (l *Logs) Hear(entries []omarty.Entry) {
	if one := l.listenedTo(entries[0].Room); one != nil {
		l.count(&l.gaps, one.publish(entries, true))
	}
}

// Advance tells where the logs of rooms stand, as somebody read it.
func (l *Logs) Advance(heads map[omarty.ID]int) {
	for room, head := range heads {
		if one := l.listenedTo(room); one != nil {
			l.count(&l.finds, one.advance(head))
		}
	}
}

// Forget drops what is kept of all logs, and has who listens do likewise: what entries
// read as has changed beside the logs.
func (l *Logs) Forget() {
	for _, room := range l.Rooms() {
		if one := l.listenedTo(room); one != nil {
			one.forget()
		}
	}
}

// Rooms gives the rooms that somebody listens to.
func (l *Logs) Rooms() []omarty.ID {
	l.mu.Lock()
	defer l.mu.Unlock()
	rooms := make([]omarty.ID, 0, len(l.open))
	for room := range l.open {
		rooms = append(rooms, room)
	}
	return rooms
}

// listenedTo gives a room's log; nil where nobody listens to it.
func (l *Logs) listenedTo(room omarty.ID) *log {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open[room]
}

// count counts what has happened, where it has.
func (*Logs) count(in *atomic.Uint64, happened bool) {
	if happened {
		in.Add(1)
	}
}

// publish takes entries in; where they are toldAfar, only those after the head. It tells
// whether others are missing before them.
func (l *log) publish(entries []omarty.Entry, toldAfar bool) (gap bool) {
	if l.isBehind(entries[0].Seq - 1) {
		// Those between may have deleted something, and are not told any more where they come
		// too late.
		l.drop()
	}
	l.mu.Lock()
	head := int(l.head.Load())
	for toldAfar && entries[0].Seq <= head {
		if entries = entries[1:]; len(entries) == 0 {
			l.mu.Unlock()
			return false
		}
	}
	if first, last := entries[0].Seq, entries[len(entries)-1].Seq; last > head {
		if first != head+1 {
			l.tail = nil // what lies between is in the database
			gap = head > 0
		}
		if len(l.tail) >= 2*keep {
			// To a new place: listeners hold parts of the old one.
			l.tail = append(make([]omarty.Event, 0, 2*keep), l.tail[len(l.tail)-keep:]...)
		}
		for _, e := range entries {
			l.tail = append(l.tail, e.Event)
		}
		l.moveTo(last)
	}
	heard := l.heard
	l.mu.Unlock()
	for _, tell := range heard {
		(*tell)(entries)
	}
	return gap
}

// advance moves the head on, and tells whether it was known and behind.
func (l *log) advance(head int) (found bool) {
	if l.isBehind(head) {
		l.drop()
	}
	l.mu.Lock()
	if head <= int(l.head.Load()) {
		l.mu.Unlock()
		return false
	}
	found = l.head.Load() > 0
	l.tail = nil
	l.moveTo(head)
	heard := l.heard
	l.mu.Unlock()
	for _, tell := range heard {
		(*tell)(nil)
	}
	return found
}

func (l *log) forget() {
	l.mu.Lock()
	l.tail = nil
	l.mu.Unlock()
	l.drop()
}

// isBehind tells whether the head is known, and behind a position.
func (l *log) isBehind(seq int) bool {
	head := int(l.head.Load())
	return head > 0 && head < seq
}

// drop has who listens drop what they keep. It comes before the head moves on: who comes
// and finds it there is not handed what was kept before.
func (l *log) drop() {
	l.mu.Lock()
	heard := l.heard
	l.mu.Unlock()
	for _, tell := range heard {
		(*tell)(nil)
	}
}

// moveTo sets the head and wakes who waits; l.mu is held.
func (l *log) moveTo(head int) {
	l.head.Store(int64(head))
	if l.moved != nil {
		close(l.moved)
		l.moved = nil
	}
}
