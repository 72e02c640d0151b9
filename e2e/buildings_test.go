package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestCreateBuilding(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		founder := s.mustComeBy(t)
		r := s.createBuilding(t, founder.token, variables{
			"name": "  عمارة النيل\u200f ", "address": " 7 Corniche\t",
			"apartments": []any{
				variables{"number": " 3B ", "floor": 3}, variables{"number": "12", "floor": -1}, variables{"number": "Roof", "floor": nil},
			},
		}).mustSucceed(t)
		made, err := time.Parse(time.RFC3339Nano, at[string](t, r, "createBuilding.building.createdAt"))
		if age := time.Since(made).Abs(); err != nil || age > time.Hour {
			t.Errorf("created %v from now, %v", age, err)
		}
		r.expectData(t, "createBuilding.building.name", `"عمارة النيل`+"\u200f"+`"`)
		r.expectData(t, "createBuilding.building.address", `"7 Corniche"`)
		r.expectData(t, "createBuilding.building.viewerMembership.role", `"MANAGER"`)
		r.expectData(t, "createBuilding.building.viewerMembership.status", `"ACTIVE"`)
		r.expectData(t, "createBuilding.viewer.memberships.0.building.id", asText(t, r.lookup("createBuilding.building.id")))
		var doors, kinds []string
		for _, one := range objects(at[any](t, r, "createBuilding.building.apartments.nodes")) {
			doors = append(doors, fmt.Sprint(one["number"], "/", one["floor"]))
		}
		for _, one := range objects(at[any](t, r, "createBuilding.building.viewerRooms.nodes")) {
			kinds = append(kinds, one["kind"].(string))
		}
		if joined(doors) != "3B/3 12/-1 Roof/<nil>" {
			t.Errorf("the apartments, in their order, are %q", doors)
		}
		if len(kinds) != 2 || !strings.Contains(joined(kinds), "COMMUNITY") || !strings.Contains(joined(kinds), "ANNOUNCEMENTS") {
			t.Errorf("the rooms are %v", kinds)
		}

		// The least that a building needs is a name.
		r = s.createBuilding(t, founder.token, variables{"name": "B"}).mustSucceed(t)
		r.expectData(t, "createBuilding.building.address", `""`)
		r.expectData(t, "createBuilding.building.apartments.nodes", `[]`)
	})
}

