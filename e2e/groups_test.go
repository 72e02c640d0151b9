package e2e

import (
	"fmt"
	"sync"
	"testing"
)

const roomFragment = `fragment room on Room {
	id kind name topic archivedAt lastSeq building { id } viewerName viewerCounterpart { id } viewerNotifications
	viewerPosting { allowed reason until } viewerReadSeq participants(first: 100) { nodes { user { id } } }
}`

const createRoomDocument = `mutation($input: CreateRoomInput!) { createRoom(input: $input) { room { ...room } } } ` + roomFragment

// peopleIn gives the ids of those in a room, as an answer has it at a path.
func peopleIn(t *testing.T, r result, path string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, one := range objects(at[any](t, r, path+".participants.nodes")) {
		found[one["user"].(map[string]any)["id"].(string)] = true
	}
	return found
}

func TestGroups(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b, other := s.mustBuild(t), s.mustBuild(t)
		maker, guest, third, pending := s.mustMoveIn(t, b), s.mustMoveIn(t, b), s.mustMoveIn(t, b), s.mustAsk(t, b)
		create := func(who neighbour, input variables) result {
			return s.run(t, who.token, createRoomDocument, variables{"input": input.with(variables{"building": b.id})})
		}
		for _, c := range []struct {
			what, token string
			input       variables
			code, field string
		}{
			{"without a session", "", variables{"name": "A"}, "UNAUTHENTICATED", ""},
			{"a stranger", other.manager.token, variables{"name": "A"}, "NOT_FOUND", "input.building"},
			{"who asks to join", pending.token, variables{"name": "A"}, "FORBIDDEN", "input.building"},
			{"no name", maker.token, variables{"name": " "}, "REQUIRED", "input.name"},
			{"a name that breaks the line", maker.token, variables{"name": "a\nb"}, "INVALID_INPUT", "input.name"},
			{"somebody of elsewhere", maker.token, variables{"name": "A", "participants": []string{guest.id, other.manager.id}}, "NOT_FOUND", "input.participants.1"},
			{"who asks to join", maker.token, variables{"name": "A", "participants": []string{pending.id}}, "NOT_FOUND", "input.participants.0"},
			{"nobody", maker.token, variables{"name": "A", "participants": []string{"x"}}, "NOT_FOUND", "input.participants.0"},
			{"101 people", maker.token, variables{"name": "A", "participants": manyNumbers(101)}, "TOO_LARGE", "input.participants"},
		} {
			if r := create(neighbour{token: c.token}, c.input); r.code() != c.code || r.field() != c.field {
				t.Errorf("%s: got %v, want %s %s", c.what, r, c.code, c.field)
			}
		}

		r := create(maker, variables{"name": "  سطح العمارة ", "topic": "Plants", "participants": []string{guest.id, guest.id, maker.id}}).mustSucceed(t)
		room := at[string](t, r, "createRoom.room.id")
		expectAt(t, r, "createRoom.room", map[string]any{
			"kind": "GROUP", "name": "سطح العمارة", "topic": "Plants", "viewerName": "سطح العمارة", "lastSeq": 2.0, "viewerNotifications": "ALL",
		})
		if in := peopleIn(t, r, "createRoom.room"); len(in) != 2 || !in[maker.id] || !in[guest.id] {
			t.Errorf("in it are %v", in)
		}
		for _, outside := range []neighbour{third, b.manager, other.manager} {
			if r := s.run(t, outside.token, `query($id: ID!) { room(id: $id) { id } }`, variables{"id": room}).mustSucceed(t); r.lookup("room") != nil {
				t.Errorf("somebody outside finds it: %v", r)
			}
		}

		on := func(who neighbour, call string, v variables) result {
			return s.run(t, who.token, `mutation`+call+` { room { ...room } } } `+roomFragment, v.with(variables{"room": room}))
		}
		add := "($room: ID!, $users: [ID!]!) { addParticipants(room: $room, users: $users)"
		remove := "($room: ID!, $user: ID!) { removeParticipant(room: $room, user: $user)"
		on(third, add, variables{"users": []string{third.id}}).expectCode(t, "NOT_FOUND", "room")
		on(guest, add, variables{"users": []string{third.id, other.manager.id}}).expectCode(t, "NOT_FOUND", "users.1")
		if in := peopleIn(t, on(guest, add, variables{"users": []string{third.id, maker.id, b.manager.id}}).mustSucceed(t), "addParticipants.room"); len(in) != 4 {
			t.Errorf("in it are %v", in)
		}
		expectAt(t, on(guest, add, variables{"users": []string{third.id}}).mustSucceed(t), "addParticipants.room", map[string]any{"lastSeq": 4.0}) // nothing new
		on(guest, remove, variables{"user": third.id}).expectCode(t, "FORBIDDEN", "room")
		on(maker, remove, variables{"user": third.id}).mustSucceed(t)
		on(b.manager, remove, variables{"user": guest.id}).mustSucceed(t)
		expectAt(t, on(maker, remove, variables{"user": guest.id}).mustSucceed(t), "removeParticipant.room", map[string]any{"lastSeq": 6.0})
		on(guest, add, variables{"users": []string{guest.id}}).expectCode(t, "NOT_FOUND", "room")
		on(maker, add, variables{"users": []string{guest.id}}).mustSucceed(t)

		update := func(who neighbour, id string, input variables) result {
			return s.run(t, who.token, `mutation($input: UpdateRoomInput!) { updateRoom(input: $input) { room { ...room } } } `+roomFragment,
				variables{"input": input.with(variables{"room": id})})
		}
		update(guest, room, variables{"name": "Mine"}).expectCode(t, "FORBIDDEN", "input.room")
		update(maker, room, variables{"name": nil}).expectCode(t, "INVALID_INPUT", "input.name")
		expectAt(t, update(maker, room, variables{"topic": nil}).mustSucceed(t), "updateRoom.room", map[string]any{"name": "سطح العمارة", "topic": "", "lastSeq": 8.0})
		expectAt(t, update(b.manager, room, variables{"name": "Roof", "topic": "Plants"}).mustSucceed(t), "updateRoom.room", map[string]any{"name": "Roof", "topic": "Plants", "lastSeq": 9.0})
		expectAt(t, update(maker, room, variables{"name": "Roof"}).mustSucceed(t), "updateRoom.room", map[string]any{"lastSeq": 9.0})
		update(guest, b.community, variables{"name": "Mine"}).expectCode(t, "FORBIDDEN", "input.room")
		update(b.manager, b.community, variables{"name": "Everyone"}).mustSucceed(t)

		s.run(t, guest.token, `mutation($room: ID!) { leaveRoom(room: $room) { roomId viewer { id } } }`, variables{"room": room}).mustSucceed(t)
		s.run(t, guest.token, `mutation($room: ID!) { leaveRoom(room: $room) { roomId } }`, variables{"room": room}).expectCode(t, "NOT_FOUND", "room")
		s.run(t, guest.token, `mutation($room: ID!) { leaveRoom(room: $room) { roomId } }`, variables{"room": b.community}).expectCode(t, "FORBIDDEN", "room")

		archive := "($room: ID!) { archiveRoom(room: $room)"
		r = on(maker, archive, nil).mustSucceed(t)
		expectAt(t, r, "archiveRoom.room", map[string]any{"lastSeq": 11.0, "viewerPosting.allowed": false, "viewerPosting.reason": "ARCHIVED"})
		expectAt(t, on(maker, archive, nil).mustSucceed(t), "archiveRoom.room", map[string]any{"lastSeq": 11.0, "archivedAt": r.lookup("archiveRoom.room.archivedAt")})
		on(maker, add, variables{"users": []string{guest.id}}).expectCode(t, "FORBIDDEN", "room")
		update(maker, room, variables{"name": "Attic"}).expectCode(t, "FORBIDDEN", "input.room")
		s.run(t, maker.token, `mutation($room: ID!) { sendMessage(input: {room: $room, key: "late", text: "?"}) { message { id } } }`,
			variables{"room": room}).expectCode(t, "FORBIDDEN", "input.room")

		want := []entry{
			{"MEMBER_JOINED", maker.id, maker.id},
			{"MEMBER_JOINED", maker.id, guest.id},
			{"MEMBER_JOINED", guest.id, third.id},
			{"MEMBER_JOINED", guest.id, b.manager.id},
			{"MEMBER_LEFT", maker.id, third.id},
			{"MEMBER_LEFT", b.manager.id, guest.id},
			{"MEMBER_JOINED", maker.id, guest.id},
			{"ROOM_CHANGED", maker.id, ""},
			{"ROOM_CHANGED", b.manager.id, ""},
			{"MEMBER_LEFT", guest.id, guest.id},
			{"ROOM_CHANGED", maker.id, ""},
		}
		if log := s.mustReadLog(t, maker.token, room); fmt.Sprint(log) != fmt.Sprint(want) {
			t.Errorf("the log is %v, want %v", log, want)
		}
		// Who leaves the building leaves its groups.
		s.change(t, b.manager.token, "endMembership", maker.membership).mustSucceed(t)
		if r := s.run(t, maker.token, `query($id: ID!) { room(id: $id) { id } }`, variables{"id": room}).mustSucceed(t); r.lookup("room") != nil {
			t.Errorf("who left the building finds it: %v", r)
		}
	})
}

