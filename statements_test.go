package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omarty/chat/graph"
	"github.com/omarty/chat/internal/store"
	"github.com/omarty/chat/internal/testkit"
)

// sendStatements is what a message costs, its transaction's begin and end included: on
// PostgreSQL in two round trips.
var sendStatements = map[string]int{"sqlite": 9, "postgres": 7}

// hotPath is what clients ask for all the time.
type hotPath struct {
	name, document string
	// sent is how many statements it takes, whatever the size of the building, its
	// rooms and their logs; the first finds the session, once a second.
	sent int
}

var hotPaths = []hotPath{
	// Session, account, sum, rooms; then counts, last messages and their authors,
	// buildings and the standing in them.
	{"first screen", `query($n: Int!) { viewer { unreadCount rooms(first: $n) { nodes {
		id kind name lastSeq viewerName viewerReadSeq viewerUnreadCount viewerMentionCount viewerNotifications
		lastMessage { text createdAt author { name } } building { name }
	} } } }`, 9},
	// Session, account, sum, rooms; then counts, first unread and last messages, and
	// the rooms and memberships that say who may post.
	{"first screen with everything", `query($n: Int!) { viewer { unreadCount rooms(first: $n) { edges { cursor node { ...r } } nodes { ...r } } } }
	fragment r on Room { id viewerUnreadCount viewerReadSeq viewerPosting { allowed reason } viewerFirstUnread { seq text } lastMessage { text } }`, 9},
	{"a building's rooms", `query($n: Int!, $building: ID!) { building(id: $building) { viewerRooms(first: $n) { nodes {
		id viewerUnreadCount lastMessage { text author { name } }
	} } } }`, 8},
	// Session, room, page; then authors, apartments, the room and reactions.
	{"history", `query($room: ID!, $n: Int!) { room(id: $room) { messages(last: $n) { nodes {
		id seq text createdAt author { id name } apartment { id number } room { id } replyTo { id } replyCount reactions { emoji }
	} pageInfo { hasPreviousPage startCursor } } } }`, 7},
	// Session, room, pins; then reactions, mentions and authors.
	{"pins", `query($room: ID!) { room(id: $room) { pinnedMessages { text author { name } reactions { emoji count viewerHasReacted } mentions { start } } } }`, 3},
	// Session, room, page; then authors; polls, and votes of people and of apartments;
	// apartments; notices, and what is outstanding of them, in two.
	{"history of polls and notices", `query($asking: ID!, $n: Int!) { room(id: $asking) { messages(last: $n) { nodes {
		id text author { name } poll { question options { text voteCount } closed voterCount viewerBallots { apartment { number } options { id } } }
		notice { apartmentCount acknowledgedCount viewerOutstanding(first: 3) { nodes { number } } }
	} } } }`, 11},
	{"room", `query($room: ID!) { room(id: $room) {
		id kind lastSeq viewerName viewerCounterpart { id } viewerPosting { allowed } viewerReadSeq viewerFirstUnread { id }
		viewerUnreadCount viewerMentionCount viewerNotifications
	} }`, 6},
	{"log", `query($room: ID!, $n: Int!) { room(id: $room) { events(after: 2, first: $n) { nodes {
		seq kind actor { name } member { name } message { text author { name } apartment { number } }
	} } } }`, 6},
	{"participants", `query($room: ID!, $n: Int!) { room(id: $room) { participants(first: $n) { nodes { id user { name presence { online lastSeenAt } } readSeq } } } }`, 5},
	{"sending", `mutation($room: ID!, $key: String!) { sendMessage(input: {room: $room, key: $key, text: "Salam"}) { message { id seq } } }`, 1},
	// Session; where the mark is; begin, session, mark, commit; room and account; then
	// counts and the sum.
	{"reading on", `mutation($room: ID!) { markRead(room: $room, seq: 1000000) { room { viewerReadSeq viewerUnreadCount } viewer { unreadCount } } }`, 10},
	// Session; room, memberships and account, of who did not type there a moment ago.
	{"typing", `mutation($room: ID!) { setTyping(room: $room, active: true) { roomId } }`, 4},
	{"typing on", `mutation($room: ID!) { setTyping(room: $room, active: true) { roomId } }`, 1},
	{"reading what was read", `mutation($room: ID!) { markRead(room: $room, seq: 1) { room { viewerReadSeq viewerUnreadCount } viewer { unreadCount } } }`, 6},
}

// Each hot path takes a small number of statements, the same for five things and for
// fifty.
func TestStatements(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db testkit.Database) {
		told := &testkit.Statements{}
		api := mustServe(t, db, store.Watched(told.Driver, told))
		neighbours := []string{api.mustEnter(t), api.mustEnter(t), api.mustEnter(t)}
		for _, n := range []int{5, 50} {
			w := api.mustBuild(t, neighbours, (n+1)/2, n)
			for _, path := range hotPaths {
				v := map[string]any{"key": path.name, "room": w.room, "asking": w.asking, "building": w.building, "n": n}
				told.Reset()
				api.forgetSessions()
				api.mustDo(t, w.reader, path.document, v)
				want := path.sent
				if path.name == "sending" {
					want += sendStatements[db.Engine]
				}
				if sent := told.Reset(); len(sent) != want {
					t.Errorf("%s of %d: %d statements, want %d:\n%s", path.name, n, len(sent), want, strings.Join(sent, "\n"))
				}
			}
		}
	})
}

// served is the program without its network.
type served struct {
	http.Handler
	// ahead is by how much the program's clock is.
	ahead *atomic.Int64
}

// forgetSessions lets the time pass for which a session that was looked up is known.
func (s served) forgetSessions() { s.ahead.Add(int64(2 * time.Second)) }

