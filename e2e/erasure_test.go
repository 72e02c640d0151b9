package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const (
	eraseDocument = `mutation($password: String!) { eraseAccount(password: $password) { userId } }`
	// namesDocument names everybody whom an entry leads to.
	namesDocument = `subscription Names($room: ID!, $after: Int) { roomEvents(room: $room, after: $after) { __typename
		... on CaughtUp { position }
		... on RoomEvent { seq kind actor { id name } member { id name } message {
			id text author { id name } apartment { number } deletedBy { id name } mentions { user { id name } start }
			replyTo { text author { id name } } reactions { emoji count users { nodes { id name } } }
		} } } }`
	inboxNamesDocument = `subscription Names($after: [RoomPosition!]!) { inboxEvents(after: $after) { __typename
		... on RoomEvent { seq kind actor { id name } member { id name } message { text author { id name } } } } }`
	// pulledNames asks for all else that there is of a room.
	pulledNames = `query($room: ID!, $who: ID!, $words: String!) {
		node(id: $who) { id }
		room(id: $room) {
			viewerName viewerCounterpart { id name }
			participants(first: 100) { nodes { user { id name } } }
			events(after: 0, first: 1000) { nodes { kind actor { id name } member { id name } message { author { id name } } } }
			messages(last: 100) { nodes { text author { id name } apartment { number } deletedBy { id name } replyTo { author { id name } }
				mentions { user { id name } } reactions { emoji count users { nodes { id name } } } readers { nodes { id name } } poll { voterCount } } }
		}
		searchMessages(query: $words) { nodes { text author { id name } } }
	}`
	byAuthor = `query($who: ID!, $words: String!) { byAuthor: searchMessages(query: $words, author: $who) { nodes { text } pageInfo { hasNextPage } } }`
)

// departed is somebody who has left traces wherever one can, and is about to be erased.
type departed struct {
	dweller
	h              *house
	witness        dweller
	group, direct  string
	elsewhere      string // a room that they left before
	logged         map[string]int
	message, reply said
}

func (d departed) rooms() []string {
	return []string{d.h.community, d.h.announcements, d.group, d.direct, d.elsewhere}
}

func mustLeaveTraces(t *testing.T, s *server) departed {
	t.Helper()
	p := stranger()
	p.name = "Zaynab " + rand.Text()
	p.id = at[string](t, s.register(t, p.input()).mustSucceed(t), "register.user.id")
	signedIn := s.mustLogIn(t, p.email, p.password)
	d := departed{dweller: dweller{person: p, token: signedIn.token, session: signedIn.id}}
	d.h = s.mustOpenHouse(t, s.mustArrive(t), d.dweller, s.mustArrive(t))
	d.dweller, d.witness = d.h.residents[0], d.h.residents[1]
	s.mustGiveApartment(t, d.h, d.dweller, d.h.apartments[0])
	who := variables{"user": d.id}

	r := s.run(t, d.token, createRoomDocument, variables{"input": variables{
		"building": d.h.id, "name": "Stairs", "participants": []string{d.witness.id},
	}}).mustSucceed(t)
	d.group = at[string](t, r, "createRoom.room.id")
	d.direct = at[string](t, s.run(t, d.witness.token, openDocument, who).mustSucceed(t), "openDirectRoom.room.id")

	old := s.mustOpenHouse(t, d.witness)
	old.residents = append(old.residents, s.mustEnter(t, d.dweller, old.openCode))
	d.elsewhere = old.community
	s.mustSay(t, d.dweller, d.elsewhere, "from before")
	s.mustDecide(t, d.dweller, "endMembership", old.residents[0].membership)

	d.message = messageIn(t, s.send(t, d.token, variables{
		"room": d.h.community, "key": newKey(), "text": "the lift is broken", "apartment": d.h.apartments[0],
	}).mustSucceed(t))
	gone := s.mustSay(t, d.dweller, d.h.community, "never mind")
	s.run(t, d.token, `mutation($id: ID!) { deleteMessage(message: $id) { message { id } } }`, variables{"id": gone.id}).mustSucceed(t)
	d.reply = messageIn(t, s.send(t, d.witness.token, variables{
		"room": d.h.community, "key": newKey(), "text": "@Neighbour thanks", "replyTo": d.message.id,
		"mentions": []variables{{"user": d.id, "start": 0, "length": 10}},
	}).mustSucceed(t))
	s.run(t, d.token, `mutation($id: ID!) { addReaction(message: $id, emoji: "👍") { message { id } } }`, variables{"id": d.reply.id}).mustSucceed(t)
	asked := s.send(t, d.witness.token, variables{
		"room": d.h.community, "key": newKey(), "text": "",
		"poll": variables{"question": "Paint?", "options": []string{"yes", "no"}},
	}).mustSucceed(t)
	s.run(t, d.token, `mutation($id: ID!, $option: [ID!]!) { vote(message: $id, options: $option) { message { id } } }`, variables{
		"id": messageIn(t, asked).id,
		"option": []any{s.run(t, d.token, `query($id: ID!) { message(id: $id) { poll { options { id } } } }`,
			variables{"id": messageIn(t, asked).id}).mustSucceed(t).lookup("message.poll.options.0.id")},
	}).mustSucceed(t)
	s.mustSay(t, d.dweller, d.group, "in the group")
	s.mustSay(t, d.dweller, d.direct, "between us")
	s.mustSay(t, d.witness, d.direct, "indeed")
	d.logged = map[string]int{}
	for _, room := range d.rooms() {
		_, d.logged[room] = s.mustStand(t, d.witness.token, room)
	}
	return d
}