func TestCreateBuildingRefuses(t *testing.T) {
	t.Parallel()
	doors := func(numbers ...string) []any { return doorsOf(numbers) }
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		founder := s.mustComeBy(t)
		for _, c := range []struct {
			changes     variables
			code, field string
		}{
			{variables{"name": ""}, "REQUIRED", "input.name"},
			{variables{"name": " \t\u00a0"}, "REQUIRED", "input.name"},
			{variables{"name": "a\nb"}, "INVALID_INPUT", "input.name"},
			{variables{"name": "a\x00b"}, "INVALID_INPUT", "input.name"},
			{variables{"name": "\u200f"}, "INVALID_INPUT", "input.name"},
			{variables{"name": longText(101)}, "INVALID_INPUT", "input.name"},
			{variables{"address": "a\x00b"}, "INVALID_INPUT", "input.address"},
			{variables{"address": longText(301)}, "INVALID_INPUT", "input.address"},
			{variables{"apartments": doors("1", "")}, "REQUIRED", "input.apartments.1.number"},
			{variables{"apartments": doors(" ")}, "REQUIRED", "input.apartments.0.number"},
			{variables{"apartments": doors("1", "2", "3\x00")}, "INVALID_INPUT", "input.apartments.2.number"},
			{variables{"apartments": doors(longText(21))}, "INVALID_INPUT", "input.apartments.0.number"},
			{variables{"apartments": []any{variables{"number": "1", "floor": 1001}}}, "INVALID_INPUT", "input.apartments.0.floor"},
			{variables{"apartments": []any{variables{"number": "1", "floor": -1001}}}, "INVALID_INPUT", "input.apartments.0.floor"},
			{variables{"apartments": []any{variables{"number": "1", "floor": 1 << 31}}}, "BAD_REQUEST", ""},
			{variables{"apartments": doors(manyNumbers(1001)...)}, "TOO_LARGE", "input.apartments"},
			{variables{"name": nil}, "BAD_REQUEST", ""},
			{variables{"address": nil}, "BAD_REQUEST", ""},
			{variables{"apartments": nil}, "BAD_REQUEST", ""},
			// The same number twice, however it is spelled.
			{variables{"apartments": doors("1", "1")}, "INVALID_INPUT", "input.apartments.1.number"},
			{variables{"apartments": doors("3B", "4", "3b")}, "INVALID_INPUT", "input.apartments.2.number"},
			{variables{"apartments": doors("13", "١٣")}, "INVALID_INPUT", "input.apartments.1.number"},
			{variables{"apartments": doors("13", "۱۳")}, "INVALID_INPUT", "input.apartments.1.number"},
			{variables{"apartments": doors("13", "１３")}, "INVALID_INPUT", "input.apartments.1.number"},
			{variables{"apartments": doors("13", "13\u200f")}, "INVALID_INPUT", "input.apartments.1.number"},
			{variables{"apartments": doors("A 1", "a\u00a0 1")}, "INVALID_INPUT", "input.apartments.1.number"},
			{variables{"apartments": doors("é", "e\u0301")}, "INVALID_INPUT", "input.apartments.1.number"},
		} {
			input := variables{"name": "Nile View"}.with(c.changes)
			r := s.createBuilding(t, founder.token, input)
			if r.code() != c.code || r.field() != c.field {
				t.Errorf("%.60q: got %q %q, want %q %q", fmt.Sprint(c.changes), r.code(), r.field(), c.code, c.field)
			}
		}
		s.run(t, founder.token, `{ viewer { memberships { id } rooms { nodes { id } } } }`, nil).
			expectData(t, "viewer", `{"memberships": [], "rooms": {"nodes": []}}`)
	})
}

// manyNumbers gives the numbers of n doors.
func manyNumbers(n int) []string {
	numbers := make([]string, n)
	for i := range numbers {
		numbers[i] = fmt.Sprint(i + 1)
	}
	return numbers
}

// What is at a limit is within.
func TestCreateBuildingAtTheLimits(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		founder := s.mustComeBy(t)
		var doors []any
		for i, number := range manyNumbers(1000) {
			doors = append(doors, variables{"number": number, "floor": 2*i - 1000})
		}
		doors[999] = variables{"number": longText(20), "floor": 1000}
		r := s.createBuilding(t, founder.token, variables{
			"name": longText(100), "address": longText(300), "apartments": doors,
		}).mustSucceed(t)
		if n := len(s.mustWalk(t, founder.token, r.lookup("createBuilding.building.id").(string), "apartments", 100)); n != 1000 {
			t.Errorf("%d apartments are listed", n)
		}
	})
}

const updateBuildingDocument = `mutation Update($input: UpdateBuildingInput!) {
	updateBuilding(input: $input) { building { name address } }
}`

