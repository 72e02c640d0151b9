package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// upload gives a GraphQL multipart request whose one file is at variables.file.
func upload(document, content string) string {
	return part("operations", `{"query": "`+strings.ReplaceAll(document, `"`, `\"`)+`", "variables": {"file": null}}`) +
		part("map", `{"0": ["variables.file"]}`) +
		"--b\r\nContent-Disposition: form-data; name=\"0\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\n" + content + "\r\n--b--\r\n"
}

const (
	multipartType  = "multipart/form-data; boundary=b"
	uploadDocument = `mutation($file: Upload!) { uploadAttachment(file: $file) { attachment { id } } }`
)

// A page of any origin may send a multipart form without asking first; so one
// needs a header that it may not send.
func TestMultipartNeedsAHeader(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p := stranger()
		register := `mutation { register(input: {phone: "` + p.phone + `", email: "` + p.email + `", password: "` + p.password +
			`", confirmPassword: "` + p.password + `", name: "N"}) { user { id } } }`
		for _, header := range []string{"", "Origin", "X-Requested-With", "Cookie"} {
			headers := []string{"Content-Type", multipartType}
			if header != "" {
				headers = append(headers, header, "https://elsewhere.example.com")
			}
			for _, document := range []string{uploadDocument, register} {
				a := s.post(t, upload(document, "text"), append(headers, "Accept", typeResponse)...)
				if a.status != http.StatusBadRequest || a.mustResult(t).code() != "BAD_REQUEST" {
					t.Errorf("with header %q: got %v", header, a)
				}
			}
		}
		s.logIn(t, p.email, p.password).expectCode(t, "INVALID_CREDENTIALS", "")

		_, mine := s.mustSignIn(t)
		for name, value := range map[string]string{
			"Apollo-Require-Preflight":  "true",
			"GraphQL-Require-Preflight": "1",
			"X-Apollo-Operation-Name":   "Upload",
			"Authorization":             "Bearer " + mine.token,
		} {
			want := "UNAUTHENTICATED"
			if name == "Authorization" {
				want = ""
			}
			s.post(t, upload(uploadDocument, "text"), "Content-Type", multipartType, name, value).mustResult(t).expectCode(t, want, "")
		}
		s.post(t, upload(register, "text"), "Content-Type", multipartType, "GraphQL-Require-Preflight", "1").mustResult(t).mustSucceed(t)
		s.mustLogIn(t, p.email, p.password)
	})
}

func TestMultipartThatIsBroken(t *testing.T) {
	t.Parallel()
	operations := part("operations", `{"query": "mutation($file: Upload!) { uploadAttachment(file: $file) { attachment { id } } }", "variables": {"file": null}}`)
	file := part("0", "text")
	const end = "--b--\r\n"
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		for name, body := range map[string]string{
			"empty":                    "",
			"no parts":                 end,
			"no map":                   operations + end,
			"no file":                  operations + part("map", `{"0": ["variables.file"]}`) + end,
			"broken off":               operations + part("map", `{"0": ["variables.file"]}`) + "--b\r\nContent-Disp",
			"in another order":         part("map", `{"0": ["variables.file"]}`) + operations + file + end,
			"operations no JSON":       part("operations", "nonsense") + part("map", `{}`) + end,
			"a batch":                  part("operations", `[{"query": "{viewer{id}}"}]`) + part("map", `{}`) + end,
			"a map that is none":       operations + part("map", `[]`) + file + end,
			"a place that is not":      operations + part("map", `{"0": ["variables.other"]}`) + file + end,
			"a place in the document":  operations + part("map", `{"0": ["query"]}`) + file + end,
			"a place below a value":    operations + part("map", `{"0": ["variables.file.0.x"]}`) + file + end,
			"no place's name":          operations + part("map", `{"0": [""]}`) + file + end,
			"a negative index":         part("operations", `{"query": "{viewer{id}}", "variables": {"f": [null]}}`) + part("map", `{"0": ["variables.f.-1"]}`) + file + end,
			"an index beyond":          part("operations", `{"query": "{viewer{id}}", "variables": {"f": [null]}}`) + part("map", `{"0": ["variables.f.1"]}`) + file + end,
			"a file without a place":   operations + part("map", `{"1": ["variables.file"]}`) + file + end,
			"a place that is taken":    part("operations", `{"query": "{viewer{id}}", "variables": {"file": "x"}}`) + part("map", `{"0": ["variables.file"]}`) + file + end,
			"a place given twice":      operations + part("map", `{"0": ["variables.file", "variables.file"]}`) + file + end,
			"two files for a place":    operations + part("map", `{"0": ["variables.file"], "1": ["variables.file"]}`) + file + part("1", "x") + end,
			"variables that are null":  part("operations", `{"query": "{viewer{id}}", "variables": null}`) + part("map", `{"0": ["variables.file"]}`) + file + end,
			"no variables":             part("operations", `{"query": "{viewer{id}}"}`) + part("map", `{"0": ["variables.file"]}`) + file + end,
			"operations without query": part("operations", `{}`) + part("map", `{}`) + end,
		} {
			a := s.post(t, body, "Content-Type", multipartType, "GraphQL-Require-Preflight", "1", "Accept", typeResponse)
			if a.status != http.StatusBadRequest || a.mustResult(t).code() != "BAD_REQUEST" {
				t.Errorf("%s: got %v", name, a)
			}
		}
		a := s.post(t, operations, "Content-Type", "multipart/form-data", "GraphQL-Require-Preflight", "1", "Accept", typeResponse)
		if a.status != http.StatusBadRequest {
			t.Errorf("no boundary: got %v", a)
		}
	})
}

