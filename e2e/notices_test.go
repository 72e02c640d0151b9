package e2e

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
)

const (
	noticeDocument = `mutation Notice($input: SendMessageInput!) { sendMessage(input: $input) {
		message { id seq textSeq notice { id apartmentCount acknowledgedCount } }
	} }`
	acknowledgeDocument = `mutation Acknowledge($message: ID!, $textSeq: Int!) {
		acknowledgeNotice(message: $message, textSeq: $textSeq) {
			message { id changedSeq textSeq notice { apartmentCount acknowledgedCount viewerOutstanding { nodes { number } } } }
		}
	}`
	readNoticeDocument = `query Notice($id: ID!, $first: Int! = 50, $after: Cursor) { message(id: $id) { notice {
		id apartmentCount acknowledgedCount viewerOutstanding(first: $first, after: $after) {
			edges { cursor } nodes { number } pageInfo { hasNextPage hasPreviousPage endCursor }
		}
	} } }`
)

func (s *server) acknowledge(t *testing.T, token, message string, textSeq int) result {
	t.Helper()
	return s.run(t, token, acknowledgeDocument, variables{"message": message, "textSeq": textSeq})
}

func (s *server) mustNotify(t *testing.T, h *house, room, text string) said {
	t.Helper()
	r := s.run(t, h.manager.token, noticeDocument, variables{"input": variables{"room": room, "key": newKey(), "text": text, "notice": true}}).mustSucceed(t)
	return said{id: at[string](t, r, "sendMessage.message.id"), text: text, seq: int(at[float64](t, r, "sendMessage.message.textSeq"))}
}

// expectNotice demands how many apartments are asked and have confirmed, and which are
// outstanding as somebody sees it.
func (s *server) expectNotice(t *testing.T, token string, of said, asked, confirmed int, outstanding ...string) {
	t.Helper()
	r := s.run(t, token, readNoticeDocument, variables{"id": of.id}).mustSucceed(t)
	var numbers []string
	for _, one := range objects(at[any](t, r, "message.notice.viewerOutstanding.nodes")) {
		numbers = append(numbers, one["number"].(string))
	}
	if r.lookup("message.notice.apartmentCount") != float64(asked) || r.lookup("message.notice.acknowledgedCount") != float64(confirmed) ||
		joined(numbers) != joined(outstanding) {
		t.Errorf("want %d of %d, outstanding %v: %v", confirmed, asked, outstanding, r)
	}
}

