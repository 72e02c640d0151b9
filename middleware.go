package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/CAFxX/httpcompression"
	"github.com/google/uuid"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/rs/cors"
)

type requestIDKey struct{}

// withRequestID gives each request an id, which the answer and the log carry.
func withRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := uuid.Must(uuid.NewV7()).String()
		w.Header().Set("X-Request-Id", id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id)))
	})
}

// requestID gives the id of the request that a context belongs to; "" for none.
func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// detached gives a context that has the id of a request and nothing else of it.
func detached(ctx context.Context) context.Context {
	return context.WithValue(context.Background(), requestIDKey{}, ctx.Value(requestIDKey{}))
}

// newLogger gives a logger that puts the request's id on each line.
func newLogger(w io.Writer, level slog.Level, json bool) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if json {
		return slog.New(identified{slog.NewJSONHandler(w, options)})
	}
	return slog.New(identified{slog.NewTextHandler(w, options)})
}

// identified is a handler of logs that adds the request's id.
type identified struct{ slog.Handler }

// Handle adds the id and hands the record on.
func (h identified) Handle(ctx context.Context, r slog.Record) error {
	if id := requestID(ctx); id != "" {
		r.AddAttrs(slog.String("request", id))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs keeps the handler in place.
func (h identified) WithAttrs(attrs []slog.Attr) slog.Handler {
	return identified{h.Handler.WithAttrs(attrs)}
}

// WithGroup keeps the handler in place.
func (h identified) WithGroup(name string) slog.Handler {
	return identified{h.Handler.WithGroup(name)}
}

// logged counts each request, and writes a line for it: never its query, its headers or its
// body, which hold passwords and tokens. Only paths that the program serves are
// named; what else is asked for may hold anything.
func logged(log *slog.Logger, count func(pattern, method string, status int, took time.Duration), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		seen := &statusWriter{ResponseWriter: w}
		defer func() {
			took := time.Since(start)
			count(r.Pattern, methodName(r.Method), seen.status, took)
			log.InfoContext(r.Context(), "request",
				"method", methodName(r.Method), "pattern", r.Pattern, "status", seen.status,
				"bytes", seen.bytes, "took", took.Round(time.Microsecond))
		}()
		next.ServeHTTP(seen, r)
	})
}

// methodName gives a method that HTTP knows; others are a client's own words.
func methodName(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method
	}
	return "other"
}

// statusWriter remembers what was answered.
type statusWriter struct {
	http.ResponseWriter
	status int // 0 before the answer begins
	bytes  int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += n
	return n, err
}

// Hijack remembers that the connection speaks another protocol from now on.
func (w *statusWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.status = http.StatusSwitchingProtocols
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// Unwrap lets http.ResponseController through.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// recovering answers 500, with nothing of the cause, where a handler panics; an
// answer that has begun it cuts off, so that nobody takes it for a whole one.
func recovering(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(v)
			}
			log.ErrorContext(r.Context(), "panic", "error", fmt.Sprint(v), "stack", string(debug.Stack()))
			if seen, ok := w.(*statusWriter); ok && seen.status != 0 {
				panic(http.ErrAbortHandler)
			}
			http.Error(w, "A fault of the server.", http.StatusInternalServerError)
		}()
		next.ServeHTTP(w, r)
	})
}

// compressed compresses answers of minSize bytes or more for clients that accept
// it, as gzip, deflate (which is zlib's format: RFC 9110, 8.4.1.2) or br.
func compressed(minSize int, next http.Handler) http.Handler {
	adapter, err := httpcompression.Adapter(
		httpcompression.GzipCompressionLevel(gzip.DefaultCompression),
		httpcompression.DeflateCompressionLevel(zlib.DefaultCompression),
		httpcompression.BrotliCompressionLevel(4), // as fast as gzip's default, and smaller
		httpcompression.MinSize(minSize),
		httpcompression.Prefer(httpcompression.PreferClient),
	)
	if err != nil {
		panic(err) // the levels above are at fault
	}
	return adapter(next)
}

// compressedUnless is compressed, but for requests whose answers must not be held
// back.
func compressedUnless(streams func(*http.Request) bool, minSize int, next http.Handler) http.Handler {
	smaller := compressed(minSize, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if streams(r) {
			next.ServeHTTP(w, r)
			return
		}
		smaller.ServeHTTP(w, r)
	})
}

// toPlayground sends a person who opens the API in a browser to its playground.
func toPlayground(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.RawQuery == "" && r.Header.Get("Upgrade") == "" &&
			strings.Contains(r.Header.Get("Accept"), "text/html") {
			http.Redirect(w, r, "/playground", http.StatusSeeOther)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// allowOrigins lets pages of other origins use a handler.
func allowOrigins(origins []string, next http.Handler) http.Handler {
	if len(origins) == 0 {
		return next
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost},
		AllowedHeaders: []string{"*"},
		ExposedHeaders: []string{
			"Accept-Ranges", "Content-Disposition", "Content-Length", "Content-Range", "ETag", "Retry-After", "X-Request-Id",
		},
		MaxAge: 600,
	}).Handler(next)
}

// shownBy is allowOrigins for what pages also show without asking by script, as images and
// videos: nothing tells then which page it is, so where any other may, each may that has an
// address with a token in it.
func shownBy(origins []string, next http.Handler) http.Handler {
	if len(origins) == 0 {
		return next
	}
	return allowOrigins(origins, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
		next.ServeHTTP(w, r)
	}))
}