// marks are what nobody may read any more.
func (d departed) marks() []string { return []string{d.name, d.id, strings.Fields(d.name)[1]} }

// all gives all that the witness can read that might name somebody, as it came, from a
// position on.
func (d departed) all(t *testing.T, s *server) string {
	t.Helper()
	var text strings.Builder
	for _, room := range d.rooms() {
		for _, l := range []line{overSocket, overEvents} {
			st := s.listen(t, l, d.witness.token, namesDocument, from(room, 0))
			for {
				h := st.hear(t)
				text.Write(h.payload)
				if strings.HasPrefix(h.String(), "CaughtUp") {
					break
				}
			}
		}
		r := s.run(t, d.witness.token, pulledNames, variables{"room": room, "who": d.id, "words": "lift"}).mustSucceed(t)
		pulled, _ := json.Marshal(r.data)
		text.Write(pulled)
		found, _ := json.Marshal(s.run(t, d.witness.token, byAuthor, variables{"who": d.id, "words": "lift"}).mustSucceed(t).data)
		text.Write(found)
	}
	var after []variables
	for _, room := range d.rooms() {
		after = append(after, variables{"room": room, "seq": 0})
	}
	st := s.listen(t, overSocket, d.witness.token, inboxNamesDocument, variables{"after": after})
	for {
		h := st.hear(t)
		text.Write(h.payload)
		if strings.HasPrefix(h.String(), "CaughtUp") {
			break
		}
	}
	return text.String()
}

func (d departed) namedIn(text string) bool {
	for _, m := range d.marks() {
		if strings.Contains(text, m) {
			return true
		}
	}
	return false
}

