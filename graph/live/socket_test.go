package live

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gobwas/ws"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

func TestHandshake(t *testing.T) {
	s, _ := newServer(nil)
	h := serve(t, s)
	own := "http://" + h.Listener.Addr().String()
	for _, c := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"the subprotocol", []string{"Sec-WebSocket-Protocol", subprotocol}, 101},
		{"the subprotocol beside the older one", []string{"Sec-WebSocket-Protocol", "graphql-ws, " + subprotocol}, 101},
		{"the subprotocol in a line of its own", []string{"Sec-WebSocket-Protocol", "graphql-ws", "Sec-WebSocket-Protocol", subprotocol}, 101},
		{"the older subprotocol", []string{"Sec-WebSocket-Protocol", "graphql-ws"}, 400},
		{"the subprotocol in capitals", []string{"Sec-WebSocket-Protocol", "GRAPHQL-TRANSPORT-WS"}, 400},
		{"no subprotocol", nil, 400},
		{"its own origin", []string{"Sec-WebSocket-Protocol", subprotocol, "Origin", own}, 101},
		{"a named origin", []string{"Sec-WebSocket-Protocol", subprotocol, "Origin", "https://app.example.com"}, 101},
		{"another origin", []string{"Sec-WebSocket-Protocol", subprotocol, "Origin", "https://example.com"}, 403},
		{"a named origin without TLS", []string{"Sec-WebSocket-Protocol", subprotocol, "Origin", "http://app.example.com"}, 403},
		{"a page without an origin", []string{"Sec-WebSocket-Protocol", subprotocol, "Origin", "null"}, 403},
		{"another version", []string{"Sec-WebSocket-Protocol", subprotocol, "Sec-WebSocket-Version", "8"}, 426},
		{"a key that is none", []string{"Sec-WebSocket-Protocol", subprotocol, "Sec-WebSocket-Key", "none"}, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, status := tryDial(t, h, c.headers...); status != c.status {
				t.Errorf("answered %d; want %d", status, c.status)
			}
		})
	}
	s.Origins = []string{"*"}
	if _, status := tryDial(t, h, "Sec-WebSocket-Protocol", subprotocol, "Origin", "https://example.com"); status != 101 {
		t.Errorf("with all origins allowed: %d", status)
	}
}

