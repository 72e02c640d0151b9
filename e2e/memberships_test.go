package e2e

import (
	"slices"
	"sync"
	"testing"
)

func TestApproveMembership(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b, other := s.mustBuild(t, "1", "2", "3"), s.mustBuild(t, "9")
		one, two, three := b.apartments["1"], b.apartments["2"], b.apartments["3"]
		for _, c := range []struct {
			what, claim string
			code        string
			apartments  []string // nil for what was asked for
			want        standing
		}{
			{"without a claim", "", b.closed, nil, standing{status: "ACTIVE"}},
			{"with a claim", one, b.closed, nil, standing{status: "ACTIVE", lives: "1"}},
			{"with other apartments", one, b.closed, []string{three, two}, standing{status: "ACTIVE", lives: "2 3"}},
			{"with none", one, b.closed, []string{}, standing{status: "ACTIVE"}},
			{"with one twice", "", b.closed, []string{two, two}, standing{status: "ACTIVE", lives: "2"}},
			{"a claim of somebody let in at once", one, b.open, nil, standing{status: "ACTIVE", lives: "1"}},
			{"other apartments for somebody let in at once", one, b.open, []string{two}, standing{status: "ACTIVE", lives: "2"}},
		} {
			t.Run(c.what, func(t *testing.T) {
				who := s.mustComeBy(t)
				r := s.join(t, who.token, c.code, c.claim).mustSucceed(t)
				who.membership = at[string](t, r, "joinBuilding.membership.id")
				s.approve(t, b.manager.token, who.membership, c.apartments).expectStanding(t, "approveMembership.membership", c.want)
				s.membershipOf(t, who).expectStanding(t, "node", c.want)
				s.expectNoNewAct(t, b, "to approve again", func() {
					s.approve(t, b.manager.token, who.membership, c.apartments).expectStanding(t, "approveMembership.membership", c.want)
				})
				if log := s.mustReadLog(t, who.token, b.community); !slices.ContainsFunc(log, func(e entry) bool { return e.member == who.id }) {
					t.Errorf("nothing tells that they joined: %v", log)
				}
			})
		}

		asking, resident := s.mustAsk(t, b), s.mustMoveIn(t, b)
		for _, c := range []struct {
			what, token string
			apartments  []string
			code, field string
		}{
			{"oneself", asking.token, nil, "FORBIDDEN", "membership"},
			{"by a resident, who does not see requests", resident.token, nil, "NOT_FOUND", "membership"},
			{"by a stranger", other.manager.token, nil, "NOT_FOUND", "membership"},
			{"into another building's apartment", b.manager.token, []string{one, other.apartments["9"]}, "NOT_FOUND", "apartments.1"},
			{"into no apartment", b.manager.token, []string{"x"}, "NOT_FOUND", "apartments.0"},
			{"into 101 apartments", b.manager.token, manyNumbers(101), "TOO_LARGE", "apartments"},
		} {
			if r := s.approve(t, c.token, asking.membership, c.apartments); r.code() != c.code || r.field() != c.field {
				t.Errorf("%s: got %v, want %s %s", c.what, r, c.code, c.field)
			}
		}
		s.membershipOf(t, asking).expectStanding(t, "node", standing{status: "PENDING"})
		for _, mutation := range []string{"endMembership", "banMember"} {
			s.change(t, b.manager.token, mutation, asking.membership).mustSucceed(t)
			s.approve(t, b.manager.token, asking.membership, nil).expectCode(t, "CONFLICT", "membership")
		}
	})
}

func TestSetMemberApartments(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b, other := s.mustBuild(t, "1", "2"), s.mustBuild(t, "9")
		one, two := b.apartments["1"], b.apartments["2"]
		who := s.mustComeBy(t)
		who.membership = at[string](t, s.join(t, who.token, b.open, one).mustSucceed(t), "joinBuilding.membership.id")
		for _, c := range []struct {
			apartments []string
			lives      string
		}{
			{[]string{two}, "2"}, // and the claim is decided
			{[]string{two, one, two}, "1 2"},
			{[]string{one}, "1"},
			{nil, ""},
		} {
			want := standing{status: "ACTIVE", lives: c.lives}
			s.house(t, b.manager.token, who.membership, c.apartments...).expectStanding(t, "setMemberApartments.membership", want)
			s.membershipOf(t, who).expectStanding(t, "node", want)
			s.expectNoNewAct(t, b, "the same again", func() {
				s.house(t, b.manager.token, who.membership, c.apartments...).mustSucceed(t)
			})
		}
		s.house(t, b.manager.token, b.manager.membership, one).
			expectStanding(t, "setMemberApartments.membership", standing{status: "ACTIVE", role: "MANAGER", lives: "1"})

		s.house(t, b.manager.token, who.membership, one, other.apartments["9"]).expectCode(t, "NOT_FOUND", "apartments.1")
		s.house(t, b.manager.token, who.membership, manyNumbers(101)...).expectCode(t, "TOO_LARGE", "apartments")
		s.house(t, who.token, who.membership, one).expectCode(t, "FORBIDDEN", "membership")
		s.house(t, who.token, b.manager.membership, two).expectCode(t, "FORBIDDEN", "membership")
		s.house(t, other.manager.token, who.membership, one).expectCode(t, "NOT_FOUND", "membership")
		s.membershipOf(t, who).expectStanding(t, "node", standing{status: "ACTIVE"})
		s.house(t, b.manager.token, s.mustAsk(t, b).membership, one).expectCode(t, "CONFLICT", "membership")
	})
}

