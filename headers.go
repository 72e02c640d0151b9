package main

import "net/http"

// defaultHeaders are those of every answer, until what answers sets others: an answer is
// data, to be kept by nobody, which no page of another origin may show or run, and from
// which a browser learns nothing else.
var defaultHeaders = http.Header{
	"Cache-Control":                {"no-store"},
	"Content-Security-Policy":      {"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"},
	"Cross-Origin-Opener-Policy":   {"same-origin"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Permissions-Policy":           {"camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"},
	"Referrer-Policy":              {"no-referrer"},
	"X-Content-Type-Options":       {"nosniff"},
	"X-Frame-Options":              {"DENY"},
}

// strictTransport tells browsers to come by TLS alone from now on, for two years.
const strictTransport = "max-age=63072000; includeSubDomains"

// withHeaders puts the headers on every answer that keep browsers from harm.
func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		for name, value := range defaultHeaders {
			h[name] = value[:1:1]
		}
		if isSecured(r) {
			h.Set("Strict-Transport-Security", strictTransport)
		}
		next.ServeHTTP(w, r)
	})
}
