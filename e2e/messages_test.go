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

func TestSendMessage(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 1)
		author := h.residents[0]
		before := time.Now().Add(-time.Second)
		r := s.send(t, author.token, variables{"room": h.community, "key": "a", "text": " Salam,\n\n\tno: neighbours! "})
		r.expectCode(t, "INVALID_INPUT", "input.text") // a tab is a control character
		r = s.send(t, author.token, variables{"room": h.community, "key": "a", "text": " Salam,\r\n\r\nneighbours! "}).mustSucceed(t)
		sent := messageIn(t, r)
		// The manager and the author came before.
		r.expectData(t, "sendMessage", fmt.Sprintf(`{"replayed": false, "message": {
			"id": %q, "seq": 3, "changedSeq": 3, "textSeq": 3, "key": "a", "text": " Salam,\n\nneighbours! ",
			"createdAt": %q, "author": {"id": %q}, "apartment": null, "room": {"id": %q}
		}}`, sent.id, at[string](t, r, "sendMessage.message.createdAt"), author.id, h.community))
		moment := mustParseTime(t, at[string](t, r, "sendMessage.message.createdAt"))
		if moment.Before(before) || moment.After(time.Now().Add(time.Second)) {
			t.Errorf("it was posted at %v, and now it is %v", moment, time.Now())
		}
		for _, reader := range []dweller{author, h.manager} {
			r := s.run(t, reader.token, `query($room: ID!, $id: ID!) {
				message(id: $id) { ...it } node(id: $id) { ...it } room(id: $room) { lastSeq lastMessage { ...it } messages { nodes { ...it } } }
			} fragment it on Message {
				id seq text key author { id } room { id name } deletedAt editedAt mentions { start } attachments { id }
			}`, variables{"room": h.community, "id": sent.id}).mustSucceed(t)
			for _, path := range []string{"message", "node", "room.lastMessage", "room.messages.nodes.0"} {
				r.expectData(t, path, fmt.Sprintf(`{"id": %q, "seq": 3, "text": " Salam,\n\nneighbours! ", "key": "a", "author": {"id": %q},
					"room": {"id": %q, "name": %q}, "deletedAt": null, "editedAt": null, "mentions": [], "attachments": []}`,
					sent.id, author.id, h.community, r.lookup("message.room.name")))
			}
			r.expectData(t, "room.lastSeq", "3")
		}
	})
}

func mustParseTime(t *testing.T, text string) time.Time {
	t.Helper()
	moment, err := time.Parse("2006-01-02T15:04:05.999999Z", text)
	if err != nil {
		t.Fatalf("%q is no moment in UTC with up to microseconds", text)
	}
	return moment
}

func TestTextsThatCanBe(t *testing.T) {
	t.Parallel()
	family := "👨‍👩‍👧‍👦"
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 0)
		for i, c := range []struct{ text, want string }{
			{"", "REQUIRED"},
			{" \n\r\n\u3000", "REQUIRED"},
			{"\u200F\u202C\u200B", "REQUIRED"},
			{"x", "x"},
			{"  x\n\n", "  x\n\n"},
			{"a\rb\r\nc\nd", "a\nb\nc\nd"},
			{"e\u0301", "é"},
			{strings.Repeat("m", 4000), strings.Repeat("m", 4000)},
			{strings.Repeat("مُّ", 4000), strings.Repeat("مُّ", 4000)},
			{strings.Repeat(family, 4000), strings.Repeat(family, 4000)},
			{strings.Repeat("m\n", 2000), strings.Repeat("m\n", 2000)},
			{strings.Repeat("m\r\n", 2000), strings.Repeat("m\n", 2000)},
			{strings.Repeat("m", 4001), "INVALID_INPUT 4000"},
			{strings.Repeat(family, 4001), "INVALID_INPUT 4000"},
			{"e" + strings.Repeat("\u0301", 100_000), "INVALID_INPUT 4000"},
			{"a\x00b", "INVALID_INPUT"},
			{"a\x1b[31mb", "INVALID_INPUT"},
			{"a\u0085b", "INVALID_INPUT"},
			{"a\uFFFFb", "INVALID_INPUT"},
			{"\u202Eabc\ndef", "\u202Eabc\u202C\ndef"},
			{"a\u2067b\nc\u2069d", "a\u2067b\u2069\ncd"},
			{"\u202Babc\u202C", "\u202Babc\u202C"},
		} {
			r := s.send(t, h.manager.token, variables{"room": h.community, "key": fmt.Sprint(i), "text": c.text})
			if code, length, _ := strings.Cut(c.want, " "); code == "REQUIRED" || code == "INVALID_INPUT" {
				r.expectCode(t, code, "input.text")
				if got := r.errors[0].Extensions["maxLength"]; length == "" && got != nil || length != "" && fmt.Sprint(got) != length {
					t.Errorf("%.20q: %v", c.text, r)
				}
				continue
			}
			if got := messageIn(t, r.mustSucceed(t)).text; got != c.want {
				t.Errorf("%.50q is kept as %.50q, want %.50q", c.text, got, c.want)
			}
		}
	})
}

