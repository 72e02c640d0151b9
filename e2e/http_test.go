package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const (
	typeJSON     = "application/json"
	typeResponse = "application/graphql-response+json"
)

// post sends a body to /graphql.
func (s *server) post(t *testing.T, body string, headers ...string) answer {
	t.Helper()
	return s.do(t, http.MethodPost, "/graphql", strings.NewReader(body), headers...)
}

// postJSON sends a request as JSON.
func (s *server) postJSON(t *testing.T, request any, headers ...string) answer {
	t.Helper()
	body, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	return s.post(t, string(body), append([]string{"Content-Type", typeJSON}, headers...)...)
}

// query gives the path of a GET request.
func query(parameters ...string) string {
	values := url.Values{}
	for i := 0; i+1 < len(parameters); i += 2 {
		values.Set(parameters[i], parameters[i+1])
	}
	return "/graphql?" + values.Encode()
}

func TestQueriesByGet(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p, mine := s.mustSignIn(t)
		a := s.get(t, query("query", `query A($id: ID!) { node(id: $id) { id } } query B { viewer { id } }`,
			"operationName", "A", "variables", `{"id": "`+p.id+`"}`), "Authorization", "Bearer "+mine.token)
		a.mustResult(t).mustSucceed(t).expectData(t, "node.id", `"`+p.id+`"`)
		if got := a.header.Get("Cache-Control"); !strings.Contains(got, "no-store") {
			t.Errorf("what a session reads may not be kept: Cache-Control is %q", got)
		}
		for name, path := range map[string]string{
			"nothing":             "/graphql",
			"no query":            query("variables", "{}"),
			"variables no JSON":   query("query", "{viewer{id}}", "variables", "nonsense"),
			"variables no object": query("query", "{viewer{id}}", "variables", "[1]"),
			"a broken escape":     "/graphql?query=%7Bviewer%7Bid%7D%7D&x=%zz",
			"does not parse":      query("query", "{viewer{"),
			"does not fit":        query("query", "{nothing}"),
			"no such operation":   query("query", "query A {viewer{id}}", "operationName", "B"),
		} {
			a := s.get(t, path, "Accept", typeResponse)
			if a.status != http.StatusBadRequest || a.mustResult(t).code() != "BAD_REQUEST" {
				t.Errorf("%s: got %v", name, a)
			}
		}
	})
}

// GET, and HEAD which is the same without a body, read and nothing else.
func TestMutationsNeverByGet(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		for _, accept := range []string{"", typeJSON, typeResponse} {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				p := stranger()
				input, err := json.Marshal(variables{"input": p.input()})
				if err != nil {
					t.Fatal(err)
				}
				headers := []string{"Accept", accept}
				if accept == "" {
					headers = nil
				}
				a := s.do(t, method, query("query", registerDocument, "variables", string(input)), nil, headers...)
				// The specification wants 405; 406 is what this server's library gives.
				if a.status != http.StatusMethodNotAllowed && a.status != http.StatusNotAcceptable {
					t.Errorf("%s, Accept %q: got %v", method, accept, a)
				}
				if method == http.MethodGet {
					a.mustResult(t).expectCode(t, "BAD_REQUEST", "")
				}
				if r := s.logIn(t, p.email, p.password); r.code() != "INVALID_CREDENTIALS" {
					t.Errorf("%s, Accept %q: somebody was registered", method, accept)
				}
			}
			a := s.get(t, query("query", `subscription { roomSignals(room: "x") { __typename } }`))
			if a.status == http.StatusOK && a.mustResult(t).code() == "" {
				t.Errorf("a subscription by GET: %v", a)
			}
		}
	})
}

