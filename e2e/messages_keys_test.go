package e2e

import (
	"strings"
	"sync"
	"testing"
)

func TestKeysThatCanBe(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 0)
		for _, c := range []struct{ key, code string }{
			{"", "REQUIRED"},
			{strings.Repeat("k", 64), ""},
			{strings.Repeat("م", 64), ""},
			{strings.Repeat("😀", 64), ""},
			{strings.Repeat("k", 65), "INVALID_INPUT"},
			{strings.Repeat("é", 65), "INVALID_INPUT"},
			{"a b", ""},
			{" a b", ""}, // another key than the one before: keys are not normalised
			{"a\x00b", "INVALID_INPUT"},
			{"a\nb", "INVALID_INPUT"},
		} {
			r := s.send(t, h.manager.token, variables{"room": h.community, "key": c.key, "text": "Salam"})
			r.expectCode(t, c.code, map[bool]string{true: "input.key"}[c.code != ""])
			if c.code == "" {
				r.expectData(t, "sendMessage.replayed", "false")
				if got := messageIn(t, r).key; got != c.key {
					t.Errorf("the key %q is kept as %q", c.key, got)
				}
			}
		}
	})
}

// insistOn is trySend that is tried again, by the same key, while a busy machine cannot answer.
func (s *server) insistOn(token, room, key, text string) (result, error) {
	return s.insist(token, sendDocument, variables{"input": variables{"room": room, "key": key, "text": text}})
}

// expectReplay demands that an input gives a message that was posted before.
func (s *server) expectReplay(t *testing.T, token string, input variables, want said) {
	t.Helper()
	r := s.send(t, token, input).mustSucceed(t)
	if got := messageIn(t, r); got != want || r.lookup("sendMessage.replayed") != true {
		t.Errorf("got %v, want a replay of %v", r, want)
	}
}

func TestSendingAgainWithTheSameKey(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 2)
		author, other := h.residents[0], h.residents[1]
		input := variables{"room": h.community, "key": "k", "text": "caf\u00e9\r\nمرحبا"}
		first := messageIn(t, s.send(t, author.token, input).mustSucceed(t))

		// What is the same once it is normalised is the same.
		for _, text := range []string{"caf\u00e9\r\nمرحبا", "cafe\u0301\nمرحبا", "caf\u00e9\rمرحبا", "caf\u00e9\u202C\nمرحبا"} {
			s.expectReplay(t, author.token, input.with(variables{"text": text}), first)
		}
		s.expectReplay(t, author.token, input.with(variables{"apartment": nil, "mentions": []any{}, "notice": false}), first)
		// On another device, too, and whatever was said since.
		phone := s.mustLogIn(t, author.email, author.password)
		s.mustChat(t, other, h.community, 30)
		s.expectReplay(t, phone.token, input, first)

		// Another input is refused, and names the message.
		for _, other := range []variables{
			{"text": "café\n\nمرحبا"}, {"text": "Café\nمرحبا"}, {"text": " caf\u00e9\nمرحبا"}, {"apartment": h.apartments[0]}, {"apartment": "x"},
		} {
			r := s.send(t, author.token, input.with(other))
			r.expectCode(t, "KEY_REUSED", "")
			if len(r.errors) == 1 && r.errors[0].Extensions["message"] != first.id {
				t.Errorf("it should name %s: %v", first.id, r)
			}
		}
		// Where the input cannot be, that is what is wrong.
		s.send(t, author.token, input.with(variables{"text": ""})).expectCode(t, "REQUIRED", "input.text")

		// The key is the author's own, in this room.
		r := s.send(t, other.token, input).mustSucceed(t)
		r.expectData(t, "sendMessage.replayed", "false")
		elsewhere := s.mustOpenHouse(t, author)
		r = s.send(t, author.token, input.with(variables{"room": elsewhere.community})).mustSucceed(t)
		r.expectData(t, "sendMessage.replayed", "false")

		// Who lost the room gets NOT_FOUND; who is back, the message.
		s.mustDecide(t, h.manager, "endMembership", author.membership)
		s.send(t, author.token, input).expectCode(t, "NOT_FOUND", "input.room")
		s.mustEnter(t, author, h.openCode)
		s.expectReplay(t, author.token, input, first)
	})
}

// What may not be written any more was written once: a retry is told so.
func TestReplayWhateverHappenedSince(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 1)
		deputy := h.residents[0]
		s.mustGiveApartment(t, h, deputy, h.apartments[0])
		role := func(role string) {
			s.run(t, h.manager.token, `mutation($id: ID!, $role: MembershipRole!) { setMemberRole(membership: $id, role: $role) { membership { id } } }`,
				variables{"id": deputy.membership, "role": role}).mustSucceed(t)
		}
		role("MANAGER")
		input := variables{"room": h.announcements, "key": "k", "text": "The lift works again.", "apartment": h.apartments[0]}
		first := messageIn(t, s.send(t, deputy.token, input).mustSucceed(t))
		role("RESIDENT")
		s.mustGiveApartment(t, h, deputy, h.apartments[1])
		s.expectReplay(t, deputy.token, input, first)
		s.send(t, deputy.token, input.with(variables{"text": "No."})).expectCode(t, "KEY_REUSED", "")
		s.send(t, deputy.token, input.with(variables{"key": "l"})).expectCode(t, "FORBIDDEN", "input.room")
	})
}

func TestManySendWithOneKeyAtOnce(t *testing.T) {
	t.Parallel()
	const calls = 50
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 0)
		results := make([]result, calls)
		errs := make([]error, calls)
		var all sync.WaitGroup
		for i := range calls {
			all.Go(func() { results[i], errs[i] = s.insistOn(h.manager.token, h.community, "k", "Salam") })
		}
		all.Wait()
		posted := 0
		for i, r := range results {
			if errs[i] != nil {
				t.Fatal(errs[i])
			}
			r.mustSucceed(t)
			if messageIn(t, r) != messageIn(t, results[0]) {
				t.Errorf("got %v and %v", r, results[0])
			}
			if r.lookup("sendMessage.replayed") == false {
				posted++
			}
		}
		if _, last := s.mustStand(t, h.manager.token, h.community); posted != 1 || last != 2 {
			t.Errorf("it was posted %d times, and the log has %d entries", posted, last)
		}
	})
}