func TestApartmentOfAMessage(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 1)
		elsewhere := s.mustOpenHouse(t, h.manager)
		author := h.residents[0]
		s.mustGiveApartment(t, h, author, h.apartments[0])
		input := variables{"room": h.community, "text": "Salam"}
		r := s.send(t, author.token, input.with(variables{"key": "a", "apartment": h.apartments[0]})).mustSucceed(t)
		r.expectData(t, "sendMessage.message.apartment.id", `"`+h.apartments[0]+`"`)
		s.send(t, author.token, input.with(variables{"key": "b", "apartment": h.apartments[1]})).expectCode(t, "FORBIDDEN", "input.apartment")
		want := s.send(t, author.token, input.with(variables{"key": "c", "apartment": elsewhere.apartments[0]}))
		want.expectCode(t, "NOT_FOUND", "input.apartment")
		for _, id := range append(neverWere(h.apartments[0]), author.id, h.id, h.community) {
			if got := s.send(t, author.token, input.with(variables{"key": "c", "apartment": id})); !bytes.Equal(got.body, want.body) {
				t.Errorf("%q: got %v, want %v", id, got, want)
			}
		}
		// It is of the house, not of the author's kind: managers live there, or do not.
		s.send(t, h.manager.token, input.with(variables{"key": "d", "apartment": h.apartments[0]})).expectCode(t, "FORBIDDEN", "input.apartment")
		if _, last := s.mustStand(t, author.token, h.community); last != 3 {
			t.Errorf("the log has %d entries", last)
		}
	})
}

const postingDocument = `query($id: ID!) { room(id: $id) { viewerPosting { allowed reason until } } }`

func TestWhoMaySend(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 4)
		pending, stranger := s.mustEnter(t, s.mustMeet(t, 6)[5], h.closedCode), s.mustMeet(t, 7)[6]
		ended, banned, left := h.residents[1], h.residents[2], h.residents[3]
		s.mustDecide(t, h.manager, "endMembership", ended.membership)
		s.mustDecide(t, h.manager, "banMember", banned.membership)
		s.mustDecide(t, left, "endMembership", left.membership)
		input := variables{"room": h.community, "key": "k", "text": "Salam"}

		allowed, forbidden := `{"allowed": true, "reason": null, "until": null}`, `{"allowed": false, "reason": "ANNOUNCEMENTS", "until": null}`
		for _, c := range []struct {
			who        dweller
			room, want string
		}{
			{h.manager, h.community, allowed},
			{h.manager, h.announcements, allowed},
			{h.residents[0], h.community, allowed},
			{h.residents[0], h.announcements, forbidden},
		} {
			s.run(t, c.who.token, postingDocument, variables{"id": c.room}).expectData(t, "room.viewerPosting", c.want)
			r := s.send(t, c.who.token, input.with(variables{"room": c.room}))
			if c.want == allowed {
				r.mustSucceed(t).expectData(t, "sendMessage.replayed", "false")
			} else {
				r.expectCode(t, "FORBIDDEN", "input.room")
			}
		}

		want := s.send(t, stranger.token, input.with(variables{"room": neverWere(h.community)[0]}))
		want.expectCode(t, "NOT_FOUND", "input.room")
		for name, who := range map[string]dweller{"stranger": stranger, "pending": pending, "ended": ended, "banned": banned, "left": left} {
			for _, room := range append(neverWere(h.community), h.community, h.announcements, h.id, who.id) {
				if got := s.send(t, who.token, input.with(variables{"room": room})); got.status != want.status || !bytes.Equal(got.body, want.body) {
					t.Errorf("%s, %q: got %v, want %v", name, room, got, want)
				}
			}
		}
		s.send(t, "", input).expectCode(t, "UNAUTHENTICATED", "")
		// Who may not be there is told before what is wrong with the message is.
		s.send(t, "", input.with(variables{"key": "", "text": ""})).expectCode(t, "UNAUTHENTICATED", "")
		if _, last := s.mustStand(t, h.manager.token, h.community); last != 5+3+2 {
			t.Errorf("the log has %d entries", last)
		}
	})
}

