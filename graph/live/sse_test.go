package live

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// events opens an SSE stream and gives its events, as "next {…}", "complete" and
// ":"; the channel is closed at its end.
func events(t *testing.T, h *httptest.Server, method, query string, headers ...string) (*http.Response, <-chan string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, h.URL+"?query="+url.QueryEscape(query), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := h.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	all := make(chan string, 1000)
	go func() {
		defer close(all)
		lines := bufio.NewScanner(response.Body)
		lines.Buffer(nil, 1<<20)
		name := ""
		for lines.Scan() {
			if line := lines.Text(); line == ":" {
				all <- ":"
			} else if after, ok := strings.CutPrefix(line, "event: "); ok {
				name = after
			} else if after, ok := strings.CutPrefix(line, "data:"); ok {
				all <- strings.TrimSpace(name + after)
			}
		}
	}()
	return response, all
}

func expect(t *testing.T, all <-chan string, want ...string) {
	t.Helper()
	for _, w := range want {
		if got := <-all; got != w {
			t.Fatalf("the event is %.300q; want %q", got, w)
		}
	}
}

func TestEvents(t *testing.T) {
	s, _ := newServer(executor{
		"hello": answer(`{"hello":"you"}`),
		"three": func(context.Context) graphql.ResponseHandler {
			n := 0
			return func(context.Context) *graphql.Response {
				if n++; n > 3 {
					return nil
				}
				return &graphql.Response{Data: fmt.Appendf(nil, "{\n\"three\":%d}", n)}
			}
		},
		"panics": func(context.Context) graphql.ResponseHandler { panic("secret") },
		"who": func(ctx context.Context) graphql.ResponseHandler {
			return graphql.OneShot(&graphql.Response{Data: fmt.Appendf(nil, `{"who":%q}`, ctx.Value(askerKey{}))})
		},
	})
	h := serve(t, s)
	for _, c := range []struct {
		name, method, query string
		headers, events     []string
	}{
		{"query", "POST", "{ hello }", nil, []string{`next {"data":{"hello":"you"}}`, "complete"}},
		{"query by GET", "GET", "{ hello }", nil, []string{`next {"data":{"hello":"you"}}`, "complete"}},
		{"mutation", "POST", "mutation { hello }", nil, []string{`next {"data":{"hello":"you"}}`, "complete"}},
		{"mutation by GET", "GET", "mutation { hello }", nil, []string{`next {"errors":[{"message":"A GET request may not mutate.","extensions":{"code":"BAD_REQUEST"}}]}`, "complete"}},
		{"subscription", "GET", "subscription { three }", nil, []string{`next {"data":{"three":1}}`, `next {"data":{"three":2}}`, `next {"data":{"three":3}}`, "complete"}},
		{"a document that does not parse", "POST", "{", nil, []string{`next {"errors":[{"message":"It does not parse."}]}`, "complete"}},
		{"a panic", "POST", "{ panics }", nil, []string{`next {"errors":[{"message":"A fault of the server."}]}`, "complete"}},
		{"a good token", "POST", "{ who }", []string{"Authorization", "bearer good"}, []string{`next {"data":{"who":"good"}}`, "complete"}},
		{"a bad token", "POST", "{ who }", []string{"Authorization", "Bearer bad"}, []string{`next {"data":{"who":""}}`, "complete"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			response, all := events(t, h, c.method, c.query, c.headers...)
			header := response.Header
			if response.StatusCode != http.StatusOK || header.Get("Content-Type") != "text/event-stream; charset=utf-8" ||
				header.Get("Cache-Control") != "no-store" || header.Get("X-Accel-Buffering") != "no" {
				t.Errorf("answered %d %v", response.StatusCode, header)
			}
			expect(t, all, append(c.events, "")...) // and the stream ends
		})
	}
}

func TestQuietStreamsAreKeptAlive(t *testing.T) {
	s, _ := newServer(executor{"endless": endless})
	s.limits.comment = time.Millisecond
	_, all := events(t, serve(t, s), "GET", "subscription { endless }")
	expect(t, all, ":", ":", ":")
}

func TestEventsOfASessionThatEnds(t *testing.T) {
	var late atomic.Bool
	s, known := newServer(executor{
		"flood": func(context.Context) graphql.ResponseHandler {
			return func(ctx context.Context) *graphql.Response {
				if ctx.Err() != nil {
					return nil
				}
				return &graphql.Response{Data: fmt.Appendf(nil, `{"late":%v}`, late.Load())}
			}
		},
		"endless": endless,
	})
	h := serve(t, s)
	_, idle := events(t, h, "POST", "subscription { endless }", "Authorization", "Bearer good")
	_, all := events(t, h, "POST", "subscription { flood }", "Authorization", "Bearer good")
	for range 100 {
		expect(t, all, `next {"data":{"late":false}}`)
	}
	known.end()
	late.Store(true)
	const ended = `next {"errors":[{"message":"For you: The session has ended.","extensions":{"code":"UNAUTHENTICATED"}}]}`
	expect(t, idle, ended, "complete", "")
	for e := range all {
		if e == ended {
			break
		}
		if e != `next {"data":{"late":false}}` {
			t.Fatalf("the event is %q", e)
		}
	}
	expect(t, all, "complete", "")
	if n := known.open(); n != 0 {
		t.Errorf("%d sessions were not released", n)
	}
}

func TestEventsOfAClientThatGoes(t *testing.T) {
	s, _ := newServer(executor{"endless": endless})
	response, _ := events(t, serve(t, s), "GET", "subscription { endless }")
	response.Body.Close()
	eventually(t, "the stream has ended", func() bool { return s.connections() == 0 })
}

// A client that takes nothing is cut, and the source is not asked any more.
func TestEventsToASlowReader(t *testing.T) {
	var asked atomic.Int64
	s, _ := newServer(executor{"flood": flood(10_000, func(n int) { asked.Store(int64(n)) })})
	s.limits.stall = 200 * time.Millisecond
	h := serve(t, s)
	conn, err := net.Dial("tcp", h.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /?query=subscription{flood} HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it begins", func() bool { return asked.Load() > 0 })
	eventually(t, "it is cut", func() bool { return s.connections() == 0 })
	settles(t, "the source is asked", &asked)
}
