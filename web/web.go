// Package web serves the playground: GraphiQL with everything it needs, from
// this binary alone.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
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

// The page may load nothing but what this package serves. GraphiQL sets styles
// of its own at run time, hence 'unsafe-inline' for them; 'self' under
// connect-src covers the socket of the same origin as well.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

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
	var page *file
	for _, f := range load() {
		switch f.name {
		case "index.html":
			page = f
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
	page = page.render(urls)
	page.cache = "no-cache"

	mux := http.NewServeMux()
	mux.Handle("GET /playground", page)
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
		h.Set("Content-Security-Policy", contentSecurityPolicy)
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

// render fills in the assets' URLs. A name that is not there is a fault of the
// page, which the tests would have met.
func (f *file) render(urls map[string]string) *file {
	asset := func(name string) (string, error) {
		url, ok := urls[name]
		if !ok {
			return "", fmt.Errorf("no asset %q", name)
		}
		return url, nil
	}
	var out bytes.Buffer
	page, err := template.New(f.name).Funcs(template.FuncMap{"asset": asset}).Parse(string(f.content))
	if err == nil {
		err = page.Execute(&out, nil)
	}
	if err != nil {
		panic(fmt.Sprintf("web: %s: %v", f.name, err))
	}
	return newFile(f.name, out.Bytes())
}
