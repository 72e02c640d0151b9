package service

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// toldSignals are the signals of rooms, all of which are looked at unless rooms says
// which; each is kept in short.
type toldSignals struct {
	told  []string
	other []string // what other nodes were told alone
	rooms []omarty.ID
	// listening is what its only listener is given, heard says so.
	listening []omarty.RoomSignal
	heard     chan struct{}
}

func (*toldSignals) Forget(omarty.ID) {}

func (s *toldSignals) PublishHere(room omarty.ID, published ...omarty.RoomSignal) {
	s.Publish(room, published...)
}

func (s *toldSignals) PublishElsewhere(_ omarty.ID, published ...omarty.RoomSignal) {
	for _, one := range published {
		s.other = append(s.other, one.(omarty.Typing).User.Name)
	}
}

func (s *toldSignals) Publish(_ omarty.ID, published ...omarty.RoomSignal) {
	for _, one := range published {
		s.listening = append(s.listening, one)
		switch one := one.(type) {
		case omarty.Typing:
			s.told = append(s.told, one.User.Name+map[bool]string{true: " types", false: " rests"}[one.Active])
		case omarty.ReadMark:
			s.told = append(s.told, one.User.Name+" read")
		case omarty.PresenceChange:
			var names []string
			for _, u := range one.Users {
				names = append(names, u.Name)
			}
			slices.Sort(names)
			s.told = append(s.told, strings.Join(names, " "))
		}
	}
}

func (s *toldSignals) Rooms() []omarty.ID                         { return s.rooms }
func (s *toldSignals) Listen(omarty.ID, omarty.ID) SignalListener { return s }
func (s *toldSignals) Heard() <-chan struct{}                     { return s.heard }
func (s *toldSignals) Close()                                     {}

func (s *toldSignals) Take() (taken []omarty.RoomSignal, more bool) {
	taken, s.listening = s.listening, nil
	return taken, false
}

// expect demands what was told since it was asked last.
func (s *toldSignals) expect(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(s.told, want) {
		t.Errorf("it was told %q, want %q", s.told, want)
	}
	s.told = nil
}

// peopleStore has a room with people in it; the rest of a Store is not asked.
type peopleStore struct {
	*roomStore
	users map[omarty.ID]omarty.User
	asked int
	away  bool
	// written is what was written of when people were seen, and how often.
	written map[omarty.ID]time.Time
	writes  int
	// blocks are whom people blocked.
	blocks map[omarty.ID][]omarty.ID
}

func (s *peopleStore) BlockedBy(context.Context, []omarty.ID) (map[omarty.ID][]omarty.ID, error) {
	return s.blocks, nil
}

func (s *peopleStore) RoomFor(ctx context.Context, id, of omarty.ID) (omarty.Room, error) {
	s.asked++
	return s.roomStore.RoomFor(ctx, id, of)
}

func (s *peopleStore) MembershipsOf(context.Context, omarty.ID) ([]omarty.Membership, error) {
	return nil, nil
}

func (s *peopleStore) Users(_ context.Context, ids []omarty.ID) (map[omarty.ID]omarty.User, error) {
	s.asked++
	found := map[omarty.ID]omarty.User{}
	for _, id := range ids {
		found[id] = s.users[id]
	}
	return found, nil
}

func (s *peopleStore) PresentPeople(_ context.Context, rooms, people []omarty.ID) (map[omarty.ID][]omarty.ID, error) {
	s.asked++
	if s.away {
		return nil, errors.New("away")
	}
	found := map[omarty.ID][]omarty.ID{}
	for _, room := range rooms {
		found[room] = people
	}
	return found, nil
}

type seenTx struct {
	Tx
	of *peopleStore
}

func (tx seenTx) SetLastSeen(_ context.Context, people []omarty.ID, at time.Time) error {
	tx.of.writes++
	for _, who := range people {
		tx.of.written[who] = at
	}
	return nil
}

func (s *peopleStore) mustAdd(name string) omarty.ID {
	id := omarty.NewID(omarty.KindUser)
	s.users[id] = omarty.User{ID: id, Name: name, SharesPresence: true}
	return id
}

