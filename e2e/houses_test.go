package e2e

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// dweller is somebody who is signed in and may live in a house.
type dweller struct {
	person
	token   string
	session string // its id
	// membership is that in the house that they moved into last.
	membership string
}

// house is a building with the people in it.
type house struct {
	id                       string
	community, announcements string // its rooms
	openCode, closedCode     string // one lets in at once, one asks for approval
	apartments               []string
	manager                  dweller
	residents                []dweller
}

// mustArrive gives somebody new who is signed in.
func (s *server) mustArrive(t *testing.T) dweller {
	t.Helper()
	p, mine := s.mustSignIn(t)
	return dweller{person: p, token: mine.token, session: mine.id}
}

// regulars are people whom tests share, by the address of their server: an
// account is slow to open. Nobody ends their sessions.
var regulars = struct {
	sync.Mutex
	known map[string][]dweller
}{known: map[string][]dweller{}}

// mustMeet gives some people who are signed in. Other tests know them, too.
func (s *server) mustMeet(t *testing.T, people int) []dweller {
	t.Helper()
	regulars.Lock()
	defer regulars.Unlock()
	for len(regulars.known[s.url]) < people {
		regulars.known[s.url] = append(regulars.known[s.url], s.mustArrive(t))
	}
	return append([]dweller(nil), regulars.known[s.url][:people]...)
}

// mustOpenHouse gives a new building that somebody manages, and residents, who
// came in their order: each is an entry of both rooms' logs, behind the manager's.
func (s *server) mustOpenHouse(t *testing.T, manager dweller, residents ...dweller) *house {
	t.Helper()
	r := s.run(t, manager.token, `mutation { createBuilding(input: {name: "Nile View", apartments: [{number: "1"}, {number: "2"}, {number: "3"}]}) {
		building {
			id viewerMembership { id } viewerRooms { nodes { id kind } } apartments { nodes { id } }
		}
	} }`, nil).mustSucceed(t)
	h := &house{id: at[string](t, r, "createBuilding.building.id"), manager: manager}
	h.manager.membership = at[string](t, r, "createBuilding.building.viewerMembership.id")
	for _, room := range objects(at[any](t, r, "createBuilding.building.viewerRooms.nodes")) {
		if room["kind"] == "COMMUNITY" {
			h.community = room["id"].(string)
		} else {
			h.announcements = room["id"].(string)
		}
	}
	for _, one := range objects(at[any](t, r, "createBuilding.building.apartments.nodes")) {
		h.apartments = append(h.apartments, one["id"].(string))
	}
	r = s.run(t, manager.token, `mutation($id: ID!) {
		open: createInvitation(input: {building: $id, preapproved: true}) { invitation { code } }
		closed: createInvitation(input: {building: $id}) { invitation { code } }
	}`, variables{"id": h.id}).mustSucceed(t)
	h.openCode = secret(at[string](t, r, "open.invitation.code"))
	h.closedCode = secret(at[string](t, r, "closed.invitation.code"))
	for _, who := range residents {
		h.residents = append(h.residents, s.mustEnter(t, who, h.openCode))
	}
	return h
}

// mustSettle is mustOpenHouse with people whom tests share.
func (s *server) mustSettle(t *testing.T, residents int) *house {
	t.Helper()
	people := s.mustMeet(t, residents+1)
	return s.mustOpenHouse(t, people[0], people[1:]...)
}

// mustEnter uses a code of a house.
func (s *server) mustEnter(t *testing.T, who dweller, code string) dweller {
	t.Helper()
	r := s.run(t, who.token, `mutation($code: String!) { joinBuilding(input: {code: $code}) { membership { id } } }`,
		variables{"code": code}).mustSucceed(t)
	who.membership = at[string](t, r, "joinBuilding.membership.id")
	return who
}

