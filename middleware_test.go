package main

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/andybalholm/brotli"
	"github.com/google/uuid"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

// house is the middleware of every request about a few handlers, with its log.
func house(t *testing.T, routes map[string]http.HandlerFunc) (http.Handler, *bytes.Buffer) {
	t.Helper()
	var written bytes.Buffer
	log := newLogger(&written, slog.LevelDebug, true)
	mux := http.NewServeMux()
	for pattern, handler := range routes {
		mux.Handle(pattern, handler)
	}
	return withRequestID(logged(log, newMeasures().count, recovering(log, mux))), &written
}

// lines gives what a log in JSON has, a line each.
func lines(t *testing.T, log *bytes.Buffer) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(log.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("a line of the log is no JSON: %s", line)
		}
		all = append(all, entry)
	}
	return all
}

func ask(handler http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func TestRequestIDIsInTheAnswerAndTheLog(t *testing.T) {
	t.Parallel()
	var inside string
	handler, log := house(t, map[string]http.HandlerFunc{"/ok": func(w http.ResponseWriter, r *http.Request) {
		inside = requestID(r.Context())
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, "hello")
	}})
	var ids []string
	for range 2 {
		log.Reset()
		r := httptest.NewRequest(http.MethodPost, "/ok", nil)
		r.Header.Set("X-Request-Id", "of-the-client")
		id := ask(handler, r).Header().Get("X-Request-Id")
		if _, err := uuid.Parse(id); err != nil || id != inside || slices.Contains(ids, id) {
			t.Errorf("the id is %q in the answer and %q inside, after %q", id, inside, ids)
		}
		ids = append(ids, id)
		entries := lines(t, log)
		if len(entries) != 1 {
			t.Fatalf("%d lines: %s", len(entries), log)
		}
		for key, want := range map[string]any{"request": id, "level": "INFO", "method": "POST", "pattern": "/ok", "status": 202.0, "bytes": 5.0} {
			if entries[0][key] != want {
				t.Errorf("%s is %v in the log, want %v", key, entries[0][key], want)
			}
		}
	}
	if id := requestID(t.Context()); id != "" {
		t.Errorf("outside of a request the id is %q", id)
	}
}

// Who asks each second whether all is well has a line where it is not, and else none at INFO.
func TestHealthIsLoggedWhereItIsBad(t *testing.T) {
	t.Parallel()
	well, ill := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	for _, c := range []struct {
		pattern, level string
		answer         http.HandlerFunc
	}{
		{"GET /healthz", "DEBUG", well},
		{"GET /readyz", "DEBUG", well},
		{"GET /readyz", "INFO", ill},
		{"GET /playground", "INFO", well},
	} {
		handler, log := house(t, map[string]http.HandlerFunc{c.pattern: c.answer})
		ask(handler, httptest.NewRequest(http.MethodGet, strings.TrimPrefix(c.pattern, "GET "), nil))
		if all := lines(t, log); len(all) != 1 || all[0]["level"] != c.level {
			t.Errorf("%s: %s", c.pattern, log)
		}
	}
}

func TestRequestIDIsOnEveryLine(t *testing.T) {
	t.Parallel()
	for _, asJSON := range []bool{true, false} {
		var written bytes.Buffer
		log := newLogger(&written, slog.LevelInfo, asJSON)
		handler := withRequestID(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			log.DebugContext(r.Context(), "not asked for")
			log.InfoContext(r.Context(), "one")
			log.With("a", "b").WarnContext(r.Context(), "two")
			log.WithGroup("g").ErrorContext(r.Context(), "three", "c", "d")
		}))
		id := ask(handler, httptest.NewRequest(http.MethodGet, "/", nil)).Header().Get("X-Request-Id")
		log.Info("outside")
		all := strings.Split(strings.TrimSpace(written.String()), "\n")
		if len(all) != 4 {
			t.Fatalf("%d lines: %s", len(all), &written)
		}
		for i, line := range all {
			if strings.Contains(line, id) != (i < 3) || strings.Contains(line, "request") != (i < 3) {
				t.Errorf("line %d: %s", i, line)
			}
			if json.Valid([]byte(line)) != asJSON {
				t.Errorf("as JSON: %v: %s", asJSON, line)
			}
		}
	}
}

