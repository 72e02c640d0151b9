package e2e

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// wholeMessage is all of a message that its room reads the same.
const wholeMessage = `fragment whole on Message {
	id seq changedSeq textSeq key text author { id } createdAt editedAt deletedAt deletedBy { id } pinnedAt
	mentions { user { id } start length } replyTo { id text changedSeq } replyCount
	reactions { emoji count users(first: 5) { nodes { id } } } revisions(first: 20) { nodes { text writtenAt } }
}`

// alter runs one of the mutations that take a message, with further arguments such as
// `emoji: "👍"`.
func (s *server) alter(t *testing.T, who dweller, mutation, message string, also ...string) result {
	t.Helper()
	return s.run(t, who.token, alterDocument(mutation, also...), variables{"id": message})
}

func alterDocument(mutation string, also ...string) string {
	arguments := strings.Join(append([]string{"message: $id"}, also...), ", ")
	return `mutation($id: ID!) { ` + mutation + `(` + arguments + `) { message { ...whole } } } ` + wholeMessage
}

const editDocument = `mutation($input: EditMessageInput!) { editMessage(input: $input) { message { ...whole } } } ` + wholeMessage

func (s *server) edit(t *testing.T, who dweller, input variables) result {
	t.Helper()
	return s.run(t, who.token, editDocument, variables{"input": input})
}

// look reads a message as somebody in its room.
func (s *server) look(t *testing.T, who dweller, message string) result {
	t.Helper()
	return s.run(t, who.token, `query($id: ID!) { message(id: $id) { ...whole } } `+wholeMessage, variables{"id": message}).mustSucceed(t)
}

// expectStands demands where a room's log stands.
func (s *server) expectStands(t *testing.T, who dweller, room string, want int) {
	t.Helper()
	if _, last := s.mustStand(t, who.token, room); last != want {
		t.Errorf("the log stands at %d, want %d", last, want)
	}
}

func TestEditingAMessage(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 2)
		author, other := h.residents[0], h.residents[1]
		m := s.mustSay(t, author, h.community, "Salam") // 4
		r := s.edit(t, author, variables{"message": m.id, "text": "مرحبًا\r\nيا جماعة", "textSeq": 4}).mustSucceed(t)
		message := at[map[string]any](t, r, "editMessage.message")
		if fmt.Sprintf("%v %v %v %v", message["seq"], message["changedSeq"], message["textSeq"], message["text"]) != "4 5 5 مرحبًا\nيا جماعة" || message["editedAt"] == nil {
			t.Errorf("got %v", r)
		}
		// Who saw an earlier text changes nothing.
		s.edit(t, author, variables{"message": m.id, "text": "x", "textSeq": 4}).expectCode(t, "CONFLICT", "input.textSeq")
		// The same once it is normalised is no change.
		s.edit(t, author, variables{"message": m.id, "text": "مرحبًا\nيا جماعة"}).mustSucceed(t)
		s.expectStands(t, author, h.community, 5)
		s.edit(t, author, variables{"message": m.id, "text": "Ahlan"}).mustSucceed(t)
		r = s.look(t, other, m.id)
		r.expectData(t, "message.revisions.nodes", fmt.Sprintf(`[
			{"text": "Salam", "writtenAt": %q}, {"text": "مرحبًا\nيا جماعة", "writtenAt": %q}]`, message["createdAt"], message["editedAt"]))
		r.expectData(t, "message.changedSeq", "6")
		page := s.run(t, other.token, `query($id: ID!) { message(id: $id) { revisions(first: 1) { nodes { text } pageInfo { hasNextPage } } } }`, variables{"id": m.id})
		page.expectData(t, "message.revisions", `{"nodes": [{"text": "Salam"}], "pageInfo": {"hasNextPage": true}}`)

		for _, c := range []struct {
			who         dweller
			input       variables
			code, field string
		}{
			{other, variables{"text": "x"}, "FORBIDDEN", "input.message"},
			{h.manager, variables{"text": "x"}, "FORBIDDEN", "input.message"},
			{author, variables{"text": ""}, "REQUIRED", "input.text"},
			{author, variables{"text": " \u200B\n"}, "REQUIRED", "input.text"},
			{author, variables{"text": strings.Repeat("مُّ", 4001)}, "INVALID_INPUT", "input.text"},
			{author, variables{"text": "a\x00b"}, "INVALID_INPUT", "input.text"},
			{author, variables{"text": "Mona", "mentions": []any{mention(other.id, 0, 5)}}, "INVALID_INPUT", "input.mentions.0.length"},
			{author, variables{"text": "Mona", "mentions": []any{mention(other.id, 2, 1), mention(h.id, 0, 1)}}, "INVALID_INPUT", "input.mentions.1.user"},
		} {
			s.edit(t, c.who, c.input.with(variables{"message": m.id})).expectCode(t, c.code, c.field)
		}
		stranger := s.mustMeet(t, 5)[4]
		never := s.edit(t, stranger, variables{"message": neverWere(m.id)[0], "text": "x"})
		never.expectCode(t, "NOT_FOUND", "input.message")
		for _, id := range []string{m.id, h.id, "x"} {
			if got := s.edit(t, stranger, variables{"message": id, "text": "x"}); !bytes.Equal(got.body, never.body) {
				t.Errorf("%s: got %v, want %v", id, got, never)
			}
		}
		s.run(t, "", editDocument, variables{"input": variables{"message": m.id, "text": "x"}}).expectCode(t, "UNAUTHENTICATED", "")
		s.expectStands(t, author, h.community, 6)

		s.alter(t, author, "deleteMessage", m.id).mustSucceed(t)
		s.edit(t, author, variables{"message": m.id, "text": "x"}).expectCode(t, "CONFLICT", "input.message")
		// Announcements are edited by who may write them.
		s.setRole(t, h.manager.token, author.membership, "MANAGER").mustSucceed(t)
		official := s.mustSay(t, author, h.announcements, "The lift works.")
		s.setRole(t, h.manager.token, author.membership, "RESIDENT").mustSucceed(t)
		s.edit(t, author, variables{"message": official.id, "text": "x"}).expectCode(t, "FORBIDDEN", "input.message")
	})
}

