package graph

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeVerbs{})
	for _, c := range []struct {
		name   string
		accept []string
		status int
		want   string
	}{
		{"who does not say", nil, 200, takesJSON},
		{"anything", []string{"*/*"}, 200, takesJSON},
		{"any application", []string{"application/*"}, 200, takesJSON},
		{"JSON", []string{"application/json"}, 200, takesJSON},
		{"the response type", []string{"application/graphql-response+json"}, 200, takesResponse},
		{"the response type, in UTF-8", []string{"application/graphql-response+json; charset=utf-8"}, 200, takesResponse},
		{"the response type first", []string{"application/graphql-response+json, application/json;q=0.9"}, 200, takesResponse},
		{"JSON better", []string{"application/graphql-response+json;q=0.8, application/json;q=0.9"}, 200, takesJSON},
		{"in two lines", []string{"text/html", "application/graphql-response+json"}, 200, takesResponse},
		{"none of ours", []string{"text/html"}, 406, takesJSON},
		{"images", []string{"image/*"}, 406, takesJSON},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := request("POST", "/graphql", `{"query":"{__typename}"}`, "Content-Type", "application/json")
			for _, accept := range c.accept {
				r.Header.Add("Accept", accept)
			}
			got := a.do(t, r)
			if got.status != c.status || got.header.Get("Content-Type") != c.want+"; charset=utf-8" {
				t.Errorf("%d %s, want %d %s", got.status, got.header.Get("Content-Type"), c.status, c.want)
			}
			if c.status == 200 && got.body != `{"data":{"__typename":"Query"}}` {
				t.Errorf("the answer is %s", got.body)
			}
		})
	}
}

