package graph

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// overlapSchema has for each way in which types may differ fields of one name.
var overlapSchema = gqlparser.MustLoadSchema(&ast.Source{Input: `
	type Query { dog: Dog pet: Pet both: Both pets: [Pet!]! a(i: Int o: In l: [Int]): Int node: Node thing: Thing }
	interface Node { id: ID! node: Node n(i: Int o: In l: [Int]): Int }
	interface Pet implements Node { id: ID! node: Node n(i: Int o: In l: [Int]): Int name: String friend: Pet friends: [Pet] }
	type Dog implements Pet & Node {
		id: ID! node: Node n(i: Int o: In l: [Int]): Int name: String nick: String friend: Pet friends: [Pet]
		doesKnowCommand(dogCommand: Command!): Boolean! barkVolume: Int volume: Int! list: [Int] kind: Kind extra: Extra other: Cat some: [Cat]
	}
	type Cat implements Pet & Node {
		id: ID! node: Node n(i: Int o: In l: [Int]): Int name: String nick: String! friend: Pet friends: [Pet]
		meowVolume: Int volume: Int list: [Int!] kind: String extra: [Extra] other: Dog some: Dog
	}
	type Box implements Node { id: ID! node: Node n(i: Int o: In l: [Int]): Int volume: Float list: Int kind: Kind extra: Extra other: Both some: [Pet] }
	type Extra { name: Int string: String dog: Dog pet: Pet both: Both }
	union Both = Dog | Cat
	union Thing = Dog | Box | Extra
	input In { x: Int y: Int in: In ins: [In] }
	enum Command { SIT HEEL }
	enum Kind { SMALL LARGE }
`})

// overlapErrors is what one rule alone says of a document.
func overlapErrors(rule core.RuleFunc, schema *ast.Schema, document *ast.QueryDocument) gqlerror.List {
	return validator.ValidateWithRules(schema, document, rules.NewRules(core.Rule{Name: "overlap", RuleFunc: rule}))
}

// gqlparserOverlaps is the rule that ours is in place of.
var gqlparserOverlaps = rules.OverlappingFieldsCanBeMergedRule.RuleFunc

// mustParse gives a document that is known to parse.
func mustParse(t testing.TB, document string) *ast.QueryDocument {
	t.Helper()
	parsed, err := parser.ParseQuery(&ast.Source{Input: document})
	if err != nil {
		t.Fatalf("the document does not parse: %v\n%s", err, document)
	}
	return parsed
}

