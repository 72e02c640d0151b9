package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeVerbs answers what a test says; what it does not say is a nil pointer that
// panics. Without a word of who asks, it knows one token: "good", which is Mona's.
type fakeVerbs struct {
	Verbs
	authenticate func(context.Context, omarty.Token) (service.Asker, error)
	register     func(context.Context, service.Asker, service.Registration) (omarty.User, error)
	logIn        func(context.Context, service.Asker, service.LogIn) (service.SignedIn, error)
	account      func(context.Context, service.Asker) (omarty.Account, error)
	node         func(context.Context, service.Asker, omarty.ID) (omarty.Node, error)
	sessions     func(context.Context, service.Asker) ([]omarty.Session, error)
}

func (v *fakeVerbs) Spend(service.Asker, int) error { return nil }

func (v *fakeVerbs) Authenticate(ctx context.Context, token omarty.Token) (service.Asker, error) {
	if v.authenticate != nil {
		return v.authenticate(ctx, token)
	}
	if token == "good" {
		return service.Asker{User: mona, Session: device}, nil
	}
	return service.Asker{}, nil
}

func (v *fakeVerbs) Register(ctx context.Context, by service.Asker, in service.Registration) (omarty.User, error) {
	return v.register(ctx, by, in)
}

func (v *fakeVerbs) LogIn(ctx context.Context, by service.Asker, in service.LogIn) (service.SignedIn, error) {
	return v.logIn(ctx, by, in)
}

func (v *fakeVerbs) Account(ctx context.Context, by service.Asker) (omarty.Account, error) {
	return v.account(ctx, by)
}

func (v *fakeVerbs) Upload(context.Context, service.Asker, string, io.Reader) (omarty.File, error) {
	return omarty.File{}, omarty.Errorf(omarty.CodeForbidden, "You may not do that.")
}

func (v *fakeVerbs) Node(ctx context.Context, by service.Asker, id omarty.ID) (omarty.Node, error) {
	return v.node(ctx, by, id)
}

func (v *fakeVerbs) Sessions(ctx context.Context, by service.Asker) ([]omarty.Session, error) {
	return v.sessions(ctx, by)
}

var (
	mona   = omarty.ID{Kind: omarty.KindUser, Row: [16]byte{1}}
	device = omarty.ID{Kind: omarty.KindSession, Row: [16]byte{2}}
)

// withAccount is verbs of which the account reads as given.
func withAccount(account func() (omarty.Account, error)) *fakeVerbs {
	return &fakeVerbs{account: func(context.Context, service.Asker) (omarty.Account, error) { return account() }}
}

func monasAccount() (omarty.Account, error) {
	return omarty.Account{User: omarty.User{ID: mona, Name: "Mona"}, Session: device}, nil
}

// log is a log in memory.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

type testAPI struct {
	*API
	log *log
}

func withoutIntrospection(o *Options) { o.Introspection = false }

func newAPI(t testing.TB, verbs Verbs, options ...func(*Options)) testAPI {
	t.Helper()
	written := &log{}
	o := Options{
		Introspection: true,
		Log:           slog.New(slog.NewJSONHandler(written, &slog.HandlerOptions{Level: slog.LevelDebug})),
		RequestID:     func(context.Context) string { return "the-request" },
	}
	for _, option := range options {
		option(&o)
	}
	return testAPI{New(verbs, o), written}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a testAPI) do(t testing.TB, r *http.Request) answer {
	t.Helper()
	defer func() {
		if v := recover(); v != nil {
			t.Fatalf("the handler panics: %v", v)
		}
	}()
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

// request makes a request; header is names and values in turn.
func request(method, target, body string, header ...string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func (a testAPI) post(t testing.TB, body string, header ...string) answer {
	t.Helper()
	return a.do(t, request("POST", "/graphql", body, append([]string{"Content-Type", "application/json"}, header...)...))
}

func (a answer) mustDecode(t testing.TB, target any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), target); err != nil {
		t.Fatalf("the answer is no JSON: %v: %.300s", err, a.body)
	}
}

