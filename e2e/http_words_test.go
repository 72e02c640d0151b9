package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// marker is put wherever a request has room for words, and must come back from
// nowhere: requests hold passwords, and errors end in logs and on screens.
const marker = "SECRETMARKER"

// markedRequests are wrong, and have the marker in them.
var markedRequests = []struct {
	name, document string
	variables      string // JSON; "" for none
}{
	{"a field", `{ SECRETMARKER }`, ""},
	{"a field of a type", `{ viewer { SECRETMARKER } }`, ""},
	{"a field of a scalar", `{ viewer { id { SECRETMARKER } } }`, ""},
	{"an alias of an unknown field", `{ SECRETMARKER: nothing }`, ""},
	{"aliases in conflict", `{ SECRETMARKER: viewer { id } SECRETMARKER: node(id: "x") { id } }`, ""},
	{"arguments in conflict", `{ node(id: "SECRETMARKER") { id } node(id: "other") { id } }`, ""},
	{"an argument", `{ node(SECRETMARKER: "x") { id } }`, ""},
	{"an argument's value", `{ node(ids: "SECRETMARKER") { id } }`, ""},
	{"an argument twice", `{ node(id: "SECRETMARKER", id: "SECRETMARKER") { id } }`, ""},
	{"a string for an enum", `mutation { requestVerification(contact: "SECRETMARKER") { expiresAt } }`, ""},
	{"an enum's value", `mutation { requestVerification(contact: SECRETMARKER) { expiresAt } }`, ""},
	{"an enum for a string", `mutation { logIn(input: {login: SECRETMARKER, password: "x"}) { token } }`, ""},
	{"a string for an input", `mutation { logIn(input: "SECRETMARKER") { token } }`, ""},
	{"a list for a string", `mutation { logIn(input: {login: ["SECRETMARKER"], password: "x"}) { token } }`, ""},
	{"an object for a string", `mutation { logIn(input: {login: {SECRETMARKER: "SECRETMARKER"}, password: "x"}) { token } }`, ""},
	{"an input's field", `mutation { logIn(input: {login: "x", password: "x", SECRETMARKER: "SECRETMARKER"}) { token } }`, ""},
	{"an input without a field", `mutation { logIn(input: {password: "SECRETMARKER"}) { token } }`, ""},
	{"an input's field twice", `mutation { logIn(input: {login: "a", login: "SECRETMARKER", password: "x"}) { token } }`, ""},
	{"a block string", "mutation { logIn(input: {login: \"\"\"\nSECRETMARKER \"quoted\" \\ \n\"\"\", pass: 1}) { token } }", ""},
	{"a string with quotation marks", `mutation { logIn(input: {login: 1, password: "a \" SECRETMARKER \" b", x: "SECRETMARKER"}) { token } }`, ""},
	{"a string for an int", `{ viewer { rooms(first: "SECRETMARKER") { nodes { id } } } }`, ""},
	{"an int out of range", `{ viewer { rooms(first: 99999999999999999999) { nodes { id } } } }`, ""},
	{"a string for a boolean", `{ viewer @include(if: "SECRETMARKER") { id } }`, ""},
	{"a directive", `{ viewer @SECRETMARKER { id } }`, ""},
	{"a directive's argument", `{ viewer @include(SECRETMARKER: "SECRETMARKER") { id } }`, ""},
	{"a fragment without a type", `{ ...f } fragment f on SECRETMARKER { id }`, ""},
	{"an inline fragment without a type", `{ viewer { ... on SECRETMARKER { id } } }`, ""},
	{"a fragment that is not there", `{ ...SECRETMARKER }`, ""},
	{"a fragment that is not used", `{ viewer { id } } fragment SECRETMARKER on Viewer { id }`, ""},
	{"a fragment that does not fit", `{ viewer { ...SECRETMARKER } } fragment SECRETMARKER on Room { id }`, ""},
	{"a fragment's cycle", `{ viewer { ...SECRETMARKER } } fragment SECRETMARKER on Viewer { ...SECRETMARKER }`, ""},
	{"two fragments of a name", `{ viewer { ...SECRETMARKER } } fragment SECRETMARKER on Viewer { id } fragment SECRETMARKER on Viewer { id }`, ""},
	{"a variable that is not declared", `{ node(id: $SECRETMARKER) { id } }`, ""},
	{"a variable that is not used", `query($SECRETMARKER: ID) { viewer { id } }`, ""},
	{"a variable's type", `query($x: SECRETMARKER) { node(id: $x) { id } }`, ""},
	{"a variable of an output type", `query($SECRETMARKER: Viewer) { node(id: $SECRETMARKER) { id } }`, ""},
	{"a variable of another type", `query($SECRETMARKER: Boolean!) { node(id: $SECRETMARKER) { id } }`, `{"SECRETMARKER": true}`},
	{"a variable twice", `query($SECRETMARKER: ID!, $SECRETMARKER: ID!) { node(id: $SECRETMARKER) { id } }`, `{"SECRETMARKER": "x"}`},
	{"a variable's default", `query($x: Int = "SECRETMARKER") { viewer { rooms(first: $x) { nodes { id } } } }`, ""},
	{"a variable without a value", `query($SECRETMARKER: ID!) { node(id: $SECRETMARKER) { id } }`, ""},
	{"a variable that is null", `query($SECRETMARKER: ID!) { node(id: $SECRETMARKER) { id } }`, `{"SECRETMARKER": null}`},
	{"a value of another type", `query($x: Boolean!) { viewer @include(if: $x) { id } }`, `{"x": "SECRETMARKER"}`},
	{"a value of another enum", `mutation($x: Contact!) { requestVerification(contact: $x) { expiresAt } }`, `{"x": "SECRETMARKER"}`},
	{"a value that is an object", `query($x: ID!) { node(id: $x) { id } }`, `{"x": {"SECRETMARKER": "SECRETMARKER"}}`},
	{"a value's unknown field", `mutation($x: LogInInput!) { logIn(input: $x) { token } }`, `{"x": {"login": "x", "password": "x", "SECRETMARKER": "SECRETMARKER"}}`},
	{"a value's missing field", `mutation($x: LogInInput!) { logIn(input: $x) { token } }`, `{"x": {"password": "SECRETMARKER"}}`},
	{"a value's field of another type", `mutation($x: LogInInput!) { logIn(input: $x) { token } }`, `{"x": {"login": {"SECRETMARKER": 1}, "password": "SECRETMARKER"}}`},
	{"a value for an input", `mutation($x: LogInInput!) { logIn(input: $x) { token } }`, `{"x": "SECRETMARKER"}`},
	{"a value for a float", `mutation($x: LogInInput!) { logIn(input: $x) { token } }`, `{"x": {"login": "a", "password": "SECRETMARKER", "latitude": "SECRETMARKER"}}`},
	{"a value for a time", `mutation($x: CreateInvitationInput!) { createInvitation(input: $x) { invitation { id } } }`, `{"x": {"building": "x", "expiresAt": "SECRETMARKER"}}`},
	{"a literal for a time", `mutation { createInvitation(input: {building: "x", expiresAt: "SECRETMARKER"}) { invitation { id } } }`, ""},
	{"an upload that is a string", `mutation { uploadAttachment(file: "SECRETMARKER") { attachment { id } } }`, ""},
	{"an operation's kind", `SECRETMARKER { viewer { id } }`, ""},
	{"a definition", `type SECRETMARKER { id: ID }`, ""},
	{"two operations of a name", `query SECRETMARKER { viewer { id } } query SECRETMARKER { viewer { id } }`, ""},
	{"an operation that does not parse", `query SECRETMARKER( { viewer { id } }`, ""},
	{"a word where none is", `{ viewer { id } } SECRETMARKER`, ""},
	{"a string where none is", `{ viewer("SECRETMARKER") { id } }`, ""},
	{"a string that does not end", `{ node(id: "SECRETMARKER`, ""},
	{"a block string that does not end", `{ node(id: """SECRETMARKER`, ""},
	{"an escape that is none", `{ node(id: "SECRETMARKER\q") { id } }`, ""},
	{"an escape of Unicode that is none", `{ node(id: "\uSECRETMARKER") { id } }`, ""},
	{"a character that is none", "{ node(id: \"x\") { SECRETMARKER\u0001 } }", ""},
	{"a number that is none", `{ viewer { rooms(first: 1SECRETMARKER) { nodes { id } } } }`, ""},
	{"two anonymous operations", `{ a: viewer { id } } query SECRETMARKER { viewer { id } }`, ""},
	{"a mutation in a query", `{ logIn(input: {login: "SECRETMARKER", password: "SECRETMARKER"}) { token } }`, ""},
	{"a leaf without fields", `{ SECRETMARKER: viewer }`, ""},
	{"two subscriptions", `subscription SECRETMARKER { a: roomSignals(room: "SECRETMARKER") { __typename } b: roomSignals(room: "x") { __typename } }`, ""},
}