func mention(who string, start, length int) variables {
	return variables{"user": who, "start": start, "length": length}
}

func TestDeletingAMessage(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 2)
		author, other := h.residents[0], h.residents[1]
		input := variables{"room": h.community, "key": "k", "text": "Salam ya Mona", "mentions": []any{mention(other.id, 9, 4)}}
		m := messageIn(t, s.send(t, author.token, input).mustSucceed(t)) // 4
		s.edit(t, author, variables{"message": m.id, "text": "Salam"}).mustSucceed(t)
		s.alter(t, other, "addReaction", m.id, `emoji: "👍"`).mustSucceed(t)
		s.alter(t, h.manager, "pinMessage", m.id).mustSucceed(t) // 7
		s.alter(t, other, "deleteMessage", m.id).expectCode(t, "FORBIDDEN", "message")
		r := s.alter(t, h.manager, "deleteMessage", m.id).mustSucceed(t)
		for path, want := range map[string]string{
			"text": `""`, "mentions": "[]", "reactions": "[]", "revisions.nodes": "[]", "pinnedAt": "null",
			"deletedBy.id": fmt.Sprintf("%q", h.manager.id), "changedSeq": "8", "textSeq": "8", "seq": "4",
		} {
			r.expectData(t, "deleteMessage.message."+path, want)
		}
		mustParseTime(t, at[string](t, r, "deleteMessage.message.deletedAt"))
		// Twice changes nothing, nor is there anything more to do with it.
		again := s.alter(t, author, "deleteMessage", m.id).mustSucceed(t)
		again.expectData(t, "deleteMessage.message.deletedBy.id", fmt.Sprintf("%q", h.manager.id))
		s.alter(t, other, "deleteMessage", m.id).expectCode(t, "FORBIDDEN", "message")
		s.alter(t, other, "addReaction", m.id, `emoji: "👍"`).expectCode(t, "CONFLICT", "message")
		s.alter(t, h.manager, "pinMessage", m.id).expectCode(t, "CONFLICT", "message")
		s.alter(t, other, "removeReaction", m.id, `emoji: "👍"`).mustSucceed(t)
		s.alter(t, h.manager, "unpinMessage", m.id).mustSucceed(t)
		s.expectStands(t, author, h.community, 8)
		// It stays listed, can be answered, and a retry is told of it.
		r = s.run(t, other.token, `query($id: ID!) { room(id: $id) { messages { nodes { id text } } pinnedMessages { id } } }`, variables{"id": h.community})
		r.expectData(t, "room", fmt.Sprintf(`{"messages": {"nodes": [{"id": %q, "text": ""}]}, "pinnedMessages": []}`, m.id))
		s.send(t, other.token, variables{"room": h.community, "key": "a", "text": "What was it?", "replyTo": m.id}).mustSucceed(t)
		r = s.send(t, author.token, input).mustSucceed(t)
		r.expectData(t, "sendMessage.replayed", "true")
		r.expectData(t, "sendMessage.message.text", `""`)
	})
}

