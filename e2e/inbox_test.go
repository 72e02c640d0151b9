package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
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
		eachLine(t, func(t *testing.T, l line) {
			for _, who := range []dweller{pending, ended, banned} {
				in := s.openInbox(t, l, who.token, named(h), stored(h.community, 0), stored(h.announcements, 2))
				in.expect(t, "closed home", "closed news", "CaughtUp")
				s.mustChat(t, h.manager, h.community, 1)
				in.expectQuiet(t)
			}
		})
	})
}

// A mark that is moved on one device is told to all; one that is not, to none.
func TestInboxTellsOfMarks(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		eachLine(t, func(t *testing.T, l line) {
			h := s.mustOpenHouse(t, s.mustMeet(t, 1)[0], s.mustArrive(t))
			who := h.residents[0]
			last := s.mustChat(t, h.manager, h.community, 5)
			devices := []letters{}
			for range 2 {
				in := s.openInbox(t, l, who.token, named(h), stored(h.community, last), stored(h.announcements, 2))
				in.expect(t, "CaughtUp")
				devices = append(devices, in)
			}
			for _, seq := range []int{last - 2, last - 3, last - 2, last} {
				s.markRead(t, who.token, h.community, seq).mustSucceed(t)
			}
			for _, in := range devices {
				// Two that come together may be told as one, which reads as the later.
				got := in.hear(t)
				for got.result().lookup("inboxEvents.room.viewerReadSeq") != float64(last) {
					if in.short(got) != "marked home" {
						t.Fatalf("heard %s", in.short(got))
					}
					got = in.hear(t)
				}
			}
			s.markRead(t, who.token, h.community, last).mustSucceed(t)
			s.markRead(t, h.manager.token, h.community, last).mustSucceed(t)
			s.mustChat(t, h.manager, h.community, 1)
			for _, in := range devices {
				in.expect(t, fmt.Sprintf("home %d MESSAGE_POSTED", last+1))
				in.expectQuiet(t)
			}
		})
	})
}

// Rooms come and go while one listens: each opens before its first entry, and closes
// behind the one that says why.
func TestInboxHearsOfComingAndGoing(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		eachLine(t, func(t *testing.T, l line) {
			h := s.mustOpenHouse(t, s.mustMeet(t, 1)[0])
			who := s.mustArrive(t)
			in := s.openInbox(t, l, who.token, named(h))
			in.expect(t, "CaughtUp")
			in.roomsAlone = true
			for round := range 3 {
				_, home := s.mustStand(t, h.manager.token, h.community)
				_, news := s.mustStand(t, h.manager.token, h.announcements)
				who = s.mustEnter(t, who, h.openCode)
				// Their own coming is in what is there when the room opens.
				in.expectAnyOrder(t, fmt.Sprintf("opened home %d", home+1), fmt.Sprintf("opened news %d", news+1))
				s.mustChat(t, h.manager, h.community, 2)
				in.expect(t, fmt.Sprintf("home %d MESSAGE_POSTED", home+2), fmt.Sprintf("home %d MESSAGE_POSTED", home+3))
				if round == 1 {
					s.mustDecide(t, h.manager, "banMember", who.membership)
					s.mustDecide(t, h.manager, "unbanMember", who.membership)
				} else {
					s.mustDecide(t, who, "endMembership", who.membership)
				}
				s.mustChat(t, h.manager, h.community, 2) // which is not theirs to hear
				var heard []string
				for range 4 {
					heard = append(heard, in.hearShort(t))
				}
				for _, order := range [][]string{
					{fmt.Sprintf("home %d MEMBER_LEFT", home+4), "closed home"},
					{fmt.Sprintf("news %d MEMBER_LEFT", news+2), "closed news"},
				} {
					if left := slices.Index(heard, order[0]); left < 0 || slices.Index(heard, order[1]) < left {
						t.Fatalf("heard %q, want %q", heard, order)
					}
				}
			}
		})
	})
}