// has tells whether the answer has a key.
func (a answer) has(t testing.TB, key string) bool {
	t.Helper()
	var keys map[string]json.RawMessage
	a.mustDecode(t, &keys)
	_, ok := keys[key]
	return ok
}

// toldError is an error as a client gets it.
type toldError struct {
	Message    string
	Path       []any
	Extensions map[string]any
}

// errorOf gives the answer's first error, empty where it has none.
func (a answer) errorOf(t testing.TB) toldError {
	t.Helper()
	var all struct{ Errors []toldError }
	a.mustDecode(t, &all)
	if len(all.Errors) == 0 {
		return toldError{}
	}
	return all.Errors[0]
}

func (a answer) code(t testing.TB) string {
	t.Helper()
	code, _ := a.errorOf(t).Extensions["code"].(string)
	return code
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const (
	takesResponse = "application/graphql-response+json"
	takesJSON     = "application/json"
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

// secret stands for what only the log may hold.
const secret = "the-disk-is-full-at-10.0.0.7"

func TestFaultsAreToldToTheLogAlone(t *testing.T) {
	t.Parallel()
	account := `{"query":"{viewer{id}}"}`
	for _, c := range []struct {
		name   string
		verbs  *fakeVerbs
		body   string
		logged []string // what the log has, beside the request's path
		data   string
	}{
		{
			"an error of a verb",
			withAccount(func() (omarty.Account, error) { return omarty.Account{}, errors.New(secret) }),
			account,
			[]string{secret},
			`{"viewer":null}`,
		},
		{
			"an error in an error",
			withAccount(func() (omarty.Account, error) { return omarty.Account{}, fmt.Errorf("read: %w", errors.New(secret)) }),
			account,
			[]string{"read: " + secret},
			`{"viewer":null}`,
		},
		{
			"an error that a verb calls INTERNAL",
			withAccount(func() (omarty.Account, error) {
				return omarty.Account{}, &omarty.Error{Code: omarty.CodeInternal, Message: secret}
			}),
			account,
			[]string{secret},
			`{"viewer":null}`,
		},
		{
			"a panic",
			withAccount(func() (omarty.Account, error) { panic(secret) }),
			account,
			[]string{secret, "goroutine ", "http_test.go"},
			`{"viewer":null}`,
		},
		{
			"a panic with an error",
			withAccount(func() (omarty.Account, error) { panic(errors.New(secret)) }),
			account,
			[]string{secret, "goroutine "},
			`{"viewer":null}`,
		},
		{
			"a panic of a verb of this door's own kind",
			withAccount(func() (omarty.Account, error) { panic(omarty.Errorf(omarty.CodeNotFound, secret)) }),
			account,
			[]string{secret, "goroutine "},
			`{"viewer":null}`,
		},
		{
			"a panic in a mutation",
			&fakeVerbs{logIn: func(context.Context, service.Asker, service.LogIn) (service.SignedIn, error) { panic(secret) }},
			`{"query":"mutation{logIn(input:{login:\"a\",password:\"b\"}){token}}"}`,
			[]string{secret, "goroutine "},
			`null`,
		},
		{
			"a panic below the root",
			func() *fakeVerbs {
				v := withAccount(monasAccount)
				v.sessions = func(context.Context, service.Asker) ([]omarty.Session, error) { panic(secret) }
				return v
			}(),
			`{"query":"{viewer{sessions{id}}}"}`,
			[]string{secret, "goroutine "},
			`{"viewer":null}`,
		},
		{
			"a node of a kind that the schema does not know",
			&fakeVerbs{node: func(context.Context, service.Asker, omarty.ID) (omarty.Node, error) { return strangeNode{}, nil }},
			`{"query":"{node(id:\"x\"){id}}"}`,
			[]string{"strangeNode"},
			`{"node":null}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for accept, status := range map[string]int{takesJSON: 200, takesResponse: 200} {
				a := newAPI(t, c.verbs)
				got := a.post(t, c.body, "Accept", accept, "Authorization", "Bearer good")
				want := map[string]any{"code": "INTERNAL", "requestId": "the-request"}
				if diff := cmp.Diff(want, got.errorOf(t).Extensions); diff != "" {
					t.Errorf("extensions (-want +got):\n%s", diff)
				}
				if got.status != status || !strings.HasSuffix(got.body, `"data":`+c.data+`}`) {
					t.Errorf("%d, want %d, with data %s: %s", got.status, status, c.data, got.body)
				}
				for _, part := range []string{secret, "panic", "goroutine", ".go", "strange"} {
					if strings.Contains(got.body, part) {
						t.Errorf("the answer tells the cause: %s", got.body)
					}
				}
				for _, part := range c.logged {
					if !strings.Contains(a.log.String(), part) {
						t.Errorf("the log has no %q:\n%s", part, a.log)
					}
				}
			}
		})
	}
}

type strangeNode struct{}

func (strangeNode) IsNode() {}

func TestFailuresThatVerbsPromise(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		err  *omarty.Error
		want map[string]any
	}{
		{"a code", omarty.Errorf(omarty.CodeConflict, "It is so."), map[string]any{"code": "CONFLICT"}},
		{"a field", omarty.Errorf(omarty.CodeEmailTaken, "It is so.").At("input.email"), map[string]any{"code": "EMAIL_TAKEN", "field": "input.email"}},
		{"a length", &omarty.Error{Code: omarty.CodeInvalidInput, Message: "It is so.", Field: "input.name", MaxLength: 100}, map[string]any{"code": "INVALID_INPUT", "field": "input.name", "maxLength": 100.0}},
		{"a second to wait", &omarty.Error{Code: omarty.CodeRateLimited, Message: "It is so.", RetryAfter: time.Second}, map[string]any{"code": "RATE_LIMITED", "retryAfter": 1.0}},
		{"a little more to wait", &omarty.Error{Code: omarty.CodeRateLimited, Message: "It is so.", RetryAfter: time.Second + 1}, map[string]any{"code": "RATE_LIMITED", "retryAfter": 2.0}},
		{"next to nothing to wait", &omarty.Error{Code: omarty.CodeRateLimited, Message: "It is so.", RetryAfter: 1}, map[string]any{"code": "RATE_LIMITED", "retryAfter": 1.0}},
		{"a minute and a half to wait", &omarty.Error{Code: omarty.CodeRateLimited, Message: "It is so.", RetryAfter: 90*time.Second - 1}, map[string]any{"code": "RATE_LIMITED", "retryAfter": 90.0}},
		{"a cause", &omarty.Error{Code: omarty.CodeUnavailable, Message: "It is so.", Cause: errors.New(secret)}, map[string]any{"code": "UNAVAILABLE"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, err := range []error{c.err, fmt.Errorf("on the way: %w", c.err)} {
				a := newAPI(t, &fakeVerbs{register: func(context.Context, service.Asker, service.Registration) (omarty.User, error) {
					return omarty.User{}, err
				}})
				got := a.post(t, `{"query":"mutation{register(input:{phone:\"1\",email:\"2\",password:\"3\",confirmPassword:\"3\",name:\"4\"}){user{id}}}"}`)
				e := got.errorOf(t)
				if diff := cmp.Diff(c.want, e.Extensions); diff != "" {
					t.Errorf("extensions (-want +got):\n%s", diff)
				}
				if e.Message != "It is so." || !cmp.Equal(e.Path, []any{"register"}) || got.status != 200 {
					t.Errorf("%d %s", got.status, got.body)
				}
				if strings.Contains(got.body, secret) || (c.err.Cause != nil) != strings.Contains(a.log.String(), secret) {
					t.Errorf("the cause is for the log alone: %s; log: %s", got.body, a.log)
				}
			}
		})
	}
}

func TestWhenNobodyCanTellWhoAsks(t *testing.T) {
	t.Parallel()
	unavailable := &omarty.Error{Code: omarty.CodeUnavailable, Message: "The service cannot answer now; try again.", Cause: errors.New(secret)}
	for _, c := range []struct {
		name         string
		authenticate func() (service.Asker, error)
		accept       string
		status       int
		extensions   map[string]any
	}{
		{"the database is away", func() (service.Asker, error) { return service.Asker{}, unavailable }, takesResponse, 503, map[string]any{"code": "UNAVAILABLE"}},
		{"the database is away, for clients of JSON", func() (service.Asker, error) { return service.Asker{}, unavailable }, takesJSON, 200, map[string]any{"code": "UNAVAILABLE"}},
		{"a fault", func() (service.Asker, error) { return service.Asker{}, errors.New(secret) }, takesResponse, 500, map[string]any{"code": "INTERNAL", "requestId": "the-request"}},
		{"a fault, for clients of JSON", func() (service.Asker, error) { return service.Asker{}, errors.New(secret) }, takesJSON, 200, map[string]any{"code": "INTERNAL", "requestId": "the-request"}},
		{"a panic", func() (service.Asker, error) { panic(secret) }, takesResponse, 500, map[string]any{"code": "INTERNAL", "requestId": "the-request"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, &fakeVerbs{authenticate: func(context.Context, omarty.Token) (service.Asker, error) { return c.authenticate() }})
			got := a.post(t, `{"query":"{viewer{id}}"}`, "Accept", c.accept, "Authorization", "Bearer x")
			if diff := cmp.Diff(c.extensions, got.errorOf(t).Extensions); diff != "" || got.status != c.status {
				t.Errorf("%d, want %d; extensions (-want +got):\n%s", got.status, c.status, diff)
			}
			if got.has(t, "data") || strings.Contains(got.body, secret) || !strings.Contains(a.log.String(), secret) {
				t.Errorf("answer %s; log %s", got.body, a.log)
			}
		})
	}
}

// What ran has data, null too, and a status that says so; what did not run has
// none.
func TestDataIsThereWhereTheOperationRan(t *testing.T) {
	t.Parallel()
	away := func() (omarty.Account, error) {
		return omarty.Account{}, omarty.Errorf(omarty.CodeUnavailable, "Later.")
	}
	for _, c := range []struct {
		name, query, data string
		verbs             *fakeVerbs
	}{
		{"nobody's viewer", `{viewer{id}}`, `{"data":{"viewer":null}}`, withAccount(monasAccount)},
		{"a field that cannot answer now", `{viewer{id} __typename}`, `"data":{"viewer":null,"__typename":"Query"}}`, withAccount(away)},
		{"a mutation that is not there yet", `mutation{leaveRoom(room:\"x\"){roomId}}`, `"data":null}`, withAccount(monasAccount)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, c.verbs)
			header := []string{"Accept", takesResponse}
			if c.name != "nobody's viewer" {
				header = append(header, "Authorization", "Bearer good")
			}
			got := a.post(t, `{"query":"`+c.query+`"}`, header...)
			if got.status != 200 || !strings.HasSuffix(got.body, c.data) {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
}

// A phone that lost its network is gone before its answer; that is no fault.
func TestClientsThatLeave(t *testing.T) {
	t.Parallel()
	for _, query := range []string{`{__typename}`, `{viewer{id}}`, `mutation{logOut{sessionId}}`, `{`} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, withAccount(monasAccount))
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			a.do(t, request("POST", "/graphql", `{"query":"`+query+`"}`, "Content-Type", "application/json").WithContext(ctx))
			if strings.Contains(a.log.String(), "fault") {
				t.Errorf("the log tells of a fault: %s", a.log)
			}
		})
	}
}

func TestAnswersAreWrittenAsTheyAre(t *testing.T) {
	t.Parallel()
	a := newAPI(t, withAccount(func() (omarty.Account, error) {
		account, err := monasAccount()
		account.User.Name = `<منى & "Mona">`
		return account, err
	}))
	got := a.post(t, `{"query":"{viewer{user{name}}}"}`, "Authorization", "Bearer good")
	if want := `{"data":{"viewer":{"user":{"name":"<منى & \"Mona\">"}}}}`; got.body != want {
		t.Errorf("%s, want %s", got.body, want)
	}
}

func TestAFewErrorsAreTold(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeVerbs{})
	var fields strings.Builder
	for i := range 300 {
		fmt.Fprintf(&fields, "f%d ", i)
	}
	got := a.post(t, `{"query":"{`+fields.String()+`}"}`)
	var all struct{ Errors []any }
	got.mustDecode(t, &all)
	if len(all.Errors) != maxErrors {
		t.Errorf("%d errors", len(all.Errors))
	}
}