// Each document is refused or not as the specification has it, and as gqlparser does
// but for the differences that are named.
func TestOverlappingFields(t *testing.T) {
	const call, shape = "they are not the same field with the same arguments", "they give values of different types"
	for _, c := range []struct {
		name, document string
		conflict, why  string // none where they may be merged
		differs        string // why gqlparser says otherwise
	}{
		// The examples of the specification's 5.3.2.
		{name: "mergeIdenticalFields", document: `{dog{name name}}`},
		{name: "mergeIdenticalAliasesAndFields", document: `{dog{otherName:name otherName:name}}`},
		{name: "conflictingBecauseAlias", document: `{dog{name:nick name}}`, conflict: "name", why: call},
		{name: "mergeIdenticalFieldsWithIdenticalArgs", document: `{dog{doesKnowCommand(dogCommand:SIT)doesKnowCommand(dogCommand:SIT)}}`},
		{name: "mergeIdenticalFieldsWithIdenticalValues", document: `query($c:Command!){dog{doesKnowCommand(dogCommand:$c)doesKnowCommand(dogCommand:$c)}}`},
		{name: "conflictingArgsOnValues", document: `{dog{doesKnowCommand(dogCommand:SIT)doesKnowCommand(dogCommand:HEEL)}}`, conflict: "doesKnowCommand", why: call},
		{name: "conflictingArgsValueAndVar", document: `query($c:Command!){dog{doesKnowCommand(dogCommand:SIT)doesKnowCommand(dogCommand:$c)}}`, conflict: "doesKnowCommand", why: call},
		{name: "conflictingArgsWithVars", document: `query($c:Command!$d:Command!){dog{doesKnowCommand(dogCommand:$c)doesKnowCommand(dogCommand:$d)}}`, conflict: "doesKnowCommand", why: call},
		{name: "differingArgs", document: `{a(i:1)a}`, conflict: "a", why: call},
		{name: "safeDifferingFields", document: `{pet{...on Dog{v:barkVolume}...on Cat{v:meowVolume}}}`},
		{name: "safeDifferingArgs", document: `{pet{...on Dog{n(i:1)}...on Cat{n(i:2)}}}`},
		{name: "conflictingDifferingResponses", document: `{pet{...on Dog{v:nick}...on Cat{v:meowVolume}}}`, conflict: "v", why: shape},

		{name: "order of arguments", document: `{a(i:1,l:[1])a(l:[1],i:1)}`},
		{name: "order of an input's fields", document: `{a(o:{x:1,in:{x:1,y:2}})a(o:{in:{y:2,x:1},x:1})}`},
		{name: "order of a list", document: `{a(l:[1,2])a(l:[2,1])}`, conflict: "a", why: call},
		{name: "an input's fields by another name", document: `{a(o:{x:1})a(o:{y:1})}`, conflict: "a", why: call},
		{name: "an input within, or beside", document: `{a(o:{in:{x:1},y:2})a(o:{in:{x:1,y:2}})}`, conflict: "a", why: call},
		{name: "kinds of a value", document: `{a(i:1)a(i:"1")}`, conflict: "a", why: call},
		{name: "aliases that cross", document: `{dog{name:nick nick:name}}`},
		{name: "an alias like a format", document: `{dog{x:name x:id}}`, conflict: "x", why: call},
		{name: "null or not", document: `{pet{...on Dog{volume}...on Cat{volume}}}`, conflict: "volume", why: shape},
		{name: "null or not in a list", document: `{pet{...on Dog{list}...on Cat{list}}}`, conflict: "list", why: shape},
		{name: "list or not", document: `{both{...on Dog{some{id}}...on Cat{some{id}}}}`, conflict: "some", why: shape},
		{name: "enum and text", document: `{both{...on Dog{kind}...on Cat{kind}}}`, conflict: "kind", why: shape},
		{name: "leaf and not", document: `{thing{...on Dog{v:name}...on Extra{v:dog{id}}}}`, conflict: "v", why: shape},
		{name: "composite types", document: `{both{...on Dog{other{id}}...on Cat{other{id}}}}`},
		{name: "shapes below composite types", document: `{both{...on Dog{other{v:id}}...on Cat{other{v:name}}}}`, conflict: "v", why: shape},
		{name: "other fields below other objects", document: `{both{...on Dog{other{v:name}}...on Cat{other{v:nick}}}}`},
		{name: "an interface with an object", document: `{pet{v:name ...on Dog{v:nick}}}`, conflict: "v", why: call},
		{name: "an interface with the second object", document: `{pet{...on Dog{n}v:n ...on Cat{v:meowVolume}}}`, conflict: "v", why: call},
		{name: "an interface below with two objects", document: `{pet{...on Dog{friend{v:n}}...on Cat{friend{v:n(i:1)}}}}`},
		{name: "an interface below with an interface and two objects", document: `{pet{friend{v:n}...on Dog{friend{v:n}}...on Cat{friend{v:n(i:1)}}}}`, conflict: "v", why: call},
		{name: "below fields of one name", document: `{dog{friend{v:name}}dog{friend{v:id}}}`, conflict: "v", why: call},
		{name: "through fragments", document: `{dog{...F ...G}}fragment F on Dog{friend{v:name}}fragment G on Pet{friend{...H}}fragment H on Node{v:id}`, conflict: "v", why: call},
		{name: "a fragment that nobody spreads", document: `{a}fragment F on Dog{v:name ...G}fragment G on Dog{v:id}`, conflict: "v", why: call},
		{
			name: "below a field of a fragment that nobody spreads", document: `{a}fragment F on Dog{friend{v:name v:id}}`, conflict: "v", why: call,
			differs: `of "Let set be any selection set defined in the GraphQL document", gqlparser leaves out those below fields that no operation has`,
		},
		{name: "one fragment below different objects", document: `{both{...on Dog{v:other{...F}}...on Cat{v:other{...F}}}}fragment F on Pet{name}`},
		{name: "a conflict in one fragment below different objects", document: `{both{...on Dog{v:other{...F}}...on Cat{v:other{...F}}}}fragment F on Pet{friend{v:n v:n(i:1)}}`, conflict: "v", why: call},
		{name: "a field that is none", document: `{dog{v:none v:name}}`},
		{name: "fields of a type that is none", document: `{...on None{v:none{a}v:__typename}...F}fragment F on None{a{b}}`},
		{name: "fields of a scalar", document: `{a{v:__typename v:none{c}}}`},
		{
			name: "__typename and text that may be null", document: `{both{...on Dog{v:nick}...on Cat{v:__typename}}}`, conflict: "v", why: shape,
			differs: `of the specification's 4.1, "The __typename meta-field has the type String!", gqlparser makes "String"`,
		},
		{
			name: "__typename and text that may not be null", document: `{both{...on Cat{v:nick}...on Dog{v:__typename}}}`,
			differs: `as above`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			parsed := mustParse(t, c.document)
			got := overlapErrors(overlappingFields, overlapSchema, parsed)
			if c.conflict == "" && len(got) > 0 {
				t.Errorf("refused: %v", got)
			}
			if want := fmt.Sprintf(`Fields "%s" conflict: %s. Use different aliases.`, c.conflict, c.why); c.conflict != "" && (len(got) != 1 || got[0].Message != want || len(got[0].Locations) != 1) {
				t.Errorf("got %v, want %s", got, want)
			}
			unknown := strings.Contains(c.document, "none")
			if agrees := (len(got) > 0) == (len(overlapErrors(gqlparserOverlaps, overlapSchema, parsed)) > 0); agrees != (c.differs == "") && !unknown {
				t.Errorf("gqlparser says the same: %v; but %q", agrees, c.differs)
			}
		})
	}
}