func TestEveryAnswerIsForOneReader(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeVerbs{})
	for name, r := range map[string]*http.Request{
		"an answer":  request("POST", "/graphql", `{"query":"{__typename}"}`, "Content-Type", "application/json"),
		"a refusal":  request("POST", "/graphql", `{`, "Content-Type", "application/json"),
		"no method":  request("PUT", "/graphql", ``),
		"no content": request("GET", "/graphql", ``, "Accept", "text/html"),
	} {
		got := a.do(t, r)
		if got.header.Get("Cache-Control") != "no-store" || got.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", name, got.header)
		}
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	query := func(parameters ...string) string {
		v := url.Values{}
		for i := 0; i < len(parameters); i += 2 {
			v.Set(parameters[i], parameters[i+1])
		}
		return "/graphql?" + v.Encode()
	}
	typed := []string{"Content-Type", "application/json"}
	filled := func(bytes int) string {
		const around = `{"query":"{__typename}","extensions":{"x":""}}`
		return `{"query":"{__typename}","extensions":{"x":"` + strings.Repeat("x", bytes-len(around)) + `"}}`
	}
	for _, c := range []struct {
		name                 string
		method, target, body string
		header               []string
		status               int
		code                 string
	}{
		{"a query", "POST", "/graphql", `{"query":"{__typename}"}`, typed, 200, ""},
		{"a query in UTF-8", "POST", "/graphql", `{"query":"{__typename}"}`, []string{"Content-Type", `application/json; charset="UTF-8"`}, 200, ""},
		{"everything null but the query", "POST", "/graphql", `{"query":"{__typename}","operationName":null,"variables":null,"extensions":null}`, typed, 200, ""},
		{"one of two operations", "POST", "/graphql", `{"query":"query A{__typename} query B{viewer{id}}","operationName":"A"}`, typed, 200, ""},
		{"members that nobody knows", "POST", "/graphql", `{"query":"{__typename}","foo":1}`, typed, 200, ""},
		{"a query by GET", "GET", query("query", "{__typename}"), "", nil, 200, ""},
		{"a query by GET, with all it may have", "GET", query("query", `query Q($id:ID!){node(id:$id){id}}`, "operationName", "Q", "variables", `{"id":"x"}`, "extensions", `{}`), "", nil, 200, ""},
		{"a query by HEAD", "HEAD", query("query", "{__typename}"), "", nil, 200, ""},
		{"as many bytes as allowed", "POST", "/graphql", filled(1 << 20), typed, 200, ""},

		{"one byte more", "POST", "/graphql", filled(1<<20 + 1), typed, 413, "TOO_LARGE"},
		{"no query", "POST", "/graphql", `{}`, typed, 400, "BAD_REQUEST"},
		{"an empty query", "POST", "/graphql", `{"query":""}`, typed, 400, "BAD_REQUEST"},
		{"nothing", "POST", "/graphql", ``, typed, 400, "BAD_REQUEST"},
		{"null", "POST", "/graphql", `null`, typed, 400, "BAD_REQUEST"},
		{"a batch", "POST", "/graphql", `[{"query":"{__typename}"}]`, typed, 400, "BAD_REQUEST"},
		{"two requests", "POST", "/graphql", `{"query":"{__typename}"}{"query":"{__typename}"}`, typed, 400, "BAD_REQUEST"},
		{"half a request", "POST", "/graphql", `{"query":"{__typename}"`, typed, 400, "BAD_REQUEST"},
		{"no UTF-8", "POST", "/graphql", "{\"query\":\"{__typename}\",\"operationName\":\"\xff\"}", typed, 400, "BAD_REQUEST"},
		{"a query that is no text", "POST", "/graphql", `{"query":{}}`, typed, 400, "BAD_REQUEST"},
		{"variables that are no object", "POST", "/graphql", `{"query":"{__typename}","variables":[]}`, typed, 400, "BAD_REQUEST"},
		{"extensions that are no object", "POST", "/graphql", `{"query":"{__typename}","extensions":"x"}`, typed, 400, "BAD_REQUEST"},
		{"text", "POST", "/graphql", `{"query":"{__typename}"}`, []string{"Content-Type", "text/plain"}, 400, "BAD_REQUEST"},
		{"no type", "POST", "/graphql", `{"query":"{__typename}"}`, nil, 400, "BAD_REQUEST"},
		{"a form", "POST", "/graphql", `query={__typename}`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 400, "BAD_REQUEST"},
		{"another character set", "POST", "/graphql", `{"query":"{__typename}"}`, []string{"Content-Type", "application/json; charset=latin1"}, 415, "BAD_REQUEST"},
		{"PUT", "PUT", "/graphql", `{"query":"{__typename}"}`, typed, 405, "BAD_REQUEST"},
		{"DELETE", "DELETE", "/graphql", ``, nil, 405, "BAD_REQUEST"},
		{"GET without a query", "GET", "/graphql", "", nil, 400, "BAD_REQUEST"},
		{"GET with broken escapes", "GET", "/graphql?query=%zz", "", nil, 400, "BAD_REQUEST"},
		{"GET with variables that are no JSON", "GET", query("query", "{__typename}", "variables", "{"), "", nil, 400, "BAD_REQUEST"},
		{"GET with extensions that are no object", "GET", query("query", "{__typename}", "extensions", "[]"), "", nil, 400, "BAD_REQUEST"},
		{"a mutation by GET", "GET", query("query", "mutation{logOut{sessionId}}"), "", nil, 406, "BAD_REQUEST"},
		{"a mutation among queries by GET", "GET", query("query", "query A{__typename} mutation B{logOut{sessionId}}", "operationName", "B"), "", nil, 406, "BAD_REQUEST"},
		{"a subscription by GET", "GET", query("query", `subscription{roomSignals(room:"x"){__typename}}`), "", nil, 406, "BAD_REQUEST"},
		{"a mutation by HEAD", "HEAD", query("query", "mutation{logOut{sessionId}}"), "", nil, 406, "BAD_REQUEST"},

		{"what does not parse", "POST", "/graphql", `{"query":"{"}`, typed, 400, "BAD_REQUEST"},
		{"what does not fit", "POST", "/graphql", `{"query":"{foo}"}`, typed, 400, "BAD_REQUEST"},
		{"no operation", "POST", "/graphql", `{"query":"fragment F on Query{__typename}"}`, typed, 400, "BAD_REQUEST"},
		{"no such operation", "POST", "/graphql", `{"query":"query A{__typename}","operationName":"B"}`, typed, 400, "BAD_REQUEST"},
		{"which of two", "POST", "/graphql", `{"query":"query A{__typename} query B{__typename}"}`, typed, 400, "BAD_REQUEST"},
		{"a variable that is missing", "POST", "/graphql", `{"query":"query($id:ID!){node(id:$id){id}}"}`, typed, 400, "BAD_REQUEST"},
		{"a variable that is null", "POST", "/graphql", `{"query":"query($id:ID!){node(id:$id){id}}","variables":{"id":null}}`, typed, 400, "BAD_REQUEST"},
		{"a variable of a wrong type", "POST", "/graphql", `{"query":"query($id:ID!){node(id:$id){id}}","variables":{"id":{}}}`, typed, 400, "BAD_REQUEST"},
		{"a number beyond 64 bits as an int", "POST", "/graphql", `{"query":"query($n:Int!){viewer{rooms(first:$n){nodes{id}}}}","variables":{"n":99999999999999999999}}`, typed, 400, "BAD_REQUEST"},
		{"a subscription", "POST", "/graphql", `{"query":"subscription{roomSignals(room:\"x\"){__typename}}"}`, typed, 400, "UNAUTHENTICATED"},
		{"a subscription of nothing", "POST", "/graphql", `{"query":"subscription{roomSignals(room:\"x\") @skip(if:true){__typename}}"}`, typed, 400, "BAD_REQUEST"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, &fakeVerbs{Verbs: service.New(service.Parts{Now: time.Now})})
			verbs := a.verbs.(*fakeVerbs)
			verbs.node = func(context.Context, service.Asker, omarty.ID) (omarty.Node, error) {
				return nil, omarty.Errorf(omarty.CodeNotFound, "It does not exist.")
			}
			got := a.do(t, request(c.method, c.target, c.body, append(c.header, "Accept", takesResponse)...))
			if got.status != c.status || got.code(t) != c.code {
				t.Errorf("%d %q, want %d %q: %.300s", got.status, got.code(t), c.status, c.code, got.body)
			}
			if len(got.body) > 4000 {
				t.Errorf("an answer of %d bytes", len(got.body))
			}
			if c.code != "" && got.has(t, "data") {
				t.Errorf("what did not run has data: %s", got.body)
			}
			if allow := got.header.Get("Allow"); (c.status == 405) != (allow == "GET, POST") {
				t.Errorf("Allow: %q", allow)
			}

			// Who takes JSON alone reads from the body what is wrong with a document; a
			// request that is none, and a fault of the method, have a status all the same.
			a = newAPI(t, verbs)
			same := a.do(t, request(c.method, c.target, c.body, append(c.header, "Accept", takesJSON)...))
			if same.body != got.body {
				t.Errorf("as JSON the answer is %s", same.body)
			}
		})
	}
}

