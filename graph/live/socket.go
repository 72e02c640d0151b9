package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/omarty/chat/internal/omarty"
)

// IsSocket tells whether a request asks for a WebSocket.
func IsSocket(r *http.Request) bool {
	return lists(r.Header, "Upgrade", func(p string) bool { return strings.EqualFold(p, "websocket") })
}

// ServeSocket makes a WebSocket of a request (RFC 6455) that speaks
// graphql-transport-ws, and returns; the socket lives on. It refuses with 403 what
// comes from a page of another origin, with 400 who does not offer the
// subprotocol, with 429 where its address has too many that have just come, and
// with 503 while the server drains. A token comes as "token" in
// the payload of connection_init, or in the handshake's Authorization header.
func (s *Server) ServeSocket(w http.ResponseWriter, r *http.Request) {
	if s.refusesNew(w) {
		return
	}
	if !s.mayOpen(r) {
		http.Error(w, "Pages of this origin may not open a socket.", http.StatusForbidden)
		return
	}
	ours := func(offered string) bool { return offered == subprotocol }
	if !lists(r.Header, "Sec-WebSocket-Protocol", ours) {
		http.Error(w, "The subprotocol is "+subprotocol+".", http.StatusBadRequest)
		return
	}
	settled, err := s.Sessions.Arrive(r.Context())
	if err != nil {
		refuseArrival(w, err)
		http.Error(w, "Too many connections of this address.", http.StatusTooManyRequests)
		return
	}
	upgrader := ws.HTTPUpgrader{Timeout: s.limits.stall, Protocol: ours}
	conn, buffered, _, err := upgrader.Upgrade(r, w)
	if err != nil {
		settled(false)
		if conn != nil {
			_ = conn.Close() // the refusal is written
		}
		return
	}
	early, _ := buffered.Peek(buffered.Reader.Buffered())
	// The request's context may end when this handler returns; its values are kept.
	c := s.newSocket(context.WithoutCancel(r.Context()), conn, bytes.Clone(early))
	c.bearer, c.settled = Bearer(r), settled
	bound(conn, s.limits.kernel)
	s.add(c)
	// In a goroutine of its own, so that the handler's can return: it frees the
	// buffers and the deep stack of net/http.
	go c.run()
}

// refuseArrival says when to come back, in a header.
func refuseArrival(w http.ResponseWriter, err error) {
	if known, ok := errors.AsType[*omarty.Error](err); ok && known.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64(math.Ceil(known.RetryAfter.Seconds())), 10))
	}
	w.Header().Set("Cache-Control", "no-store")
}

// mayOpen tells whether a request comes from no browser, from a page of this very
// host, or from one of the origins that the operator named. Behind a proxy that
// speaks TLS the server does not know its own scheme, so the host decides.
func (s *Server) mayOpen(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	if u, err := url.Parse(origin); err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host) {
		return true
	}
	return slices.ContainsFunc(s.Origins, func(o string) bool { return o == "*" || strings.EqualFold(o, origin) })
}

// Bearer gives the token of RFC 6750's Authorization header; "" for none.
func Bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// lists tells whether a header that is a list has what is wanted in it.
func lists(h http.Header, name string, wanted func(string) bool) bool {
	for _, line := range h.Values(name) {
		for t := range strings.SplitSeq(line, ",") {
			if wanted(strings.TrimSpace(t)) {
				return true
			}
		}
	}
	return false
}

// socket is one WebSocket. Its goroutine, run, reads and handles what the client
// sends; each operation has another.
type socket struct {
	server *Server
	conn   net.Conn
	out    writer
	heard  atomic.Bool // something came since the last ping

	// Of run's goroutine.
	frames *frames
	asked  pace // of operations
	// ctx is that of the asker's operations, from the acknowledgement on. It does not end:
	// what hangs on a context that does, hangs on it for as long as the socket is idle.
	ctx     context.Context
	bearer  string         // the token of the handshake; "" for none
	release func()         // of the session; nil before the acknowledgement
	settled func(bool)     // of the arrival; see Sessions
	came    int64          // when, in nanoseconds of Unix's time
	running sync.WaitGroup // the goroutines of operations

	mu      sync.Mutex
	state   state
	why     *ending     // why it has ended; nil before
	leaving bool        // ends when its queries and mutations are answered
	timer   *time.Timer // calls tick
	missed  int         // pings in a row after which nothing came
	begun   uint32      // the message that had begun at the last ping; see frames
	slow    int         // pings in a row at which it was the same
	active  operations
}