// Who left and came back while they were away has the room still: what was between is
// history.
func TestInboxAcrossOnesOwnLeaving(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustOpenHouse(t, s.mustMeet(t, 1)[0], s.mustArrive(t))
		who := h.residents[0]
		s.mustDecide(t, who, "endMembership", who.membership)
		s.mustChat(t, h.manager, h.community, 1)
		who = s.mustEnter(t, who, h.openCode)
		eachLine(t, func(t *testing.T, l line) {
			in := s.openInbox(t, l, who.token, named(h), stored(h.community, 2), stored(h.announcements, 4))
			in.expect(t, "home 3 MEMBER_LEFT", "home 4 MESSAGE_POSTED", "home 5 MEMBER_JOINED", "CaughtUp")
			in.expectQuiet(t)
		})
	})
}

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
		s.mustChatWith(t, h.manager, h.community, 20, strings.Repeat("ب", 4000))
		who = s.mustEnter(t, who, next.openCode)
		last := s.mustChatWith(t, h.manager, h.community, 20, strings.Repeat("ب", 4000))
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

// What one does on a device, and what managers decide of one, is told to the others.
func TestInboxTellsOfOneself(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		eachLine(t, func(t *testing.T, l line) {
			h := s.mustOpenHouse(t, s.mustMeet(t, 1)[0])
			who := s.mustArrive(t)
			in := s.openInbox(t, l, who.token, named(h))
			in.expect(t, "CaughtUp")
			// after does something, and gives the update that tells of it.
			after := func(do func()) result {
				t.Helper()
				do()
				for {
					h := in.hear(t)
					if in.short(h) == "viewer" {
						return h.result()
					}
				}
			}
			mine := func(mutation string) func() {
				return func() { s.run(t, who.token, mutation, nil).mustSucceed(t) }
			}
			const viewer = "inboxEvents.viewer."
			after(mine(`mutation { updateProfile(input: {name: "Mona Said", locale: "en"}) { viewer { id } } }`)).
				expectData(t, viewer+"user.name", `"Mona Said"`)
			var other session
			r := after(func() { other = s.mustLogIn(t, who.email, who.password) })
			if n := len(objects(at[any](t, r, viewer+"sessions"))); n != 2 {
				t.Errorf("%d sessions after a log-in", n)
			}
			r = after(mine(fmt.Sprintf(`mutation { revokeSession(session: %q) { sessionId } }`, other.id)))
			if n := len(objects(at[any](t, r, viewer+"sessions"))); n != 1 {
				t.Errorf("%d sessions after the other was revoked", n)
			}
			r = after(func() { who = s.mustEnter(t, who, h.closedCode) })
			r.expectData(t, viewer+"memberships", fmt.Sprintf(`[{"building": {"id": %q}, "status": "PENDING", "role": "RESIDENT"}]`, h.id))
			r = after(func() { s.mustDecide(t, h.manager, "approveMembership", who.membership) })
			r.expectData(t, viewer+"memberships", fmt.Sprintf(`[{"building": {"id": %q}, "status": "ACTIVE", "role": "RESIDENT"}]`, h.id))
			after(func() { s.mustGiveApartment(t, h, who, h.apartments[0]) })
			r = after(func() {
				s.run(t, h.manager.token, `mutation($id: ID!) { setMemberRole(membership: $id, role: MANAGER) { membership { id } } }`,
					variables{"id": who.membership}).mustSucceed(t)
			})
			r.expectData(t, viewer+"memberships", fmt.Sprintf(`[{"building": {"id": %q}, "status": "ACTIVE", "role": "MANAGER"}]`, h.id))
			s.mustGiveApartment(t, h, who, h.apartments[0]) // where they live already
			r = after(func() { s.mustDecide(t, h.manager, "banMember", who.membership) })
			r.expectData(t, viewer+"memberships", fmt.Sprintf(`[{"building": {"id": %q}, "status": "BANNED", "role": "RESIDENT"}]`, h.id))
			next := stranger().password
			after(func() {
				s.run(t, who.token, changePasswordDocument, variables{"current": who.password, "new": next}).mustSucceed(t)
			})
			r = after(mine(`mutation { createBuilding(input: {name: "Mine"}) { building { id } } }`))
			if n := len(objects(at[any](t, r, viewer+"memberships"))); n != 2 {
				t.Errorf("%d memberships", n)
			}
		})
	})
}