// Each apartment with residents is asked, and any of its residents confirms.
func TestNotice(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 4)
		mona, omar, landlord, guest := h.residents[0], h.residents[1], h.residents[2], h.residents[3]
		s.mustGiveApartment(t, h, mona, h.apartments[0])
		s.mustGiveApartment(t, h, omar, h.apartments[0])
		s.house(t, h.manager.token, landlord.membership, h.apartments[1], h.apartments[2]).mustSucceed(t)
		s.run(t, h.manager.token, `mutation($b: ID!) { addApartments(building: $b, apartments: [{number: "4"}]) { building { id } } }`, variables{"b": h.id}).mustSucceed(t)
		audit := building{id: h.id, manager: neighbour{token: h.manager.token}}

		n := s.mustNotify(t, h, h.announcements, "ستُقطع المياه غدًا.")
		s.expectNotice(t, h.manager.token, n, 3, 0, "1", "2", "3")
		s.expectNotice(t, mona.token, n, 3, 0, "1")
		s.expectNotice(t, landlord.token, n, 3, 0, "2", "3")
		s.expectNotice(t, guest.token, n, 3, 0)
		page := s.run(t, h.manager.token, readNoticeDocument, variables{"id": n.id, "first": 2})
		page.expectData(t, "message.notice.viewerOutstanding.nodes", `[{"number": "1"}, {"number": "2"}]`)
		page.expectData(t, "message.notice.viewerOutstanding.pageInfo.hasNextPage", `true`)
		page = s.run(t, h.manager.token, readNoticeDocument, variables{"id": n.id, "first": 2, "after": page.lookup("message.notice.viewerOutstanding.pageInfo.endCursor")})
		page.expectData(t, "message.notice.viewerOutstanding.nodes", `[{"number": "3"}]`)
		page.expectData(t, "message.notice.viewerOutstanding.pageInfo.hasNextPage", `false`)

		st := s.listen(t, overSocket, guest.token, `subscription($room: ID!, $after: Int) { roomEvents(room: $room, after: $after) { __typename
			... on RoomEvent { seq kind actor { id } message { notice { apartmentCount acknowledgedCount } } } ... on CaughtUp { position } } }`, from(h.announcements, n.seq))
		st.expect(t, caughtUp(n.seq))
		s.expectNoNewAct(t, audit, "a confirmation", func() {
			r := s.acknowledge(t, landlord.token, n.id, n.seq)
			r.expectData(t, "acknowledgeNotice.message.notice", `{"apartmentCount": 3, "acknowledgedCount": 2, "viewerOutstanding": {"nodes": []}}`)
			r.expectData(t, "acknowledgeNotice.message.changedSeq", fmt.Sprint(n.seq+1))
			r.expectData(t, "acknowledgeNotice.message.textSeq", fmt.Sprint(n.seq))
			s.acknowledge(t, landlord.token, n.id, n.seq).mustSucceed(t)
			var both sync.WaitGroup
			for _, who := range []dweller{mona, omar} {
				both.Go(func() {
					if r, err := s.insist(who.token, acknowledgeDocument, variables{"message": n.id, "textSeq": n.seq}); err != nil || len(r.errors) > 0 {
						t.Errorf("%v, %v", err, r)
					}
				})
			}
			both.Wait()
		})
		s.expectNotice(t, h.manager.token, n, 3, 3)
		for i, confirmed := range []float64{2, 3} {
			st.expect(t, fmt.Sprintf("%d NOTICE_ACKNOWLEDGED", n.seq+1+i))
			if told := st.last(t); told.lookup("roomEvents.actor") != nil || told.lookup("roomEvents.message.notice.acknowledgedCount").(float64) < confirmed {
				t.Errorf("told of %v", told)
			}
		}
		if _, last := s.mustStand(t, guest.token, h.announcements); last != n.seq+2 {
			t.Errorf("the log stands at %d", last)
		}

		// Who moves in later is not asked, and who moves out stays counted.
		second := s.mustNotify(t, h, h.community, "The lift is out of order.")
		s.house(t, h.manager.token, landlord.membership).mustSucceed(t)
		s.house(t, h.manager.token, guest.membership, h.apartments[2]).mustSucceed(t)
		s.expectNotice(t, h.manager.token, second, 3, 0, "1", "2", "3")
		s.acknowledge(t, landlord.token, second.id, second.seq).expectCode(t, "FORBIDDEN", "message")
		s.run(t, h.manager.token, `mutation($a: ID!) { removeApartment(apartment: $a) { building { id } } }`, variables{"a": h.apartments[1]}).mustSucceed(t)
		s.expectNotice(t, h.manager.token, second, 3, 0, "1", "3")
		s.acknowledge(t, guest.token, second.id, second.seq).mustSucceed(t)
		s.expectNotice(t, h.manager.token, second, 3, 1, "1")
	})
}

// Another text asks every apartment again, those that are lived in by then; who confirms
// the old one is too late. A deletion takes the notice and the poll along.
func TestNoticeOfAnotherText(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 2)
		mona, omar := h.residents[0], h.residents[1]
		s.mustGiveApartment(t, h, mona, h.apartments[0])
		r := s.run(t, h.manager.token, noticeDocument, variables{"input": variables{
			"room": h.community, "key": newKey(), "text": "No water on Monday.", "notice": true,
			"poll": variables{"question": "Enough?", "options": []string{"Yes", "No"}},
		}}).mustSucceed(t)
		n := said{id: at[string](t, r, "sendMessage.message.id"), seq: int(at[float64](t, r, "sendMessage.message.seq"))}
		ids := at[string](t, r, "sendMessage.message.notice.id")
		s.acknowledge(t, mona.token, n.id, n.seq).mustSucceed(t)
		s.mustGiveApartment(t, h, omar, h.apartments[1])
		s.expectNotice(t, h.manager.token, n, 1, 1)

		edited := s.run(t, h.manager.token, `mutation($id: ID!) { editMessage(input: {message: $id, text: "No water on Tuesday."}) { message {
			textSeq poll { id } notice { apartmentCount acknowledgedCount } } } }`, variables{"id": n.id})
		edited.expectData(t, "editMessage.message.notice", `{"apartmentCount": 2, "acknowledgedCount": 0}`)
		now := int(at[float64](t, edited, "editMessage.message.textSeq"))
		s.expectNotice(t, h.manager.token, n, 2, 0, "1", "2")
		s.acknowledge(t, omar.token, n.id, n.seq).expectCode(t, "CONFLICT", "textSeq")
		s.acknowledge(t, omar.token, n.id, now).mustSucceed(t)
		s.expectNotice(t, h.manager.token, n, 2, 1, "1")
		p := poll{message: n.id, id: at[string](t, edited, "editMessage.message.poll.id")}
		s.vote(t, mona.token, p, "").mustSucceed(t)

		s.run(t, h.manager.token, `mutation($id: ID!) { deleteMessage(message: $id) { message { id } } }`, variables{"id": n.id}).mustSucceed(t)
		s.run(t, mona.token, `query($id: ID!) { message(id: $id) { poll { id } notice { id } } }`, variables{"id": n.id}).
			expectData(t, "message", `{"poll": null, "notice": null}`)
		for _, id := range []string{p.id, ids} {
			s.run(t, mona.token, anyNode, variables{"id": id}).expectData(t, "node", `null`)
		}
		s.acknowledge(t, mona.token, n.id, now).expectCode(t, "CONFLICT", "message")
		s.vote(t, mona.token, p, "").expectCode(t, "CONFLICT", "message")
	})
}

