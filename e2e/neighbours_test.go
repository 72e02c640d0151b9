package e2e

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
)

// neighbour is somebody who is signed in and has, or asks for, a place in a
// building.
type neighbour struct {
	person
	token string
	// membership is the id of their Membership in the building they came to by a
	// helper below; "" for who came to none.
	membership string
}

// building is a building with what it was made with.
type building struct {
	id                       string
	community, announcements string // its rooms
	manager                  neighbour
	apartments               map[string]string // ids by number
	open                     string            // a preapproved code, for as often as wanted
	closed                   string            // a code that asks for a manager's approval
}

// mustComeBy gives somebody new who is signed in and lives nowhere.
func (s *server) mustComeBy(t *testing.T) neighbour {
	t.Helper()
	p, mine := s.mustSignIn(t)
	return neighbour{person: p, token: mine.token}
}

const createBuildingDocument = `mutation Create($input: CreateBuildingInput!) {
	createBuilding(input: $input) {
		building {
			id name address createdAt
			viewerMembership { id role status }
			viewerRooms { nodes { id kind } }
			apartments(first: 100) { nodes { id number floor } }
		}
		viewer { memberships { building { id } } }
	}
}`

// createBuilding makes a building of an input.
func (s *server) createBuilding(t *testing.T, token string, input variables) result {
	t.Helper()
	return s.run(t, token, createBuildingDocument, variables{"input": input})
}

// mustBuild gives a new building with apartments of these numbers, and a manager of
// its own.
func (s *server) mustBuild(t *testing.T, numbers ...string) building {
	t.Helper()
	return s.mustBuildAs(t, s.mustComeBy(t), numbers...)
}

// mustBuildAs gives a new building that somebody makes, and so manages.
func (s *server) mustBuildAs(t *testing.T, founder neighbour, numbers ...string) building {
	t.Helper()
	r := s.createBuilding(t, founder.token, variables{"name": "Nile View", "address": "7 Corniche", "apartments": doorsOf(numbers)})
	b := building{id: at[string](t, r.mustSucceed(t), "createBuilding.building.id"), apartments: map[string]string{}}
	b.manager = founder
	b.manager.membership = at[string](t, r, "createBuilding.building.viewerMembership.id")
	for _, room := range objects(at[any](t, r, "createBuilding.building.viewerRooms.nodes")) {
		switch room["kind"] {
		case "COMMUNITY":
			b.community = room["id"].(string)
		case "ANNOUNCEMENTS":
			b.announcements = room["id"].(string)
		}
	}
	for _, one := range objects(at[any](t, r, "createBuilding.building.apartments.nodes")) {
		b.apartments[one["number"].(string)] = one["id"].(string)
	}
	b.open = s.mustInvite(t, b, variables{"preapproved": true}).code
	b.closed = s.mustInvite(t, b, nil).code
	return b
}

const inviteDocument = `mutation Invite($input: CreateInvitationInput!) {
	createInvitation(input: $input) { invitation { ...invitation } }
}
` + invitationFragment

const invitationFragment = `fragment invitation on Invitation {
	id code preapproved usesLeft expiresAt building { id } apartment { id number }
}`

// invitation is a code with the id of its Invitation.
type invitation struct{ id, code string }

// invite makes an invitation to a building, with further input.
func (s *server) invite(t *testing.T, token string, to building, input variables) result {
	t.Helper()
	return s.run(t, token, inviteDocument, variables{"input": input.with(variables{"building": to.id})})
}

// mustInvite is invite by the building's manager.
func (s *server) mustInvite(t *testing.T, to building, input variables) invitation {
	t.Helper()
	r := s.invite(t, to.manager.token, to, input).mustSucceed(t)
	return invitation{
		at[string](t, r, "createInvitation.invitation.id"),
		secret(at[string](t, r, "createInvitation.invitation.code")),
	}
}

const joinDocument = `mutation Join($input: JoinBuildingInput!) {
	joinBuilding(input: $input) { membership { ...membership } viewer { memberships { id status } } }
}
` + membershipFragment

const membershipFragment = `fragment membership on Membership {
	id role status user { id } building { id } apartments { number } claimedApartment { number }
}`

// join uses a code; apartment is the id of the one to claim, "" for none.
func (s *server) join(t *testing.T, token, code, apartment string) result {
	t.Helper()
	return s.run(t, token, joinDocument, joinInput(code, apartment))
}

func joinInput(code, apartment string) variables {
	input := variables{"code": code}
	if apartment != "" {
		input["apartment"] = apartment
	}
	return variables{"input": input}
}

// mustJoin lets somebody join by a code, and gives them with their membership.
func (s *server) mustJoin(t *testing.T, who neighbour, code string) neighbour {
	t.Helper()
	who.membership = at[string](t, s.join(t, who.token, code, "").mustSucceed(t), "joinBuilding.membership.id")
	return who
}

// mustMoveIn gives somebody new who is a resident of a building.
func (s *server) mustMoveIn(t *testing.T, to building) neighbour {
	t.Helper()
	return s.mustJoin(t, s.mustComeBy(t), to.open)
}

// mustAsk gives somebody new whose membership is pending.
func (s *server) mustAsk(t *testing.T, to building) neighbour {
	t.Helper()
	return s.mustJoin(t, s.mustComeBy(t), to.closed)
}

// mustPromote makes a member a manager.
func (s *server) mustPromote(t *testing.T, in building, who neighbour) {
	t.Helper()
	s.setRole(t, in.manager.token, who.membership, "MANAGER").mustSucceed(t)
}