// part is one of a multipart request.
type part struct{ name, filename, contentType, content string }

func form(t testing.TB, parts ...part) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		h := textproto.MIMEHeader{}
		disposition := fmt.Sprintf(`form-data; name=%q`, p.name)
		if p.filename != "" {
			disposition += fmt.Sprintf(`; filename=%q`, p.filename)
		}
		h.Set("Content-Disposition", disposition)
		if p.contentType != "" {
			h.Set("Content-Type", p.contentType)
		}
		at, err := w.CreatePart(h)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(at, p.content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.FormDataContentType()
}

// places tells where uploads are among the variables, and what they are.
func places(path string, v any) []string {
	switch v := v.(type) {
	case map[string]any:
		var found []string
		for _, name := range slices.Sorted(func(yield func(string) bool) {
			for name := range v {
				if !yield(name) {
					return
				}
			}
		}) {
			found = append(found, places(path+"."+name, v[name])...)
		}
		return found
	case []any:
		var found []string
		for i, e := range v {
			found = append(found, places(fmt.Sprint(path, ".", i), e)...)
		}
		return found
	case graphql.Upload:
		content, _ := io.ReadAll(v.File)
		return []string{fmt.Sprintf("%s: %s %s %s", path[1:], v.Filename, v.ContentType, content)}
	}
	return nil
}