func TestReactions(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 2)
		mona, nour := h.residents[0], h.residents[1]
		m := s.mustSay(t, h.manager, h.announcements, "The lift works.") // 4
		react := func(who dweller, mutation, emoji string) result {
			t.Helper()
			return s.run(t, who.token, `mutation($id: ID!, $emoji: String!) { `+mutation+`(message: $id, emoji: $emoji) { message { changedSeq } } }`,
				variables{"id": m.id, "emoji": emoji})
		}
		react(nour, "addReaction", "❤️").mustSucceed(t)
		react(mona, "addReaction", "👍🏽").mustSucceed(t)
		react(mona, "addReaction", "❤").mustSucceed(t) // as some keyboards write it
		react(mona, "addReaction", "❤️").mustSucceed(t).expectData(t, "addReaction.message.changedSeq", "7")
		react(h.manager, "addReaction", "👨‍👩‍👧‍👦").mustSucceed(t)
		react(nour, "removeReaction", "👍🏽").mustSucceed(t).expectData(t, "removeReaction.message.changedSeq", "8")
		r := s.run(t, nour.token, `query($id: ID!) { message(id: $id) { reactions { emoji count viewerHasReacted users { nodes { id } } one: users(first: 1) { nodes { id } pageInfo { hasNextPage endCursor } } } } }`,
			variables{"id": m.id}).mustSucceed(t)
		r.expectData(t, "message.reactions.0.users.nodes", fmt.Sprintf(`[{"id": %q}, {"id": %q}]`, nour.id, mona.id))
		r.expectData(t, "message.reactions.0.one.pageInfo.hasNextPage", "true")
		after := at[string](t, r, "message.reactions.0.one.pageInfo.endCursor")
		for _, reaction := range objects(at[any](t, r, "message.reactions")) {
			delete(reaction, "users")
			delete(reaction, "one")
		}
		r.expectData(t, "message.reactions", `[{"emoji": "❤️", "count": 2, "viewerHasReacted": true},
			{"emoji": "👍🏽", "count": 1, "viewerHasReacted": false}, {"emoji": "👨‍👩‍👧‍👦", "count": 1, "viewerHasReacted": false}]`)
		r = s.run(t, nour.token, `query($id: ID!, $after: Cursor) { message(id: $id) { reactions { users(first: 1, after: $after) { nodes { id } pageInfo { hasNextPage } } } } }`,
			variables{"id": m.id, "after": after}).mustSucceed(t)
		r.expectData(t, "message.reactions.0.users", fmt.Sprintf(`{"nodes": [{"id": %q}], "pageInfo": {"hasNextPage": false}}`, mona.id))
		react(nour, "removeReaction", "❤").mustSucceed(t)
		s.look(t, nour, m.id).expectData(t, "message.reactions.1.emoji", `"❤️"`) // the first to use it is mona now
		for _, not := range []string{"x", "1", "👍👍", " 👍", "مرحبا", "❤︎"} {
			react(nour, "addReaction", not).expectCode(t, "INVALID_INPUT", "emoji")
			react(nour, "removeReaction", not).expectCode(t, "INVALID_INPUT", "emoji")
		}
		// An entry tells which, and who.
		st := s.listen(t, overSocket, nour.token, `subscription($room: ID!, $after: Int) { messagePosted: roomEvents(room: $room, after: $after) {
			... on RoomEvent { seq kind emoji actor { id } message { id } } } }`, from(h.announcements, 4))
		for _, want := range []string{
			`5, "kind": "REACTION_ADDED", "emoji": "❤️", "actor": {"id": "` + nour.id, `6, "kind": "REACTION_ADDED", "emoji": "👍🏽", "actor": {"id": "` + mona.id,
			`7, "kind": "REACTION_ADDED", "emoji": "❤️", "actor": {"id": "` + mona.id, `8, "kind": "REACTION_ADDED", "emoji": "👨‍👩‍👧‍👦", "actor": {"id": "` + h.manager.id,
			`9, "kind": "REACTION_REMOVED", "emoji": "❤️", "actor": {"id": "` + nour.id,
		} {
			st.hear(t).result().expectData(t, "messagePosted", `{"seq": `+want+`"}, "message": {"id": "`+m.id+`"}}`)
		}
		faces := strings.Fields("😀 😁 😂 🤣 😃 😄 😅 😆 😉 😊 😋 😎 😍 😘 🥰 😗 😙 😚")
		for _, face := range faces[:17] {
			react(nour, "addReaction", face).mustSucceed(t)
		}
		react(nour, "addReaction", faces[17]).expectCode(t, "TOO_LARGE", "emoji")
		react(nour, "addReaction", "👍🏽").mustSucceed(t)
	})
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 1)
		mona := h.residents[0]
		question := s.mustSay(t, h.manager, h.community, "من أنتم؟") // 3
		var answers []string
		for i := range 5 {
			r := s.send(t, mona.token, variables{"room": h.community, "key": fmt.Sprint(i), "text": fmt.Sprint(i), "replyTo": question.id}).mustSucceed(t)
			answers = append(answers, at[string](t, r, "sendMessage.message.id"))
			s.mustSay(t, mona, h.community, "between")
		}
		s.alter(t, mona, "deleteMessage", answers[1]).mustSucceed(t)
		r := s.run(t, h.manager.token, `query($id: ID!, $answer: ID!) { message(id: $id) { changedSeq replyCount
			first: replies(first: 2) { nodes { text } pageInfo { hasNextPage endCursor } }
			last: replies(last: 2) { nodes { text } pageInfo { hasPreviousPage } } }
			answer: message(id: $answer) { replyTo { id text replyCount } replies { nodes { id } } } }`,
			variables{"id": question.id, "answer": answers[3]}).mustSucceed(t)
		r.expectData(t, "message.replyCount", "5")
		r.expectData(t, "message.changedSeq", "3")
		r.expectData(t, "message.first.nodes", `[{"text": "0"}, {"text": ""}]`)
		r.expectData(t, "message.first.pageInfo.hasNextPage", "true")
		r.expectData(t, "message.last", `{"nodes": [{"text": "3"}, {"text": "4"}], "pageInfo": {"hasPreviousPage": true}}`)
		r.expectData(t, "answer", fmt.Sprintf(`{"replyTo": {"id": %q, "text": "من أنتم؟", "replyCount": 5}, "replies": {"nodes": []}}`, question.id))
		// Only what is in the room can be answered.
		elsewhere := s.mustSay(t, h.manager, h.announcements, "Elsewhere")
		input := variables{"room": h.community, "key": "other", "text": "x"}
		want := s.send(t, mona.token, input.with(variables{"replyTo": neverWere(question.id)[0]}))
		want.expectCode(t, "NOT_FOUND", "input.replyTo")
		for _, id := range []string{elsewhere.id, h.community, mona.id, "x", strings.Replace(question.id, "msg_", "poll_", 1)} {
			if got := s.send(t, mona.token, input.with(variables{"replyTo": id})); !bytes.Equal(got.body, want.body) {
				t.Errorf("%s: got %v, want %v", id, got, want)
			}
		}
	})
}

