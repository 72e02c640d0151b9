package graph

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// costly are shapes of documents that make the parser, the validator or the limits
// work, each as large as a number of tokens allows. Some fit the schema and some do
// not: both are looked at in full.
var costly = []struct {
	name string
	of   func(tokens int) string
}{
	// What a client may well ask, for comparison.
	{"common query", func(tokens int) string {
		return "query Q{viewer{user{id name}" + strings.Repeat(" rooms(first:10){nodes{id name lastMessage{id text author{id name}}} pageInfo{endCursor}}", (tokens-10)/45) + "}}"
	}},
	{"one field again and again", func(tokens int) string {
		return "{" + strings.Repeat("__typename ", tokens-2) + "}"
	}},
	{"one field again and again, by its name as an alias", func(tokens int) string {
		return "{" + strings.Repeat("id:__typename ", (tokens-2)/3) + "}"
	}},
	{"one alias for many fields", func(tokens int) string {
		return "{viewer{" + strings.Repeat("a:id a:email ", (tokens-5)/6) + "}}"
	}},
	{"many aliases", func(tokens int) string {
		var b strings.Builder
		for i := range (tokens - 5) / 3 {
			fmt.Fprintf(&b, "a%d:id ", i)
		}
		return "{viewer{" + b.String() + "}}"
	}},
	{"fields that are none", func(tokens int) string {
		var b strings.Builder
		for i := range tokens - 2 {
			fmt.Fprintf(&b, "viewe%d ", i)
		}
		return "{" + b.String() + "}"
	}},
	{"mutations that are none", func(tokens int) string {
		return "mutation{" + strings.Repeat("setNotification ", tokens-3) + "}"
	}},
	{"fields with fields, again and again", func(tokens int) string {
		each := 30
		field := "viewer{" + strings.Repeat("id ", each) + "}"
		return "{" + strings.Repeat(field, (tokens-2)/(each+3)) + "}"
	}},
	{"a tree of fields, again and again", func(tokens int) string {
		tree := "id"
		for strings.Count(tree, "user")*4 < tokens/4 {
			tree = "user{" + tree + "}user{" + tree + "}"
		}
		return "{viewer{" + tree + "}viewer{" + tree + "}}"
	}},
	{"fields deep and wide", func(tokens int) string {
		depth := 10
		field := strings.Repeat("replyTo{", depth) + "id" + strings.Repeat("}", depth)
		return `{message(id:"x"){` + strings.Repeat(field+" ", (tokens-9)/(3*depth+1)) + "}}"
	}},
	{"fields as deep as can be", func(tokens int) string {
		depth := (tokens - 12) / 3
		return `{message(id:"x"){` + strings.Repeat("replyTo{", depth) + "id" + strings.Repeat("}", depth) + "}}"
	}},
	{"inline fragments as deep as can be", func(tokens int) string {
		depth := (tokens - 3) / 3
		return "{" + strings.Repeat("...{", depth) + "__typename" + strings.Repeat("}", depth) + "}"
	}},
	{"inline fragments about one field again and again", func(tokens int) string {
		depth := tokens / 9
		return "{" + strings.Repeat("...{", depth) + strings.Repeat("__typename ", tokens-2-3*depth) + strings.Repeat("}", depth) + "}"
	}},
	{"operations about one field again and again", func(tokens int) string {
		operations := tokens / 18
		return named(operations) + "fragment F on Query{" + strings.Repeat("__typename ", tokens-6-7*operations) + "}"
	}},
	{"operations about fields with fields", func(tokens int) string {
		operations := tokens / 18
		return named(operations) + "fragment F on Query{viewer{" + strings.Repeat("id ", tokens-9-7*operations) + "}}"
	}},
	{"operations about inline fragments about one field", func(tokens int) string {
		operations, depth := tokens/24, tokens/12
		return named(operations) + "fragment F on Query{" +
			strings.Repeat("...{", depth) + strings.Repeat("__typename ", tokens-6-7*operations-3*depth) + strings.Repeat("}", depth) + "}"
	}},
	{"fragments about inline fragments about one field", func(tokens int) string {
		fragments, depth := tokens/30, tokens/12
		var b strings.Builder
		b.WriteString("{...F}")
		for i := range fragments {
			fmt.Fprintf(&b, "fragment f%d on Query{...F}", i)
		}
		return b.String() + "fragment F on Query{" +
			strings.Repeat("...{", depth) + strings.Repeat("__typename ", tokens-11-8*fragments-3*depth) + strings.Repeat("}", depth) + "}"
	}},
	{"fragments that spread the next one twice", func(tokens int) string {
		var b strings.Builder
		levels := (tokens - 13) / 10
		b.WriteString("{...f0}")
		for i := range levels {
			fmt.Fprintf(&b, "fragment f%d on Query{...f%d ...f%d}", i, i+1, i+1)
		}
		fmt.Fprintf(&b, "fragment f%d on Query{__typename}", levels)
		return b.String()
	}},
	{"fragments that spread all others", func(tokens int) string {
		var b strings.Builder
		many := 1
		for many*(many+1)+6*(many+1) < tokens-20 {
			many++
		}
		b.WriteString("{...f0}")
		for i := range many {
			fmt.Fprintf(&b, "fragment f%d on Query{__typename", i)
			for j := i + 1; j < many; j++ {
				fmt.Fprintf(&b, "...f%d ", j)
			}
			b.WriteString("}")
		}
		return b.String()
	}},
	{"fragments below fields that overlap", func(tokens int) string {
		var b strings.Builder
		levels := (tokens - 20) / 22
		b.WriteString("{viewer{user{...f0}}}")
		for i := range levels {
			fmt.Fprintf(&b, "fragment f%d on User{a:presence{online}...f%d a:presence{online}...f%d}", i, i+1, i+1)
		}
		fmt.Fprintf(&b, "fragment f%d on User{id}", levels)
		return b.String()
	}},
	{"fragments in a circle", func(tokens int) string {
		var b strings.Builder
		many := (tokens - 5) / 10
		b.WriteString("{...f0}")
		for i := range many {
			fmt.Fprintf(&b, "fragment f%d on Query{...f%d ...f%d}", i, (i+1)%many, (i*7+3)%many)
		}
		return b.String()
	}},
	{"fragments that introspect", func(tokens int) string {
		var b strings.Builder
		levels := (tokens - 30) / 13
		b.WriteString("{__schema{types{...f0}}}")
		for i := range levels {
			fmt.Fprintf(&b, "fragment f%d on __Type{ofType{...f%d ...f%d}}", i, i+1, i+1)
		}
		fmt.Fprintf(&b, "fragment f%d on __Type{name}", levels)
		return b.String()
	}},
	{"many variables", func(tokens int) string {
		var definitions, uses strings.Builder
		for i := range (tokens - 20) / 6 {
			fmt.Fprintf(&definitions, "$v%d:ID ", i)
			fmt.Fprintf(&uses, "$v%d ", i)
		}
		return "query(" + definitions.String() + "){viewer{rooms(after:[" + uses.String() + "]){pageInfo{endCursor}}}}"
	}},
	{"variables that operations do not use", func(tokens int) string {
		var b strings.Builder
		for i := range (tokens - 6) / 20 {
			fmt.Fprintf(&b, "query q%d($a:ID$b:ID$c:ID){...F}", i)
		}
		return b.String() + "fragment F on Query{__typename}"
	}},
	{"many directives", func(tokens int) string {
		return "{__typename" + strings.Repeat("@skip(if:true)", (tokens-3)/7) + "}"
	}},
	{"directives that are none", func(tokens int) string {
		return "{__typename" + strings.Repeat("@skp", (tokens-3)/2) + "}"
	}},
	{"directives on fields", func(tokens int) string {
		return "{" + strings.Repeat("__typename@skip(if:true)@include(if:true)", (tokens-2)/15) + "}"
	}},
	{"one argument again and again", func(tokens int) string {
		return "{viewer{rooms(" + strings.Repeat("first:1 ", (tokens-15)/3) + "){pageInfo{endCursor}}}}"
	}},
	{"arguments that are none", func(tokens int) string {
		return "{viewer{rooms(" + strings.Repeat("fist:1 ", (tokens-15)/3) + "){pageInfo{endCursor}}}}"
	}},
	{"arguments that differ, again and again", func(tokens int) string {
		list := "[" + strings.Repeat("1 ", 20) + "]"
		return "{viewer{" + strings.Repeat("rooms(after:"+list+"){pageInfo{endCursor}}", (tokens-5)/33) + "}}"
	}},
	{"values in a list", func(tokens int) string {
		return "{viewer{rooms(after:[" + strings.Repeat("1 ", tokens-20) + "]){pageInfo{endCursor}}}}"
	}},
	{"lists in lists", func(tokens int) string {
		depth := (tokens - 20) / 2
		return "{viewer{rooms(after:" + strings.Repeat("[", depth) + strings.Repeat("]", depth) + "){pageInfo{endCursor}}}}"
	}},
	{"lists in lists for an int", func(tokens int) string {
		depth := (tokens - 20) / 2
		return "{viewer{rooms(first:" + strings.Repeat("[", depth) + strings.Repeat("]", depth) + "){pageInfo{endCursor}}}}"
	}},
	{"objects in objects for an int", func(tokens int) string {
		depth := (tokens - 20) / 4
		return "{viewer{rooms(first:" + strings.Repeat("{a:", depth) + "1" + strings.Repeat("}", depth) + "){pageInfo{endCursor}}}}"
	}},
	{"types of lists", func(tokens int) string {
		depth := (tokens - 26) / 2
		return "query($a:" + strings.Repeat("[", depth) + "ID" + strings.Repeat("]", depth) + "){viewer{rooms(after:$a){pageInfo{endCursor}}}}"
	}},
	{"fields of an input again and again", func(tokens int) string {
		return "mutation{logIn(input:{" + strings.Repeat(`login:"a" `, (tokens-15)/3) + "}){token}}"
	}},
	{"fields of an input that are none", func(tokens int) string {
		return "mutation{logIn(input:{" + strings.Repeat("logon:1 ", (tokens-15)/3) + "}){token}}"
	}},
	{"enum values that are none", func(tokens int) string {
		return "mutation{" + strings.Repeat("verify(contact:EMIAL){viewer{id}}", (tokens-3)/12) + "}"
	}},
	{"a long name of a type", func(int) string { return "{...F}fragment F on " + strings.Repeat("a", 1_000_000) + "{a}" }},
	{"a long name of a mutation", func(int) string { return "mutation{" + strings.Repeat("a", 1_000_000) + "}" }},
	{"long names of mutations", func(tokens int) string {
		return "mutation{" + strings.Repeat(strings.Repeat("a", 1_000_000/tokens)+" ", tokens-3) + "}"
	}},
	{"a long name of an argument", func(int) string {
		return "{viewer{rooms(" + strings.Repeat("a", 1_000_000) + ":1){pageInfo{endCursor}}}}"
	}},
	{"a long text", func(int) string {
		return `{viewer{rooms(first:"` + strings.Repeat("a", 1_000_000) + `"){pageInfo{endCursor}}}}`
	}},
	{"a long text of escapes", func(int) string {
		return `{viewer{rooms(first:"` + strings.Repeat(`\n`, 500_000) + `"){pageInfo{endCursor}}}}`
	}},
	{"a long block of text", func(int) string {
		return `{viewer{rooms(first:"""` + strings.Repeat(" \n", 500_000) + `"""){pageInfo{endCursor}}}}`
	}},
	{"a long number", func(int) string {
		return `{viewer{rooms(first:1` + strings.Repeat("0", 1_000_000) + `){pageInfo{endCursor}}}}`
	}},
	{"a long comment", func(int) string { return "{__typename}#" + strings.Repeat("a", 1_000_000) }},
	{"a lot of nothing", func(int) string { return "{" + strings.Repeat(" ,\n", 330_000) + "__typename}" }},
}

