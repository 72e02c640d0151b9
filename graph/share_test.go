package graph

import (
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/omarty/chat/graph/generated"
)

var sharedSchema = generated.NewExecutableSchema(generated.Config{Resolvers: &resolver{}}).Schema()

// sharedText gives the text of the selection of a document's only field.
func sharedText(t *testing.T, document string, variables map[string]any) (string, error) {
	t.Helper()
	doc, errs := gqlparser.LoadQueryWithRules(sharedSchema, document, nil)
	if errs != nil {
		t.Fatalf("%s: %v", document, errs)
	}
	s := sharer{schema: sharedSchema, fragments: doc.Fragments, variables: variables}
	return s.shared("RoomEvent", doc.Operations[0].SelectionSet[0].(*ast.Field).SelectionSet)
}

// Who asks the same in other words shares a view.
func TestSameSelections(t *testing.T) {
	const want = "{seq:seq message:message{id:id text:text author:author{name:name } } }"
	for name, document := range map[string]string{
		"plain":            `subscription { messagePosted(room: "a") { seq message { id text author { name } } } }`,
		"other root":       `subscription { roomEvents(room: "b", after: 3) { ... on RoomEvent { seq message { id text author { name } } } ... on CaughtUp { position } } }`,
		"named, aliased":   `subscription Named($room: ID!) { mine: messagePosted(room: $room) { seq message { id text author { name } } } }`,
		"fragments":        `subscription { roomEvents(room: "a") { ...e } } fragment e on RoomUpdate { ... on RoomEvent { seq ...m } } fragment m on RoomEvent { message { id ... { text } author { ...u } } } fragment u on User { name }`,
		"an interface":     `subscription { messagePosted(room: "a") { seq message { ... on Node { id } text author { name } } } }`,
		"what is skipped":  `subscription($no: Boolean! = false) { messagePosted(room: "a") { seq kind @include(if: $no) message { id text author { name id @skip(if: true) } } } }`,
		"what is included": `subscription { messagePosted(room: "a") { seq @include(if: true) message @skip(if: false) { id text author { name } } } }`,
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := sharedText(t, document, map[string]any{"no": false, "room": "x"}); err != nil || got != want {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// Other selections are other views, and what is written of one is valid.
func TestSelectionsAreToldApart(t *testing.T) {
	seen := map[string]string{}
	for _, selected := range []string{
		`seq`, `other: seq`, `seq kind`, `kind seq`, `__typename seq`,
		`message { reactions { users(first: 3) { nodes { id } } } }`,
		`message { reactions { users(first: 4) { nodes { id } } } }`,
		`message { reactions { users(first: 4, after: "a\"b\\") { nodes { id } } } }`,
		`message { reactions { users { nodes { id } } } }`,
		`message { revisions { nodes { text } } }`,
		`message { poll { closed voterCount options { voteCount } } notice { apartmentCount acknowledgedCount } }`,
		`room { id name building { name } }`,
	} {
		text, err := sharedText(t, `subscription { messagePosted(room: "a") { `+selected+` } }`, nil)
		if err != nil {
			t.Errorf("%s is not shared: %v", selected, err)
			continue
		}
		if other, twice := seen[text]; twice {
			t.Errorf("%s and %s are both %s", selected, other, text)
		}
		seen[text] = selected
		if _, errs := gqlparser.LoadQueryWithRules(sharedSchema, `subscription{e:messagePosted(room:"")`+text+`}`, nil); errs != nil {
			t.Errorf("%s is written as %s: %v", selected, text, errs)
		}
	}
}

// What depends on who asks, or on when, is for each by themselves.
func TestWhatIsNotShared(t *testing.T) {
	many := strings.Builder{}
	for i := range 12 {
		many.WriteString(`fragment f` + string(rune('a'+i)) + ` on RoomEvent { seq ...f` + string(rune('b'+i)) + ` ...f` + string(rune('b'+i)) + ` }`)
	}
	many.WriteString(`fragment f` + string(rune('a'+12)) + ` on RoomEvent { kind }`)
	for _, document := range []string{
		`subscription { messagePosted(room: "a") { room { viewerReadSeq } } }`,
		`subscription { messagePosted(room: "a") { message { reactions { viewerHasReacted } } } }`,
		`subscription { roomEvents(room: "a") { ... on RoomEvent { message { ...m } } } } fragment m on Message { poll { viewerBallots { apartment { id } } } }`,
		`subscription { messagePosted(room: "a") { room { building { viewerManaged { building { id } } } } } }`,
		`subscription { messagePosted(room: "a") { room { lastMessage { text } } } }`,
		`subscription { messagePosted(room: "a") { message { room { messages(last: 1) { nodes { text } } } } } }`,
		`subscription { messagePosted(room: "a") { room { participants { nodes { id } } } } }`,
		`subscription { messagePosted(room: "a") { room { building { members { nodes { id } } } } } }`,
		`subscription { messagePosted(room: "a") { message { apartment { residents { nodes { id } } } } } }`,
		`subscription { messagePosted(room: "a") { message { replies(first: 1) { nodes { text } } } } }`,
		`subscription { messagePosted(room: "a") { message { author { presence { online } } } } }`,
		`subscription { messagePosted(room: "a") { ...fa } } ` + many.String(),
	} {
		if text, err := sharedText(t, document, nil); err == nil {
			t.Errorf("%s is shared as %s", document, text)
		}
	}
}

// Every field of the schema that depends on who asks is found by the rule, wherever
// it is: a type of theirs that is added has to be named in ownersTypes.
func TestOwnersTypesAreFound(t *testing.T) {
	reached := map[string]bool{}
	var walk func(name string)
	walk = func(name string) {
		d := sharedSchema.Types[name]
		if d == nil || reached[name] || d.Kind != ast.Object {
			return
		}
		reached[name] = true
		for _, f := range d.Fields {
			if !asksWho(d, f) {
				walk(f.Type.Name())
			}
		}
	}
	walk("RoomEvent")
	for _, name := range []string{"Viewer", "Session", "ManagedBuilding", "Invitation", "Report", "AuditEntry", "LogInPayload"} {
		if reached[name] {
			t.Errorf("%s is reached by what is shared", name)
		}
	}
	if !reached["Message"] || !reached["Membership"] {
		t.Errorf("the walk reaches only %v", reached)
	}
}
