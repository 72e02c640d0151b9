package e2e

import (
	"strings"
	"testing"
)

// Null and nothing where the schema needs a value do not fit, in a variable
// either.
func TestValuesThatAreNeeded(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		input := stranger().input()
		for _, name := range []string{"phone", "email", "password", "confirmPassword", "name"} {
			for _, value := range []any{nil, absent} {
				r := s.register(t, input.with(variables{name: value}))
				if r.code() != "BAD_REQUEST" || r.data != nil {
					t.Errorf("%s %v: got %v", name, value, r)
				}
			}
		}
		for name, v := range map[string]variables{
			"null": {"input": nil}, "nothing": nil, "an unknown field": {"input": input.with(variables{"admin": true})},
			"a list": {"input": []any{}}, "a string": {"input": "x"},
		} {
			r := s.run(t, "", registerDocument, v)
			if r.code() != "BAD_REQUEST" || r.data != nil {
				t.Errorf("the input is %s: got %v", name, r)
			}
		}
		s.run(t, "", `mutation { logIn(input: {login: null, password: "x"}) { token } }`, nil).expectCode(t, "BAD_REQUEST", "")
		s.run(t, "", `{ node(id: null) { id } }`, nil).expectCode(t, "BAD_REQUEST", "")
		s.run(t, "", `query($id: ID!) { node(id: $id) { id } }`, variables{"id": nil}).expectCode(t, "BAD_REQUEST", "")

		// A variable that may be null, because it has a default, and then is.
		p, mine := s.mustSignIn(t)
		for _, document := range []string{
			`query($x: ID = "x") { node(id: $x) { id } }`,
			`query($x: Int = 5) { viewer { rooms(first: $x) { nodes { id } } } }`,
			`query($x: Boolean = true) { viewer @include(if: $x) { id } }`,
			`mutation($x: String = "x") { logIn(input: {login: "` + p.email + `", password: "` + p.password + `", device: $x}) { token } }`,
			`mutation($x: String = "x") { register(input: {phone: "0", email: $x, password: "x", confirmPassword: "x", name: "x"}) { user { id } } }`,
		} {
			s.run(t, mine.token, document, variables{"x": nil}).expectCode(t, "BAD_REQUEST", "")
		}
	})
}

// Clients that send back what they read may have a type's name in an input. Some
// servers pass over it; that it is no field of the input is as good an answer.
func TestTypeNamesInInputs(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		for _, name := range []any{"RegisterInput", "Other", 5, nil, []any{}, map[string]any{}} {
			r := s.register(t, stranger().input().with(variables{"__typename": name}))
			if r.code() != "" && r.code() != "BAD_REQUEST" {
				t.Errorf("%v: got %v", name, r)
			}
		}
	})
}

// A value of another type than the schema's does not fit, in a variable either:
// GraphQL coerces no string to a number and no number to a string.
func TestValuesOfOtherTypes(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		for _, changes := range []variables{
			{"name": 7},
			{"name": true},
			{"name": []any{"x"}},
			{"name": map[string]any{}},
			{"phone": 1011223344},
			{"longitude": "31.2"},
			{"longitude": true},
			{"longitude": []any{1, 2}},
			{"latitude": "NaN"},
		} {
			if r := s.register(t, stranger().input().with(changes)); r.code() != "BAD_REQUEST" {
				t.Errorf("%v: got %v", changes, r)
			}
		}
		for _, literal := range []string{
			`name: 7`, `name: true`, `name: NAME`, `longitude: "31.2"`, `longitude: true`, `longitude: 1e999`,
		} {
			document := `mutation { register(input: {phone: "0", email: "x", password: "x", confirmPassword: "x", name: "x", ` +
				literal + `}) { user { id } } }`
			if strings.HasPrefix(literal, "name") {
				document = strings.Replace(document, `name: "x", `, "", 1)
			}
			if r := s.run(t, "", document, nil); r.code() != "BAD_REQUEST" {
				t.Errorf("%s: got %v", literal, r)
			}
		}
	})
}

// A number may be longer than any machine's: it does not fit, and is no fault.
func TestNumbersBeyondAnyType(t *testing.T) {
	t.Parallel()
	const long = "99999999999999999999999999"
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		_, mine := s.mustSignIn(t)
		for _, number := range []string{long, "-" + long, "1e999"} {
			for _, document := range []string{
				`{ node(id: N) { id } }`,
				`{ viewer { rooms(first: N) { nodes { id } } } }`,
				`{ viewer { rooms(after: N) { nodes { id } } } }`,
				`{ viewer { rooms(after: {a: [N]}) { nodes { id } } } }`,
				`query($x: ID = N) { node(id: $x) { id } }`,
				`query($x: Cursor = N) { viewer { rooms(after: $x) { nodes { id } } } }`,
				`query($x: Int = N) { viewer { rooms(first: $x) { nodes { id } } } }`,
				`query($x: Float = N) { viewer { id } }`,
				`mutation { logIn(input: {login: "x", password: "x", longitude: N}) { token } }`,
				`mutation { createInvitation(input: {building: "x", expiresAt: N}) { invitation { id } } }`,
				`mutation { uploadAttachment(file: N) { attachment { id } } }`,
			} {
				document = strings.Replace(document, "N", number, 1)
				r := s.run(t, mine.token, document, nil)
				// A Cursor is a scalar of ours, which may say itself what is wrong with it.
				if r.code() != "BAD_REQUEST" && r.code() != "INVALID_INPUT" {
					t.Errorf("%s: got %v", document, r)
				}
			}
			body := `{"query": "query($x: ID!) { node(id: $x) { id } }", "variables": {"x": ` + number + `}}`
			if r := s.post(t, body, "Content-Type", typeJSON).mustResult(t); r.code() != "" && r.code() != "BAD_REQUEST" {
				t.Errorf("%s in a variable: got %v", number, r)
			}
		}
	})
}
