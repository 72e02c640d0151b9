// Package live is the part of the GraphQL door whose connections stay open:
// WebSockets that speak graphql-transport-ws, and Server-Sent Events. It takes an
// executor and knows no rule.
//
// Who owns which state:
//
//   - Server knows the connections that are open, and whether it drains.
//   - socket is one WebSocket. Its goroutine alone reads; under its lock are its
//     operations. An operation has a goroutine, which asks the executor for a
//     response when the one before was handed to the writer, and not sooner: who
//     reads slowly makes the source wait, and nothing piles up.
//   - writer is the sending side of a socket: under its lock are the frames that
//     wait. Its goroutine lives while there are any.
//   - turns are whose subscription may begin: a few at a time, after all that is ready.
//   - stream is one SSE response. The handler's goroutine owns it and alone writes.
//
// Why a connection ends is an ending, and each has a name in endings.go.
package live

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Sessions tells who is at the other end of a connection, and when they no
// longer are.
type Sessions interface {
	// Arrive counts a connection in of whose holder nothing is known yet, in the context
	// of its request; an error says that there are too many. The connection calls settled
	// when it has called Open, and when it is over: the first call counts.
	Arrive(ctx context.Context) (settled func(signedIn bool), err error)
	// Open gives the context in which a connection's operations run: that of the
	// asker who holds the token; of nobody where it is "". ErrBadToken where no good
	// session has it; any other error means that nobody can tell now.
	//
	// When the session ends, ended is called, from any goroutine, also before Open
	// returns; it does not wait for anything. From its return on nothing more is
	// sent to the asker, so whoever ends a session calls it before answering. The
	// connection calls release, once, when it is over.
	Open(ctx context.Context, token string, ended func()) (opened context.Context, release func(), err error)
}

// Languages tells errors in the language of who reads them. It leaves the errors that
// it is given as they are, and gives them again where there is nothing to translate.
type Languages interface {
	// Translate gives errors as the asker that ctx belongs to reads them. It may wait
	// for the database, for a moment.
	Translate(ctx context.Context, errs gqlerror.List) gqlerror.List
	// TranslateLast is Translate for the last words of a connection, which are not to wait for
	// long.
	TranslateLast(ctx context.Context, errs gqlerror.List) gqlerror.List
	// TranslateNow is Translate for who waits for nobody, by what the connection's
	// request said.
	TranslateNow(ctx context.Context, errs gqlerror.List) gqlerror.List
}

// Turns are whose operation may be read and run: each has a few at a time.
type Turns interface {
	// Begin gives the context in which an operation is read and run; done ends its turn.
	Begin(ctx context.Context) (turn context.Context, done func())
	// Hold counts the bytes of an answer for who asks, until release: as long as their
	// reader has not taken them.
	Hold(ctx context.Context, bytes int) (release func())
}

// ErrBadToken says that no good session has a token.
var ErrBadToken = errors.New("no good session has the token")

// Options are what a Server works with.
type Options struct {
	// Executor runs the operations; its limits are those of an operation.
	Executor graphql.GraphExecutor
	// Recover makes the error of a panic that the executor let through.
	Recover graphql.RecoverFunc
	// Sessions tells who asks.
	Sessions Sessions
	// Turns are whose operation runs; nil for everybody's at once.
	Turns Turns
	// Logs are what subscriptions of rooms follow.
	Logs Logs
	// Languages tells errors in the language of who asks.
	Languages Languages
	// Origins are the web origins, beside the server's own, whose pages may open a
	// socket; "*" is all of them.
	Origins []string
	// Counted is told of each operation what kind it is, and what it failed with; of a
	// subscription, when it has begun. The kind is "" where it could not be read. Nil for
	// nobody.
	Counted func(kind ast.Operation, errs gqlerror.List)
	// Log tells how sockets come and go; nil for nowhere.
	Log *slog.Logger
	// Unpaced lets a socket ask as fast as it will.
	Unpaced bool
}

// rate is how often something may be done: burst times in a row, and then once in every.
type rate struct {
	burst int
	every time.Duration
}

// limits are what a connection may take, and for how long.
type limits struct {
	// init is how long a client may take to send connection_init.
	init time.Duration
	// ping is how often a socket is pinged. One from which two pings in a row bring
	// nothing is cut: 36 s after it was last heard, at the latest; so is one from which nothing came for
	// that long that would end a message which has begun, and one whose machine confirms
	// nothing that was sent to it, streams among them.
	ping time.Duration
	// stall is how long a client may take nothing of what waits for it, and step how
	// exactly that is measured.
	stall, step time.Duration
	// last is how long the last frames of a connection may take to be written.
	last time.Duration
	// goodbye is how long a client may take to answer a close frame.
	goodbye time.Duration
	// operation is how long a query or a mutation may run.
	operation time.Duration
	// comment is how often an SSE stream that has nothing to say says so.
	comment time.Duration
	// subscriptions and others are how many operations may be under way on a socket:
	// a subscription beyond is refused, and a query or a mutation waits unread.
	subscriptions, others int
	// subscribes are the operations that a socket may begin in a row; those beyond wait
	// unread. frames are all others that it may send, those of pings say, and the pieces of
	// messages; who sends more is cut.
	subscribes, frames rate
	// message is how many bytes a message may have.
	message int64
	// kernel is how many bytes the kernel keeps for a reader, which takes twice of that.
	kernel int
	// waiting is how many bytes of frames may wait for a client before operations
	// wait too; a frame that is longer waits alone.
	waiting int
	// leaving is the time over which many connections are ended when the server
	// drains; each has at most pace of it.
	leaving, pace time.Duration
}

