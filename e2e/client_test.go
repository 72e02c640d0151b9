package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// httpClient keeps the answers as they came: compressed ones compressed, and
// redirections unfollowed.
var httpClient = &http.Client{
	Timeout: 60 * time.Second,
	Transport: &http.Transport{
		DisableCompression:  true,
		MaxIdleConnsPerHost: 256,
		TLSClientConfig:     selfSigned,
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// selfSigned is for servers whose certificates nobody but the test has signed.
var selfSigned = &tls.Config{InsecureSkipVerify: true}

// answer is what came back over HTTP.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// String is for messages.
func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, clip(string(a.body), 1000)) }

// do sends a request; headers are pairs of name and value.
func (s *server) do(t *testing.T, method, path string, body io.Reader, headers ...string) answer {
	t.Helper()
	a, err := s.try(method, path, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// try is do for goroutines, which may not end the test.
func (s *server) try(method, path string, body io.Reader, headers ...string) (answer, error) {
	request, err := http.NewRequest(method, s.url+path, body)
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	response, err := httpClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, content}, err
}

// get reads a page.
func (s *server) get(t *testing.T, path string, headers ...string) answer {
	t.Helper()
	return s.do(t, http.MethodGet, path, nil, headers...)
}

// variables are those of an operation.
type variables map[string]any

// result is the answer to an operation.
type result struct {
	answer
	data   any
	errors []graphQLError
}

type graphQLError struct {
	Message    string         `json:"message"`
	Path       []any          `json:"path"`
	Extensions map[string]any `json:"extensions"`
}

// busyTime is after how long a machine that is starved answers UNAVAILABLE: for so long nothing
// was free for the operation. One that comes sooner says that something is wrong.
const busyTime = 2 * time.Second

// run runs an operation, with a session's token or as a stranger with "". Like an app it
// asks again where the service was too busy to answer.
func (s *server) run(t *testing.T, token, document string, v variables, headers ...string) result {
	t.Helper()
	for range 10 {
		begun := time.Now()
		r, err := s.tryRun(token, document, v, headers...)
		if err != nil {
			t.Fatal(err)
		}
		if r.code() != "UNAVAILABLE" || time.Since(begun) < busyTime {
			return r
		}
	}
	t.Fatalf("the service is not available: %s", clip(document, 200))
	return result{}
}

// tryRun is run for goroutines.
func (s *server) tryRun(token, document string, v variables, headers ...string) (result, error) {
	body, err := json.Marshal(map[string]any{"query": document, "variables": v})
	if err != nil {
		return result{}, err
	}
	headers = append([]string{"Content-Type", "application/json"}, headers...)
	if token != "" {
		headers = append(headers, "Authorization", "Bearer "+token)
	}
	a, err := s.try(http.MethodPost, "/graphql", bytes.NewReader(body), headers...)
	if err != nil {
		return result{}, err
	}
	return a.result()
}

// insist is tryRun of an app that keeps a queue: while the service cannot answer, as
// on a busy machine, it asks again.
func (s *server) insist(token, document string, v variables) (r result, err error) {
	for range 10 {
		if r, err = s.tryRun(token, document, v); err != nil || r.code() != "UNAVAILABLE" {
			break
		}
	}
	return r, err
}

// mustInsist is insist by a stranger, for what must succeed.
func (s *server) mustInsist(t *testing.T, document string, v variables) result {
	t.Helper()
	r, err := s.insist("", document, v)
	if err != nil {
		t.Fatal(err)
	}
	return r.mustSucceed(t)
}

// mustResult reads an answer as GraphQL's.
func (a answer) mustResult(t *testing.T) result {
	t.Helper()
	r, err := a.result()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (a answer) result() (result, error) {
	var sent struct {
		Data   any            `json:"data"`
		Errors []graphQLError `json:"errors"`
	}
	if err := json.Unmarshal(a.body, &sent); err != nil {
		return result{}, fmt.Errorf("no GraphQL response: %w\n%v", err, a)
	}
	r := result{a, sent.Data, sent.Errors}
	if token, ok := r.lookup("logIn.token").(string); ok {
		secret(token)
	}
	return r, nil
}

// code gives the code of the first error; "" where there is none.
func (r result) code() string {
	if len(r.errors) == 0 {
		return ""
	}
	code, _ := r.errors[0].Extensions["code"].(string)
	return code
}

// field gives the field of the first error; "" where there is none.
func (r result) field() string {
	if len(r.errors) == 0 {
		return ""
	}
	field, _ := r.errors[0].Extensions["field"].(string)
	return field
}

// expectCode demands an error of a code, and of a field unless that is "".
func (r result) expectCode(t *testing.T, code, field string) {
	t.Helper()
	if r.code() != code || field != "" && r.field() != field {
		t.Errorf("got %q %q, want %q %q: %v", r.code(), r.field(), code, field, r)
	}
}

// mustSucceed ends the test where there are errors.
func (r result) mustSucceed(t *testing.T) result {
	t.Helper()
	if len(r.errors) > 0 || r.status != http.StatusOK {
		t.Fatalf("failed: %v", r)
	}
	return r
}

// lookup gives what stands in the data at a path such as "viewer.sessions.0.id", all
// of them at "":
// nil for null and for nothing.
func (r result) lookup(path string) any {
	v := r.data
	if path == "" {
		return v
	}
	for step := range strings.SplitSeq(path, ".") {
		switch holder := v.(type) {
		case map[string]any:
			v = holder[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(holder) {
				return nil
			}
			v = holder[i]
		default:
			return nil
		}
	}
	return v
}

// at gives what must stand in the data at a path.
func at[T any](t *testing.T, r result, path string) T {
	t.Helper()
	found, ok := r.lookup(path).(T)
	if !ok {
		t.Fatalf("%s is %v, and no %T: %v", path, r.lookup(path), found, r)
	}
	return found
}

// expectData demands what stands in the data at a path, written as JSON.
func (r result) expectData(t *testing.T, path, want string) {
	t.Helper()
	var wanted any
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	if got := r.lookup(path); len(r.errors) > 0 || !reflect.DeepEqual(got, wanted) {
		t.Errorf("%s is %v, want %s: %v", path, got, want, r)
	}
}

// person is somebody with what they register with.
type person struct {
	name, email, phone, password string
	// id is their User's, once they are registered.
	id string
}

var people atomic.Int64

// stranger gives somebody whom no server knows.
func stranger() person {
	n := people.Add(1)
	return person{
		name:     "Nour Hassan",
		email:    secret(fmt.Sprintf("nour.hassan.%d@example.com", n)),
		phone:    fmt.Sprintf("010%08d", 10_000_000+n),
		password: secret("Nile-" + rand.Text()),
	}
}

// input is the person as RegisterInput.
func (p person) input() variables {
	return variables{
		"phone": p.phone, "email": p.email, "name": p.name,
		"password": p.password, "confirmPassword": p.password,
	}
}

const registerDocument = `mutation Register($input: RegisterInput!) { register(input: $input) { user { id name } } }`

// register opens an account with an input, which may be a person's with changes.
func (s *server) register(t *testing.T, input variables) result {
	t.Helper()
	return s.run(t, "", registerDocument, variables{"input": input})
}

// with gives a copy of the variables with changes; those to absent are taken out.
func (v variables) with(changes variables) variables {
	changed := variables{}
	for name, value := range v {
		changed[name] = value
	}
	for name, value := range changes {
		if value == absent {
			delete(changed, name)
			continue
		}
		changed[name] = value
	}
	return changed
}

// absent is a variable that is left out, which is not null.
var absent any = struct{ absent bool }{true}

// mustRegister gives somebody new with an account.
func (s *server) mustRegister(t *testing.T) person {
	t.Helper()
	p := stranger()
	r := s.mustInsist(t, registerDocument, variables{"input": p.input()})
	p.id = at[string](t, r, "register.user.id")
	return p
}

const logInDocument = `mutation LogIn($input: LogInInput!) {
	logIn(input: $input) { token session { id current device } viewer { id user { id } sessions { id current } } }
}`

// logIn tries a login with a password.
func (s *server) logIn(t *testing.T, login, password string) result {
	t.Helper()
	return s.run(t, "", logInDocument, variables{"input": variables{"login": login, "password": password}})
}

// session is a device that is signed in.
type session struct {
	id, token string
}

// mustLogIn signs a device in.
func (s *server) mustLogIn(t *testing.T, login, password string) session {
	t.Helper()
	r := s.mustInsist(t, logInDocument, variables{"input": variables{"login": login, "password": password}})
	return session{at[string](t, r, "logIn.session.id"), at[string](t, r, "logIn.token")}
}

// mustSignIn gives somebody new with a session.
func (s *server) mustSignIn(t *testing.T) (person, session) {
	t.Helper()
	p := s.mustRegister(t)
	return p, s.mustLogIn(t, p.email, p.password)
}

// signedIn tells whether a token is good.
func (s *server) signedIn(t *testing.T, token string) bool {
	t.Helper()
	r := s.run(t, token, `{ viewer { id } }`, nil).mustSucceed(t)
	return r.lookup("viewer") != nil
}

// eventually waits until a condition holds, and fails after a time.
func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
