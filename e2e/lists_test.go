package e2e

import (
	"fmt"
	"slices"
	"testing"
)

// lists are the lists of a building: what reads a page of each, with the arguments'
// place.
var lists = map[string]string{
	"apartments":          `apartments%s { ...page }`,
	"members":             `members%s { ...page }`,
	"viewerRooms":         `viewerRooms%s { ...page }`,
	"managed members":     `viewerManaged { members%s { ...page } }`,
	"managed invitations": `viewerManaged { invitations%s { ...page } }`,
	"auditLog":            `viewerManaged { auditLog%s { ...page } }`,
}

// listTypes are the types of their pages.
var listTypes = map[string]string{
	"apartments": "Apartment", "members": "Membership", "viewerRooms": "Room", "managed members": "Membership",
	"managed invitations": "Invitation", "auditLog": "AuditEntry",
}

// listDocument reads a page of a list.
func listDocument(list string) string {
	arguments := `(first: $first, after: $after)`
	if list == "managed members" {
		arguments = `(status: ACTIVE, first: $first, after: $after)`
	}
	return fmt.Sprintf(`query Page($id: ID!, $first: Int! = 50, $after: Cursor) { building(id: $id) { `+lists[list]+` } }
	fragment page on %sConnection {
		edges { cursor node { id } } nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
	}`, arguments, listTypes[list])
}

// page is a page of a list that was found in an answer.
type page struct {
	ids, cursors []string
	info         map[string]any
}

// mustReadPage reads a page of a building's list, and demands that its parts agree.
func (s *server) mustReadPage(t *testing.T, token, building, list string, v variables) page {
	t.Helper()
	r := s.run(t, token, listDocument(list), v.with(variables{"id": building})).mustSucceed(t)
	found := pageIn(at[map[string]any](t, r, "building"))
	if found == nil {
		t.Fatalf("no page of %s: %v", list, r)
	}
	p := page{info: found["pageInfo"].(map[string]any)}
	for i, edge := range objects(found["edges"]) {
		id := edge["node"].(map[string]any)["id"]
		if id != objects(found["nodes"])[i]["id"] {
			t.Errorf("%s: edges and nodes differ: %v", list, r)
		}
		p.ids = append(p.ids, id.(string))
		p.cursors = append(p.cursors, edge["cursor"].(string))
	}
	var start, end any
	if n := len(p.ids); n > 0 {
		start, end = p.cursors[0], p.cursors[n-1]
	}
	if p.info["startCursor"] != start || p.info["endCursor"] != end || len(objects(found["nodes"])) != len(p.ids) {
		t.Errorf("%s: the page's info does not fit it: %v", list, r)
	}
	return p
}

// pageIn finds the one page below an object.
func pageIn(object map[string]any) map[string]any {
	if object["pageInfo"] != nil {
		return object
	}
	for _, child := range object {
		if child, ok := child.(map[string]any); ok {
			return pageIn(child)
		}
	}
	return nil
}

// mustWalk reads a building's list from start to end, in pages of a size.
func (s *server) mustWalk(t *testing.T, token, building, list string, size int) []string {
	t.Helper()
	var all []string
	v := variables{"first": size}
	for {
		p := s.mustReadPage(t, token, building, list, v)
		all = append(all, p.ids...)
		if p.info["hasPreviousPage"] != (v["after"] != nil) {
			t.Errorf("%s: hasPreviousPage is %v after %v", list, p.info["hasPreviousPage"], v["after"])
		}
		if p.info["hasNextPage"] == false {
			return all
		}
		if len(p.ids) != size {
			t.Fatalf("%s: a page of %d has %d entries, and another comes after it", list, size, len(p.ids))
		}
		v["after"] = p.info["endCursor"]
	}
}

// A walk gives each entry once, in the same order, whatever the size of its pages.
func TestListsOfABuilding(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t, "1", "2", "3", "4", "5")
		want := map[string]int{
			"apartments": 5, "members": 3, "viewerRooms": 2, "managed members": 3, "managed invitations": 2,
			"auditLog": 6, // the building, two invitations, two joins, one request
		}
		s.mustMoveIn(t, b)
		s.mustMoveIn(t, b)
		s.mustAsk(t, b)
		for list, n := range want {
			whole := s.mustWalk(t, b.manager.token, b.id, list, 100)
			distinct := slices.Compact(slices.Sorted(slices.Values(whole)))
			if len(whole) != n || len(distinct) != n {
				t.Errorf("%s has %d entries, want %d: %v", list, len(whole), n, whole)
			}
			for _, size := range []int{1, 2, n} {
				if got := s.mustWalk(t, b.manager.token, b.id, list, size); !slices.Equal(got, whole) {
					t.Errorf("%s in pages of %d: got %v, want %v", list, size, got, whole)
				}
			}
		}
	})
}