// What cannot be confirmed says why.
func TestConfirmationsThatCannotBe(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 1)
		mona := h.residents[0]
		s.mustGiveApartment(t, h, mona, h.apartments[0])
		n, outsider := s.mustNotify(t, h, h.community, "No water."), s.mustArrive(t)
		text := s.mustSay(t, mona, h.community, "Salam")

		s.acknowledge(t, mona.token, text.id, text.seq).expectCode(t, "INVALID_INPUT", "message")
		s.acknowledge(t, mona.token, n.id, n.seq-1).expectCode(t, "CONFLICT", "textSeq")
		s.acknowledge(t, mona.token, n.id, n.seq+1).expectCode(t, "CONFLICT", "textSeq")
		s.acknowledge(t, h.manager.token, n.id, n.seq).expectCode(t, "FORBIDDEN", "message")
		s.acknowledge(t, "", n.id, n.seq).expectCode(t, "UNAUTHENTICATED", "")
		never := s.acknowledge(t, outsider.token, neverWere(n.id)[0], n.seq)
		never.expectCode(t, "NOT_FOUND", "message")
		if got := s.acknowledge(t, outsider.token, n.id, n.seq); !bytes.Equal(got.body, never.body) {
			t.Errorf("got %v, want %v", got, never)
		}
		s.expectNotice(t, h.manager.token, n, 1, 0, "1")

		input := variables{"room": h.community, "key": newKey(), "text": "No water.", "notice": true}
		s.run(t, mona.token, noticeDocument, variables{"input": input}).expectCode(t, "FORBIDDEN", "input.notice")
		s.run(t, h.manager.token, noticeDocument, variables{"input": input.with(variables{"text": ""})}).expectCode(t, "REQUIRED", "input.text")
		s.run(t, h.manager.token, noticeDocument, variables{"input": input.with(variables{
			"text": "", "poll": variables{"question": "Tea?", "options": []string{"Yes", "No"}},
		})}).expectCode(t, "REQUIRED", "input.text")
		group := at[string](t, s.run(t, h.manager.token, `mutation($in: CreateRoomInput!) { createRoom(input: $in) { room { id } } }`,
			variables{"in": variables{"building": h.id, "name": "Tea", "participants": []string{}}}).mustSucceed(t), "createRoom.room.id")
		s.run(t, h.manager.token, noticeDocument, variables{"input": input.with(variables{"room": group})}).expectCode(t, "INVALID_INPUT", "input.notice")

		// It can be both, and is confirmed in a room in which nothing new is said.
		both := s.run(t, h.manager.token, noticeDocument, variables{"input": input.with(variables{
			"poll": variables{"question": "Tea?", "options": []string{"Yes", "No"}},
		})}).mustSucceed(t)
		s.run(t, h.manager.token, `mutation($room: ID!) { archiveRoom(room: $room) { room { id } } }`, variables{"room": h.community}).mustSucceed(t)
		id, seq := at[string](t, both, "sendMessage.message.id"), int(at[float64](t, both, "sendMessage.message.seq"))
		s.acknowledge(t, mona.token, id, seq).mustSucceed(t)
		s.expectNotice(t, mona.token, said{id: id}, 1, 1)
	})
}