// change runs one of the mutations that take a membership alone, such as banMember.
func (s *server) change(t *testing.T, token, mutation, membership string) result {
	t.Helper()
	return s.run(t, token, changeDocument(mutation), variables{"membership": membership})
}

func changeDocument(mutation string) string {
	return `mutation Change($membership: ID!) { ` + mutation + `(membership: $membership) { membership { ...membership } } } ` + membershipFragment
}

const setRoleDocument = `mutation Role($membership: ID!, $role: MembershipRole!) {
	setMemberRole(membership: $membership, role: $role) { membership { ...membership } }
}
` + membershipFragment

func (s *server) setRole(t *testing.T, token, membership, role string) result {
	t.Helper()
	return s.run(t, token, setRoleDocument, variables{"membership": membership, "role": role})
}

// approve lets somebody in, with the apartments of these ids instead of those asked
// for; nil for those.
func (s *server) approve(t *testing.T, token, membership string, apartments []string) result {
	t.Helper()
	v := variables{"membership": membership}
	if apartments != nil {
		v["apartments"] = apartments
	}
	return s.run(t, token, `mutation Approve($membership: ID!, $apartments: [ID!]) {
		approveMembership(membership: $membership, apartments: $apartments) { membership { ...membership } }
	} `+membershipFragment, v)
}

// house makes a member live in the apartments of these ids.
func (s *server) house(t *testing.T, token, membership string, apartments ...string) result {
	t.Helper()
	if apartments == nil {
		apartments = []string{}
	}
	return s.run(t, token, `mutation House($membership: ID!, $apartments: [ID!]!) {
		setMemberApartments(membership: $membership, apartments: $apartments) { membership { ...membership } }
	} `+membershipFragment, variables{"membership": membership, "apartments": apartments})
}

// standing is a membership, as a test demands it.
type standing struct {
	status, role string
	lives        string // the numbers of the apartments
	claims       string // the number of the apartment
}

// expectStanding demands how a membership stands, at a path of the answer.
func (r result) expectStanding(t *testing.T, path string, want standing) {
	t.Helper()
	r.mustSucceed(t)
	numbers := []string{}
	for _, one := range objects(at[any](t, r, path+".apartments")) {
		numbers = append(numbers, one["number"].(string))
	}
	claims, _ := r.lookup(path + ".claimedApartment.number").(string)
	role := at[string](t, r, path+".role")
	if want.role == "" {
		want.role = "RESIDENT"
	}
	got := standing{at[string](t, r, path+".status"), role, joined(numbers), claims}
	if got != want {
		t.Errorf("the membership is %+v, want %+v", got, want)
	}
}

func joined(words []string) string {
	text := fmt.Sprint(words)
	return text[1 : len(text)-1]
}

// membershipOf gives how somebody's membership stands, as they read it themselves.
func (s *server) membershipOf(t *testing.T, who neighbour) result {
	t.Helper()
	return s.run(t, who.token, `query($id: ID!) { node(id: $id) { ...membership } } `+membershipFragment, variables{"id": who.membership})
}

// entry is one of a room's log, with the ids of its people.
type entry struct{ kind, actor, member string }

const roomLogDocument = `query Log($room: ID!) { room(id: $room) { lastSeq events(after: 0, first: 1000) {
	nodes { seq kind actor { id } member { id } } endSeq hasNextPage
} } }`

// mustReadLog gives a room's whole log, and demands that it has no gap.
func (s *server) mustReadLog(t *testing.T, token, room string) []entry {
	t.Helper()
	r := s.run(t, token, roomLogDocument, variables{"room": room}).mustSucceed(t)
	var log []entry
	for i, one := range objects(at[any](t, r, "room.events.nodes")) {
		if one["seq"] != float64(i+1) {
			t.Errorf("entry %d of the log is numbered %v", i+1, one["seq"])
		}
		id := func(field string) string {
			who, _ := one[field].(map[string]any)
			found, _ := who["id"].(string)
			return found
		}
		log = append(log, entry{one["kind"].(string), id("actor"), id("member")})
	}
	if last := float64(len(log)); r.lookup("room.lastSeq") != last || r.lookup("room.events.endSeq") != last {
		t.Errorf("the log has %v entries: %v", last, r)
	}
	return log
}

// act is a line of a building's audit log.
type act struct{ action, actor, subject string }

// mustAudit gives a building's audit log, the newest first, up to 100 lines.
func (s *server) mustAudit(t *testing.T, of building) []act {
	t.Helper()
	r := s.run(t, of.manager.token, `query($id: ID!) { building(id: $id) { viewerManaged {
		auditLog(first: 100) { nodes { action actor { id } subject } }
	} } }`, variables{"id": of.id}).mustSucceed(t)
	var log []act
	for _, one := range objects(at[any](t, r, "building.viewerManaged.auditLog.nodes")) {
		log = append(log, act{one["action"].(string), one["actor"].(map[string]any)["id"].(string), one["subject"].(string)})
	}
	return log
}

// expectNoNewAct demands that a call writes nothing into a building's audit log.
func (s *server) expectNoNewAct(t *testing.T, of building, what string, call func()) {
	t.Helper()
	before := s.mustAudit(t, of)
	call()
	if after := s.mustAudit(t, of); !reflect.DeepEqual(before, after) {
		t.Errorf("%s wrote %v", what, after[:len(after)-len(before)])
	}
}

// asText writes a part of an answer as JSON.
func asText(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
