package e2e

import (
	"fmt"
	"testing"
)

// linesOfText are texts of one line in right-to-left script, as people type them and as
// they are kept: in NFC, with their white space inside, and turning around nothing beside
// them.
var linesOfText = []struct{ what, typed, kept string }{
	{"Arabic", "منى حسن", "منى حسن"},
	{"with space around it", "  منى حسن\u00A0", "منى حسن"},
	{"vowelled", "مُنَى حَسَّان", "مُنَى حَسَّان"},
	{"hamza that is typed apart", "ا\u0654حمد", "أحمد"},
	{"marks in another order", "حسّ\u064Eان", "حس\u064Eّان"},
	{"stretched", "مـــنى", "مـــنى"},
	{"with Arabic digits", "شقة ١٢", "شقة ١٢"},
	{"in both scripts", "أحمد Ahmed 3", "أحمد Ahmed 3"},
	{"Hebrew", "שׁרה לוי", "שׁרה לוי"},
	{"marks of direction", "\u200Fمنى\u200E (A)", "\u200Fمنى\u200E (A)"},
	{"an override that is open", "\u202Eمنى", "\u202Eمنى\u202C"},
	{"an embedding and an isolate that are open", "\u202Bمنى \u2067حسن", "\u202Bمنى \u2067حسن\u2069\u202C"},
	{"closers of nothing", "منى\u202C\u2069 حسن", "منى حسن"},
	{"an isolate", "\u2068منى\u2069", "\u2068منى\u2069"},
	{"presentation forms", "\uFEE3\uFEE8\uFEF0", "\uFEE3\uFEE8\uFEF0"},
	{"a joiner that is needed", "می\u200Cخواهم", "می\u200Cخواهم"},
}

// A text comes back the same from every door that takes it.
func TestRightToLeftThroughEveryDoor(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t)
		reader, writer := s.mustMoveIn(t, b), s.mustMoveIn(t, b)
		expect := func(t *testing.T, what string, r result, path, want string) {
			t.Helper()
			if got := r.lookup(path); got != want {
				t.Errorf("%s: %s is %+q, want %+q", what, path, got, want)
			}
		}
		lines := map[line]*stream{}
		for _, l := range []line{overSocket, overEvents} {
			lines[l] = s.listen(t, l, reader.token, `subscription($room: ID!) { messagePosted(room: $room, after: 0) { message {
				text author { name } poll { question options { text } }
			} } }`, variables{"room": b.community})
		}
		for i, c := range linesOfText {
			v := variables{"room": b.community, "building": b.id, "text": c.typed, "key": fmt.Sprint(i)}
			r := s.run(t, writer.token, `mutation($text: String!) { updateProfile(input: {name: $text}) { viewer { user { name } } } }`, variables{"text": c.typed}).mustSucceed(t)
			expect(t, c.what, r, "updateProfile.viewer.user.name", c.kept)
			r = s.run(t, writer.token, `mutation($building: ID!, $text: String!) {
				createRoom(input: {building: $building, name: $text, topic: $text}) { room { name topic viewerName } }
			}`, v.with(variables{"room": absent, "key": absent})).mustSucceed(t)
			for _, field := range []string{"name", "topic", "viewerName"} {
				expect(t, c.what, r, "createRoom.room."+field, c.kept)
			}
			r = s.run(t, writer.token, `mutation($room: ID!, $key: String!, $text: String!) {
				sendMessage(input: {room: $room, key: $key, text: $text, poll: {question: $text, options: [$text, "لا"]}}) {
					message { text poll { question options { text } } }
				}
			}`, v.with(variables{"building": absent})).mustSucceed(t)
			sent := "sendMessage.message."
			expect(t, c.what, r, sent+"poll.question", c.kept)
			expect(t, c.what, r, sent+"poll.options.0.text", c.kept)
			kept := at[string](t, r, sent+"text") // as it was typed, but for NFC and directions
			for l, in := range lines {
				heard := in.hear(t).result()
				expect(t, c.what+" over "+string(l), heard, "messagePosted.message.text", kept)
				expect(t, c.what+" over "+string(l), heard, "messagePosted.message.author.name", c.kept)
				expect(t, c.what+" over "+string(l), heard, "messagePosted.message.poll.question", c.kept)
			}
		}
		// The form keeps names as well; an account is slow to open, so it takes a few.
		for _, c := range linesOfText[:6] {
			p := stranger()
			p.name = c.typed
			s.postForm(t, p.form().Encode()).expectForm(t, c.what, formRegistered)
			mine := s.mustLogIn(t, p.email, p.password)
			expect(t, c.what, s.run(t, mine.token, `{ viewer { user { name } } }`, nil).mustSucceed(t), "viewer.user.name", c.kept)
		}
	})
}
