package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	muteDocument   = `mutation($id: ID!, $until: Time!) { muteMember(membership: $id, until: $until) { membership { viewerMutedUntil } } }`
	reportDocument = `mutation($m: ID!, $b: ID) { reportMessage(input: {message: $m, reason: "Rude.", building: $b}) { messageId } }`
	reportsQuery   = `query($id: ID!) { building(id: $id) { viewerManaged { reports { nodes {
		id text reason reporter { id } author { id } message { id } resolvedAt } } auditLog { nodes { action actor { id } subject } } } } }`
	sayDocument = `mutation($room: ID!, $key: String!, $text: String!) {
		sendMessage(input: {room: $room, key: $key, text: $text}) { message { id } } }`
	postingQuery = `query($id: ID!) { room(id: $id) { slowModeSeconds viewerMentionCount viewerPosting { allowed reason until } } }`
)

func mustCode(t *testing.T, r result, code string) {
	t.Helper()
	if len(r.errors) == 0 || r.errors[0].Extensions["code"] != code {
		t.Errorf("got %v, want %s", r, code)
	}
}

// Who is muted writes nothing, from when the manager was answered; they read on, and it
// is lifted.
func TestMutes(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t, "1")
		who, other := s.mustMoveIn(t, b), s.mustMoveIn(t, b)
		said := s.run(t, who.token, sayDocument, variables{"room": b.community, "key": "own", "text": "Salam"}).mustSucceed(t)
		group := at[string](t, s.run(t, who.token, createRoomDocument, variables{"input": variables{
			"building": b.id, "name": "Ours", "participants": []string{other.id},
		}}).mustSucceed(t), "createRoom.room.id")
		own := variables{"id": at[string](t, said, "sendMessage.message.id")}
		fixed := func(v variables) func(int) variables { return func(int) variables { return v } }
		attempts := []attempt{
			{"send", sayDocument, func(n int) variables {
				return variables{"room": b.community, "key": fmt.Sprint(n), "text": "Again"}
			}},
			{"edit", `mutation($id: ID!, $text: String!) { editMessage(input: {message: $id, text: $text}) { message { id } } }`, func(n int) variables {
				return own.with(variables{"text": fmt.Sprint("Salam ", n)})
			}},
			{"react", `mutation($id: ID!) { addReaction(message: $id, emoji: "👍") { message { id } } }`, fixed(own)},
			{"found a group", `mutation($id: ID!) { createRoom(input: {building: $id, name: "Gardeners"}) { room { id } } }`, fixed(variables{"id": b.id})},
		}
		for _, deed := range []struct{ name, takes, call string }{
			{"rename the own group", "$name: String!", `updateRoom(input: {room: $room, name: $name})`},
			{"slow it down", "", `setSlowMode(room: $room, seconds: 0)`},
			{"put somebody out", "$who: ID!", `removeParticipant(room: $room, user: $who)`},
			{"bring somebody in", "$who: ID!", `addParticipants(room: $room, users: [$who])`},
		} {
			attempts = append(attempts, attempt{
				deed.name, `mutation($room: ID! ` + deed.takes + `) { ` + deed.call + ` { room { id } } }`,
				func(n int) variables {
					v := variables{"room": group}
					switch deed.takes {
					case "$name: String!":
						v["name"] = fmt.Sprint("Ours ", n)
					case "$who: ID!":
						v["who"] = other.id
					}
					return v
				},
			})
		}
		until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		came := s.race(t, who.token, attempts, func() {
			s.run(t, b.manager.token, muteDocument, variables{"id": who.membership, "until": until}).mustSucceed(t)
		})
		expectNothingLate(t, came, attempts, "FORBIDDEN")
		// What is done once: neither does it end the group, but it may go.
		mustCode(t, s.run(t, who.token, `mutation($room: ID!) { archiveRoom(room: $room) { room { id } } }`, variables{"room": group}), "FORBIDDEN")
		s.run(t, who.token, `mutation($room: ID!) { leaveRoom(room: $room) { roomId } }`, variables{"room": group}).mustSucceed(t)
		r := s.run(t, who.token, postingQuery, variables{"id": b.community}).mustSucceed(t)
		if r.lookup("room.viewerPosting.reason") != "MUTED" {
			t.Errorf("the muted one's posting is %v", r.lookup("room.viewerPosting"))
		}
		mutedUntil := `query($id: ID!) { node(id: $id) { ... on Membership { viewerMutedUntil } } }`
		for _, reads := range []struct {
			token string
			told  bool
		}{{who.token, true}, {b.manager.token, true}, {other.token, false}} {
			r := s.run(t, reads.token, mutedUntil, variables{"id": who.membership}).mustSucceed(t)
			if told := r.lookup("node.viewerMutedUntil") != nil; told != reads.told {
				t.Errorf("viewerMutedUntil is told: %v, want %v", told, reads.told)
			}
		}
		s.run(t, who.token, `mutation($id: ID!) { deleteMessage(message: $id) { message { id } } }`, own).mustSucceed(t)
		mustCode(t, s.run(t, b.manager.token, muteDocument, variables{"id": b.manager.membership, "until": until}), "FORBIDDEN")
		mustCode(t, s.run(t, b.manager.token, muteDocument, variables{"id": who.membership, "until": "2020-01-01T00:00:00Z"}), "INVALID_INPUT")
		s.mustPromote(t, b, who)
		s.run(t, who.token, sayDocument, variables{"room": b.community, "key": "promoted", "text": "Thanks"}).mustSucceed(t)
	})
}

