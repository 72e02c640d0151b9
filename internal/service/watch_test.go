package service

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// roomStore has one room and its log; the rest of a Store is not asked.
type roomStore struct {
	Store
	room omarty.Room
	log  []omarty.Event
	inIt omarty.ID
	// listeners are those who hear of what is committed.
	listeners map[*roomListener]bool
	// read is called when the room was read, and away is how often the log cannot be.
	read func()
	away int
}

func (s *roomStore) RoomFor(_ context.Context, id, of omarty.ID) (omarty.Room, error) {
	if id != s.room.ID || of != s.inIt {
		return omarty.Room{}, omarty.Errorf(omarty.CodeNotFound, "It does not exist.")
	}
	r := s.room
	r.LastSeq = len(s.log)
	if s.read != nil {
		s.read()
	}
	return r, nil
}

func (s *roomStore) Events(_ context.Context, _ omarty.ID, _ omarty.Reader, after, first int) ([]omarty.Event, error) {
	if s.away > 0 {
		s.away--
		return nil, omarty.Errorf(omarty.CodeUnavailable, "Try again.")
	}
	return s.log[after:min(len(s.log), after+first)], nil
}

// commit writes an entry, of which those hear who listen by now.
func (s *roomStore) commit(e omarty.Event) {
	e.Room, e.Seq = s.room.ID, len(s.log)+1
	s.log = append(s.log, e)
	for l := range s.listeners {
		l.hear(e.Seq)
	}
}

// roomLogs are the store's log as it is heard of on this node.
type roomLogs struct{ of *roomStore }

func (l roomLogs) Listen(omarty.ID, func([]omarty.Entry)) LogListener {
	one := &roomListener{of: l.of, moved: make(chan struct{})}
	l.of.listeners[one] = true
	return one
}

func (l roomLogs) Advance(heads map[omarty.ID]int) {
	for one := range l.of.listeners {
		one.hear(heads[l.of.room.ID])
	}
}

func (roomLogs) Forget() {}

func (roomLogs) Rooms() []omarty.ID { return nil }

// roomListener has heard how far the log is, and keeps no entries.
type roomListener struct {
	of    *roomStore
	head  int
	moved chan struct{}
}

func (l *roomListener) hear(head int) {
	if head > l.head {
		l.head = head
		close(l.moved)
		l.moved = make(chan struct{})
	}
}

func (l *roomListener) Head() int { return l.head }

func (l *roomListener) Moved() <-chan struct{} { return l.moved }

func (l *roomListener) Since(after int) ([]omarty.Event, bool) { return nil, after >= l.head }

func (l *roomListener) Close() { delete(l.of.listeners, l) }

func newRoomStore() (*roomStore, *Service, Asker) {
	by := Asker{User: omarty.NewID(omarty.KindUser), Session: omarty.NewID(omarty.KindSession)}
	s := &roomStore{room: omarty.Room{ID: omarty.NewID(omarty.KindRoom)}, inIt: by.User, listeners: map[*roomListener]bool{}}
	s.commit(omarty.Event{Kind: omarty.EventMemberJoined, Member: by.User})
	return s, &Service{Parts: Parts{Limiter: crowds{}, Store: s, Logs: roomLogs{s}}}, by
}

// What is written while somebody comes to listen is heard at once: nobody waits for
// the next look at where the logs stand.
func TestWhatIsWrittenWhileSomebodyComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, s, by := newRoomStore()
		store.read = func() { store.commit(omarty.Event{Kind: omarty.EventMessagePosted}) }
		w, err := s.WatchRoom(t.Context(), by, store.room.ID, Position{})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if entries, err := w.Next(t.Context()); len(entries) != 0 || err != nil || w.Position() != 1 {
			t.Errorf("at first came %v, %v; it stands at %d", entries, err, w.Position())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if entries, err := w.Next(ctx); len(entries) != 1 || entries[0].Seq != 2 {
			t.Errorf("then came %v, %v", entries, err)
		}
	})
}

// Who listens waits for a database that is away, and misses nothing.
func TestListenersWaitForTheDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, s, by := newRoomStore()
		after := 0
		w, err := s.WatchRoom(t.Context(), by, store.room.ID, Position{After: &after})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		store.commit(omarty.Event{Kind: omarty.EventMessagePosted})
		store.away = 20
		if entries, err := w.Next(t.Context()); len(entries) != 2 || err != nil {
			t.Errorf("got %v, %v", entries, err)
		}
		store.away = 20
		store.commit(omarty.Event{Kind: omarty.EventMessagePosted})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := w.Next(t.Context()); err != nil { // it has caught up
			t.Error(err)
		}
		if entries, err := w.Next(ctx); len(entries) != 0 || ctx.Err() == nil {
			t.Errorf("who goes meanwhile got %v, %v", entries, err)
		}
	})
}

// Who is refused listens to nothing.
func TestWhoIsRefusedDoesNotListen(t *testing.T) {
	store, s, by := newRoomStore()
	beyond, negative, other := 9, -1, omarty.NewID(omarty.KindLog)
	for name, c := range map[string]struct {
		by   Asker
		from Position
		want omarty.Code
	}{
		"nobody":          {Asker{}, Position{}, omarty.CodeUnauthenticated},
		"a stranger":      {Asker{User: omarty.NewID(omarty.KindUser), Session: by.Session}, Position{}, omarty.CodeNotFound},
		"beyond the log":  {by, Position{After: &beyond}, omarty.CodeLogMismatch},
		"of another log":  {by, Position{Log: &other}, omarty.CodeLogMismatch},
		"before the logs": {by, Position{After: &negative}, omarty.CodeInvalidInput},
	} {
		if _, err := s.WatchRoom(t.Context(), c.by, store.room.ID, c.from); omarty.CodeOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(store.listeners); n != 0 {
		t.Errorf("%d listen", n)
	}
}
