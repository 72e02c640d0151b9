package e2e

import (
	"strings"
	"sync"
	"testing"
)

const addApartmentsDocument = `mutation Add($building: ID!, $apartments: [ApartmentInput!]!) {
	addApartments(building: $building, apartments: $apartments) {
		apartments { id number floor building { id } } building { apartments(first: 100) { nodes { number } } }
	}
}`

// addApartments adds apartments of these numbers to a building.
func (s *server) addApartments(t *testing.T, token string, to building, numbers ...string) result {
	t.Helper()
	return s.run(t, token, addApartmentsDocument, variables{"building": to.id, "apartments": doorsOf(numbers)})
}

func doorsOf(numbers []string) []any {
	doors := []any{}
	for _, number := range numbers {
		doors = append(doors, variables{"number": number})
	}
	return doors
}

const removeApartmentDocument = `mutation Remove($id: ID!) {
	removeApartment(apartment: $id) { apartmentId building { apartments { nodes { number } } } }
}`

func TestAddApartments(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b, other := s.mustBuild(t, "1", "3B"), s.mustBuild(t)
		r := s.addApartments(t, b.manager.token, b, " 2 ", "٤").mustSucceed(t)
		r.expectData(t, "addApartments.apartments.0.number", `"2"`)
		r.expectData(t, "addApartments.apartments.1.number", `"٤"`)
		r.expectData(t, "addApartments.apartments.1.building.id", `"`+b.id+`"`)
		const all = `[{"number": "1"}, {"number": "3B"}, {"number": "2"}, {"number": "٤"}]`
		r.expectData(t, "addApartments.building.apartments.nodes", all)

		// All or none.
		for _, c := range []struct {
			numbers     []string
			code, field string
		}{
			{[]string{"5", "3b"}, "INVALID_INPUT", "apartments.1.number"},
			{[]string{"5", "4"}, "INVALID_INPUT", "apartments.1.number"},
			{[]string{"5", "6", "5"}, "INVALID_INPUT", "apartments.2.number"},
			{[]string{"5", ""}, "REQUIRED", "apartments.1.number"},
			{[]string{"5", longText(21)}, "INVALID_INPUT", "apartments.1.number"},
			{manyNumbers(1001), "TOO_LARGE", "apartments"},
		} {
			s.addApartments(t, b.manager.token, b, c.numbers...).expectCode(t, c.code, c.field)
		}
		// Another building may have the same number.
		s.addApartments(t, other.manager.token, other, "1").mustSucceed(t)
		s.expectNoNewAct(t, b, "to add none", func() {
			s.addApartments(t, b.manager.token, b).expectData(t, "addApartments.apartments", `[]`)
		})
		s.run(t, b.manager.token, `query($id: ID!) { building(id: $id) { apartments { nodes { number } } } }`, variables{"id": b.id}).
			expectData(t, "building.apartments.nodes", all)

		s.addApartments(t, s.mustMoveIn(t, b).token, b, "9").expectCode(t, "FORBIDDEN", "building")
		s.addApartments(t, s.mustAsk(t, b).token, b, "9").expectCode(t, "FORBIDDEN", "building")
		s.addApartments(t, other.manager.token, b, "9").expectCode(t, "NOT_FOUND", "building")
	})
}

// Of those who add the same door at once, one does.
func TestAddApartmentsInARace(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t)
		codes := make([]string, 8)
		var all sync.WaitGroup
		for i := range codes {
			all.Go(func() {
				r, err := s.insist(b.manager.token, addApartmentsDocument, variables{
					"building": b.id, "apartments": doorsOf([]string{strings.Repeat("a", i+1), "7"}),
				})
				codes[i] = codeOrError(r, err)
			})
		}
		all.Wait()
		expectTally(t, codes, map[string]int{"": 1, "INVALID_INPUT": len(codes) - 1})
		if n := len(s.mustWalk(t, b.manager.token, b.id, "apartments", 100)); n != 2 {
			t.Errorf("there are %d apartments, of one call", n)
		}
	})
}

// codeOrError gives the code of an answer, or what went wrong on the way to it.
func codeOrError(r result, err error) string {
	if err != nil {
		return err.Error()
	}
	return r.code()
}