// An inbox that selects what depends on who asks hears the same, in its own words.
func TestInboxOfOnesOwnWords(t *testing.T) {
	t.Parallel()
	const document = `subscription Own($after: [RoomPosition!]!) { mail: inboxEvents(after: $after) {
		... on RoomEvent { seq kind room { viewerPosting { allowed } viewerReadSeq participants { nodes { user { id } } } } message { text } }
		... on RoomClosed { roomId }
	} }`
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		eachLine(t, func(t *testing.T, l line) {
			h := s.mustOpenHouse(t, s.mustArrive(t), s.mustArrive(t))
			who := h.residents[0]
			last := s.mustChat(t, h.manager, h.announcements, 100)
			var streams []*stream
			for _, who := range []dweller{who, h.manager} {
				streams = append(streams, s.listen(t, l, who.token, document,
					variables{"after": []variables{stored(h.community, 2), stored(h.announcements, 2)}}))
			}
			expect := func(st *stream, seq int, kind string, allowed bool, people int) {
				t.Helper()
				r := st.hear(t).result().mustSucceed(t)
				for path, want := range map[string]string{
					"seq": fmt.Sprint(seq), "kind": fmt.Sprintf("%q", kind), "room.viewerPosting.allowed": fmt.Sprint(allowed),
				} {
					r.expectData(t, "mail."+path, want)
				}
				if n := len(objects(at[any](t, r, "mail.room.participants.nodes"))); n != people {
					t.Errorf("%d participants: %v", n, r)
				}
			}
			for i, st := range streams {
				for seq := 3; seq <= last; seq++ {
					expect(st, seq, "MESSAGE_POSTED", i == 1, 2)
				}
				st.hear(t).result().expectData(t, "mail", `{}`) // CaughtUp
			}
			s.mustChat(t, h.manager, h.announcements, 1)
			for i, st := range streams {
				expect(st, last+1, "MESSAGE_POSTED", i == 1, 2)
			}
			s.mustDecide(t, who, "endMembership", who.membership)
			closed := 0
			for closed < 2 {
				r := streams[0].hear(t).result().mustSucceed(t)
				if r.lookup("mail.roomId") != nil {
					closed++
				} else if r.lookup("mail.kind") == "MEMBER_LEFT" {
					r.expectData(t, "mail.room.participants.nodes", `[]`)
				}
			}
		})
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
			s = home.start(t, "OMARTY_RATE_LIMITS=off", "OMARTY_LISTEN="+strings.TrimPrefix(s.url, "http://"))
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

// Whoever comes and goes, in how many houses ever, and however often the inbox breaks
// off: what its client keeps of each room is what is in the room's log.
func TestInboxKeepsWhatLogsSay(t *testing.T) {
	t.Parallel()
	const houses, steps = 3, 60
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		eachLine(t, func(t *testing.T, l line) {
			manager, who := s.mustMeet(t, 1)[0], s.mustArrive(t)
			var all []*house
			for range houses {
				all = append(all, s.mustOpenHouse(t, manager))
			}
			// What managers and others do, beside the listening.
			done := make(chan struct{})
			go func() {
				defer close(done)
				r := rand.New(rand.NewPCG(1, 2))
				inside := make([]string, houses) // memberships
				for range steps {
					i := r.IntN(houses)
					h := all[i]
					switch n := r.IntN(6); {
					case n < 2 && inside[i] == "":
						r, err := s.tryRun(who.token, `mutation($code: String!) { joinBuilding(input: {code: $code}) { membership { id } } }`, variables{"code": h.openCode})
						if err != nil || r.code() != "" {
							t.Errorf("got %v, %v", r, err)
							return
						}
						inside[i] = r.lookup("joinBuilding.membership.id").(string)
					case n < 2:
						r, err := s.tryRun(manager.token, `mutation($id: ID!) { endMembership(membership: $id) { membership { id } } }`, variables{"id": inside[i]})
						if err != nil || r.code() != "" {
							t.Errorf("got %v, %v", r, err)
							return
						}
						inside[i] = ""
					default:
						if r, err := s.trySend(manager.token, h.community, newKey(), "Salam"); err != nil || r.code() != "" {
							t.Errorf("got %v, %v", r, err)
							return
						}
					}
				}
				for i, h := range all { // so that the end is heard
					if inside[i] == "" {
						if _, err := s.tryRun(who.token, `mutation($code: String!) { joinBuilding(input: {code: $code}) { membership { id } } }`, variables{"code": h.openCode}); err != nil {
							t.Error(err)
						}
					}
				}
			}()
			copies := map[string]*copied{}
			finished := false
			for !finished {
				select {
				case <-done:
					finished = true
				default:
				}
				s.listenInto(t, l, who.token, copies, finished)
			}
			for _, h := range all {
				for _, room := range []string{h.community, h.announcements} {
					kept := copies[room]
					if kept == nil {
						t.Fatalf("%s is not open at the end", room)
					}
					r := s.run(t, who.token, `query($id: ID!, $after: Int!) { room(id: $id) { lastSeq events(after: $after, first: 1000) { nodes { seq kind } } } }`,
						variables{"id": room, "after": kept.from}).mustSucceed(t)
					var want []string
					for _, one := range objects(at[any](t, r, "room.events.nodes")) {
						want = append(want, fmt.Sprintf("%v %v", one["seq"], one["kind"]))
					}
					if !slices.Equal(kept.entries, want) {
						t.Errorf("kept %q\nthe log says %q", kept.entries, want)
					}
				}
			}
		})
	})
}

