package service

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// houseStore has rooms, who is in which since when, and nobody else's things.
type houseStore struct {
	Store
	rooms []omarty.Room

	mu     sync.Mutex
	joined map[omarty.ID]time.Time // of the one person, by room
	// listed is called when it was read which rooms there are.
	listed func()
	asked  int
	// away is how the next readings of rooms fail, one after the other; nil for one that does
	// not. unsure is how often it cannot be read which sessions have ended.
	away   []error
	unsure int
}

func (s *houseStore) GoodSessions(_ context.Context, ids []omarty.ID, _ time.Time) ([]omarty.ID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unsure > 0 {
		s.unsure--
		return nil, omarty.Errorf(omarty.CodeUnavailable, "Try again.")
	}
	return ids, nil
}

func (s *houseStore) RoomIDs(context.Context, omarty.ID) ([]omarty.ID, error) {
	s.mu.Lock()
	s.asked++
	var ids []omarty.ID
	for _, r := range s.rooms {
		if _, in := s.joined[r.ID]; in {
			ids = append(ids, r.ID)
		}
	}
	listed := s.listed
	s.mu.Unlock()
	if listed != nil {
		listed()
	}
	return ids, nil
}

func (s *houseStore) RoomsFor(_ context.Context, ids []omarty.ID, _ omarty.ID) ([]omarty.Room, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if len(s.away) > 0 {
		err := s.away[0]
		s.away = s.away[1:]
		if err != nil {
			return nil, err
		}
	}
	var found []omarty.Room
	for _, r := range s.rooms {
		if _, in := s.joined[r.ID]; in && slices.Contains(ids, r.ID) {
			found = append(found, r)
		}
	}
	return found, nil
}

func (s *houseStore) JoinedSince(_ context.Context, since time.Time) ([]omarty.Joined, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	var found []omarty.Joined
	for room, at := range s.joined {
		if at.After(since) {
			found = append(found, omarty.Joined{Room: room, User: ear, At: at})
		}
	}
	return found, nil
}

// ear is the person who listens.
var ear = omarty.NewID(omarty.KindUser)

// openLogs counts who listens to logs.
type openLogs struct{ open map[omarty.ID]int }

func (l openLogs) Listen(room omarty.ID, _ func([]omarty.Entry)) LogListener {
	l.open[room]++
	return openLog{of: l, room: room}
}

func (openLogs) Advance(map[omarty.ID]int) {}

func (openLogs) Forget() {}

func (openLogs) Rooms() []omarty.ID { return nil }

type openLog struct {
	LogListener
	of   openLogs
	room omarty.ID
}

func (l openLog) Close() {
	if l.of.open[l.room]--; l.of.open[l.room] == 0 {
		delete(l.of.open, l.room)
	}
}

// onePerson listens.
type onePerson struct {
	mu    sync.Mutex
	heard func(omarty.Change)
	told  int
}

func (p *onePerson) Listen(_ omarty.ID, heard func(omarty.Change)) Ear {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = heard
	return p
}

func (p *onePerson) Tell(of omarty.ID, c omarty.Change) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told++
	if p.heard != nil && of == ear {
		p.heard(c)
	}
}

func (p *onePerson) Anyone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heard != nil
}

func (p *onePerson) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = nil
}

func newHouse(rooms int) (*houseStore, openLogs, *onePerson, *Service) {
	s := &houseStore{joined: map[omarty.ID]time.Time{}}
	for range rooms {
		r := omarty.Room{ID: omarty.NewID(omarty.KindRoom), LogID: omarty.NewID(omarty.KindLog), LastSeq: 5}
		s.rooms = append(s.rooms, r)
	}
	logs, people := openLogs{map[omarty.ID]int{}}, &onePerson{}
	return s, logs, people, &Service{Parts: Parts{Limiter: crowds{}, Store: s, Logs: logs, People: people, Now: time.Now}}
}

func (s *houseStore) join(rooms ...int) {
	for _, i := range rooms {
		s.joinAt(i, time.Now())
	}
}

func (s *houseStore) joinAt(i int, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.joined[s.rooms[i].ID] = at
}

// tellOf gives updates in short: "+0" opens the first room, "-0" closes it, "0@3"
// goes on in it after 3, "!0" says that its mark moved, and "*" that all was given that was missed.
func (s *houseStore) tellOf(updates []InboxUpdate) []string {
	number := func(id string) string {
		for i, r := range s.rooms {
			if r.ID.String() == id {
				return string(rune('0' + i))
			}
		}
		return id
	}
	var short []string
	for _, u := range updates {
		switch {
		case u.Opened != nil:
			short = append(short, "+"+number(u.Opened.ID.String()))
		case u.Closed != nil:
			short = append(short, "-"+number(u.Closed.RoomID))
		case u.Marked != nil:
			short = append(short, "!"+number(u.Marked.ID.String()))
		case u.CaughtUp:
			short = append(short, "*")
		default:
			short = append(short, number(u.Follow.Room.String())+"@"+string(rune('0'+u.Follow.After)))
		}
	}
	return short
}