// What is left out stays, null and "" clear what may be empty.
func TestUpdateBuilding(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b, other := s.mustBuild(t), s.mustBuild(t)
		for _, step := range []struct {
			changes variables
			want    string
		}{
			{nil, `{"name": "Nile View", "address": "7 Corniche"}`},
			{variables{"name": " Nile\u00a0Tower "}, `{"name": "Nile` + "\u00a0" + `Tower", "address": "7 Corniche"}`},
			{variables{"name": "N", "address": "عنوان"}, `{"name": "N", "address": "عنوان"}`},
			{variables{"address": nil}, `{"name": "N", "address": ""}`},
			{variables{"address": "8 Corniche"}, `{"name": "N", "address": "8 Corniche"}`},
			{variables{"address": "  "}, `{"name": "N", "address": ""}`},
		} {
			s.run(t, b.manager.token, updateBuildingDocument, variables{"input": step.changes.with(variables{"building": b.id})}).
				expectData(t, "updateBuilding.building", step.want)
			s.run(t, b.manager.token, `query($id: ID!) { building(id: $id) { name address } }`, variables{"id": b.id}).
				expectData(t, "building", step.want)
		}
		for _, c := range []struct {
			changes     variables
			code, field string
		}{
			{variables{"name": nil}, "INVALID_INPUT", "input.name"},
			{variables{"name": ""}, "REQUIRED", "input.name"},
			{variables{"name": longText(101), "address": "x"}, "INVALID_INPUT", "input.name"},
			{variables{"name": "x", "address": "\x00"}, "INVALID_INPUT", "input.address"},
			{variables{"name": "x", "building": b.community}, "NOT_FOUND", "input.building"},
			// The row of the building, and yet no building.
			{variables{"name": "x", "building": "room" + strings.TrimPrefix(b.id, "building")}, "NOT_FOUND", "input.building"},
		} {
			s.run(t, b.manager.token, updateBuildingDocument, variables{"input": variables{"building": b.id}.with(c.changes)}).
				expectCode(t, c.code, c.field)
		}
		s.run(t, b.manager.token, `query($id: ID!) { building(id: $id) { name address } }`, variables{"id": b.id}).
			expectData(t, "building", `{"name": "N", "address": ""}`)
		s.run(t, other.manager.token, `query($id: ID!) { building(id: $id) { name address } }`, variables{"id": other.id}).
			expectData(t, "building", `{"name": "Nile View", "address": "7 Corniche"}`)

		s.expectNoNewAct(t, b, "what changes nothing", func() {
			s.run(t, b.manager.token, updateBuildingDocument, variables{"input": variables{"building": b.id, "name": " N ", "address": ""}}).mustSucceed(t)
		})
	})
}

// Who sees the building and does not manage it hears so; to others there is none.
func TestUpdateBuildingByOthers(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t)
		banned, ended := s.mustMoveIn(t, b), s.mustMoveIn(t, b)
		s.change(t, b.manager.token, "banMember", banned.membership).mustSucceed(t)
		s.change(t, ended.token, "endMembership", ended.membership).mustSucceed(t)
		for who, c := range map[string]struct{ token, code string }{
			"a resident":            {s.mustMoveIn(t, b).token, "FORBIDDEN"},
			"who asks to be one":    {s.mustAsk(t, b).token, "FORBIDDEN"},
			"who is banned":         {banned.token, "NOT_FOUND"},
			"who left":              {ended.token, "NOT_FOUND"},
			"a stranger":            {s.mustBuild(t).manager.token, "NOT_FOUND"},
			"nobody with a session": {"", "UNAUTHENTICATED"},
		} {
			r := s.run(t, c.token, updateBuildingDocument, variables{"input": variables{"building": b.id, "name": "Mine"}})
			if r.code() != c.code {
				t.Errorf("%s: got %v, want %s", who, r, c.code)
			}
		}
		s.run(t, b.manager.token, `query($id: ID!) { building(id: $id) { name } }`, variables{"id": b.id}).
			expectData(t, "building.name", `"Nile View"`)
	})
}

// Each field of one mutation answers as things are after it.
func TestSeveralChangesInOneMutation(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t, "1", "2")
		r := s.run(t, b.manager.token, `mutation Two($building: ID!, $me: ID!, $one: [ID!]!, $two: [ID!]!) {
			a: updateBuilding(input: {building: $building, name: "A"}) { building { viewerMembership { building { name } } } }
			b: updateBuilding(input: {building: $building, name: "B"}) { building { viewerMembership { building { name } } } }
			c: setMemberApartments(membership: $me, apartments: $one) { membership { apartments { number } } }
			d: setMemberApartments(membership: $me, apartments: $two) { membership { apartments { number } } }
		}`, variables{
			"building": b.id, "me": b.manager.membership,
			"one": []string{b.apartments["1"]}, "two": []string{b.apartments["2"]},
		}).mustSucceed(t)
		r.expectData(t, "a.building.viewerMembership.building.name", `"A"`)
		r.expectData(t, "b.building.viewerMembership.building.name", `"B"`)
		r.expectData(t, "c.membership.apartments", `[{"number": "1"}]`)
		r.expectData(t, "d.membership.apartments", `[{"number": "2"}]`)
	})
}
