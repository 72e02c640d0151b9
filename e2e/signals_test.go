package e2e

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	signalsDocument = `subscription Signals($room: ID!) { roomSignals(room: $room) { __typename
		... on Typing { user { id name } active }
		... on ReadMark { participant { id user { id name } readSeq } }
		... on PresenceChange { users { id presence { online lastSeenAt } } }
	} }`
	typeDocument     = `mutation Type($room: ID!, $active: Boolean!) { setTyping(room: $room, active: $active) { roomId } }`
	presenceDocument = `query($id: ID!) { node(id: $id) { ... on User { presence { online lastSeenAt } } } }`
	markDocument     = `mutation($room: ID!, $seq: Int!) { markRead(room: $room, seq: $seq) { room { lastSeq } } }`
	// tickTime is more than it takes until something that has happened is told, by a busy
	// machine.
	tickTime = 15 * time.Second
)

// looker is a stream of signals of people whom a test names.
type looker struct {
	*stream
	names map[string]string // by id
}

// lookAt looks at a room, over a line.
func (s *server) lookAt(t *testing.T, l line, who dweller, room string, names map[string]string) looker {
	t.Helper()
	return looker{s.listen(t, l, who.token, signalsDocument, variables{"room": room}), names}
}

// mustLookAt is lookAt that has begun when this returns: what is told from now on is heard,
// and before it that somebody types.
func (s *server) mustLookAt(t *testing.T, l line, who dweller, room string, names map[string]string, typist dweller) looker {
	t.Helper()
	defer s.keepTyping(t, typist, room)()
	one := s.lookAt(t, l, who, room, names)
	one.expectOf(t, "types", names[typist.id]+" types")
	return one
}

// keepTyping has somebody type in a room, for as long as a slow machine needs: until stop, and
// for six seconds more.
func (s *server) keepTyping(t *testing.T, who dweller, room string) (stop func()) {
	t.Helper()
	s.mustType(t, who, room, true)
	quit := make(chan struct{})
	var typing sync.WaitGroup
	typing.Go(func() {
		for {
			select {
			case <-quit:
				return
			case <-time.After(time.Second):
				if r, err := s.insist(who.token, typeDocument, variables{"room": room, "active": true}); err != nil || r.code() != "" {
					t.Errorf("%s types: %v, %v", who.id, r, err)
				}
			}
		}
	})
	stop = sync.OnceFunc(func() { close(quit); typing.Wait() })
	t.Cleanup(stop)
	return stop
}

// hearOf waits until something is told, whatever else is told before.
func (l looker) hearOf(t *testing.T, want string) {
	t.Helper()
	for told := ""; told != want; {
		h, err := l.next(hearTime)
		if err != nil || h.result().data == nil {
			t.Fatalf("heard %s, %v; want %s", h, err, want)
		}
		told = strings.Join(l.shortSignal(h), ", ")
	}
}

// shortSignal gives a signal in short: "Mona types", "Mona rests", "Mona read 7", and of
// the presence of people "Mona online", "Mona away", "Mona unseen", "Mona hidden".
func (l looker) shortSignal(h heard) []string {
	r := h.result()
	switch r.lookup("roomSignals.__typename") {
	case "Typing":
		what := "rests"
		if r.lookup("roomSignals.active") == true {
			what = "types"
		}
		return []string{l.names[r.lookup("roomSignals.user.id").(string)] + " " + what}
	case "ReadMark":
		return []string{fmt.Sprintf("%s read %v", l.names[r.lookup("roomSignals.participant.user.id").(string)], r.lookup("roomSignals.participant.readSeq"))}
	case "PresenceChange":
		var all []string
		for _, u := range objects(r.lookup("roomSignals.users")) {
			all = append(all, l.names[u["id"].(string)]+" "+presenceOf(u["presence"]))
		}
		slices.Sort(all)
		return all
	}
	return []string{h.String()}
}

func presenceOf(v any) string {
	presence, shared := v.(map[string]any)
	switch {
	case !shared:
		return "hidden"
	case presence["online"] == true && presence["lastSeenAt"] == nil:
		return "online"
	case presence["online"] == true:
		return "online, and seen"
	case presence["lastSeenAt"] == nil:
		return "unseen"
	}
	return "away"
}

// expectOf demands what comes next of those things that are told of some kinds: words
// that end what shortSignal gives.
func (l looker) expectOf(t *testing.T, kinds string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		for {
			h, err := l.next(hearTime)
			if err != nil {
				t.Fatalf("%v; want %s", err, want)
			}
			got := strings.Join(l.shortSignal(h), ", ")
			if h.result().data != nil && !isOf(got, kinds) {
				continue
			}
			if got != want {
				t.Fatalf("heard %s, want %s: %s", got, want, h.payload)
			}
			break
		}
	}
}

