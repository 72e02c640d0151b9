package web

import (
	"bytes"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
)

var handler = Handler()

func serve(method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// The URLs of what the page loads or links to.
func references(t *testing.T) []string {
	t.Helper()
	page := serve("GET", "/playground").Body.String()
	var urls []string
	for _, match := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		urls = append(urls, match[1])
	}
	if len(urls) < 10 {
		t.Fatalf("only %d references in the page", len(urls))
	}
	return urls
}

func asset(t *testing.T, stem, ext string) string {
	t.Helper()
	for _, url := range references(t) {
		if strings.HasPrefix(path.Base(url), stem+".") && path.Ext(url) == ext {
			return url
		}
	}
	t.Fatalf("the page has no %s%s", stem, ext)
	return ""
}

func TestContentTypes(t *testing.T) {
	for target, want := range map[string]string{
		"/playground":                   "text/html; charset=utf-8",
		"/favicon.svg":                  "image/svg+xml",
		"/favicon.ico":                  "image/svg+xml",
		asset(t, "favicon", ".svg"):     "image/svg+xml",
		asset(t, "graphiql", ".css"):    "text/css; charset=utf-8",
		asset(t, "graphiql", ".js"):     "text/javascript; charset=utf-8",
		asset(t, "main", ".js"):         "text/javascript; charset=utf-8",
		asset(t, "LICENSES", ".txt"):    "text/plain; charset=utf-8",
		"/playground/assets/missing.js": "text/plain; charset=utf-8",
	} {
		if got := serve("GET", target).Header().Get("Content-Type"); got != want {
			t.Errorf("%s: Content-Type %q, want %q", target, got, want)
		}
	}
}

func TestEveryFileHasAContentType(t *testing.T) {
	for _, f := range load() {
		if contentTypes[path.Ext(f.name)] == "" {
			t.Errorf("no content type for %s", f.name)
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	for _, target := range []string{"/playground", asset(t, "main", ".js"), "/favicon.svg", "/playground/assets/missing.js"} {
		h := serve("GET", target).Header()
		if got := h.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("%s: X-Content-Type-Options %q", target, got)
		}
		if got := h.Get("Referrer-Policy"); got != "no-referrer" {
			t.Errorf("%s: Referrer-Policy %q", target, got)
		}
		policy := policyOf(h)
		for name, want := range map[string]string{
			"default-src":     "'none'",
			"base-uri":        "'none'",
			"form-action":     "'none'",
			"frame-ancestors": "'none'",
		} {
			if policy[name] != want {
				t.Errorf("%s: %s is %q, want %q", target, name, policy[name], want)
			}
		}
		if _, sandboxed := policy["sandbox"]; sandboxed != (target != "/playground") {
			t.Errorf("%s: sandboxed: %v", target, sandboxed)
		}
	}
}

// policyOf gives the directives of a content security policy by their names.
func policyOf(h http.Header) map[string]string {
	policy := map[string]string{}
	for directive := range strings.SplitSeq(h.Get("Content-Security-Policy"), "; ") {
		name, value, _ := strings.Cut(directive, " ")
		policy[name] = value
	}
	return policy
}

// A script runs by the nonce of this very answer, which nobody can know before.
func TestPageHasANonceOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		w := serve("GET", "/playground")
		policy := policyOf(w.Header())
		nonce := strings.TrimSuffix(strings.TrimPrefix(policy["script-src"], "'nonce-"), "'")
		if len(nonce) < 22 || policy["script-src"] != "'nonce-"+nonce+"'" || seen[nonce] {
			t.Errorf("script-src is %q, after %v", policy["script-src"], seen)
		}
		seen[nonce] = true
		if policy["style-src"] != "'self' 'nonce-"+nonce+"'" || policy["connect-src"] != "'self'" || policy["object-src"] != "'none'" {
			t.Errorf("the policy is %v", policy)
		}
		page := w.Body.String()
		if all, named := strings.Count(page, "<script"), strings.Count(page, `<script nonce="`+nonce+`" `); all < 5 || all != named {
			t.Errorf("of %d scripts %d have the nonce", all, named)
		}
		if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("ETag") != "" {
			t.Errorf("the page may be kept: %v", w.Header())
		}
	}
}

