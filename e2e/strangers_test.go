package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// street is a building with one of everything in it, and people who stand in every
// way to it. Each of those who have no place in it manages a building of their own.
type street struct {
	building
	things map[string]string // ids, by what they are of
	askers map[string]neighbour
	homes  map[string]building // of those askers who have one
}

func (s *server) mustSettleStreet(t *testing.T) street {
	t.Helper()
	st := street{building: s.mustBuild(t, "1"), askers: map[string]neighbour{}, homes: map[string]building{}}
	resident, asking := s.mustMoveIn(t, st.building), s.mustAsk(t, st.building)
	st.askers = map[string]neighbour{
		"manager": st.manager, "resident": resident, "pending": asking,
		"ended": s.mustMoveIn(t, st.building), "banned": s.mustMoveIn(t, st.building),
		"stranger": s.mustComeBy(t), "nobody": {},
	}
	s.change(t, st.askers["ended"].token, "endMembership", st.askers["ended"].membership).mustSucceed(t)
	s.change(t, st.manager.token, "banMember", st.askers["banned"].membership).mustSucceed(t)
	for _, name := range []string{"pending", "ended", "banned", "stranger"} {
		st.homes[name] = s.mustBuildAs(t, st.askers[name], "1")
	}
	r := s.run(t, st.manager.token, `query($b: ID!, $r: ID!) {
		building(id: $b) { viewerManaged { auditLog { nodes { id } } invitations { nodes { id } } } }
		room(id: $r) { participants { nodes { id } } }
		viewer { id sessions { id } }
	}`, variables{"b": st.id, "r": st.community}).mustSucceed(t)
	st.things = map[string]string{
		"Building": st.id, "Apartment": st.apartments["1"], "Room": st.community,
		"Membership": resident.membership, "pending Membership": asking.membership,
		"banned Membership": st.askers["banned"].membership, "managing Membership": st.manager.membership,
		"Invitation":      at[string](t, r, "building.viewerManaged.invitations.nodes.0.id"),
		"AuditEntry":      at[string](t, r, "building.viewerManaged.auditLog.nodes.0.id"),
		"RoomParticipant": at[string](t, r, "room.participants.nodes.0.id"),
		"User":            st.manager.id, "Viewer": at[string](t, r, "viewer.id"), "Session": at[string](t, r, "viewer.sessions.0.id"),
	}
	return st
}

// Each thing is there for those who may read it, and for nobody else.
func TestNodes(t *testing.T) {
	t.Parallel()
	seenBy := map[string][]string{
		"Building":            {"manager", "resident", "pending"},
		"Apartment":           {"manager", "resident"},
		"Room":                {"manager", "resident"},
		"RoomParticipant":     {"manager", "resident"},
		"Membership":          {"manager", "resident"},
		"managing Membership": {"manager", "resident"},
		"pending Membership":  {"manager", "pending"},
		"banned Membership":   {"manager", "banned"},
		"User":                {"manager", "resident"},
		"Invitation":          {"manager"},
		"AuditEntry":          {"manager"},
		"Viewer":              {"manager"},
		"Session":             {"manager"},
	}
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		st := s.mustSettleStreet(t)
		for what, id := range st.things {
			if _, ok := seenBy[what]; !ok {
				t.Fatalf("who sees a %s?", what)
			}
			for name, asker := range st.askers {
				r := s.run(t, asker.token, `query($id: ID!) { node(id: $id) { __typename id } }`, variables{"id": id}).mustSucceed(t)
				want := `null`
				if slices.Contains(seenBy[what], name) {
					want = asText(t, variables{"__typename": what[strings.LastIndex(what, " ")+1:], "id": id})
				}
				if got := asText(t, r.lookup("node")); got != want {
					t.Errorf("a %s, read by %s, is %s, want %s", what, name, got, want)
				}
			}
		}
	})
}

