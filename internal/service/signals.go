package service

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

const (
	// signalTick is how often typing that has ended is looked for, and read marks are
	// told: a mark that moves on meanwhile is told once.
	signalTick = 200 * time.Millisecond
	// signalPause is how long a listener waits who took as much as is taken at once.
	signalPause = time.Second
)

// Signals pass through the rooms that somebody looks at; see internal/realtime. They
// may be lost. Where there are several nodes, what publishes to all of them stands here,
// and gives what it is told by others to the Signals of the node.
type Signals interface {
	// Listen looks at a room for a person, who is not told of their own typing and
	// presence.
	Listen(room, who omarty.ID) SignalListener
	// Publish tells those who look at a room, and waits for nobody; PublishHere those on
	// this node alone, and PublishElsewhere those on all others.
	Publish(room omarty.ID, published ...omarty.RoomSignal)
	PublishHere(room omarty.ID, published ...omarty.RoomSignal)
	PublishElsewhere(room omarty.ID, published ...omarty.RoomSignal)
	// Forget drops what was published of a person and is still kept.
	Forget(who omarty.ID)
	// Rooms gives those that somebody looks at.
	Rooms() []omarty.ID
}

// SignalListener looks at one room.
type SignalListener interface {
	// Heard gives what receives when there may be something to take.
	Heard() <-chan struct{}
	// Take gives what was not taken yet, merged; more is true where that is not all.
	Take() (taken []omarty.RoomSignal, more bool)
	Close()
}

// SignalWatch gives the signals of a room to one listener. It is for one goroutine.
type SignalWatch struct {
	service  *Service
	by       Asker
	room     omarty.ID
	log      *RoomLog
	listener SignalListener
	// blocked is whom the listener is told nothing of.
	blocked *blocked
	// taken was not given yet, and pause is when more may be taken.
	taken []omarty.RoomSignal
	pause <-chan time.Time

	mu sync.Mutex
	// left is the newest entry that tells of the listener's leaving; 0 for none. unsure
	// is true where there may be one that this node does not know.
	left   int
	unsure bool
	// changed receives when one of these does.
	changed chan struct{}
}

// WatchSignals listens to the signals of a room for who is in it: to those from now on,
// and to who types there by now. UNAUTHENTICATED without a session, NOT_FOUND to all
// others. The caller closes the watch.
func (s *Service) WatchSignals(ctx context.Context, by Asker, room omarty.ID) (*SignalWatch, error) {
	if err := by.SignedIn(); err != nil {
		return nil, err
	}
	w := &SignalWatch{service: s, by: by, room: room, changed: make(chan struct{}, 1)}
	// First listen, then look who is in the room: who leaves in between is heard of.
	w.log = s.FollowLog(room, w.hear)
	r, err := s.Room(ctx, by, room)
	if err != nil {
		w.log.Close()
		return nil, missing(err, "room")
	}
	if w.blocked, err = s.blocks.watch(ctx, s.Store, by.User); err != nil {
		w.log.Close()
		return nil, err
	}
	w.mu.Lock()
	if w.left <= r.LastSeq {
		w.left = 0 // they have come back since
	}
	w.mu.Unlock()
	w.listener, w.taken = s.typists.listen(s.Signals, room, by.User)
	w.taken = append(w.taken, s.elsewhere.by(room, by.User)...)
	return w, nil
}

// Close ends the watch.
func (w *SignalWatch) Close() {
	w.listener.Close()
	w.log.Close()
	w.service.blocks.unwatch(w.by.User)
}

// hear is told of the room's log.
func (w *SignalWatch) hear(entries []omarty.Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	tell := len(entries) == 0
	w.unsure = w.unsure || tell
	for _, e := range entries {
		if e.Ends(w.by.User) {
			w.left, tell = max(w.left, e.Seq), true
		}
	}
	if tell {
		select {
		case w.changed <- struct{}{}:
		default:
		}
	}
}