// verbose is an error that has more to tell to who prints it at length.
type verbose struct{ error }

func (verbose) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "at line 12 of blob.go") }

func TestErrorsAreLoggedInTheirOwnWords(t *testing.T) {
	t.Parallel()
	for _, asJSON := range []bool{true, false} {
		var written bytes.Buffer
		newLogger(&written, slog.LevelInfo, asJSON).Warn("refused", "cause", verbose{errors.New("no space left on device")})
		if line := written.String(); !strings.Contains(line, `"no space left on device"`) || strings.Contains(line, "blob.go") {
			t.Errorf("as JSON: %v: %s", asJSON, line)
		}
	}
}

const hunter2 = "hunter2"

func TestLogHoldsNothingOfTheRequest(t *testing.T) {
	t.Parallel()
	handler, log := house(t, map[string]http.HandlerFunc{
		"/form":        func(_ http.ResponseWriter, r *http.Request) { _ = r.ParseForm() },
		"/panic":       func(http.ResponseWriter, *http.Request) { panic("of the handler") },
		"/files/{id}":  func(http.ResponseWriter, *http.Request) {},
		"GET /getting": func(http.ResponseWriter, *http.Request) {},
	})
	for _, target := range []string{"/form", "/panic", "/nowhere/" + hunter2, "/files/" + hunter2, "/getting", "/" + hunter2 + "/../form"} {
		r := httptest.NewRequest(http.MethodPost, target+"?password="+hunter2+"&"+hunter2, strings.NewReader("password="+hunter2))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, name := range []string{"Authorization", "Cookie", "User-Agent", "Referer", "X-Request-Id", "X-Forwarded-For", hunter2} {
			r.Header.Set(name, "Bearer "+hunter2)
		}
		r.Host = hunter2
		ask(handler, r)
	}
	if strings.Contains(log.String(), hunter2) || !strings.Contains(log.String(), "/form") {
		t.Errorf("the log:\n%s", log)
	}
	if n := len(lines(t, log)); n != 7 { // one each, and one for the panic
		t.Errorf("%d lines:\n%s", n, log)
	}
}

func TestPanicIsToldToTheLogAlone(t *testing.T) {
	t.Parallel()
	const cause = "the-disk-is-full"
	for name, panics := range map[string]http.HandlerFunc{
		"with a text":       func(http.ResponseWriter, *http.Request) { panic(cause) },
		"with an error":     func(http.ResponseWriter, *http.Request) { panic(errors.New(cause)) },
		"of the runtime":    func(_ http.ResponseWriter, r *http.Request) { _ = cause[len(cause)+len(r.Method)] },
		"compressed":        compressed(0, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(cause) })).ServeHTTP,
		"with headers made": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "3"); panic(cause) },
		"compressed, with headers made": compressed(1000, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			panic(cause)
		})).ServeHTTP,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler, log := house(t, map[string]http.HandlerFunc{"/": panics})
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Accept-Encoding", "gzip")
			w := ask(handler, r)
			if w.Code != http.StatusInternalServerError || w.Header().Get("Content-Length") == "3" {
				t.Errorf("%d %v", w.Code, w.Header())
			}
			if body := decoded(t, w.Header().Get("Content-Encoding"), w.Body); body != "A fault of the server.\n" {
				t.Errorf("the answer is %q", body)
			}
			entries := lines(t, log)
			if len(entries) != 2 {
				t.Fatalf("%d lines: %s", len(entries), log)
			}
			panicked, request := entries[0], entries[1]
			if panicked["level"] != "ERROR" || !strings.Contains(panicked["stack"].(string), "middleware_test.go") {
				t.Errorf("the log has %v", panicked)
			}
			if text := panicked["error"].(string); name != "of the runtime" && text != cause {
				t.Errorf("the log has the cause %q", text)
			}
			if id := w.Header().Get("X-Request-Id"); panicked["request"] != id || request["request"] != id || request["status"] != 500.0 {
				t.Errorf("request %s in the log: %s", id, log)
			}
		})
	}
}

