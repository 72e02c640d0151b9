package e2e

import (
	"fmt"
	"slices"
	"testing"
)

const inboxDocument = `subscription Inbox($after: [RoomPosition!]! = []) {
	inboxEvents(after: $after) { __typename
		... on RoomEvent { room { id } seq kind member { id } message { text } }
		... on CaughtUp { position }
		... on RoomOpened { room { id logId lastSeq name viewerReadSeq lastMessage { seq } } }
		... on RoomClosed { roomId }
		... on ViewerRoomChanged { room { id viewerReadSeq } }
		... on ViewerChanged { viewer { locale user { name } memberships { building { id } status role } sessions { id } } }
	}
}`

// letters is an inbox as its client hears it.
type letters struct {
	*stream
	names map[string]string // of rooms, by id
	// roomsAlone passes over what is told of the viewer.
	roomsAlone bool
}

// named gives what the rooms of a house are called in a test.
func named(h *house) map[string]string {
	return map[string]string{h.community: "home", h.announcements: "news"}
}

// openInbox listens to all rooms of somebody.
func (s *server) openInbox(t *testing.T, l line, token string, names map[string]string, after ...variables) letters {
	t.Helper()
	return letters{stream: s.listen(t, l, token, inboxDocument, variables{"after": append([]variables{}, after...)}), names: names}
}

// stored says that a client has a room up to a position.
func stored(room string, seq int) variables { return variables{"room": room, "seq": seq} }

// short gives what was heard in short: "opened home 3", "home 4 MEMBER_JOINED",
// "closed home", "CaughtUp", "marked home", "viewer".
func (in letters) short(h heard) string {
	if h.kind != "next" {
		return h.String()
	}
	r := h.result()
	update, ok := r.lookup("inboxEvents").(map[string]any)
	if !ok || len(r.errors) > 0 {
		return h.String()
	}
	name := func(path string) string {
		id := fmt.Sprint(r.lookup("inboxEvents." + path))
		if known, ok := in.names[id]; ok {
			return known
		}
		return id
	}
	switch update["__typename"] {
	case "RoomEvent":
		return fmt.Sprintf("%s %v %v", name("room.id"), update["seq"], update["kind"])
	case "RoomOpened":
		return fmt.Sprintf("opened %s %v", name("room.id"), r.lookup("inboxEvents.room.lastSeq"))
	case "RoomClosed":
		return "closed " + name("roomId")
	case "ViewerRoomChanged":
		return "marked " + name("room.id")
	case "ViewerChanged":
		return "viewer"
	case "CaughtUp":
		if update["position"] != nil {
			return string(h.payload)
		}
		return "CaughtUp"
	}
	return string(h.payload)
}

func (in letters) hearShort(t *testing.T) string {
	t.Helper()
	for {
		if got := in.short(in.hear(t)); got != "viewer" || !in.roomsAlone {
			return got
		}
	}
}

// expect demands what comes next, each in short.
func (in letters) expect(t *testing.T, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if got := in.hearShort(t); got != want {
			t.Fatalf("heard %s, want %s", got, want)
		}
	}
}

// expectAnyOrder demands what comes next, in whatever order.
func (in letters) expectAnyOrder(t *testing.T, wants ...string) {
	t.Helper()
	var got []string
	for range wants {
		got = append(got, in.hearShort(t))
	}
	slices.Sort(got)
	slices.Sort(wants)
	if !slices.Equal(got, wants) {
		t.Fatalf("heard %q, want %q", got, wants)
	}
}

// Who has stored nothing is told of each room first, then that this is all; from then
// on of what happens in them, from where they stood.
func TestInboxOpensAllRooms(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		eachLine(t, func(t *testing.T, l line) {
			h := s.mustOpenHouse(t, s.mustArrive(t), s.mustMeet(t, 1)...)
			last := s.mustChat(t, h.manager, h.community, 3)
			in := s.openInbox(t, l, h.manager.token, named(h))
			in.expectAnyOrder(t, fmt.Sprintf("opened home %d", last), "opened news 2")
			in.expect(t, "CaughtUp")
			s.mustChat(t, h.manager, h.community, 2)
			in.expect(t, fmt.Sprintf("home %d MESSAGE_POSTED", last+1), fmt.Sprintf("home %d MESSAGE_POSTED", last+2))
			s.mustChat(t, h.manager, h.announcements, 1)
			in.expect(t, "news 3 MESSAGE_POSTED")
			in.expectQuiet(t)
		})
		// Who is in no room has missed nothing.
		nobodys := s.mustArrive(t)
		in := s.openInbox(t, overSocket, nobodys.token, nil)
		in.expect(t, "CaughtUp")
		in.expectQuiet(t)
	})
}