func TestPins(t *testing.T) {
	t.Parallel()
	const most = 50
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 1)
		s.mustChat(t, h.residents[0], h.community, most+1)
		all := s.mustWalkMessages(t, h.manager.token, h.community)
		id := func(i int) string { return all[i]["id"].(string) }
		s.alter(t, h.residents[0], "pinMessage", id(0)).expectCode(t, "FORBIDDEN", "message")
		for i := range most {
			s.alter(t, h.manager, "pinMessage", id(i)).mustSucceed(t)
		}
		_, last := s.mustStand(t, h.manager.token, h.community)
		s.alter(t, h.manager, "pinMessage", id(3)).mustSucceed(t) // it is
		s.alter(t, h.manager, "pinMessage", id(most)).expectCode(t, "TOO_LARGE", "message")
		s.alter(t, h.residents[0], "unpinMessage", id(3)).expectCode(t, "FORBIDDEN", "message")
		s.alter(t, h.manager, "unpinMessage", id(most)).mustSucceed(t)
		s.expectStands(t, h.manager, h.community, last)
		s.alter(t, h.manager, "unpinMessage", id(1)).mustSucceed(t)
		s.alter(t, h.manager, "pinMessage", id(most)).mustSucceed(t)
		s.alter(t, h.manager, "deleteMessage", id(2)).mustSucceed(t)
		r := s.run(t, h.residents[0].token, `query($id: ID!) { room(id: $id) { pinnedMessages { id pinnedAt author { id } } } }`, variables{"id": h.community}).mustSucceed(t)
		pinned := objects(at[any](t, r, "room.pinnedMessages"))
		var want, got []string
		for i := most; i >= 0; i-- {
			if i != 1 && i != 2 {
				want = append(want, id(i))
			}
		}
		for _, m := range pinned {
			got = append(got, m["id"].(string))
			mustParseTime(t, m["pinnedAt"].(string))
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("pinned are %v, want %v", got, want)
		}
	})
}

