// Package web serves the playground: GraphiQL with everything it needs, from
// this binary alone.
package web

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed playground
var files embed.FS

// Paths are where Handler serves.
var Paths = []string{"/playground", "/playground/", "/favicon.svg", "/favicon.ico"}

const assetPath = "/playground/assets/"

// The page may run the scripts that it names, with a nonce of its own each time, and
// load nothing else but what this origin serves: no worker, no eval, no script in the
// page. The nonce is for the styles, too, that GraphiQL makes when a dialog opens (main.js
// tells it); 'self' under connect-src covers the socket of the same origin as well.
const pagePolicy = "default-src 'none'; script-src 'nonce-%[1]s'; style-src 'self' 'nonce-%[1]s'; " +
	"img-src 'self' data:; connect-src 'self'; object-src 'none'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// What the page loads is no page: it may do nothing by itself.
const assetPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"

// Named here rather than asked of the system, whose tables differ.
var contentTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".txt":  "text/plain; charset=utf-8",
}

type file struct {
	name    string
	content []byte
	hash    string
	cache   string
}

// Handler serves /playground, its assets below /playground/assets/ and the
// icon; everything else is not found. What it sends is not compressed.
func Handler() http.Handler {
	assets := map[string]*file{} // by URL path
	urls := map[string]string{}  // by name within playground/
	icon := &file{}
	var index *file
	for _, f := range load() {
		switch f.name {
		case "index.html":
			index = f
			continue
		case "favicon.svg":
			*icon = *f
			icon.cache = "public, max-age=86400"
		}
		// The URL changes with the content, so that it may be kept for ever.
		ext := path.Ext(f.name)
		stem := strings.TrimSuffix(path.Base(f.name), ext)
		url := assetPath + stem + "." + f.hash + ext
		assets[url], urls[f.name] = f, url
		f.cache = "public, max-age=31536000, immutable"
	}

	mux := http.NewServeMux()
	mux.Handle("GET /playground", newPage(index, urls))
	mux.Handle("GET /playground/{$}", http.RedirectHandler("/playground", http.StatusPermanentRedirect))
	mux.Handle("GET /favicon.svg", icon)
	mux.Handle("GET /favicon.ico", icon)
	mux.HandleFunc("GET "+assetPath+"{name}", func(w http.ResponseWriter, r *http.Request) {
		asset, ok := assets[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		asset.ServeHTTP(w, r)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", assetPolicy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	})
}

func (f *file) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", f.cache)
	h.Set("Content-Type", contentTypes[path.Ext(f.name)])
	// Weak, since the same file is sent compressed and plain.
	h.Set("ETag", `W/"`+f.hash+`"`)
	http.ServeContent(w, r, f.name, time.Time{}, bytes.NewReader(f.content))
}

// load reads what is embedded; that it can is settled when the program is built.
func load() []*file {
	var loaded []*file
	err := fs.WalkDir(files, "playground", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		loaded = append(loaded, newFile(strings.TrimPrefix(name, "playground/"), content))
		return nil
	})
	if err != nil {
		panic(fmt.Sprintf("web: embedded files: %v", err))
	}
	return loaded
}

func newFile(name string, content []byte) *file {
	sum := sha256.Sum256(content)
	return &file{name: name, content: content, hash: hex.EncodeToString(sum[:8])}
}

// page is the one page: a template, since its nonce is another each time.
type page struct {
	template *template.Template
}

// newPage fills in the assets' URLs. A name that is not there is a fault of the page,
// which the tests would have met.
func newPage(f *file, urls map[string]string) page {
	asset := func(name string) (string, error) {
		url, ok := urls[name]
		if !ok {
			return "", fmt.Errorf("no asset %q", name)
		}
		return url, nil
	}
	parsed, err := template.New(f.name).Funcs(template.FuncMap{"asset": asset}).Parse(string(f.content))
	if err == nil {
		err = parsed.Execute(io.Discard, "a nonce")
	}
	if err != nil {
		panic(fmt.Sprintf("web: %s: %v", f.name, err))
	}
	return page{parsed}
}

func (p page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	nonce := rand.Text()
	var text bytes.Buffer
	if err := p.template.Execute(&text, nonce); err != nil {
		panic(fmt.Sprintf("web: %v", err)) // it was made once before
	}
	h := w.Header()
	h.Set("Content-Security-Policy", fmt.Sprintf(pagePolicy, nonce))
	h.Set("Content-Type", contentTypes[".html"])
	// Kept, its nonce would be no secret, and not that of the headers.
	h.Set("Cache-Control", "no-store")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text.Bytes()))
}
