package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// everything selects all that is below a type and reads the same for everyone: by the
// schema's rule, what does not begin with "viewer". A type that is on the way already
// is named alone.
func everything(schema *ast.Schema, name string, way ...string) string {
	var b strings.Builder
	b.WriteString("{ __typename")
	for _, f := range schema.Types[name].Fields {
		if one := selectionOf(schema, f, append(slices.Clone(way), name)...); one != "" {
			b.WriteString(" " + one)
		}
	}
	return b.String() + " }"
}

// selectionOf selects a field and all that is below; "" where it may read differently
// to different people, or wants arguments.
func selectionOf(schema *ast.Schema, f *ast.FieldDefinition, way ...string) string {
	below, text := f.Type.Name(), f.Name
	if f.Arguments.ForName("first") != nil {
		text += "(first: 2)"
	}
	kind := schema.Types[below].Kind
	switch {
	case strings.HasPrefix(f.Name, "viewer"), strings.HasPrefix(f.Name, "__"),
		f.Arguments.ForName("seq") != nil, f.Name == "events": // they need one
		return ""
	case kind == ast.Scalar, kind == ast.Enum:
		return text
	case slices.Contains(way, below), len(way) > 3:
		return text + " { __typename }"
	}
	return text + " " + everything(schema, below, way...)
}

// What an entry leads to reads the same to a resident, a manager and a newcomer, over
// a stream, whose entries are rendered once for all of them, as in a query of their
// own.
func TestEntriesReadTheSameToAll(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../schema.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: string(text)})
	// One selection for each field of what an entry names: some of them are rendered
	// once for all, and some for each.
	var selections []string
	for _, f := range schema.Types["RoomEvent"].Fields {
		below := schema.Types[f.Type.Name()]
		if below.Kind != ast.Object {
			selections = append(selections, "{ seq "+f.Name+" }")
			continue
		}
		for _, g := range below.Fields {
			if one := selectionOf(schema, g, "RoomEvent", below.Name); one != "" {
				selections = append(selections, "{ seq "+f.Name+" { "+one+" } }")
			}
		}
	}
	if len(selections) < 40 {
		t.Fatalf("only %d selections: %v", len(selections), selections)
	}
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 1)
		s.mustGiveApartment(t, h, h.residents[0], h.apartments[0])
		s.send(t, h.residents[0].token, variables{"room": h.community, "key": "k", "text": "Salam", "apartment": h.apartments[0]}).mustSucceed(t)
		newcomer := s.mustEnter(t, s.mustMeet(t, 3)[2], h.openCode)
		readers := []dweller{h.manager, h.residents[0], newcomer}
		_, last := s.mustStand(t, h.manager.token, h.community)

		c := map[string]*socket{}
		for _, who := range readers {
			c[who.id] = s.openSocket(t, who.token)
		}
		for _, selection := range selections {
			var want []string
			for i, who := range readers {
				r := s.run(t, who.token, `query($room: ID!) { room(id: $room) { events(after: 0, first: 9) { nodes `+selection+` } } }`,
					variables{"room": h.community}).mustSucceed(t)
				var asked []string
				for _, node := range objects(at[any](t, r, "room.events.nodes")) {
					asked = append(asked, asText(t, node))
				}
				if i == 0 {
					want = asked
				}
				if !slices.Equal(asked, want) || len(asked) != last {
					t.Errorf("a query of %s's for %s gives\n%s\nand not\n%s", who.name, selection, asked, want)
				}
			}
			for _, who := range readers {
				st := c[who.id].subscribe(t, `subscription($room: ID!) { roomEvents(room: $room, after: 0) { ... on RoomEvent `+selection+` } }`,
					variables{"room": h.community})
				for _, entry := range want {
					r := st.hear(t).result().mustSucceed(t)
					if got := asText(t, r.lookup("roomEvents")); got != entry {
						t.Errorf("%s hears of %s\n%s\nand not\n%s", who.name, selection, got, entry)
					}
				}
				c[who.id].complete(t, st)
			}
		}
	})
}