func TestRequestsThatAreNone(t *testing.T) {
	t.Parallel()
	const good = `{"query": "{viewer{id}}"}`
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		for _, c := range []struct{ name, contentType, body string }{
			{"a batch", typeJSON, `[` + good + `]`},
			{"an empty batch", typeJSON, `[]`},
			{"no body", typeJSON, ``},
			{"null", typeJSON, `null`},
			{"a string", typeJSON, `"{viewer{id}}"`},
			{"no query", typeJSON, `{}`},
			{"query null", typeJSON, `{"query": null}`},
			{"query a number", typeJSON, `{"query": 1}`},
			{"query an object", typeJSON, `{"query": {}}`},
			{"variables an array", typeJSON, `{"query": "{viewer{id}}", "variables": []}`},
			{"variables a string", typeJSON, `{"query": "{viewer{id}}", "variables": "{}"}`},
			{"operationName a number", typeJSON, `{"query": "{viewer{id}}", "operationName": 1}`},
			{"extensions a string", typeJSON, `{"query": "{viewer{id}}", "extensions": "x"}`},
			{"no JSON", typeJSON, `{"query": "{viewer{id}}"`},
			{"more than one value", typeJSON, good + good},
			{"no UTF-8", typeJSON, "{\"query\": \"{viewer{id}} # \xff\"}"},
			{"text/plain", "text/plain", good},
			{"a form", "application/x-www-form-urlencoded", "query=%7Bviewer%7Bid%7D%7D"},
			{"application/graphql", "application/graphql", "{viewer{id}}"},
			{"no content type", "", good},
			{"does not parse", typeJSON, `{"query": "{viewer{"}`},
			{"nothing to run", typeJSON, `{"query": "# only a comment"}`},
			{"only a fragment", typeJSON, `{"query": "fragment f on Viewer { id }"}`},
			{"does not fit the schema", typeJSON, `{"query": "{nothing}"}`},
			{"two operations and no name", typeJSON, `{"query": "query A{viewer{id}} query B{viewer{id}}"}`},
			{"a name that is not there", typeJSON, `{"query": "query A{viewer{id}}", "operationName": "B"}`},
			{"a persisted query null", typeJSON, `{"extensions": {"persistedQuery": null}}`},
			{"a persisted query without a hash", typeJSON, `{"query": "", "extensions": {"persistedQuery": "x"}}`},
		} {
			var headers []string
			if c.contentType != "" {
				headers = []string{"Content-Type", c.contentType}
			}
			a := s.post(t, c.body, append(headers, "Accept", typeResponse)...)
			if a.status/100 != 4 || a.mustResult(t).code() != "BAD_REQUEST" || a.mustResult(t).data != nil {
				t.Errorf("%s: got %v", c.name, a)
			}
			if strings.HasPrefix(c.name, "a batch") || c.name == "text/plain" {
				if a.status != http.StatusBadRequest {
					t.Errorf("%s: got %d, want 400", c.name, a.status)
				}
			}
		}
		for _, method := range []string{"PUT", "PATCH", "DELETE"} {
			a := s.do(t, method, "/graphql", strings.NewReader(good), "Content-Type", typeJSON)
			if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") == "" {
				t.Errorf("%s: got %v, Allow %q", method, a, a.header.Get("Allow"))
			}
		}
	})
}

// The status tells clients that understand it what became of a request; older
// clients read that from the body.
func TestMediaTypes(t *testing.T) {
	t.Parallel()
	const good, unfit, refused = "{viewer{id}}", "{nothing}", "mutation{logOut{sessionId}}"
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		for _, c := range []struct {
			accept, query string
			wantType      string
			wantStatus    int
		}{
			{"", good, typeJSON, 200},
			{"*/*", good, typeJSON, 200},
			{"application/*", good, typeJSON, 200},
			{typeJSON, good, typeJSON, 200},
			{typeJSON, unfit, typeJSON, 200},
			{typeJSON, refused, typeJSON, 200},
			{typeResponse, good, typeResponse, 200},
			{typeResponse, unfit, typeResponse, 400},
			{typeResponse + "; charset=utf-8, " + typeJSON + "; charset=utf-8", good, typeResponse, 200},
			{typeJSON + ";q=0.5, " + typeResponse, unfit, typeResponse, 400},
			{typeJSON + ", " + typeResponse + ";q=0.1", unfit, typeJSON, 200},
			{"text/html, */*;q=0.1", good, typeJSON, 200},
			{"text/html", good, "", 406},
			{"image/png", unfit, "", 406},
		} {
			headers := []string{"Accept", c.accept}
			if c.accept == "" {
				headers = nil
			}
			a := s.postJSON(t, variables{"query": c.query}, headers...)
			gotType, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
			if a.status != c.wantStatus || c.wantType != "" && gotType != c.wantType {
				t.Errorf("Accept %q, %s: got %s %v, want %s %d", c.accept, c.query, gotType, a, c.wantType, c.wantStatus)
			}
			if !strings.HasSuffix(strings.ToLower(a.header.Get("Content-Type")), "; charset=utf-8") {
				t.Errorf("the content type is %q", a.header.Get("Content-Type"))
			}
		}
	})
}