func boundaryOf(contentType string) string {
	_, parameters, _ := mime.ParseMediaType(contentType)
	return parameters["boundary"]
}

func TestMultipart(t *testing.T) {
	t.Parallel()
	const query = `"query":"mutation($f:Upload!){uploadAttachment(file:$f){attachment{id}}}"`
	operations := func(variables string) part {
		return part{"operations", "", "", `{` + query + `,"variables":` + variables + `}`}
	}
	where := func(text string) part { return part{"map", "", "", text} }
	hello := part{"0", "a.txt", "text/plain", "hello"}
	world := part{"1", "b.bin", "", "world"}
	manyNulls := `[` + strings.TrimSuffix(strings.Repeat("null,", 2000), ",") + `]`
	var manyPlaces []string
	for i := range 2000 {
		manyPlaces = append(manyPlaces, fmt.Sprintf("variables.f.%d", i))
	}
	for _, c := range []struct {
		name  string
		parts []part
		want  []string // nil for a refusal
	}{
		{"a file", []part{operations(`{"f":null}`), where(`{"0":["variables.f"]}`), hello}, []string{"f: a.txt text/plain hello"}},
		{"two files", []part{operations(`{"f":null,"g":null}`), where(`{"0":["variables.f"],"1":["variables.g"]}`), hello, world}, []string{"f: a.txt text/plain hello", "g: b.bin  world"}},
		{"files in another order", []part{operations(`{"f":null,"g":null}`), where(`{"0":["variables.f"],"1":["variables.g"]}`), world, hello}, []string{"f: a.txt text/plain hello", "g: b.bin  world"}},
		{"a file in two places", []part{operations(`{"f":null,"g":null}`), where(`{"0":["variables.f","variables.g"]}`), hello}, []string{"f: a.txt text/plain hello", "g: a.txt text/plain hello"}},
		{"a file in a list", []part{operations(`{"f":["x",null]}`), where(`{"0":["variables.f.1"]}`), hello}, []string{"f.1: a.txt text/plain hello"}},
		{"a file in an object in a list", []part{operations(`{"f":[{"g":null}]}`), where(`{"0":["variables.f.0.g"]}`), hello}, []string{"f.0.g: a.txt text/plain hello"}},
		{"a member whose name is a number", []part{operations(`{"f":{"0":null}}`), where(`{"0":["variables.f.0"]}`), hello}, []string{"f.0: a.txt text/plain hello"}},
		{"a file for nothing", []part{operations(`{"f":null}`), where(`{"0":[]}`), hello}, []string{}},
		{"an empty file", []part{operations(`{"f":null}`), where(`{"0":["variables.f"]}`), {"0", "a.txt", "text/plain", ""}}, []string{"f: a.txt text/plain "}},
		{"a file that nothing names", []part{operations(`{"f":null}`), where(`{"0":["variables.f"]}`), hello, {"2", "c", "", "x"}}, []string{"f: a.txt text/plain hello"}},
		{"no files", []part{operations(`{}`), where(`{}`)}, []string{}},
		{"the folder in a file's name", []part{operations(`{"f":null}`), where(`{"0":["variables.f"]}`), {"0", "../../etc/passwd", "", ""}}, []string{"f: passwd  "}},

		{"nothing at all", nil, nil},
		{"no operations", []part{where(`{"0":["variables.f"]}`), hello}, nil},
		{"map first", []part{where(`{}`), operations(`{}`)}, nil},
		{"no map", []part{operations(`{"f":null}`), hello}, nil},
		{"no file", []part{operations(`{"f":null}`), where(`{"0":["variables.f"]}`)}, nil},
		{"too few files", []part{operations(`{"f":null,"g":null}`), where(`{"0":["variables.f"],"1":["variables.g"]}`), hello}, nil},
		{"a file that is not the one named", []part{operations(`{"f":null}`), where(`{"0":["variables.f"]}`), world}, nil},
		{"a file twice", []part{operations(`{"f":null,"g":null}`), where(`{"0":["variables.f"],"1":["variables.g"]}`), hello, hello}, nil},
		{"operations that are no JSON", []part{{"operations", "", "", `{`}, where(`{}`)}, nil},
		{"operations that are null", []part{{"operations", "", "", `null`}, where(`{}`)}, nil},
		{"operations that are a batch", []part{{"operations", "", "", `[{` + query + `}]`}, where(`{}`)}, nil},
		{"operations without a query", []part{{"operations", "", "", `{}`}, where(`{}`)}, nil},
		{"a map that is no JSON", []part{operations(`{"f":null}`), where(`{"0":`), hello}, nil},
		{"a map that is a list", []part{operations(`{"f":null}`), where(`[]`), hello}, nil},
		{"a map to a path alone", []part{operations(`{"f":null}`), where(`{"0":"variables.f"}`), hello}, nil},
		{"a map to numbers", []part{operations(`{"f":null}`), where(`{"0":[0]}`), hello}, nil},
		{"a place that is not there", []part{operations(`{"f":null}`), where(`{"0":["variables.g"]}`), hello}, nil},
		{"a place below null", []part{operations(`{"f":null}`), where(`{"0":["variables.f.g"]}`), hello}, nil},
		{"a place below text", []part{operations(`{"f":"x"}`), where(`{"0":["variables.f.0"]}`), hello}, nil},
		{"a place that is taken", []part{operations(`{"f":"x"}`), where(`{"0":["variables.f"]}`), hello}, nil},
		{"a place that is taken, false", []part{operations(`{"f":false}`), where(`{"0":["variables.f"]}`), hello}, nil},
		{"a place that is taken, in a list", []part{operations(`{"f":[1]}`), where(`{"0":["variables.f.0"]}`), hello}, nil},
		{"one place for two files", []part{operations(`{"f":null}`), where(`{"0":["variables.f"],"1":["variables.f"]}`), hello, world}, nil},
		{"one place twice", []part{operations(`{"f":null}`), where(`{"0":["variables.f","variables.f"]}`), hello}, nil},
		{"beyond a list's end", []part{operations(`{"f":[null]}`), where(`{"0":["variables.f.1"]}`), hello}, nil},
		{"before a list's start", []part{operations(`{"f":[null]}`), where(`{"0":["variables.f.-1"]}`), hello}, nil},
		{"a name in a list", []part{operations(`{"f":[null]}`), where(`{"0":["variables.f.x"]}`), hello}, nil},
		{"no number that fits", []part{operations(`{"f":[null]}`), where(`{"0":["variables.f.99999999999999999999"]}`), hello}, nil},
		{"the variables themselves", []part{operations(`{"f":null}`), where(`{"0":["variables"]}`), hello}, nil},
		{"beside the variables", []part{operations(`{"f":null}`), where(`{"0":["query"]}`), hello}, nil},
		{"a request of a batch", []part{operations(`{"f":null}`), where(`{"0":["0.variables.f"]}`), hello}, nil},
		{"nowhere", []part{operations(`{"f":null}`), where(`{"0":[""]}`), hello}, nil},
		{"variables that are null", []part{operations(`null`), where(`{"0":["variables.f"]}`), hello}, nil},
		{"a file in very many places", []part{operations(`{"f":` + manyNulls + `}`), where(`{"0":` + mustJSON(t, append(manyPlaces, "variables.f.0")) + `}`), hello}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			body, contentType := form(t, c.parts...)
			r := request("POST", "/graphql", body, "Content-Type", contentType, "GraphQL-Require-Preflight", "1")
			params, done, problem := readMultipart(r, boundaryOf(contentType), &uploadLimits{left: maxBody, file: 100})
			defer done()
			if (problem == nil) != (c.want != nil) || (params == nil) != (c.want == nil) {
				t.Fatalf("params %+v, problem %+v", params, problem)
			}
			if problem != nil {
				if problem.status != 400 || problem.code != omarty.CodeBadRequest {
					t.Errorf("problem %+v", problem)
				}
				return
			}
			got := places("", params.Variables)
			if diff := cmp.Diff(c.want, append([]string{}, got...)); diff != "" {
				t.Errorf("uploads (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMultipartFromAnyPageIsRefused(t *testing.T) {
	t.Parallel()
	body, contentType := form(t,
		part{"operations", "", "", `{"query":"mutation($f:Upload!){uploadAttachment(file:$f){attachment{id}}}","variables":{"f":null}}`},
		part{"map", "", "", `{"0":["variables.f"]}`},
		part{"0", "a.txt", "", "hello"},
	)
	for _, c := range []struct {
		header []string
		code   string
	}{
		{nil, "BAD_REQUEST"},
		{[]string{"Origin", "https://evil.example"}, "BAD_REQUEST"},
		{[]string{"Cookie", "a=b"}, "BAD_REQUEST"},
		{[]string{"GraphQL-Require-Preflight", ""}, "BAD_REQUEST"},
		{[]string{"GraphQL-Require-Preflight", "1"}, "FORBIDDEN"},
		{[]string{"Apollo-Require-Preflight", "true"}, "FORBIDDEN"},
		{[]string{"X-Apollo-Operation-Name", "Upload"}, "FORBIDDEN"},
		{[]string{"Authorization", "Bearer good"}, "FORBIDDEN"},
	} {
		a := newAPI(t, withAccount(monasAccount))
		got := a.do(t, request("POST", "/graphql", body, append(c.header, "Content-Type", contentType)...))
		if got.code(t) != c.code {
			t.Errorf("%v: %q, want %q: %s", c.header, got.code(t), c.code, got.body)
		}
	}
}

func TestMultipartWithoutItsFrame(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeVerbs{})
	whole, contentType := form(t, part{"operations", "", "", `{"query":"{__typename}"}`}, part{"map", "", "", `{}`})
	large, contentTypeOfLarge := form(t, part{"operations", "", "", `{"query":"{__typename ` + strings.Repeat(" ", maxBody) + `}"}`}, part{"map", "", "", `{}`})
	for name, c := range map[string]struct{ body, contentType string }{
		"no boundary":      {whole, "multipart/form-data"},
		"another boundary": {whole, "multipart/form-data; boundary=x"},
		"cut off":          {whole[:len(whole)/2], contentType},
		"nothing":          {"", contentType},
		"too large":        {large, contentTypeOfLarge},
	} {
		got := a.do(t, request("POST", "/graphql", c.body, "Content-Type", c.contentType, "GraphQL-Require-Preflight", "1"))
		status, code := 400, "BAD_REQUEST"
		if name == "too large" {
			status, code = 413, "TOO_LARGE"
		}
		if got.status != status || got.code(t) != code {
			t.Errorf("%s: %d %s", name, got.status, got.body)
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

// harmless is verbs that find nothing, and let nobody in.
func harmless() *fakeVerbs {
	none := omarty.Errorf(omarty.CodeNotFound, "It does not exist.")
	return &fakeVerbs{
		register: func(context.Context, service.Asker, service.Registration) (omarty.User, error) {
			return omarty.User{}, none
		},
		logIn: func(context.Context, service.Asker, service.LogIn) (service.SignedIn, error) {
			return service.SignedIn{}, none
		},
		node: func(context.Context, service.Asker, omarty.ID) (omarty.Node, error) { return nil, none },
		// Who has no session comes to no tool of the others: there are none.
		Verbs: service.New(service.Parts{Now: time.Now}),
	}
}

// expectAnswer checks what holds of every answer: JSON with data or errors, each
// error with a code, and nothing that a client sends is a fault of the server.
func expectAnswer(t *testing.T, a testAPI, got answer) {
	t.Helper()
	if !slices.Contains([]int{200, 400, 405, 406, 413, 415}, got.status) {
		t.Errorf("status %d: %s", got.status, got.body)
	}
	var all struct {
		Data   json.RawMessage
		Errors []toldError
	}
	got.mustDecode(t, &all)
	if all.Data == nil && all.Errors == nil {
		t.Errorf("neither data nor errors: %s", got.body)
	}
	for _, e := range all.Errors {
		if code := e.Extensions["code"]; e.Message == "" || code == nil || code == "" || code == "INTERNAL" {
			t.Errorf("error %+v; log: %s", e, a.log)
		}
	}
}

func FuzzMultipart(f *testing.F) {
	const boundary = "x"
	frame := func(parts ...string) []byte {
		var b strings.Builder
		for i := 0; i+1 < len(parts); i += 2 {
			fmt.Fprintf(&b, "--x\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", parts[i], parts[i+1])
		}
		return []byte(b.String() + "--x--\r\n")
	}
	const upload = `"query":"mutation($f:Upload!){uploadAttachment(file:$f){attachment{id}}}"`
	f.Add(frame("operations", `{`+upload+`,"variables":{"f":null}}`, "map", `{"0":["variables.f"]}`, "0", "hello"))
	f.Add(frame("operations", `{`+upload+`,"variables":{"f":[null,{"g":null}]}}`, "map", `{"0":["variables.f.0","variables.f.1.g"]}`, "0", "hello"))
	f.Add(frame("operations", `{"query":"{__typename}"}`, "map", `{}`))
	f.Add(frame("map", `{}`))
	f.Add([]byte("--x\r\nContent-Disposition: form-data; name=\"operations\"; filename=\"a\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{=7D"))
	a := newAPI(f, harmless())
	f.Fuzz(func(t *testing.T, body []byte) {
		header := []string{"Content-Type", "multipart/form-data; boundary=" + boundary, "GraphQL-Require-Preflight", "1"}
		params, done, problem := readMultipart(request("POST", "/graphql", string(body), header...), boundary, &uploadLimits{left: 1000, file: 100})
		defer done()
		if (params == nil) == (problem == nil) {
			t.Fatalf("params %v, problem %v", params, problem)
		}
		expectAnswer(t, a, a.do(t, request("POST", "/graphql", string(body), append(header, "Accept", takesResponse)...)))
	})
}