// Mentions lie in the text as it is kept, in UTF-16, whatever the script.
func TestMentions(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 2)
		mona, nour := h.residents[0], h.residents[1]
		type place [2]int
		for i, c := range []struct {
			name, text string
			at         place
			kept       string
			want       place
		}{
			{"Arabic", "أهلًا @منى!", place{7, 4}, "أهلًا @منى!", place{7, 4}},
			{"hamza composed before", "\u0627\u0654هلا @منى", place{6, 4}, "أهلا @منى", place{5, 4}},
			{"tashkeel in another order", "م\u0651\u064Eنى", place{0, 5}, "م\u064E\u0651نى", place{0, 5}},
			{"behind an emoji", "👨‍👩‍👧‍👦 منى", place{12, 3}, "👨‍👩‍👧‍👦 منى", place{12, 3}},
			{"over an emoji", "منى 👍🏽", place{4, 4}, "منى 👍🏽", place{4, 4}},
			{"behind an override that is closed", "\u202Eabc\nمنى", place{5, 3}, "\u202Eabc\u202C\nمنى", place{6, 3}},
			{"within an isolate", "\u2067منى\u2069 هنا", place{1, 3}, "\u2067منى\u2069 هنا", place{1, 3}},
			{"behind a stray closer", "a\u202Cمنى", place{2, 3}, "aمنى", place{1, 3}},
			{"behind CRLF", "a\r\nمنى", place{3, 3}, "a\nمنى", place{2, 3}},
			{"a letter and its mark", "cafe\u0301", place{0, 5}, "café", place{0, 4}},
			{"Arabic-Indic digits", "شقة ١٢ منى", place{7, 3}, "شقة ١٢ منى", place{7, 3}},
		} {
			want := fmt.Sprintf(`[{"user": {"id": %q}, "start": %d, "length": %d}]`, nour.id, c.want[0], c.want[1])
			input := variables{"text": c.text, "mentions": []any{mention(nour.id, c.at[0], c.at[1])}}
			r := s.send(t, mona.token, input.with(variables{"room": h.community, "key": fmt.Sprint(i)})).mustSucceed(t)
			id := at[string](t, r, "sendMessage.message.id")
			t.Run(c.name, func(t *testing.T) {
				r := s.look(t, nour, id)
				r.expectData(t, "message.mentions", want)
				r.expectData(t, "message.text", asText(t, c.kept))
				// And by an edit.
				s.edit(t, mona, variables{"message": id, "text": "-"}).mustSucceed(t).expectData(t, "editMessage.message.mentions", "[]")
				r = s.edit(t, mona, input.with(variables{"message": id})).mustSucceed(t)
				r.expectData(t, "editMessage.message.mentions", want)
				again := s.edit(t, mona, input.with(variables{"message": id})).mustSucceed(t)
				if again.lookup("editMessage.message.changedSeq") != r.lookup("editMessage.message.changedSeq") {
					t.Errorf("the same again is a change: %v", again)
				}
				// The same text that mentions nobody is another one.
				s.edit(t, mona, variables{"message": id, "text": c.text}).mustSucceed(t).expectData(t, "editMessage.message.mentions", "[]")
			})
		}
		many := make([]any, 101)
		for i := range many {
			many[i] = mention(nour.id, i, 1)
		}
		gone := s.mustEnter(t, s.mustMeet(t, 4)[3], h.openCode)
		s.mustDecide(t, h.manager, "endMembership", gone.membership)
		for _, c := range []struct {
			mentions    []any
			code, field string
		}{
			{many, "TOO_LARGE", "input.mentions"},
			{many[:100], "", ""},
			{[]any{mention(gone.id, 0, 1)}, "INVALID_INPUT", "input.mentions.0.user"},
			{[]any{mention(nour.id, 3, 1), mention("user_0", 1, 1)}, "INVALID_INPUT", "input.mentions.1.user"},
			{[]any{mention(h.id, 0, 1)}, "INVALID_INPUT", "input.mentions.0.user"},
			{[]any{mention(nour.id, -1, 1)}, "INVALID_INPUT", "input.mentions.0.start"},
			{[]any{mention(nour.id, 0, 0)}, "INVALID_INPUT", "input.mentions.0.length"},
			{[]any{mention(nour.id, 199, 2)}, "INVALID_INPUT", "input.mentions.0.length"},
			{[]any{mention(nour.id, 0, 2), mention(mona.id, 1, 2)}, "INVALID_INPUT", "input.mentions.1.start"},
		} {
			input := variables{"room": h.community, "key": newKey(), "text": strings.Repeat("م", 200), "mentions": c.mentions}
			s.send(t, mona.token, input).expectCode(t, c.code, c.field)
		}
	})
}