// In slow mode a second message waits, also in the same moment; a replay is answered, and
// managers need not wait.
func TestSlowMode(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t, "1")
		who := s.mustMoveIn(t, b)
		s.run(t, b.manager.token, `mutation($id: ID!) { setSlowMode(room: $id, seconds: 600) { room { slowModeSeconds } } }`, variables{"id": b.community}).mustSucceed(t)
		results := make(chan result, 4)
		for n := range 4 {
			go func() {
				r, err := s.insist(who.token, sayDocument, variables{"room": b.community, "key": fmt.Sprint(n), "text": "Salam"})
				if err != nil {
					t.Error(err)
				}
				results <- r
			}()
		}
		posted := 0
		for range 4 {
			r := <-results
			if len(r.errors) == 0 {
				posted++
			} else {
				mustCode(t, r, "RATE_LIMITED")
			}
		}
		if posted != 1 {
			t.Errorf("%d of 4 messages were posted at once", posted)
		}
		r := s.run(t, who.token, postingQuery, variables{"id": b.community}).mustSucceed(t)
		if r.lookup("room.viewerPosting.reason") != "SLOW_MODE" || r.lookup("room.viewerPosting.until") == nil || r.lookup("room.slowModeSeconds") != 600.0 {
			t.Errorf("the room reads %v", r.lookup("room"))
		}
		replayed := 0
		for n := range 4 {
			if r := s.run(t, who.token, sayDocument, variables{"room": b.community, "key": fmt.Sprint(n), "text": "Salam"}); len(r.errors) == 0 {
				replayed++
			}
		}
		if replayed != 1 {
			t.Errorf("%d keys are answered, want that of the message", replayed)
		}
		for n := range 2 {
			s.run(t, b.manager.token, sayDocument, variables{"room": b.community, "key": fmt.Sprint("m", n), "text": "Order"}).mustSucceed(t)
		}
	})
}

