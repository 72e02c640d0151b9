package e2e

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// A mark that is moved on one device is told to all; one that is not, to none.
func TestInboxTellsOfMarks(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		eachLine(t, func(t *testing.T, l line) {
			h := s.mustOpenHouse(t, s.mustMeet(t, 1)[0], s.mustArrive(t))
			who := h.residents[0]
			last := s.mustChat(t, h.manager, h.community, 5)
			news := s.mustChat(t, h.manager, h.announcements, 4)
			devices := []letters{}
			for range 2 {
				in := s.openInbox(t, l, who.token, named(h), stored(h.community, last), stored(h.announcements, news))
				in.expect(t, "CaughtUp")
				devices = append(devices, in)
			}
			for _, seq := range []int{last - 2, last - 3, last - 2, last} {
				s.markRead(t, who.token, h.community, seq).mustSucceed(t)
			}
			for _, in := range devices {
				// Two that come together may be told as one, which reads as the later.
				for in.hearMark(t, "home") != last {
				}
			}
			// The one before the last may have read as the last, too, which is told once more
			// then: before two marks of the other room, the first of which may come beside it.
			for _, seq := range []int{news - 3, news - 2} {
				s.markRead(t, who.token, h.announcements, seq).mustSucceed(t)
				for _, in := range devices {
					for in.hearMark(t, "home", "news") != seq {
					}
				}
			}
			s.markRead(t, who.token, h.community, last).mustSucceed(t)
			s.markRead(t, h.manager.token, h.community, last).mustSucceed(t)
			for _, seq := range []int{news - 1, news} {
				s.markRead(t, who.token, h.announcements, seq).mustSucceed(t)
				for _, in := range devices {
					if got := in.hearMark(t, "news"); got != seq {
						t.Errorf("heard of a mark at %d, want %d", got, seq)
					}
				}
			}
			for _, in := range devices {
				in.expectQuiet(t)
			}
		})
	})
}

// hearMark hears that a mark was moved in one of some rooms, and gives where it is.
func (in letters) hearMark(t *testing.T, rooms ...string) int {
	t.Helper()
	h := in.hear(t)
	room, ok := strings.CutPrefix(in.short(h), "marked ")
	if !ok || !slices.Contains(rooms, room) {
		t.Fatalf("heard %s, want a mark in one of %q", in.short(h), rooms)
	}
	return int(at[float64](t, h.result(), "inboxEvents.room.viewerReadSeq"))
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
			// after does something, and demands an update that tells of it: what stands there at a
			// path, or how many do; any update where that is "". One that tells of before may
			// come first.
			after := func(do func(), path, want string) {
				t.Helper()
				do()
				var wanted any
				if err := json.Unmarshal([]byte(want), &wanted); err != nil && path != "" {
					t.Fatal(err)
				}
				var got any
				for {
					h, err := in.next(hearTime)
					if err != nil {
						t.Fatalf("nothing tells that %s is %s; the last is %v", path, want, got)
					}
					if in.short(h) != "viewer" {
						continue // a room opens or closes
					}
					got = h.result().lookup("inboxEvents.viewer." + path)
					all, _ := got.([]any)
					if path == "" || reflect.DeepEqual(got, wanted) || wanted == float64(len(all)) {
						return
					}
				}
			}
			mine := func(mutation string) func() {
				return func() { s.run(t, who.token, mutation, nil).mustSucceed(t) }
			}
			decide := func(mutation string) func() {
				return func() { s.mustDecide(t, h.manager, mutation, who.membership) }
			}
			stands := func(status, role string) string {
				return fmt.Sprintf(`[{"building": {"id": %q}, "status": %q, "role": %q}]`, h.id, status, role)
			}
			after(mine(`mutation { updateProfile(input: {name: "Mona Said", locale: "en"}) { viewer { id } } }`), "user.name", `"Mona Said"`)
			var other session
			after(func() { other = s.mustLogIn(t, who.email, who.password) }, "sessions", "2")
			after(mine(fmt.Sprintf(`mutation { revokeSession(session: %q) { sessionId } }`, other.id)), "sessions", "1")
			after(func() { who = s.mustEnter(t, who, h.closedCode) }, "memberships", stands("PENDING", "RESIDENT"))
			after(decide("approveMembership"), "memberships", stands("ACTIVE", "RESIDENT"))
			after(func() { s.mustGiveApartment(t, h, who, h.apartments[0]) }, "", "")
			after(func() {
				s.run(t, h.manager.token, `mutation($id: ID!) { setMemberRole(membership: $id, role: MANAGER) { membership { id } } }`,
					variables{"id": who.membership}).mustSucceed(t)
			}, "memberships", stands("ACTIVE", "MANAGER"))
			s.mustGiveApartment(t, h, who, h.apartments[0]) // where they live already
			after(decide("banMember"), "memberships", stands("BANNED", "RESIDENT"))
			after(func() {
				s.run(t, who.token, changePasswordDocument, variables{"current": who.password, "new": stranger().password}).mustSucceed(t)
			}, "", "")
			after(mine(`mutation { createBuilding(input: {name: "Mine"}) { building { id } } }`), "memberships", "2")
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