var codeShape = regexp.MustCompile(`^[A-Z_]+$`)

// No answer quotes its request, and no log does: what a client meant to send may
// stand in the wrong place.
func TestErrorsNeverQuoteTheRequest(t *testing.T) {
	t.Parallel()
	secret(marker)
	check := func(t *testing.T, name string, a answer, wantError bool) {
		t.Helper()
		for _, word := range []string{marker, strings.ToLower(marker)} {
			if strings.Contains(string(a.body), word) {
				t.Errorf("%s: the answer has it: %v", name, a)
			}
		}
		r := a.mustResult(t)
		if wantError && !codeShape.MatchString(r.code()) || r.code() == "INTERNAL" {
			t.Errorf("%s: got %v", name, a)
		}
	}
	for _, introspection := range []string{"on", "off"} {
		t.Run("introspection "+introspection, func(t *testing.T) {
			t.Parallel()
			s := start(t, sqlite, "OMARTY_INTROSPECTION="+introspection, "OMARTY_RATE_LIMITS=off", "OMARTY_LOG=debug")
			for _, c := range markedRequests {
				v := c.variables
				if v == "" {
					v = "{}"
				}
				for _, accept := range []string{typeJSON, typeResponse} {
					a := s.postJSON(t, variables{"query": c.document, "variables": json.RawMessage(v)}, "Accept", accept)
					check(t, c.name, a, true)
				}
				check(t, c.name+" by GET", s.get(t, query("query", c.document, "variables", v)), true)
			}
			for name, body := range map[string]string{
				"an operation's name":         `{"query": "query A { viewer { id } }", "operationName": "SECRETMARKER"}`,
				"operations of other names":   `{"query": "query SECRETMARKER { viewer { id } } query B { viewer { id } }", "operationName": "A"}`,
				"broken JSON":                 `{"query": "SECRETMARKER", "SECRETMARKER`,
				"no JSON":                     `SECRETMARKER`,
				"JSON with a broken escape":   `{"query": "\uSECRETMARKER"}`,
				"a batch":                     `[{"query": "SECRETMARKER"}]`,
				"a query that is an object":   `{"query": {"SECRETMARKER": 1}}`,
				"variables that are a string": `{"query": "{viewer{id}}", "variables": "SECRETMARKER"}`,
				"a persisted query":           `{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "SECRETMARKER"}}}`,
				"a persisted query's version": `{"extensions": {"persistedQuery": {"version": "SECRETMARKER", "sha256Hash": "SECRETMARKER"}}}`,
				"another persisted query":     `{"query": "{viewer{id}}", "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "SECRETMARKER"}}}`,
				"a wrong persisted query":     `{"extensions": {"persistedQuery": ["SECRETMARKER"]}}`,
			} {
				check(t, name, s.post(t, body, "Content-Type", typeJSON), true)
			}
			check(t, "a content type", s.post(t, "SECRETMARKER", "Content-Type", "text/SECRETMARKER"), true)
			check(t, "a charset", s.post(t, "SECRETMARKER", "Content-Type", "application/json; charset=SECRETMARKER"), true)
			check(t, "a token", s.postJSON(t, variables{"query": "{viewer{id}}"}, "Authorization", "Bearer SECRETMARKER"), false)
			check(t, "a multipart request", s.post(t, part("operations", "SECRETMARKER"),
				"Content-Type", "multipart/form-data; boundary=b", "GraphQL-Require-Preflight", "1"), true)

			// What the log and the other doors say.
			for _, path := range []string{"/SECRETMARKER", "/playground/SECRETMARKER", "/graphql/SECRETMARKER", formPath + "SECRETMARKER"} {
				if a := s.get(t, path); a.status != http.StatusNotFound || strings.Contains(string(a.body), marker) {
					t.Errorf("%s: got %v", path, a)
				}
			}
			s.postForm(t, "pnum=SECRETMARKER&password=SECRETMARKER&%zz")
		})
	}
}