// A report leads nowhere, and does not tell the accused who wrote it.
func TestReports(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t, "1")
		who, second := s.mustMoveIn(t, b), s.mustMoveIn(t, b)
		s.mustPromote(t, b, second)
		room := at[string](t, s.run(t, who.token, `mutation($id: ID!) { openDirectRoom(user: $id) { room { id } } }`, variables{"id": second.id}).mustSucceed(t), "openDirectRoom.room.id")
		say := func(room, key string) string {
			return at[string](t, s.run(t, second.token, sayDocument, variables{"room": room, "key": key, "text": "You " + key}).mustSucceed(t), "sendMessage.message.id")
		}
		direct, public := say(room, "fool"), say(b.community, "idiot")
		mustCode(t, s.run(t, who.token, reportDocument, variables{"m": direct}), "REQUIRED")
		mustCode(t, s.run(t, b.manager.token, reportDocument, variables{"m": direct, "b": b.id}), "NOT_FOUND")
		mustCode(t, s.run(t, second.token, reportDocument, variables{"m": public}), "INVALID_INPUT")
		for range 2 {
			s.run(t, who.token, reportDocument, variables{"m": direct, "b": b.id}).mustSucceed(t)
			s.run(t, who.token, reportDocument, variables{"m": public}).mustSucceed(t)
		}
		s.run(t, second.token, `mutation($id: ID!) { editMessage(input: {message: $id, text: "Sorry"}) { message { id } } }`, variables{"id": public}).mustSucceed(t)
		r := s.run(t, b.manager.token, reportsQuery, variables{"id": b.id}).mustSucceed(t)
		all := objects(r.lookup("building.viewerManaged.reports.nodes"))
		if len(all) != 2 || all[0]["text"] != "You idiot" || all[1]["text"] != "You fool" || all[1]["message"] != nil || all[0]["message"] == nil || all[0]["reporter"] == nil {
			t.Fatalf("the manager reads %v", all)
		}
		if strings.Contains(r.String(), direct) || strings.Contains(r.String(), room) {
			t.Errorf("the reports name the message or the room: %v", r)
		}
		accused := s.run(t, second.token, reportsQuery, variables{"id": b.id}).mustSucceed(t)
		theirs := objects(accused.lookup("building.viewerManaged.reports.nodes"))
		if len(theirs) != 1 || theirs[0]["text"] != "You idiot" || theirs[0]["reporter"] != nil {
			t.Errorf("the accused reads %v", theirs)
		}
		if strings.Contains(accused.String(), "reportMessage") {
			t.Errorf("the log tells the accused: %v", accused)
		}
		hidden := s.run(t, second.token, `query($id: ID!) { node(id: $id) { id } }`, variables{"id": all[1]["id"]}).mustSucceed(t)
		if hidden.lookup("node") != nil {
			t.Error("the accused reads the report of a direct room")
		}
		resolve := `mutation($id: ID!) { resolveReport(report: $id) { report { resolvedAt resolvedBy { id } } } }`
		first := s.run(t, b.manager.token, resolve, variables{"id": all[0]["id"]}).mustSucceed(t)
		again := s.run(t, second.token, resolve, variables{"id": all[0]["id"]}).mustSucceed(t)
		if first.lookup("resolveReport.report.resolvedAt") != again.lookup("resolveReport.report.resolvedAt") {
			t.Error("a second resolve changes the report")
		}
		r = s.run(t, b.manager.token, reportsQuery, variables{"id": b.id}).mustSucceed(t)
		if open := objects(r.lookup("building.viewerManaged.reports.nodes")); open[0]["text"] != "You fool" {
			t.Errorf("the open report is not first: %v", open)
		}
	})
}

// Where few are, that there is a report tells the accused who wrote it; so does its end.
func TestReportsOfFew(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t, "1")
		who, accused := s.mustMoveIn(t, b), s.mustMoveIn(t, b)
		s.mustPromote(t, b, accused)
		direct := at[string](t, s.run(t, who.token, `mutation($id: ID!) { openDirectRoom(user: $id) { room { id } } }`, variables{"id": accused.id}).mustSucceed(t), "openDirectRoom.room.id")
		group := at[string](t, s.run(t, who.token, `mutation($b: ID!, $id: ID!) { createRoom(input: {building: $b, name: "We", participants: [$id]}) { room { id } } }`,
			variables{"b": b.id, "id": accused.id}).mustSucceed(t), "createRoom.room.id")
		for _, room := range []string{direct, group, b.community} {
			m := at[string](t, s.run(t, accused.token, sayDocument, variables{"room": room, "key": "k", "text": "You fool"}).mustSucceed(t), "sendMessage.message.id")
			in := variables{"m": m}
			if room == direct {
				in["b"] = b.id
			}
			s.run(t, who.token, reportDocument, in).mustSucceed(t)
		}
		all := objects(s.run(t, b.manager.token, reportsQuery, variables{"id": b.id}).mustSucceed(t).lookup("building.viewerManaged.reports.nodes"))
		if len(all) != 3 {
			t.Fatalf("the manager reads %v", all)
		}
		public, few := all[0]["id"].(string), []string{all[1]["id"].(string), all[2]["id"].(string)}
		resolve := `mutation($id: ID!) { resolveReport(report: $id) { report { id } } }`
		for _, id := range few {
			mustCode(t, s.run(t, accused.token, resolve, variables{"id": id}), "NOT_FOUND")
		}
		for _, id := range append(few, public) {
			s.run(t, b.manager.token, resolve, variables{"id": id}).mustSucceed(t)
		}
		told := s.run(t, accused.token, reportsQuery, variables{"id": b.id}).mustSucceed(t)
		if theirs := objects(told.lookup("building.viewerManaged.reports.nodes")); len(theirs) != 1 || theirs[0]["id"] != public {
			t.Errorf("the accused reads %v", theirs)
		}
		if log := told.String(); !strings.Contains(log, "resolveReport") || strings.Contains(log, few[0]) || strings.Contains(log, few[1]) {
			t.Errorf("the log tells the accused: %v", log)
		}
	})
}

