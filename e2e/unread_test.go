package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
)

const moveOutDocument = `mutation($id: ID!) { endMembership(membership: $id) { membership { status } } }`

const moveInDocument = `mutation($code: String!) { joinBuilding(input: {code: $code}) { membership { id } } }`

// mustTell posts messages, and gives the id of the last.
func (s *server) mustTell(t *testing.T, who dweller, room string, messages int) (id string) {
	t.Helper()
	for range messages {
		id = s.mustSay(t, who, room, "Salam").id
	}
	return id
}

const markReadDocument = `mutation($room: ID!, $seq: Int!) { markRead(room: $room, seq: $seq) {
	room { id lastSeq viewerReadSeq viewerUnreadCount viewerFirstUnread { id } } viewer { unreadCount }
} }`

// markRead says that somebody has read up to a position.
func (s *server) markRead(t *testing.T, token, room string, seq int) result {
	t.Helper()
	return s.run(t, token, markReadDocument, variables{"room": room, "seq": seq})
}

// unread is what somebody has read of a room, and what waits there.
type unread struct {
	seq, count int
	first      string // the id of the first unread message
}

// expectUnread demands it wherever it can be read.
func (s *server) expectUnread(t *testing.T, who dweller, b *house, room string, want unread) {
	t.Helper()
	const fields = `{ id viewerReadSeq viewerUnreadCount viewerMentionCount viewerFirstUnread { id } }`
	r := s.run(t, who.token, `query($room: ID!, $building: ID!) {
		room(id: $room) `+fields+` node(id: $room) { ... on Room `+fields+` }
		viewer { rooms { nodes `+fields+` } } building(id: $building) { viewerRooms { edges { node `+fields+` } } }
	}`, variables{"room": room, "building": b.id}).mustSucceed(t)
	var found []any
	for _, path := range []string{"room", "node"} {
		found = append(found, r.lookup(path))
	}
	for _, one := range objects(at[any](t, r, "viewer.rooms.nodes")) {
		if one["id"] == room {
			found = append(found, one)
		}
	}
	for _, edge := range objects(at[any](t, r, "building.viewerRooms.edges")) {
		if one := edge["node"].(map[string]any); one["id"] == room {
			found = append(found, one)
		}
	}
	first := "null"
	if want.first != "" {
		first = fmt.Sprintf(`{"id": %q}`, want.first)
	}
	if len(found) != 4 {
		t.Errorf("the room is there %d times: %v", len(found), r)
	}
	for _, one := range found {
		result{answer: r.answer, data: map[string]any{"it": one}}.expectData(t, "it", fmt.Sprintf(
			`{"id": %q, "viewerReadSeq": %d, "viewerUnreadCount": %d, "viewerMentionCount": 0, "viewerFirstUnread": %s}`,
			room, want.seq, want.count, first))
	}
}

