package e2e

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
)

// way is how people reach an object of a type, to read its fields.
type way struct {
	typ, on string
	// document reads it, with the fields in the place of %s; $id names the thing.
	document string
	// find gives the object in the answer; nil where it is not there.
	find func(r result, st *stage) any
	// own is for objects that are other ones for each role.
	own bool
}

func byNode(typ, on string) way {
	return way{
		typ: typ, on: on, document: `query($id: ID!) { node(id: $id) { ... on ` + typ + ` { %s } } }`,
		find: func(r result, _ *stage) any { return r.lookup("node") },
	}
}

// byMembership reaches things by one's own membership in the building, which one
// reads whatever has become of it; with no path, that itself.
func byMembership(typ, on, document, path string) way {
	return way{
		typ: typ, on: on, own: path == "",
		document: `{ viewer { memberships { in: building { id } ` + document + ` } } }`,
		find: func(r result, st *stage) any {
			memberships, _ := r.lookup("viewer.memberships").([]any)
			for _, m := range memberships {
				membership := result{data: m}
				switch {
				case membership.lookup("in.id") != st.ids["the building"]:
				case path == "":
					return m
				default:
					return membership.lookup(path)
				}
			}
			return nil
		},
	}
}

var ways = []way{
	byNode("User", "a resident"),
	{
		typ: "Viewer", on: "oneself", document: `{ viewer { %s } }`, own: true,
		find: func(r result, _ *stage) any { return r.lookup("viewer") },
	},
	{
		typ: "Session", on: "one's own", document: `{ viewer { sessions { %s } } }`, own: true,
		find: func(r result, _ *stage) any { return r.lookup("viewer.sessions.0") },
	},
	{
		typ: "DataExport", on: "one's own", document: `{ viewer { dataExports { %s } } }`, own: true,
		find: func(r result, _ *stage) any {
			all, _ := r.lookup("viewer.dataExports").([]any)
			if len(all) == 0 {
				return nil
			}
			return all[len(all)-1]
		},
	},
	byNode("Building", "the building"),
	byMembership("Building", "one's own membership's", `building { %s }`, "building"),
	{
		typ: "ManagedBuilding", on: "the building", document: `query($id: ID!) { building(id: $id) { viewerManaged { %s } } }`,
		find: func(r result, _ *stage) any { return r.lookup("building.viewerManaged") },
	},
	byMembership("ManagedBuilding", "one's own membership's", `building { viewerManaged { %s } }`, "building.viewerManaged"),
	byNode("Apartment", "a lived-in apartment"),
	byMembership("Apartment", "one's own membership's, asked for", `claimedApartment { %s }`, "claimedApartment"),
	byNode("Membership", "the membership of a resident"),
	byNode("Membership", "the membership of a pending person"),
	byMembership("Membership", "one's own membership", `%s`, ""),
	byNode("Invitation", "an invitation for an apartment"),
	byNode("Room", "COMMUNITY"),
	byNode("Room", "a direct room"),
	byNode("Message", "a message in COMMUNITY"),
	byNode("Message", "an answer in COMMUNITY"),
	byNode("Message", "a deleted message"),
	byNode("Message", "the message of a poll of apartments"),
	byNode("Message", "the message of a notice"),
	byNode("Poll", "a poll of apartments"),
	byNode("Notice", "a notice"),
	byNode("RoomParticipant", "a resident's place in COMMUNITY"),
	byNode("AuditEntry", "an entry of the audit log"),
	byNode("Report", "a report"),
	byNode("Attachment", "an attachment in COMMUNITY"),
}

// neededArguments are those that fields cannot be read without.
var neededArguments = map[string]string{
	"ManagedBuilding.members": "(status: ACTIVE)",
	"Room.messagesAround":     "(seq: 1)",
	"Room.events":             "(after: 0)",
}