// With introspection off nothing tells the schema's names: neither introspection
// nor what was nearly right.
func TestIntrospectionOff(t *testing.T) {
	t.Parallel()
	s := start(t, sqlite, "OMARTY_INTROSPECTION=off", "OMARTY_RATE_LIMITS=off")
	for _, document := range []string{
		`{ __schema { queryType { name } } }`,
		`{ __type(name: "Viewer") { name } }`,
		`{ x: __schema { types { name } } viewer { id } }`,
		`{ ...f } fragment f on Query { __schema { types { name } } }`,
		`{ ... on Query { ... { __type(name: "User") { fields { name } } } } }`,
		`query($no: Boolean = false) { __schema @skip(if: $no) { types { name } } }`,
		`query A { viewer { id } } query B { __schema { types { name } } }`,
		`mutation { __schema { types { name } } }`,
		`{ viewer { __schema { types { name } } } }`,
	} {
		request := variables{"query": document}
		if strings.Contains(document, "query B") {
			request["operationName"] = "B"
		}
		r := s.postJSON(t, request).mustResult(t)
		if r.code() != "BAD_REQUEST" || strings.Contains(string(r.body), `"name":`) {
			t.Errorf("%s: got %v", document, r)
		}
	}
	s.run(t, "", `{ __typename viewer { __typename } }`, nil).expectData(t, "__typename", `"Query"`)

	for name, c := range nearMisses {
		r := s.run(t, "", c[0], nil)
		r.expectCode(t, "BAD_REQUEST", "")
		if strings.Contains(string(r.body), "Did you mean") || strings.Contains(string(r.body), c[1]) {
			t.Errorf("%s: got %v", name, r)
		}
	}
	r := s.run(t, "", `mutation($x: Contact!) { requestVerification(contact: $x) { expiresAt } }`, variables{"x": "EMIAL"})
	if strings.Contains(string(r.body), "EMAIL") {
		t.Errorf("an enum's value in a variable: got %v", r)
	}
}

