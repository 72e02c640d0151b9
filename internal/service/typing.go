package service

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

const (
	// typingTrust is how long somebody who was found to be allowed to post in a room
	// types there without being looked up again. It shows nothing to nobody: a post is
	// decided by itself, and who leaves the room is forgotten at that moment.
	typingTrust = 10 * time.Second
	// typingAtOnce bounds how many people's typing is known at once, in all rooms: the
	// one who was heard of least recently is forgotten first.
	typingAtOnce = 10_000
	// typingReminder is how often other nodes are reminded of who goes on, at the most.
	typingReminder = 2 * time.Second
)

// typists are those who type on this node, or did a moment ago: it alone owns that. What
// it knows of other nodes' are typists, too (HearSignals).
type typists struct {
	mu sync.Mutex
	// longer is how much longer than omarty.TypingTime somebody types who says nothing.
	longer time.Duration
	// byPlace has where each is in order, which is that in which they were heard of.
	byPlace map[place]*list.Element
	order   list.List // of *typist
	active  map[omarty.ID]map[omarty.ID]*typist
}

// place is a person in a room.
type place struct{ room, user omarty.ID }

type typist struct {
	place
	user    omarty.User
	checked time.Time // when they were found to be allowed; zero until they are
	until   time.Time // when it ends by itself
	active  bool
	told    time.Time // when other nodes were told last that it goes on
}

// SetTyping says that the asker types in a room, or no longer. Others who look at the
// room are told when it begins and when it ends, which it does by itself after
// omarty.TypingTime, or when the asker posts. What is said again costs nothing.
// NOT_FOUND to who is not in the room, FORBIDDEN to who may not post there.
func (s *Service) SetTyping(ctx context.Context, by Asker, room omarty.ID, active bool) error {
	if err := by.SignedIn(); err != nil {
		return err
	}
	at := place{ofKind(room, omarty.KindRoom), by.User}
	if s.typists.again(s.Signals, at, active, s.now()) {
		return nil
	}
	// First be there to be forgotten, then look: who leaves in between types no more.
	one := s.typists.enter(s.Signals, at, s.now())
	user, err := s.mayType(ctx, by, at.room)
	if err != nil {
		s.typists.drop(s.Signals, at)
		return err
	}
	s.typists.allow(s.Signals, one, user, active, s.now())
	return nil
}

// mayType gives the asker where they may post in a room: NOT_FOUND or FORBIDDEN else.
func (s *Service) mayType(ctx context.Context, by Asker, room omarty.ID) (omarty.User, error) {
	r, err := s.Room(ctx, by, room)
	if err != nil {
		return omarty.User{}, missing(err, "room")
	}
	may, err := s.postings(ctx, by, map[omarty.ID]omarty.Room{room: r})
	if err != nil {
		return omarty.User{}, err
	}
	// Who waits for a slow mode to let them writes meanwhile.
	if p := may[room]; !p.Allowed && *p.Reason != omarty.PostingSlowMode {
		return omarty.User{}, forbidden("room")
	}
	users, err := s.Store.Users(ctx, []omarty.ID{by.User})
	return users[by.User], err
}

// heard ends the typing of those who posted, and forgets those who left.
func (t *typists) heard(to Signals, entries []omarty.Entry) {
	for _, e := range entries {
		switch e.Kind {
		case omarty.EventMessagePosted:
			t.stop(to, place{e.Room, e.Event.Actor})
		case omarty.EventMemberLeft:
			t.drop(to, place{e.Room, e.Member})
		}
	}
}

// again takes what somebody says who was found to be allowed a moment ago; false for
// others.
func (t *typists) again(to Signals, at place, active bool, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.byPlace[at]
	if e == nil {
		return false
	}
	one := e.Value.(*typist)
	if one.checked.IsZero() || now.Sub(one.checked) >= typingTrust {
		return false
	}
	t.touch(e, now)
	t.say(to, one, active, now)
	return true
}

