package live

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gobwas/ws"

	"github.com/omarty/chat/internal/omarty"
)

// Who sends a million of what costs next to nothing to send is cut, after what a client
// may ever need.
func TestFloods(t *testing.T) {
	empty := func(code ws.OpCode) ws.Frame { return ws.NewFrame(code, false, nil) }
	for name, c := range map[string]struct {
		first, then ws.Frame
	}{
		"pings of the protocol":     {then: ws.NewTextFrame([]byte(`{"type":"ping"}`))},
		"pings":                     {then: ws.NewPingFrame([]byte("a"))},
		"pongs":                     {then: ws.NewPongFrame(nil)},
		"completes":                 {then: ws.NewTextFrame([]byte(`{"type":"complete","id":"1"}`))},
		"empty pieces of a message": {first: empty(ws.OpText), then: empty(ws.OpContinuation)},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := newServer(nil)
			c2 := dial(t, serve(t, s)).open("good")
			flood := bytes.Repeat(frameBytes(t, c.then), 1000)
			heard := make(chan string, 1)
			go func() {
				for {
					if m := c2.next(); !strings.HasPrefix(m, "pong") && m != `{"type":"pong"}` {
						heard <- m
						return
					}
				}
			}()
			if c.first.Header.OpCode != 0 {
				c2.frame(c.first)
			}
			sent := 0
			for ; sent < 1000; sent++ {
				if _, err := c2.conn.Write(flood); err != nil {
					break
				}
			}
			if got := <-heard; got != "4429 Too many messages" {
				t.Errorf("heard %q", got)
			}
			if sent == 1000 {
				t.Error("a million was taken")
			}
		})
	}
}

func frameBytes(t *testing.T, f ws.Frame) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := ws.WriteFrame(&b, ws.MaskFrame(f)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Operations in a row wait their turn, and none is lost: a client that begins and takes
// back, over and over, may do so a hundred times a second.
func TestChurnOnASocketIsPaced(t *testing.T) {
	for _, unpaced := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := newServer(executor{"hello": answer(`{"hello":"you"}`)})
			s.Unpaced = unpaced
			c := pipe(t, s).open("good")
			const most = 700
			begun := time.Now()
			go func() {
				for i := range most {
					c.say(fmt.Sprintf(`{"id":"%d","type":"subscribe","payload":{"query":"{ hello }"}}`, i))
				}
			}()
			for answered := 0; answered < most; {
				switch m := c.next(); {
				case strings.HasPrefix(m, `{"type":"complete"`):
					answered++
				case !strings.HasPrefix(m, `{"type":"next"`):
					t.Fatalf("heard %s", m)
				}
			}
			took, least := time.Since(begun), 2*time.Second
			if unpaced {
				least = 0
			}
			if took < least || took > least+50*time.Millisecond {
				t.Errorf("unpaced %t: %d operations took %v, want %v", unpaced, most, took, least)
			}
			c.conn.Close()
			synctest.Wait()
		})
	}
}

// A message that comes a byte at a time keeps a socket for 36 s and no longer, though
// something is heard all the time.
func TestTrickledMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(nil)
		c := pipe(t, s).open("good")
		begun := time.Now()
		go func() {
			for _, b := range frameBytes(t, ws.NewTextFrame(bytes.Repeat([]byte(" "), 1000))) {
				if _, err := c.conn.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		c.quiet = true
		c.hear("1013 Too slow")
		if took := time.Since(begun); took > 40*time.Second {
			t.Errorf("it took %v", took)
		}
		c.conn.Close()
		time.Sleep(2 * time.Second)
		synctest.Wait()
	})
}

// Too many of an address are refused at the door, and told when to come back; so are too
// many of a person, as soon as it is known who they are, in a way after which clients
// come back.
func TestCrowds(t *testing.T) {
	s, known := newServer(executor{"hello": answer(`{"hello":"you"}`)})
	h := serve(t, s)
	full := &omarty.Error{Code: omarty.CodeRateLimited, Message: "Too many.", RetryAfter: 5 * time.Second}

	known.crowd = full
	if _, status := tryDial(t, h, "Sec-WebSocket-Protocol", subprotocol); status != http.StatusTooManyRequests {
		t.Errorf("a socket is answered %d", status)
	}
	answer, err := http.Get(h.URL + "?query={hello}")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	if answer.StatusCode != http.StatusTooManyRequests || answer.Header.Get("Retry-After") != "5" || !strings.Contains(string(text), `"errors"`) {
		t.Errorf("a stream is answered %d, Retry-After %q, %s", answer.StatusCode, answer.Header.Get("Retry-After"), text)
	}

	known.crowd, known.crowded = nil, full
	c := dial(t, h)
	c.say(`{"type":"connection_init","payload":{"token":"good"}}`)
	c.hear("1013 Too many connections; retry-after-ms=5000")
	c.bye()
	eventually(t, "nobody is left", func() bool { return known.strangers() == 0 })
}

