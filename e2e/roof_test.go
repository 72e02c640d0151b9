package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

var printedAdmin = regexp.MustCompile(`(http://127\.0\.0\.1:\d+)/metrics`)

// admin gives the server's door for operators.
func (s *server) admin(t *testing.T) *server {
	t.Helper()
	found := printedAdmin.FindStringSubmatch(s.out.String())
	if found == nil {
		t.Fatalf("the start does not tell of a door for operators: %s", s.out)
	}
	return &server{url: found[1]}
}

// What an operator looks at is on a door of its own, and nothing but the product on the
// other.
func TestNothingButTheProductIsPublic(t *testing.T) {
	t.Parallel()
	s := start(t, sqlite, "OMARTY_ADMIN_LISTEN=127.0.0.1:0")
	admin := s.admin(t)
	for _, path := range []string{
		"/metrics", "/debug/pprof", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2",
		"/debug/pprof/profile?seconds=1", "/debug/pprof/trace", "/debug/vars", "/debug", "/admin", "/status", "/.git/config", "/.env",
		"/data/omarty.db", "/outbox/", "/playground/../metrics", "//metrics", "/%2e%2e/metrics", "/graphql/../metrics", "/graphiql", "/index.html",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodHead} {
			a := s.do(t, method, path, nil)
			// Where a path is mended first, it leads to one of these.
			if to := a.header.Get("Location"); a.status/100 == 3 && strings.HasPrefix(to, "/") {
				a = s.do(t, method, to, nil)
			}
			if a.status != http.StatusNotFound {
				t.Errorf("%s %s: got %v", method, path, a)
			}
		}
	}
	admin.waitReady(t, readyTime, http.StatusOK)
	for path, want := range map[string]string{
		"/metrics": "\ngo_goroutines ", "/healthz": "ok", "/readyz": "ready", "/debug/pprof/": "goroutine",
		"/debug/pprof/heap?gc=1&debug=1": "# HeapAlloc = ", "/debug/pprof/goroutine?debug=1": "goroutine profile",
	} {
		if a := admin.get(t, path); a.status != http.StatusOK || !strings.Contains(string(a.body), want) {
			t.Errorf("for operators, %s: got %v", path, a)
		}
	}
	for _, path := range []string{"/", "/graphql", "/playground", formPath} {
		if a := admin.get(t, path); a.status != http.StatusNotFound {
			t.Errorf("for operators, %s: got %v", path, a)
		}
	}
	if plain := start(t, sqlite); printedAdmin.MatchString(plain.out.String()) {
		t.Errorf("nobody asked for a door for operators: %s", plain.out)
	}
}

// What is counted has labels of the program's own, whatever is asked for.
func TestMetricsQuoteNothing(t *testing.T) {
	t.Parallel()
	s := start(t, sqlite, "OMARTY_ADMIN_LISTEN=127.0.0.1:0", "OMARTY_RATE_LIMITS=off")
	s.run(t, "", "{ __typename }", nil).mustSucceed(t)
	for _, word := range []string{"swordfish", "marlin"} {
		s.do(t, strings.ToUpper(word), "/graphql?"+word+"="+word, nil, word, word)
		s.get(t, "/"+word)
		s.get(t, "/playground/assets/"+word)
	}
	text := ""
	eventually(t, hearTime, "requests are counted", func() bool {
		text = string(s.admin(t).get(t, "/metrics").body)
		return strings.Contains(text, `omarty_http_requests_total{method="POST",pattern="/graphql",status="200"} 1`) &&
			strings.Contains(text, `omarty_http_requests_total{method="GET",pattern="",status="404"} 2`)
	})
	for _, word := range []string{"swordfish", "marlin"} {
		if strings.Contains(strings.ToLower(text), word) {
			t.Errorf("the metrics have a word of a request: %s", word)
		}
	}
}