// What each message, or a few in a row, is answered with; the last is how the
// socket stands then.
func TestProtocol(t *testing.T) {
	const (
		initMessage = `{"type":"connection_init"}`
		ack         = `{"type":"connection_ack"}`
		badMessage  = "4400 Invalid message received"
		hello       = `{"id":"1","type":"subscribe","payload":{"query":"{ hello }"}}`
		helloNext   = `{"type":"next","id":"1","payload":{"data":{"hello":"you"}}}`
		helloDone   = `{"type":"complete","id":"1"}`
	)
	subscribeTo := func(field string) string {
		return `{"id":"s","type":"subscribe","payload":{"query":"subscription { ` + field + ` }"}}`
	}
	s, _ := newServer(executor{
		"hello":   answer(`{"hello":"you"}`),
		"endless": endless,
		"three": func(context.Context) graphql.ResponseHandler {
			n := 0
			return func(context.Context) *graphql.Response {
				if n++; n > 3 {
					return nil
				}
				return &graphql.Response{Data: fmt.Appendf(nil, `{"three":%d}`, n)}
			}
		},
		"refused": func(context.Context) graphql.ResponseHandler {
			return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{{Message: "No."}}})
		},
		"partly": func(context.Context) graphql.ResponseHandler {
			return graphql.OneShot(&graphql.Response{Data: []byte(`{"partly":null}`), Errors: gqlerror.List{{Message: "No."}}})
		},
		"fails": func(ctx context.Context) graphql.ResponseHandler {
			first := graphql.OneShot(&graphql.Response{Data: []byte(`{"fails":1}`)})
			return func(context.Context) *graphql.Response {
				response := first(ctx)
				if response == nil {
					Fail(ctx, errors.New("You may not read this any more."))
				}
				return response
			}
		},
		"panics": func(context.Context) graphql.ResponseHandler { panic("secret") },
		"panicsLater": func(context.Context) graphql.ResponseHandler {
			return func(context.Context) *graphql.Response { panic("secret") }
		},
		"who": func(ctx context.Context) graphql.ResponseHandler {
			return graphql.OneShot(&graphql.Response{Data: fmt.Appendf(nil, `{"who":%q}`, ctx.Value(askerKey{}))})
		},
	})
	h := serve(t, s)
	for _, c := range []struct {
		name string
		say  []string
		hear []string
	}{
		{"init", []string{initMessage}, []string{ack}},
		{"init with null", []string{`{"type":"connection_init","payload":null}`}, []string{ack}},
		{"init with a null token", []string{`{"type":"connection_init","payload":{"token":null}}`}, []string{ack}},
		{"init with a good token", []string{`{"type":"connection_init","payload":{"token":"good"}}`}, []string{ack}},
		{"init with a bad token", []string{`{"type":"connection_init","payload":{"token":"bad"}}`}, []string{"4401 Unauthorized"}},
		{"init with a token that is none", []string{`{"type":"connection_init","payload":{"token":7}}`}, []string{"4401 Unauthorized"}},
		{"init with a list", []string{`{"type":"connection_init","payload":[]}`}, []string{badMessage}},
		{"init twice", []string{initMessage, initMessage}, []string{ack, "4429 Too many initialisation requests"}},
		{"subscribe before init", []string{hello}, []string{"4401 Unauthorized"}},
		{"ping before init", []string{`{"type":"ping"}`, initMessage}, []string{`{"type":"pong"}`, ack}},
		{"ping with a payload", []string{`{"type":"ping","payload":{"a":[1, "<"]}}`}, []string{`{"type":"pong","payload":{"a":[1, "<"]}}`}},
		{"ping with a number", []string{`{"type":"ping","payload":1}`}, []string{badMessage}},
		{"pong unasked", []string{`{"type":"pong"}`, initMessage}, []string{ack}},
		{"pong with a text", []string{`{"type":"pong","payload":"a"}`}, []string{badMessage}},
		{"query", []string{initMessage, hello}, []string{ack, helloNext, helloDone}},
		{"an id again", []string{initMessage, hello}, []string{ack, helloNext, helloDone}},
		{"who asks: nobody", []string{initMessage, strings.Replace(hello, "hello", "who", 1)}, []string{ack, `{"type":"next","id":"1","payload":{"data":{"who":""}}}`, helloDone}},
		{"who asks", []string{`{"type":"connection_init","payload":{"token":"good"}}`, strings.Replace(hello, "hello", "who", 1)}, []string{ack, `{"type":"next","id":"1","payload":{"data":{"who":"good"}}}`, helloDone}},
		{"mutation", []string{initMessage, strings.Replace(hello, "{ hello", "mutation { hello", 1)}, []string{ack, helloNext, helloDone}},
		{"subscription", []string{initMessage, subscribeTo("three")}, []string{
			ack, `{"type":"next","id":"s","payload":{"data":{"three":1}}}`, `{"type":"next","id":"s","payload":{"data":{"three":2}}}`,
			`{"type":"next","id":"s","payload":{"data":{"three":3}}}`, `{"type":"complete","id":"s"}`,
		}},
		{"errors beside data", []string{initMessage, subscribeTo("partly")}, []string{
			ack, `{"type":"next","id":"s","payload":{"errors":[{"message":"No."}],"data":{"partly":null}}}`, `{"type":"complete","id":"s"}`,
		}},
		{"a subscription that is refused", []string{initMessage, subscribeTo("refused")}, []string{ack, `{"type":"error","id":"s","payload":[{"message":"No."}]}`}},
		{"a subscription that fails later", []string{initMessage, subscribeTo("fails")}, []string{
			ack, `{"type":"next","id":"s","payload":{"data":{"fails":1}}}`,
			`{"type":"error","id":"s","payload":[{"message":"You may not read this any more."}]}`,
		}},
		{"a document that does not parse", []string{initMessage, subscribeTo("{")}, []string{ack, `{"type":"error","id":"s","payload":[{"message":"It does not parse."}]}`}},
		{"a panic", []string{initMessage, subscribeTo("panics")}, []string{ack, `{"type":"error","id":"s","payload":[{"message":"A fault of the server."}]}`}},
		{"a panic later", []string{initMessage, subscribeTo("panicsLater")}, []string{ack, `{"type":"error","id":"s","payload":[{"message":"A fault of the server."}]}`}},
		{"an id in use", []string{initMessage, subscribeTo("endless"), subscribeTo("endless")}, []string{ack, "4409 Subscriber for s already exists"}},
		{"an id in use by another kind", []string{initMessage, subscribeTo("endless"), strings.Replace(hello, `"1"`, `"s"`, 1)}, []string{ack, "4409 Subscriber for s already exists"}},
		{
			"a long id in use",
			[]string{
				initMessage, strings.Replace(subscribeTo("endless"), `"s"`, `"`+strings.Repeat("i", 128)+`"`, 1),
				strings.Replace(subscribeTo("endless"), `"s"`, `"`+strings.Repeat("i", 128)+`"`, 1),
			},
			[]string{ack, "4409 Subscriber already exists"},
		},
		{"complete", []string{initMessage, subscribeTo("endless"), `{"id":"s","type":"complete"}`, subscribeTo("endless"), `{"type":"ping"}`}, []string{ack, `{"type":"pong"}`}},
		{"complete of nothing", []string{initMessage, `{"id":"s","type":"complete"}`, `{"type":"ping"}`}, []string{ack, `{"type":"pong"}`}},
		{"an id that needs quoting", []string{initMessage, strings.Replace(hello, `"1"`, `"\"<\u00e9"`, 1)}, []string{ack, `{"type":"next","id":"\"<é","payload":{"data":{"hello":"you"}}}`, `{"type":"complete","id":"\"<é"}`}},
		{"all that subscribe may hold", []string{initMessage, `{"id":"1","type":"subscribe","extra":1,"payload":{"query":"query A{hello} query B{hello}","operationName":"A","variables":{"a":1},"extensions":null}}`}, []string{ack, helloNext, helloDone}},

		{"no JSON", []string{"hunter2"}, []string{badMessage}},
		{"nothing", []string{""}, []string{badMessage}},
		{"two values", []string{initMessage + initMessage}, []string{badMessage}},
		{"a list", []string{"[]"}, []string{badMessage}},
		{"null", []string{"null"}, []string{badMessage}},
		{"no type", []string{"{}"}, []string{badMessage}},
		{"a type that is a number", []string{`{"type":1}`}, []string{badMessage}},
		{"an unknown type", []string{`{"type":"start"}`}, []string{badMessage}},
		{"a type in capitals", []string{`{"TYPE":"connection_init"}`}, []string{badMessage}},
		{"a type of the server's", []string{`{"type":"connection_ack"}`}, []string{badMessage}},
		{"next from a client", []string{initMessage, `{"type":"next","id":"1","payload":{}}`}, []string{ack, badMessage}},
		{"subscribe without an id", []string{initMessage, `{"type":"subscribe","payload":{"query":"{ hello }"}}`}, []string{ack, badMessage}},
		{"subscribe with an empty id", []string{initMessage, strings.Replace(hello, `"1"`, `""`, 1)}, []string{ack, badMessage}},
		{"subscribe with a number as id", []string{initMessage, strings.Replace(hello, `"1"`, `1`, 1)}, []string{ack, badMessage}},
		{"subscribe with a very long id", []string{initMessage, strings.Replace(hello, `"1"`, `"`+strings.Repeat("i", 129)+`"`, 1)}, []string{ack, badMessage}},
		{"subscribe without a payload", []string{initMessage, `{"type":"subscribe","id":"1"}`}, []string{ack, badMessage}},
		{"subscribe without a query", []string{initMessage, `{"type":"subscribe","id":"1","payload":{}}`}, []string{ack, badMessage}},
		{"subscribe with a number as query", []string{initMessage, `{"type":"subscribe","id":"1","payload":{"query":1}}`}, []string{ack, badMessage}},
		{"subscribe with variables that are a list", []string{initMessage, `{"type":"subscribe","id":"1","payload":{"query":"{hello}","variables":[]}}`}, []string{ack, badMessage}},
		{"subscribe with extensions that are a text", []string{initMessage, `{"type":"subscribe","id":"1","payload":{"query":"{hello}","extensions":"a"}}`}, []string{ack, badMessage}},
		{"subscribe with a number as operationName", []string{initMessage, `{"type":"subscribe","id":"1","payload":{"query":"{hello}","operationName":1}}`}, []string{ack, badMessage}},
		{"complete without an id", []string{initMessage, `{"type":"complete"}`}, []string{ack, badMessage}},
		{"text that is no UTF-8", []string{"{\"type\":\"\xff\"}"}, []string{"1007 Text is UTF-8"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client := dial(t, h)
			client.say(c.say...)
			client.hear(c.hear...)
			if last := c.hear[len(c.hear)-1]; !strings.HasPrefix(last, "{") {
				client.bye()
				return
			}
			client.frame(ws.NewPingFrame([]byte("still there?")))
			client.hear("pong still there?")
			client.frame(ws.NewCloseFrame(ws.NewCloseFrameBody(1000, "")))
			client.hear("1000")
			if _, err := client.from.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("the connection is not closed: %v", err)
			}
		})
	}
}

