package e2e

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
)

// typeRef is a type as introspection tells of it.
type typeRef struct {
	kind, name string
	of         *typeRef
}

func (r typeRef) nonNull() bool { return r.kind == "NON_NULL" }

// named gives the type within lists and non-nulls.
func (r typeRef) named() typeRef {
	if r.of != nil {
		return r.of.named()
	}
	return r
}

// inputValue is an argument or a field of an input.
type inputValue struct {
	name       string
	typ        typeRef
	hasDefault bool
}

func (v inputValue) needed() bool { return v.typ.nonNull() && !v.hasDefault }

// schema is what introspection tells.
type schema struct {
	roots  map[string][]rootField // by Query, Mutation, Subscription
	inputs map[string][]inputValue
	enums  map[string]string // the first value of each
}

type rootField struct {
	name      string
	arguments []inputValue
	typ       typeRef
}

const introspection = `{ __schema { types { kind name
	fields { name type { ...type } args { ...value } }
	inputFields { ...value }
	enumValues { name }
} } }
fragment value on __InputValue { name defaultValue type { ...type } }
fragment type on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }`

func mustReadSchema(t *testing.T, s *server) schema {
	t.Helper()
	r := s.run(t, "", introspection, nil).mustSucceed(t)
	found := schema{map[string][]rootField{}, map[string][]inputValue{}, map[string]string{}}
	for _, one := range objects(at[any](t, r, "__schema.types")) {
		name := one["name"].(string)
		switch one["kind"] {
		case "ENUM":
			found.enums[name] = objects(one["enumValues"])[0]["name"].(string)
		case "INPUT_OBJECT":
			found.inputs[name] = inputValues(one["inputFields"])
		case "OBJECT":
			for _, field := range objects(one["fields"]) {
				if name == "Query" || name == "Mutation" || name == "Subscription" {
					found.roots[name] = append(found.roots[name],
						rootField{field["name"].(string), inputValues(field["args"]), readType(field["type"])})
				}
			}
		}
	}
	return found
}

func objects(list any) []map[string]any {
	var all []map[string]any
	for _, one := range list.([]any) {
		all = append(all, one.(map[string]any))
	}
	return all
}

func readType(v any) typeRef {
	told := v.(map[string]any)
	r := typeRef{kind: told["kind"].(string)}
	r.name, _ = told["name"].(string)
	if told["ofType"] != nil {
		of := readType(told["ofType"])
		r.of = &of
	}
	return r
}

func inputValues(list any) []inputValue {
	var all []inputValue
	for _, one := range objects(list) {
		all = append(all, inputValue{one["name"].(string), readType(one["type"]), one["defaultValue"] != nil})
	}
	return all
}

// uploadMark is a file's place in variables, until it is sent beside them.
const uploadMark = "\x00upload"

// value gives a least value of a type, and the one given for an optional field of
// an input, as a variable.
func (s schema) value(r typeRef, also inputValue) any {
	switch r.kind {
	case "NON_NULL":
		return s.value(*r.of, also)
	case "LIST":
		return []any{s.value(*r.of, also)}
	case "ENUM":
		return s.enums[r.name]
	case "INPUT_OBJECT":
		object := map[string]any{}
		for _, field := range s.inputs[r.name] {
			if field.needed() || field.name == also.name {
				object[field.name] = s.value(field.typ, inputValue{})
			}
		}
		return object
	}
	switch r.name {
	case "ID":
		return "x_0"
	case "Int":
		return 1
	case "Float":
		return 1.5
	case "Boolean":
		return true
	case "Time":
		return "2026-11-23T08:15:30.123456Z"
	case "Upload":
		return uploadMark
	}
	return "x"
}

// typeText writes a type as documents do.
func typeText(r typeRef) string {
	switch r.kind {
	case "NON_NULL":
		return typeText(*r.of) + "!"
	case "LIST":
		return "[" + typeText(*r.of) + "]"
	}
	return r.name
}

// call calls a root field with the arguments that it needs, and the optional field
// of an input where one is given, as somebody who is signed in.
func (s *server) call(t *testing.T, token string, have schema, root string, field rootField, also inputValue) result {
	t.Helper()
	var declared, passed []string
	v := map[string]any{}
	for _, argument := range field.arguments {
		if !argument.needed() {
			continue
		}
		declared = append(declared, "$"+argument.name+": "+typeText(argument.typ))
		passed = append(passed, argument.name+": $"+argument.name)
		v[argument.name] = have.value(argument.typ, also)
	}
	document := strings.ToLower(root)
	if len(declared) > 0 {
		document += "(" + strings.Join(declared, ", ") + ")"
	}
	document += " { " + field.name
	if len(passed) > 0 {
		document += "(" + strings.Join(passed, ", ") + ")"
	}
	if kind := field.typ.named().kind; kind != "SCALAR" && kind != "ENUM" {
		document += " { __typename }"
	}
	document += " }"
	for name, value := range v {
		if value == uploadMark {
			body := strings.ReplaceAll(upload(document, "text"), "variables.file", "variables."+name)
			body = strings.Replace(body, `"file": null`, `"`+name+`": null`, 1)
			return s.do(t, http.MethodPost, "/graphql", bytes.NewReader([]byte(body)),
				"Content-Type", multipartType, "Authorization", "Bearer "+token).mustResult(t)
		}
	}
	if root == "Subscription" {
		return s.firstEvent(t, token, document, v)
	}
	return s.run(t, token, document, v)
}

// Each root field, and each field of an input, does something: nothing of the contract is
// NOT_YET_AVAILABLE, and the least that may be asked is neither malformed nor a fault.
func TestAllOfTheContractIsThere(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		have := mustReadSchema(t, s)
		p := s.mustRegister(t)
		calls := 0
		token := ""
		call := func(root string, field rootField, also inputValue) {
			t.Helper()
			calls++
			if token == "" || !s.signedIn(t, token) { // the call before may have ended the session
				token = s.mustLogIn(t, p.email, p.password).token
			}
			r := s.call(t, token, have, root, field, also)
			switch r.code() {
			case "NOT_YET_AVAILABLE", "BAD_REQUEST", "UNAUTHENTICATED", "INTERNAL", "UNAVAILABLE":
				t.Errorf("%s.%s %s: got %v", root, field.name, also.name, r)
			}
		}
		for root, fields := range have.roots {
			for _, field := range fields {
				call(root, field, inputValue{})
				for _, argument := range field.arguments {
					for _, optional := range have.inputs[argument.typ.named().name] {
						if !optional.needed() {
							call(root, field, optional)
						}
					}
				}
			}
		}
		if calls < 50 {
			t.Errorf("only %d calls were made", calls)
		}
	})
}