// selection reads a field under the name f_NAME, and of what it gives what tells
// one from another.
func (p *player) selection(field string) string {
	typ, name, _ := strings.Cut(field, ".")
	f := p.contract.Types[typ].Fields.ForName(name)
	return "f_" + name + ": " + name + neededArguments[field] + p.within(f.Type.Name())
}

func (p *player) within(typ string) string {
	def := p.contract.Types[typ]
	if def.Kind != ast.Object && def.Kind != ast.Interface {
		if def.Kind == ast.Union {
			return " { __typename }"
		}
		return ""
	}
	if def.Fields.ForName("id") != nil {
		return " { id }"
	}
	if nodes := def.Fields.ForName("nodes"); nodes != nil {
		return " { nodes" + p.within(nodes.Type.Name()) + " }"
	}
	leaves := ""
	for _, f := range def.Fields {
		if p.contract.Types[f.Type.Name()].IsLeafType() && !strings.HasPrefix(f.Name, "viewer") {
			leaves += " " + f.Name
		}
	}
	return " { __typename" + leaves + " }"
}

// playFields plays the rows of the fields of Node types and of ManagedBuilding.
// Fields that do not depend on who asks read the same for all who may read them.
func (p *player) playFields(t *testing.T, rows []permission) {
	covered := map[string]bool{}
	for _, w := range ways {
		var of []permission
		for _, row := range rows {
			if typ, _ := row.of(); typ == w.typ && row.on == w.on {
				of = append(of, row)
				covered[row.field+row.on] = true
			}
		}
		if len(of) == 0 {
			t.Errorf("%s on %s is read and has no rows", w.typ, w.on)
		}
		got := make([][]string, len(of))
		told := make([][]result, len(of))
		values := make([][]any, len(of))
		for _, role := range roles {
			for i, one := range p.read(t, w, of, role) {
				got[i] = append(got[i], one.word)
				told[i] = append(told[i], one.told)
				if one.word == "ok" {
					values[i] = append(values[i], one.value)
				}
			}
		}
		for i, row := range of {
			p.report(t, row, got[i], told[i])
			if _, name := row.of(); w.own || strings.HasPrefix(name, "viewer") {
				continue
			}
			for _, value := range values[i] {
				if !reflect.DeepEqual(value, values[i][0]) {
					t.Errorf("%s:%d: %s on %s is not the same for all: %v and %v",
						permissionsFile, row.line, row.field, row.on, values[i][0], value)
				}
			}
		}
	}
	for _, row := range rows {
		if !row.isRoot() && !covered[row.field+row.on] {
			t.Errorf("%s:%d: nothing reaches %s on %s: add it to ways", permissionsFile, row.line, row.field, row.on)
		}
	}
}

// reading is what a role got of a field.
type reading struct {
	word  string
	value any
	told  result
}

// read reads the fields of rows for a role: all at once and, where that fails, one
// by one.
func (p *player) read(t *testing.T, w way, rows []permission, role string) []reading {
	t.Helper()
	fields := ""
	for _, row := range rows {
		fields += p.selection(row.field) + " "
	}
	r := p.s.run(t, p.token(role), fmt.Sprintf(w.document, fields), variables{"id": p.stage.id(w.on, role)})
	if len(r.errors) > 0 && len(rows) > 1 {
		var all []reading
		for i := range rows {
			all = append(all, p.read(t, w, rows[i:i+1], role)...)
		}
		return all
	}
	object, _ := w.find(r, p.stage).(map[string]any)
	all := make([]reading, len(rows))
	for i, row := range rows {
		_, name := row.of()
		value := object["f_"+name]
		all[i] = reading{word(value), value, r}
		switch {
		case r.code() == "BAD_REQUEST":
			t.Fatalf("%s:%d: %s cannot be read so: %v", permissionsFile, row.line, row.field, r)
		case len(r.errors) > 0 && slices.Contains(r.errors[0].Path, any("f_"+name)):
			all[i].word = r.code()
		case object == nil:
			all[i].word = "-"
		}
	}
	return all
}