func TestUnreadMessages(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		mona, nour := s.mustArrive(t), s.mustArrive(t)
		b := s.mustOpenHouse(t, mona)
		nour = s.mustEnter(t, nour, b.openCode)
		room := b.community
		// Each has read what came before their own coming.
		s.expectUnread(t, mona, b, room, unread{seq: 0})
		s.expectUnread(t, nour, b, room, unread{seq: 1})
		s.mustTell(t, mona, room, 2) // 3, 4
		second := s.mustTell(t, nour, room, 1)
		s.mustTell(t, nour, room, 2) // 6, 7
		last := s.mustTell(t, mona, room, 1)
		// Sending moves no mark, and one's own messages are not unread.
		s.expectUnread(t, mona, b, room, unread{0, 3, second})
		r := s.run(t, nour.token, `query($room: ID!) { room(id: $room) { messages(first: 1) { nodes { id } } } }`, variables{"room": room})
		s.expectUnread(t, nour, b, room, unread{1, 3, at[string](t, r, "room.messages.nodes.0.id")})

		s.mustTell(t, mona, b.announcements, 2)
		for who, want := range map[string]string{mona.token: "3", nour.token: "5"} {
			s.run(t, who, `{ viewer { unreadCount } }`, nil).expectData(t, "viewer.unreadCount", want)
		}

		// It moves forward alone, and no farther than the log.
		for _, c := range []struct {
			seq, at, unread int
			first           string
		}{
			{4, 4, 1, fmt.Sprintf(`{"id": %q}`, last)},
			{3, 4, 1, fmt.Sprintf(`{"id": %q}`, last)},
			{0, 4, 1, fmt.Sprintf(`{"id": %q}`, last)},
			{7, 7, 1, fmt.Sprintf(`{"id": %q}`, last)},
			{1<<31 - 1, 8, 0, "null"},
			{8, 8, 0, "null"},
		} {
			r := s.markRead(t, nour.token, room, c.seq).mustSucceed(t)
			r.expectData(t, "markRead", fmt.Sprintf(`{
				"room": {"id": %q, "lastSeq": 8, "viewerReadSeq": %d, "viewerUnreadCount": %d, "viewerFirstUnread": %s},
				"viewer": {"unreadCount": %d}}`, room, c.at, c.unread, c.first, c.unread+2))
		}
		s.expectUnread(t, nour, b, room, unread{seq: 8})
		s.expectUnread(t, mona, b, room, unread{0, 3, second})
		// On each of one's devices.
		phone := s.mustLogIn(t, nour.email, nour.password)
		next := s.mustTell(t, mona, room, 1)
		nour.token = phone.token
		s.expectUnread(t, nour, b, room, unread{8, 1, next})

		// Each change of a document shows what it did, and no other.
		s.mustTell(t, mona, room, 2)
		r = s.run(t, nour.token, `mutation($room: ID!) {
			a: markRead(room: $room, seq: 9) { ...it } b: markRead(room: $room, seq: 11) { ...it } c: markRead(room: $room, seq: 10) { ...it }
		} fragment it on MarkReadPayload { room { viewerReadSeq viewerUnreadCount } viewer { unreadCount } }`, variables{"room": room}).mustSucceed(t)
		r.expectData(t, "a", `{"room": {"viewerReadSeq": 9, "viewerUnreadCount": 2}, "viewer": {"unreadCount": 4}}`)
		r.expectData(t, "b", `{"room": {"viewerReadSeq": 11, "viewerUnreadCount": 0}, "viewer": {"unreadCount": 2}}`)
		r.expectData(t, "c", `{"room": {"viewerReadSeq": 11, "viewerUnreadCount": 0}, "viewer": {"unreadCount": 2}}`)
		// Who logs in reads their own counts at once.
		r = s.run(t, "", `mutation($login: String!, $password: String!) { logIn(input: {login: $login, password: $password}) { viewer {
			unreadCount rooms { nodes { kind viewerUnreadCount } }
		} } }`, variables{"login": nour.email, "password": nour.password}).mustSucceed(t)
		r.expectData(t, "logIn.viewer", `{"unreadCount": 2, "rooms": {"nodes": [
			{"kind": "COMMUNITY", "viewerUnreadCount": 0}, {"kind": "ANNOUNCEMENTS", "viewerUnreadCount": 2}]}}`)
	})
}

func TestMarksThatCannotBe(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		mona, nour := s.mustArrive(t), s.mustArrive(t)
		b := s.mustOpenHouse(t, mona)
		s.markRead(t, mona.token, b.community, -1).expectCode(t, "INVALID_INPUT", "seq")
		s.markRead(t, "", b.community, 1).expectCode(t, "UNAUTHENTICATED", "")
		there := s.markRead(t, nour.token, b.community, 1)
		there.expectCode(t, "NOT_FOUND", "room")
		for _, id := range []string{b.id, "room_0", "x", b.community[:len(b.community)-1] + "0"} {
			if never := s.markRead(t, nour.token, id, 1); !bytes.Equal(never.body, there.body) {
				t.Errorf("a room of others and none read differently: %s and %s", there.body, never.body)
			}
		}
		s.run(t, mona.token, markReadDocument, variables{"room": b.community, "seq": nil}).expectCode(t, "BAD_REQUEST", "")
		s.expectUnread(t, mona, b, b.community, unread{})
	})
}