func TestTokenOfTheHandshake(t *testing.T) {
	s, _ := newServer(nil)
	h := serve(t, s)
	dial(t, h, "Authorization", "Bearer good").open("")
	c := dial(t, h, "Authorization", "Bearer bad")
	c.say(`{"type":"connection_init"}`)
	c.hear("4401 Unauthorized")
	dial(t, h, "Authorization", "Bearer bad").open("good") // the message's wins
}

func TestFrames(t *testing.T) {
	s, _ := newServer(nil)
	h := serve(t, s)
	text := []byte(`{"type":"connection_init"}`)
	part := ws.NewFrame
	large := func(n int) []byte {
		head, tail := `{"type":"ping","payload":{"x":"`, `"}}`
		return []byte(head + strings.Repeat("x", n-len(head)-len(tail)) + tail)
	}
	for _, c := range []struct {
		name   string
		frames []ws.Frame
		hear   string
	}{
		{"in parts", []ws.Frame{part(ws.OpText, false, text[:5]), part(ws.OpContinuation, false, nil), part(ws.OpContinuation, true, text[5:])}, `{"type":"connection_ack"}`},
		{"a ping between parts", []ws.Frame{part(ws.OpText, false, text[:5]), ws.NewPingFrame([]byte("a")), part(ws.OpContinuation, true, text[5:])}, "pong a"},
		{"a pong", []ws.Frame{ws.NewPongFrame([]byte("a")), ws.NewTextFrame(text)}, `{"type":"connection_ack"}`},
		{"as large as may be", []ws.Frame{ws.NewTextFrame(large(1 << 20))}, `{"type":"pong","payload":` + string(large(1 << 20)[len(`{"type":"ping","payload":`):])},
		{"too large", []ws.Frame{ws.NewTextFrame(large(1<<20 + 1))}, "1009 A message may have 1 MB"},
		{"too large in parts", []ws.Frame{part(ws.OpText, false, make([]byte, 1<<19)), part(ws.OpContinuation, true, make([]byte, 1<<19+1))}, "1009 A message may have 1 MB"},
		{"binary", []ws.Frame{ws.NewBinaryFrame(text)}, "4400 Invalid message received"},
		{"a part of nothing", []ws.Frame{part(ws.OpContinuation, true, text)}, "1002 Not a frame of RFC 6455"},
		{"a text within a text", []ws.Frame{part(ws.OpText, false, text), part(ws.OpText, true, text)}, "1002 Not a frame of RFC 6455"},
		{"a ping in parts", []ws.Frame{part(ws.OpPing, false, nil)}, "1002 Not a frame of RFC 6455"},
		{"a reserved code", []ws.Frame{part(0x3, true, nil)}, "1002 Not a frame of RFC 6455"},
		{"an extension", []ws.Frame{{Header: ws.Header{Fin: true, Rsv: 4, OpCode: ws.OpText}}}, "1002 Not a frame of RFC 6455"},
		{"a close", []ws.Frame{ws.NewCloseFrame(ws.NewCloseFrameBody(4321, "enough"))}, "4321"},
		{"a close without a code", []ws.Frame{ws.NewCloseFrame(nil)}, "1000"},
		{"a close with a code that may not be", []ws.Frame{ws.NewCloseFrame(ws.NewCloseFrameBody(1006, ""))}, "1002 Not a frame of RFC 6455"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := dial(t, h)
			go func() {
				for _, f := range c.frames {
					_ = ws.WriteFrame(client.conn, ws.MaskFrame(f))
				}
			}()
			client.hear(c.hear)
		})
	}
	t.Run("not masked", func(t *testing.T) {
		client := dial(t, h)
		if err := ws.WriteFrame(client.conn, ws.NewTextFrame(text)); err != nil {
			t.Fatal(err)
		}
		client.hear("1002 Not a frame of RFC 6455")
	})
	t.Run("sent with the handshake", func(t *testing.T) {
		// net/http reads it before the connection is taken over.
		conn, err := net.Dial("tcp", h.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		all := bytes.NewBufferString("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: " + subprotocol + "\r\n\r\n")
		_ = ws.WriteFrame(all, ws.MaskFrame(ws.NewTextFrame(text)))
		if _, err := conn.Write(all.Bytes()); err != nil {
			t.Fatal(err)
		}
		from := bufio.NewReader(conn)
		if _, err := http.ReadResponse(from, nil); err != nil {
			t.Fatal(err)
		}
		(&client{t: t, conn: conn, from: from}).hear(`{"type":"connection_ack"}`)
	})
}

func TestSocketWithoutInitIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(nil)
		c := pipe(t, s)
		start := time.Now()
		c.hear("4408 Connection initialisation timeout")
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("closed after %v", took)
		}
	})
}

// A client that does not answer is found, and one that does is kept.
func TestHalfOpenSocketIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(nil)
		c := pipe(t, s).open("")
		c.quiet = true
		start := time.Now()
		c.hear("lost")
		if took := time.Since(start); took > 40*time.Second {
			t.Errorf("cut after %v", took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(nil)
		c := pipe(t, s).open("")
		time.AfterFunc(time.Hour, func() { s.Drain(context.Background()) })
		if got := c.next(); !strings.HasPrefix(got, "1012 ") {
			t.Errorf("heard %s", got)
		}
		c.bye()
	})
}

func TestSocketHasAtMostFiftySubscriptions(t *testing.T) {
	s, _ := newServer(executor{"endless": endless, "hello": answer(`{}`)})
	c := dial(t, serve(t, s)).open("")
	subscribe := func(id string) {
		c.say(`{"id":"` + id + `","type":"subscribe","payload":{"query":"subscription { endless }"}}`)
	}
	for i := range 51 {
		subscribe(fmt.Sprint(i))
	}
	refused := c.next()
	if !strings.Contains(refused, `"type":"error"`) || !strings.Contains(refused, `"code":"TOO_LARGE"`) {
		t.Fatalf("heard %s", refused)
	}
	// The socket stays, and one that ends makes room. (Which was refused is not
	// said: they start side by side.)
	c.say(`{"id":"q","type":"subscribe","payload":{"query":"{ hello }"}}`)
	c.hear(`{"type":"next","id":"q","payload":{"data":{}}}`, `{"type":"complete","id":"q"}`)
	c.say(`{"id":"3","type":"complete"}`, `{"id":"4","type":"complete"}`)
	subscribe("new")
	c.frame(ws.NewPingFrame(nil))
	c.hear("pong ")
}