// newPeople gives the verbs over a clock and a room that Mona is in.
func newPeople() (s *Service, store *peopleStore, signals *toldSignals, mona Asker, clock *time.Time) {
	room, s, mona := newRoomStore()
	store = &peopleStore{roomStore: room, users: map[omarty.ID]omarty.User{}, written: map[omarty.ID]time.Time{}}
	store.users[mona.User] = omarty.User{ID: mona.User, Name: "Mona", SharesPresence: true}
	now := time.Date(2026, 11, 23, 8, 15, 30, 0, time.UTC)
	signals = &toldSignals{rooms: []omarty.ID{store.room.ID}, heard: make(chan struct{}, 1)}
	s.Store, s.Signals, s.Now = store, signals, func() time.Time { return now }
	s.Write = func(ctx context.Context, change func(context.Context, Tx) error) error {
		return change(ctx, seenTx{of: store})
	}
	return s, store, signals, mona, &now
}

// Who types on another node types until it says that they stopped, or is not heard of for
// long: it may have died.
func TestTypingElsewhere(t *testing.T) {
	s, store, signals, mona, clock := newPeople()
	s.elsewhere.longer = typingElsewhere
	room, nour := store.room.ID, omarty.User{ID: store.mustAdd("Nour"), Name: "Nour"}
	hear := func(active bool) { s.HearSignals(room, []omarty.RoomSignal{omarty.Typing{User: nour, Active: active}}) }
	pass := func(d time.Duration) {
		*clock = clock.Add(d)
		s.elsewhere.expire(here{s.Signals}, *clock)
	}
	hear(true)
	hear(false)
	hear(false)
	signals.expect(t, "Nour types", "Nour rests")

	hear(true)
	for range 5 {
		pass(omarty.TypingTime + typingReminder)
		hear(true)
	}
	signals.expect(t, "Nour types")
	w, err := s.WatchSignals(t.Context(), mona, room)
	if err != nil {
		t.Fatal(err)
	}
	if len(w.taken) != 1 || w.taken[0].(omarty.Typing).User.ID != nour.ID {
		t.Errorf("who comes meanwhile is told %v", w.taken)
	}
	w.Close()
	pass(omarty.TypingTime + typingElsewhere)
	signals.expect(t, "Nour rests")

	hear(true)
	s.Committed([]omarty.Entry{{Event: omarty.Event{Room: room, Kind: omarty.EventMessagePosted, Actor: nour.ID}}})
	signals.expect(t, "Nour types", "Nour rests")
	hear(true)
	s.elsewhere.leave(here{s.Signals}, nour.ID, false)
	pass(time.Minute)
	signals.expect(t, "Nour types")
	s.HearSignals(room, []omarty.RoomSignal{omarty.ReadMark{User: nour}})
	signals.expect(t, "Nour read")
	if len(signals.other) != 0 {
		t.Errorf("other nodes are told of %q, who are theirs", signals.other)
	}
}

func TestTypingEndsByItself(t *testing.T) {
	s, store, signals, mona, clock := newPeople()
	says := func(active bool) {
		t.Helper()
		if err := s.SetTyping(t.Context(), mona, store.room.ID, active); err != nil {
			t.Fatal(err)
		}
	}
	pass := func(d time.Duration) {
		*clock = clock.Add(d)
		s.typists.expire(s.Signals, *clock)
	}
	says(true)
	signals.expect(t, "Mona types")
	asked := store.asked
	for range 3 {
		pass(3 * time.Second)
		says(true)
	}
	if store.asked != asked {
		t.Errorf("what was said again asked %d times", store.asked-asked)
	}
	says(true) // at once once more
	if !slices.Equal(signals.other, []string{"Mona", "Mona", "Mona"}) {
		t.Errorf("other nodes were reminded of %q", signals.other)
	}
	pass(5900 * time.Millisecond)
	signals.expect(t)
	pass(100 * time.Millisecond)
	signals.expect(t, "Mona rests")
	if len(s.typists.byPlace)+len(s.typists.active)+s.typists.order.Len() != 0 {
		t.Error("who went quiet is known")
	}

	// Who goes on for long is looked up again.
	says(true)
	asked = store.asked
	for range 3 {
		pass(5 * time.Second)
		says(true)
	}
	signals.expect(t, "Mona types")
	if store.asked == asked {
		t.Error("nobody looked again whether she may")
	}
	says(false)
	says(false)
	signals.expect(t, "Mona rests")
}