var defaults = limits{
	init:          3 * time.Second,
	ping:          12 * time.Second,
	stall:         30 * time.Second,
	step:          3 * time.Second,
	last:          10 * time.Second,
	goodbye:       2 * time.Second,
	operation:     30 * time.Second,
	comment:       15 * time.Second,
	subscriptions: 50,
	others:        50,
	subscribes:    rate{500, 10 * time.Millisecond},
	frames:        rate{2000, 5 * time.Millisecond},
	message:       1 << 20,
	kernel:        64 << 10,
	waiting:       64 << 10,
	leaving:       3 * time.Second,
	pace:          time.Millisecond,
}

// Server serves connections that stay open. It is safe for concurrent use.
type Server struct {
	Options
	limits limits
	counts counts
	views  views
	// beginnings are sessions that are looked up, and subscriptions that are begun; what
	// an inbox tells beside entries is mostly how it begins, too.
	beginnings turns

	mu       sync.Mutex
	open     map[connection]struct{}
	draining bool
	// empty is closed, once, when the server drains and its last connection has
	// gone.
	empty chan struct{}
	once  sync.Once
}

// connection is a socket or an SSE stream.
type connection interface {
	// leave ends the connection when the queries and mutations that are under way
	// on it are answered, and tells the client to come back. It does not wait.
	leave()
	// cut ends the connection without a word. It does not wait.
	cut()
}

// New gives a server of connections.
func New(o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{
		Options:    o,
		limits:     defaults,
		views:      newViews(o.Logs),
		beginnings: newTurns(),
		open:       map[connection]struct{}{},
		empty:      make(chan struct{}),
	}
}

// Drain ends all connections, so that each client comes back after a moment of
// its own: sockets close with 1012 and the reason "retry-after-ms=N", SSE streams
// end with UNAVAILABLE, queries and mutations under way are answered before. New
// connections are refused with 503. It returns when the last connection has gone,
// which takes up to 5 s, or when ctx ends; those that are left are cut then.
func (s *Server) Drain(ctx context.Context) {
	s.mu.Lock()
	s.draining = true
	left := make([]connection, 0, len(s.open))
	for c := range s.open {
		left = append(left, c)
	}
	s.mu.Unlock()
	s.noticeEmpty()

	pace := min(s.limits.pace, s.limits.leaving/time.Duration(max(len(left), 1)))
	start := time.Now()
	for i, c := range left {
		if ahead := time.Until(start.Add(time.Duration(i) * pace)); ahead > 0 && ctx.Err() == nil {
			time.Sleep(ahead)
		}
		c.leave()
	}
	select {
	case <-s.empty:
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		for c := range s.open {
			c.cut()
		}
	}
}

// refusesNew tells whether the server drains, and then answers so.
func (s *Server) refusesNew(w http.ResponseWriter) bool {
	s.mu.Lock()
	draining := s.draining
	s.mu.Unlock()
	if draining {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "The server is about to stop.", http.StatusServiceUnavailable)
	}
	return draining
}

// add counts a connection in. One that comes while the server drains leaves.
func (s *Server) add(c connection) {
	s.mu.Lock()
	s.open[c] = struct{}{}
	s.counts.opened(c, 1)
	draining := s.draining
	s.mu.Unlock()
	if draining {
		c.leave()
	}
}

// remove counts a connection out, when nothing of it runs any more.
func (s *Server) remove(c connection) {
	s.mu.Lock()
	delete(s.open, c)
	s.counts.opened(c, -1)
	s.mu.Unlock()
	s.noticeEmpty()
}

func (s *Server) noticeEmpty() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining && len(s.open) == 0 {
		s.once.Do(func() { close(s.empty) })
	}
}

// awayLeast and awayMost bound for how long clients are told to stay away. With the time
// over which they are told, that spreads those who come back; and nobody is without for
// more than the three seconds that an upgrade may take of them.
const awayLeast, awayMost = 500 * time.Millisecond, 2 * time.Second

// retryAfter gives a reason of closing that tells a client when to come back:
// another moment for each, so that they do not come all at once.
func retryAfter() string {
	away := awayLeast + rand.N(awayMost-awayLeast+time.Millisecond) //nolint:gosec // no secret: it spreads those who come back
	return "retry-after-ms=" + strconv.FormatInt(away.Milliseconds(), 10)
}