// enter makes somebody known who is not looked up yet.
func (t *typists) enter(to Signals, at place, now time.Time) *typist {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.byPlace[at]; e != nil {
		return e.Value.(*typist)
	}
	if t.byPlace == nil {
		t.byPlace, t.active = map[place]*list.Element{}, map[omarty.ID]map[omarty.ID]*typist{}
	}
	if len(t.byPlace) >= typingAtOnce {
		t.remove(to, t.order.Front())
	}
	one := &typist{place: at, until: now.Add(omarty.TypingTime + t.longer)}
	t.byPlace[at] = t.order.PushBack(one)
	return one
}

// allow says that somebody was found to be allowed, if they were not forgotten since.
func (t *typists) allow(to Signals, one *typist, user omarty.User, active bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.byPlace[one.place]
	if e == nil || e.Value != one {
		return
	}
	one.user, one.checked = user, now
	t.touch(e, now)
	t.say(to, one, active, now)
}

// stop ends somebody's typing.
func (t *typists) stop(to Signals, at place) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.byPlace[at]; e != nil {
		t.set(to, e.Value.(*typist), false)
	}
}

// drop forgets somebody.
func (t *typists) drop(to Signals, at place) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.byPlace[at]; e != nil {
		t.remove(to, e)
	}
}

// leave forgets a person in all rooms; who looks at them is told, if publicly.
func (t *typists) leave(to Signals, who omarty.ID, publicly bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for e := t.order.Front(); e != nil; {
		one, next := e.Value.(*typist), e.Next()
		if one.place.user == who {
			if !publicly && one.active {
				one.active = false
				delete(t.active[one.room], who)
			}
			t.remove(to, e)
		}
		e = next
	}
}

// expire forgets those who went quiet.
func (t *typists) expire(to Signals, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for e := t.order.Front(); e != nil && !e.Value.(*typist).until.After(now); e = t.order.Front() {
		t.remove(to, e)
	}
}

// listen begins to listen to a room's signals, and gives who types there by now, but
// for the listener: nothing is missed in between, nor told twice.
func (t *typists) listen(to Signals, room, who omarty.ID) (SignalListener, []omarty.RoomSignal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return to.Listen(room, who), t.typing(room, who)
}

// by gives who types in a room, but for the listener.
func (t *typists) by(room, who omarty.ID) []omarty.RoomSignal {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.typing(room, who)
}

// The rest is called with t.mu held.

func (t *typists) typing(room, who omarty.ID) (now []omarty.RoomSignal) {
	for user, one := range t.active[room] {
		if user != who {
			now = append(now, omarty.Typing{User: one.user, Active: true})
		}
	}
	return now
}

// say has somebody type, or no longer, and now and then tells other nodes of who goes on:
// one that has not heard of it for long takes them to have stopped.
func (t *typists) say(to Signals, one *typist, active bool, now time.Time) {
	switch {
	case !active || !one.active:
		one.told = now
		t.set(to, one, active)
	case now.Sub(one.told) >= typingReminder:
		one.told = now
		to.PublishElsewhere(one.room, omarty.Typing{User: one.user, Active: true})
	}
}

func (t *typists) touch(e *list.Element, now time.Time) {
	e.Value.(*typist).until = now.Add(omarty.TypingTime + t.longer)
	t.order.MoveToBack(e)
}

func (t *typists) remove(to Signals, e *list.Element) {
	one := t.order.Remove(e).(*typist)
	delete(t.byPlace, one.place)
	t.set(to, one, false)
}

// set tells of it where somebody begins to type, or stops.
func (t *typists) set(to Signals, one *typist, active bool) {
	if one.active == active {
		return
	}
	one.active = active
	here := t.active[one.room]
	switch {
	case !active:
		delete(here, one.place.user)
		if len(here) == 0 {
			delete(t.active, one.room)
		}
	case here == nil:
		t.active[one.room] = map[omarty.ID]*typist{one.place.user: one}
	default:
		here[one.place.user] = one
	}
	to.Publish(one.room, omarty.Typing{User: one.user, Active: active})
}
