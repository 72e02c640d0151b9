package e2e

import (
	"fmt"
	"testing"
)

// deepDocument asks for all that hangs below an entry.
const deepDocument = `subscription Deep($room: ID!, $after: Int, $first: Int! = 1) {
	roomEvents(room: $room, after: $after) {
		...entry
		... on CaughtUp { where: position __typename position }
	}
}
fragment entry on RoomEvent {
	__typename seq kind actor { ...name } member { ...name }
	message { id room { lastSeq } author { ...name } apartment { number building { id name } residents { nodes { id } } } replies { nodes { id } } reactions { count } }
	room {
		id name kind logId lastSeq lastMessage { seq }
		participants(first: 100) { nodes { user { ...name } } }
		messages(last: $first) { nodes { seq text } }
		messagesAround(seq: 3) { nodes { seq } }
		events(after: 0, first: 1000) { nodes { seq } endSeq }
		pinnedMessages { id }
		building { id name address apartments { nodes { number } } members { nodes { user { id } } } viewerMembership { status role } viewerManaged { building { id } } }
		viewerName viewerPosting { allowed reason } viewerReadSeq viewerUnreadCount viewerNotifications viewerCounterpart { id } viewerFirstUnread { id }
	}
}
fragment name on User { id name }`

// An entry leads to all that its reader may see. The one that ends their membership
// still has its room, but nothing of what is in there now.
func TestWhatHangsBelowAnEntry(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 1)
		who := h.residents[0]
		s.mustGiveApartment(t, h, who, h.apartments[0])
		eachLine(t, func(t *testing.T, l line) {
			h, who := h, who
			if l == overEvents { // one of its own, so that they can end side by side
				h = s.mustSettle(t, 1)
				who = h.residents[0]
				s.mustGiveApartment(t, h, who, h.apartments[0])
			}
			st := s.listen(t, l, who.token, deepDocument, from(h.community, 2))
			st.expect(t, caughtUp(2))
			s.send(t, who.token, variables{"room": h.community, "key": "k", "text": "Salam", "apartment": h.apartments[0]}).mustSucceed(t)
			r := st.hear(t).result().mustSucceed(t)
			for path, want := range map[string]string{
				"seq": "3", "kind": `"MESSAGE_POSTED"`, "actor.id": `"` + who.id + `"`, "member": "null",
				"message.room.lastSeq": "3", "message.author.id": `"` + who.id + `"`, "message.apartment.number": `"1"`,
				"message.apartment.residents.nodes": `[{"id": "` + who.id + `"}]`,
				"room.id":                           `"` + h.community + `"`, "room.lastSeq": "3", "room.lastMessage.seq": "3",
				"room.messages.nodes": `[{"seq": 3, "text": "Salam"}]`, "room.events.endSeq": "3",
				"room.building.id": `"` + h.id + `"`, "room.building.viewerMembership": `{"status": "ACTIVE", "role": "RESIDENT"}`,
				"room.building.viewerManaged": "null", "room.viewerPosting": `{"allowed": true, "reason": null}`, "room.viewerReadSeq": "1",
				"room.viewerName": fmt.Sprintf("%q", r.lookup("roomEvents.room.name")),
			} {
				r.expectData(t, "roomEvents."+path, want)
			}
			if n := len(objects(at[any](t, r, "roomEvents.room.participants.nodes"))); n != 2 {
				t.Errorf("%d participants: %v", n, r)
			}
			if n := len(objects(at[any](t, r, "roomEvents.room.building.members.nodes"))); n != 2 {
				t.Errorf("%d members: %v", n, r)
			}

			s.mustDecide(t, h.manager, "banMember", who.membership)
			r = st.hear(t).result().mustSucceed(t)
			for path, want := range map[string]string{
				"seq": "4", "kind": `"MEMBER_LEFT"`, "actor.id": `"` + h.manager.id + `"`, "member.id": `"` + who.id + `"`, "message": "null",
				"room.id": `"` + h.community + `"`, "room.lastSeq": "4",
				// What is in the room now is not theirs any more.
				"room.lastMessage": "null", "room.messages.nodes": `[]`, "room.messagesAround.nodes": `[]`,
				"room.events.nodes": `[]`, "room.participants.nodes": `[]`,
			} {
				r.expectData(t, "roomEvents."+path, want)
			}
			// The building is not theirs any more.
			if b := r.lookup("roomEvents.room.building"); b != nil {
				building := b.(map[string]any)
				if building["members"] != nil || building["viewerManaged"] != nil {
					t.Errorf("somebody who was banned reads %v", b)
				}
			}
			st.expectEnd(t, l, "NOT_FOUND seq=4")
		})
	})
}

// What goes wrong below an entry says where, from the root on.
func TestWhatGoesWrongBelowAnEntry(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 0)
		eachLine(t, func(t *testing.T, l line) {
			st := s.listen(t, l, h.manager.token, `subscription($room: ID!) {
				mine: roomEvents(room: $room, after: 0) { ... on RoomEvent { seq room { around: messagesAround(seq: -1) { nodes { id } } } } }
			}`, variables{"room": h.community})
			r := st.hear(t).result()
			if r.code() != "INVALID_INPUT" || fmt.Sprint(r.errors[0].Path) != "[mine room around]" {
				t.Errorf("got %v", r)
			}
			in := s.listen(t, l, h.manager.token, `subscription($room: ID!) {
				all: inboxEvents(after: [{room: $room, seq: 0}]) { ... on RoomEvent { seq room { around: messagesAround(seq: -1) { nodes { id } } } } }
			}`, variables{"room": h.community})
			for {
				r := in.hear(t).result()
				if r.code() == "" {
					continue // another room is opened
				}
				if r.code() != "INVALID_INPUT" || fmt.Sprint(r.errors[0].Path) != "[all room around]" {
					t.Errorf("got %v", r)
				}
				break
			}
		})
	})
}
