package graph

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
)

// What stands in a request where a password could.
const (
	hunter2 = "hunter2"
	digits  = "8642086420"
)

// everyPlace is requests that do not fit, with hunter2 or digits in each place that a
// request has, and the message for each.
var everyPlace = []struct {
	name, query string
	variables   string
	operation   string
	want        string
}{
	{name: "field", query: `{viewer{hunter2}}`, want: `Cannot query field "…" on type "Viewer".`},
	{name: "field at the root", query: `{hunter2}`, want: `Cannot query field "…" on type "Query".`},
	{name: "field of an abstract type", query: `{node(id:"x"){hunter2}}`, want: `Cannot query field "…" on type "Node".`},
	{name: "alias", query: `{hunter2:viewer{id} hunter2:__typename}`, want: `Fields "…" conflict: they are not the same field with the same arguments. Use different aliases.`},
	{name: "alias of a field that is none", query: `{hunter2:viewer{pw}}`, want: `Cannot query field "…" on type "Viewer".`},
	{name: "alias of aliases below", query: `{a:viewer{hunter2:id} a:viewer{hunter2:email}}`, want: `Fields "…" conflict: they are not the same field with the same arguments. Use different aliases.`},
	{name: "arguments that differ", query: `{a:node(id:"hunter2"){id} a:node(id:"x"){id}}`, want: `Fields "…" conflict: they are not the same field with the same arguments. Use different aliases.`},
	{name: "argument", query: `{viewer{rooms(hunter2:1){nodes{id}}}}`, want: `Unknown argument "…" on field "Viewer.rooms".`},
	{name: "argument of a directive", query: `{viewer @skip(if:true,hunter2:1){id}}`, want: `Unknown argument "…" on directive "@skip".`},
	{name: "argument twice", query: `{node(id:"x",id:"hunter2"){id}}`, want: `There can be only one argument named "id".`},
	{name: "argument that is none twice", query: `{node(id:"x",hunter2:1,hunter2:2){id}}`, want: `Unknown argument "…" on field "Query.node".`},
	{name: "argument that is missing", query: `{hunter2:node{id}}`, want: `Field "node" argument "id" of type "ID!" is required, but it was not provided.`},
	{name: "no selection", query: `{hunter2:viewer}`, want: `Field "viewer" of type "Viewer" must have a selection of subfields.`},
	{name: "selection of a scalar", query: `{viewer{id{hunter2}}}`, want: `Cannot query field "…" on type "ID".`},
	{name: "type of a fragment", query: `{...F} fragment F on hunter2{id}`, want: `Unknown type "…".`},
	{name: "type of an inline fragment", query: `{...on hunter2{id}}`, want: `Unknown type "…".`},
	{name: "type of a variable", query: `query($a:hunter2){viewer{rooms(after:$a){nodes{id}}}}`, want: `Unknown type "…".`},
	{name: "type of a variable, in lists", query: `query($a:[[hunter2!]!]!){viewer{rooms(after:$a){nodes{id}}}}`, want: `Unknown type "…".`},
	{name: "output type of a variable", query: `query($hunter2:[User!]){viewer{rooms(after:$hunter2){nodes{id}}}}`, want: `Variable "…" of type "[User!]" used in position expecting type "Cursor".`},
	{name: "fragment", query: `{...hunter2}`, want: `Unknown fragment "…".`},
	{name: "fragment that nobody uses", query: `{__typename} fragment hunter2 on Query{__typename}`, want: `Fragment "…" is never used.`},
	{name: "fragment twice", query: `{...hunter2} fragment hunter2 on Query{__typename} fragment hunter2 on Query{__typename}`, want: `There can be only one fragment named "…".`},
	{name: "fragment on itself", query: `{...hunter2} fragment hunter2 on Query{...hunter2}`, want: `Cannot spread fragment "…" within itself.`},
	{name: "fragments in a circle", query: `{...hunter2} fragment hunter2 on Query{...b} fragment b on Query{...hunter2}`, want: `Cannot spread fragment "…" within itself via "…".`},
	{name: "fragment that can never be", query: `{viewer{...hunter2}} fragment hunter2 on User{id}`, want: `Fragment "…" cannot be spread here as objects of type "Viewer" can never be of type "User".`},
	{name: "fragment on a scalar", query: `{viewer{...hunter2}} fragment hunter2 on Time{id}`, want: `Cannot query field "id" on type "Time".`},
	{name: "inline fragment that can never be", query: `{viewer{...on User{hunter2:id}}}`, want: `Fragment cannot be spread here as objects of type "Viewer" can never be of type "User".`},
	{name: "directive", query: `{viewer @hunter2{id}}`, want: `Unknown directive "…".`},
	{name: "directive of an operation", query: `query hunter2 @skip(if:true){__typename}`, want: `Directive "@skip" may not be used on QUERY.`},
	{name: "directive twice", query: `{hunter2:viewer @skip(if:true) @skip(if:true){id}}`, want: `The directive "@skip" can only be used once at this location.`},
	{name: "directive without its argument", query: `{hunter2:viewer @skip{id}}`, want: `Directive "@skip" argument "if" of type "Boolean!" is required, but it was not provided.`},
	{name: "operation", operation: "hunter2", query: `query A{__typename} query B{__typename}`, want: `The document has no operation of that name.`},
	{name: "operation twice", operation: "hunter2", query: `query hunter2{__typename} query hunter2{__typename}`, want: `There can be only one operation named "…".`},
	{name: "operation beside another without a name", query: `query hunter2{__typename} {__typename}`, want: `This anonymous operation must be the only defined operation.`},
	{name: "subscription of two", query: `subscription hunter2{a:roomSignals(room:"x"){__typename} roomEvents(room:"x"){__typename}}`, want: `Subscription "…" must select only one top level field.`},
	{name: "subscription of the schema", query: `subscription hunter2{__typename}`, want: `Subscription "…" must not select an introspection top level field.`},
	{name: "variable that is not defined", query: `{viewer{rooms(after:$hunter2){nodes{id}}}}`, want: `Variable "…" is not defined.`},
	{name: "variable that is not defined, in an operation with a name", query: `query hunter2{viewer{rooms(after:$hunter2){nodes{id}}}}`, want: `Variable "…" is not defined by operation "…".`},
	{name: "variable that nobody uses", query: `query hunter2($hunter2:Int){__typename}`, want: `Variable "…" is never used in operation "…".`},
	{name: "variable twice", query: `query($hunter2:Int!,$hunter2:Int!){viewer{rooms(first:$hunter2){nodes{id}}}}`, want: `Variable "…" is never used.`},
	{name: "variable of another type", query: `query($hunter2:[String!]){node(id:$hunter2){id}}`, want: `Variable "…" of type "[String!]" used in position expecting type "ID!".`},
	{name: "variable that may be null", query: `query($hunter2:ID){node(id:$hunter2){id}}`, want: `Variable "…" of type "ID" used in position expecting type "ID!".`},
	{name: "text for an int", query: `{viewer{rooms(first:"hunter2"){nodes{id}}}}`, want: `Int cannot represent non-integer value.`},
	{name: "text of quotation marks for an int", query: `{viewer{rooms(first:"Viewer\" hunter2 \"Viewer"){nodes{id}}}}`, want: `Int cannot represent non-integer value.`},
	{name: "text like a message for an int", query: `{viewer{rooms(first:" value: hunter2, found hunter2. Did you mean hunter2"){nodes{id}}}}`, want: `Int cannot represent non-integer value.`},
	{name: "text of lines for an int", query: "{viewer{rooms(first:\"\"\"\nhunter2\n\nhunter2\n\"\"\"){nodes{id}}}}", want: `Int cannot represent non-integer value.`},
	{name: "name for an int", query: `{viewer{rooms(first:hunter2){nodes{id}}}}`, want: `Int cannot represent non-integer value.`},
	{name: "list for an int", query: `{viewer{rooms(first:[hunter2,8642086420]){nodes{id}}}}`, want: `Int cannot represent non-integer value.`},
	{name: "object for an int", query: `{viewer{rooms(first:{hunter2:"hunter2"}){nodes{id}}}}`, want: `Field "…" is not defined by type "Int".`},
	{name: "float for an int", query: `{viewer{rooms(first:8642086420.5){nodes{id}}}}`, want: `Int cannot represent non 32-bit signed integer value.`},
	{name: "int for an int, too large", query: `{viewer{rooms(first:864208642086420864208){nodes{id}}}}`, want: `Int cannot represent non 32-bit signed integer value.`},
	{name: "int for text", query: `mutation{eraseAccount(password:8642086420){userId}}`, want: `String cannot represent a non string value.`},
	{name: "name for text", query: `mutation{eraseAccount(password:hunter2){userId}}`, want: `String cannot represent a non string value.`},
	{name: "list for text", query: `mutation{eraseAccount(password:["hunter2"]){userId}}`, want: `String cannot represent a non string value.`},
	{name: "object for text", query: `mutation{eraseAccount(password:{a:"hunter2"}){userId}}`, want: `Field "…" is not defined by type "String".`},
	{name: "text for a boolean", query: `{viewer @skip(if:"hunter2"){id}}`, want: `Boolean cannot represent a non boolean value.`},
	{name: "name for a boolean", query: `{viewer @skip(if:hunter2){id}}`, want: `Boolean cannot represent a non boolean value.`},
	{name: "text for a float", query: `mutation{logIn(input:{login:"hunter2",password:"hunter2",longitude:"hunter2"}){token}}`, want: `Float cannot represent non numeric value.`},
	{name: "float for an id", query: `{node(id:8642086420.5){id}}`, want: `ID cannot represent a non-string and non-integer value.`},
	{name: "name for an id", query: `{node(id:hunter2){id}}`, want: `ID cannot represent a non-string and non-integer value.`},
	{name: "name for an enum", query: `mutation{requestVerification(contact:hunter2){expiresAt}}`, want: `Value "…" does not exist in "Contact!" enum.`},
	{name: "name almost of an enum", query: `mutation{requestVerification(contact:EMAILhunter2){expiresAt}}`, want: `Value "…" does not exist in "Contact!" enum.`},
	{name: "text for an enum", query: `mutation{requestVerification(contact:"hunter2"){expiresAt}}`, want: `Enum "Contact!" cannot represent non-enum value.`},
	{name: "int for an enum", query: `mutation{requestVerification(contact:8642086420){expiresAt}}`, want: `Enum "Contact!" cannot represent non-enum value.`},
	{name: "list for an enum", query: `mutation{requestVerification(contact:[hunter2]){expiresAt}}`, want: `Enum "Contact!" cannot represent non-enum value.`},
	{name: "object for an enum", query: `mutation{requestVerification(contact:{hunter2:1}){expiresAt}}`, want: `Field "…" is not defined by type "Contact".`},
	{name: "text for an input", query: `mutation{logIn(input:"hunter2"){token}}`, want: `Expected value of type "LogInInput!".`},
	{name: "name for an input", query: `mutation{logIn(input:hunter2){token}}`, want: `Expected value of type "LogInInput!".`},
	{name: "list for an input", query: `mutation{logIn(input:[{password:"hunter2"}]){token}}`, want: `Expected value of type "LogInInput!".`},
	{name: "field of an input", query: `mutation{logIn(input:{login:"a",password:"b",hunter2:"c"}){token}}`, want: `Field "…" is not defined by type "LogInInput".`},
	{name: "field of an input twice", query: `mutation{logIn(input:{login:"a",password:"hunter2",password:"hunter2"}){token}}`, want: `There can be only one input field named "password".`},
	{name: "field of an input that is missing", query: `mutation{logIn(input:{password:"hunter2"}){token}}`, want: `Field "LogInInput.login" of required type "String!" was not provided.`},
	{name: "null for a field of an input", query: `mutation{logIn(input:{login:"hunter2",password:null}){token}}`, want: `Expected value of type "String!".`},
	{name: "int for a field of an input", query: `mutation{logIn(input:{login:"hunter2",password:8642086420}){token}}`, want: `String cannot represent a non string value.`},
	{name: "text in a list of inputs", query: `mutation{createBuilding(input:{name:"x",apartments:["hunter2"]}){building{id}}}`, want: `Expected value of type "ApartmentInput!".`},
	{name: "text for a field of an input in a list", query: `mutation{createBuilding(input:{name:"x",apartments:[{number:"1",floor:"hunter2"}]}){building{id}}}`, want: `Int cannot represent non-integer value.`},
	{name: "list for a field of an input in a list", query: `mutation{createBuilding(input:{name:"x",apartments:[{number:["hunter2"]}]}){building{id}}}`, want: `String cannot represent a non string value.`},
	{name: "default of a variable", query: `query($a:Int="hunter2"){viewer{rooms(first:$a){nodes{id}}}}`, want: `Int cannot represent non-integer value.`},
	{name: "default of a variable, an object", query: `mutation($a:LogInInput!={login:"hunter2"}){logIn(input:$a){token}}`, want: `Field "LogInInput.password" of required type "String!" was not provided.`},
	{name: "default of a variable, a moment", query: `query($a:Time=864208642086420864208){room(id:"x"){messagesAround(at:$a){nodes{id}}}}`, want: `A value does not fit its type.`},

	{name: "value for an int", query: `query($n:Int!){viewer{rooms(first:$n){nodes{id}}}}`, variables: `{"n":"hunter2"}`, want: `Variable $…: does not fit its type.`},
	{name: "value for an int, too large", query: `query($n:Int!){viewer{rooms(first:$n){nodes{id}}}}`, variables: `{"n":864208642086420864208}`, want: `Variable $…: does not fit its type.`},
	{name: "value of a variable of the client's naming", query: `query($hunter2:Int!){viewer{rooms(first:$hunter2){nodes{id}}}}`, variables: `{"hunter2":"hunter2"}`, want: `Variable $…: does not fit its type.`},
	{name: "value that is missing", query: `query($hunter2:ID!){node(id:$hunter2){id}}`, variables: `{}`, want: `Variable $…: must be defined.`},
	{name: "value that is null", query: `query($hunter2:ID!){node(id:$hunter2){id}}`, variables: `{"hunter2":null}`, want: `Variable $…: cannot be null.`},
	{name: "value for an input", query: `mutation($input:LogInInput!){logIn(input:$input){token}}`, variables: `{"input":"hunter2"}`, want: `Variable $input: does not fit its type.`},
	{name: "field of a value", query: `mutation($input:LogInInput!){logIn(input:$input){token}}`, variables: `{"input":{"hunter2":"hunter2"}}`, want: `Variable $input.…: unknown field.`},
	{name: "field of a value that is missing", query: `mutation($input:LogInInput!){logIn(input:$input){token}}`, variables: `{"input":{"login":"hunter2"}}`, want: `Variable $input.password: must be defined.`},
	{name: "field of a value that is null", query: `mutation($input:LogInInput!){logIn(input:$input){token}}`, variables: `{"input":{"login":"hunter2","password":null}}`, want: `Variable $input.password: cannot be null.`},
	{name: "value for an enum", query: `mutation($c:Contact!){requestVerification(contact:$c){expiresAt}}`, variables: `{"c":"hunter2"}`, want: `Variable $…: does not fit its type.`},
	{name: "value for an enum, an int", query: `mutation($c:Contact!){requestVerification(contact:$c){expiresAt}}`, variables: `{"c":8642086420}`, want: `Variable $…: does not fit its type.`},
	{name: "value in a list", query: `mutation($input:CreateBuildingInput!){createBuilding(input:$input){building{id}}}`, variables: `{"input":{"name":"hunter2","apartments":[{"number":"1"},{"number":"2","floor":"hunter2"}]}}`, want: `Variable $input.apartments.1.floor: does not fit its type.`},
	{name: "value for a list", query: `mutation($users:[ID!]!){addParticipants(room:"x",users:$users){room{id}}}`, variables: `{"users":[{"hunter2":1}]}`, want: `Variable $users.0: does not fit its type.`},

	{name: "what does not parse", query: `{viewer{hunter2`, want: `The document does not parse: expected Name.`},
	{name: "what begins with a name", query: `hunter2`, want: `The document does not parse.`},
	{name: "what begins with text", query: `"hunter2"`, want: `The document does not parse.`},
	{name: "name where another is expected", query: `{...F} fragment F hunter2 Query{id}`, want: `The document does not parse: expected "on".`},
	{name: "name for a sign", query: `query($a hunter2){id}`, want: `The document does not parse: expected :.`},
	{name: "text for a sign", query: `{node(id "hunter2"){id}}`, want: `The document does not parse: expected :.`},
	{name: "text without an end", query: `{node(id:"hunter2`, want: `The document does not parse.`},
	{name: "text with a broken escape", query: `{node(id:"hunter2\q"){id}}`, want: `The document does not parse.`},
	{name: "number that is none", query: `{node(id:08642086420){id}}`, want: `The document does not parse.`},
	{name: "number that ends in a name", query: `{node(id:8642086420hunter2){id}}`, want: `The document does not parse: expected :.`},
	{name: "sign that is none", query: `{node(id:?hunter2){id}}`, want: `The document does not parse.`},
	{name: "comment", query: "#hunter2\n{viewer{", want: `The document does not parse: expected Name.`},
	{name: "brackets without an end", query: strings.Repeat("{hunter2", 400), want: `The document does not parse: expected Name.`},
	{name: "too many tokens", query: `{` + strings.Repeat("hunter2 ", 1000) + `}`, want: `The document is too large: it has too many tokens or is nested too deep.`},
	{name: "schema for a query", query: `type hunter2{id:ID}`, want: `The document does not parse.`},
	{name: "nothing but a fragment", query: `fragment hunter2 on Query{__typename}`, want: `The document has no operation.`},
}