// Entries that come and go between two pages neither hide others nor show them
// twice.
func TestListsThatChangeMeanwhile(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t, "1", "2", "3", "4")
		first := s.mustReadPage(t, b.manager.token, b.id, "apartments", variables{"first": 2})
		s.run(t, b.manager.token, removeApartmentDocument, variables{"id": first.ids[1]}).mustSucceed(t)
		s.addApartments(t, b.manager.token, b, "5").mustSucceed(t)
		rest := s.mustReadPage(t, b.manager.token, b.id, "apartments", variables{"after": first.info["endCursor"]})
		if len(rest.ids) != 3 || rest.ids[0] != b.apartments["3"] || rest.ids[1] != b.apartments["4"] {
			t.Errorf("after 2 come %v of %v", rest.ids, b.apartments)
		}

		// The newest come first in a log: what is written meanwhile is before.
		log := s.mustWalk(t, b.manager.token, b.id, "auditLog", 100)
		newest := s.mustReadPage(t, b.manager.token, b.id, "auditLog", variables{"first": 1})
		s.mustInvite(t, b, nil)
		older := s.mustReadPage(t, b.manager.token, b.id, "auditLog", variables{"after": newest.info["endCursor"]})
		if !slices.Equal(older.ids, log[1:]) {
			t.Errorf("after %v come %v, want %v", newest.ids, older.ids, log[1:])
		}
	})
}

func TestPagesThatCannotBe(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t)
		for list := range lists {
			for _, c := range []struct {
				v           variables
				code, field string
			}{
				{variables{"first": 0}, "INVALID_INPUT", "first"},
				{variables{"first": -1}, "INVALID_INPUT", "first"},
				{variables{"first": 101}, "TOO_LARGE", "first"},
				{variables{"first": nil}, "BAD_REQUEST", ""},
				{variables{"after": ""}, "INVALID_INPUT", "after"},
				{variables{"after": "0"}, "INVALID_INPUT", "after"},
				{variables{"after": "no cursor"}, "INVALID_INPUT", "after"},
				{variables{"after": b.id}, "INVALID_INPUT", "after"},
				{variables{"after": longText(10_000)}, "INVALID_INPUT", "after"},
				{variables{"after": 1}, "BAD_REQUEST", ""},
				// A cursor of another list, or of a thing that is gone, is one.
				{variables{"after": "AA"}, "", ""},
				{variables{"after": "__________9_AZNjnNxzcoWQBPSrpfFQ7w"}, "", ""},
			} {
				r := s.run(t, b.manager.token, listDocument(list), c.v.with(variables{"id": b.id}))
				if r.code() != c.code || r.field() != c.field {
					t.Errorf("%s, %.60v: got %q %q, want %q %q", list, c.v, r.code(), r.field(), c.code, c.field)
				}
			}
		}
	})
}

func TestViewerMembershipsAndRooms(t *testing.T) {
	t.Parallel()
	const document = `query Mine($first: Int! = 50, $after: Cursor) { viewer {
		memberships { status building { id name address createdAt members { nodes { id } } } }
		rooms(first: $first, after: $after) { edges { cursor } nodes { id building { id } } pageInfo { hasNextPage endCursor } }
	} }`
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		who := s.mustComeBy(t)
		own := s.mustBuildAs(t, who)
		left, asked, banned := s.mustBuild(t), s.mustBuild(t), s.mustBuild(t)
		s.change(t, who.token, "endMembership", s.mustJoin(t, who, left.open).membership).mustSucceed(t)
		s.mustJoin(t, who, asked.closed)
		s.change(t, banned.manager.token, "banMember", s.mustJoin(t, who, banned.open).membership).mustSucceed(t)

		r := s.run(t, who.token, document, nil).mustSucceed(t)
		for i, want := range []struct {
			in     building
			status string
		}{{own, "ACTIVE"}, {left, "ENDED"}, {asked, "PENDING"}, {banned, "BANNED"}} {
			path := fmt.Sprintf("viewer.memberships.%d", i)
			r.expectData(t, path+".status", `"`+want.status+`"`)
			r.expectData(t, path+".building.id", `"`+want.in.id+`"`)
			r.expectData(t, path+".building.name", `"Nile View"`)
			if active := want.status == "ACTIVE"; (r.lookup(path+".building.createdAt") != nil) != active ||
				(r.lookup(path+".building.members") != nil) != active {
				t.Errorf("%s: got %v", want.status, r.lookup(path))
			}
		}
		if n := len(at[[]any](t, r, "viewer.memberships")); n != 4 {
			t.Errorf("%d memberships", n)
		}

		// The room that moved last comes first.
		second := s.mustBuildAs(t, who)
		s.mustMoveIn(t, own)
		r = s.run(t, who.token, document, nil).mustSucceed(t)
		var in []string
		for _, room := range objects(at[any](t, r, "viewer.rooms.nodes")) {
			in = append(in, room["building"].(map[string]any)["id"].(string))
		}
		if want := []string{own.id, own.id, second.id, second.id}; !slices.Equal(in, want) {
			t.Errorf("the rooms are of %v, want %v", in, want)
		}
		var walked []any
		v := variables{"first": 1}
		for range 4 {
			r := s.run(t, who.token, document, v).mustSucceed(t)
			walked = append(walked, r.lookup("viewer.rooms.nodes.0"))
			v["after"] = r.lookup("viewer.rooms.pageInfo.endCursor")
			if more := r.lookup("viewer.rooms.pageInfo.hasNextPage"); more != (len(walked) < 4) {
				t.Errorf("after %d of 4 rooms hasNextPage is %v", len(walked), more)
			}
		}
		if asText(t, walked) != asText(t, r.lookup("viewer.rooms.nodes")) {
			t.Errorf("one by one: got %v, want %v", walked, r)
		}
	})
}