// Queries beyond the limit wait; none is refused.
func TestManyQueriesAtOnce(t *testing.T) {
	var atOnce, most atomic.Int32
	s, _ := newServer(executor{"slow": func(context.Context) graphql.ResponseHandler {
		return graphql.OneShot(func() *graphql.Response {
			most.Store(max(most.Load(), atOnce.Add(1)))
			defer atOnce.Add(-1)
			time.Sleep(time.Millisecond)
			return &graphql.Response{Data: []byte(`{}`)}
		}())
	}})
	c := dial(t, serve(t, s)).open("")
	go func() {
		for i := range 500 {
			f := ws.NewTextFrame(fmt.Appendf(nil, `{"id":"%d","type":"subscribe","payload":{"query":"{ slow }"}}`, i))
			_ = ws.WriteFrame(c.conn, ws.MaskFrame(f))
		}
	}()
	for range 1000 {
		if m := c.next(); !strings.Contains(m, `"next"`) && !strings.Contains(m, `"complete"`) {
			t.Fatalf("heard %s", m)
		}
	}
	if n := most.Load(); n > 50 {
		t.Errorf("%d ran at once", n)
	}
}

// The session ends in the middle of a stream: the socket closes, and nothing that
// comes after is sent.
func TestSessionEndsInMidStream(t *testing.T) {
	var events atomic.Int64
	var late atomic.Bool
	s, known := newServer(executor{"flood": func(context.Context) graphql.ResponseHandler {
		return func(ctx context.Context) *graphql.Response {
			if ctx.Err() != nil {
				return nil
			}
			events.Add(1)
			return &graphql.Response{Data: fmt.Appendf(nil, `{"late":%v}`, late.Load())}
		}
	}})
	h := serve(t, s)
	c := dial(t, h).open("good")
	idle := dial(t, h).open("good")
	nobody := dial(t, h).open("")
	c.say(`{"id":"s","type":"subscribe","payload":{"query":"subscription { flood }"}}`)
	for range 100 {
		c.next()
	}
	known.end()
	late.Store(true)
	idle.hear("4401 Session ended")
	idle.bye()
	for {
		m := c.next()
		if m == "4401 Session ended" {
			break
		}
		if m != `{"type":"next","id":"s","payload":{"data":{"late":false}}}` {
			t.Fatalf("heard %s", m)
		}
	}
	c.bye()
	nobody.frame(ws.NewPingFrame(nil))
	nobody.hear("pong ")
	eventually(t, "the sockets are gone", func() bool { return s.connections() == 1 })
	settles(t, "the source is asked", &events)
}

