package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// Pages of the origins that the operator names read and show files and exports; those of
// others do not.
func TestFilesForPagesOfOtherOrigins(t *testing.T) {
	t.Parallel()
	const app, other = "https://app.example.com", "https://elsewhere.example.com"
	for setting, allowed := range map[string][]string{"": nil, app: {app}, "*": {app, other}} {
		t.Run("allowed "+setting, func(t *testing.T) {
			t.Parallel()
			s := start(t, sqlite, "OMARTY_ALLOWED_ORIGINS="+setting, "OMARTY_RATE_LIMITS=off")
			_, me := s.mustSignIn(t)
			_, file := s.mustUpload(t, me.token, "a.txt", []byte("hello"))
			_, export := s.mustExport(t, me.token)
			shown := "same-origin"
			if allowed != nil {
				shown = "cross-origin"
			}
			for _, url := range []string{file, export} {
				for _, origin := range []string{app, other} {
					may := strings.Contains(strings.Join(allowed, " "), origin)
					expectOrigin := func(what string, a answer, status int) {
						t.Helper()
						got := a.header.Get("Access-Control-Allow-Origin")
						if a.status != status || may && got != origin && got != "*" || !may && got != "" {
							t.Errorf("%s of %s from %s: %d, Access-Control-Allow-Origin is %q", what, url, origin, a.status, got)
						}
					}
					preflight := func(method, headers string) answer {
						return s.do(t, http.MethodOptions, url, nil, "Origin", origin, "Access-Control-Request-Method", method, "Access-Control-Request-Headers", headers)
					}
					status := http.StatusNoContent
					if allowed == nil {
						status = http.StatusMethodNotAllowed
					}
					for _, headers := range []string{"authorization,range", "authorization,if-range,range", "if-none-match", "authorization,if-none-match"} {
						a := preflight(http.MethodGet, headers)
						expectOrigin("preflight", a, status)
						if got := strings.ToLower(a.header.Get("Access-Control-Allow-Headers")); may && got != headers && got != "*" {
							t.Errorf("%s from %s: of %s it allows %q", url, origin, headers, got)
						}
					}
					expectOrigin("preflight of a head", preflight(http.MethodHead, "authorization"), status)
					if a := preflight(http.MethodDelete, "authorization"); a.header.Get("Access-Control-Allow-Methods") != "" {
						t.Errorf("%s from %s: it may be deleted: %v", url, origin, a.header)
					}
					ask := append(bearer(me.token), "Origin", origin)
					a := s.get(t, url, append(ask, "Range", "bytes=1-3")...)
					expectOrigin("range", a, http.StatusPartialContent)
					expectOrigin("what has not changed", s.get(t, url, append(ask, "If-None-Match", a.header.Get("ETag"))...), http.StatusNotModified)
					expectOrigin("none that is there", s.get(t, url, append(ask, "Range", "bytes=9999999-")...), http.StatusRequestedRangeNotSatisfiable)
					expectOrigin("head", s.do(t, http.MethodHead, url, nil, ask...), http.StatusOK)
					expectOrigin("nobody's", s.get(t, url, "Origin", origin), http.StatusUnauthorized)
					exposed := strings.ToLower(a.header.Get("Access-Control-Expose-Headers"))
					for _, name := range []string{"Content-Disposition", "Content-Range", "Accept-Ranges", "ETag", "Content-Length", "X-Request-Id"} {
						if may && !strings.Contains(exposed, strings.ToLower(name)) {
							t.Errorf("%s: %s is not exposed, but %q", url, name, exposed)
						}
					}
					// A cache must not give one origin's or one person's answer to another.
					vary := strings.Join(a.header.Values("Vary"), ",")
					if !strings.Contains(vary, "Authorization") || setting == app && !strings.Contains(vary, "Origin") {
						t.Errorf("%s: Vary is %q", url, vary)
					}
				}
				// As an image, which says nothing of its page.
				for name, a := range map[string]answer{"one's own": s.get(t, url, bearer(me.token)...), "nobody's": s.get(t, url)} {
					if got := a.header.Get("Cross-Origin-Resource-Policy"); got != shown {
						t.Errorf("%s %s: Cross-Origin-Resource-Policy is %q, want %q", name, url, got, shown)
					}
				}
			}
			if got := s.postJSON(t, variables{"query": "{viewer{id}}"}).header.Get("Cross-Origin-Resource-Policy"); got != "same-origin" {
				t.Errorf("of the API it is %q", got)
			}
		})
	}
}