func TestUnreadOfWhoComesBack(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		mona, nour := s.mustArrive(t), s.mustArrive(t)
		b := s.mustOpenHouse(t, mona)
		nour = s.mustEnter(t, nour, b.openCode)
		s.mustTell(t, mona, b.community, 3) // 3, 4, 5
		heard := s.mustListenToTheEnd(t, nour.token, b.community)
		s.mustDecide(t, nour, "endMembership", nour.membership) // 6
		s.markRead(t, nour.token, b.community, 4).expectCode(t, "NOT_FOUND", "room")
		s.run(t, nour.token, `{ viewer { unreadCount rooms { nodes { id } } } }`, nil).
			expectData(t, "viewer", `{"unreadCount": 0, "rooms": {"nodes": []}}`)
		// The entry by which somebody leaves still has its room, in which nothing is theirs.
		want := `"seq":6,"kind":"MEMBER_LEFT","room":{"viewerReadSeq":0,"viewerUnreadCount":0,"viewerMentionCount":0,"viewerFirstUnread":null`
		if stream := <-heard; !strings.Contains(stream, want) || !strings.Contains(stream, "NOT_FOUND") {
			t.Errorf("%s is not in the stream:\n%s", want, stream)
		}
		s.mustTell(t, mona, b.community, 2)     // 7, 8
		nour = s.mustEnter(t, nour, b.openCode) // 9
		s.expectUnread(t, nour, b, b.community, unread{seq: 8})
		next := s.mustTell(t, mona, b.community, 1)
		s.expectUnread(t, nour, b, b.community, unread{8, 1, next})
		s.run(t, nour.token, `{ viewer { unreadCount } }`, nil).expectData(t, "viewer.unreadCount", "1")
	})
}

// mustListenToTheEnd listens to a room's log, and gives later all that the stream says
// until it ends. It has begun when this returns.
func (s *server) mustListenToTheEnd(t *testing.T, token, room string) <-chan string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"variables": variables{"room": room}, "query": `subscription($room: ID!) {
		roomEvents(room: $room, after: 0) { ... on RoomEvent {
			seq kind room { viewerReadSeq viewerUnreadCount viewerMentionCount viewerFirstUnread { id } viewerPosting { allowed } }
		} }
	}`})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "text/event-stream")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := httpClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	stream := bufio.NewReader(response.Body)
	first, err := stream.ReadString('{')
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan string, 1)
	go func() {
		defer response.Body.Close()
		rest, err := io.ReadAll(stream)
		heard <- fmt.Sprint(first, string(rest), err)
	}()
	return heard
}

func TestRoomsThatMovedLastComeFirst(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		mona, nour := s.mustArrive(t), s.mustArrive(t)
		houses := []*house{s.mustOpenHouse(t, mona), s.mustOpenHouse(t, mona), s.mustOpenHouse(t, mona)}
		for _, b := range houses {
			nour = s.mustEnter(t, nour, b.openCode)
		}
		rooms := []string{houses[1].announcements, houses[2].community, houses[0].community, houses[1].community, houses[0].announcements, houses[2].announcements}
		newest := map[string]string{}
		for range 2 {
			mathrand.Shuffle(len(rooms), func(i, j int) { rooms[i], rooms[j] = rooms[j], rooms[i] })
			for _, room := range rooms {
				newest[room] = s.mustTell(t, mona, room, 1)
			}
			after, found := any(nil), 0
			for i := len(rooms); i > 0; {
				r := s.run(t, nour.token, `query($after: Cursor) { viewer { rooms(first: 4, after: $after) {
					nodes { id lastMessage { id author { id } } } pageInfo { hasNextPage endCursor }
				} } }`, variables{"after": after}).mustSucceed(t)
				nodes := objects(at[any](t, r, "viewer.rooms.nodes"))
				for _, node := range nodes {
					i--
					last := node["lastMessage"].(map[string]any)
					if node["id"] != rooms[i] || last["id"] != newest[rooms[i]] || last["author"].(map[string]any)["id"] != mona.id {
						t.Fatalf("room %d is %v, want %s with %s", found, node, rooms[i], newest[rooms[i]])
					}
					found++
				}
				if more := at[bool](t, r, "viewer.rooms.pageInfo.hasNextPage"); more != (i > 0) || len(nodes) == 0 {
					t.Fatalf("%d rooms are left, and more: %v", i, more)
				}
				after = r.lookup("viewer.rooms.pageInfo.endCursor")
			}
			r := s.run(t, nour.token, `query($id: ID!) { building(id: $id) { viewerRooms { nodes { lastMessage { id } } } } }`, variables{"id": houses[0].id}).mustSucceed(t)
			if n := len(objects(at[any](t, r, "building.viewerRooms.nodes"))); n != 2 {
				t.Errorf("the building has %d rooms", n)
			}
		}
	})
}