// People whose membership is pending read the building's id, name and address.
func TestBuildingAsItIsSeen(t *testing.T) {
	t.Parallel()
	const document = `query($id: ID!) { building(id: $id) {
		id name address createdAt apartments { nodes { id } } members { nodes { id } } viewerRooms { nodes { id } }
		viewerMembership { status } viewerManaged { building { id } }
	} }`
	all := []string{"createdAt", "apartments", "members", "viewerRooms", "viewerManaged"}
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		st := s.mustSettleStreet(t)
		for name, want := range map[string][]string{"manager": all, "resident": all[:4], "pending": nil} {
			r := s.run(t, st.askers[name].token, document, variables{"id": st.id}).mustSucceed(t)
			r.expectData(t, "building.id", `"`+st.id+`"`)
			r.expectData(t, "building.name", `"Nile View"`)
			r.expectData(t, "building.address", `"7 Corniche"`)
			for _, field := range all {
				if got := r.lookup("building." + field); (got != nil) != slices.Contains(want, field) {
					t.Errorf("%s, read by who is %s, is %v", field, name, got)
				}
			}
		}
		for _, name := range []string{"ended", "banned", "stranger", "nobody"} {
			r := s.run(t, st.askers[name].token, document, variables{"id": st.id})
			if r.lookup("building") != nil || r.code() != "" && r.code() != "UNAUTHENTICATED" {
				t.Errorf("read by who is %s: %v", name, r)
			}
		}
	})
}

// probe is an operation that names a thing: $id is its id, $own that of the asker's
// own building, $mine their membership in it.
type probe struct{ thing, document string }

func probes() []probe {
	all := []probe{
		{"Building", `query($id: ID!) { building(id: $id) { id name createdAt viewerMembership { id } } }`},
		{"Room", `query($id: ID!) { room(id: $id) { id name viewerReadSeq events(after: 0) { endSeq } } }`},
		{"Building", `mutation($id: ID!) { updateBuilding(input: {building: $id, name: "Mine"}) { building { id } } }`},
		{"Building", `mutation($id: ID!) { updateBuilding(input: {building: $id}) { building { id } } }`},
		{"Building", `mutation($id: ID!) { updateBuilding(input: {building: $id, name: ""}) { building { id } } }`},
		{"Building", `mutation($id: ID!) { addApartments(building: $id, apartments: [{number: "1"}]) { building { id } } }`},
		{"Building", `mutation($id: ID!) { addApartments(building: $id, apartments: []) { building { id } } }`},
		{"Building", `mutation($id: ID!) { createInvitation(input: {building: $id}) { invitation { code } } }`},
		{"Building", `mutation($id: ID!) { createInvitation(input: {building: $id, preapproved: true}) { invitation { code } } }`},
		{"Apartment", `mutation($id: ID!) { removeApartment(apartment: $id) { apartmentId } }`},
		{"Apartment", `mutation($id: ID!, $own: ID!) { createInvitation(input: {building: $own, apartment: $id}) { invitation { code } } }`},
		{"Apartment", `mutation($id: ID!, $mine: ID!) { setMemberApartments(membership: $mine, apartments: [$id]) { membership { id } } }`},
		{"Apartment", `mutation($id: ID!, $mine: ID!) { approveMembership(membership: $mine, apartments: [$id]) { membership { id } } }`},
		{"Invitation", `mutation($id: ID!) { revokeInvitation(invitation: $id) { invitationId } }`},
		{"Session", `mutation($id: ID!) { revokeSession(session: $id) { sessionId } }`},
	}
	for _, thing := range []string{"Membership", "pending Membership", "banned Membership", "managing Membership"} {
		for _, call := range []string{
			`approveMembership(membership: $id)`, `approveMembership(membership: $id, apartments: ["x"])`,
			`setMemberApartments(membership: $id, apartments: [])`, `setMemberApartments(membership: $id, apartments: ["x"])`,
			`setMemberRole(membership: $id, role: MANAGER)`, `setMemberRole(membership: $id, role: RESIDENT)`,
			`endMembership(membership: $id)`, `banMember(membership: $id)`, `unbanMember(membership: $id)`,
		} {
			all = append(all, probe{thing, `mutation($id: ID!) { ` + call + ` { membership { id } } }`})
		}
	}
	for _, thing := range []string{
		"Building", "Apartment", "Room", "RoomParticipant", "Membership", "pending Membership", "banned Membership",
		"managing Membership", "User", "Invitation", "AuditEntry", "Viewer", "Session",
	} {
		all = append(all, probe{thing, `query($id: ID!) { node(id: $id) { __typename id } }`})
	}
	return all
}

// seenAs are the things that an asker sees: one's own, and the building for who asks
// to come in.
var seenAs = map[string][]string{"pending": {"Building", "pending Membership"}, "banned": {"banned Membership"}}

