package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Who takes nothing for a while slows nobody, and gets everything later: entries, and
// what opens and closes rooms between them.
func TestSlowInboxSlowsNobody(t *testing.T) {
	t.Parallel()
	document := strings.NewReplacer("roomEvents(room: $room, after: $after)", "inboxEvents(after: $after)",
		"$room: ID!, $after: Int", "$after: [RoomPosition!]!", "... on CaughtUp { position }",
		"... on CaughtUp { position } ... on RoomOpened { room { id lastSeq } } ... on RoomClosed { roomId }", "seq kind", "room { id } seq kind").Replace(wideDocument())
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustOpenHouse(t, s.mustArrive(t), s.mustArrive(t))
		next := s.mustOpenHouse(t, s.mustMeet(t, 1)[0])
		who := h.residents[0]
		names := named(h)
		names[next.community], names[next.announcements] = "next", "their news"
		after := variables{"after": []variables{stored(h.community, 2), stored(h.announcements, 2)}}
		var slow []letters
		for _, l := range []line{overSocket, overEvents} {
			in := letters{stream: s.listenSlowly(t, l, who.token, document, after), names: names, roomsAlone: true}
			in.expect(t, "CaughtUp")
			slow = append(slow, in)
		}
		s.mustChatWith(t, h.manager, h.community, longBackfill, strings.Repeat("ب", 4000))
		who = s.mustEnter(t, who, next.openCode)
		last := s.mustChat(t, h.manager, h.community, 3)
		s.mustDecide(t, who, "endMembership", who.membership)
		for _, in := range slow {
			in.resume()
		}
		for _, in := range slow {
			seq, others := 3, []string{}
			for seq <= last || len(others) < 6 {
				got := in.hearShort(t)
				if strings.HasPrefix(got, "home ") {
					if want := fmt.Sprintf("home %d MESSAGE_POSTED", seq); got != want {
						t.Fatalf("heard %s, want %s", got, want)
					}
					seq++
					continue
				}
				others = append(others, got)
			}
			for _, name := range []string{"next", "their news"} {
				at := func(update string) int { return slices.Index(others, update) }
				opened, left, closed := at("opened "+name+" 2"), at(name+" 3 MEMBER_LEFT"), at("closed "+name)
				if opened < 0 || left < opened || closed < left {
					t.Fatalf("heard %q", others)
				}
			}
		}
	})
}

// Two hundred rooms, and more missed in each.
func TestInboxOfTwoHundredRooms(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		who := s.mustArrive(t)
		for range 4 {
			var calls strings.Builder
			for i := range 25 {
				fmt.Fprintf(&calls, "b%d: createBuilding(input: {name: \"House %d\"}) { building { id } }\n", i, i)
			}
			s.run(t, who.token, "mutation {\n"+calls.String()+"}", nil).mustSucceed(t)
		}
		eachLine(t, func(t *testing.T, l line) {
			in := s.openInbox(t, l, who.token, nil)
			seen := map[string]bool{}
			var after []variables
			for range 200 {
				r := in.hear(t).result().mustSucceed(t)
				id := at[string](t, r, "inboxEvents.room.id")
				if seen[id] {
					t.Fatalf("%s opened twice", id)
				}
				seen[id] = true
				r.expectData(t, "inboxEvents.room.lastSeq", "1")
				after = append(after, stored(id, 0))
			}
			in.expect(t, "CaughtUp")
			in = s.openInbox(t, l, who.token, nil, after...)
			for range 200 {
				r := in.hear(t).result().mustSucceed(t)
				id := at[string](t, r, "inboxEvents.room.id")
				if !seen[id] {
					t.Fatalf("%s told twice", id)
				}
				delete(seen, id)
				r.expectData(t, "inboxEvents.seq", "1")
			}
			in.expect(t, "CaughtUp")
			in.expectQuiet(t)
		})
	})
}

// After a kill, who names all rooms goes on in each: nothing is lost, nothing twice.
func TestInboxAcrossAKill(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		home := newPlace(t, e)
		s := home.start(t, "OMARTY_RATE_LIMITS=off")
		manager, who := s.mustArrive(t), s.mustArrive(t)
		houses := []*house{s.mustOpenHouse(t, manager, who), s.mustOpenHouse(t, manager, who)}
		names := map[string]string{}
		for i, h := range houses {
			names[h.community], names[h.announcements] = fmt.Sprint("home", i), fmt.Sprint("news", i)
		}
		positions := map[string]int{}
		open := func() letters {
			var after []variables
			for id, seq := range positions {
				after = append(after, stored(id, seq))
			}
			return s.openInbox(t, overSocket, who.token, names, after...)
		}
		in := open()
		for range 4 {
			r := in.hear(t).result()
			positions[at[string](t, r, "inboxEvents.room.id")] = int(at[float64](t, r, "inboxEvents.room.lastSeq"))
		}
		in.expect(t, "CaughtUp")
		for range 2 {
			var talking sync.WaitGroup
			said := make([]int, len(houses))
			for i, h := range houses {
				talking.Go(func() {
					for {
						r, err := s.trySend(manager.token, h.community, newKey(), "Salam")
						if err != nil || r.code() != "" {
							return
						}
						said[i] = int(r.lookup("sendMessage.message.seq").(float64))
					}
				})
			}
			for n := 0; n < 20; n++ {
				in.take(t, positions)
			}
			s.mustKill(t)
			talking.Wait()
			for in.take(t, positions) {
			}
			s = home.start(t, "OMARTY_RATE_LIMITS=off")
			in = open()
			for in.take(t, positions) {
			}
			for i, h := range houses {
				_, last := s.mustStand(t, who.token, h.community)
				if positions[h.community] != last || last < said[i] {
					t.Errorf("caught up at %d; %d was acknowledged, and the log stands at %d", positions[h.community], said[i], last)
				}
			}
		}
	})
}