// What others are told of how far somebody has read.
func TestReadMarks(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		mona, nour := s.mustArrive(t), s.mustArrive(t)
		b := s.mustOpenHouse(t, mona)
		nour = s.mustEnter(t, nour, b.openCode)
		share := func(is bool) {
			t.Helper()
			s.run(t, nour.token, `mutation($is: Boolean!) { updateProfile(input: {shareReadMarks: $is}) { viewer { id } } }`, variables{"is": is}).mustSucceed(t)
		}
		expect := func(room, marks, readers string) {
			t.Helper()
			for _, who := range []dweller{mona, nour} {
				r := s.run(t, who.token, `query($room: ID!) { room(id: $room) {
					participants { nodes { readSeq } } messages { nodes { readers { nodes { id } } } }
				} }`, variables{"room": room}).mustSucceed(t)
				r.expectData(t, "room.participants.nodes", marks)
				r.expectData(t, "room.messages.nodes", readers)
			}
		}
		for _, room := range []string{b.community, b.announcements} {
			s.mustTell(t, mona, room, 2) // 3, 4
			s.markRead(t, nour.token, room, 3).mustSucceed(t)
		}
		readByNour := fmt.Sprintf(`[{"readers": {"nodes": [{"id": %q}]}}, {"readers": {"nodes": []}}]`, nour.id)
		readByNobody := `[{"readers": {"nodes": []}}, {"readers": {"nodes": []}}]`
		expect(b.community, `[{"readSeq": 0}, {"readSeq": 3}]`, readByNour)
		expect(b.announcements, `[{"readSeq": null}, {"readSeq": null}]`, readByNobody)
		share(false)
		expect(b.community, `[{"readSeq": 0}, {"readSeq": null}]`, readByNobody)
		s.expectUnread(t, nour, b, b.community, unread{3, 1, s.mustLastMessage(t, nour, b.community)})
		share(true)
		expect(b.community, `[{"readSeq": 0}, {"readSeq": 3}]`, readByNour)
	})
}

func (s *server) mustLastMessage(t *testing.T, who dweller, room string) string {
	t.Helper()
	r := s.run(t, who.token, `query($room: ID!) { room(id: $room) { lastMessage { id } } }`, variables{"room": room}).mustSucceed(t)
	return at[string](t, r, "room.lastMessage.id")
}

// Three devices of one person send, read, leave and come back at random, all at
// once, while a neighbour talks. Whenever they pause, each sees the counts that one
// gets by counting.
func TestUnreadCountsNeverDrift(t *testing.T) {
	t.Parallel()
	const rounds, steps = 4, 12
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		mona, nour := s.mustArrive(t), s.mustArrive(t)
		houses := []*house{s.mustOpenHouse(t, mona), s.mustOpenHouse(t, mona)}
		var rooms []string
		memberships := make([]string, len(houses))
		for i, b := range houses {
			nour = s.mustEnter(t, nour, b.openCode)
			memberships[i] = nour.membership
			rooms = append(rooms, b.community, b.announcements)
		}
		devices := []string{nour.token, s.mustLogIn(t, nour.email, nour.password).token, s.mustLogIn(t, nour.email, nour.password).token}
		seed := mathrand.Uint64()
		defer func() {
			if t.Failed() {
				t.Logf("the seed is %d", seed)
			}
		}()
		for round := range rounds {
			var group sync.WaitGroup
			for n, token := range append(devices, mona.token) {
				random := mathrand.New(mathrand.NewPCG(seed, uint64(round*10+n)))
				group.Go(func() {
					for range steps {
						if problem := s.stepAtRandom(random, token, token == mona.token, houses, rooms, memberships); problem != "" {
							t.Errorf("device %d: %s", n, problem)
							return
						}
					}
				})
			}
			group.Wait()
			if t.Failed() {
				return
			}
			for _, token := range devices {
				s.expectRecount(t, nour.person, token)
			}
			s.expectRecount(t, mona.person, mona.token)
		}
	})
}

// stepAtRandom does one thing, and says what was wrong with the answer. Who is out
// of the building at that moment is refused.
func (s *server) stepAtRandom(random *mathrand.Rand, token string, keeper bool, houses []*house, rooms, memberships []string) string {
	room, n := rooms[random.IntN(len(rooms))], random.IntN(len(houses))
	var r result
	var err error
	switch dice := random.IntN(14); {
	case dice >= 10:
		r, err = s.changeAtRandom(random, token, room)
	case keeper || dice < 3:
		r, err = s.insistOn(token, room, newKey(), "Salam")
	case dice < 8:
		if r, err = s.insist(token, `query($room: ID!) { room(id: $room) { lastSeq viewerReadSeq } }`, variables{"room": room}); err != nil || r.lookup("room") == nil {
			break
		}
		lastSeq, before := r.lookup("room.lastSeq").(float64), r.lookup("room.viewerReadSeq").(float64)
		seq := random.IntN(int(lastSeq) + 5)
		r, err = s.insist(token, markReadDocument, variables{"room": room, "seq": seq})
		// Who has left meanwhile has read nothing.
		if after, ok := r.lookup("markRead.room.viewerReadSeq").(float64); ok && after != 0 && after < max(before, min(float64(seq), lastSeq)) {
			return fmt.Sprintf("%d was read, then %d, and then: %v", int(before), seq, r)
		}
	case dice < 9:
		r, err = s.insist(token, moveOutDocument, variables{"id": memberships[n]})
	default:
		r, err = s.insist(token, moveInDocument, variables{"code": houses[n].openCode})
	}
	if err != nil {
		return err.Error()
	}
	if code := r.code(); code != "" && code != "NOT_FOUND" && code != "FORBIDDEN" && code != "CONFLICT" {
		return r.String()
	}
	return ""
}