func TestSetMemberRole(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t)
		who, asking := s.mustMoveIn(t, b), s.mustAsk(t, b)
		manages := func(who neighbour) bool {
			r := s.run(t, who.token, `query($id: ID!) { building(id: $id) { viewerManaged { building { id } } } }`, variables{"id": b.id})
			return r.mustSucceed(t).lookup("building.viewerManaged") != nil
		}
		s.setRole(t, who.token, who.membership, "MANAGER").expectCode(t, "FORBIDDEN", "membership")
		s.setRole(t, who.token, b.manager.membership, "RESIDENT").expectCode(t, "FORBIDDEN", "membership")
		s.setRole(t, b.manager.token, asking.membership, "MANAGER").expectCode(t, "CONFLICT", "membership")
		s.setRole(t, asking.token, asking.membership, "MANAGER").expectCode(t, "FORBIDDEN", "membership")
		s.setRole(t, b.manager.token, b.manager.membership, "RESIDENT").expectCode(t, "CONFLICT", "membership")
		if manages(who) || !manages(b.manager) {
			t.Error("a refused change was made")
		}

		s.setRole(t, b.manager.token, who.membership, "MANAGER").
			expectStanding(t, "setMemberRole.membership", standing{status: "ACTIVE", role: "MANAGER"})
		s.expectNoNewAct(t, b, "the same again", func() {
			s.setRole(t, b.manager.token, who.membership, "MANAGER").mustSucceed(t)
		})
		if !manages(who) {
			t.Error("the new manager does not manage")
		}
		s.setRole(t, who.token, b.manager.membership, "RESIDENT").
			expectStanding(t, "setMemberRole.membership", standing{status: "ACTIVE"})
		if manages(b.manager) {
			t.Error("who is a manager no more still manages")
		}
		s.setRole(t, b.manager.token, who.membership, "RESIDENT").expectCode(t, "FORBIDDEN", "membership")
	})
}

// lastManagerMust are ways in which a manager ceases to be one.
var lastManagerMust = map[string]func(s *server, token, membership string) (result, error){
	"demoted": func(s *server, token, membership string) (result, error) {
		return s.insist(token, setRoleDocument, variables{"membership": membership, "role": "RESIDENT"})
	},
	"ended": func(s *server, token, membership string) (result, error) {
		return s.insist(token, changeDocument("endMembership"), variables{"membership": membership})
	},
	"banned": func(s *server, token, membership string) (result, error) {
		return s.insist(token, changeDocument("banMember"), variables{"membership": membership})
	},
}

// A building always has a manager: the last one cannot go, also where two send each
// other away at the same moment.
func TestTheLastManagerStays(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		one, two := s.mustComeBy(t), s.mustComeBy(t)
		for how, goes := range lastManagerMust {
			b := s.mustBuildAs(t, one)
			s.mustMoveIn(t, b) // a resident is no manager
			r, err := goes(s, one.token, b.manager.membership)
			if codeOrError(r, err) != "CONFLICT" || r.field() != "membership" {
				t.Errorf("the last manager is %s: %v, %v", how, r, err)
			}
			for range 3 {
				b := s.mustBuildAs(t, one)
				two := s.mustJoin(t, two, b.open)
				s.mustPromote(t, b, two)
				codes := make([]string, 4)
				var all sync.WaitGroup
				for i, c := range []struct{ token, membership string }{
					{one.token, two.membership},
					{two.token, b.manager.membership},
					{one.token, b.manager.membership},
					{two.token, two.membership},
				} {
					all.Go(func() {
						r, err := goes(s, c.token, c.membership)
						codes[i] = codeOrError(r, err)
					})
				}
				all.Wait()
				managers := 0
				for _, who := range []neighbour{one, two} {
					r := s.run(t, who.token, `query($id: ID!) { building(id: $id) { viewerManaged { building { id } } } }`, variables{"id": b.id})
					if r.lookup("building.viewerManaged") != nil {
						managers++
					}
				}
				if managers != 1 {
					t.Errorf("%s: %d managers are left: %v", how, managers, codes)
				}
				// Who is in time does it, or finds it done; who comes late is the last
				// manager, or no manager any more.
				for _, code := range codes {
					if !slices.Contains([]string{"", "CONFLICT", "FORBIDDEN", "NOT_FOUND"}, code) {
						t.Errorf("%s: got %q", how, code)
					}
				}
			}
		}
	})
}