// copied is a client's copy of a room: the entries from where it was opened on.
type copied struct {
	from, at int
	entries  []string
}

// listenInto listens for a while, and keeps what it hears in copies; whole demands that
// it is up to date at the end.
func (s *server) listenInto(t *testing.T, l line, token string, copies map[string]*copied, whole bool) {
	t.Helper()
	var after []variables
	for id, c := range copies {
		after = append(after, stored(id, c.at))
	}
	in := s.openInbox(t, l, token, nil, after...)
	defer in.hangUp()
	n, caught := 3+rand.IntN(12), false
	for ; n > 0 || whole && !caught; n-- {
		h, err := in.next(time.Second)
		if err != nil {
			if whole && !caught {
				n++
				continue
			}
			return // there is nothing to hear by now
		}
		r := h.result().mustSucceed(t)
		switch at[string](t, r, "inboxEvents.__typename") {
		case "RoomOpened":
			id, seq := at[string](t, r, "inboxEvents.room.id"), int(at[float64](t, r, "inboxEvents.room.lastSeq"))
			if copies[id] != nil {
				t.Fatalf("%s opened, where it was open", id)
			}
			copies[id] = &copied{from: seq, at: seq}
		case "RoomClosed":
			id := at[string](t, r, "inboxEvents.roomId")
			if copies[id] == nil {
				t.Fatalf("%s closed, where it was closed", id)
			}
			delete(copies, id)
		case "RoomEvent":
			id, seq := at[string](t, r, "inboxEvents.room.id"), int(at[float64](t, r, "inboxEvents.seq"))
			c := copies[id]
			if c == nil || seq != c.at+1 {
				t.Fatalf("heard %d of %s, of which is kept %+v", seq, id, c)
			}
			c.at = seq
			c.entries = append(c.entries, fmt.Sprintf("%v %v", seq, r.lookup("inboxEvents.kind")))
		case "CaughtUp":
			if caught {
				t.Fatal("caught up twice")
			}
			caught = true
		}
	}
}