// Every answer tells a browser not to frame, sniff, run or keep it, whatever it is.
func TestHeadersThatKeepBrowsersFromHarm(t *testing.T) {
	t.Parallel()
	s := sharedServer(t, sqlite)
	admin := start(t, sqlite, "OMARTY_ADMIN_LISTEN=127.0.0.1:0").admin(t)
	for name, a := range map[string]answer{
		"a query":            s.postJSON(t, variables{"query": "{viewer{id}}"}),
		"a failure":          s.postJSON(t, variables{"query": "{nothing}"}),
		"no request":         s.post(t, "", "Content-Type", "text/plain"),
		"a query by GET":     s.get(t, "/graphql?query={__typename}"),
		"an event stream":    s.get(t, "/graphql?query={__typename}", "Accept", "text/event-stream"),
		"a socket refused":   s.get(t, "/graphql", "Upgrade", "websocket", "Connection", "Upgrade"),
		"the form":           s.postForm(t, ""),
		"another verb":       s.do(t, http.MethodDelete, formPath, nil),
		"what is not there":  s.get(t, "/nothing"),
		"a page elsewhere":   s.get(t, "/"),
		"health":             s.get(t, "/healthz"),
		"readiness":          s.get(t, "/readyz"),
		"what is not health": s.do(t, http.MethodPost, "/healthz", nil),
		"metrics":            admin.get(t, "/metrics"),
		"profiles":           admin.get(t, "/debug/pprof/"),
		"no metrics":         admin.get(t, "/nothing"),
	} {
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			"Strict-Transport-Security": "", "Server": "", "X-Powered-By": "",
		} {
			if got := a.header.Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", name, header, got, want)
			}
		}
		policy := a.header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
			if !strings.Contains(policy, want) || strings.Contains(policy, "unsafe") {
				t.Errorf("%s: the policy is %q, without %s", name, policy, want)
			}
		}
		if !strings.Contains(a.header.Get("Permissions-Policy"), "camera=()") || !strings.Contains(a.header.Get("Cache-Control"), "no-store") {
			t.Errorf("%s: the headers are %v", name, a.header)
		}
	}
	for _, method := range []string{http.MethodTrace, "TRACK", http.MethodConnect, http.MethodPut} {
		for _, path := range []string{"/", "/graphql", "/healthz", "/readyz", "/playground", formPath} {
			if a := s.do(t, method, path, nil); a.status != http.StatusMethodNotAllowed && a.status != http.StatusNotFound {
				t.Errorf("%s %s: got %v", method, path, a)
			}
		}
	}
}

// exhaust posts forms from an address, as a proxy says, until they are refused.
func (s *server) exhaust(t *testing.T, address string) {
	t.Helper()
	for range 300 {
		a := s.postForm(t, url.Values{"pnum": {"1"}}.Encode(), "X-Forwarded-For", address)
		if a.status == http.StatusTooManyRequests {
			return
		}
	}
	t.Fatal("300 tries were not refused")
}

// expectSpent demands that who has spent all that a rate allows is refused. Another try comes
// every ten seconds, which a slow machine may take from one to the next; who has spent
// nothing has two hundred.
func expectSpent(t *testing.T, what string, try func() (refused bool, got string)) {
	t.Helper()
	var all []string
	for range 4 {
		refused, got := try()
		if refused {
			return
		}
		all = append(all, got)
	}
	t.Fatalf("%s: got %q", what, all)
}

// Behind a proxy that the operator named each client is itself, at every door; and
// nobody is who they say they are.
func TestClientsBehindATrustedProxy(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := start(t, e, "OMARTY_TRUSTED_PROXIES=127.0.0.1, 10.0.0.0/8")
		const flooder, other = "203.0.113.7", "198.51.100.8"
		s.exhaust(t, flooder)
		for _, claim := range []string{
			flooder, other + ", " + flooder, other + "," + flooder + ", 10.1.1.1", "10.1.1.1, " + flooder, flooder + ":4711", "::ffff:" + flooder, "nonsense, " + flooder,
		} {
			for name, run := range doors {
				expectSpent(t, fmt.Sprintf("over %s, from %q", name, claim), func() (bool, string) {
					r := run(s, t, "", registerDocument, variables{"input": stranger().input()}, "X-Forwarded-For", claim, "Forwarded", "for="+other, "X-Real-Ip", other)
					return r.code() == "RATE_LIMITED", r.String()
				})
			}
			expectSpent(t, fmt.Sprintf("the form, from %q", claim), func() (bool, string) {
				a := s.postForm(t, url.Values{"pnum": {"1"}}.Encode(), "X-Forwarded-For", claim)
				return a.status == http.StatusTooManyRequests, a.String()
			})
		}
		for name, run := range doors {
			for _, claim := range []string{other, flooder + ", " + other, "2001:db8::1"} {
				p := stranger()
				r := run(s, t, "", registerDocument, variables{"input": p.input()}, "X-Forwarded-For", claim)
				if r.code() != "" {
					t.Errorf("over %s, from %q: got %v", name, claim, r)
				}
			}
		}
	})
}