// A value that does not fit its type is the client's fault, wherever it stands and
// whoever notices.
func TestValuesThatDoNotFit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, query, variables string }{
		{"an int beyond 64 bits", `{viewer{rooms(first:99999999999999999999){nodes{id}}}}`, `{}`},
		{"a cursor that is an object", `{viewer{rooms(after:{x:1}){nodes{id}}}}`, `{}`},
		{"a cursor beyond 64 bits", `{viewer{rooms(after:99999999999999999999){nodes{id}}}}`, `{}`},
		{"a cursor beyond 64 bits in a list", `{viewer{rooms(after:[99999999999999999999]){nodes{id}}}}`, `{}`},
		{"a cursor beyond all floats", `{viewer{rooms(after:1e999){nodes{id}}}}`, `{}`},
		{"a cursor beyond 64 bits where it is skipped", `{viewer{rooms(after:99999999999999999999) @skip(if:true){nodes{id}}}}`, `{}`},
		{"a moment beyond 64 bits", `{room(id:"x"){messagesAround(at:99999999999999999999){nodes{id}}}}`, `{}`},
		{"a moment beyond 64 bits in an input", `mutation{createInvitation(input:{building:"x",expiresAt:99999999999999999999}){invitation{id}}}`, `{}`},
		{"a moment beyond 64 bits by default", `query($t:Time=99999999999999999999){room(id:"x"){messagesAround(at:$t){nodes{id}}}}`, `{}`},
		{"a moment that is none", `mutation($t:Time){createInvitation(input:{building:"x",expiresAt:$t}){invitation{id}}}`, `{"t":"x"}`},
		{"a moment that is a number", `mutation($t:Time){createInvitation(input:{building:"x",expiresAt:$t}){invitation{id}}}`, `{"t":1}`},
		{"a file beyond 64 bits", `mutation{uploadAttachment(file:99999999999999999999){attachment{id}}}`, `{}`},
		{"a file that is text", `mutation($f:Upload!){uploadAttachment(file:$f){attachment{id}}}`, `{"f":"x"}`},
		{"an enum in small letters", `mutation($c:Contact!){requestVerification(contact:$c){expiresAt}}`, `{"c":"email"}`},
		{"an enum that is a number", `mutation($c:Contact!){requestVerification(contact:$c){expiresAt}}`, `{"c":1}`},
		{"an id that is an object", `query($id:ID!){node(id:$id){id}}`, `{"id":{}}`},
		{"an int that is a fraction", `mutation($n:Int!){markRead(room:"x",seq:$n){room{id}}}`, `{"n":1.5}`},
		{"an int with an exponent", `mutation($n:Int!){markRead(room:"x",seq:$n){room{id}}}`, `{"n":1e999}`},
		{"a float beyond all floats", `mutation($x:Float){logIn(input:{login:"a",password:"b",longitude:$x}){token}}`, `{"x":1e999}`},
		{"an input that is a list", `mutation($i:LogInInput!){logIn(input:$i){token}}`, `{"i":[]}`},
		{"an input in an input that is text", `mutation($i:CreateBuildingInput!){createBuilding(input:$i){building{id}}}`, `{"i":{"name":"x","apartments":["x"]}}`},
		{"a field of an input that no input has", `mutation($i:LogInInput!){logIn(input:$i){token}}`, `{"i":{"login":"a","password":"b","__typename":"LogInInput"}}`},
		{"an int that is text", `mutation($n:Int!){markRead(room:"x",seq:$n){room{id}}}`, `{"n":"1"}`},
		{"a boolean that is text", `mutation($b:Boolean!){setTyping(room:"x",active:$b){roomId}}`, `{"b":"true"}`},
		{"text that is a number", `mutation($p:String!){eraseAccount(password:$p){userId}}`, `{"p":1011223344}`},
		{"text in an input that is a number", `mutation($i:RegisterInput!){register(input:$i){user{id}}}`, `{"i":{"phone":1011223344,"email":"a","password":"b","confirmPassword":"b","name":"c"}}`},
		{"null in a list of ids", `mutation($u:[ID!]!){addParticipants(room:"x",users:$u){room{id}}}`, `{"u":[null]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, accept := range []string{takesJSON, takesResponse} {
				a := newAPI(t, withAccount(monasAccount))
				got := a.post(t, `{"query":`+mustJSON(t, c.query)+`,"variables":`+c.variables+`}`, "Accept", accept, "Authorization", "Bearer good")
				if got.code(t) != "BAD_REQUEST" || got.status >= 500 {
					t.Errorf("%d %q, want BAD_REQUEST: %.300s", got.status, got.code(t), got.body)
				}
				if a.log.String() != "" {
					t.Errorf("the log tells of it: %.300s", a.log)
				}
			}
		})
	}
}

func TestStatusForClientsOfJSON(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeVerbs{})
	for body, want := range map[string]int{
		`{"query":"{"}`:     200,
		`{"query":"{foo}"}`: 200,
		`{"query":"query A{__typename}","operationName":"B"}`: 200,
		`{"query":"query($id:ID!){node(id:$id){id}}"}`:        200,
		`{}`: 400,
		`{`:  400,
	} {
		if got := a.post(t, body); got.status != want || got.code(t) != "BAD_REQUEST" {
			t.Errorf("%s: %d, want %d: %s", body, got.status, want, got.body)
		}
	}
}

// A page of another site can send GET and HEAD without asking first.
func TestOnlyPOSTWrites(t *testing.T) {
	t.Parallel()
	const document = `mutation{register(input:{phone:"1",email:"2",password:"3",confirmPassword:"3",name:"4"}){user{id}}}`
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "TRACE"} {
		registered := false
		a := newAPI(t, &fakeVerbs{register: func(context.Context, service.Asker, service.Registration) (omarty.User, error) {
			registered = true
			return omarty.User{ID: mona}, nil
		}})
		a.do(t, request(method, "/graphql?query="+url.QueryEscape(document), "", "Content-Type", "application/json"))
		if registered {
			t.Errorf("%s ran a mutation", method)
		}
	}
}

func TestPersistedQueries(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeVerbs{})
	const (
		document = `{__typename}`
		hash     = "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38"
	)
	ask := func(query, hash string, version int) answer {
		body := map[string]any{"extensions": map[string]any{"persistedQuery": map[string]any{"version": version, "sha256Hash": hash}}}
		if query != "" {
			body["query"] = query
		}
		return a.post(t, mustJSON(t, body), "Accept", takesResponse)
	}
	for _, c := range []struct {
		name, query, hash string
		version, status   int
		code              string
	}{
		{"unknown", "", hash, 1, 200, "PERSISTED_QUERY_NOT_FOUND"},
		{"another's hash", document, strings.Repeat("0", 64), 1, 400, "BAD_REQUEST"},
		{"still unknown", "", hash, 1, 200, "PERSISTED_QUERY_NOT_FOUND"},
		{"sent with it", document, hash, 1, 200, ""},
		{"known", "", hash, 1, 200, ""},
		{"known, another version", "", hash, 2, 400, "BAD_REQUEST"},
	} {
		got := ask(c.query, c.hash, c.version)
		if got.status != c.status || got.code(t) != c.code {
			t.Errorf("%s: %d %q, want %d %q: %s", c.name, got.status, got.code(t), c.status, c.code, got.body)
		}
		if (c.code == "") != got.has(t, "data") {
			t.Errorf("%s: %s", c.name, got.body)
		}
	}
	if got := ask("", "x", 1).errorOf(t).Message; got != "PersistedQueryNotFound" {
		t.Errorf("clients know it by another message than %q", got)
	}
	for _, extension := range []string{`"x"`, `[]`, `1`, `{"version":"1"}`, `{"sha256Hash":{}}`} {
		got := a.post(t, `{"query":"{__typename}","extensions":{"persistedQuery":`+extension+`}}`, "Accept", takesResponse)
		if got.status != 400 || got.code(t) != "BAD_REQUEST" {
			t.Errorf("persistedQuery %s: %d %s", extension, got.status, got.body)
		}
	}
}

func TestWhoAsks(t *testing.T) {
	t.Parallel()
	var tokens []omarty.Token
	var asker service.Asker
	verbs := &fakeVerbs{
		authenticate: func(_ context.Context, token omarty.Token) (service.Asker, error) {
			tokens = append(tokens, token)
			return service.Asker{User: mona, Session: device}, nil
		},
		node: func(_ context.Context, by service.Asker, _ omarty.ID) (omarty.Node, error) {
			asker = by
			return nil, nil
		},
	}
	for _, c := range []struct {
		authorization string
		want          omarty.Token
	}{
		{"", ""},
		{"Bearer abc", "abc"},
		{"bearer abc", "abc"},
		{"BEARER  abc ", "abc"},
		{"Basic abc", ""},
		{"abc", ""},
		{"Bearer", ""},
	} {
		tokens, asker = nil, service.Asker{}
		a := newAPI(t, verbs)
		r := request("POST", "/graphql", `{"query":"{node(id:\"x\"){id}}"}`, "Content-Type", "application/json",
			"X-Forwarded-For", "203.0.113.9", "X-Real-Ip", "203.0.113.9", "Forwarded", "for=203.0.113.9")
		r.RemoteAddr = "198.51.100.7:4711"
		if c.authorization != "" {
			r.Header.Set("Authorization", c.authorization)
		}
		a.do(t, r)
		want := service.Asker{Address: netip.MustParseAddr("198.51.100.7")}
		if c.want != "" {
			want.User, want.Session = mona, device
		}
		if asker != want {
			t.Errorf("%q: asked by %+v, want %+v", c.authorization, asker, want)
		}
		if c.want == "" && tokens != nil || c.want != "" && !slices.Equal(tokens, []omarty.Token{c.want}) {
			t.Errorf("%q: tokens %q", c.authorization, tokens)
		}
	}
}

// Whatever JSON a client posts, it gets one answer of the contract's.
func FuzzReadJSON(f *testing.F) {
	for _, seed := range []string{
		`{"query":"{__typename}"}`,
		`{"query":"query Q($id:ID!){node(id:$id){id}}","operationName":"Q","variables":{"id":"user_00"},"extensions":{}}`,
		`{"query":"mutation($i:RegisterInput!){register(input:$i){user{id}}}","variables":{"i":{"phone":"1","email":"2","password":"3","confirmPassword":"3","name":"4","longitude":1e3}}}`,
		`{"query":"{viewer{rooms(first:3,after:\"x\"){nodes{...F}}}} fragment F on Room{id}"}`,
		`{"query":"{viewer{rooms(after:99999999999999999999){nodes{id}}}}"}`,
		`{"query":"subscription{roomSignals(room:\"x\"){__typename}}"}`,
		`{"query":"mutation($f:Upload!){uploadAttachment(file:$f){attachment{id}}}","variables":{"f":{}}}`,
		`{"query":"{room(id:\"x\"){messagesAround(at:\"2026-11-23T08:15:30Z\"){nodes{id}}}}"}`,
		`{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"x"}}}`,
		`{"query":null}`, `[]`, `null`, `{"query":"{__typename}"}x`, "\xff", `{"query":"\ud800"}`,
	} {
		f.Add([]byte(seed))
	}
	a := newAPI(f, harmless())
	f.Fuzz(func(t *testing.T, body []byte) {
		params, problem := readJSON(body)
		if (params == nil) == (problem == nil) {
			t.Fatalf("params %v, problem %v", params, problem)
		}
		if params != nil {
			if !utf8.ValidString(params.Query) || !utf8.ValidString(params.OperationName) {
				t.Errorf("no UTF-8: %q, %q", params.Query, params.OperationName)
			}
			if _, persisted := params.Extensions["persistedQuery"]; params.Query == "" && !persisted {
				t.Error("neither a query nor the hash of one")
			}
		}
		expectAnswer(t, a, a.post(t, string(body), "Accept", takesResponse))
	})
}