func TestTypingEndsWithWhatLogsSay(t *testing.T) {
	s, store, signals, mona, _ := newPeople()
	room := store.room.ID
	commit := func(e omarty.Event) {
		e.Room = room
		s.Committed([]omarty.Entry{{Event: e}})
	}
	left := omarty.Event{Kind: omarty.EventMemberLeft, Member: mona.User}
	if err := s.SetTyping(t.Context(), mona, room, true); err != nil {
		t.Fatal(err)
	}
	commit(omarty.Event{Kind: omarty.EventMessagePosted, Actor: omarty.NewID(omarty.KindUser)})
	signals.expect(t, "Mona types")
	commit(omarty.Event{Kind: omarty.EventMessagePosted, Actor: mona.User})
	signals.expect(t, "Mona rests")
	if err := s.SetTyping(t.Context(), mona, room, true); err != nil {
		t.Fatal(err)
	}
	store.inIt = omarty.ID{}
	commit(left)
	signals.expect(t, "Mona types", "Mona rests")
	if err := s.SetTyping(t.Context(), mona, room, true); omarty.CodeOf(err) != omarty.CodeNotFound {
		t.Errorf("who has left types: %v", err)
	}
	// Who leaves while it is looked up whether they may.
	store.inIt = mona.User
	store.read = func() { commit(left) }
	if err := s.SetTyping(t.Context(), mona, room, true); err != nil {
		t.Error(err)
	}
	signals.expect(t)
	if len(s.typists.byPlace) != 0 {
		t.Error("who has left is known")
	}
}

func TestTypistsAreBounded(t *testing.T) {
	s, store, signals, mona, clock := newPeople()
	if err := s.SetTyping(t.Context(), mona, store.room.ID, true); err != nil {
		t.Fatal(err)
	}
	for range typingAtOnce {
		s.typists.enter(s.Signals, place{store.room.ID, omarty.NewID(omarty.KindUser)}, *clock)
	}
	if n := len(s.typists.byPlace); n != typingAtOnce || s.typists.order.Len() != n {
		t.Errorf("%d are known", n)
	}
	signals.expect(t, "Mona types", "Mona rests")
}

func TestPresenceHasAGrace(t *testing.T) {
	s, store, signals, mona, clock := newPeople()
	tick := func(d time.Duration) {
		t.Helper()
		*clock = clock.Add(d)
		if err := s.tellPresence(t.Context()); err != nil {
			t.Error(err)
		}
	}
	expect := func(online bool, seen string) {
		t.Helper()
		p := s.Presence(store.users[mona.User])
		got := ""
		if p.LastSeenAt != nil {
			got = p.LastSeenAt.Format(time.TimeOnly)
		}
		if p.Online != online || got != seen {
			t.Errorf("she is online: %v, seen at %q; want %v, %q", p.Online, got, online, seen)
		}
	}
	p := &s.presences
	expect(false, "")
	p.come(mona.User)
	expect(true, "")
	p.come(mona.User)
	tick(time.Second)
	signals.expect(t, "Mona")
	p.leave(mona.User, *clock)
	tick(time.Minute)
	p.leave(mona.User, *clock) // 08:16:31
	tick(14 * time.Second)
	p.come(mona.User)
	p.leave(mona.User, clock.Add(time.Second))
	tick(15 * time.Second)
	expect(true, "")
	signals.expect(t)
	tick(time.Second) // 08:17:01
	expect(false, "08:16:00")
	signals.expect(t, "Mona")

	// What is written moves on with the next time that it is.
	if err := s.writeSeen(t.Context()); err != nil || len(p.seen) != 0 {
		t.Errorf("%v; %v is still to be written", err, p.seen)
	}
	if got := store.written[mona.User].Format(time.TimeOnly); got != "08:16:00" {
		t.Errorf("it was written that she was seen at %s", got)
	}
	expect(false, "") // the row says so
	p.come(mona.User)
	*clock = clock.Add(10 * time.Minute)
	_ = s.writeSeen(t.Context())
	if got := store.written[mona.User].Format(time.TimeOnly); got != "08:27:00" {
		t.Errorf("while she is there, it was written that she was seen at %s", got)
	}
	tick(0)
	signals.expect(t, "Mona")

	// Who does not share it is nobody's, but that they do no longer is told.
	hidden := store.users[mona.User]
	hidden.SharesPresence = false
	store.users[mona.User] = hidden
	p.leave(mona.User, *clock)
	tick(time.Minute)
	signals.expect(t)
	if s.Presence(hidden) != nil {
		t.Error("what is not shared is told")
	}
	p.change(mona.User, true)
	tick(0)
	signals.expect(t, "Mona")
}