// expectAt demands what an object in an answer has, by paths below it.
func expectAt(t *testing.T, r result, path string, want map[string]any) {
	t.Helper()
	for field, value := range want {
		if got := r.lookup(path + "." + field); got != value {
			t.Errorf("%s is %v, want %v", field, got, value)
		}
	}
}

const openDocument = `mutation($user: ID!) { openDirectRoom(user: $user) { room { ...room } } } ` + roomFragment

func TestDirectRooms(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b, other := s.mustBuild(t), s.mustBuild(t)
		mona, adel, third := s.mustMoveIn(t, b), s.mustMoveIn(t, b), s.mustMoveIn(t, b)
		open := func(who neighbour, with string) result {
			return s.run(t, who.token, openDocument, variables{"user": with})
		}
		open(mona, mona.id).expectCode(t, "INVALID_INPUT", "user")
		open(mona, other.manager.id).expectCode(t, "NOT_FOUND", "user")
		open(mona, b.id).expectCode(t, "NOT_FOUND", "user")
		open(neighbour{}, adel.id).expectCode(t, "UNAUTHENTICATED", "")

		// All at once, from both sides: one room.
		const calls = 8
		rooms := make([]string, calls)
		var opening sync.WaitGroup
		for i := range calls {
			who, with := mona, adel
			if i%2 == 1 {
				who, with = adel, mona
			}
			opening.Go(func() { rooms[i], _ = open(who, with.id).lookup("openDirectRoom.room.id").(string) })
		}
		opening.Wait()
		for _, id := range rooms {
			if id == "" || id != rooms[0] {
				t.Fatalf("they opened %q", rooms)
			}
		}
		r := open(adel, mona.id).mustSucceed(t)
		expectAt(t, r, "openDirectRoom.room", map[string]any{
			"id": rooms[0], "kind": "DIRECT", "name": "", "building": nil, "viewerName": mona.name, "viewerCounterpart.id": mona.id,
			"viewerPosting.allowed": true, "lastSeq": 2.0,
		})
		for _, outside := range []neighbour{third, b.manager, other.manager} {
			if r := s.run(t, outside.token, `query($id: ID!) { room(id: $id) { id } }`, variables{"id": rooms[0]}).mustSucceed(t); r.lookup("room") != nil {
				t.Errorf("somebody else finds it: %v", r)
			}
		}
		send := func(who neighbour, key string) result {
			return s.run(t, who.token, `mutation($room: ID!, $key: String!) { sendMessage(input: {room: $room, key: $key, text: "Salam"}) { message { id apartment { id } } } }`,
				variables{"room": rooms[0], "key": key})
		}
		send(mona, "1").mustSucceed(t)
		expectAt(t, s.run(t, adel.token, `{ viewer { unreadCount rooms { nodes { viewerName viewerUnreadCount } } } }`, nil).mustSucceed(t),
			"viewer.rooms.nodes.0", map[string]any{"viewerName": mona.name, "viewerUnreadCount": 1.0})
		for _, call := range []string{"leaveRoom(room: $room) { roomId }", "archiveRoom(room: $room) { room { id } }", "addParticipants(room: $room, users: []) { room { id } }"} {
			s.run(t, mona.token, `mutation($room: ID!) { `+call+` }`, variables{"room": rooms[0]}).expectCode(t, "FORBIDDEN", "room")
		}

		// Once they no longer share a building, it can be read and nothing else.
		s.change(t, b.manager.token, "banMember", adel.membership).mustSucceed(t)
		for _, who := range []neighbour{mona, adel} {
			r := s.run(t, who.token, `query($id: ID!) { room(id: $id) { ...room messages { nodes { text } } } } `+roomFragment, variables{"id": rooms[0]}).mustSucceed(t)
			expectAt(t, r, "room", map[string]any{"viewerPosting.allowed": false, "viewerPosting.reason": "COUNTERPART_GONE", "messages.nodes.0.text": "Salam"})
			send(who, "2").expectCode(t, "FORBIDDEN", "input.room")
		}
		expectAt(t, open(mona, adel.id).mustSucceed(t), "openDirectRoom.room", map[string]any{"id": rooms[0]})
		// They see each other by it, but who shares nothing else with one cannot open another.
		guest := s.mustMoveIn(t, other)
		open(guest, adel.id).expectCode(t, "NOT_FOUND", "user")
	})
}

func TestNotificationLevels(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t)
		who, other := s.mustMoveIn(t, b), s.mustBuild(t).manager
		set := func(by neighbour, level string) result {
			return s.run(t, by.token, `mutation($room: ID!, $level: NotificationLevel!) { setNotifications(room: $room, level: $level) { room { viewerNotifications } } }`,
				variables{"room": b.community, "level": level})
		}
		for _, level := range []string{"MENTIONS", "NONE", "NONE", "ALL"} {
			expectAt(t, set(who, level).mustSucceed(t), "setNotifications.room", map[string]any{"viewerNotifications": level})
			expectAt(t, s.run(t, who.token, `query($id: ID!) { room(id: $id) { viewerNotifications } }`, variables{"id": b.community}).mustSucceed(t),
				"room", map[string]any{"viewerNotifications": level})
		}
		set(other, "NONE").expectCode(t, "NOT_FOUND", "room")
		set(who, "LOUD").expectCode(t, "BAD_REQUEST", "")
	})
}
