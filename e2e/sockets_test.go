package e2e

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// smallBuffer is what a slow client lets the network hold for it, and smallTaste
// what it takes at first, in bytes.
const smallBuffer, smallTaste = 32 << 10, 600 << 10

// gatedConn is a connection whose client can stop to take anything.
type gatedConn struct {
	net.Conn
	mu   sync.Mutex
	open *sync.Cond
	shut bool
	// budget is how many bytes are taken before the gate shuts by itself; 0 for no
	// end.
	budget int
}

// Read is for the client.
func (c *gatedConn) Read(b []byte) (int, error) {
	c.mu.Lock()
	for c.shut {
		c.open.Wait()
	}
	c.mu.Unlock()
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.budget > 0 {
		c.budget = max(0, c.budget-n)
		c.shut = c.shut || c.budget == 0
	}
	return n, err
}

func (c *gatedConn) pause() { c.set(true, 0) }

func (c *gatedConn) resume() { c.set(false, 0) }

func (c *gatedConn) resumeFor(bytes int) { c.set(false, bytes) }

func (c *gatedConn) set(shut bool, budget int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shut, c.budget = shut, budget
	c.open.Broadcast()
}

func (c *gatedConn) hangUp() {
	c.Close()
	c.resume()
}

// dial connects to the server. A slow client takes smallTaste bytes, with little
// between it and the server, and then nothing until it is told to resume.
func (s *server) dial(slow bool) (*gatedConn, error) {
	url := mustParseURL(s.url)
	conn, err := net.Dial("tcp", url.Host)
	if err != nil {
		return nil, err
	}
	c := &gatedConn{Conn: conn}
	if url.Scheme == "https" {
		c.Conn = tls.Client(conn, selfSigned)
	}
	c.open = sync.NewCond(&c.mu)
	if slow {
		c.budget = smallTaste
		err = conn.(*net.TCPConn).SetReadBuffer(smallBuffer)
	}
	return c, err
}

// socket is the client's end of a WebSocket that speaks graphql-transport-ws. It
// reads all the time, and answers pings.
type socket struct {
	*gatedConn
	writing sync.Mutex

	mu      sync.Mutex
	streams map[string]*stream
	opened  int
	// over is closed when the connection is; code and reason are those of the close
	// frame, 0 where there was none.
	over   chan struct{}
	code   ws.StatusCode
	reason string
	ack    chan struct{}
}

// openSocket opens a socket for who has the token; for nobody with "".
func (s *server) openSocket(t *testing.T, token string) *socket {
	t.Helper()
	return s.openSocketAs(t, token, false)
}

func (s *server) openSocketAs(t *testing.T, token string, slow bool, headers ...string) *socket {
	t.Helper()
	c, err := s.tryOpenSocket(token, slow, headers...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.hangUp)
	return c
}

// tryOpenSocket is openSocketAs for goroutines.
func (s *server) tryOpenSocket(token string, slow bool, headers ...string) (*socket, error) {
	conn, err := s.dial(slow)
	if err != nil {
		return nil, err
	}
	sent := http.Header{}
	for i := 0; i+1 < len(headers); i += 2 {
		sent.Add(headers[i], headers[i+1])
	}
	dialer := ws.Dialer{Protocols: []string{"graphql-transport-ws"}, Header: ws.HandshakeHeaderHTTP(sent)}
	early, _, err := dialer.Upgrade(conn, mustParseURL(s.url+"/graphql"))
	if err != nil {
		conn.Close()
		return nil, err
	}
	c := &socket{gatedConn: conn, streams: map[string]*stream{}, over: make(chan struct{}), ack: make(chan struct{})}
	var from io.Reader = conn
	if early != nil {
		from = early
	}
	go c.read(from)
	payload := map[string]any{}
	if token != "" {
		payload["token"] = token
	}
	if err := c.say(map[string]any{"type": "connection_init", "payload": payload}); err != nil {
		return nil, err
	}
	select {
	case <-c.ack:
		return c, nil
	case <-c.over:
		return nil, fmt.Errorf("the socket closed with %d %s", c.code, c.reason)
	case <-time.After(hearTime):
		return nil, fmt.Errorf("the socket was not acknowledged")
	}
}

func (c *socket) read(from io.Reader) {
	defer func() {
		close(c.over)
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, st := range c.streams {
			st.push(heard{kind: "over"})
		}
	}()
	for {
		h, err := ws.ReadHeader(from)
		if err != nil {
			return
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(from, payload); err != nil {
			return
		}
		switch h.OpCode {
		case ws.OpPing:
			_ = c.frame(ws.NewPongFrame(payload))
		case ws.OpClose:
			c.code, c.reason = ws.ParseCloseFrameData(payload)
			_ = c.frame(ws.NewCloseFrame(payload))
		case ws.OpText:
			c.hear(payload)
		}
	}
}

func (c *socket) hear(text []byte) {
	var m struct {
		Type, ID string
		Payload  json.RawMessage
	}
	_ = json.Unmarshal(text, &m)
	if m.Type == "connection_ack" {
		close(c.ack)
		return
	}
	c.mu.Lock()
	st := c.streams[m.ID]
	c.mu.Unlock()
	if st != nil {
		st.push(heard{m.Type, m.Payload})
	}
}

func (c *socket) frame(f ws.Frame) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return ws.WriteFrame(c.gatedConn, ws.MaskFrame(f))
}

func (c *socket) say(message any) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	return c.frame(ws.NewTextFrame(text))
}

// trySubscribe starts an operation of any kind on the socket.
func (c *socket) trySubscribe(document string, v variables) (*stream, error) {
	c.mu.Lock()
	c.opened++
	st := newStream(c, fmt.Sprint(c.opened))
	c.streams[st.id] = st
	c.mu.Unlock()
	return st, c.say(map[string]any{"type": "subscribe", "id": st.id, "payload": map[string]any{"query": document, "variables": v}})
}

func (c *socket) subscribe(t *testing.T, document string, v variables) *stream {
	t.Helper()
	st, err := c.trySubscribe(document, v)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// complete takes a subscription back.
func (c *socket) complete(t *testing.T, st *stream) {
	t.Helper()
	if err := c.say(map[string]any{"type": "complete", "id": st.id}); err != nil {
		t.Fatal(err)
	}
}

// ask runs a query or a mutation on the socket.
func (c *socket) ask(t *testing.T, document string, v variables) result {
	t.Helper()
	st := c.subscribe(t, document, v)
	h := st.hear(t)
	if h.kind == "next" {
		st.expect(t, "complete")
	}
	return h.result()
}

// expectAlive demands that the socket is open and serves.
func (c *socket) expectAlive(t *testing.T) {
	t.Helper()
	c.ask(t, `{ __typename }`, nil).expectData(t, "__typename", `"Query"`)
}

// expectClosed demands that the socket closes with a code, and gives the reason.
func (c *socket) expectClosed(t *testing.T, want int) string {
	t.Helper()
	select {
	case <-c.over:
	case <-time.After(hearTime):
		t.Fatalf("the socket is open; want it closed with %d", want)
	}
	if int(c.code) != want {
		t.Errorf("the socket closed with %d %q, want %d", c.code, c.reason, want)
	}
	return c.reason
}
