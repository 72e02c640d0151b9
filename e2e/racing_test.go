package e2e

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// tried is what came of a deed, and whether it began when its doer had no right to it
// any more, as far as anybody was told.
type tried struct {
	deed, code string
	late       bool
}

// attempt is something to be tried over and over.
type attempt struct {
	name, document string
	variables      func(n int) variables
}

// race has somebody try things over and over while their right is taken from them, and
// then a few times more; it gives all that came of it.
func (s *server) race(t *testing.T, token string, attempts []attempt, take func()) []tried {
	t.Helper()
	var (
		all      sync.WaitGroup
		mu       sync.Mutex
		came     []tried
		taken    atomic.Bool
		underWay sync.WaitGroup
	)
	for _, a := range attempts {
		underWay.Add(1)
		all.Go(func() {
			for n, late := 0, 0; late < 3; n++ {
				one := tried{deed: a.name, late: taken.Load()}
				r, err := s.insist(token, a.document, a.variables(n))
				if one.code = codeOrError(r, err); one.code == "" && a.name == "read" && r.lookup("room") == nil {
					one.code = "NOT_FOUND"
				}
				mu.Lock()
				came = append(came, one)
				mu.Unlock()
				if n == 2 {
					underWay.Done()
				}
				if one.late {
					late++
				}
			}
		})
	}
	underWay.Wait()
	take()
	taken.Store(true)
	all.Wait()
	return came
}

// expectNothingLate demands that nothing succeeded that began too late, and that each
// deed had succeeded before.
func expectNothingLate(t *testing.T, came []tried, attempts []attempt, refusals ...string) {
	t.Helper()
	succeeded := map[string]bool{}
	for _, one := range came {
		switch {
		case !one.late && one.code == "":
			succeeded[one.deed] = true
		case one.late && !slices.Contains(refusals, one.code):
			t.Errorf("%s, begun when it was over, gives %q", one.deed, one.code)
		}
	}
	for _, a := range attempts {
		if !succeeded[a.name] {
			t.Errorf("%s never succeeded: it proves nothing", a.name)
		}
	}
}

// Who is put out of a building does nothing more there from when the manager was
// answered, whatever they had under way; and nothing of theirs stands in the log behind
// the entry that they left.
func TestKicksInARace(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		for _, kick := range []string{"banMember", "endMembership"} {
			b := s.mustBuild(t, "1")
			who, other := s.mustMoveIn(t, b), s.mustMoveIn(t, b)
			said := s.run(t, who.token, `mutation($room: ID!) { sendMessage(input: {room: $room, key: "own", text: "Salam"}) { message { id } } }`,
				variables{"room": b.community}).mustSucceed(t)
			fixed := func(v variables) func(int) variables { return func(int) variables { return v } }
			own := variables{"id": at[string](t, said, "sendMessage.message.id")}
			attempts := []attempt{
				{"send", `mutation($room: ID!, $key: String!) { sendMessage(input: {room: $room, key: $key, text: "Again"}) { message { id } } }`, func(n int) variables {
					return variables{"room": b.community, "key": fmt.Sprint(n)}
				}},
				{"edit", `mutation($id: ID!, $text: String!) { editMessage(input: {message: $id, text: $text}) { message { id } } }`, func(n int) variables {
					return own.with(variables{"text": fmt.Sprint("Salam ", n)})
				}},
				{"react", `mutation($id: ID!) { addReaction(message: $id, emoji: "👍") { message { id } } }`, fixed(own)},
				{"take back", `mutation($id: ID!) { removeReaction(message: $id, emoji: "👍") { message { id } } }`, fixed(own)},
				{"invite", `mutation($id: ID!) { createInvitation(input: {building: $id}) { invitation { id } } }`, fixed(variables{"id": b.id})},
				{"found a group", `mutation($id: ID!) { createRoom(input: {building: $id, name: "Gardeners"}) { room { id } } }`, fixed(variables{"id": b.id})},
				{"mark", `mutation($id: ID!) { markRead(room: $id, seq: 1) { room { id } } }`, fixed(variables{"id": b.community})},
				{"read", `query($id: ID!) { room(id: $id) { messages(last: 1) { nodes { text } } } }`, fixed(variables{"id": b.community})},
			}
			came := s.race(t, who.token, attempts, func() { s.change(t, b.manager.token, kick, who.membership).mustSucceed(t) })
			expectNothingLate(t, came, attempts, "NOT_FOUND")
			for _, room := range []string{b.community, b.announcements} {
				left := false
				for _, one := range s.mustReadLog(t, other.token, room) {
					if left && one.actor == who.id {
						t.Errorf("%s: %v stands behind the entry that they left", kick, one)
					}
					left = left || one.kind == "MEMBER_LEFT" && one.member == who.id
				}
				if !left {
					t.Errorf("%s: the log does not tell that they left", kick)
				}
			}
		}
	})
}

