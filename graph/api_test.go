package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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
