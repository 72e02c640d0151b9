package compat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"go.uber.org/goleak"

	"github.com/omarty/chat/internal/service"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeExecutor answers every operation alike, and remembers the last.
type fakeExecutor struct {
	errors  gqlerror.List
	refused gqlerror.List // what it says before it runs anything

	params *graphql.RawParams
	asker  service.Asker
	runs   int
}

func (e *fakeExecutor) CreateOperationContext(_ context.Context, params *graphql.RawParams) (*graphql.OperationContext, gqlerror.List) {
	e.params = params
	return &graphql.OperationContext{RawQuery: params.Query, Variables: params.Variables}, e.refused
}

func (e *fakeExecutor) DispatchOperation(ctx context.Context, _ *graphql.OperationContext) (graphql.ResponseHandler, context.Context) {
	e.runs++
	e.asker = service.AskerOf(ctx)
	return func(ctx context.Context) *graphql.Response {
		if ctx.Err() != nil {
			return nil // as gqlgen's executor: nobody waits for it any more
		}
		if e.errors != nil {
			return &graphql.Response{Errors: e.errors, Data: json.RawMessage(`null`)}
		}
		return &graphql.Response{Data: json.RawMessage(`{"register":{"user":{"id":"user_1"}}}`)}
	}, ctx
}

func (e *fakeExecutor) DispatchError(_ context.Context, list gqlerror.List) *graphql.Response {
	return &graphql.Response{Errors: list}
}

// failing is an executor whose mutation fails with a code and more, in names and
// values by turns.
func failing(code string, more ...any) *fakeExecutor {
	x := map[string]any{"code": code}
	for i := 0; i+1 < len(more); i += 2 {
		x[more[i].(string)] = more[i+1]
	}
	return &fakeExecutor{errors: gqlerror.List{{Message: "It is so.", Extensions: x}}}
}

// documented is the form of the documented example.
const documented = "pnum=01011223344&email=test@test.com&password=test&confirmPassword=test&name=TestName&latitude=29.9453866&longitude=31.2900529"

const urlEncoded = "application/x-www-form-urlencoded"

func post(t testing.TB, e graphql.GraphExecutor, contentType, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, RegisterPath, strings.NewReader(body))
	r.RemoteAddr = "198.51.100.7:4711"
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return serve(t, e, r)
}

func serve(t testing.TB, e graphql.GraphExecutor, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	defer func() {
		if v := recover(); v != nil {
			t.Fatalf("the handler panics: %v", v)
		}
	}()
	w := httptest.NewRecorder()
	Register(e, 1).ServeHTTP(w, r)
	return w
}

func golden(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".golden"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The apps in the field compare these answers byte by byte.
func TestAnswersToTheLetter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		executor *fakeExecutor
		form     string
		status   int
		golden   string
	}{
		{"registered", &fakeExecutor{}, documented, 200, "registered"},
		{"the e-mail address is taken", failing("EMAIL_TAKEN", "field", "input.email"), documented, 403, "email-taken"},
		{"the phone number is taken", failing("PHONE_TAKEN", "field", "input.phone"), documented, 403, "phone-taken"},
		{"the passwords differ", failing("PASSWORD_MISMATCH", "field", "input.confirmPassword"), documented, 401, "passwords-differ"},
		{"no phone number", failing("REQUIRED", "field", "input.phone"), documented, 400, "data-missing"},
		{"no e-mail address", failing("REQUIRED", "field", "input.email"), documented, 400, "data-missing"},
		{"no password", failing("REQUIRED", "field", "input.password"), documented, 400, "data-missing"},
		{"no second password", failing("REQUIRED", "field", "input.confirmPassword"), documented, 400, "data-missing"},
		{"no name", failing("REQUIRED", "field", "input.name"), documented, 400, "name-missing"},
		{"no e-mail address at all", failing("INVALID_INPUT", "field", "input.email"), "email=" + url.QueryEscape(" <a>&\"b\" \t"), 403, "email-malformed"},
		{"an Arabic word for an e-mail address", failing("INVALID_INPUT", "field", "input.email"), "email=منى", 403, "email-malformed-arabic"},
		{"no phone number at all", failing("INVALID_INPUT", "field", "input.phone"), "pnum=" + url.QueryEscape("+20 <12>"), 403, "phone-malformed"},
		{"a password that the operator finds short", failing("PASSWORD_TOO_WEAK", "field", "input.password"), documented, 401, "password-short"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := post(t, c.executor, urlEncoded, c.form)
			if got, want := w.Body.String(), golden(t, c.golden); got != want {
				t.Errorf("answer %s, want %s", got, want)
			}
			expectEnvelope(t, w, c.status)
		})
	}
}