// holdsWhatWasSent tells whether a text quotes a request of everyPlace.
func holdsWhatWasSent(text string) bool {
	return strings.Contains(text, hunter2) || strings.Contains(text, digits[1:])
}

func TestErrorsQuoteNothing(t *testing.T) {
	t.Parallel()
	for _, c := range everyPlace {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if !holdsWhatWasSent(c.query + c.variables + c.operation) {
				t.Fatal("there is nothing to quote in it")
			}
			body := map[string]any{"query": c.query, "operationName": c.operation}
			if c.variables != "" {
				body["variables"] = json.RawMessage(c.variables)
			}
			for introspection, options := range map[string][]func(*Options){"on": nil, "off": {withoutIntrospection}} {
				a := newAPI(t, &fakeVerbs{}, options...)
				got := a.post(t, mustJSON(t, body))
				e := got.errorOf(t)
				if e.Message != c.want {
					t.Errorf("introspection %s: message %q, want %q", introspection, e.Message, c.want)
				}
				if code := got.code(t); code != "BAD_REQUEST" && code != "TOO_LARGE" || got.has(t, "data") {
					t.Errorf("it is not refused: %s", got.body)
				}
				if holdsWhatWasSent(got.body) || holdsWhatWasSent(a.log.String()) {
					t.Errorf("introspection %s: it quotes what was sent: %s; log: %s", introspection, got.body, a.log)
				}
				if len(got.body) > 4000 {
					t.Errorf("an answer of %d bytes", len(got.body))
				}
			}
		})
	}
}