// A thousand people who come at once are one signal of each room, and two statements;
// where nobody looks, or when the database is away, they cost nothing.
func TestManyPeopleAreOneSignal(t *testing.T) {
	s, store, signals, _, clock := newPeople()
	signals.rooms = nil
	var people []omarty.ID
	for range 1000 {
		people = append(people, store.mustAdd("x"))
		s.presences.come(people[len(people)-1])
	}
	if err := s.tellPresence(t.Context()); err != nil || store.asked != 0 {
		t.Errorf("%v; %d statements for nobody", err, store.asked)
	}
	signals.rooms = []omarty.ID{store.room.ID, omarty.NewID(omarty.KindRoom)}
	for _, who := range people {
		s.presences.leave(who, *clock)
	}
	*clock = clock.Add(omarty.PresenceGrace)
	store.away = true
	if err := s.tellPresence(t.Context()); err == nil {
		t.Error("a database that is away answers")
	}
	store.away, store.asked = false, 0
	if err := s.tellPresence(t.Context()); err != nil || store.asked != 2 {
		t.Errorf("%v; %d statements", err, store.asked)
	}
	if len(signals.told) != 2 || strings.Count(signals.told[0], "x") != 1000 {
		t.Errorf("%d signals", len(signals.told))
	}
	if err := s.writeSeen(t.Context()); err != nil || store.writes != 2 || len(store.written) != 1000 {
		t.Errorf("%v; %d writes of %d people", err, store.writes, len(store.written))
	}
}

// When it stops, it is written when people were seen.
func TestSeenIsWrittenInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, signals, mona, _ := newPeople()
		s.Now, signals.rooms = time.Now, nil
		ctx, cancel := context.WithCancel(t.Context())
		go s.WatchPresence(ctx, func(err error) { t.Error(err) })
		s.presences.come(mona.User)
		time.Sleep(3*time.Minute + time.Second/2)
		synctest.Wait()
		if store.writes != 3 && store.writes != 2 {
			t.Errorf("it was written %d times in three minutes", store.writes)
		}
		time.Sleep(50 * time.Second)
		cancel()
		synctest.Wait()
		if got := store.written[mona.User]; time.Since(got) >= time.Minute {
			t.Errorf("it was written that she was seen at %v, and it is %v", got, time.Now())
		}
	})
}

// A connection that ends is counted out once, however it ends.
func TestConnectionsAreCountedOnce(t *testing.T) {
	s, _ := newSessions("a", "b")
	a, _, releaseA := connected(t, s, "a")
	_, _, releaseB := connected(t, s, "b")
	count := func(want int) {
		t.Helper()
		if n := s.presences.known[a.User].connections; n != want {
			t.Errorf("%d connections, want %d", n, want)
		}
	}
	count(2)
	s.connections.end(func(of Asker) bool { return a.others().Has(of.User, of.Session) })
	count(1)
	releaseB()
	count(1)
	releaseA()
	count(0)
}