// changeAtRandom deletes one of a room's messages, or edits it so that it mentions
// its author or somebody else, or nobody.
func (s *server) changeAtRandom(random *mathrand.Rand, token, room string) (result, error) {
	r, err := s.insist(token, `query($room: ID!) { room(id: $room) { messages(last: 100) { nodes { id } } participants { nodes { user { id } } } } }`, variables{"room": room})
	if err != nil || r.lookup("room") == nil {
		return r, err
	}
	all, people := objects(r.lookup("room.messages.nodes")), objects(r.lookup("room.participants.nodes"))
	if len(all) == 0 || len(people) == 0 {
		return r, nil
	}
	id := all[random.IntN(len(all))]["id"]
	if random.IntN(3) == 0 {
		return s.insist(token, `mutation($id: ID!) { deleteMessage(message: $id) { message { id } } }`, variables{"id": id})
	}
	input := variables{"message": id, "text": fmt.Sprint("Salam ", random.IntN(100)), "mentions": []any{}}
	for place := range random.IntN(3) {
		who := people[random.IntN(len(people))]["user"].(map[string]any)["id"].(string)
		input["mentions"] = append(input["mentions"].([]any), mention(who, place*2, 2))
	}
	r, err = s.insist(token, editDocument, variables{"input": input})
	if r.code() == "INVALID_INPUT" && strings.HasPrefix(r.field(), "input.mentions") { // who has just left
		return result{}, err
	}
	return r, err
}

// expectRecount counts by walking all messages of all rooms.
func (s *server) expectRecount(t *testing.T, who person, token string) {
	t.Helper()
	r := s.run(t, token, `{ viewer { unreadCount rooms { nodes { id lastSeq viewerReadSeq viewerUnreadCount viewerMentionCount viewerFirstUnread { id } } } } }`, nil).mustSucceed(t)
	sum := 0
	for _, room := range objects(at[any](t, r, "viewer.rooms.nodes")) {
		count, calls, first := 0, 0, any(nil)
		for _, m := range s.mustWalkMessages(t, token, room["id"].(string)) {
			if m["seq"].(float64) > room["viewerReadSeq"].(float64) && m["author"].(map[string]any)["id"] != who.id && m["deletedAt"] == nil {
				if strings.Contains(fmt.Sprint(m["mentions"]), who.id) {
					calls++
				}
				if count++; count == 1 {
					first = map[string]any{"id": m["id"]}
				}
			}
		}
		sum += count
		if got := fmt.Sprint(room["viewerUnreadCount"], room["viewerMentionCount"], room["viewerFirstUnread"]); got != fmt.Sprint(count, calls, first) {
			t.Errorf("%v: unread are %s, and counted %d %d %v", room, got, count, calls, first)
		}
	}
	if got := at[float64](t, r, "viewer.unreadCount"); int(got) != sum {
		t.Errorf("in all rooms %v are unread, and counted %d: %v", got, sum, strings.TrimSpace(r.String()))
	}
}

func (s *server) mustWalkMessages(t *testing.T, token, room string) (all []map[string]any) {
	t.Helper()
	for after := any(nil); ; {
		r := s.run(t, token, `query($room: ID!, $after: Cursor) { room(id: $room) { messages(first: 30, after: $after) {
			nodes { id seq author { id } deletedAt mentions { user { id } } } pageInfo { hasNextPage endCursor }
		} } }`, variables{"room": room, "after": after}).mustSucceed(t)
		all = append(all, objects(at[any](t, r, "room.messages.nodes"))...)
		if !at[bool](t, r, "room.messages.pageInfo.hasNextPage") {
			return all
		}
		after = r.lookup("room.messages.pageInfo.endCursor")
	}
}
