package graph

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

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
			[]string{secret, "goroutine ", "http_failures_test.go"},
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