// expectNext demands what is told until nothing is, and lets go of the logs.
func (s *houseStore) expectNext(t *testing.T, in *Inbox, want ...string) {
	t.Helper()
	var got []string
	for {
		updates, err := in.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(updates) == 0 {
			break
		}
		ReleaseInbox(updates)
		got = append(got, s.tellOf(updates)...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

func (s *houseStore) mustWatch(t *testing.T, service *Service, after ...omarty.RoomPosition) *Inbox {
	t.Helper()
	in, err := service.WatchInbox(t.Context(), Asker{User: ear, Session: omarty.NewID(omarty.KindSession)}, after)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func TestInboxBegins(t *testing.T) {
	s, logs, people, service := newHouse(4)
	s.join(0, 1, 2)
	at := func(i, seq int) omarty.RoomPosition {
		return omarty.RoomPosition{Room: s.rooms[i].ID.String(), Seq: seq}
	}
	in := s.mustWatch(t, service, at(3, 1), at(1, 2), at(0, 6), omarty.RoomPosition{Room: "x"})
	if s.asked != 2 {
		t.Errorf("it took %d statements", s.asked)
	}
	s.expectNext(t, in, "-3", "1@2", "-0", "+0", "-x", "+2")
	in.CaughtUp()
	s.expectNext(t, in, "*")
	s.expectNext(t, in)
	in.Close()
	if len(logs.open) > 0 || people.Anyone() {
		t.Errorf("somebody listens still: %v", logs.open)
	}

	// One that nobody went on with leaves nothing behind, either.
	s.mustWatch(t, service, at(1, 2)).Close()
	if len(logs.open) > 0 || people.Anyone() {
		t.Errorf("somebody listens still: %v", logs.open)
	}
}

// Who comes into a room, or back into one, in the middle of anything, is told of it.
func TestInboxNoticesJoins(t *testing.T) {
	s, _, people, service := newHouse(3)
	s.join(0)
	s.listed = func() {
		s.listed = nil
		s.join(1)
		people.Tell(ear, omarty.Change{Rooms: true})
	}
	in := s.mustWatch(t, service)
	defer in.Close()
	s.expectNext(t, in, "+0", "+1", "*")
	// They left and came back, and the follower has heard of neither by now.
	people.Tell(ear, omarty.Change{Rooms: true})
	s.expectNext(t, in)
	in.Ended(s.rooms[0].ID)
	s.expectNext(t, in, "-0", "+0")
	delete(s.joined, s.rooms[1].ID)
	in.Ended(s.rooms[1].ID)
	s.expectNext(t, in, "-1")
	s.join(1)
	people.Tell(ear, omarty.Change{Rooms: true})
	s.expectNext(t, in, "+1")
	// That they came back is heard before that they had left, in the middle of which it is read
	// which rooms there are.
	s.listed = func() {
		s.listed = nil
		in.Ended(s.rooms[1].ID)
	}
	people.Tell(ear, omarty.Change{Rooms: true})
	s.expectNext(t, in)
	s.expectNext(t, in, "-1", "+1")
}

// While the database cannot answer, nothing is told, and nothing lost: also where it can be
// read which rooms there are, but not which sessions have ended.
func TestInboxWaitsForTheDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, logs, people, service := newHouse(2)
		s.join(0)
		in := s.mustWatch(t, service)
		s.expectNext(t, in, "+0", "*")
		away := omarty.Errorf(omarty.CodeUnavailable, "Try again.")
		for i, broken := range []func(){
			func() { s.away = []error{away, away} },
			func() { s.unsure = 3 },
		} {
			service.connections.add(&connection{of: Asker{Session: omarty.NewID(omarty.KindSession)}, left: func() {}})
			time.Sleep(2 * sessionsSure)
			broken()
			s.join(1)
			people.Tell(ear, omarty.Change{Rooms: true, Room: s.rooms[0].ID})
			s.expectNext(t, in, "+1", "!0")
			if s.unsure > 0 || len(s.away) > 0 {
				t.Errorf("case %d: nothing was in the way", i)
			}
			delete(s.joined, s.rooms[1].ID)
			in.Ended(s.rooms[1].ID)
			s.expectNext(t, in, "-1")
		}
		in.Close()
		if len(logs.open) > 0 {
			t.Errorf("somebody listens still: %v", logs.open)
		}
	})
}

// Who leaves while the database cannot answer lets go of what they were to be told, and of
// nothing else: others listen on.
func TestInboxThatIsLeftWhileItWaits(t *testing.T) {
	for what, away := range map[string][]error{
		"before the rooms are read": {context.Canceled},
		"after they are":            {nil, context.Canceled},
	} {
		s, logs, people, service := newHouse(2)
		s.join(0)
		in := s.mustWatch(t, service)
		s.expectNext(t, in, "+0", "*")
		other := service.FollowLog(s.rooms[1].ID, nil)
		s.join(1)
		s.away = away
		people.Tell(ear, omarty.Change{Rooms: true, Room: s.rooms[0].ID})
		told, err := in.Next(t.Context())
		if err == nil || len(told) > 0 {
			t.Errorf("%s: told %q, and %v", what, s.tellOf(told), err)
		}
		in.Close()
		if logs.open[s.rooms[1].ID] != 1 || len(logs.open) != 1 {
			t.Errorf("%s: listened to %v, want one for the second room", what, logs.open)
		}
		other.Close()
	}
}

// What nobody tells of is read: each join once, also one that becomes visible late.
func TestJoinsAreReadThatNobodyTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, people, service := newHouse(3)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			service.WatchJoins(ctx, func(err error) { t.Error(err) })
		}()
		defer func() { cancel(); <-done }()
		time.Sleep(10 * joinCheck)
		synctest.Wait()
		if s.asked > 0 {
			t.Error("it was read for nobody")
		}
		in := s.mustWatch(t, service)
		defer in.Close()
		s.expectNext(t, in, "*")
		told := func(want int) {
			t.Helper()
			time.Sleep(joinCheck + time.Millisecond)
			synctest.Wait()
			if people.told != want {
				t.Errorf("told %d times, want %d", people.told, want)
			}
		}
		s.join(0)
		told(1)
		s.expectNext(t, in, "+0")
		told(1)
		s.joinAt(1, time.Now().Add(-joinMargin))
		told(2)
		told(2)
		s.expectNext(t, in, "+1")
		s.join(0) // again
		told(3)
		time.Sleep(2 * joinMargin)
		told(3)
	})
}