// What was sent cannot be taken back; it must not look whole either.
func TestPanicInTheMiddleOfAnAnswer(t *testing.T) {
	t.Parallel()
	handler, log := house(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, strings.Repeat("x", 100_000))
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		panic("the-disk-is-full")
	}})
	server := httptest.NewServer(handler)
	defer server.Close()
	response, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil {
		t.Errorf("the answer looks whole; it ends in %q", body[max(0, len(body)-40):])
	}
	server.Close() // after which the log is written
	if bytes.Contains(body, []byte("disk")) || !strings.Contains(log.String(), "the-disk-is-full") {
		t.Errorf("the log: %s", log)
	}
}

// A handler that gives up on its connection means it: net/http cuts it.
func TestAbortIsPassedOn(t *testing.T) {
	t.Parallel()
	handler, log := house(t, map[string]http.HandlerFunc{"/": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }})
	defer func() {
		if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // it is this very value
			t.Errorf("it panics with %v", v)
		}
		if strings.Contains(log.String(), "ERROR") {
			t.Errorf("the log tells of a fault: %s", log)
		}
	}()
	ask(handler, httptest.NewRequest(http.MethodGet, "/", nil))
}

// decoded gives a body as it was before its encoding.
func decoded(t *testing.T, encoding string, body io.Reader) string {
	t.Helper()
	reader, err := body, error(nil)
	switch encoding {
	case "":
	case "gzip":
		reader, err = gzip.NewReader(body)
	case "deflate":
		reader, err = zlib.NewReader(body) // and not the bare deflate of RFC 1951
	case "br":
		reader = brotli.NewReader(body)
	default:
		t.Fatalf("nobody asked for %q", encoding)
	}
	if err != nil {
		t.Fatalf("it is no %s: %v", encoding, err)
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		t.Fatalf("it is no %s: %v", encoding, err)
	}
	return string(text)
}

// sending answers with a text of so many bytes.
func sending(size int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, strings.Repeat("abc ", size/4+1)[:size])
	})
}

func TestCompression(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		accept        string
		minSize, size int
		want          []string // any of these
	}{
		{"gzip", 1000, 1000, []string{"gzip"}},
		{"deflate", 1000, 1000, []string{"deflate"}},
		{"br", 1000, 1000, []string{"br"}},
		{"gzip, deflate, br", 1000, 100_000, []string{"gzip", "deflate", "br"}},
		{"GZIP", 1000, 1000, []string{"gzip"}},
		{"*", 1000, 1000, []string{"", "gzip", "deflate", "br"}},
		{"br;q=0, gzip;q=0.5", 1000, 1000, []string{"gzip"}},
		{"identity, gzip;q=0", 1000, 1000, []string{""}},
		{"gzip;q=0, deflate;q=0, br;q=0", 1000, 1000, []string{""}},
		{"zstd", 1000, 1000, []string{""}},
		{"x-unknown, gzip", 1000, 1000, []string{"gzip"}},
		{"", 1000, 1000, []string{""}},
		{"gzip", 1000, 999, []string{""}},
		{"br", 1000, 1, []string{""}},
		{"gzip", 1000, 0, []string{""}},

		// The answers of the form are small, and compressed whatever their size.
		{"gzip", 0, 44, []string{"gzip"}},
		{"deflate", 0, 44, []string{"deflate"}},
		{"br", 0, 44, []string{"br"}},
		{"gzip, deflate, br", 0, 1, []string{"gzip", "deflate", "br"}},
		{"", 0, 44, []string{""}},
	} {
		t.Run(c.accept+" "+strconv.Itoa(c.size)+" of "+strconv.Itoa(c.minSize), func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(compressed(c.minSize, sending(c.size)))
			defer server.Close()
			client := &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
			for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodHead} {
				r, err := http.NewRequestWithContext(t.Context(), method, server.URL, nil)
				if err != nil {
					t.Fatal(err)
				}
				if c.accept != "" {
					r.Header.Set("Accept-Encoding", c.accept)
				}
				response, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				if response.StatusCode != http.StatusAccepted || response.Header.Get("Content-Type") != "application/json; charset=utf-8" {
					t.Errorf("%s: %d %v", method, response.StatusCode, response.Header)
				}
				// A cache must not give it to who cannot read it, nor the plain one to all.
				if !slices.Contains(response.Header.Values("Vary"), "Accept-Encoding") {
					t.Errorf("%s: Vary: %q", method, response.Header.Values("Vary"))
				}
				if method == http.MethodHead {
					if body, err := io.ReadAll(response.Body); len(body) > 0 || err != nil {
						t.Errorf("%s: a body of %d bytes, %v", method, len(body), err)
					}
					continue
				}
				encoding := response.Header.Get("Content-Encoding")
				if !slices.Contains(c.want, encoding) {
					t.Errorf("%s: encoded by %q, want %q", method, encoding, c.want)
				}
				if text := decoded(t, encoding, response.Body); len(text) != c.size || strings.Trim(text, "abc ") != "" {
					t.Errorf("%s: %d bytes come, and not %d", method, len(text), c.size)
				}
			}
		})
	}
}

