package live

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gobwas/ws"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"go.uber.org/goleak"
)

// Nothing that a test starts may outlive it.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// executor runs operations by the name of their first field: what a schema and
// resolvers would do, under a test's control.
type executor map[string]func(context.Context) graphql.ResponseHandler

func (executor) CreateOperationContext(_ context.Context, p *graphql.RawParams) (*graphql.OperationContext, gqlerror.List) {
	op := &graphql.OperationContext{}
	document, err := parser.ParseQuery(&ast.Source{Input: p.Query})
	if err != nil {
		return op, gqlerror.List{{Message: "It does not parse."}}
	}
	op.Operation = document.Operations.ForName(p.OperationName)
	return op, nil
}

func (e executor) DispatchOperation(ctx context.Context, op *graphql.OperationContext) (graphql.ResponseHandler, context.Context) {
	return e[op.Operation.SelectionSet[0].(*ast.Field).Name](ctx), ctx
}

func (executor) DispatchError(_ context.Context, errs gqlerror.List) *graphql.Response {
	return &graphql.Response{Errors: errs}
}

// answer is what a query gets.
func answer(data string) func(context.Context) graphql.ResponseHandler {
	return func(context.Context) graphql.ResponseHandler {
		return graphql.OneShot(&graphql.Response{Data: json.RawMessage(data)})
	}
}

// endless is a subscription that has no event.
func endless(context.Context) graphql.ResponseHandler {
	return func(ctx context.Context) *graphql.Response {
		<-ctx.Done()
		return nil
	}
}

// flood is a subscription whose next event, of a size, is always there.
func flood(size int, asked func(n int)) func(context.Context) graphql.ResponseHandler {
	return func(context.Context) graphql.ResponseHandler {
		n := 0
		return func(ctx context.Context) *graphql.Response {
			if ctx.Err() != nil {
				return nil
			}
			n++
			asked(n)
			return &graphql.Response{Data: json.RawMessage(fmt.Sprintf(`{"n":%d,"x":"%s"}`, n, strings.Repeat("x", size)))}
		}
	}
}

// sessions knows one token, "good", whose session a test can end.
type sessions struct {
	mu    sync.Mutex
	ended map[*func()]struct{}
	// away makes Open fail as without a database.
	away bool
	// crowd is what Arrive refuses with, and crowded what Open does; nil for nothing.
	crowd, crowded error
	// arrived are those that are not settled.
	arrived int
}

func (s *sessions) Arrive(context.Context) (func(bool), error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.crowd != nil {
		return nil, s.crowd
	}
	s.arrived++
	settle := sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.arrived--
	})
	return func(bool) { settle() }, nil
}

// strangers are how many have arrived and not signed in.
func (s *sessions) strangers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.arrived
}

type askerKey struct{}

func (s *sessions) Open(ctx context.Context, token string, ended func()) (context.Context, func(), error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.away:
		return nil, nil, errors.New("the database is away")
	case s.crowded != nil:
		return nil, nil, s.crowded
	case token != "" && token != "good":
		return nil, nil, ErrBadToken
	}
	if s.ended == nil {
		s.ended = map[*func()]struct{}{}
	}
	if token != "" {
		s.ended[&ended] = struct{}{}
	}
	return context.WithValue(ctx, askerKey{}, token), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.ended, &ended)
	}, nil
}

// end ends the session of the token.
func (s *sessions) end() {
	s.mu.Lock()
	all := s.ended
	s.ended = nil
	s.mu.Unlock()
	for ended := range all {
		(*ended)()
	}
}

func (s *sessions) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ended)
}

func newServer(e executor) (*Server, *sessions) {
	known := &sessions{}
	return New(Options{
		Executor: e,
		Recover:  func(context.Context, any) error { return errors.New("A fault of the server.") },
		Sessions: known,
		Origins:  []string{"https://app.example.com"},

		Languages: languages{},
	}), known
}

// languages tells who has the good token that errors were translated for them.
type languages struct{}

func (languages) Translate(ctx context.Context, errs gqlerror.List) gqlerror.List {
	told := make(gqlerror.List, len(errs))
	for i, e := range errs {
		c := *e
		if ctx.Value(askerKey{}) == "good" {
			c.Message = "For you: " + c.Message
		}
		told[i] = &c
	}
	return told
}

func (l languages) TranslateLast(ctx context.Context, errs gqlerror.List) gqlerror.List {
	return l.Translate(ctx, errs)
}

func (l languages) TranslateNow(ctx context.Context, errs gqlerror.List) gqlerror.List {
	return l.Translate(ctx, errs)
}