// expectNone demands that nothing more of some kinds has come by now.
func (l looker) expectNone(t *testing.T, kinds string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.all[l.taken:] {
		if got := strings.Join(l.shortSignal(h), ", "); isOf(got, kinds) {
			t.Errorf("heard %s", got)
		}
	}
}

func isOf(short, kinds string) bool {
	return slices.ContainsFunc(strings.Fields(kinds), func(kind string) bool { return strings.Contains(short, " "+kind) })
}

func (s *server) mustType(t *testing.T, who dweller, room string, active bool) {
	t.Helper()
	s.run(t, who.token, typeDocument, variables{"room": room, "active": active}).mustSucceed(t).expectData(t, "setTyping.roomId", fmt.Sprintf("%q", room))
}

func (s *server) mustMark(t *testing.T, who dweller, room string, seq int) {
	t.Helper()
	s.run(t, who.token, markDocument, variables{"room": room, "seq": seq}).mustSucceed(t)
}

// mustSettleAlone is mustSettle with people whom no other test knows.
func (s *server) mustSettleAlone(t *testing.T) (h *house, names map[string]string) {
	t.Helper()
	h = s.mustOpenHouse(t, s.mustArrive(t), s.mustArrive(t), s.mustArrive(t))
	return h, map[string]string{h.manager.id: "Adel", h.residents[0].id: "Mona", h.residents[1].id: "Nour"}
}

// Others are told when somebody begins to type and when they stop: when they say so, post,
// go quiet for six seconds, or leave.
func TestTyping(t *testing.T) {
	t.Parallel()
	const typing = "types rests"
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h, names := s.mustSettleAlone(t)
		adel, mona, nour := h.manager, h.residents[0], h.residents[1]
		// Who comes while somebody types is told of it.
		var all []looker
		stop := s.keepTyping(t, mona, h.community)
		for _, l := range []line{overSocket, overEvents} {
			one := s.lookAt(t, l, adel, h.community, names)
			one.expectOf(t, typing, "Mona types")
			all = append(all, one)
		}
		own := s.lookAt(t, overSocket, mona, h.community, names)
		stop()
		expect := func(want string) {
			t.Helper()
			for _, one := range all {
				one.expectOf(t, typing, want)
			}
		}
		s.mustType(t, mona, h.community, true)
		s.mustType(t, mona, h.community, false)
		expect("Mona rests")
		s.mustType(t, mona, h.community, false)
		s.mustType(t, mona, h.community, true)
		expect("Mona types")
		s.mustSay(t, mona, h.community, "Salam")
		expect("Mona rests")

		stop = s.keepTyping(t, mona, h.community)
		expect("Mona types")
		s.mustType(t, nour, h.community, true)
		expect("Nour types")
		own.expectOf(t, typing, "Nour types")
		s.mustDecide(t, adel, "endMembership", nour.membership)
		expect("Nour rests")
		s.run(t, nour.token, typeDocument, variables{"room": h.community, "active": true}).expectCode(t, "NOT_FOUND", "room")
		stop()
		asked := time.Now()
		s.mustType(t, mona, h.community, true)
		answered := time.Now()
		expect("Mona rests")
		if time.Since(asked) < 5900*time.Millisecond || time.Since(answered) > 6*time.Second+tickTime {
			t.Errorf("it ended %v after it was asked for, and %v after the answer", time.Since(asked), time.Since(answered))
		}
		s.mustType(t, adel, h.community, true)
		own.expectOf(t, typing, "Nour rests", "Adel types")
		for _, one := range all {
			one.expectNone(t, typing)
		}
	})
}

// Who may not post does not type, and who is not in a room hears nothing of it.
func TestSignalsOfOtherPeoplesRooms(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 2)
		stranger := s.mustMeet(t, 5)[4]
		ended := h.residents[1]
		s.mustDecide(t, ended, "endMembership", ended.membership)
		for _, active := range []bool{true, false} {
			v := variables{"room": h.announcements, "active": active}
			s.run(t, h.residents[0].token, typeDocument, v).expectCode(t, "FORBIDDEN", "room")
			s.run(t, h.manager.token, typeDocument, v).mustSucceed(t)
			want := s.run(t, stranger.token, typeDocument, v.with(variables{"room": neverWere(h.community)[0]}))
			want.expectCode(t, "NOT_FOUND", "room")
			for _, who := range []dweller{stranger, ended} {
				for _, room := range []string{h.community, h.announcements, h.id, "x"} {
					if got := s.run(t, who.token, typeDocument, v.with(variables{"room": room})); !bytes.Equal(got.body, want.body) {
						t.Errorf("%s: %v, want %v", room, got, want)
					}
				}
			}
			s.run(t, "", typeDocument, v).expectCode(t, "UNAUTHENTICATED", "")
		}
		eachLine(t, func(t *testing.T, l line) {
			want := s.listen(t, l, stranger.token, signalsDocument, variables{"room": neverWere(h.community)[0]}).hear(t)
			if want.String() != "NOT_FOUND field=room" {
				t.Errorf("heard %s", want)
			}
			for _, who := range []dweller{stranger, ended} {
				for _, room := range []string{h.community, h.id, "x"} {
					if got := s.listen(t, l, who.token, signalsDocument, variables{"room": room}).hear(t); !bytes.Equal(got.payload, want.payload) {
						t.Errorf("heard %s", got)
					}
				}
			}
			s.listen(t, l, "", signalsDocument, variables{"room": h.community}).expectEnd(t, l, "UNAUTHENTICATED")
		})
	})
}