// The search for what a client may have meant takes seconds for a long name, and
// tells of the schema where it is closed.
func TestNothingIsSuggested(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		`{viewr{id}}`:                         `Cannot query field "…" on type "Query".`,
		`{viewer}`:                            `Field "viewer" of type "Viewer" must have a selection of subfields.`,
		`{node(id:"x"){name}}`:                `Cannot query field "name" on type "Node".`,
		`{viewer{rooms(frist:1){nodes{id}}}}`: `Unknown argument "…" on field "Viewer.rooms".`,
		`{viewer @skip(fi:true,if:true){id}}`: `Unknown argument "…" on directive "@skip".`,
		`{...F} fragment F on Attachmnt{id}`:  `Unknown type "…".`,
		`{...on Viwer{id}}`:                   `Unknown type "…".`,
		`mutation{requestVerification(contact:EMIAL){expiresAt}}`:           `Value "…" does not exist in "Contact!" enum.`,
		`mutation{requestVerification(contact:"EMAIL"){expiresAt}}`:         `Enum "Contact!" cannot represent non-enum value.`,
		`mutation{logIn(input:{login:"a",password:"b",devise:"c"}){token}}`: `Field "…" is not defined by type "LogInInput".`,
	} {
		for introspection, options := range map[string][]func(*Options){"on": nil, "off": {withoutIntrospection}} {
			got := newAPI(t, &fakeVerbs{}, options...).post(t, mustJSON(t, map[string]any{"query": query}))
			if message := got.errorOf(t).Message; message != want || strings.Contains(got.body, "Did you mean") {
				t.Errorf("%s, introspection %s: %q, want %q", query, introspection, message, want)
			}
		}
	}
}