// A connection counts among those that have just come until it is known who is there, or
// it is over.
func TestSettled(t *testing.T) {
	s, known := newServer(executor{"endless": endless})
	h := serve(t, s)
	c := dial(t, h)
	if n := known.strangers(); n != 1 {
		t.Fatalf("before it is known who it is: %d", n)
	}
	c.open("good")
	if n := known.strangers(); n != 0 {
		t.Errorf("signed in: %d", n)
	}
	dial(t, h).open("")
	if n := known.strangers(); n != 0 {
		t.Errorf("as nobody: %d", n)
	}
	lost := dial(t, h)
	if n := known.strangers(); n != 1 {
		t.Errorf("one more: %d", n)
	}
	lost.conn.Close()
	eventually(t, "it is counted out", func() bool { return known.strangers() == 0 })
	for _, token := range []string{"good", "bad", ""} {
		r, _ := http.NewRequest(http.MethodGet, h.URL+"?query=subscription{endless}", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "who has the token "+token+" is known", func() bool { return known.strangers() == 0 })
		answer.Body.Close()
	}
}

// A reader that stops costs little memory while it is borne, and nothing afterwards.
func TestStoppedReadersCostLittle(t *testing.T) {
	const readers, each = 40, 256 << 10
	for name, open := range map[string]func(t *testing.T, s *Server){
		"sockets": func(t *testing.T, s *Server) {
			h := serve(t, s)
			for range readers {
				c := dial(t, h).open("good")
				for i := range 5 {
					c.say(fmt.Sprintf(`{"id":"%d","type":"subscribe","payload":{"query":"subscription { flood }"}}`, i))
				}
			}
		},
		"streams": func(t *testing.T, s *Server) {
			h := serve(t, s)
			for range readers {
				openStream(t, h, "flood")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			asked := make(chan struct{}, 1)
			s, _ := newServer(executor{"flood": flood(4000, func(int) {
				select {
				case asked <- struct{}{}:
				default:
				}
			})})
			s.limits.stall, s.limits.step, s.limits.last = 6*time.Second, 100*time.Millisecond, time.Second
			http.DefaultClient.CloseIdleConnections()
			goroutines, before := runtime.NumGoroutine(), heap()
			open(t, s)
			eventually(t, "nobody takes anything any more", func() bool {
				for len(asked) > 0 {
					<-asked
				}
				select {
				case <-asked:
					return false
				case <-time.After(200 * time.Millisecond):
					return true
				}
			})
			if n := s.connections(); n != readers {
				t.Fatalf("%d are open", n)
			}
			cost := (heap() - before) / readers
			t.Logf("%d bytes each", cost)
			if cost > each {
				t.Errorf("a reader costs %d bytes", cost)
			}
			eventually(t, "all are cut", func() bool { return s.connections() == 0 })
			const listening = 1 // the test server
			eventually(t, "their goroutines are gone", func() bool { return runtime.NumGoroutine() <= goroutines+listening })
		})
	}
}

// heap gives the bytes of what lives, after the collector ran.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// openStream opens an event stream with a subscription, and reads nothing of it.
func openStream(t *testing.T, h *httptest.Server, field string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", h.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, "GET /?query=subscription{"+field+"} HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return conn
}

// A reader that stops is kept one answer that is being written, and one behind it: until
// they are taken, nothing more is run for it. Then it gets what it asked for.
func TestNothingIsRunForWhoDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var run atomic.Int64
		held := &holding{}
		page := `{"large":"` + strings.Repeat("a", 100<<10) + `"}`
		s, _ := newServer(executor{"large": func(ctx context.Context) graphql.ResponseHandler {
			run.Add(1)
			return answer(page)(ctx)
		}})
		s.Turns = held
		c := pipe(t, s).open("good")
		ask := func(n int) { c.say(fmt.Sprintf(`{"id":"%d","type":"subscribe","payload":{"query":"{ large }"}}`, n)) }
		const most = 50
		for n := range most {
			ask(n)
			synctest.Wait()
		}
		if got := run.Load(); got != 2 {
			t.Errorf("%d are run before the first is taken", got)
		}
		if got, want := held.bytes.Load(), int64(2*len(page)); got < want || got > want+1000 {
			t.Errorf("%d bytes are counted, want %d", got, want)
		}
		for answered := 0; answered < most; {
			switch m := c.next(); {
			case strings.HasPrefix(m, `{"type":"complete"`):
				answered++
			case !strings.HasPrefix(m, `{"type":"next"`):
				t.Fatalf("heard %.100s", m)
			}
		}
		if run.Load() != most || held.bytes.Load() != 0 {
			t.Errorf("in the end %d were run, and %d bytes are held", run.Load(), held.bytes.Load())
		}
		c.conn.Close()
		synctest.Wait()
	})
}

// holding counts what is held.
type holding struct{ bytes atomic.Int64 }

func (*holding) Begin(ctx context.Context) (context.Context, func()) { return ctx, func() {} }

func (h *holding) Hold(_ context.Context, bytes int) func() {
	h.bytes.Add(int64(bytes))
	return func() { h.bytes.Add(-int64(bytes)) }
}