func TestCompressionSaves(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"gzip", "deflate", "br"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept-Encoding", encoding)
		if n := ask(compressed(1000, sending(100_000)), r).Body.Len(); n > 2_000 {
			t.Errorf("%s: of 100,000 bytes that repeat there are %d", encoding, n)
		}
	}
}

func TestWhatIsCompressedIsNotCompressedAgain(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	io.WriteString(w, strings.Repeat("abc ", 100_000))
	w.Close()
	handler := compressed(0, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Length", strconv.Itoa(packed.Len()))
		_, _ = w.Write(packed.Bytes())
	}))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Accept-Encoding", "br, gzip")
	got := ask(handler, r)
	if !slices.Equal(got.Header().Values("Content-Encoding"), []string{"gzip"}) || !bytes.Equal(got.Body.Bytes(), packed.Bytes()) {
		t.Errorf("%v, %d bytes, want the %d that there were", got.Header(), got.Body.Len(), packed.Len())
	}
}

func TestAnswersWithoutABodyStayWithoutOne(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusNoContent, http.StatusNotModified} {
		handler := compressed(0, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept-Encoding", "gzip")
		if w := ask(handler, r); w.Code != status || w.Body.Len() > 0 || w.Header().Get("Content-Encoding") != "" {
			t.Errorf("%d %v, %d bytes; want %d and nothing", w.Code, w.Header(), w.Body.Len(), status)
		}
	}
}

// A fault says of which request, session and room it is, on a socket too, where there is no
// line of the request's.
func TestFaultsTellOfSessionAndRoom(t *testing.T) {
	t.Parallel()
	var written bytes.Buffer
	log := newLogger(&written, slog.LevelDebug, true)
	by := service.Asker{User: omarty.NewID(omarty.KindUser), Session: omarty.NewID(omarty.KindSession)}
	room, another := omarty.NewID(omarty.KindRoom), omarty.NewID(omarty.KindRoom)
	first := context.WithValue(t.Context(), requestKey{}, &scene{id: "the-request"})
	note(first, omarty.ID{}, another)
	ctx := service.WithAsker(detached(first), by)
	ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: "Subscription", Args: map[string]any{"room": room}})
	ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: "RoomEvent"})
	log.ErrorContext(ctx, "fault")
	line := lines(t, &written)[0]
	if line["request"] != "the-request" || line["session"] != by.Session.String() || line["room"] != room.String() || line["user"] != nil {
		t.Errorf("the line tells %v", line)
	}
}
