package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

const (
	// hearTime bounds how long a test waits for what it listens for.
	hearTime = 30 * time.Second
	// smallBuffer is what a slow client lets the network hold for it, and smallTaste
	// what it takes at first, in bytes.
	smallBuffer, smallTaste = 32 << 10, 600 << 10
)

// heard is what came on a stream: next, error or complete as the protocols have
// them, or over where its connection is.
type heard struct {
	kind    string
	payload json.RawMessage
}

// result gives what was heard as the answer to an operation.
func (h heard) result() result {
	var r result
	r.status = http.StatusOK
	r.body = h.payload
	var sent struct {
		Data   any
		Errors []graphQLError
	}
	switch h.kind {
	case "next":
		_ = json.Unmarshal(h.payload, &sent)
	case "error":
		_ = json.Unmarshal(h.payload, &sent.Errors)
	}
	r.data, r.errors = sent.Data, sent.Errors
	return r
}

// String gives what was heard in short: "7 MESSAGE_POSTED" for an entry,
// "CaughtUp 7", "NOT_FOUND seq=7 field=room" for an error, "complete", "over".
func (h heard) String() string {
	if h.kind != "next" && h.kind != "error" {
		return h.kind
	}
	r := h.result()
	if len(r.errors) > 0 && r.data == nil {
		text := r.code()
		for _, name := range []string{"seq", "field"} {
			if v, there := r.errors[0].Extensions[name]; there {
				text += fmt.Sprintf(" %s=%v", name, v)
			}
		}
		return text
	}
	fields, _ := r.data.(map[string]any)
	if len(r.errors) > 0 || len(fields) != 1 {
		return string(h.payload)
	}
	for _, v := range fields {
		update, _ := v.(map[string]any)
		switch {
		case update["seq"] != nil:
			return fmt.Sprintf("%v %v", update["seq"], update["kind"])
		case update["__typename"] == "CaughtUp":
			return fmt.Sprintf("CaughtUp %v", update["position"])
		}
	}
	return string(h.payload)
}

// stream is a subscription as its client sees it: what came, in order.
type stream struct {
	connection
	id string // on a socket

	mu    sync.Mutex
	all   []heard
	taken int
	more  chan struct{} // closed when all grows
}

// connection is what a stream came by.
type connection interface {
	// pause makes the client take nothing from the network, until resume; resumeFor
	// lets it take so much.
	pause()
	resume()
	resumeFor(bytes int)
	hangUp()
}

func newStream(by connection, id string) *stream {
	return &stream{connection: by, id: id, more: make(chan struct{})}
}

func (st *stream) push(h heard) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.all = append(st.all, h)
	close(st.more)
	st.more = make(chan struct{})
}

// next waits for what comes next.
func (st *stream) next(within time.Duration) (heard, error) {
	timeout := time.After(within)
	for {
		st.mu.Lock()
		if st.taken < len(st.all) {
			h := st.all[st.taken]
			if h.kind != "over" { // which stays so
				st.taken++
			}
			st.mu.Unlock()
			return h, nil
		}
		more := st.more
		st.mu.Unlock()
		select {
		case <-more:
		case <-timeout:
			return heard{}, fmt.Errorf("nothing was heard in %v", within)
		}
	}
}

// hear is next within a test.
func (st *stream) hear(t *testing.T) heard {
	t.Helper()
	h, err := st.next(hearTime)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// expect demands what comes next, each in short.
func (st *stream) expect(t *testing.T, wants ...string) {
	t.Helper()
	for _, want := range wants {
		h, err := st.next(hearTime)
		if err != nil {
			t.Fatalf("%v; want %s", err, want)
		}
		if h.String() != want {
			t.Fatalf("heard %s, want %s: %s", h, want, clip(string(h.payload), 600))
		}
	}
}

// expectPosts demands the entries of messages, from one position to another.
func (st *stream) expectPosts(t *testing.T, from, to int) {
	t.Helper()
	for seq := from; seq <= to; seq++ {
		st.expect(t, posted(seq))
	}
}

func posted(seq int) string { return fmt.Sprintf("%d MESSAGE_POSTED", seq) }

func caughtUp(seq int) string { return fmt.Sprintf("CaughtUp %d", seq) }

// expectQuiet demands that nothing more has come by now.
func (st *stream) expectQuiet(t *testing.T) {
	t.Helper()
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, h := range st.all[st.taken:] {
		t.Errorf("heard %s", h)
	}
}

// line is a way to listen.
type line string

const (
	overSocket line = "socket"
	overEvents line = "events"
)

// eachLine runs a test over each line, at the same time.
func eachLine(t *testing.T, test func(*testing.T, line)) {
	t.Helper()
	for _, l := range []line{overSocket, overEvents} {
		t.Run(string(l), func(t *testing.T) {
			t.Parallel()
			test(t, l)
		})
	}
}

// listen subscribes, on a connection of its own; headers are those of its request.
func (s *server) listen(t *testing.T, l line, token, document string, v variables, headers ...string) *stream {
	t.Helper()
	if l == overEvents {
		return s.openEventsAs(t, token, document, v, false, headers...)
	}
	return s.openSocketAs(t, token, false, headers...).subscribe(t, document, v)
}

// listenSlowly is listen by a slow client; see dial.
func (s *server) listenSlowly(t *testing.T, l line, token, document string, v variables) *stream {
	t.Helper()
	if l == overEvents {
		return s.openEventsAs(t, token, document, v, true)
	}
	return s.openSocketAs(t, token, true).subscribe(t, document, v)
}

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

// events is the client's end of a response in Server-Sent Events.
type events struct {
	*gatedConn
	cancel func()
}

func (e *events) hangUp() {
	e.cancel()
	e.resume()
}

// openEvents subscribes over Server-Sent Events.
func (s *server) openEvents(t *testing.T, token, document string, v variables) *stream {
	t.Helper()
	return s.openEventsAs(t, token, document, v, false)
}

func (s *server) openEventsAs(t *testing.T, token, document string, v variables, slow bool, headers ...string) *stream {
	t.Helper()
	st, err := s.tryOpenEvents(token, document, v, slow, headers...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.hangUp)
	return st
}

// tryOpenEvents is openEventsAs for goroutines.
func (s *server) tryOpenEvents(token, document string, v variables, slow bool, headers ...string) (*stream, error) {
	conn, err := s.dial(slow)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	body, err := json.Marshal(map[string]any{"query": document, "variables": v})
	if err != nil {
		panic(err) // the test's own
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "text/event-stream")
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	dial := func(context.Context, string, string) (net.Conn, error) { return conn, nil }
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true, DialContext: dial, DialTLSContext: dial}
	response, err := transport.RoundTrip(request)
	if err != nil {
		cancel()
		return nil, err
	}
	if contentType := response.Header.Get("Content-Type"); !strings.HasPrefix(contentType, "text/event-stream") {
		cancel()
		return nil, fmt.Errorf("no events, but %d %s", response.StatusCode, contentType)
	}
	st := newStream(&events{conn, cancel}, "")
	go func() {
		defer st.push(heard{kind: "over"})
		defer response.Body.Close()
		readEvents(response.Body, st.push)
	}()
	return st, nil
}

// readEvents reads Server-Sent Events, as far as graphql-sse uses them.
func readEvents(from io.Reader, tell func(heard)) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 16<<20)
	var h heard
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "" && h.kind != "":
			tell(h)
			h = heard{}
		case name == "event":
			h.kind = value
		case name == "data":
			h.payload = json.RawMessage(value)
		}
	}
}
