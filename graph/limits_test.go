package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"testing/quick"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/omarty/chat/graph/generated"
)

var (
	testSchema = generated.NewExecutableSchema(generated.Config{}).Schema()
	testLimits = limits{introspection: true, costs: newCosts(testSchema)}
)

// mustOperation gives a document's one operation as gqlgen hands it to the
// limits: parsed, validated, its variables read.
func mustOperation(t testing.TB, document string, variables map[string]any) *graphql.OperationContext {
	t.Helper()
	parsed, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: document}, maxTokens)
	if err != nil {
		t.Fatalf("the document does not parse: %v", err)
	}
	if errs := validator.ValidateWithRules(testSchema, parsed, rules.NewDefaultRules()); len(errs) > 0 {
		t.Fatalf("the document does not fit the schema: %v", errs)
	}
	operation := parsed.Operations[0]
	read, err := validator.VariableValues(testSchema, operation, variables)
	if err != nil {
		t.Fatalf("the variables do not fit: %v", err)
	}
	return &graphql.OperationContext{Doc: parsed, Operation: operation, Variables: read}
}

func mustMeasure(t testing.TB, document string, variables map[string]any) size {
	t.Helper()
	op := mustOperation(t, document, variables)
	return testLimits.meter(op.Variables).selections(op.Operation.SelectionSet)
}

// verdict is what the limits say of an operation: a code, or "" where it may run.
func verdict(op *graphql.OperationContext) string {
	refused := testLimits.MutateOperationContext(context.Background(), op)
	if refused == nil {
		return ""
	}
	return refused.Extensions["code"].(string)
}

// doubling gives a document of fragments that each spread the next one twice, so
// that the last one is asked for 2^levels times.
func doubling(levels int, leaf string) string {
	var b strings.Builder
	b.WriteString("query($n: Int! = 1) {...f0}")
	for i := range levels {
		fmt.Fprintf(&b, "fragment f%d on Query{...f%d ...f%d}", i, i+1, i+1)
	}
	fmt.Fprintf(&b, "fragment f%d on Query{%s}", levels, leaf)
	return b.String()
}

// pagedLeaf reads the variable n, and so tells when it is walked.
const pagedLeaf = "viewer{rooms(first:$n){nodes{id}}}"

// mostLevels is how many levels of doubling the token limit lets through.
func mostLevels(t testing.TB) int {
	t.Helper()
	levels := 1
	for {
		_, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: doubling(levels+1, pagedLeaf)}, maxTokens)
		if err != nil {
			break
		}
		levels++
	}
	if levels < 90 {
		t.Fatalf("only %d levels fit in %d tokens", levels, maxTokens)
	}
	return levels
}

// countedNumber is a number, as a variable has it, that counts how often the cost
// walk reads it.
type countedNumber struct{ reads int }

func (n *countedNumber) Int64() (int64, error) {
	n.reads++
	return 1, nil
}

func TestEachFragmentIsWalkedOnce(t *testing.T) {
	for _, levels := range []int{1, 24, 40, mostLevels(t)} {
		t.Run(fmt.Sprint(levels, " levels"), func(t *testing.T) {
			op := mustOperation(t, doubling(levels, pagedLeaf), nil)
			n := &countedNumber{}
			op.Variables = map[string]any{"n": n}
			got := verdict(op)
			if n.reads != 1 {
				t.Errorf("the last fragment was walked %d times", n.reads)
			}
			want := ""
			if levels >= 24 {
				want = "TOO_LARGE"
			}
			if got != want {
				t.Errorf("the limits say %q, want %q", got, want)
			}
		})
	}
}

func TestFragmentSpreadTwiceCountsTwice(t *testing.T) {
	const leaf = 20 + 50 + 2 + 1 // what pagedLeaf costs
	for levels, want := range map[int]int{
		0:             leaf,
		1:             leaf << 1,
		24:            leaf << 24,
		40:            leaf << 40,
		mostLevels(t): math.MaxInt, // and not what 64 bits hold of it
	} {
		if got := mustMeasure(t, doubling(levels, pagedLeaf), nil).cost; got != want {
			t.Errorf("%d levels: cost %d, want %d", levels, got, want)
		}
	}
	for spreads, want := range map[string]string{"...F ...F": "", "...F ...F me:id": "TOO_LARGE"} {
		document := "{viewer{" + spreads + "}} fragment F on Viewer{" + aliases(50) + "}"
		if got := verdict(mustOperation(t, document, nil)); got != want {
			t.Errorf("50 aliases by %s: %q, want %q", spreads, got, want)
		}
	}
}