// Who leaves a room hears no more of it.
func TestSignalsEndWithLeaving(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h, names := s.mustSettleAlone(t)
		mona, nour := h.residents[0], h.residents[1]
		eachOf := map[line]looker{}
		for _, l := range []line{overSocket, overEvents} {
			eachOf[l] = s.mustLookAt(t, l, mona, h.community, names, h.manager)
		}
		stays := s.lookAt(t, overSocket, h.manager, h.community, names)
		s.mustDecide(t, h.manager, "endMembership", mona.membership)
		stop := s.keepTyping(t, nour, h.community)
		stays.expectOf(t, "types", "Nour types")
		stop()
		for l, one := range eachOf {
			for told := ""; told != "NOT_FOUND"; { // and of Adel what was before
				told = strings.Join(one.shortSignal(one.hear(t)), ", ")
				if told != "NOT_FOUND" && !strings.HasPrefix(told, "Adel ") {
					t.Fatalf("who has left hears %s", told)
				}
			}
			if l == overEvents {
				one.expect(t, "complete", "over")
			} else {
				one.expectQuiet(t)
			}
		}
	})
}

// Marks are told to the room, as far as their reader shares them, and never where
// announcements are made.
func TestReadMarksAreTold(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h, names := s.mustSettleAlone(t)
		mona, nour := h.residents[0], h.residents[1]
		last := s.mustChat(t, h.manager, h.community, 5)
		here := s.mustLookAt(t, overSocket, nour, h.community, names, h.manager)
		news := s.mustLookAt(t, overSocket, nour, h.announcements, names, h.manager)

		s.mustMark(t, mona, h.announcements, 2)
		s.mustMark(t, mona, h.community, last-2)
		here.expectOf(t, "read", fmt.Sprintf("Mona read %d", last-2))
		s.mustMark(t, mona, h.community, last-3) // which is behind
		share := `mutation($yes: Boolean!) { updateProfile(input: {shareReadMarks: $yes}) { viewer { id } } }`
		s.run(t, mona.token, share, variables{"yes": false}).mustSucceed(t)
		s.mustMark(t, mona, h.community, last-1)
		s.mustMark(t, h.manager, h.community, last)
		here.expectOf(t, "read", fmt.Sprintf("Adel read %d", last))
		s.run(t, mona.token, share, variables{"yes": true}).mustSucceed(t)
		s.mustMark(t, mona, h.community, last)
		here.expectOf(t, "read", fmt.Sprintf("Mona read %d", last))
		news.expectNone(t, "read")
	})
}

// Who has a connection is online, and for 15 seconds more.
func TestPresence(t *testing.T) {
	t.Parallel()
	const changes = "online away unseen hidden"
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h, names := s.mustSettleAlone(t)
		mona := h.residents[0]
		expectPresence := func(want string) {
			t.Helper()
			for _, who := range []dweller{h.manager, mona} {
				r := s.run(t, who.token, presenceDocument, variables{"id": mona.id}).mustSucceed(t)
				if got := presenceOf(r.lookup("node.presence")); got != want {
					t.Errorf("Mona is %s, want %s", got, want)
				}
			}
		}
		share := func(yes bool) {
			t.Helper()
			s.run(t, mona.token, `mutation($yes: Boolean!) { updateProfile(input: {sharePresence: $yes}) { viewer { user { presence { online } } } } }`,
				variables{"yes": yes}).mustSucceed(t)
		}
		expectPresence("unseen")
		l := s.mustLookAt(t, overSocket, h.manager, h.community, names, mona)

		phone := s.openSocket(t, mona.token)
		l.expectOf(t, changes, "Mona online")
		expectPresence("online")
		laptop := s.openEvents(t, mona.token, followDocument, variables{"room": h.community})
		laptop.hear(t)
		phone.hangUp()
		share(false)
		l.expectOf(t, changes, "Mona hidden")
		expectPresence("hidden")
		share(true)
		l.expectOf(t, changes, "Mona online")
		laptop.hangUp()
		// A network that is changed is nothing.
		phone = s.openSocket(t, mona.token)
		phone.expectAlive(t)
		phone.hangUp()
		left := time.Now()
		expectPresence("online")
		l.expectOf(t, changes, "Mona away")
		if took := time.Since(left); took < 14*time.Second || took > 15*time.Second+tickTime {
			t.Errorf("she was gone after %v", took)
		}
		expectPresence("away")
		r := s.run(t, h.manager.token, presenceDocument, variables{"id": mona.id})
		seen := mustParseTime(t, at[string](t, r, "node.presence.lastSeenAt"))
		if seen.Truncate(time.Minute) != seen || left.Sub(seen) > 2*time.Minute || seen.After(time.Now()) {
			t.Errorf("she was seen at %v", seen)
		}
		share(false)
		expectPresence("hidden")
		l.expectOf(t, changes, "Mona hidden")
	})
}