// What the schema itself names may be said, wherever it stands in a message.
func TestNamesOfTheSchemaStay(t *testing.T) {
	t.Parallel()
	n := namesOf(testSchema)
	for _, c := range []struct{ message, want string }{
		{`Cannot query field "x" on type "Viewer".`, `Cannot query field "…" on type "Viewer".`},
		{`Cannot query field "phone" on type "User".`, `Cannot query field "phone" on type "User".`},
		{`Variable "$x" of type "[[ID!]!]!" used in position expecting type "[ID!]".`, `Variable "…" of type "[[ID!]!]!" used in position expecting type "[ID!]".`},
		{`Directive "@include" argument "if" of type "Boolean!" is required, but it was not provided.`, `Directive "@include" argument "if" of type "Boolean!" is required, but it was not provided.`},
		{`Field "LogInInput.login" of required type "String!" was not provided.`, `Field "LogInInput.login" of required type "String!" was not provided.`},
		{`Field "LogInInput.x" of required type "String!" was not provided.`, `Field "…" of required type "String!" was not provided.`},
		{`Value "EMAIL" does not exist in "MembershipRole" enum.`, `Value "EMAIL" does not exist in "MembershipRole" enum.`},
		{`Int cannot represent non-integer value: "x`, `Int cannot represent non-integer value.`},
		{`Expected value of type "ID!", found "a" and "b".`, `Expected value of type "ID!".`},
		{`operation hunter2 not found`, `The document has no operation of that name.`},
	} {
		if got := n.redact(c.message); got != c.want {
			t.Errorf("%s becomes %s, want %s", c.message, got, c.want)
		}
	}
}