func TestDatabaseAwayIsNoReasonToStayAway(t *testing.T) {
	s, known := newServer(nil)
	known.away = true
	c := dial(t, serve(t, s))
	c.say(`{"type":"connection_init","payload":{"token":"good"}}`)
	c.hear("1013 Try again later")
	c.bye()
}

// A client that takes nothing makes the source wait; after 30 s it is told where
// it can still be, and after 10 s more it is cut.
func TestSlowReader(t *testing.T) {
	run := func(t *testing.T, then func(t *testing.T, c *client, start time.Time)) {
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			s, _ := newServer(executor{"flood": flood(1000, func(n int) { asked = n })})
			c := pipe(t, s).open("")
			c.say(`{"id":"s","type":"subscribe","payload":{"query":"subscription { flood }"}}`)
			start := time.Now()
			synctest.Wait()
			if asked > 130 { // 64 KiB wait, and as much is on its way
				t.Errorf("%d events were asked for", asked)
			}
			was := asked
			time.Sleep(29 * time.Second)
			if asked != was {
				t.Error("more events were asked for")
			}
			then(t, c, start)
		})
	}
	t.Run("comes back", func(t *testing.T) {
		run(t, func(t *testing.T, c *client, _ time.Time) {
			for range 1000 {
				if m := c.next(); !strings.Contains(m, `"next"`) {
					t.Fatalf("heard %.100s", m)
				}
			}
		})
	})
	t.Run("is told", func(t *testing.T) {
		run(t, func(t *testing.T, c *client, start time.Time) {
			time.Sleep(time.Until(start.Add(38 * time.Second)))
			m := c.next()
			for strings.Contains(m, `"next"`) {
				m = c.next()
			}
			if !strings.HasPrefix(m, `{"type":"error","id":"s","payload":[{"message":`) || !strings.Contains(m, `"code":"TOO_SLOW"`) {
				t.Errorf("heard %.200s", m)
			}
			c.hear("1013 Too slow")
			c.bye()
		})
	})
	t.Run("is cut", func(t *testing.T) {
		run(t, func(t *testing.T, c *client, start time.Time) {
			time.Sleep(time.Until(start.Add(45 * time.Second)))
			for range 200 {
				if c.next() == "lost" {
					return
				}
			}
			t.Error("it was not cut")
		})
	})
}