// Pages of other origins may use the API where the operator says so.
func TestOriginsThatAreAllowed(t *testing.T) {
	t.Parallel()
	const app, other = "https://app.example.com", "https://elsewhere.example.com"
	preflight := []string{"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type", "Access-Control-Request-Private-Network", "true"}
	ask := func(t *testing.T, s *server, origin string) (preflighted, answered answer) {
		t.Helper()
		preflighted = s.do(t, http.MethodOptions, "/graphql", nil, append([]string{"Origin", origin}, preflight...)...)
		return preflighted, s.postJSON(t, variables{"query": "{viewer{id}}"}, "Origin", origin)
	}
	allowed := func(a answer) string { return a.header.Get("Access-Control-Allow-Origin") }
	for setting, may := range map[string]map[string]bool{
		"":                             {app: false, other: false, "null": false},
		app + ",http://localhost:3000": {app: true, "http://localhost:3000": true, other: false, app + ".evil.com": false, "http://app.example.com": false, "null": false},
		"*":                            {app: true, other: true},
	} {
		t.Run("allowed "+setting, func(t *testing.T) {
			t.Parallel()
			s := start(t, sqlite, "OMARTY_ALLOWED_ORIGINS="+setting, "OMARTY_RATE_LIMITS=off")
			for origin, want := range may {
				preflighted, answered := ask(t, s, origin)
				for what, a := range map[string]answer{"preflight": preflighted, "request": answered} {
					got := allowed(a)
					if want && got != origin && got != "*" || !want && got != "" {
						t.Errorf("%s from %s: Access-Control-Allow-Origin is %q", what, origin, got)
					}
					if a.header.Get("Access-Control-Allow-Credentials") != "" {
						t.Errorf("%s from %s: credentials are allowed, and tokens come by header", what, origin)
					}
					if a.header.Get("Access-Control-Allow-Private-Network") != "" {
						t.Errorf("%s from %s: a page of the internet may come into a private network", what, origin)
					}
					// A cache must not give one origin's answer to another.
					if setting != "" && got != "*" && !strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Origin") {
						t.Errorf("%s from %s: Vary is %q", what, origin, a.header.Values("Vary"))
					}
				}
				if want {
					asked := strings.ToLower(preflighted.header.Get("Access-Control-Allow-Headers"))
					if preflighted.status/100 != 2 || !strings.Contains(asked, "authorization") && asked != "*" {
						t.Errorf("preflight from %s: got %v %v", origin, preflighted, preflighted.header)
					}
					answered.mustResult(t).mustSucceed(t)
				}
			}
			// Who is no browser is not concerned.
			s.postJSON(t, variables{"query": "{viewer{id}}"}).mustResult(t).mustSucceed(t)
		})
	}
}

// Every answer says what it is and may not be kept, failures too.
func TestHeadersOfAnswers(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		ids := map[string]bool{}
		for name, a := range map[string]answer{
			"a query":      s.postJSON(t, variables{"query": "{viewer{id}}"}),
			"a failure":    s.postJSON(t, variables{"query": "{nothing}"}),
			"no request":   s.post(t, "", "Content-Type", "text/plain"),
			"the form":     s.postForm(t, ""),
			"another verb": s.do(t, http.MethodDelete, formPath, nil),
		} {
			if a.header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(a.header.Get("Cache-Control"), "no-store") {
				t.Errorf("%s: the headers are %v", name, a.header)
			}
			ids[a.header.Get("X-Request-Id")] = true
		}
		if len(ids) != 5 || ids[""] {
			t.Errorf("each answer has a request id of its own: %v", ids)
		}
	})
}
