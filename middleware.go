package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/CAFxX/httpcompression"
	"github.com/google/uuid"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/rs/cors"
	"go.opentelemetry.io/otel/trace"

	"github.com/omarty/chat/graph"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

type requestKey struct{}

// scene is a request, and what it turns out to be about while it is answered, for its line in
// the log.
type scene struct {
	id string

	mu            sync.Mutex
	session, room omarty.ID
}

// withRequestID gives each request an id, which the answer and the log carry.
func withRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := &scene{id: uuid.Must(uuid.NewV7()).String()}
		w.Header().Set("X-Request-Id", s.id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestKey{}, s)))
	})
}

// requestID gives the id of the request that a context belongs to; "" for none.
func requestID(ctx context.Context) string {
	switch of := ctx.Value(requestKey{}).(type) {
	case *scene:
		return of.id
	case string:
		return of
	}
	return ""
}

// detached gives a context that has the id of a request and nothing else of it.
func detached(ctx context.Context) context.Context {
	return context.WithValue(context.Background(), requestKey{}, requestID(ctx))
}

// note says what the request is about that a context belongs to: whose session it is of, and
// which room it asks something of; zero for what is not known. The first that is told counts.
func note(ctx context.Context, session, room omarty.ID) {
	s, ok := ctx.Value(requestKey{}).(*scene)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session.IsZero() {
		s.session = session
	}
	if s.room.IsZero() {
		s.room = room
	}
}

// namesOf gives the ids of a request, a session, a room and a trace, as far as a context tells.
func namesOf(ctx context.Context) []slog.Attr {
	session, room := service.AskerOf(ctx).Session, graph.RoomOf(ctx)
	if s, ok := ctx.Value(requestKey{}).(*scene); ok {
		s.mu.Lock()
		session, room = cmp.Or(session, s.session), cmp.Or(room, s.room)
		s.mu.Unlock()
	}
	traced := ""
	if t := trace.SpanContextFromContext(ctx); t.IsSampled() {
		traced = t.TraceID().String()
	}
	var known []slog.Attr
	for _, id := range [...]struct{ name, text string }{{"request", requestID(ctx)}, {"session", session.String()}, {"room", room.String()}, {"trace", traced}} {
		if id.text != "" {
			known = append(known, slog.String(id.name, id.text))
		}
	}
	return known
}

// newLogger gives a logger that puts on each line the ids of what it is about.
func newLogger(w io.Writer, level slog.Level, json bool) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if json {
		return slog.New(identified{slog.NewJSONHandler(w, options)})
	}
	options.ReplaceAttr = inItsOwnWords
	return slog.New(identified{slog.NewTextHandler(w, options)})
}

// inItsOwnWords has an error say what it says, as it does in JSON, and not the lines of code
// that some have with them, too.
func inItsOwnWords(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindAny {
		if err, ok := a.Value.Any().(error); ok {
			a.Value = slog.StringValue(err.Error())
		}
	}
	return a
}

// identified is a handler of logs that adds them.
type identified struct{ slog.Handler }

// Handle adds the ids and hands the record on.
func (h identified) Handle(ctx context.Context, r slog.Record) error {
	r.AddAttrs(namesOf(ctx)...)
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
			log.Log(r.Context(), levelOf(r.Pattern, seen.status), "request",
				"method", methodName(r.Method), "pattern", r.Pattern, "status", seen.status,
				"bytes", seen.bytes, "took", took.Round(time.Microsecond))
		}()
		next.ServeHTTP(seen, r)
	})
}

// levelOf is INFO, but for what load balancers ask each second and is as it should be.
func levelOf(pattern string, status int) slog.Level {
	if status == http.StatusOK && (pattern == "GET /healthz" || pattern == "GET /readyz") {
		return slog.LevelDebug
	}
	return slog.LevelInfo
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