func TestMessagesAreShort(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeVerbs{})
	const create = `mutation($i:CreateBuildingInput!){createBuilding(input:$i){building{id}}}`
	apartment := func(field string) map[string]any {
		return map[string]any{"name": "x", "apartments": []any{map[string]any{field: 1}}}
	}
	for name, request := range map[string]map[string]any{
		"conflicts":       {"query": "{" + strings.Repeat("a:viewer{b:id c:id d:id} a:viewer{b:email c:email d:email}", 15) + "}"},
		"a long name":     {"query": "{" + strings.Repeat("a", 10_000) + "}"},
		"a long variable": {"query": "query($" + strings.Repeat("a", 100_000) + ":Int!){viewer{rooms(first:$" + strings.Repeat("a", 100_000) + "){nodes{id}}}}"},
		"a long text":     {"query": `{viewer{rooms(first:"` + strings.Repeat("a", 900_000) + `"){nodes{id}}}}`},
		"many arguments":  {"query": "{viewer{rooms(" + strings.Repeat("first:1 ", 300) + "){nodes{id}}}}"},
		"a long value":    {"query": create, "variables": map[string]any{"i": strings.Repeat("a", 900_000)}},
		"a long path":     {"query": create, "variables": map[string]any{"i": apartment(strings.Repeat("x", 900_000))}},
	} {
		got := a.post(t, mustJSON(t, request))
		var all struct{ Errors []struct{ Message string } }
		got.mustDecode(t, &all)
		if len(all.Errors) == 0 {
			t.Errorf("%s: no error: %.300s", name, got.body)
		}
		for _, e := range all.Errors {
			if len(e.Message) > maxMessage+len("…") || !utf8.ValidString(e.Message) {
				t.Errorf("%s: a message of %d bytes: %s", name, len(e.Message), e.Message)
			}
		}
		if len(got.body) > 10_000 {
			t.Errorf("%s: an answer of %d bytes", name, len(got.body))
		}
	}
	for before := range 4 {
		long := strings.Repeat("x", before) + strings.Repeat("ä", maxMessage)
		if got := cut(long); !utf8.ValidString(got) || len(got) > maxMessage+len("…") || !strings.HasSuffix(got, "ä…") {
			t.Errorf("a text cut in a letter is %q", got)
		}
	}
}