// expectEnvelope checks what holds of every answer.
func expectEnvelope(t testing.TB, w *httptest.ResponseRecorder, status int) {
	t.Helper()
	if w.Code != status {
		t.Errorf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	for name, want := range map[string]string{
		"Content-Type":           "application/json; charset=utf-8",
		"Cache-Control":          "no-store",
		"X-Content-Type-Options": "nosniff",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	var inside struct {
		Status  int
		Data    *string
		Message *string
	}
	d := json.NewDecoder(bytes.NewReader(w.Body.Bytes()))
	d.DisallowUnknownFields()
	if err := d.Decode(&inside); err != nil {
		t.Fatalf("the answer is none: %v: %s", err, w.Body)
	}
	if inside.Status != w.Code {
		t.Errorf("the status is %d and inside %d", w.Code, inside.Status)
	}
	if (inside.Data != nil) != (w.Code == 200) || (inside.Message != nil) == (inside.Data != nil) {
		t.Errorf("one of data and message: %s", w.Body)
	}
	if strings.HasSuffix(w.Body.String(), "\n") || strings.HasPrefix(w.Body.String(), `{ `) {
		t.Errorf("white space in %q", w.Body)
	}
	if !strings.HasPrefix(w.Body.String(), `{"status":`) {
		t.Errorf("the status is first: %s", w.Body)
	}
}

func TestAnythingElse(t *testing.T) {
	t.Parallel()
	const cause = "the-disk-is-full"
	fault := func(extensions map[string]any) *fakeExecutor {
		return &fakeExecutor{errors: gqlerror.List{{Message: cause, Err: errors.New(cause), Extensions: extensions}}}
	}
	for _, c := range []struct {
		name     string
		executor *fakeExecutor
		status   int
		message  string
	}{
		{"a name that is too long", failing("INVALID_INPUT", "field", "input.name", "maxLength", 100), 400, "name is too long."},
		{"an address that is too long", failing("INVALID_INPUT", "field", "input.email", "maxLength", 254), 400, "email is too long."},
		{"a phone number that is too long", failing("INVALID_INPUT", "field", "input.phone", "maxLength", 64), 400, "pnum is too long."},
		{"a password that is too long", failing("INVALID_INPUT", "field", "input.password", "maxLength", 1024), 400, "password is too long."},
		{"a name of a control character", failing("INVALID_INPUT", "field", "input.name"), 400, "name has characters that it cannot have."},
		{"a password of what it cannot have", failing("INVALID_INPUT", "field", "input.password"), 400, "password has characters that it cannot have."},
		{"too many attempts", failing("RATE_LIMITED", "retryAfter", 7), 429, "Too many attempts, please try again later."},
		{"the database is away", failing("UNAVAILABLE"), 503, "The service is not available now, please try again later."},
		{"a fault", fault(map[string]any{"code": "INTERNAL", "requestId": "x"}), 500, "Something went wrong, please try again later."},
		{"a fault without a code", fault(nil), 500, "Something went wrong, please try again later."},
		{"a code that this door does not know", fault(map[string]any{"code": "CONFLICT"}), 500, "Something went wrong, please try again later."},
		{"an operation that is refused", &fakeExecutor{refused: gqlerror.List{{Message: cause, Extensions: map[string]any{"code": "BAD_REQUEST"}}}}, 500, "Something went wrong, please try again later."},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := post(t, c.executor, urlEncoded, documented)
			expectEnvelope(t, w, c.status)
			var inside struct{ Message string }
			if err := json.Unmarshal(w.Body.Bytes(), &inside); err != nil || inside.Message != c.message {
				t.Errorf("%s, want %q", w.Body, c.message)
			}
			if strings.Contains(w.Body.String(), cause) {
				t.Errorf("the answer tells the cause: %s", w.Body)
			}
			want := ""
			if c.status == 429 {
				want = "7"
			}
			if got := w.Header().Get("Retry-After"); got != want {
				t.Errorf("Retry-After: %q, want %q", got, want)
			}
			if c.executor.refused != nil && c.executor.runs > 0 {
				t.Error("what was refused ran")
			}
		})
	}
}

func TestOnlyPOST(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "BREW"} {
		e := &fakeExecutor{}
		r := httptest.NewRequest(method, RegisterPath+"?"+documented, strings.NewReader(documented))
		r.Header.Set("Content-Type", urlEncoded)
		w := serve(t, e, r)
		expectEnvelope(t, w, 405)
		if got, want := w.Body.String(), golden(t, "method"); got != want {
			t.Errorf("%s: %s, want %s", method, got, want)
		}
		if got := w.Header().Get("Allow"); got != "POST" {
			t.Errorf("%s: Allow: %q", method, got)
		}
		if e.runs > 0 {
			t.Errorf("%s registered somebody", method)
		}
	}
}