// A handful of conflicts is enough, and each is told once for all operations.
func TestOverlapTellsFewConflicts(t *testing.T) {
	t.Parallel()
	var conflicts strings.Builder
	for i := range 2 * maxConflicts {
		fmt.Fprintf(&conflicts, "a%d:name a%d:nick ", i, i)
	}
	if got := overlapErrors(overlappingFields, overlapSchema, mustParse(t, "{dog{"+conflicts.String()+"}}")); len(got) != maxConflicts {
		t.Errorf("%d conflicts", len(got))
	}
	if got := overlapErrors(overlappingFields, overlapSchema, mustParse(t, named(20)+"fragment F on Query{dog{v:name v:nick}}")); len(got) != 1 {
		t.Errorf("%d conflicts for one", len(got))
	}
}

// circles gives a document that has the same name below a circle of 2 fragments and of
// 3 and so on, so that what is merged repeats only after the product of the lengths.
func circles() string {
	var spreads, fragments strings.Builder
	for _, length := range []int{2, 3, 5, 7, 11, 13} {
		fmt.Fprintf(&spreads, "...f%d_0 ", length)
		for i := range length {
			fmt.Fprintf(&fragments, "fragment f%d_%d on Message{replyTo{...f%d_%d}}", length, i, length, (i+1)%length)
		}
	}
	return `{message(id:"x"){` + spreads.String() + "}}" + fragments.String()
}

// A client is told that a document that would take too long is too large.
func TestOverlapIsRefusedBeyondItsLimit(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeVerbs{})
	got := a.post(t, mustJSON(t, map[string]any{"query": circles()}))
	if !strings.Contains(got.body, "TOO_LARGE") || !strings.Contains(got.body, "overlap too much") {
		t.Errorf("it is not too large: %s", got.body)
	}
}

// branching gives a document of interfaces over two objects, level by level, where
// each choice of objects has fields of its own below: a set for each way down.
func branching(depth int) string {
	chain := func(n int) string { return strings.Repeat("node{", n) + "id" + strings.Repeat("}", n) }
	var b strings.Builder
	b.WriteString("{node{")
	for i := range depth {
		fmt.Fprintf(&b, "...on Dog{%s}...on Cat{%s}node{", chain(depth-i), chain(depth-i))
	}
	return b.String() + "id" + strings.Repeat("}", depth+2)
}

