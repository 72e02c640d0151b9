package e2e

import (
	"fmt"
	"slices"
	"sync"
	"testing"
)

func TestJoinBuilding(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b, other := s.mustBuild(t, "1", "2"), s.mustBuild(t, "9")
		openOne := s.mustInvite(t, b, variables{"preapproved": true, "apartment": b.apartments["1"]}).code
		closedOne := s.mustInvite(t, b, variables{"apartment": b.apartments["1"]}).code
		for _, c := range []struct {
			what, code, apartment string
			want                  standing
		}{
			{"for all", b.open, "", standing{status: "ACTIVE"}},
			{"for all, with a claim", b.open, "2", standing{status: "ACTIVE", claims: "2"}},
			{"for one", openOne, "", standing{status: "ACTIVE", lives: "1"}},
			{"for one, with a claim", openOne, "2", standing{status: "ACTIVE", lives: "1"}},
			{"to be approved", b.closed, "", standing{status: "PENDING"}},
			{"to be approved, with a claim", b.closed, "2", standing{status: "PENDING", claims: "2"}},
			{"to be approved, for one", closedOne, "", standing{status: "PENDING", claims: "1"}},
			{"to be approved, for one, with a claim", closedOne, "2", standing{status: "PENDING", claims: "1"}},
		} {
			t.Run(c.what, func(t *testing.T) {
				who := s.mustComeBy(t)
				r := s.join(t, who.token, c.code, b.apartments[c.apartment])
				r.expectStanding(t, "joinBuilding.membership", c.want)
				r.expectData(t, "joinBuilding.membership.building.id", `"`+b.id+`"`)
				r.expectData(t, "joinBuilding.membership.user.id", `"`+who.id+`"`)
				id := at[string](t, r, "joinBuilding.membership.id")
				r.expectData(t, "joinBuilding.viewer.memberships", fmt.Sprintf(`[{"id": %q, "status": %q}]`, id, c.want.status))

				// A second call gives the same, whatever it asks for.
				s.expectNoNewAct(t, b, "a second call", func() {
					for _, apartment := range []string{"", b.apartments["1"], other.apartments["9"]} {
						again := s.join(t, who.token, c.code, apartment)
						again.expectStanding(t, "joinBuilding.membership", c.want)
						again.expectData(t, "joinBuilding.membership.id", `"`+id+`"`)
					}
				})
			})
		}
		who := s.mustComeBy(t)
		s.join(t, who.token, b.open, other.apartments["9"]).expectCode(t, "NOT_FOUND", "input.apartment")
		s.join(t, who.token, b.closed, b.id).expectCode(t, "NOT_FOUND", "input.apartment")
		s.join(t, who.token, b.open, "0").expectCode(t, "NOT_FOUND", "input.apartment")
		s.run(t, who.token, `{ viewer { memberships { id } } }`, nil).expectData(t, "viewer.memberships", `[]`)
	})
}

// A call whose answer was lost is made again, also with a code for one use.
func TestJoinAgainWithACodeThatIsUsedUp(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t)
		for _, preapproved := range []bool{true, false} {
			once := s.mustInvite(t, b, variables{"preapproved": preapproved, "maxUses": 1})
			who := s.mustJoin(t, s.mustComeBy(t), once.code)
			s.join(t, who.token, once.code, "").expectData(t, "joinBuilding.membership.id", `"`+who.membership+`"`)
			s.join(t, s.mustComeBy(t).token, once.code, "").expectCode(t, "INVALID_CODE", "input.code")
		}
	})
}

// Who waits for a manager and then gets a code that needs none is in.
func TestPendingThenPreapproved(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t, "1", "2")
		openOne := s.mustInvite(t, b, variables{"preapproved": true, "apartment": b.apartments["1"]}).code
		for _, c := range []struct {
			what, code, claim string
			want              standing
		}{
			{"the claim waits on", b.open, "", standing{status: "ACTIVE", claims: "2"}},
			{"with another claim", b.open, "1", standing{status: "ACTIVE", claims: "1"}},
			{"with an apartment", openOne, "", standing{status: "ACTIVE", lives: "1"}},
		} {
			t.Run(c.what, func(t *testing.T) {
				who := s.mustComeBy(t)
				first := s.join(t, who.token, b.closed, b.apartments["2"])
				first.expectStanding(t, "joinBuilding.membership", standing{status: "PENDING", claims: "2"})
				then := s.join(t, who.token, c.code, b.apartments[c.claim])
				then.expectStanding(t, "joinBuilding.membership", c.want)
				then.expectData(t, "joinBuilding.membership.id", asText(t, first.lookup("joinBuilding.membership.id")))
				if log := s.mustReadLog(t, who.token, b.community); log[len(log)-1] != (entry{"MEMBER_JOINED", who.id, who.id}) {
					t.Errorf("the log ends with %v", log[len(log)-1])
				}
			})
		}
	})
}