// Who is no manager any more does nothing of a manager's, and reads nothing of it, from
// when the other one was answered.
func TestDemotionsInARace(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t, "1")
		who, victim := s.mustMoveIn(t, b), s.mustMoveIn(t, b)
		s.mustPromote(t, b, who)
		attempts := []attempt{
			{"rename", `mutation($id: ID!, $name: String!) { updateBuilding(input: {building: $id, name: $name}) { building { id } } }`, func(n int) variables {
				return variables{"id": b.id, "name": fmt.Sprint("Nile View ", n)}
			}},
			{"add a door", `mutation($id: ID!, $number: String!) { addApartments(building: $id, apartments: [{number: $number}]) { building { id } } }`, func(n int) variables {
				return variables{"id": b.id, "number": fmt.Sprint("new ", n)}
			}},
			{"let in", `mutation($id: ID!) { createInvitation(input: {building: $id, preapproved: true}) { invitation { id } } }`, func(int) variables { return variables{"id": b.id} }},
			{"announce", `mutation($room: ID!, $key: String!) { sendMessage(input: {room: $room, key: $key, text: "Water", notice: true}) { message { id } } }`, func(n int) variables {
				return variables{"room": b.announcements, "key": fmt.Sprint(n)}
			}},
			{"house", `mutation($id: ID!, $apartments: [ID!]!) { setMemberApartments(membership: $id, apartments: $apartments) { membership { id } } }`, func(n int) variables {
				return variables{"id": victim.membership, "apartments": []string{b.apartments["1"]}[:n%2]}
			}},
		}
		came := s.race(t, who.token, attempts, func() { s.setRole(t, b.manager.token, who.membership, "RESIDENT").mustSucceed(t) })
		expectNothingLate(t, came, attempts, "FORBIDDEN")
		if r := s.run(t, who.token, `query($id: ID!) { building(id: $id) { viewerManaged { auditLog { nodes { id } } } } }`, variables{"id": b.id}); r.lookup("building.viewerManaged") != nil {
			t.Errorf("they read what managers read: %v", r)
		}
	})
}

// Of two managers who demote, ban or end each other at once, one stays.
func TestManagersAgainstEachOther(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		deeds := []string{"banMember", "endMembership", "setMemberRole"}
		var people []neighbour
		for _, who := range s.mustMeet(t, 2) {
			people = append(people, neighbour{person: who.person, token: who.token})
		}
		for n := range 6 {
			b := s.mustBuildAs(t, people[0])
			second := s.mustJoin(t, people[1], b.open)
			s.mustPromote(t, b, second)
			both := []neighbour{b.manager, second}
			var all sync.WaitGroup
			for i, who := range both {
				all.Go(func() {
					document, v := changeDocument(deeds[(n+i)%3]), variables{"membership": both[1-i].membership}
					if deeds[(n+i)%3] == "setMemberRole" {
						document, v = setRoleDocument, v.with(variables{"role": "RESIDENT"})
					}
					if _, err := s.insist(who.token, document, v); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			managers := 0
			for _, who := range both {
				if s.run(t, who.token, `query($id: ID!) { building(id: $id) { viewerManaged { building { id } } } }`, variables{"id": b.id}).lookup("building.viewerManaged") != nil {
					managers++
				}
			}
			if managers != 1 {
				t.Errorf("%d managers are left", managers)
			}
		}
	})
}