// schemaTimes asks for a field so many times, each by another name.
func schemaTimes(times int, field string) string {
	var b strings.Builder
	for i := range times {
		fmt.Fprintf(&b, "a%d:%s ", i, field)
	}
	return "{" + b.String() + "}"
}

func aliases(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a%d:id ", i)
	}
	return b.String()
}

func TestCostOfPages(t *testing.T) {
	t.Parallel()
	// A viewer with a page of rooms costs what is declared of the two, and for each of
	// the rooms two, and one for each of its fields. A message costs ten.
	page := func(n int) int { return 20 + 50 + 3*n }
	messages := func(n int) int { return 60 + 50 + 11*n }
	for _, c := range []struct {
		name, document string
		variables      map[string]any
		want           int
	}{
		{"as written", `{viewer{rooms(first: 7){nodes{id}}}}`, nil, page(7)},
		{"from a variable", `query($n: Int!){viewer{rooms(first: $n){nodes{id}}}}`, map[string]any{"n": json.Number("7")}, page(7)},
		{"from a variable that is a number in Go", `query($n: Int!){viewer{rooms(first: $n){nodes{id}}}}`, map[string]any{"n": 7}, page(7)},
		{"a variable's default", `query($n: Int! = 7){viewer{rooms(first: $n){nodes{id}}}}`, nil, page(7)},
		{"a variable over its default", `query($n: Int! = 7){viewer{rooms(first: $n){nodes{id}}}}`, map[string]any{"n": json.Number("9")}, page(9)},
		{"the schema's default", `{viewer{rooms{nodes{id}}}}`, nil, page(50)},
		{"the schema's default of another size", `{searchMessages(query: "x"){nodes{id}}}`, nil, 21_000 + 11*20},
		{"a variable left out", `query($n: Int){room(id: "x"){messages(first: $n){nodes{id}}}}`, nil, messages(50)},
		{"a variable that is null", `query($n: Int){room(id: "x"){messages(first: $n){nodes{id}}}}`, map[string]any{"n": nil}, messages(50)},
		{"null", `{room(id: "x"){messages(first: null){nodes{id}}}}`, nil, messages(50)},
		{"neither first nor last", `{room(id: "x"){messages{nodes{id}}}}`, nil, messages(50)},
		{"last", `{room(id: "x"){messages(last: 7){nodes{id}}}}`, nil, messages(7)},
		{"count", `{room(id: "x"){messagesAround(seq: 1, count: 7){nodes{id}}}}`, nil, messages(7)},
		{"count by default", `{room(id: "x"){messagesAround(seq: 1){nodes{id}}}}`, nil, messages(50)},
		{"no thing at all", `{viewer{rooms(first: 0){nodes{id}}}}`, nil, page(50)},
		{"less than none", `{viewer{rooms(first: -7){nodes{id}}}}`, nil, page(50)},
		{"edges and nodes", `{viewer{rooms(first: 7){edges{cursor node{id}} nodes{id} pageInfo{endCursor}}}}`, nil, 20 + 50 + 7*(2+1+3+3) + 3},
		{"a page in a page", `{viewer{rooms(first: 7){nodes{messages(last: 5){nodes{id}}}}}}`, nil, 20 + 50 + 7*(2+50+5*11)},
		{"the log's pages, whose nodes stand alone", `{room(id: "x"){events(after: 0, first: 1000){nodes{seq}}}}`, nil, 60 + 50 + 3*1000},
		{"a list without pages", `{viewer{sessions{id device}}}`, nil, 20 + 50 + 20*(2+2)},
		{"a list without pages in a page", `{room(id: "x"){messages(last: 5){nodes{mentions{start}}}}}`, nil, 60 + 50 + 5*(10+1+5*3)},
		{"no list", `{viewer{user{id name}}}`, nil, 20 + 2 + 2},
		{"a mutation", `mutation{setTyping(room: "x", active: true){roomId}}`, nil, 1000 + 1},
		{"a list in an argument", `mutation{addParticipants(room: "x", users: ["a", "b"]){room{id}}}`, nil, 1000 + 2*10 + 3},
		{
			"a list in a variable", `mutation($in: CreateBuildingInput!){createBuilding(input: $in){building{id}}}`,
			map[string]any{"in": map[string]any{"name": "x", "apartments": []any{map[string]any{"number": "1"}, map[string]any{"number": "2"}}}},
			1500 + 2*10 + 3,
		},
		{"through fragments", `{viewer{...V ... on Viewer{...on Viewer{email}}}} fragment V on Viewer{rooms(first: 7){...R}} fragment R on RoomConnection{nodes{id}}`, nil, page(7) + 1},
		{"a page through a fragment of two pages", `{viewer{a:rooms(first: 7){...R} b:rooms(first: 9){...R}}} fragment R on RoomConnection{nodes{id}}`, nil, page(7) + page(9) - 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := mustMeasure(t, c.document, c.variables).cost; got != c.want {
				t.Errorf("cost %d, want %d", got, c.want)
			}
		})
	}
}