func TestEndMembership(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t, "1")
		leaving, sentAway, withdrawing, turnedDown, manager := s.mustMoveIn(t, b), s.mustMoveIn(t, b), s.mustComeBy(t), s.mustAsk(t, b), s.mustMoveIn(t, b)
		r := s.join(t, withdrawing.token, b.closed, b.apartments["1"]).mustSucceed(t)
		withdrawing.membership = at[string](t, r, "joinBuilding.membership.id")
		s.house(t, b.manager.token, leaving.membership, b.apartments["1"]).mustSucceed(t)
		s.mustPromote(t, b, manager)

		s.change(t, leaving.token, "endMembership", sentAway.membership).expectCode(t, "FORBIDDEN", "membership")
		s.change(t, leaving.token, "endMembership", turnedDown.membership).expectCode(t, "NOT_FOUND", "membership")
		s.change(t, turnedDown.token, "endMembership", leaving.membership).expectCode(t, "NOT_FOUND", "membership")
		for what, c := range map[string]struct{ by, who neighbour }{
			"one's own":           {leaving, leaving},
			"by a manager":        {b.manager, sentAway},
			"one's own request":   {withdrawing, withdrawing},
			"a request, turned":   {b.manager, turnedDown},
			"one's own, managing": {manager, manager},
		} {
			t.Run(what, func(t *testing.T) {
				want := standing{status: "ENDED"}
				s.change(t, c.by.token, "endMembership", c.who.membership).expectStanding(t, "endMembership.membership", want)
				s.membershipOf(t, c.who).expectStanding(t, "node", want)
				// Once more changes nothing, also by oneself.
				s.expectNoNewAct(t, b, "to end it again", func() {
					s.change(t, c.by.token, "endMembership", c.who.membership).expectStanding(t, "endMembership.membership", want)
					s.change(t, c.who.token, "endMembership", c.who.membership).expectStanding(t, "endMembership.membership", want)
				})
				s.setRole(t, c.who.token, c.who.membership, "MANAGER").expectCode(t, "FORBIDDEN", "membership")
				s.setRole(t, b.manager.token, c.who.membership, "MANAGER").expectCode(t, "CONFLICT", "membership")
				s.house(t, b.manager.token, c.who.membership).expectCode(t, "CONFLICT", "membership")
				s.expectOutside(t, c.who, b)
			})
		}
	})
}

// expectOutside demands that somebody reads nothing of a building.
func (s *server) expectOutside(t *testing.T, who neighbour, of building) {
	t.Helper()
	s.run(t, who.token, `query($b: ID!, $c: ID!, $a: ID!) {
		building(id: $b) { id } community: room(id: $c) { id } announcements: room(id: $a) { id } node(id: $b) { id }
		viewer { rooms { nodes { id } } }
	}`, variables{"b": of.id, "c": of.community, "a": of.announcements}).
		expectData(t, "", `{"building": null, "community": null, "announcements": null, "node": null, "viewer": {"rooms": {"nodes": []}}}`)
}

func TestBanAndUnban(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t, "1")
		resident, asking, gone, manager := s.mustMoveIn(t, b), s.mustAsk(t, b), s.mustMoveIn(t, b), s.mustMoveIn(t, b)
		bystander := s.mustMoveIn(t, b)
		s.house(t, b.manager.token, resident.membership, b.apartments["1"]).mustSucceed(t)
		s.change(t, gone.token, "endMembership", gone.membership).mustSucceed(t)
		s.mustPromote(t, b, manager)
		s.change(t, bystander.token, "banMember", resident.membership).expectCode(t, "FORBIDDEN", "membership")
		s.change(t, bystander.token, "banMember", asking.membership).expectCode(t, "NOT_FOUND", "membership")
		s.change(t, bystander.token, "banMember", gone.membership).expectCode(t, "NOT_FOUND", "membership")
		s.expectNoNewAct(t, b, "to unban who is not banned", func() {
			s.change(t, b.manager.token, "unbanMember", resident.membership).
				expectStanding(t, "unbanMember.membership", standing{status: "ACTIVE", lives: "1"})
			s.change(t, b.manager.token, "unbanMember", asking.membership).
				expectStanding(t, "unbanMember.membership", standing{status: "PENDING"})
		})
		for _, who := range []neighbour{resident, asking, gone, manager} {
			want := standing{status: "BANNED"}
			s.change(t, b.manager.token, "banMember", who.membership).expectStanding(t, "banMember.membership", want)
			s.expectNoNewAct(t, b, "to ban again", func() {
				s.change(t, b.manager.token, "banMember", who.membership).expectStanding(t, "banMember.membership", want)
			})
			s.membershipOf(t, who).expectStanding(t, "node", want)
			s.change(t, b.manager.token, "endMembership", who.membership).expectCode(t, "CONFLICT", "membership")
			s.change(t, who.token, "endMembership", who.membership).expectCode(t, "CONFLICT", "membership")
			s.change(t, who.token, "unbanMember", who.membership).expectCode(t, "FORBIDDEN", "membership")
			s.change(t, bystander.token, "unbanMember", who.membership).expectCode(t, "NOT_FOUND", "membership")
			s.expectOutside(t, who, b)
			s.change(t, b.manager.token, "unbanMember", who.membership).
				expectStanding(t, "unbanMember.membership", standing{status: "ENDED"})
			s.expectOutside(t, who, b)
			s.mustJoin(t, who, b.open)
		}
	})
}