// The door has no rules of its own: what the form has goes to the mutation as it
// came.
func TestFormGoesToTheMutation(t *testing.T) {
	t.Parallel()
	const place = "&latitude=29.9453866&longitude=31.2900529"
	for _, c := range []struct {
		name, form string
		want       map[string]any
	}{
		{
			"the documented example", documented,
			map[string]any{"phone": "01011223344", "email": "test@test.com", "password": "test", "confirmPassword": "test", "name": "TestName", "longitude": 31.2900529, "latitude": 29.9453866},
		},
		{
			"nothing", "",
			map[string]any{"phone": "", "email": "", "password": "", "confirmPassword": "", "name": ""},
		},
		{
			"white space, signs and a raw plus", "pnum=+201011223344&email=%20a%40b.c%09&password=%20p+%2B&confirmPassword=+p%20%2B&name=%D9%85%D9%86%D9%89%0A",
			map[string]any{"phone": " 201011223344", "email": " a@b.c\t", "password": " p +", "confirmPassword": " p +", "name": "منى\n"},
		},
		{
			"semicolons, which browsers and apps send as they are", "password=a;b&confirmPassword=;&name=a;name=b&email=%3B",
			map[string]any{"phone": "", "email": ";", "password": "a;b", "confirmPassword": ";", "name": "a;name=b"},
		},
		{
			"what nobody knows", "foo=1&foo=2&NAME=x&name=y&Password=x",
			map[string]any{"phone": "", "email": "", "password": "", "confirmPassword": "", "name": "y"},
		},
		{
			"only in the body", "name=x" + place,
			map[string]any{"phone": "", "email": "", "password": "", "confirmPassword": "", "name": "x", "longitude": 31.2900529, "latitude": 29.9453866},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for contentType, body := range map[string]string{urlEncoded: c.form, "multipart/form-data; boundary=x": asMultipart(t, c.form)} {
				e := &fakeExecutor{}
				r := httptest.NewRequest(http.MethodPost, RegisterPath+"?pnum=query&password=query", strings.NewReader(body))
				r.RemoteAddr = "198.51.100.7:4711"
				r.Header.Set("Content-Type", contentType)
				r.Header.Set("X-Forwarded-For", "203.0.113.9")
				serve(t, e, r)
				if e.params == nil {
					t.Fatalf("%s: nothing ran", contentType)
				}
				if diff := cmp.Diff(map[string]any{"input": c.want}, e.params.Variables); diff != "" {
					t.Errorf("%s: variables (-want +got):\n%s", contentType, diff)
				}
				if !strings.Contains(e.params.Query, "register(input: $input)") || e.runs != 1 {
					t.Errorf("%s: it ran %q, %d times", contentType, e.params.Query, e.runs)
				}
				if want := (service.Asker{Address: netip.MustParseAddr("198.51.100.7")}); e.asker != want {
					t.Errorf("%s: asked by %+v, want %+v", contentType, e.asker, want)
				}
			}
		})
	}
}

// asMultipart gives a form of names and values as multipart/form-data with the
// boundary x.
func asMultipart(t testing.TB, form string) string {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.SetBoundary("x"); err != nil {
		t.Fatal(err)
	}
	for pair := range strings.SplitSeq(form, "&") {
		values, err := url.ParseQuery(strings.ReplaceAll(pair, ";", "%3B"))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range values {
			if err := w.WriteField(name, value[0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Phones without the permission send what is no place; it never stops anybody.
func TestCoordinates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		longitude, latitude string
		want                []float64 // nil for not given
	}{
		{"31.2900529", "29.9453866", []float64{31.2900529, 29.9453866}},
		{" 31.29\t", "\n29.94 ", []float64{31.29, 29.94}},
		{"0", "0", []float64{0, 0}},
		{"-180", "-90", []float64{-180, -90}},
		{"180", "90", []float64{180, 90}},
		{"1e2", "1e1", []float64{100, 10}},
		{"", "", nil},
		{"31.29", "", nil},
		{"", "29.94", nil},
		{"null", "null", nil},
		{"undefined", "29.94", nil},
		{"31,29", "29,94", nil},
		{"31.29°", "29.94°", nil},
		{"180.0001", "29.94", nil},
		{"-180.0001", "29.94", nil},
		{"31.29", "90.0001", nil},
		{"31.29", "-90.0001", nil},
		{"NaN", "29.94", nil},
		{"31.29", "NaN", nil},
		{"Inf", "29.94", nil},
		{"1e999", "29.94", nil},
		{"٣١", "٢٩", nil},
	} {
		e := &fakeExecutor{}
		form := url.Values{"longitude": {c.longitude}, "latitude": {c.latitude}}
		w := post(t, e, urlEncoded, form.Encode())
		expectEnvelope(t, w, 200)
		input := e.params.Variables["input"].(map[string]any)
		longitude, given := input["longitude"].(float64)
		latitude, both := input["latitude"].(float64)
		if given != both || given != (c.want != nil) {
			t.Errorf("%q, %q: given %v, %v", c.longitude, c.latitude, given, both)
		}
		if given && (math.Abs(longitude-c.want[0]) > 0 || math.Abs(latitude-c.want[1]) > 0) {
			t.Errorf("%q, %q: %v, %v", c.longitude, c.latitude, longitude, latitude)
		}
	}
}

// A phone that lost its network is gone before its answer; that is no fault.
func TestClientThatLeaves(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequest(http.MethodPost, RegisterPath, strings.NewReader(documented)).WithContext(ctx)
	r.Header.Set("Content-Type", urlEncoded)
	if w := serve(t, &fakeExecutor{}, r); w.Code == 200 {
		t.Errorf("it is told of a success: %s", w.Body)
	}
}