// No document makes the rule run long, whether other rules refuse it or not.
func TestOverlapEndsSoon(t *testing.T) {
	for _, c := range []struct {
		name     string
		document string
		schema   *ast.Schema
		exceeds  bool
	}{
		{"fragment on itself", `{dog{...F}}fragment F on Dog{friend{...F}...F}`, overlapSchema, false},
		{"fragments in a circle", `{dog{...F}}fragment F on Dog{friend{...G}}fragment G on Pet{...F friend{...F}}`, overlapSchema, false},
		{"fragments in a circle that nobody spreads", `{a}fragment F on Dog{friend{...G}}fragment G on Pet{...F friend{...F}}`, overlapSchema, false},
		{"fragments in circles of many lengths", circles(), testSchema, true},
		{"few objects below objects", branching(5), overlapSchema, false},
		{"objects below objects", branching(14), overlapSchema, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			parsed, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: c.document}, maxTokens)
			if err != nil {
				t.Fatal(err)
			}
			var got gqlerror.List
			took := time.Hour
			for range 3 {
				start := time.Now()
				got = overlapErrors(overlappingFields, c.schema, parsed)
				took = min(took, time.Since(start))
			}
			t.Log(took)
			// A machine that does much else needs ten times of what this takes by itself.
			if took > 2*time.Second {
				t.Errorf("it takes %v", took)
			}
			exceeds := slices.ContainsFunc(got, func(e *gqlerror.Error) bool { return strings.HasPrefix(e.Message, "exceeded ") })
			if exceeds != c.exceeds || len(got) > 1 {
				t.Errorf("got %v", got)
			}
		})
	}
}

// At the token limit, the rule alone takes no more than a few milliseconds. The bound
// is for slow machines that do much else; what it is to notice took minutes.
func TestOverlapIsQuickOnCostlyDocuments(t *testing.T) {
	for _, c := range costly {
		parsed, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: c.of(maxTokens)}, maxTokens)
		if err != nil {
			continue // it is refused before
		}
		took := time.Hour
		var got gqlerror.List
		for range 3 {
			start := time.Now()
			got = overlapErrors(overlappingFields, testSchema, parsed)
			took = min(took, time.Since(start))
		}
		if took > 2*time.Second {
			t.Errorf("%s takes %v", c.name, took)
		}
		if len(got) > 0 && strings.HasPrefix(got[0].Message, "exceeded ") {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// BenchmarkOverlap measures the rule, and the walk that all rules share, up to the limit.
func BenchmarkOverlap(b *testing.B) {
	for name, c := range map[string]struct {
		document string
		schema   *ast.Schema
	}{
		"circles":   {circles(), testSchema},
		"branching": {branching(14), overlapSchema},
	} {
		parsed := mustParse(b, c.document)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				overlapErrors(overlappingFields, c.schema, parsed)
			}
		})
	}
}

// literally is 5.3.2 as it is written, pair by pair: what ours is held against beside
// gqlparser's, which may be wrong.
type literally struct {
	schema *ast.Schema
	known  map[[3]any]bool
}

// merges is of a document that fits all other rules.
func (l literally) merges(d *ast.QueryDocument) bool {
	for _, o := range d.Operations {
		if !l.fieldsCanMerge(o.SelectionSet, nil) {
			return false
		}
	}
	for _, f := range d.Fragments {
		if !l.fieldsCanMerge(f.SelectionSet, nil) {
			return false
		}
	}
	return true
}

// once has a pair looked at once.
func (l literally) once(what string, a, b *ast.Field, look func() bool) bool {
	key := [3]any{what, a, b}
	is, known := l.known[key]
	if !known {
		is = look()
		l.known[key] = is
	}
	return is
}

// pairs tells whether all fields of one name in the merged sets fit each other.
func (l literally) pairs(a, b ast.SelectionSet, fit func(a, b *ast.Field) bool) bool {
	fields := append(expanded(a), expanded(b)...)
	for i, a := range fields {
		for _, b := range fields[i:] {
			if a.Alias == b.Alias && !fit(a, b) {
				return false
			}
		}
	}
	return true
}

// expanded gives the fields of a selection set and of its fragments.
func expanded(set ast.SelectionSet) []*ast.Field {
	var fields []*ast.Field
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			fields = append(fields, s)
		case *ast.InlineFragment:
			fields = append(fields, expanded(s.SelectionSet)...)
		case *ast.FragmentSpread:
			fields = append(fields, expanded(s.Definition.SelectionSet)...)
		}
	}
	return fields
}

// fieldsCanMerge is FieldsInSetCanMerge of two sets merged.
func (l literally) fieldsCanMerge(a, b ast.SelectionSet) bool {
	return l.pairs(a, b, func(a, b *ast.Field) bool {
		return l.once("merge", a, b, func() bool {
			if !l.sameShape(a, b) {
				return false
			}
			x, y := a.ObjectDefinition, b.ObjectDefinition
			if x != y && x.Kind == ast.Object && y.Kind == ast.Object {
				return true
			}
			return a.Name == b.Name && l.sameArguments(a.Arguments, b.Arguments) && l.fieldsCanMerge(a.SelectionSet, b.SelectionSet)
		})
	})
}