// named gives so many operations that all spread F.
func named(operations int) string {
	var b strings.Builder
	for i := range operations {
		fmt.Fprintf(&b, "query q%d{...F}", i)
	}
	return b.String()
}

// look lets the API read a document, as far as a request's own limits let it, up to
// where it would run.
func look(t testing.TB, a testAPI, document string) {
	t.Helper()
	ctx := graphql.StartOperationTrace(context.Background())
	op, refused := a.exec.CreateOperationContext(ctx, &graphql.RawParams{Query: document, OperationName: "q0"})
	if len(refused) > maxErrors {
		refused = refused[:maxErrors]
	}
	if refused != nil {
		a.exec.DispatchError(graphql.WithOperationContext(ctx, op), refused)
	}
}

func withoutCache(a testAPI) testAPI {
	a.exec.SetQueryCache(graphql.NoCache[*ast.QueryDocument]{})
	return a
}

// The work must not explode: within the token limit, no document may take more than
// a few milliseconds, and gqlparser does not stop when its client has gone. Time
// depends on the machine, so this looks at documents of a quarter of the tokens and
// counts what the work allocates: at some 50 ns each, the bound is 5 ms. Work that
// allocates nothing may take a second, which no machine needs three times in a row.
func TestWorkOnADocumentIsBounded(t *testing.T) {
	const (
		tokens          = maxTokens / 4
		mostAllocations = 100_000
		mostTime        = time.Second
	)
	a := withoutCache(newAPI(t, &fakeVerbs{}))
	for _, c := range costly {
		t.Run(c.name, func(t *testing.T) {
			document := c.of(tokens)
			if _, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: document}, tokens); err != nil && strings.Contains(err.Error(), "exceeded") {
				t.Fatalf("it is larger than it should be: %v", err)
			}
			var allocations uint64
			var took time.Duration
			for range 3 {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				start := time.Now()
				look(t, a, document)
				took = time.Since(start)
				runtime.ReadMemStats(&after)
				allocations = after.Mallocs - before.Mallocs
				if took < mostTime || took > 10*mostTime {
					break
				}
			}
			if allocations > mostAllocations || took > mostTime {
				t.Errorf("%d allocations and %v for a document of %d tokens and %d bytes", allocations, took, tokens, len(document))
			}
		})
	}
}

// BenchmarkWorstDocuments measures each shape at the token limit. Any of them that
// takes more than a few milliseconds is a way to stop the server.
func BenchmarkWorstDocuments(b *testing.B) {
	for _, c := range costly {
		b.Run(c.name, func(b *testing.B) {
			a := withoutCache(newAPI(b, &fakeVerbs{}))
			document := c.of(maxTokens)
			b.ReportAllocs()
			for b.Loop() {
				look(b, a, document)
			}
		})
	}
}