// mustDecide runs a mutation on a membership, such as endMembership.
func (s *server) mustDecide(t *testing.T, by dweller, mutation, membership string) {
	t.Helper()
	s.run(t, by.token, `mutation($id: ID!) { `+mutation+`(membership: $id) { membership { id } } }`,
		variables{"id": membership}).mustSucceed(t)
}

// mustGiveApartment makes somebody live in one of the house's apartments.
func (s *server) mustGiveApartment(t *testing.T, h *house, who dweller, apartment string) {
	t.Helper()
	s.run(t, h.manager.token, `mutation($id: ID!, $apartments: [ID!]!) {
		setMemberApartments(membership: $id, apartments: $apartments) { membership { id } }
	}`, variables{"id": who.membership, "apartments": []string{apartment}}).mustSucceed(t)
}

const sendDocument = `mutation Send($input: SendMessageInput!) { sendMessage(input: $input) {
	replayed message { id seq changedSeq textSeq key text createdAt author { id } apartment { id } room { id } }
} }`

// trySend posts a message, from any goroutine.
func (s *server) trySend(token, room, key, text string) (result, error) {
	return s.tryRun(token, sendDocument, variables{"input": variables{"room": room, "key": key, "text": text}})
}

// insistSend is trySend that tries again while the service cannot answer.
func (s *server) insistSend(token, room, text string) (result, error) {
	return s.insist(token, sendDocument, variables{"input": variables{"room": room, "key": newKey(), "text": text}})
}

// send posts a message.
func (s *server) send(t *testing.T, token string, input variables) result {
	t.Helper()
	return s.run(t, token, sendDocument, variables{"input": input})
}

// said is a message that was posted.
type said struct {
	id, key, text string
	seq           int
}

// mustSay posts a message.
func (s *server) mustSay(t *testing.T, who dweller, room, text string) said {
	t.Helper()
	r := s.send(t, who.token, variables{"room": room, "key": newKey(), "text": text}).mustSucceed(t)
	return messageIn(t, r)
}

func messageIn(t *testing.T, r result) said {
	t.Helper()
	return said{
		at[string](t, r, "sendMessage.message.id"), at[string](t, r, "sendMessage.message.key"),
		at[string](t, r, "sendMessage.message.text"), int(at[float64](t, r, "sendMessage.message.seq")),
	}
}

// mustChat posts many messages, one after the other, and gives the position of the
// last.
func (s *server) mustChat(t *testing.T, who dweller, room string, messages int) (last int) {
	t.Helper()
	return s.mustChatWith(t, who, room, messages, "Salam")
}

func (s *server) mustChatWith(t *testing.T, who dweller, room string, messages int, text string) (last int) {
	t.Helper()
	const atOnce = 25
	for messages > 0 {
		n := min(messages, atOnce)
		messages -= n
		var declared, calls strings.Builder
		v := variables{"room": room, "text": text}
		for i := range n {
			fmt.Fprintf(&declared, ", $k%d: String!", i)
			fmt.Fprintf(&calls, "m%d: sendMessage(input: {room: $room, key: $k%d, text: $text}) { message { seq } }\n", i, i)
			v[fmt.Sprintf("k%d", i)] = newKey()
		}
		r := s.run(t, who.token, "mutation($room: ID!, $text: String!"+declared.String()+") {\n"+calls.String()+"}", v).mustSucceed(t)
		last = int(at[float64](t, r, fmt.Sprintf("m%d.message.seq", n-1)))
	}
	return last
}

// mustStand gives the id of a room's log and where it stands.
func (s *server) mustStand(t *testing.T, token, room string) (logID string, lastSeq int) {
	t.Helper()
	r := s.run(t, token, `query($id: ID!) { room(id: $id) { logId lastSeq } }`, variables{"id": room}).mustSucceed(t)
	return at[string](t, r, "room.logId"), int(at[float64](t, r, "room.lastSeq"))
}

func mustParseURL(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil {
		panic(err) // the test's own
	}
	return u
}

// newKey gives a key that nobody has used.
func newKey() string { return rand.Text() }