// Files that are not there are refused, and nothing is posted.
func TestAttachmentsThatAreNone(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 0)
		input := variables{"room": h.community, "key": "k", "text": "Salam"}
		for name, value := range map[string]any{
			"attachments": []any{"file_0"},
		} {
			r := s.send(t, h.manager.token, input.with(variables{name: value}))
			r.expectCode(t, "NOT_FOUND", "input."+name+".0")
			s.send(t, "", input.with(variables{name: value})).expectCode(t, "UNAUTHENTICATED", "")
		}
		if _, last := s.mustStand(t, h.manager.token, h.community); last != 1 {
			t.Errorf("the log has %d entries", last)
		}
	})
}

func TestMessageIsForThoseInItsRoom(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 1)
		message := s.mustSay(t, h.manager, h.community, "Salam")
		pending := s.mustEnter(t, s.mustMeet(t, 3)[2], h.closedCode)
		gone, stranger := h.residents[0], s.mustMeet(t, 4)[3]
		const document = `query($room: ID!, $id: ID!) { message(id: $id) { text } node(id: $id) { id } room(id: $room) { name } }`
		s.run(t, gone.token, document, variables{"room": h.community, "id": message.id}).expectData(t, "message.text", `"Salam"`)
		s.mustDecide(t, h.manager, "endMembership", gone.membership)
		want := s.run(t, stranger.token, document, variables{"room": neverWere(h.community)[0], "id": neverWere(message.id)[0]})
		if want.lookup("message") != nil || want.lookup("node") != nil || want.lookup("room") != nil {
			t.Errorf("got %v", want)
		}
		for name, token := range map[string]string{"stranger": stranger.token, "pending": pending.token, "gone": gone.token} {
			got := s.run(t, token, document, variables{"room": h.community, "id": message.id})
			if !bytes.Equal(got.body, want.body) {
				t.Errorf("%s: got %v, want %v", name, got, want)
			}
		}
		r := s.run(t, "", document, variables{"room": h.community, "id": message.id})
		if r.lookup("message") != nil || r.lookup("node") != nil || r.lookup("room") != nil {
			t.Errorf("without a session: got %v", r)
		}
	})
}

// Thirty people talk at once in two rooms: everything is there, once, under
// numbers without a gap, and time never goes back.
func TestManySendAtOnce(t *testing.T) {
	t.Parallel()
	const people, each = 30, 6
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		crowd := s.mustMeet(t, people)
		houses := []*house{s.mustOpenHouse(t, crowd[0], crowd[1:]...), s.mustOpenHouse(t, crowd[1])}
		rooms := []string{houses[0].community, houses[1].community}
		for _, who := range append([]dweller{crowd[0]}, crowd[2:]...) {
			s.mustEnter(t, who, houses[1].openCode)
		}
		var mu sync.Mutex
		sent := map[string]map[int]string{rooms[0]: {}, rooms[1]: {}} // by room and seq, the id
		var all sync.WaitGroup
		for _, who := range crowd {
			all.Go(func() {
				for i := range each {
					room := rooms[i%2]
					r, err := s.insistOn(who.token, room, newKey(), "Salam")
					if err != nil || r.code() != "" {
						t.Errorf("got %v, %v", r, err)
						return
					}
					mu.Lock()
					sent[room][int(r.lookup("sendMessage.message.seq").(float64))] = r.lookup("sendMessage.message.id").(string)
					mu.Unlock()
				}
			})
		}
		all.Wait()
		for _, room := range rooms {
			r := s.run(t, crowd[5].token, `query($id: ID!) { room(id: $id) {
				lastSeq lastMessage { seq } events(after: 0, first: 1000) { nodes { seq at kind message { id seq createdAt } } endSeq hasNextPage }
			} }`, variables{"id": room}).mustSucceed(t)
			entries := objects(at[any](t, r, "room.events.nodes"))
			want := people + people*each/2
			if len(entries) != want {
				t.Errorf("the log has %d entries, want %d", len(entries), want)
			}
			r.expectData(t, "room.lastSeq", fmt.Sprint(want))
			r.expectData(t, "room.lastMessage.seq", fmt.Sprint(want))
			var times []time.Time
			for i, one := range entries {
				if one["seq"] != float64(i+1) {
					t.Fatalf("entry %d is numbered %v", i+1, one["seq"])
				}
				times = append(times, mustParseTime(t, one["at"].(string)))
				message, _ := one["message"].(map[string]any)
				if id, there := sent[room][i+1]; there != (message != nil) || there && (message["id"] != id || message["createdAt"] != one["at"]) {
					t.Errorf("entry %d is %v, and %q was acknowledged", i+1, one, id)
				}
			}
			if !slices.IsSortedFunc(times, time.Time.Compare) {
				t.Error("time goes back in the log")
			}
		}
	})
}