// sameShape is SameResponseShape.
func (l literally) sameShape(a, b *ast.Field) bool {
	return l.once("shape", a, b, func() bool {
		return l.sameTypes(a.Definition.Type, b.Definition.Type) && l.pairs(a.SelectionSet, b.SelectionSet, l.sameShape)
	})
}

// sameTypes is what SameResponseShape says of the types alone.
func (l literally) sameTypes(a, b *ast.Type) bool {
	if a.NonNull != b.NonNull || (a.Elem == nil) != (b.Elem == nil) {
		return false
	}
	if a.Elem != nil {
		return l.sameTypes(a.Elem, b.Elem)
	}
	return a.NamedType == b.NamedType || l.schema.Types[a.NamedType].IsCompositeType() && l.schema.Types[b.NamedType].IsCompositeType()
}

// sameArguments is of the few forms of arguments that documentFrom writes.
func (l literally) sameArguments(a, b ast.ArgumentList) bool {
	text := func(list ast.ArgumentList) string {
		var all []string
		for _, a := range list {
			value := a.Value.String()
			if value == "{y:1,x:1}" {
				value = "{x:1,y:1}"
			}
			all = append(all, a.Name+":"+value)
		}
		slices.Sort(all)
		return strings.Join(all, " ")
	}
	return text(a) == text(b)
}

// documentFrom writes a document for overlapSchema that mostly fits it. Without further
// choices it comes to an end.
type documentFrom struct {
	choices []byte
	text    strings.Builder
	schema  *ast.Schema
}

// deepest is how deep the selections of a random document nest.
const deepest = 6

// fragmentTypes are what a random document's fragments are on.
var fragmentTypes = []string{"Dog", "Pet", "Cat", "Both", "Node", "Thing", "Extra", "Box"}

// randomDocument writes a document as the choices say.
func randomDocument(choices []byte) string {
	d := &documentFrom{choices: choices, schema: overlapSchema}
	fragments := d.choose(6)
	on := make([]string, fragments)
	for i := range on {
		on[i] = fragmentTypes[d.choose(len(fragmentTypes))]
	}
	for i := range 1 + d.choose(8)/7 {
		fmt.Fprintf(&d.text, "query q%d", i)
		d.set(d.schema.Query, on, 0, 0)
	}
	for i, t := range on {
		fmt.Fprintf(&d.text, "fragment F%d on %s", i, t)
		d.set(d.schema.Types[t], on, i+1, 1)
	}
	return d.text.String()
}

// choose gives a number below n.
func (d *documentFrom) choose(n int) int {
	if len(d.choices) == 0 {
		return 0
	}
	c := d.choices[0]
	d.choices = d.choices[1:]
	return int(c) % n
}

// set writes selections of a type. Fragments from the given one on may be spread.
func (d *documentFrom) set(t *ast.Definition, on []string, from, depth int) {
	d.text.WriteString("{")
	for wrote := 0; wrote == 0 || wrote < 5 && d.choose(5) > 2; wrote++ {
		switch choice := d.choose(8); {
		case choice == 0 && depth < deepest:
			if c := fragmentTypes[d.choose(len(fragmentTypes))]; d.overlap(t, d.schema.Types[c]) {
				d.text.WriteString("...on " + c)
				d.set(d.schema.Types[c], on, from, depth+1)
				continue
			}
		case choice < 4 && t.Kind != ast.Object && depth < deepest:
			for _, object := range d.schema.GetPossibleTypes(t) {
				d.text.WriteString("...on " + object.Name)
				d.set(object, on, from, depth+1)
			}
			continue
		case choice == 4 && from < len(on):
			if i := from + d.choose(len(on)-from); d.overlap(t, d.schema.Types[on[i]]) {
				fmt.Fprintf(&d.text, "...F%d ", i)
				continue
			}
		}
		d.field(t, on, from, depth)
	}
	d.text.WriteString("}")
}

// overlap tells whether an object may be of both types.
func (d *documentFrom) overlap(a, b *ast.Definition) bool {
	for _, x := range d.schema.GetPossibleTypes(a) {
		if slices.Contains(d.schema.GetPossibleTypes(b), x) {
			return true
		}
	}
	return false
}