// serve serves over TCP; when the test ends, nothing of it may be left.
func serve(t *testing.T, s *Server) *httptest.Server {
	t.Helper()
	h := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if IsSocket(r) {
			s.ServeSocket(w, r)
			return
		}
		s.ServeEvents(w, r, &graphql.RawParams{Query: r.URL.Query().Get("query")})
	}))
	h.Config.ConnContext = WithConn
	h.Start()
	t.Cleanup(func() {
		s.mu.Lock()
		for c := range s.open {
			c.cut()
		}
		s.mu.Unlock()
		eventually(t, "all connections are gone", func() bool { return s.connections() == 0 })
		h.Close()
	})
	return h
}

// client is the other end of a socket.
type client struct {
	t    *testing.T
	conn net.Conn
	from io.Reader
	// quiet leaves pings without an answer.
	quiet bool
}

// dial opens a socket over TCP.
func dial(t *testing.T, h *httptest.Server, headers ...string) *client {
	t.Helper()
	c, status := tryDial(t, h, append([]string{"Sec-WebSocket-Protocol", subprotocol}, headers...)...)
	if status != http.StatusSwitchingProtocols {
		t.Fatalf("the handshake was answered %d", status)
	}
	return c
}

// tryDial sends a handshake and gives the status of its answer.
func tryDial(t *testing.T, h *httptest.Server, headers ...string) (*client, int) {
	t.Helper()
	conn, err := net.Dial("tcp", h.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	r, _ := http.NewRequest(http.MethodGet, h.URL, nil)
	r.Header = http.Header{
		"Connection": {"keep-alive, Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Sec-WebSocket-Protocol" {
			r.Header.Add(headers[i], headers[i+1])
		} else {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	if err := r.Write(conn); err != nil {
		t.Fatal(err)
	}
	from := bufio.NewReader(conn)
	answer, err := http.ReadResponse(from, r)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode == http.StatusSwitchingProtocols && answer.Header.Get("Sec-WebSocket-Protocol") != subprotocol {
		t.Errorf("the subprotocol is %q", answer.Header.Get("Sec-WebSocket-Protocol"))
	}
	return &client{t: t, conn: conn, from: from}, answer.StatusCode
}

// pipe opens a socket over a pipe in memory, for tests in a bubble of time.
func pipe(t *testing.T, s *Server) *client {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close() })
	c := s.newSocket(t.Context(), theirs, nil)
	s.add(c)
	go c.run()
	return &client{t: t, conn: ours, from: ours}
}

// frame sends a frame.
func (c *client) frame(f ws.Frame) {
	c.t.Helper()
	if err := ws.WriteFrame(c.conn, ws.MaskFrame(f)); err != nil {
		c.t.Fatal(err)
	}
}

// say sends messages.
func (c *client) say(messages ...string) {
	c.t.Helper()
	for _, m := range messages {
		c.frame(ws.NewTextFrame([]byte(m)))
	}
}

// open says who it is and waits for the acknowledgement.
func (c *client) open(token string) *client {
	c.t.Helper()
	c.say(`{"type":"connection_init","payload":` + string(encode(map[string]string{"token": token})) + `}`)
	c.hear(`{"type":"connection_ack"}`)
	return c
}

// next gives the next message, or the close frame as "1000 reason". Pings are
// answered. "lost" where the connection breaks off.
func (c *client) next() string {
	for {
		h, err := ws.ReadHeader(c.from)
		if err != nil {
			return "lost"
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(c.from, payload); err != nil {
			return "lost"
		}
		switch h.OpCode {
		case ws.OpPing:
			if !c.quiet {
				c.frame(ws.NewPongFrame(payload))
			}
		case ws.OpPong:
			return "pong " + string(payload)
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(payload)
			return strings.TrimSpace(fmt.Sprintf("%d %s", code, reason))
		default:
			return string(payload)
		}
	}
}

// hear waits for messages, in this order.
func (c *client) hear(messages ...string) {
	c.t.Helper()
	for _, want := range messages {
		if got := c.next(); got != want {
			c.t.Fatalf("heard %.300s\nwant  %s", got, want)
		}
	}
}

// bye answers a close frame, after which the server closes the connection.
func (c *client) bye() {
	c.t.Helper()
	// It may have closed already, which is as good.
	_ = ws.WriteFrame(c.conn, ws.MaskFrame(ws.NewCloseFrame(nil)))
	if rest, err := io.ReadAll(c.from); len(rest) > 0 || err != nil && !bytes.Contains([]byte(err.Error()), []byte("reset")) {
		c.t.Errorf("after the close came %d bytes, %v", len(rest), err)
	}
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// settles waits until a number stays as it is for a while: what was under way may still come.
func settles(t *testing.T, what string, of *atomic.Int64) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		n := of.Load()
		time.Sleep(20 * time.Millisecond)
		if of.Load() == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it goes on: %s", what)
		}
	}
}

func (s *Server) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}