// Who left may come back, to the same membership, and begins anew.
func TestJoinAfterTheEnd(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t, "1")
		for _, c := range []struct{ code, status string }{{b.open, "ACTIVE"}, {b.closed, "PENDING"}} {
			who := s.mustMoveIn(t, b)
			s.mustPromote(t, b, who)
			s.house(t, b.manager.token, who.membership, b.apartments["1"]).mustSucceed(t)
			s.change(t, who.token, "endMembership", who.membership).
				expectStanding(t, "endMembership.membership", standing{status: "ENDED"})
			s.run(t, who.token, `query($id: ID!) { building(id: $id) { id } }`, variables{"id": b.id}).expectData(t, "building", `null`)
			r := s.join(t, who.token, c.code, "")
			r.expectStanding(t, "joinBuilding.membership", standing{status: c.status})
			r.expectData(t, "joinBuilding.membership.id", `"`+who.membership+`"`)
		}
	})
}

func TestJoinWhileBanned(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t)
		who := s.mustMoveIn(t, b)
		s.change(t, b.manager.token, "banMember", who.membership).mustSucceed(t)
		once := s.mustInvite(t, b, variables{"preapproved": true, "maxUses": 1})
		for _, code := range []string{b.open, b.closed, once.code} {
			s.join(t, who.token, code, "").expectCode(t, "FORBIDDEN", "input.code")
		}
		s.mustMoveIn(t, b)
		s.mustJoin(t, s.mustComeBy(t), once.code) // no use was lost
		s.change(t, b.manager.token, "unbanMember", who.membership).
			expectStanding(t, "unbanMember.membership", standing{status: "ENDED"})
		s.join(t, who.token, b.closed, "").expectStanding(t, "joinBuilding.membership", standing{status: "PENDING"})
	})
}

// neighboursWhoMeet gives people whom tests share as those who have come to no building yet; see
// mustMeet.
func (s *server) neighboursWhoMeet(t *testing.T, people int) []neighbour {
	t.Helper()
	var all []neighbour
	for _, who := range s.mustMeet(t, people) {
		all = append(all, neighbour{person: who.person, token: who.token})
	}
	return all
}

// Sixteen people come at once: each is in, once, and the rooms tell of each in an
// order without a gap. Meanwhile others make buildings of their own.
func TestManyJoinAtOnce(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t)
		people := s.neighboursWhoMeet(t, 16)
		codes := make([]string, 3*len(people))
		var all sync.WaitGroup
		for i, who := range people {
			for j := range 2 { // some apps ask twice
				all.Go(func() {
					r, err := s.insist(who.token, joinDocument, joinInput(b.open, ""))
					codes[3*i+j] = codeOrError(r, err)
				})
			}
			all.Go(func() {
				r, err := s.insist(who.token, createBuildingDocument, variables{"input": variables{"name": "Own"}})
				codes[3*i+2] = codeOrError(r, err)
			})
		}
		all.Wait()
		expectTally(t, codes, map[string]int{"": len(codes)})
		for _, room := range []string{b.community, b.announcements} {
			joined := map[string]int{}
			for _, one := range s.mustReadLog(t, b.manager.token, room) {
				if one.kind != "MEMBER_JOINED" || one.actor != one.member {
					t.Errorf("the log tells of %v", one)
				}
				joined[one.member]++
			}
			if len(joined) != len(people)+1 {
				t.Errorf("%d people joined", len(joined))
			}
			for _, who := range people {
				if joined[who.id] != 1 {
					t.Errorf("somebody joined %d times", joined[who.id])
				}
			}
		}
		if n := len(s.mustWalk(t, b.manager.token, b.id, "members", 7)); n != len(people)+1 {
			t.Errorf("there are %d members", n)
		}
	})
}

// A code for three lets three in, however many come at once.
func TestMaxUsesInARace(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		people := s.neighboursWhoMeet(t, 10)
		for status, preapproved := range map[string]bool{"ACTIVE": true, "PENDING": false} {
			b := s.mustBuild(t)
			three := s.mustInvite(t, b, variables{"preapproved": preapproved, "maxUses": 3})
			codes := make([]string, len(people))
			var all sync.WaitGroup
			for i, who := range people {
				all.Go(func() {
					r, err := s.insist(who.token, joinDocument, joinInput(three.code, ""))
					codes[i] = codeOrError(r, err)
				})
			}
			all.Wait()
			expectTally(t, codes, map[string]int{"": 3, "INVALID_CODE": len(codes) - 3})
			r := s.run(t, b.manager.token, `query($id: ID!, $status: MembershipStatus!) { building(id: $id) { viewerManaged {
				members(status: $status) { nodes { role } }
			} } }`, variables{"id": b.id, "status": status})
			came := slices.DeleteFunc(objects(at[any](t, r, "building.viewerManaged.members.nodes")),
				func(m map[string]any) bool { return m["role"] == "MANAGER" })
			if len(came) != 3 {
				t.Errorf("%d are %s, of 3 who came in time", len(came), status)
			}
		}
	})
}