func TestWhoLeavesHearsNoMore(t *testing.T) {
	s, store, signals, mona, _ := newPeople()
	watch := func() *SignalWatch {
		t.Helper()
		w, err := s.WatchSignals(t.Context(), mona, store.room.ID)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	typing := omarty.Typing{User: omarty.User{Name: "Adel"}, Active: true}
	leaving := func(seq int) []omarty.Entry {
		return []omarty.Entry{{Event: omarty.Event{Seq: seq, Kind: omarty.EventMemberLeft, Member: mona.User}}}
	}
	w := watch()
	signals.Publish(store.room.ID, typing, typing)
	if got, err := w.Next(t.Context()); got != typing || err != nil {
		t.Errorf("she heard %v, %v", got, err)
	}
	w.hear(leaving(2))
	if got, err := w.Next(t.Context()); omarty.CodeOf(err) != omarty.CodeNotFound {
		t.Errorf("after she left she heard %v, %v", got, err)
	}
	w.Close()

	// Where this node was not told what the log says, the room is asked.
	w = watch()
	signals.Publish(store.room.ID, typing)
	w.hear(nil)
	if got, err := w.Next(t.Context()); got != typing || err != nil {
		t.Errorf("she heard %v, %v", got, err)
	}
	signals.Publish(store.room.ID, typing)
	store.inIt = omarty.ID{}
	w.hear(nil)
	if got, err := w.Next(t.Context()); omarty.CodeOf(err) != omarty.CodeNotFound {
		t.Errorf("after she left she heard %v, %v", got, err)
	}
	w.Close()
	if _, err := s.WatchSignals(t.Context(), mona, store.room.ID); omarty.CodeOf(err) != omarty.CodeNotFound {
		t.Errorf("who is not in the room listens: %v", err)
	}
	if n := len(store.listeners); n != 0 {
		t.Errorf("%d listen", n)
	}
}

// lookedUp are people whose sessions cannot be looked up while the database is away.
type lookedUp struct {
	*peopleStore
	away  atomic.Bool
	looks atomic.Int64
}

func (l *lookedUp) GoodSessions(_ context.Context, ids []omarty.ID, _ time.Time) ([]omarty.ID, error) {
	l.looks.Add(1)
	if l.away.Load() {
		return nil, omarty.Errorf(omarty.CodeUnavailable, "The service cannot answer now.")
	}
	return ids, nil
}

// While it cannot be known whose session has ended nobody is told a signal, be it one that
// needs no database, as that somebody types no more.
func TestSignalsWaitForSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, people, signals, mona, _ := newPeople()
		store := &lookedUp{peopleStore: people}
		store.away.Store(true)
		s.Store = store
		s.connections.add(&connection{of: mona})
		w, err := s.WatchSignals(t.Context(), mona, store.room.ID)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		rests := omarty.Typing{User: omarty.User{Name: "Adel"}}
		signals.Publish(store.room.ID, rests)
		heard := make(chan omarty.RoomSignal, 1)
		go func() {
			one, err := w.Next(t.Context())
			if err != nil {
				t.Error(err)
			}
			heard <- one
		}()
		time.Sleep(time.Minute)
		select {
		case one := <-heard:
			t.Fatalf("she is told %v", one)
		default:
		}
		if looks := store.looks.Load(); looks < 10 {
			t.Errorf("in a minute it was looked %d times", looks)
		}
		store.away.Store(false)
		if one := <-heard; one != rests {
			t.Errorf("she is told %v", one)
		}
	})
}

func TestMarksAreToldTogether(t *testing.T) {
	s, store, signals, mona, _ := newPeople()
	mark := omarty.Mark{
		Participant: omarty.Participant{ID: omarty.NewID(omarty.KindParticipant), Room: store.room.ID, User: mona.User},
		Reader:      store.users[mona.User], Told: true,
	}
	for _, seq := range []int{3, 5, 4} {
		mark.Seq = seq
		s.marks.put(mark)
	}
	mark.Told, mark.Seq = false, 9
	s.marks.put(mark)
	s.marks.tell(s.Signals)
	s.marks.tell(s.Signals)
	signals.expect(t, "Mona read")
	if told := signals.listening[0].(omarty.ReadMark); told.Seq != 5 {
		t.Errorf("she read %d", told.Seq)
	}
}