// Who goes on from where they were gets all that was missed, once and in order in each
// room, then CaughtUp, once, then what happens.
func TestInboxGoesOn(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustOpenHouse(t, s.mustArrive(t))
		s.mustChat(t, h.manager, h.community, 150)
		s.mustChat(t, h.manager, h.announcements, 70)
		log, _ := s.mustStand(t, h.manager.token, h.community)
		eachLine(t, func(t *testing.T, l line) {
			in := s.openInbox(t, l, h.manager.token, named(h), stored(h.community, 1).with(variables{"logId": log}), stored(h.announcements, 11))
			next := map[string]int{"home": 2, "news": 12}
			for {
				got := in.hearShort(t)
				if got == "CaughtUp" {
					break
				}
				var room, kind string
				var seq int
				fmt.Sscan(got, &room, &seq, &kind)
				if seq != next[room] || kind != "MESSAGE_POSTED" {
					t.Fatalf("heard %s, want %v", got, next)
				}
				next[room]++
			}
			if next["home"] != 152 || next["news"] != 72 {
				t.Fatalf("caught up at %v", next)
			}
			in.expectQuiet(t)
		})
		// Nothing was missed in one room; the other is new.
		other := s.mustOpenHouse(t, s.mustArrive(t))
		s.mustChat(t, other.manager, other.community, 150)
		s.mustChat(t, other.manager, other.announcements, 70)
		in := s.openInbox(t, overSocket, other.manager.token, named(other), stored(other.community, 151))
		in.expect(t, "opened news 71", "CaughtUp")
		s.mustChat(t, other.manager, other.announcements, 1)
		s.mustChat(t, other.manager, other.community, 1)
		in.expectAnyOrder(t, "news 72 MESSAGE_POSTED", "home 152 MESSAGE_POSTED")
		in.expectQuiet(t)
	})
}

// What a client has stored that it may not keep is closed; a position of another log is
// closed and opened. Neither ends anything.
func TestInboxPositions(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustOpenHouse(t, s.mustArrive(t))
		others := s.mustSettle(t, 0)
		log, _ := s.mustStand(t, h.manager.token, h.community)
		otherLog, _ := s.mustStand(t, h.manager.token, h.announcements)
		eachLine(t, func(t *testing.T, l line) {
			never := neverWere(h.community)[0]
			notMine := []string{others.community, never, h.id, "x", "", "غرفة \" \n"}
			var after []variables
			wants := []string{}
			for _, id := range notMine {
				after = append(after, stored(id, 0))
				wants = append(wants, "closed "+id)
			}
			in := s.openInbox(t, l, h.manager.token, named(h), append(after, stored(h.community, 1), stored(h.announcements, 1))...)
			in.expect(t, wants...)
			in.expect(t, "CaughtUp")
			in.expectQuiet(t)

			for _, wrong := range []variables{
				stored(h.community, 2), stored(h.community, 1<<30),
				stored(h.community, 1).with(variables{"logId": otherLog}), stored(h.community, 0).with(variables{"logId": "x"}),
			} {
				in := s.openInbox(t, l, h.manager.token, named(h), wrong, stored(h.announcements, 1))
				in.expect(t, "closed home", "opened home 1", "CaughtUp")
				in.expectQuiet(t)
			}
			in = s.openInbox(t, l, h.manager.token, named(h), stored(h.announcements, 1), stored(h.community, 0).with(variables{"logId": log}))
			in.expectAnyOrder(t, "home 1 MEMBER_JOINED", "CaughtUp")

			var many []variables
			for i := range 1001 {
				many = append(many, stored(fmt.Sprint(i), 0))
			}
			for want, after := range map[string][]variables{
				"INVALID_INPUT field=after.1.seq":  {stored(h.community, 0), stored("x", -1)},
				"INVALID_INPUT field=after.2.room": {stored(h.community, 0), stored("x", 1), stored(h.community, 1)},
				"TOO_LARGE field=after":            many,
			} {
				st := s.openInbox(t, l, h.manager.token, nil, after...)
				st.expectEnd(t, l, want)
			}
			in = s.openInbox(t, l, h.manager.token, named(h), many[1:]...)
			for i := 1; i <= 1000; i++ {
				in.expect(t, fmt.Sprintf("closed %d", i))
			}
			in.expectAnyOrder(t, "opened home 1", "opened news 1")
			in.expect(t, "CaughtUp")
			s.openInbox(t, l, "", nil).expectEnd(t, l, "UNAUTHENTICATED")
			s.openInbox(t, l, "", nil, stored("x", -1)).expectEnd(t, l, "UNAUTHENTICATED")
		})
	})
}

// Who is in a house no more, or not yet, is told of its rooms what those are told who
// never were there; and hears nothing of them.
func TestInboxOfOtherPeoplesRooms(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustOpenHouse(t, s.mustMeet(t, 1)[0], s.mustArrive(t), s.mustArrive(t))
		pending, ended, banned := s.mustEnter(t, s.mustArrive(t), h.closedCode), h.residents[0], h.residents[1]
		s.mustDecide(t, ended, "endMembership", ended.membership)
		s.mustDecide(t, h.manager, "banMember", banned.membership)
		for _, l := range []line{overSocket, overEvents} {
			for _, who := range []dweller{pending, ended, banned} {
				in := s.openInbox(t, l, who.token, named(h), stored(h.community, 0), stored(h.announcements, 2))
				in.roomsAlone = true // what the other line had them tell of themselves may come late
				in.expect(t, "closed home", "closed news", "CaughtUp")
				s.mustChat(t, h.manager, h.community, 1)
				// What would be heard would come by the time that this has.
				name := "Nour " + newKey()
				s.run(t, who.token, `mutation { updateProfile(input: {name: "`+name+`"}) { viewer { id } } }`, nil).mustSucceed(t)
				for told := ""; told != name; {
					h := in.hear(t)
					if in.short(h) != "viewer" {
						t.Fatalf("heard %s", in.short(h))
					}
					told = at[string](t, h.result(), "inboxEvents.viewer.user.name")
				}
			}
		}
	})
}