func TestLimitsAtTheirEdges(t *testing.T) {
	t.Parallel()
	deep := func(levels int) string {
		return `{message(id: "x"){` + strings.Repeat("replyTo{", levels-2) + "id" + strings.Repeat("}", levels-2) + "}}"
	}
	wrapped := func(document string) string {
		return strings.ReplaceAll(document, "replyTo{id}", "...M ...on Message{...on Message{replyTo{id}}}") +
			" fragment M on Message{replyTo{...on Message{id}}}"
	}
	for _, c := range []struct {
		name, document, want string
	}{
		{"20 levels", deep(20), ""},
		{"21 levels", deep(21), "TOO_LARGE"},
		{"20 levels, fragments between them", wrapped(deep(20)), ""},
		{"21 levels, the last by a fragment", wrapped(deep(21)), "TOO_LARGE"},
		{"100 aliases", "{viewer{" + aliases(100) + "}}", ""},
		{"101 aliases", "{viewer{" + aliases(101) + "}}", "TOO_LARGE"},
		{"101 aliases in several places", "{viewer{" + aliases(50) + "user{" + aliases(51) + "}}}", "TOO_LARGE"},
		{"100 fields again and again", "{viewer{id " + strings.Repeat("id ", 100) + "}}", ""},
		{"101 fields again and again", "{viewer{id " + strings.Repeat("id ", 101) + "}}", "TOO_LARGE"},
		{"101 fields again and again, in two places", "{viewer{id " + strings.Repeat("id ", 50) + "user{id " + strings.Repeat("id ", 51) + "}}}", "TOO_LARGE"},
		{"500 fields of one name", "{" + strings.Repeat("__typename ", 500) + "}", "TOO_LARGE"},
		{"cost 1,000,000", "{viewer{rooms(first: 333310){nodes{id}}}}", ""},
		{"cost 1,000,001", "{viewer{id rooms(first: 333310){nodes{id}}}}", "TOO_LARGE"},
		{"cost 1,000,001 at the root", "{__typename viewer{rooms(first: 333310){nodes{id}}}}", "TOO_LARGE"},
		{"cost in a mutation", `mutation{deleteMessage(message: "x"){message{replies(last: 100000){nodes{id}}}}}`, "TOO_LARGE"},
		{"cost in a subscription", `subscription{messagePosted(room: "x"){message{replies(last: 100000){nodes{id}}}}}`, "TOO_LARGE"},
		{"pages in pages", `{room(id: "x"){messages(last: 100){nodes{replies(last: 100){nodes{replies(last: 100){nodes{id}}}}}}}}`, "TOO_LARGE"},
		// A password takes 30 ms of a core to be looked at: two in an operation.
		{"one log-in", `mutation{logIn(input:{login:"a",password:"b"}){token}}`, ""},
		{"two log-ins", `mutation{logIn(input:{login:"a",password:"b"}){token} b:logIn(input:{login:"a",password:"c"}){token}}`, ""},
		{"three log-ins", `mutation{logIn(input:{login:"a",password:"b"}){token} b:logIn(input:{login:"a",password:"c"}){token} c:logIn(input:{login:"a",password:"c"}){token}}`, "TOO_LARGE"},
		{"one search", `{a:searchMessages(query:"a"){nodes{id}}}`, ""},
		{"two searches", `{a:searchMessages(query:"a"){nodes{id}} b:searchMessages(query:"b"){nodes{id}}}`, "TOO_LARGE"},
		{"mutations beyond what one request may write", "mutation{" + schemaTimes(40, `setTyping(room:"x",active:true){roomId}`)[1:], "TOO_LARGE"},
		// The whole schema is large; a client reads it once, or some of its types.
		{"the schema", "{__schema{types{fields{name}}}}", ""},
		{"the schema by another name", "{a:__schema{types{fields{name}}}}", ""},
		{"the schema, each of its fields by another name", "{__schema{types{a:name b:name c:name}}}", "TOO_LARGE"},
		{"the schema three times", "{__schema{types{name}} ...on Query{__schema{queryType{name}} ...on Query{__schema{types{kind}}}}}", ""},
		{"the schema four times, by a fragment", "{...S a:__schema{...T} ...on Query{b:__schema{...T}}} fragment S on Query{c:__schema{...T} d:__schema{...T}} fragment T on __Schema{types{name}}", "TOO_LARGE"},
		{"30 of its types", schemaTimes(30, `__type(name:"Room"){fields{name}}`), ""},
		{"31 of its types", schemaTimes(31, `__type(name:"Room"){fields{name}}`), "TOO_LARGE"},
		{"more than a 32-bit number", `{viewer{rooms(first: 4294967297){nodes{id}}}}`, "TOO_LARGE"},
		{"the largest number there is", `{viewer{rooms(first: 9223372036854775807){nodes{id}}}}`, "TOO_LARGE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := verdict(mustOperation(t, c.document, nil)); got != c.want {
				t.Errorf("the limits say %q, want %q", got, c.want)
			}
		})
	}
}