// FuzzRefusalQuotesNothing puts a word between two texts, of a document or of its
// variables: whatever that makes, no error says the word.
func FuzzRefusalQuotesNothing(f *testing.F) {
	for _, c := range everyPlace {
		if len(c.query) > 1000 {
			continue
		}
		for i := range len(c.query) {
			if after, found := strings.CutPrefix(c.query[i:], hunter2); found {
				f.Add(c.query[:i], after, "{}", "")
			}
		}
		for i := range len(c.variables) {
			if after, found := strings.CutPrefix(c.variables[i:], hunter2); found {
				f.Add(c.query, "", c.variables[:i], after)
			}
		}
	}
	open, closed := newAPI(f, harmless()), newAPI(f, harmless(), withoutIntrospection)
	f.Fuzz(func(t *testing.T, beforeQuery, afterQuery, beforeVariables, afterVariables string) {
		query, variables := beforeQuery+hunter2+afterQuery, beforeVariables+afterVariables
		if afterQuery == "" {
			query, variables = beforeQuery, beforeVariables+hunter2+afterVariables
		}
		if len(query) > 4000 {
			t.Skip("the cost of long documents is another test's matter")
		}
		for _, a := range []testAPI{open, closed} {
			params := &graphql.RawParams{Query: query}
			if decode([]byte(variables), &params.Variables) != nil || !utf8.ValidString(query) {
				t.Skip("no request")
			}
			ctx := graphql.StartOperationTrace(t.Context())
			op, refused := a.exec.CreateOperationContext(ctx, params)
			if refused == nil {
				// What runs has the client's aliases in its paths, as GraphQL wants it.
				continue
			}
			answer := mustJSON(t, a.exec.DispatchError(graphql.WithOperationContext(ctx, op), refused))
			if strings.Contains(answer, hunter2) {
				t.Errorf("it quotes what was sent: %s", answer)
			}
			if strings.Contains(answer, "Did you mean") {
				t.Errorf("it tells of the schema: %s", answer)
			}
		}
	})
}