// Who erases their account is nobody from then on, wherever it is read and however it is
// resumed, on the node where they did and soon on the others; what they said stays.
func TestAnErasedPersonIsNowhere(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		home := newPlace(t, e)
		nodes := []*server{home.start(t, "OMARTY_RATE_LIMITS=off")}
		if e == postgres {
			second := home
			second.dataDir = filepath.Join(t.TempDir(), "second")
			nodes = append(nodes, second.start(t, "OMARTY_RATE_LIMITS=off"))
		}
		s := nodes[0]
		d := mustLeaveTraces(t, s)
		// Those who listen keep the forms of what was rendered for them.
		for _, n := range nodes {
			if text := d.all(t, n); !d.namedIn(text) {
				t.Fatal("nobody is named even now: the test sees nothing")
			}
			for _, room := range d.rooms() {
				n.listen(t, overSocket, d.witness.token, namesDocument, from(room, 0))
			}
		}
		own, elsewhere := s.openSocket(t, d.token), nodes[len(nodes)-1].openSocket(t, d.token)

		s.run(t, d.token, eraseDocument, variables{"password": "not-it-at-all"}).expectCode(t, "INVALID_CREDENTIALS", "password")
		s.run(t, d.token, eraseDocument, variables{"password": d.password}).expectData(t, "eraseAccount.userId", `"`+d.id+`"`)

		if text := d.all(t, s); d.namedIn(text) {
			t.Errorf("they are named still: %s", text)
		}
		own.expectClosed(t, 4401)
		elsewhere.expectClosed(t, 4401)
		for _, n := range nodes {
			eventually(t, hearTime, "the others name nobody", func() bool { return !d.namedIn(d.all(t, n)) })
			eventually(t, hearTime, "their token is dead", func() bool { return !n.signedIn(t, d.token) })
			n.logIn(t, d.email, d.password).expectCode(t, "INVALID_CREDENTIALS", "")
			n.logIn(t, d.phone, d.password).expectCode(t, "INVALID_CREDENTIALS", "")
		}

		r := s.run(t, d.witness.token, `query($m: ID!, $reply: ID!, $direct: ID!, $building: ID!) {
			message(id: $m) { text author { id } deletedAt apartment { id } }
			reply: message(id: $reply) { mentions { user { id } start length } reactions { emoji count users { nodes { id } } } }
			room(id: $direct) { viewerCounterpart { id } viewerPosting { allowed reason } messages { nodes { text author { id } } } }
			building(id: $building) { members { nodes { user { id } } } apartments { nodes { residents { nodes { id } } } } }
		}`, variables{"m": d.message.id, "reply": d.reply.id, "direct": d.direct, "building": d.h.id}).mustSucceed(t)
		r.expectData(t, "message", `{"text": "the lift is broken", "author": null, "deletedAt": null, "apartment": null}`)
		r.expectData(t, "reply", `{"mentions": [{"user": null, "start": 0, "length": 10}], "reactions": [{"emoji": "👍", "count": 1, "users": {"nodes": []}}]}`)
		r.expectData(t, "room.viewerCounterpart", `null`)
		r.expectData(t, "room.viewerPosting", `{"allowed": false, "reason": "COUNTERPART_GONE"}`)
		r.expectData(t, "room.messages.nodes.0", `{"text": "between us", "author": null}`)
		if got := len(objects(r.lookup("building.members.nodes"))); got != 2 {
			t.Errorf("the building has %d members, want 2", got)
		}
		// That somebody left, each room's log says, and the building's; not who.
		for _, room := range d.rooms()[:4] {
			r := s.run(t, d.witness.token, `query($room: ID!, $after: Int!) { room(id: $room) { events(after: $after) { nodes { kind actor { id } member { id } } } } }`,
				variables{"room": room, "after": d.logged[room]}).mustSucceed(t)
			r.expectData(t, "room.events.nodes", `[{"kind": "MEMBER_LEFT", "actor": null, "member": null}]`)
		}
		audit := s.run(t, d.h.manager.token, `query($id: ID!) { building(id: $id) { viewerManaged {
			auditLog { nodes { action actor { id } subject } }
			members(status: ENDED) { nodes { id user { id } apartments { id } } }
		} } }`, variables{"id": d.h.id}).mustSucceed(t)
		audit.expectData(t, "building.viewerManaged.auditLog.nodes.0", `{"action": "endMembership", "actor": null, "subject": "`+d.membership+`"}`)
		audit.expectData(t, "building.viewerManaged.members.nodes", `[{"id": "`+d.membership+`", "user": null, "apartments": []}]`)
		if text, _ := json.Marshal(audit.data); d.namedIn(string(text)) {
			t.Errorf("the building's papers name them: %s", text)
		}
		if e == sqlite {
			eventually(t, hearTime, "the file has nothing of them", func() bool {
				return !inFiles(t, s.dataDir, d.name, d.email, strings.TrimPrefix(d.phone, "0"))
			})
		}
		// Their address and number are free.
		again := d.person
		again.name = "Nour Hassan"
		if id := at[string](t, s.register(t, again.input()).mustSucceed(t), "register.user.id"); id == d.id {
			t.Error("it is the same person")
		}
	})
}