// Next waits for the next signal. Once the listener has left the room it is NOT_FOUND;
// else the only error is that of ctx.
func (w *SignalWatch) Next(ctx context.Context) (omarty.RoomSignal, error) {
	for {
		if err := w.check(ctx); err != nil {
			return nil, err
		}
		if len(w.taken) == 0 && w.pause == nil {
			var more bool
			if w.taken, more = w.listener.Take(); more {
				w.pause = time.After(signalPause)
			}
		}
		if len(w.taken) > 0 {
			next := w.blocked.without(w.taken[0])
			w.taken = w.taken[1:]
			if next == nil {
				continue
			}
			// Their session may be over, where nobody could look for long. It may have been
			// published after they left, and taken since it was looked.
			if err := w.service.untilKnown(ctx); err != nil {
				return nil, err
			}
			if err := w.check(ctx); err != nil {
				return nil, err
			}
			return next, nil
		}
		heard := w.listener.Heard()
		if w.pause != nil {
			heard = nil
		}
		select {
		case <-heard:
		case <-w.pause:
			w.pause = nil
		case <-w.changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// check is NOT_FOUND where the listener has left the room. Where this node does not know
// what the log says, the database is asked.
func (w *SignalWatch) check(ctx context.Context) error {
	w.mu.Lock()
	left, unsure := w.left > 0, w.unsure
	w.unsure = false
	w.mu.Unlock()
	if left {
		return notThere()
	}
	if !unsure {
		return nil
	}
	_, err := untilAnswered(ctx, w.service, func() (omarty.Room, error) { return w.service.Room(ctx, w.by, w.room) })
	return err
}

// Committed ends what entries of logs put an end to: it is told of them after their
// commit, and waits for nobody.
func (s *Service) Committed(entries []omarty.Entry) {
	s.typists.heard(s.Signals, entries)
	s.elsewhere.heard(here{s.Signals}, entries)
}

// stopTyping forgets that somebody types, on whichever node and in whichever room; who looks
// at those is told, if publicly.
func (s *Service) stopTyping(who omarty.ID, publicly bool) {
	s.typists.leave(s.Signals, who, publicly)
	s.elsewhere.leave(here{s.Signals}, who, publicly)
}

// typingElsewhere is how much longer than this node's somebody types who is on another:
// that reminds of them each typingReminder while they go on, and tells when they stop. Who
// is not heard of for so long has stopped, and their node, or NATS, has died.
const typingElsewhere = typingReminder + time.Second

// here are the signals of this node alone.
type here struct{ Signals }

func (h here) Publish(room omarty.ID, published ...omarty.RoomSignal) {
	h.PublishHere(room, published...)
}

func (here) PublishElsewhere(omarty.ID, ...omarty.RoomSignal) {}

// HearSignals takes what passed through a room on another node, and waits for nobody.
func (s *Service) HearSignals(room omarty.ID, signals []omarty.RoomSignal) {
	for _, one := range signals {
		t, types := one.(omarty.Typing)
		switch at := (place{room, t.User.ID}); {
		case !types:
			s.Signals.PublishHere(room, one)
		case t.Active:
			now := s.now()
			s.elsewhere.allow(here{s.Signals}, s.elsewhere.enter(here{s.Signals}, at, now), t.User, true, now)
		default:
			s.elsewhere.drop(here{s.Signals}, at)
		}
	}
}

// marks are read marks that moved and were not told yet.
type marks struct {
	mu     sync.Mutex
	byRoom map[omarty.ID]map[omarty.ID]omarty.ReadMark
}

// put notes that a mark moved, where others may know it.
func (m *marks) put(moved omarty.Mark) {
	if !moved.Told {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byRoom == nil {
		m.byRoom = map[omarty.ID]map[omarty.ID]omarty.ReadMark{}
	}
	here := m.byRoom[moved.Participant.Room]
	if here == nil {
		here = map[omarty.ID]omarty.ReadMark{}
		m.byRoom[moved.Participant.Room] = here
	}
	id := moved.Participant.ID
	if here[id].Seq < moved.Seq {
		here[id] = omarty.ReadMark{Participant: moved.Participant, User: moved.Reader, Seq: moved.Seq}
	}
}

// forget drops those of a person.
func (m *marks) forget(who omarty.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, here := range m.byRoom {
		maps.DeleteFunc(here, func(_ omarty.ID, moved omarty.ReadMark) bool { return moved.User.ID == who })
	}
}

// tell publishes all of them.
func (m *marks) tell(to Signals) {
	m.mu.Lock()
	byRoom := m.byRoom
	m.byRoom = nil
	m.mu.Unlock()
	for room, here := range byRoom {
		told := make([]omarty.RoomSignal, 0, len(here))
		for _, one := range here {
			told = append(told, one)
		}
		to.Publish(room, told...)
	}
}

// WatchTyping ends typing that went quiet, and tells read marks, until ctx ends.
func (s *Service) WatchTyping(ctx context.Context) {
	every(ctx, signalTick, func(context.Context) error {
		s.typists.expire(s.Signals, s.now())
		s.elsewhere.expire(here{s.Signals}, s.now())
		s.marks.tell(s.Signals)
		return nil
	}, nil)
}