// likely are other names for fields that often, not always, make no conflict.
var likely = map[string]string{
	"nick": "name", "string": "name", "barkVolume": "volume", "meowVolume": "volume", "n": "volume",
	"other": "friend", "node": "friend", "dog": "friend", "some": "friends", "list": "l", "kind": "l",
}

// field writes a field. Only __typename is never called as another: gqlparser has it
// of the wrong type.
func (d *documentFrom) field(t *ast.Definition, on []string, from, depth int) {
	var fields []*ast.FieldDefinition
	for _, f := range t.Fields {
		if !strings.HasPrefix(f.Name, "__") && (depth < deepest || d.schema.Types[f.Type.Name()].IsLeafType()) {
			fields = append(fields, f)
		}
	}
	if len(fields) == 0 {
		d.text.WriteString("__typename ")
		return
	}
	f := fields[d.choose(len(fields))]
	if a := likely[f.Name]; a != "" && d.choose(3) == 0 {
		d.text.WriteString(a + ":")
	} else if d.choose(40) == 1 {
		d.text.WriteString("x:")
	}
	d.text.WriteString(f.Name)
	switch f.Name {
	case "doesKnowCommand":
		d.text.WriteString([]string{"(dogCommand:SIT)", "(dogCommand:HEEL)"}[d.choose(8)/7])
	case "n", "a":
		d.text.WriteString([]string{"", "", "", "", "", "", "", "", "(i:1)", "(i:2)", "(l:[1 2])", "(o:{x:1 y:1})", "(o:{y:1 x:1})", "(o:{x:2})", "(i:1 l:1)", "(l:1 i:1)"}[d.choose(16)])
	}
	if inner := d.schema.Types[f.Type.Name()]; inner.IsCompositeType() {
		d.set(inner, on, from, depth+1)
		return
	}
	d.text.WriteString(" ")
}

// withoutUnused leaves out the fragments that no operation spreads: below their fields
// gqlparser looks at nothing.
func withoutUnused(d *ast.QueryDocument) *ast.QueryDocument {
	used := map[*ast.FragmentDefinition]bool{}
	var mark func(ast.SelectionSet)
	mark = func(set ast.SelectionSet) {
		for _, s := range set {
			switch s := s.(type) {
			case *ast.Field:
				mark(s.SelectionSet)
			case *ast.InlineFragment:
				mark(s.SelectionSet)
			case *ast.FragmentSpread:
				if !used[s.Definition] {
					used[s.Definition] = true
					mark(s.Definition.SelectionSet)
				}
			}
		}
	}
	for _, o := range d.Operations {
		mark(o.SelectionSet)
	}
	rest := *d
	rest.Fragments = slices.DeleteFunc(slices.Clone(d.Fragments), func(f *ast.FragmentDefinition) bool { return !used[f] })
	return &rest
}

// FuzzOverlapAgreesWithGqlparser holds the rule against gqlparser's and against the
// specification's words, with documents that all other rules let pass.
func FuzzOverlapAgreesWithGqlparser(f *testing.F) {
	others := rules.NewDefaultRules()
	others.RemoveRule(rules.OverlappingFieldsCanBeMergedRule.Name)
	others.RemoveRule(rules.NoUnusedFragmentsRule.Name)
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		choices := make([]byte, random.IntN(160))
		for i := range choices {
			choices[i] = byte(random.Uint32())
		}
		f.Add(choices)
	}
	f.Fuzz(func(t *testing.T, choices []byte) {
		if len(choices) > 300 {
			return
		}
		document := randomDocument(choices)
		parsed := mustParse(t, document)
		if errs := validator.ValidateWithRules(overlapSchema, parsed, others); len(errs) > 0 {
			t.Skip(errs)
		}
		agree := func(who string, rule core.RuleFunc, d *ast.QueryDocument) {
			right := literally{overlapSchema, map[[3]any]bool{}}.merges(d)
			if got := overlapErrors(rule, overlapSchema, d); (len(got) == 0) != right {
				t.Errorf("%s: %v\nthe specification: %v\n%s", who, got, right, document)
			}
		}
		agree("ours", overlappingFields, parsed)
		used := withoutUnused(parsed)
		agree("ours, without fragments that nobody spreads", overlappingFields, used)
		agree("gqlparser", gqlparserOverlaps, used)
	})
}
