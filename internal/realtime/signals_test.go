package realtime

import (
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/omarty/chat/internal/omarty"
)

func somebody(name string) omarty.User {
	return omarty.User{ID: omarty.NewID(omarty.KindUser), Name: name}
}

func mark(of omarty.User, seq int) omarty.ReadMark {
	return omarty.ReadMark{Participant: omarty.Participant{ID: of.ID.As(omarty.KindParticipant)}, User: of, Seq: seq}
}

// expectTaken demands what a listener takes, all at once.
func expectTaken(t *testing.T, l *SignalListener, want ...omarty.RoomSignal) {
	t.Helper()
	got, more := l.Take()
	if !reflect.DeepEqual(got, want) || more {
		t.Errorf("got %v, more %v; want %v", got, more, want)
	}
}

func TestSignalsAreMerged(t *testing.T) {
	var s Signals
	room, other := omarty.NewID(omarty.KindRoom), omarty.NewID(omarty.KindRoom)
	mona, adel, nour := somebody("Mona"), somebody("Adel"), somebody("Nour")
	s.Publish(room, omarty.Typing{User: mona, Active: true}) // nobody looks
	quick, slow, own := s.Listen(room, nour.ID), s.Listen(room, nour.ID), s.Listen(room, mona.ID)
	expectTaken(t, quick)
	s.Publish(other, omarty.Typing{User: mona, Active: true})
	expectTaken(t, quick)

	s.Publish(room, omarty.Typing{User: mona, Active: true}, mark(mona, 3))
	select {
	case <-quick.Heard():
	default:
		t.Error("it was not told that something came")
	}
	expectTaken(t, quick, omarty.Typing{User: mona, Active: true}, mark(mona, 3))
	s.Publish(room, omarty.Typing{User: adel, Active: true}, mark(mona, 4), omarty.PresenceChange{Users: []omarty.User{mona, adel}})
	s.Publish(room, omarty.Typing{User: mona}, omarty.PresenceChange{Users: []omarty.User{mona}})
	expectTaken(t, quick, omarty.Typing{User: adel, Active: true}, omarty.Typing{User: mona},
		omarty.PresenceChange{Users: []omarty.User{adel, mona}}, mark(mona, 4))
	expectTaken(t, slow, omarty.Typing{User: adel, Active: true}, omarty.Typing{User: mona},
		omarty.PresenceChange{Users: []omarty.User{adel, mona}}, mark(mona, 4))
	expectTaken(t, slow)
	// One's own typing and presence are not told.
	expectTaken(t, own, omarty.Typing{User: adel, Active: true}, omarty.PresenceChange{Users: []omarty.User{adel}}, mark(mona, 4))

	// Who comes then is told what comes from then on.
	late := s.Listen(room, nour.ID)
	expectTaken(t, late)
	for _, l := range []*SignalListener{quick, slow, own} {
		l.Close()
	}
	if !slices.Equal(s.Rooms(), []omarty.ID{room}) {
		t.Errorf("the rooms are %v", s.Rooms())
	}
	late.Close()
	if len(s.Rooms()) != 0 {
		t.Errorf("%v are kept", s.Rooms())
	}
}

// However much is signalled, what is kept has a bound, and a listener takes a little
// at a time, without losing what is kept.
func TestSignalsAreBounded(t *testing.T) {
	var s Signals
	room := omarty.NewID(omarty.KindRoom)
	l := s.Listen(room, omarty.ID{})
	defer l.Close()
	var people []omarty.User
	for range signalsKept + 100 {
		people = append(people, somebody("Mona"))
	}
	for _, u := range people {
		s.Publish(room, mark(u, 1), omarty.PresenceChange{Users: []omarty.User{u}})
	}
	if n, m := len(l.of.marks.byKey), l.of.marks.order.Len(); n != signalsKept || m != n {
		t.Errorf("%d and %d marks are kept", n, m)
	}
	seen := map[omarty.ID]int{}
	changes := 0
	for more := true; more; {
		var taken []omarty.RoomSignal
		taken, more = l.Take()
		if len(taken) > signalsTaken+1 {
			t.Fatalf("%d were taken at once", len(taken))
		}
		for _, one := range taken {
			switch one := one.(type) {
			case omarty.ReadMark:
				seen[one.Participant.ID]++
			case omarty.PresenceChange:
				changes++
				for _, u := range one.Users {
					seen[u.ID]++
				}
			}
		}
	}
	for i, u := range people {
		want := 1
		if i < 100 {
			want = 0
		}
		if seen[u.ID] != want || seen[u.ID.As(omarty.KindParticipant)] != want {
			t.Fatalf("of %d it was told %d, %d, want %d", i, seen[u.ID], seen[u.ID.As(omarty.KindParticipant)], want)
		}
	}
	if most := signalsKept/peopleTold + 1; changes > most {
		t.Errorf("%d changes of presence", changes)
	}
}

func TestListenersComeAndGoWhileOthersSignal(t *testing.T) {
	var s Signals
	rooms := []omarty.ID{omarty.NewID(omarty.KindRoom), omarty.NewID(omarty.KindRoom)}
	var all sync.WaitGroup
	for i := range 6 {
		room, me, another := rooms[i%2], somebody("Mona"), somebody("Adel")
		all.Go(func() {
			for range 300 {
				l := s.Listen(room, me.ID)
				s.Publish(room, omarty.Typing{User: another, Active: true})
				<-l.Heard()
				taken, _ := l.Take()
				if !slices.Contains(taken, omarty.RoomSignal(omarty.Typing{User: another, Active: true})) {
					t.Errorf("it took %v", taken)
				}
				l.Close()
			}
		})
	}
	all.Wait()
	if len(s.Rooms()) != 0 {
		t.Errorf("%v are kept", s.Rooms())
	}
}

// What was signalled of somebody who is forgotten is not taken by who had not taken it.
func TestForgottenSignals(t *testing.T) {
	var s Signals
	room := omarty.NewID(omarty.KindRoom)
	mona, adel := somebody("Mona"), somebody("Adel")
	slow, slower := s.Listen(room, omarty.ID{}), s.Listen(room, omarty.ID{})
	all := func(of omarty.User) []omarty.RoomSignal {
		return []omarty.RoomSignal{omarty.Typing{User: of, Active: true}, omarty.PresenceChange{Users: []omarty.User{of}}, mark(of, 3)}
	}
	s.Publish(room, all(mona)...)
	expectTaken(t, slower, all(mona)...)
	s.Publish(room, all(adel)...)
	s.Publish(room, all(mona)...)
	s.Forget(mona.ID)
	expectTaken(t, slow, all(adel)...)
	expectTaken(t, slower, all(adel)...)
	s.Publish(room, all(mona)...)
	s.Forget(mona.ID)
	s.Forget(adel.ID)
	expectTaken(t, slow)
	s.Publish(room, all(adel)...)
	expectTaken(t, slow, all(adel)...)
	expectTaken(t, slower, all(adel)...)
	slow.Close()
	slower.Close()
}