func TestMethods(t *testing.T) {
	for _, target := range []string{"/playground", asset(t, "main", ".js"), "/favicon.svg"} {
		for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
			w := serve(method, target)
			if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d, Allow %q", method, target, w.Code, w.Header().Get("Allow"))
			}
		}
		got, head := serve("GET", target), serve("HEAD", target)
		if head.Code != http.StatusOK || head.Body.Len() != 0 {
			t.Errorf("HEAD %s: %d with %d bytes", target, head.Code, head.Body.Len())
		}
		for _, name := range []string{"Content-Length", "Content-Type", "ETag", "Cache-Control"} {
			if g, h := got.Header().Get(name), head.Header().Get(name); g == "" && (name != "ETag" || target != "/playground") || g != h {
				t.Errorf("%s: %s is %q for GET, %q for HEAD", target, name, g, h)
			}
		}
	}
}

func TestNotFound(t *testing.T) {
	for _, target := range []string{
		"/",
		"/playground/other",
		"/playground/assets/",
		"/playground/assets/missing.js",
		"/playground/assets/main.js", // without its hash
		"/playground/assets/vendor/graphiql.js",
		"/playground/assets/index.html",
	} {
		if w := serve("GET", target); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", target, w.Code)
		} else if w.Header().Get("Cache-Control") != "" {
			t.Errorf("%s: a 404 may be cached: %q", target, w.Header().Get("Cache-Control"))
		}
	}
}

func TestCaching(t *testing.T) {
	for target, want := range map[string]string{
		asset(t, "main", ".css"): "public, max-age=31536000, immutable",
		"/favicon.ico":           "public, max-age=86400",
	} {
		w := serve("GET", target)
		if got := w.Header().Get("Cache-Control"); got != want {
			t.Errorf("%s: Cache-Control %q, want %q", target, got, want)
		}
		again := serve("GET", target, "If-None-Match", w.Header().Get("ETag"))
		if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("%s: asked with its ETag %d with %d bytes, want 304", target, again.Code, again.Body.Len())
		}
	}
}

func TestTrailingSlash(t *testing.T) {
	w := serve("GET", "/playground/")
	if w.Code != http.StatusPermanentRedirect || w.Header().Get("Location") != "/playground" {
		t.Errorf("/playground/: %d to %q", w.Code, w.Header().Get("Location"))
	}
}

// The policy allows neither another host nor a script within the page.
func TestPageLoadsOnlyItsAssets(t *testing.T) {
	for _, url := range references(t) {
		if !strings.HasPrefix(url, assetPath) {
			t.Errorf("the page refers to %s", url)
		} else if w := serve("GET", url); w.Code != http.StatusOK || w.Body.Len() == 0 {
			t.Errorf("%s: %d with %d bytes", url, w.Code, w.Body.Len())
		}
	}
	page := serve("GET", "/playground").Body.String()
	if !strings.Contains(page, "<title>Omarty Chat playground</title>") {
		t.Error("the page has lost its title")
	}
	if regexp.MustCompile(`<script[^>]*>[^<]|<style|\son\w+=`).MatchString(page) {
		t.Error("the page has a script or style of its own")
	}
}

// What a style sheet could fetch, and what a script could only run with
// 'unsafe-eval'.
func TestAssetsAreSelfContained(t *testing.T) {
	foreign := map[string]*regexp.Regexp{
		".css": regexp.MustCompile(`@import|url\(\s*["']?(?:https?:)?//`),
		".js":  regexp.MustCompile(`\beval\(|\bnew Function\(|sourceMappingURL=`),
	}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := files.ReadFile(name)
		if pattern := foreign[path.Ext(name)]; pattern != nil {
			if found := pattern.Find(content); found != nil {
				t.Errorf("%s has %q", name, found)
			}
		}
		if strings.Contains(name, "/vendor/") && bytes.Contains(content, []byte("data:font/")) {
			t.Errorf("%s has a font in it, which the policy refuses", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