// What was deleted is in nothing that anybody is handed after it, wherever they resume.
func TestDeletedTextIsInNoFrame(t *testing.T) {
	t.Parallel()
	const secret = "المفتاح تحت السجادة"
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 1)
		mona := h.residents[0]
		const document = `subscription($room: ID!, $after: Int) { roomEvents(room: $room, after: $after) { __typename
			... on RoomEvent { seq kind message { ...whole replyTo { ...whole replyTo { text } } } } ... on CaughtUp { position } } } ` + wholeMessage
		// Somebody follows, so that what is rendered is kept.
		keeper := s.listen(t, overSocket, h.manager.token, document, from(h.community, 2))
		keeper.expect(t, caughtUp(2))
		m := s.mustSay(t, mona, h.community, secret) // 3
		s.edit(t, mona, variables{"message": m.id, "text": secret + "!"}).mustSucceed(t)
		quote := messageIn(t, s.send(t, h.manager.token, variables{"room": h.community, "key": "q", "text": "?", "replyTo": m.id}).mustSucceed(t))
		s.send(t, mona.token, variables{"room": h.community, "key": "r", "text": "!", "replyTo": quote.id}).mustSucceed(t)
		s.alter(t, h.manager, "pinMessage", m.id).mustSucceed(t)
		for range 5 {
			if h := keeper.hear(t); !bytes.Contains(h.payload, []byte(secret)) {
				t.Errorf("it is not there yet: %s", h.payload)
			}
		}
		s.alter(t, mona, "deleteMessage", m.id).mustSucceed(t) // 8
		eachLine(t, func(t *testing.T, l line) {
			for after := 2; after <= 8; after++ {
				st := s.listen(t, l, h.manager.token, document, from(h.community, after))
				for seq := after + 1; seq <= 9; seq++ {
					if h := st.hear(t); bytes.Contains(h.payload, []byte("السجادة")) {
						t.Errorf("from %d: %s", after, h.payload)
					}
				}
			}
		})
		r := s.run(t, h.manager.token, `query($room: ID!) { room(id: $room) { lastMessage { ...whole } messages(last: 10) { nodes { ...whole replies(first: 5) { nodes { replyTo { text } } } } }
			events(after: 0, first: 20) { nodes { message { ...whole replyTo { replyTo { text } } } } } } viewer { rooms(first: 20) { nodes { viewerFirstUnread { text } } } } } `+wholeMessage,
			variables{"room": h.community}).mustSucceed(t)
		if bytes.Contains(r.body, []byte("السجادة")) {
			t.Errorf("it can be read: %v", r)
		}
	})
}