// gqlgen takes "90000" for the number that it spells, so that the page is as big
// as with a number; a server that refuses such variables is as good.
func TestPageFromTextIsNoSmaller(t *testing.T) {
	t.Parallel()
	const query = `query($n:Int!){message(id:\"x\"){replies(last:$n){nodes{replies(last:$n){nodes{replies(last:$n){nodes{mentions{start}}}}}}}}}`
	for _, n := range []string{`100`, `"100"`} {
		got := newAPI(t, &fakeVerbs{}).post(t, `{"query":"`+query+`","variables":{"n":`+n+`}}`)
		if got.has(t, "data") {
			t.Errorf("pages of %s in pages of as many ran: %s", n, got.body)
		}
	}
}

func TestDocumentOfTooManyTokensIsRefused(t *testing.T) {
	t.Parallel()
	// Of 1,000 tokens the braces are two.
	for fields, want := range map[int]string{998: "", 999: "TOO_LARGE", 100_000: "TOO_LARGE"} {
		got := newAPI(t, &fakeVerbs{}).post(t, `{"query":"{`+strings.Repeat("id ", fields)+`}"}`)
		if want == "" {
			want = "BAD_REQUEST" // there is no such field, which a document that is too long does not come to
		}
		if code := got.code(t); code != want {
			t.Errorf("%d fields: %q, want %q", fields, code, want)
		}
	}
}

// introspectionQuery is what graphql-js's getIntrospectionQuery gives with all of
// its options: GraphiQL, Apollo and the generators of code send it, or less.
const introspectionQuery = `query IntrospectionQuery {
  __schema {
    description
    queryType { name kind }
    mutationType { name kind }
    subscriptionType { name kind }
    types { ...FullType }
    directives {
      name
      description
      isRepeatable
      locations
      args(includeDeprecated: true) { ...InputValue }
    }
  }
}
fragment FullType on __Type {
  kind
  name
  description
  specifiedByURL
  isOneOf
  fields(includeDeprecated: true) {
    name
    description
    args(includeDeprecated: true) { ...InputValue }
    type { ...TypeRef }
    isDeprecated
    deprecationReason
  }
  inputFields(includeDeprecated: true) { ...InputValue }
  interfaces { ...TypeRef }
  enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
  possibleTypes { ...TypeRef }
}
fragment InputValue on __InputValue {
  name
  description
  type { ...TypeRef }
  defaultValue
  isDeprecated
  deprecationReason
}
fragment TypeRef on __Type {
  kind
  name
  ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType {
    kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name }
  } } } } } } } }
}`

func TestIntrospectionOfCommonClientsPasses(t *testing.T) {
	t.Parallel()
	body := mustJSON(t, map[string]any{"query": introspectionQuery})
	a := newAPI(t, &fakeVerbs{})
	got := a.post(t, body)
	var schema struct {
		Data struct {
			Schema struct {
				QueryType struct{ Name string }
				Types     []struct{ Name string }
			} `json:"__schema"`
		}
	}
	got.mustDecode(t, &schema)
	if got.code(t) != "" || schema.Data.Schema.QueryType.Name != "Query" || len(schema.Data.Schema.Types) < 100 {
		t.Errorf("the schema does not come: %.300s", got.body)
	}

	a = newAPI(t, &fakeVerbs{}, withoutIntrospection)
	if got := a.post(t, body); got.code(t) != "BAD_REQUEST" || got.has(t, "data") {
		t.Errorf("with introspection off: %.300s", got.body)
	}
}