// inFiles tells whether files below a folder have one of the texts in them.
func inFiles(t *testing.T, folder string, texts ...string) (found bool) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		for _, text := range texts {
			found = found || bytes.Contains(content, []byte(text))
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return found
}

func TestTheLastManagerCannotBeErased(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustOpenHouse(t, s.mustArrive(t), s.mustArrive(t))
		erase := func(who dweller) result {
			return s.run(t, who.token, eraseDocument, variables{"password": who.password})
		}
		erase(h.manager).expectCode(t, "CONFLICT", "")
		if !s.signedIn(t, h.manager.token) {
			t.Error("a refusal has ended the session")
		}
		s.run(t, h.manager.token, `mutation($id: ID!) { setMemberRole(membership: $id, role: MANAGER) { membership { id } } }`,
			variables{"id": h.residents[0].membership}).mustSucceed(t)
		// Of two managers who go at once, one stays.
		results := make([]result, 2)
		var going sync.WaitGroup
		for i, who := range []dweller{h.manager, h.residents[0]} {
			going.Go(func() {
				results[i], _ = s.tryRun(who.token, eraseDocument, variables{"password": who.password})
			})
		}
		going.Wait()
		if a, b := results[0].code(), results[1].code(); a+b != "CONFLICT" {
			t.Errorf("got %q and %q; want one success and one CONFLICT", a, b)
		}
	})
}

// Whoever writes while they are erased: what was acknowledged is there, as nobody's.
func TestErasedInTheMiddleOfTalking(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustOpenHouse(t, s.mustArrive(t), s.mustArrive(t))
		who := h.residents[0]
		acknowledged := make([]int, 4)
		var talking sync.WaitGroup
		begun := make(chan struct{}, 1000)
		for i := range acknowledged {
			talking.Go(func() {
				for n := 0; ; n++ {
					r, err := s.insistSend(who.token, h.community, fmt.Sprintf("%d of %d", n, i))
					if err != nil || r.code() != "" {
						if r.code() != "UNAUTHENTICATED" {
							t.Errorf("talking ended with %v %v", r, err)
						}
						return
					}
					acknowledged[i]++
					select {
					case begun <- struct{}{}:
					default:
					}
				}
			})
		}
		for range 20 {
			<-begun
		}
		s.run(t, who.token, eraseDocument, variables{"password": who.password}).mustSucceed(t)
		talking.Wait()
		// However long it took to erase them, and so however much they said.
		var events []map[string]any
		for _, last := s.mustStand(t, h.manager.token, h.community); len(events) < last; {
			r := s.run(t, h.manager.token, `query($room: ID!, $after: Int!) { room(id: $room) { events(after: $after, first: 500) { nodes { seq kind actor { id } member { id } message { author { id } } } } } }`,
				variables{"room": h.community, "after": len(events)}).mustSucceed(t)
			events = append(events, objects(r.lookup("room.events.nodes"))...)
		}
		posts, total := 0, 0
		for i, entry := range events {
			if entry["kind"] != "MESSAGE_POSTED" {
				continue
			}
			posts++
			if entry["message"].(map[string]any)["author"] != nil || entry["actor"] != nil {
				t.Errorf("%v", entry)
			}
			if i == len(events)-1 {
				t.Error("somebody who had left has posted")
			}
		}
		for _, n := range acknowledged {
			total += n
		}
		if posts != total {
			t.Errorf("%d messages were acknowledged, %d are there", total, posts)
		}
	})
}