func TestRemoveApartment(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t, "1", "2", "3")
		inhabited, claimed, empty := b.apartments["1"], b.apartments["2"], b.apartments["3"]
		resident, asking := s.mustMoveIn(t, b), s.mustComeBy(t)
		s.house(t, b.manager.token, resident.membership, inhabited).mustSucceed(t)
		asking.membership = at[string](t, s.join(t, asking.token, b.closed, claimed).mustSucceed(t), "joinBuilding.membership.id")
		s.membershipOf(t, asking).expectStanding(t, "node", standing{status: "PENDING", claims: "2"})
		remove := func(token, id string) result {
			t.Helper()
			return s.run(t, token, removeApartmentDocument, variables{"id": id})
		}

		remove(resident.token, empty).expectCode(t, "FORBIDDEN", "apartment")
		// Who asks to come in knows the doors by the code, and yet does not see them.
		remove(asking.token, empty).expectCode(t, "NOT_FOUND", "apartment")
		remove(s.mustComeBy(t).token, empty).expectCode(t, "NOT_FOUND", "apartment")
		remove(b.manager.token, inhabited).expectCode(t, "CONFLICT", "apartment")

		// Invitations to it end with it, and a claim to it is none any more.
		toIt := s.mustInvite(t, b, variables{"apartment": claimed, "preapproved": true})
		r := remove(b.manager.token, claimed).mustSucceed(t)
		r.expectData(t, "removeApartment.apartmentId", `"`+claimed+`"`)
		r.expectData(t, "removeApartment.building.apartments.nodes", `[{"number": "1"}, {"number": "3"}]`)
		s.membershipOf(t, asking).expectStanding(t, "node", standing{status: "PENDING"})
		s.preview(t, b.manager.token, toIt.code).expectData(t, "invitation", `null`)
		s.join(t, s.mustComeBy(t).token, toIt.code, "").expectCode(t, "INVALID_CODE", "input.code")
		s.run(t, b.manager.token, `query($id: ID!) { node(id: $id) { id } }`, variables{"id": toIt.id}).expectData(t, "node", `null`)
		remove(b.manager.token, claimed).expectCode(t, "NOT_FOUND", "apartment")
		s.approve(t, b.manager.token, asking.membership, nil).
			expectStanding(t, "approveMembership.membership", standing{status: "ACTIVE"})

		// Once nobody lives there, it can go; and its number can come back.
		s.change(t, resident.token, "endMembership", resident.membership).mustSucceed(t)
		remove(b.manager.token, inhabited).mustSucceed(t)
		s.addApartments(t, b.manager.token, b, "1").mustSucceed(t)
	})
}

func TestResidentsOfAnApartment(t *testing.T) {
	t.Parallel()
	const document = `query($id: ID!) { node(id: $id) { ... on Apartment { number floor building { id } residents { nodes { id } } } } }`
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t, "1", "2")
		one, two, gone := s.mustMoveIn(t, b), s.mustMoveIn(t, b), s.mustMoveIn(t, b)
		for _, who := range []neighbour{one, two, gone} {
			s.house(t, b.manager.token, who.membership, b.apartments["1"]).mustSucceed(t)
		}
		s.change(t, b.manager.token, "banMember", gone.membership).mustSucceed(t)
		r := s.run(t, two.token, document, variables{"id": b.apartments["1"]})
		r.expectData(t, "node.residents.nodes", asText(t, []any{variables{"id": one.id}, variables{"id": two.id}}))
		r.expectData(t, "node.building.id", `"`+b.id+`"`)
		r.expectData(t, "node.floor", `null`)
		s.run(t, two.token, document, variables{"id": b.apartments["2"]}).expectData(t, "node.residents.nodes", `[]`)

		// Who asks to come in reads the door they claim, and not who lives there.
		asking := s.mustComeBy(t)
		r = s.run(t, asking.token, `mutation($input: JoinBuildingInput!) { joinBuilding(input: $input) {
			membership { claimedApartment { number residents { nodes { id } } } }
		} }`, joinInput(b.closed, b.apartments["1"]))
		r.expectData(t, "joinBuilding.membership.claimedApartment", `{"number": "1", "residents": null}`)
	})
}