// nearMisses are documents with a name that is nearly right, and what is right.
var nearMisses = map[string][2]string{
	"a field":             {`{ viewr { id } }`, "viewer"},
	"a field of a type":   {`{ viewer { emial } }`, "email"},
	"an argument":         {`{ node(di: "x") { id } }`, `"id"`},
	"a longer argument":   {`mutation { revokeSession(sesion: "x") { sessionId } }`, `"session"`},
	"an enum's value":     {`mutation { requestVerification(contact: EMIAL) { expiresAt } }`, "EMAIL"},
	"an input's field":    {`mutation { logIn(input: {login: "x", password: "x", devise: "x"}) { token } }`, "device"},
	"a type":              {`{ node(id: "x") { ... on Viewr { id } } }`, "Viewer"},
	"a fragment's type":   {`{ node(id: "x") { ...f } } fragment f on Sesion { id }`, "Session"},
	"a variable's type":   {`query($x: LogInInputt!) { viewer { id } }`, `"LogInInput"`},
	"a directive":         {`{ viewer @inclde(if: true) { id } }`, "include"},
	"a mutation":          {`mutation { logOt { sessionId } }`, "logOut"},
	"a subscription":      {`subscription { roomSignal(room: "x") { __typename } }`, "roomSignals"},
	"a field of an union": {`subscription { roomSignals(room: "x") { activ } }`, `"active"`},
}

// With introspection on, the schema is there to be read.
func TestIntrospectionOn(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		r := s.run(t, "", `{ __schema { queryType { name } mutationType { name } subscriptionType { name } }
			__type(name: "RegisterInput") { inputFields { name } } }`, nil).mustSucceed(t)
		r.expectData(t, "__schema", `{"queryType": {"name": "Query"}, "mutationType": {"name": "Mutation"}, "subscriptionType": {"name": "Subscription"}}`)
		var names []string
		for _, field := range at[[]any](t, r, "__type.inputFields") {
			names = append(names, fmt.Sprint(field.(map[string]any)["name"]))
		}
		if got := strings.Join(names, " "); got != "phone email password confirmPassword name longitude latitude" {
			t.Errorf("RegisterInput has %s", got)
		}
	})
}