// Who blocked somebody has no direct room with them and is not called by them; nothing is
// missing in logs, and the other one reads what those read who share no building.
func TestBlocks(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t, "1")
		who, bad, third := s.mustMoveIn(t, b), s.mustMoveIn(t, b), s.mustMoveIn(t, b)
		open := `mutation($id: ID!) { openDirectRoom(user: $id) { room { id } } }`
		room := at[string](t, s.run(t, who.token, open, variables{"id": bad.id}).mustSucceed(t), "openDirectRoom.room.id")
		block := `mutation($id: ID!) { blockUser(user: $id) { user { id } viewer { blockedUsers { nodes { id } } } } }`
		r := s.run(t, who.token, block, variables{"id": bad.id}).mustSucceed(t)
		if got := objects(r.lookup("blockUser.viewer.blockedUsers.nodes")); len(got) != 1 || got[0]["id"] != bad.id {
			t.Errorf("blockedUsers is %v", got)
		}
		s.run(t, third.token, block, variables{"id": bad.id}).mustSucceed(t)
		mustCode(t, s.run(t, who.token, block, variables{"id": who.id}), "INVALID_INPUT")
		for _, one := range []neighbour{who, bad} {
			mustCode(t, s.run(t, one.token, sayDocument, variables{"room": room, "key": one.id, "text": "Hi"}), "FORBIDDEN")
			r := s.run(t, one.token, postingQuery, variables{"id": room}).mustSucceed(t)
			if r.lookup("room.viewerPosting.reason") != "COUNTERPART_GONE" {
				t.Errorf("the direct room reads %v", r.lookup("room"))
			}
		}
		mustCode(t, s.run(t, bad.token, open, variables{"id": third.id}), "FORBIDDEN")
		mustCode(t, s.run(t, third.token, open, variables{"id": bad.id}), "FORBIDDEN")
		// A group of two would be the direct room again, and one of more no better: it is as if
		// they were no members. Who blocked may bring in whom they will, and stays where they are.
		group := func(maker neighbour, people ...string) result {
			return s.run(t, maker.token, createRoomDocument, variables{"input": variables{"building": b.id, "name": "We", "participants": people}})
		}
		stranger := s.mustRegister(t)
		for _, people := range [][]string{{}, {b.manager.id}} {
			r, other := group(bad, append(people, who.id)...), group(bad, append(people, stranger.id)...)
			mustCode(t, r, "NOT_FOUND")
			if string(r.body) != string(other.body) {
				t.Errorf("a group with who blocked one: %s, want what a stranger gives: %s", r.body, other.body)
			}
		}
		ours := at[string](t, group(bad, b.manager.id).mustSucceed(t), "createRoom.room.id")
		add := `mutation($room: ID!, $who: ID!) { addParticipants(room: $room, users: [$who]) { room { id } } }`
		mustCode(t, s.run(t, bad.token, add, variables{"room": ours, "who": who.id}), "NOT_FOUND")
		s.run(t, b.manager.token, add, variables{"room": ours, "who": who.id}).mustSucceed(t)
		s.run(t, bad.token, add, variables{"room": ours, "who": who.id}).mustSucceed(t) // nothing new
		group(who, bad.id).mustSucceed(t)
		s.run(t, bad.token, `mutation($room: ID!, $who: ID!) { sendMessage(input: {room: $room, key: "call", text: "Hey you",
			mentions: [{user: $who, start: 0, length: 3}]}) { message { id } } }`, variables{"room": b.community, "who": who.id}).mustSucceed(t)
		calls := func() any {
			return s.run(t, who.token, postingQuery, variables{"id": b.community}).mustSucceed(t).lookup("room.viewerMentionCount")
		}
		if got := calls(); got != 0.0 {
			t.Errorf("a blocked person calls %v times", got)
		}
		s.run(t, who.token, `mutation($id: ID!) { unblockUser(user: $id) { userId } }`, variables{"id": bad.id}).mustSucceed(t)
		if got := calls(); got != 1.0 {
			t.Errorf("after the end of the block there are %v calls", got)
		}
		s.run(t, bad.token, sayDocument, variables{"room": room, "key": "again", "text": "Hi"}).mustSucceed(t)
	})
}