func TestIntrospectionOffFindsItEverywhere(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeVerbs{}, withoutIntrospection)
	for document, want := range map[string]string{
		`{__schema{queryType{name}}}`:                                                "BAD_REQUEST",
		`{a:__schema{queryType{name}}}`:                                              "BAD_REQUEST",
		`{__type(name:"User"){name}}`:                                                "BAD_REQUEST",
		`{...on Query{...on Query{__schema{queryType{name}}}}}`:                      "BAD_REQUEST",
		`{...F} fragment F on Query{...G} fragment G on Query{__schema{__typename}}`: "BAD_REQUEST",
		`{__schema @include(if:true){__typename}}`:                                   "BAD_REQUEST",
		`{__typename}`:                           "",
		`{a:__typename ...on Query{__typename}}`: "",
	} {
		if got := a.post(t, mustJSON(t, map[string]any{"query": document})); got.code(t) != want {
			t.Errorf("%s: %q, want %q", document, got.code(t), want)
		}
	}
}

func TestNumbersStopAtTheLargest(t *testing.T) {
	t.Parallel()
	exact := func(op func(z, x, y *big.Int) *big.Int) func(a, b int) int {
		return func(a, b int) int {
			z := op(new(big.Int), big.NewInt(int64(a)), big.NewInt(int64(b)))
			if !z.IsInt64() {
				return math.MaxInt
			}
			return int(z.Int64())
		}
	}
	// Costs and lengths are never negative; of all sizes, small ones too.
	natural := func(n uint64) int { return int(n >> 1 >> (n % 63)) }
	for name, law := range map[string]func(x, y uint64) bool{
		"add": func(x, y uint64) bool {
			a, b := natural(x), natural(y)
			return add(a, b) == exact((*big.Int).Add)(a, b)
		},
		"multiply": func(x, y uint64) bool {
			a, b := natural(x), natural(y)
			return multiply(a, b) == exact((*big.Int).Mul)(a, b)
		},
	} {
		if err := quick.Check(law, &quick.Config{MaxCount: 20_000}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, c := range [][2]int{{0, 0}, {0, math.MaxInt}, {1, math.MaxInt}, {math.MaxInt, math.MaxInt}, {2, math.MaxInt/2 + 1}} {
		for _, c := range [][2]int{c, {c[1], c[0]}} {
			if got, want := add(c[0], c[1]), exact((*big.Int).Add)(c[0], c[1]); got != want {
				t.Errorf("add(%d, %d) = %d, want %d", c[0], c[1], got, want)
			}
			if got, want := multiply(c[0], c[1]), exact((*big.Int).Mul)(c[0], c[1]); got != want {
				t.Errorf("multiply(%d, %d) = %d, want %d", c[0], c[1], got, want)
			}
		}
	}
}

// Whatever is asked for, a bigger page never costs less, and no cost is negative.
func TestCostNeverOverflows(t *testing.T) {
	t.Parallel()
	const levels = 8
	document := "query($n: Int!){room(id: \"x\"){" + strings.Repeat("messages(last: $n){nodes{room{", levels) + "id" + strings.Repeat("}}}", levels) + "}}"
	op := mustOperation(t, document, map[string]any{"n": 1})
	cost := func(n int64) int {
		return testLimits.meter(map[string]any{"n": n}).selections(op.Operation.SelectionSet).cost
	}
	law := func(x, y uint64) bool {
		small, big := int64(x>>1>>(x%63))|1, int64(y>>1>>(y%63))|1
		if small > big {
			small, big = big, small
		}
		return 0 < cost(small) && cost(small) <= cost(big)
	}
	if err := quick.Check(law, &quick.Config{MaxCount: 5_000}); err != nil {
		t.Error(err)
	}
}

// What the traps page asks for: at most 5 ms, whatever comes.
func BenchmarkCostOfFragments(b *testing.B) {
	for _, levels := range []int{24, 40, mostLevels(b)} {
		b.Run(fmt.Sprint(levels), func(b *testing.B) {
			op := mustOperation(b, doubling(levels, pagedLeaf), nil)
			b.ReportAllocs()
			for b.Loop() {
				if verdict(op) == "" {
					b.Fatal("it passed")
				}
			}
		})
	}
}