// The same over TCP, whose buffers take more, with shorter times.
func TestSlowReaderOverTCP(t *testing.T) {
	var asked atomic.Int64
	s, _ := newServer(executor{"flood": flood(1000, func(n int) { asked.Store(int64(n)) })})
	s.limits.stall, s.limits.step, s.limits.last = 200*time.Millisecond, 20*time.Millisecond, 100*time.Millisecond
	c := dial(t, serve(t, s)).open("")
	c.say(`{"id":"s","type":"subscribe","payload":{"query":"subscription { flood }"}}`)
	eventually(t, "the socket is cut", func() bool { return s.connections() == 0 })
	settles(t, "the source is asked", &asked)
}

// Who reads what they get before, has no time limit on the whole.
func TestSlowlyButSteadily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(executor{"flood": flood(100, func(int) {})})
		c := pipe(t, s).open("")
		c.say(`{"id":"s","type":"subscribe","payload":{"query":"subscription { flood }"}}`)
		for range 100 {
			time.Sleep(20 * time.Second)
			if m := c.next(); !strings.Contains(m, `"next"`) {
				t.Fatalf("heard %.100s", m)
			}
		}
	})
}

func TestResultsAfterCompleteAreNotSent(t *testing.T) {
	release := make(chan struct{})
	s, _ := newServer(executor{"late": func(ctx context.Context) graphql.ResponseHandler {
		return func(context.Context) *graphql.Response {
			<-ctx.Done()
			<-release
			return &graphql.Response{Data: []byte(`{}`)}
		}
	}})
	c := dial(t, serve(t, s)).open("")
	c.say(`{"id":"1","type":"subscribe","payload":{"query":"mutation { late }"}}`, `{"id":"1","type":"complete"}`)
	c.say(`{"type":"ping"}`)
	c.hear(`{"type":"pong"}`)
	close(release)
	eventually(t, "the operation has ended", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for one := range s.open {
			k := one.(*socket)
			k.mu.Lock()
			defer k.mu.Unlock()
			return k.active.running == 0
		}
		return false
	})
	c.say(`{"type":"ping"}`)
	c.hear(`{"type":"pong"}`)
}

// Goroutines and memory go back to where they were, however sockets end.
func TestNothingIsLeftOfSockets(t *testing.T) {
	s, known := newServer(executor{"endless": endless, "flood": flood(50_000, func(int) {})})
	s.limits.last, s.limits.goodbye = 100*time.Millisecond, 100*time.Millisecond
	h := serve(t, s)
	before := runtime.NumGoroutine()
	for round := range 3 {
		for i := range 60 {
			c := dial(t, h).open("good")
			c.say(`{"id":"1","type":"subscribe","payload":{"query":"subscription { endless }"}}`)
			if i%15 == 2 { // who takes nothing
				c.say(`{"id":"2","type":"subscribe","payload":{"query":"subscription { flood }"}}`)
			}
			switch i % 3 {
			case 0:
				c.conn.Close()
			case 1:
				c.frame(ws.NewCloseFrame(nil))
				c.conn.Close()
			}
		}
		known.end()
		eventually(t, fmt.Sprint("all sockets are gone, round ", round), func() bool { return s.connections() == 0 })
		eventually(t, "their goroutines are gone", func() bool { return runtime.NumGoroutine() <= before })
		if n := known.open(); n != 0 {
			t.Errorf("%d sessions were not released", n)
		}
	}
}

// What is final for the npm client graphql-ws and what is not.
func TestEndingsAreOfTheRightKind(t *testing.T) {
	again := map[ws.StatusCode]bool{
		1001: true, 1006: true, 1012: true, 1013: true, 4403: true, 4408: true, 1011: true,
		1002: false, 1004: false, 1005: false, 4400: false, 4401: false, 4406: false, 4409: false, 4429: false, 4500: false,
	}
	for _, e := range []*ending{initTimeout, unavailable, fault, tooSlow, restarting()} {
		if !again[e.code] {
			t.Errorf("a client stays away after %d %s", e.code, e.reason)
		}
	}
	for _, e := range []*ending{malformed, unauthorized, sessionEnded, initTwice, duplicate("a")} {
		if again[e.code] {
			t.Errorf("a client comes back after %d %s", e.code, e.reason)
		}
	}
	if len(duplicate(strings.Repeat("é", maxID/2)).reason) > maxReason {
		t.Error("a reason is too long")
	}
}
