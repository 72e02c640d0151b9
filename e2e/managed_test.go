package e2e

import (
	"slices"
	"testing"
)

// Managers read who stands how, and what was done by whom to whom.
func TestManagedBuilding(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t, "1")
		s.mustMoveIn(t, s.mustBuild(t)) // of which nothing is told here
		asking, resident, banned, ended := s.mustAsk(t, b), s.mustMoveIn(t, b), s.mustMoveIn(t, b), s.mustMoveIn(t, b)
		s.change(t, b.manager.token, "banMember", banned.membership).mustSucceed(t)
		s.change(t, ended.token, "endMembership", ended.membership).mustSucceed(t)
		for status, want := range map[string][]neighbour{
			"PENDING": {asking}, "ACTIVE": {b.manager, resident}, "BANNED": {banned}, "ENDED": {ended},
		} {
			r := s.run(t, b.manager.token, `query($id: ID!, $status: MembershipStatus!) { building(id: $id) { viewerManaged {
				building { id } members(status: $status) { nodes { id status user { id name } } }
			} } }`, variables{"id": b.id, "status": status}).mustSucceed(t)
			nodes := []any{}
			for _, who := range want {
				nodes = append(nodes, variables{"id": who.membership, "status": status, "user": variables{"id": who.id, "name": who.name}})
			}
			r.expectData(t, "building.viewerManaged.members.nodes", asText(t, nodes))
			r.expectData(t, "building.viewerManaged.building.id", `"`+b.id+`"`)
		}

		m := b.manager.id
		s.run(t, b.manager.token, updateBuildingDocument, variables{"input": variables{"building": b.id, "name": "New"}}).mustSucceed(t)
		s.addApartments(t, b.manager.token, b, "2").mustSucceed(t)
		s.run(t, b.manager.token, removeApartmentDocument, variables{"id": b.apartments["1"]}).mustSucceed(t)
		code := s.mustInvite(t, b, nil)
		s.run(t, b.manager.token, revokeInvitationDocument, variables{"id": code.id}).mustSucceed(t)
		s.approve(t, b.manager.token, asking.membership, nil).mustSucceed(t)
		s.setRole(t, b.manager.token, resident.membership, "MANAGER").mustSucceed(t)
		s.change(t, resident.token, "unbanMember", banned.membership).mustSucceed(t)
		log := s.mustAudit(t, b)
		want := []act{
			{"unbanMember", resident.id, banned.membership},
			{"setMemberRole", m, resident.membership},
			{"approveMembership", m, asking.membership},
			{"revokeInvitation", m, code.id},
			{"createInvitation", m, code.id},
			{"removeApartment", m, b.apartments["1"]},
			{"addApartments", m, b.id},
			{"updateBuilding", m, b.id},
			{"endMembership", ended.id, ended.membership},
			{"banMember", m, banned.membership},
			{"joinBuilding", ended.id, ended.membership},
			{"joinBuilding", banned.id, banned.membership},
			{"joinBuilding", resident.id, resident.membership},
			{"joinBuilding", asking.id, asking.membership},
		}
		if len(log) != len(want)+3 || !slices.Equal(log[:len(want)], want) || log[len(log)-1] != (act{"createBuilding", m, b.id}) {
			t.Errorf("the log is %v, want %v and the building with two invitations", log, want)
		}
	})
}