// To who may not see a thing, its id and those that never were give the same bytes.
func TestIDsCannotBeProbed(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		st := s.mustSettleStreet(t)
		for name, home := range st.homes {
			asker := st.askers[name]
			for _, p := range probes() {
				if slices.Contains(seenAs[name], p.thing) {
					continue
				}
				ask := func(id string) result {
					v := variables{"id": id}
					if strings.Contains(p.document, "$own") {
						v["own"] = home.id
					}
					if strings.Contains(p.document, "$mine") {
						v["mine"] = home.manager.membership
					}
					return s.run(t, asker.token, p.document, v)
				}
				real := ask(st.things[p.thing])
				nulls := strings.HasPrefix(p.document, "query") && real.code() == "" && !strings.Contains(string(real.body), st.things[p.thing])
				refused := strings.HasPrefix(p.document, "mutation") && (real.code() == "NOT_FOUND" || real.code() == "REQUIRED")
				if !nulls && !refused {
					t.Errorf("who is %s asks %s of a %s: got %v", name, p.document, p.thing, real)
				}
				_, row, _ := strings.Cut(st.things[p.thing], "_")
				// What is no id at all is the same to everybody.
				never := neverWere(st.things[p.thing])[:1]
				if name == "stranger" {
					never = neverWere(st.things[p.thing])[:4]
				}
				for _, id := range append(never, "log_"+row) {
					if never := ask(id); string(never.body) != string(real.body) || never.status != real.status {
						t.Errorf("who is %s asks %s of a %s: got %v, and for %q %v", name, p.document, p.thing, real, id, never)
					}
				}
			}
		}
		// Nothing was done, and nobody's building was touched.
		s.run(t, st.manager.token, `query($id: ID!) { building(id: $id) { name apartments { nodes { number } } members { nodes { role } } } }`, variables{"id": st.id}).
			expectData(t, "building", `{"name": "Nile View", "apartments": {"nodes": [{"number": "1"}]}, "members": {"nodes": [{"role": "MANAGER"}, {"role": "RESIDENT"}]}}`)
	})
}

// Nobody learns from the time either: what is another's costs the same readings as
// what is not there; one more would be a fifth of the time or more. The tries
// alternate, so that what else the machine does hits both kinds, and a difference
// counts when it comes back far more often than not: what a busy machine makes of the same
// time goes one way and the other.
func TestProbingTakesTheSameTime(t *testing.T) {
	eachEngineAlone(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		st := s.mustSettleStreet(t)
		asker := st.askers["stranger"]
		ask := func(p probe, id string) time.Duration {
			begin := time.Now()
			s.run(t, asker.token, p.document, variables{"id": id})
			return time.Since(begin)
		}
		for _, p := range []probe{
			{"Apartment", `query($id: ID!) { node(id: $id) { id } }`},
			{"Membership", `query($id: ID!) { node(id: $id) { id } }`},
			{"Invitation", `query($id: ID!) { node(id: $id) { id } }`},
			{"RoomParticipant", `query($id: ID!) { node(id: $id) { id } }`},
			{"AuditEntry", `query($id: ID!) { node(id: $id) { id } }`},
			{"Membership", `mutation($id: ID!) { banMember(membership: $id) { membership { id } } }`},
			{"Apartment", `mutation($id: ID!) { removeApartment(apartment: $id) { apartmentId } }`},
			{"Invitation", `mutation($id: ID!) { revokeInvitation(invitation: $id) { invitationId } }`},
		} {
			real, never := st.things[p.thing], neverWere(st.things[p.thing])[0]
			var ratios []float64
			for beyond := 0; ; {
				var reals, nevers []time.Duration
				for range 30 {
					reals, nevers = append(reals, ask(p, real)), append(nevers, ask(p, never))
				}
				ratios = append(ratios, median(reals).Seconds()/median(nevers).Seconds())
				if more := ratios[0] > 1; more && ratios[len(ratios)-1] > 1.15 || !more && ratios[len(ratios)-1] < 0.87 {
					beyond++
				} else {
					beyond--
				}
				if beyond < 0 {
					break
				}
				if beyond == 8 {
					t.Errorf("%s of a %s: another's takes %.2f times as long as none", p.document, p.thing, ratios)
					break
				}
			}
		}
	})
}