// Persisted queries work as Apollo's clients expect.
func TestPersistedQueries(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		document := fmt.Sprintf("query P_%s { viewer { id } }", strings.ToLower(stranger().phone))
		sum := sha256.Sum256([]byte(document))
		hash := hex.EncodeToString(sum[:])
		extensions := func(version any, hash string) variables {
			return variables{"persistedQuery": variables{"version": version, "sha256Hash": hash}}
		}
		text, err := json.Marshal(extensions(1, hash))
		if err != nil {
			t.Fatal(err)
		}
		byGet := query("extensions", string(text))

		for range 2 { // asking does not register
			r := s.postJSON(t, variables{"extensions": extensions(1, hash)}).mustResult(t)
			r.expectCode(t, "PERSISTED_QUERY_NOT_FOUND", "")
			if r.status != http.StatusOK || len(r.errors) != 1 || r.errors[0].Message != "PersistedQueryNotFound" || r.data != nil {
				t.Errorf("unknown: got %v", r)
			}
			s.get(t, byGet).mustResult(t).expectCode(t, "PERSISTED_QUERY_NOT_FOUND", "")
		}
		for name, request := range map[string]variables{
			"another hash":    {"query": document, "extensions": extensions(1, strings.Repeat("0", 64))},
			"no hash":         {"query": document, "extensions": extensions(1, "")},
			"another version": {"query": document, "extensions": extensions(2, hash)},
			"no version":      {"query": document, "extensions": variables{"persistedQuery": variables{"sha256Hash": hash}}},
		} {
			r := s.postJSON(t, request).mustResult(t)
			if r.code() != "BAD_REQUEST" || r.data != nil {
				t.Errorf("%s: got %v", name, r)
			}
		}
		s.postJSON(t, variables{"extensions": extensions(1, hash)}).mustResult(t).expectCode(t, "PERSISTED_QUERY_NOT_FOUND", "")

		s.postJSON(t, variables{"query": document, "extensions": extensions(1, hash)}).mustResult(t).mustSucceed(t)
		for range 2 {
			s.postJSON(t, variables{"extensions": extensions(1, hash)}).mustResult(t).mustSucceed(t).expectData(t, "viewer", "null")
			s.get(t, byGet).mustResult(t).mustSucceed(t).expectData(t, "viewer", "null")
		}
		_, mine := s.mustSignIn(t)
		r := s.postJSON(t, variables{"extensions": extensions(1, hash)}, "Authorization", "Bearer "+mine.token).mustResult(t)
		if at[string](t, r, "viewer.id") == "" {
			t.Errorf("with a session: %v", r)
		}
	})
}

// A mutation that was persisted is one by GET too.
func TestPersistedMutationsNeverByGet(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p := stranger()
		document := fmt.Sprintf(`mutation { register(input: {phone: %q, email: %q, password: %q, confirmPassword: %q, name: "N"}) { user { id } } }`,
			p.phone, p.email, p.password, p.password)
		sum := sha256.Sum256([]byte(document))
		extensions := fmt.Sprintf(`{"persistedQuery": {"version": 1, "sha256Hash": %q}}`, hex.EncodeToString(sum[:]))
		// Sent with its text it is registered, whatever becomes of it.
		s.get(t, query("query", document, "extensions", extensions))
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if a := s.do(t, method, query("extensions", extensions), nil); a.status == http.StatusOK {
				t.Errorf("%s: got %v", method, a)
			}
		}
		s.logIn(t, p.email, p.password).expectCode(t, "INVALID_CREDENTIALS", "")
	})
}

// Answers of more than 1 kB are compressed for clients that accept it.
func TestGraphQLCompression(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		const large = `{ __schema { types { name description fields { name } } } }`
		plain := s.postJSON(t, variables{"query": large})
		if len(plain.body) < 4000 {
			t.Fatalf("too small to tell: %v", plain)
		}
		for _, c := range acceptEncodings {
			if c.accept == "" {
				continue
			}
			s.postJSON(t, variables{"query": large}, "Accept-Encoding", c.accept).
				expectEncoded(t, c.accept, c.allowed, string(plain.body))
			byGet := s.get(t, query("query", large), "Accept-Encoding", c.accept)
			byGet.expectEncoded(t, c.accept, c.allowed, string(plain.body))
		}
		if a := s.postJSON(t, variables{"query": large}, "Accept-Encoding", "gzip"); len(a.body) > len(plain.body)/2 {
			t.Errorf("gzip leaves %d of %d bytes", len(a.body), len(plain.body))
		}
		if !bytes.Equal(plain.body, s.postJSON(t, variables{"query": large}).body) {
			t.Error("equal requests have unequal answers")
		}
	})
}