// state is how far a socket has come.
type state int

const (
	opened       state = iota
	initialising       // connection_init has come
	acknowledged
	ended // the last frames are handed to the writer
)

// newSocket gives the socket of a connection, with what was read of it already.
func (s *Server) newSocket(ctx context.Context, conn net.Conn, early []byte) *socket {
	c := &socket{server: s, conn: conn, ctx: ctx, settled: func(bool) {}, came: time.Now().UnixNano()}
	var from io.Reader = listening{c}
	if len(early) > 0 {
		from = io.MultiReader(bytes.NewReader(early), from)
	}
	c.frames = newFrames(from, &s.limits)
	c.out = writer{conn: conn, raw: rawOf(conn), limits: &s.limits, stalled: c.stalled, gone: c.gone, told: s.counts.tally()}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timer = time.AfterFunc(s.limits.init, c.tick)
	return c
}

// listening reads from a socket's connection and remembers that something came.
type listening struct{ c *socket }

func (l listening) Read(b []byte) (int, error) {
	n, err := l.c.conn.Read(b)
	if n > 0 {
		l.c.heard.Store(true)
	}
	return n, err
}

// run lives as long as the socket: when it returns, nothing of that is left.
func (c *socket) run() {
	defer c.server.remove(c)
	err := c.read()
	e, told := errors.AsType[*ending](err)
	switch {
	case told:
		c.end(e)
		fallthrough
	case errors.Is(err, errOver):
		// What the client sends until it has read why the socket ends is of no
		// interest, but has to be read: a connection that is closed over unread bytes
		// takes back what was sent. The writer bounds the time.
		c.frames.toClose()
	default:
		_ = c.conn.Close() // so that nothing waits to be written
		c.end(lost)
	}
	c.out.flushed()
	_ = c.conn.Close()
	c.running.Wait()
	c.unfollow()
	if c.release != nil {
		c.release()
	}
	c.settled(false)
	c.tellEnd()
}

// tellEnd tells the operator that the socket is over.
func (c *socket) tellEnd() {
	c.mu.Lock()
	e := c.why
	c.mu.Unlock()
	c.server.Log.InfoContext(c.ctx, "socket closed", "code", int(e.code), "why", e.forLog(),
		"took", time.Since(time.Unix(0, c.came)).Round(time.Millisecond))
}

// read handles what the client sends, until it may send no more: *ending or
// errOver, or any other error where the connection broke off. It waits with little
// on the stack: 4 KB then do for an idle socket, whose heap is half of that.
func (c *socket) read() error {
	for {
		text, err := c.frames.message(c.control)
		if err != nil {
			return err
		}
		if err := c.handle(text); err != nil {
			return err
		}
	}
}

// control handles a control frame.
func (c *socket) control(code ws.OpCode, payload []byte) error {
	switch code {
	case ws.OpPing:
		return c.out.send(c.ctx, appendFrame(nil, ws.OpPong, payload), nil)
	case ws.OpClose:
		return closedByClient(payload)
	}
	return nil // a pong: it was heard
}

// handle handles a message.
func (c *socket) handle(text []byte) (err error) {
	defer func() {
		if v := recover(); v != nil {
			_ = c.server.panicked(c.ctx, v) // it is logged
			err = fault
		}
	}()
	m, err := parseMessage(text)
	if err != nil {
		return err
	}
	switch m.kind {
	case connectionInit:
		return c.initialise(m.payload)
	case ping:
		return c.send(c.ctx, pong, nil, m.payload)
	case subscribe:
		c.pace()
		return c.subscribe(m)
	case complete:
		c.complete(m.id)
	}
	return nil // a pong: it was heard
}

// pace makes a client wait who begins operations faster than it may, or takes back what
// costs as much: what it sends meanwhile stays unread.
func (c *socket) pace() {
	c.frames.pace.giveBack(c.frames.rate) // it is counted here
	if c.server.Unpaced {
		return
	}
	if wait := c.asked.take(c.server.limits.subscribes, time.Now()); wait > 0 {
		time.Sleep(wait)
	}
}

