package e2e

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// oddities are values that fit hardly anything.
var oddities = []any{
	nil, true, 0, -1, 1.5, 1e300, 1 << 31, json.Number("9223372036854775808"), json.Number("1e999"), "", "x", "\x00", "\ufffd",
	"٠١٠", "NaN", "EMAIL", strings.Repeat("x", 3000),
	[]any{},
	[]any{nil},
	[]any{[]any{}},
	[]any{"x", 1},
	map[string]any{},
	map[string]any{"a": 1},
	map[string]any{"__typename": "X"},
}

// randomValue gives a value of a type, as a rule; now and then another.
func (s schema) randomValue(r *rand.Rand, t typeRef) any {
	if r.IntN(8) == 0 {
		return oddities[r.IntN(len(oddities))]
	}
	switch t.kind {
	case "NON_NULL":
		return s.randomValue(r, *t.of)
	case "LIST":
		list := []any{}
		for range r.IntN(3) {
			list = append(list, s.randomValue(r, *t.of))
		}
		return list
	case "INPUT_OBJECT":
		object := map[string]any{}
		for _, field := range s.inputs[t.name] {
			if r.IntN(5) > 0 {
				object[field.name] = s.randomValue(r, field.typ)
			}
		}
		if r.IntN(20) == 0 {
			object["__typename"] = t.name
		}
		return object
	}
	if v := s.value(t, inputValue{}); v != uploadMark {
		return v
	}
	return "x"
}

// literal writes a value as documents do.
func literal(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var fields []string
		for name, value := range v {
			fields = append(fields, name+": "+literal(value))
		}
		slices.Sort(fields) // so that a seed gives the same document each time
		return "{" + strings.Join(fields, ", ") + "}"
	case []any:
		var entries []string
		for _, value := range v {
			entries = append(entries, literal(value))
		}
		return "[" + strings.Join(entries, ", ") + "]"
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // all of the above are JSON
	}
	return string(text)
}

// randomOperation gives an operation with one root field.
func (s schema) randomOperation(r *rand.Rand) (document string, v variables) {
	root := []string{"Query", "Mutation", "Subscription"}[r.IntN(3)]
	field := s.roots[root][r.IntN(len(s.roots[root]))]
	declared, passed := []string{"$yes: Boolean = true"}, []string{}
	v = variables{}
	if r.IntN(20) == 0 {
		v["yes"] = oddities[r.IntN(len(oddities))]
	}
	for _, argument := range field.arguments {
		value := s.randomValue(r, argument.typ)
		if r.IntN(2) == 0 {
			passed = append(passed, argument.name+": "+literal(value))
			continue
		}
		declaration := "$" + argument.name + ": " + typeText(argument.typ)
		if r.IntN(3) == 0 {
			declaration = strings.TrimSuffix(declaration, "!") + " = " + literal(s.randomValue(r, argument.typ))
		}
		declared = append(declared, declaration)
		passed = append(passed, argument.name+": $"+argument.name)
		if r.IntN(5) > 0 {
			v[argument.name] = value
		}
	}
	document = strings.ToLower(root) + "(" + strings.Join(declared, ", ") + ") { " + field.name
	if len(passed) > 0 {
		document += "(" + strings.Join(passed, ", ") + ")"
	}
	document += " @include(if: $yes)"
	if kind := field.typ.named().kind; kind != "SCALAR" && kind != "ENUM" {
		document += " { __typename }"
	}
	return document + " }", v
}

// Whatever is sent, it is the sender's fault: never the server's. The seeds are
// fixed; what one of them finds, it finds again.
func TestNothingIsAFaultOfTheServer(t *testing.T) {
	t.Parallel()
	const each = 600
	eachEngine(t, func(t *testing.T, e engine) {
		s := start(t, e, "OMARTY_RATE_LIMITS=off")
		have := mustReadSchema(t, s)
		p := s.mustRegister(t)
		codes := map[string]int{}
		for seed := range uint64(2) {
			r := rand.New(rand.NewPCG(seed, 0))
			var token string
			for i := range each {
				if i%100 == 0 { // the operations end sessions
					token = s.mustLogIn(t, p.email, p.password).token
				}
				document, v := have.randomOperation(r)
				got := s.run(t, token, document, v)
				codes[got.code()]++
				if got.code() == "INTERNAL" || got.code() == "UNAVAILABLE" || got.status >= http.StatusInternalServerError {
					t.Errorf("seed %d: %s %s: got %v", seed, clip(document, 500), clip(literal(map[string]any(v)), 500), got)
				}
				if codes["INTERNAL"] > 5 {
					t.FailNow() // that will do
				}
			}
		}
		if codes["BAD_REQUEST"] < each/10 || codes["NOT_YET_AVAILABLE"]+codes[""] < each/10 {
			t.Errorf("the operations are not what they should be: %v", codes)
		}
		t.Log(codes)
	})
}