func mustServe(t testing.TB, on testkit.Database, options ...store.Option) served {
	t.Helper()
	db, err := store.Open(t.Context(), on.URL, slog.New(slog.DiscardHandler), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	ahead := &atomic.Int64{}
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	verbs, err := newVerbs(t.Context(), config{region: "EG"}, db, nil, &nodes{}, now)
	if err != nil {
		t.Fatal(err)
	}
	return served{graph.New(verbs, graph.Options{Log: slog.New(slog.DiscardHandler), RequestID: requestID}), ahead}
}

// mustDo runs an operation, and gives its data.
func (s served) mustDo(t testing.TB, token, document string, v map[string]any) map[string]any {
	t.Helper()
	for name := range v {
		if !strings.Contains(document, "$"+name) {
			delete(v, name)
		}
	}
	body, err := json.Marshal(map[string]any{"query": document, "variables": v})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql", strings.NewReader(string(body)))
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := ask(s, r)
	var answer struct {
		Data   map[string]any
		Errors []any
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || len(answer.Errors) > 0 {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return answer.Data
}

var entered int

// mustEnter gives the token of somebody new.
func (s served) mustEnter(t testing.TB) string {
	t.Helper()
	entered++
	email := fmt.Sprintf("mona.%d@example.com", entered)
	s.mustDo(t, "", `mutation($email: String!, $phone: String!) { register(input: {
		name: "Mona Adel", email: $email, phone: $phone, password: "Nile-4417-x", confirmPassword: "Nile-4417-x"
	}) { user { id } } }`, map[string]any{"email": email, "phone": fmt.Sprintf("010%08d", entered)})
	data := s.mustDo(t, "", `mutation($email: String!) { logIn(input: {login: $email, password: "Nile-4417-x"}) { token } }`,
		map[string]any{"email": email})
	return data["logIn"].(map[string]any)["token"].(string)
}

// world is what somebody reads.
type world struct{ reader, building, room, asking string }

// mustBuild gives buildings, two rooms in each, where the neighbours and the reader
// live; in one of the rooms many messages from apartments, in another many polls that are
// notices, too, in the others one.
func (s served) mustBuild(t testing.TB, neighbours []string, buildings, messages int) world {
	t.Helper()
	w := world{reader: s.mustEnter(t)}
	for i := range buildings {
		var made struct {
			Building struct {
				ID         string
				Apartments struct{ Nodes []struct{ ID string } }
				Rooms      struct{ Nodes []struct{ ID, Kind string } }
			}
		}
		as(t, s.mustDo(t, neighbours[0], `mutation { createBuilding(input: {name: "Nile View", apartments: [{number: "1"}, {number: "2"}, {number: "3"}]}) {
			building { id apartments { nodes { id } } rooms: viewerRooms { nodes { id kind } } }
		} }`, nil)["createBuilding"], &made)
		w.building = made.Building.ID
		for n, who := range append(slices.Clone(neighbours[1:]), w.reader) {
			apartment := made.Building.Apartments.Nodes[n].ID
			invited := s.mustDo(t, neighbours[0], `mutation($building: ID!, $apartment: ID!) {
				createInvitation(input: {building: $building, apartment: $apartment, preapproved: true}) { invitation { code } }
			}`, map[string]any{"building": w.building, "apartment": apartment})
			code := invited["createInvitation"].(map[string]any)["invitation"].(map[string]any)["code"]
			s.mustDo(t, who, `mutation($code: String!) { joinBuilding(input: {code: $code}) { membership { id } } }`, map[string]any{"code": code})
		}
		for _, room := range made.Building.Rooms.Nodes {
			say := func(who, key string, apartment any) {
				s.mustDo(t, who, `mutation($room: ID!, $key: String!, $apartment: ID) {
					sendMessage(input: {room: $room, key: $key, text: "Salam", apartment: $apartment}) { message { id } }
				}`, map[string]any{"room": room.ID, "key": key, "apartment": apartment})
			}
			say(neighbours[0], "first", nil)
			if room.Kind == "ANNOUNCEMENTS" && i == 0 {
				w.asking = room.ID
				for n := range messages {
					s.mustAsk(t, neighbours[0], w.reader, room.ID, fmt.Sprint(n), n%2 == 0)
				}
			}
			if room.Kind == "COMMUNITY" && i == 0 {
				w.room = room.ID
				for n := range messages {
					of := n % 2
					say(neighbours[1+of], fmt.Sprint(n), made.Building.Apartments.Nodes[of].ID)
				}
			}
		}
	}
	return w
}

// mustAsk posts a notice with a poll, in which somebody votes.
func (s served) mustAsk(t testing.TB, manager, voter, room, key string, perApartment bool) {
	t.Helper()
	var sent struct {
		Message struct {
			ID   string
			Poll struct{ Options []struct{ ID string } }
		}
	}
	as(t, s.mustDo(t, manager, `mutation($room: ID!, $key: String!, $perApartment: Boolean!) { sendMessage(input: {
		room: $room, key: $key, text: "Salam", notice: true, poll: {question: "Tea?", options: ["Yes", "No"], perApartment: $perApartment}
	}) { message { id poll { options { id } } } } }`, map[string]any{"room": room, "key": key, "perApartment": perApartment})["sendMessage"], &sent)
	s.mustDo(t, voter, `mutation($message: ID!, $option: ID!) { vote(message: $message, options: [$option]) { message { id } } }`,
		map[string]any{"message": sent.Message.ID, "option": sent.Message.Poll.Options[0].ID})
}

// as reads data as something.
func as(t testing.TB, data any, target any) {
	t.Helper()
	text, err := json.Marshal(data)
	if err == nil {
		err = json.Unmarshal(text, target)
	}
	if err != nil {
		t.Fatal(err)
	}
}