// Many who come at once are one signal.
func TestManyComeOnline(t *testing.T) {
	t.Parallel()
	const people = 15
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		var all []dweller
		for range people {
			all = append(all, s.mustArrive(t))
		}
		h := s.mustOpenHouse(t, all[0], all[1:]...)
		names := map[string]string{}
		for _, who := range all {
			names[who.id] = who.id
		}
		l := s.mustLookAt(t, overSocket, h.manager, h.community, names, all[1])
		began := time.Now()
		for _, who := range all[1:] {
			s.openSocket(t, who.token)
		}
		told, signals := map[string]bool{}, 0
		for len(told) < people-1 {
			short := l.shortSignal(l.hear(t))
			for _, one := range short {
				if who, yes := strings.CutSuffix(one, " online"); yes {
					told[who] = true
				}
			}
			if strings.HasSuffix(short[0], "online") {
				signals++
			}
		}
		if most := 2 + int(time.Since(began)/time.Second); signals > most {
			t.Errorf("%d signals in %v", signals, time.Since(began))
		}
	})
}

// No signal of whom somebody blocked reaches them, from the moment on at which they are
// answered: neither typing nor what is read, nor who is there. Others are told as before, and
// so is who was blocked.
func TestSignalsOfTheBlocked(t *testing.T) {
	t.Parallel()
	const kinds = "types rests read online away unseen"
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h, names := s.mustSettleAlone(t)
		adel, mona, nour := h.manager, h.residents[0], h.residents[1]
		last := s.mustChat(t, adel, h.community, 3)
		var blocker, others []looker
		for _, l := range []line{overSocket, overEvents} {
			blocker = append(blocker, s.lookAt(t, l, nour, h.community, names))
			others = append(others, s.lookAt(t, l, adel, h.community, names))
		}
		stop := s.keepTyping(t, mona, h.community)
		for _, one := range append(slices.Clone(blocker), others...) {
			one.expectOf(t, "types", "Mona types")
		}
		stop()
		s.run(t, nour.token, `mutation($id: ID!) { blockUser(user: $id) { user { id } } }`, variables{"id": mona.id}).mustSucceed(t)
		for _, one := range blocker {
			one.mu.Lock()
			one.taken = len(one.all)
			one.mu.Unlock()
		}
		// One after the other was heard: those that wait together are one.
		for _, told := range []struct {
			active bool
			as     string
		}{{false, "Mona rests"}, {true, "Mona types"}} {
			s.mustType(t, mona, h.community, told.active)
			for _, one := range others {
				one.expectOf(t, "types rests", told.as)
			}
		}
		s.mustMark(t, mona, h.community, last)
		for _, one := range others {
			one.expectOf(t, "read", fmt.Sprintf("Mona read %d", last))
		}
		late := s.lookAt(t, overSocket, nour, h.community, names)
		// Whatever was told of Mona came before what is told of Adel now.
		stop = s.keepTyping(t, adel, h.community)
		for _, one := range append(slices.Clone(blocker), late) {
			for told := ""; told != "Adel types"; {
				h, err := one.next(hearTime)
				if err != nil {
					t.Fatal(err)
				}
				if told = strings.Join(one.shortSignal(h), ", "); strings.Contains(told, "Mona") && isOf(told, kinds) {
					t.Errorf("who blocked Mona hears %q", told)
				}
			}
		}
		own := s.lookAt(t, overSocket, mona, h.community, names)
		own.hearOf(t, "Adel types")
		stop()
		s.mustType(t, nour, h.community, true)
		own.hearOf(t, "Nour types")
	})
}
