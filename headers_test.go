package main

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestStrictTransportIsForTLSAlone(t *testing.T) {
	t.Parallel()
	handler := mustTrust(t, "10.0.0.0/8").through(withHeaders(http.NotFoundHandler()))
	for _, c := range []struct {
		name, remote, proto string
		tls                 bool
		want                string
	}{
		{"plain", "203.0.113.9:1", "", false, ""},
		{"TLS", "203.0.113.9:1", "", true, strictTransport},
		{"a stranger who says it is TLS", "203.0.113.9:1", "https", false, ""},
		{"a proxy that had TLS", "10.0.0.1:1", "https", false, strictTransport},
		{"a proxy that had none", "10.0.0.1:1", "http", false, ""},
		{"TLS between a proxy and here", "10.0.0.1:1", "http", true, strictTransport},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.remote
		if c.tls {
			r.TLS = &tls.ConnectionState{}
		}
		if c.proto != "" {
			r.Header.Set("X-Forwarded-Proto", c.proto)
		}
		if got := ask(handler, r).Header().Get("Strict-Transport-Security"); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

// What one answer changes of its headers is not another's.
func TestHeadersAreEachAnswersOwn(t *testing.T) {
	t.Parallel()
	handler := withHeaders(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Cache-Control", "private")
		w.Header().Set("Referrer-Policy", "same-origin")
	}))
	ask(handler, httptest.NewRequest(http.MethodGet, "/", nil))
	for name, value := range ask(withHeaders(http.NotFoundHandler()), httptest.NewRequest(http.MethodGet, "/", nil)).Header() {
		if want := defaultHeaders[name]; name != "Content-Type" && (len(value) != 1 || len(want) != 1 || value[0] != want[0]) {
			t.Errorf("%s is %q, want %q", name, value, want)
		}
	}
	if defaultHeaders.Get("X-Frame-Options") != "DENY" || len(defaultHeaders["Cache-Control"]) != 1 {
		t.Errorf("the defaults are %v", defaultHeaders)
	}
}