// send hands a message to the writer.
func (c *socket) send(ctx context.Context, kind messageType, id, payload []byte) error {
	return c.out.send(ctx, appendFrame(nil, ws.OpText, newMessage(kind, id, payload)), nil)
}

// initialise finds out who the client is, and acknowledges.
func (c *socket) initialise(payload json.RawMessage) error {
	switch was := c.advance(opened, initialising); was {
	case opened:
	case ended:
		return errOver
	default:
		return initTwice
	}
	token, err := tokenOf(payload)
	if err != nil {
		return unauthorized
	}
	if token == "" {
		token = c.bearer
	}
	c.bearer = ""
	done := c.server.beginnings.take(c.ctx)
	ctx, release, err := c.server.Sessions.Open(c.ctx, token, func() { c.end(sessionEnded) })
	done()
	switch {
	case errors.Is(err, ErrBadToken):
		return unauthorized
	case err != nil:
		if known, ok := errors.AsType[*omarty.Error](err); ok && known.Code == omarty.CodeRateLimited {
			return crowded(known.RetryAfter)
		}
		return unavailable
	}
	c.settled(token != "")
	c.ctx, c.release = ctx, release
	c.server.Log.DebugContext(ctx, "socket opened")
	if c.advance(initialising, acknowledged) == ended {
		return errOver
	}
	return c.send(c.ctx, connectionAck, nil, nil)
}

// advance moves the socket on where it is in the state from, and tells in which
// it was.
func (c *socket) advance(from, to state) (was state) {
	c.mu.Lock()
	defer c.mu.Unlock()
	was = c.state
	if was == from {
		c.state = to
		c.timer.Reset(c.server.limits.ping)
	}
	return was
}

// tick ends a socket whose connection_init is late; later it pings.
func (c *socket) tick() {
	if e := c.beat(); e != nil {
		c.end(e)
	}
}

// beat pings, and gives why the socket is to end. It cuts one from which nothing comes
// any more. Where frames wait to be taken, the writer judges, so long as the machine at
// the other end is there.
func (c *socket) beat() *ending {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.state == opened:
		return initTimeout
	case c.state == ended:
		return nil
	case c.heard.Swap(false):
		c.missed = 0
	case !c.out.idle() && !vanished(c.conn, 2*c.server.limits.ping):
		c.missed = 0
	default:
		c.missed++
	}
	if c.missed >= 2 {
		c.cut()
		return nil
	}
	if c.trickles() {
		return trickling
	}
	c.out.offer(appendFrame(nil, ws.OpPing, nil))
	c.timer.Reset(c.server.limits.ping)
	return nil
}

// trickles tells whether the same message has been coming for three pings.
func (c *socket) trickles() bool {
	begun := c.frames.begun.Load()
	if begun%2 == 0 || begun != c.begun {
		c.begun, c.slow = begun, 0
		return false
	}
	c.slow++
	return c.slow >= 2
}

// end ends the socket for a reason, which the client is told. It does not wait:
// from its return on nothing is sent but that. Only the first call counts.
func (c *socket) end(e *ending) {
	c.mu.Lock()
	if c.state == ended {
		c.mu.Unlock()
		return
	}
	c.state, c.why = ended, e
	c.timer.Stop()
	c.out.finish(func() (last []byte) {
		if e.toStreams != nil {
			last = c.active.tellStreams(e.toStreams)
		}
		return appendClose(last, e)
	}, e.silent)
	c.active.stop()
	c.mu.Unlock()
}

// stalled ends a socket whose client takes nothing, and waits until it is found out in
// which language to say so.
func (c *socket) stalled() {
	c.mu.Lock()
	known := c.state == acknowledged
	c.mu.Unlock()
	e := *tooSlow
	if known {
		e.toStreams = c.server.Languages.TranslateLast(c.ctx, gqlerror.List{e.toStreams})[0]
	}
	c.end(&e)
}

// leave ends the socket when its queries and mutations are answered.
func (c *socket) leave() {
	c.mu.Lock()
	c.leaving = true
	busy := c.active.busy()
	c.mu.Unlock()
	if !busy {
		c.end(restarting())
	}
}

// cut closes the connection: whoever uses it notices.
func (c *socket) cut() { _ = c.conn.Close() }