// take hears one entry, which has to be the next one of its room; false where it is
// another update, or the end.
func (in letters) take(t *testing.T, positions map[string]int) bool {
	t.Helper()
	h := in.hear(t)
	if h.kind != "next" {
		return false
	}
	r := h.result()
	if r.lookup("inboxEvents.seq") == nil {
		return false
	}
	room, seq := at[string](t, r, "inboxEvents.room.id"), int(at[float64](t, r, "inboxEvents.seq"))
	if seq != positions[room]+1 {
		t.Fatalf("heard %d in %s after %d", seq, in.names[room], positions[room])
	}
	positions[room] = seq
	return true
}

// Who comes into a room by way of one node hears of it on the other.
func TestInboxOnTwoNodes(t *testing.T) {
	t.Parallel()
	home := newPlace(t, postgres)
	nodes := []*server{home.start(t, "OMARTY_RATE_LIMITS=off"), home.start(t, "OMARTY_RATE_LIMITS=off")}
	h := nodes[0].mustOpenHouse(t, nodes[0].mustArrive(t))
	who := nodes[0].mustArrive(t)
	ins := []letters{nodes[1].openInbox(t, overSocket, who.token, named(h)), nodes[1].openInbox(t, overEvents, who.token, named(h))}
	for i := range ins {
		ins[i].expect(t, "CaughtUp")
		ins[i].roomsAlone = true
	}
	for round := range 3 {
		begin := time.Now()
		who = nodes[0].mustEnter(t, who, h.openCode)
		for _, in := range ins {
			in.expectAnyOrder(t, fmt.Sprint("opened home ", 2+3*round), fmt.Sprint("opened news ", 2+2*round))
		}
		if took := time.Since(begin); took > nodeTime {
			t.Errorf("it took %v", took)
		}
		nodes[0].mustChat(t, h.manager, h.community, 1)
		nodes[0].mustDecide(t, h.manager, "endMembership", who.membership)
		for _, in := range ins {
			in.expectAnyOrder(t, fmt.Sprint("home ", 3+3*round, " MESSAGE_POSTED"), fmt.Sprint("home ", 4+3*round, " MEMBER_LEFT"),
				fmt.Sprint("news ", 3+2*round, " MEMBER_LEFT"), "closed home", "closed news")
		}
	}
}

// Inboxes end as other streams do; having no one position, they tell none.
func TestInboxEnds(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := start(t, e, "OMARTY_RATE_LIMITS=off")
		h := s.mustOpenHouse(t, s.mustArrive(t), s.mustArrive(t))
		begin := func(who dweller) []letters {
			ins := []letters{
				s.openInbox(t, overSocket, who.token, named(h), stored(h.community, 2)),
				s.openInbox(t, overEvents, who.token, named(h), stored(h.community, 2)),
			}
			for _, in := range ins {
				in.expect(t, "opened news 2", "CaughtUp")
			}
			return ins
		}
		// One that is taken back is silent, and the socket goes on.
		taken := begin(h.manager)[0]
		c := taken.connection.(*socket)
		c.complete(t, taken.stream)
		c.expectAlive(t)
		s.mustChat(t, h.manager, h.community, 1)
		c.expectAlive(t)
		taken.expectQuiet(t)

		ins := []letters{}
		for _, l := range []line{overSocket, overEvents} {
			in := s.openInbox(t, l, h.residents[0].token, named(h), stored(h.community, 3))
			in.expect(t, "opened news 2", "CaughtUp")
			ins = append(ins, in)
		}
		s.run(t, h.residents[0].token, `mutation { logOut { sessionId } }`, nil).mustSucceed(t)
		s.mustChat(t, h.manager, h.community, 1)
		ins[0].connection.(*socket).expectClosed(t, 4401)
		ins[1].expect(t, "UNAUTHENTICATED", "complete", "over")

		ins = nil
		for _, l := range []line{overSocket, overEvents} {
			in := s.openInbox(t, l, h.manager.token, named(h), stored(h.community, 4))
			in.expect(t, "opened news 2", "CaughtUp")
			ins = append(ins, in)
		}
		s.mustStop(t)
		ins[0].connection.(*socket).expectClosed(t, 1012)
		ins[1].expect(t, "UNAVAILABLE", "complete", "over")
	})
}