// The room that moved last comes first, whatever moved it.
func TestViewerRoomsByTheirLastMove(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p := s.mustArrive(t)
		a, b := s.mustOpenHouse(t, p), s.mustOpenHouse(t, p)
		expect := func(want ...string) {
			t.Helper()
			r := s.run(t, p.token, `{ viewer { rooms { nodes { id } } } }`, nil).mustSucceed(t)
			var got []string
			for _, room := range objects(at[any](t, r, "viewer.rooms.nodes")) {
				got = append(got, room["id"].(string))
			}
			if len(got) != 4 || !slices.Equal(got[:len(want)], want) {
				t.Errorf("the rooms are %v, want %v first", got, want)
			}
		}
		s.mustSay(t, p, a.community, "1")
		s.mustSay(t, p, b.announcements, "2")
		expect(b.announcements, a.community)
		s.mustSay(t, p, a.community, "3")
		expect(a.community, b.announcements)
		s.mustSay(t, p, b.community, "4")
		expect(b.community, a.community, b.announcements)
		s.mustSay(t, p, a.announcements, "5")
		expect(a.announcements, b.community, a.community, b.announcements)
		// Page by page they are the same.
		var walked []string
		var after any
		for range 5 {
			r := s.run(t, p.token, `query($after: Cursor) { viewer { rooms(first: 1, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } } }`,
				variables{"after": after}).mustSucceed(t)
			walked = append(walked, at[string](t, r, "viewer.rooms.nodes.0.id"))
			after = r.lookup("viewer.rooms.pageInfo.endCursor")
			if r.lookup("viewer.rooms.pageInfo.hasNextPage") == false {
				break
			}
		}
		expect(walked...)
		// Who joins moves the room.
		s.mustEnter(t, s.mustMeet(t, 1)[0], b.openCode)
		expect(b.announcements, b.community)
	})
}

func TestParticipants(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 4)
		s.mustDecide(t, h.manager, "endMembership", h.residents[1].membership)
		want := []string{h.manager.id, h.residents[0].id, h.residents[2].id, h.residents[3].id}
		var got []string
		var after any
		for range 3 {
			r := s.run(t, h.residents[0].token, `query($id: ID!, $after: Cursor) { room(id: $id) {
				participants(first: 2, after: $after) { nodes { user { id name } joinedAt readSeq } pageInfo { hasNextPage endCursor } }
			} }`, variables{"id": h.community, "after": after}).mustSucceed(t)
			for _, one := range objects(at[any](t, r, "room.participants.nodes")) {
				got = append(got, one["user"].(map[string]any)["id"].(string))
				mustParseTime(t, one["joinedAt"].(string))
			}
			after = r.lookup("room.participants.pageInfo.endCursor")
			if r.lookup("room.participants.pageInfo.hasNextPage") == false {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("the participants are %v, want %v", got, want)
		}
	})
}

// A log's id, and what is in it, outlive the program.
func TestLogOutlivesTheProgram(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		home := newPlace(t, e)
		s := home.start(t, "OMARTY_RATE_LIMITS=off")
		h := s.mustOpenHouse(t, s.mustArrive(t))
		other, _ := s.mustStand(t, h.manager.token, h.announcements)
		message := s.mustSay(t, h.manager, h.community, "Salam")
		log, last := s.mustStand(t, h.manager.token, h.community)
		if log == other || log == "" {
			t.Errorf("two rooms have the log %q", log)
		}
		s.mustStop(t)
		s = home.start(t, "OMARTY_RATE_LIMITS=off")
		if again, stands := s.mustStand(t, h.manager.token, h.community); again != log || stands != last {
			t.Errorf("the log %s stood at %d, and now %s at %d", log, last, again, stands)
		}
		s.expectReplay(t, h.manager.token, variables{"room": h.community, "key": message.key, "text": message.text}, message)
		if next := s.mustSay(t, h.manager, h.community, "Salam"); next.seq != last+1 {
			t.Errorf("the next message is at %d, want %d", next.seq, last+1)
		}
	})
}
