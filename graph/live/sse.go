package live

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/omarty/chat/internal/omarty"
)

// TypeEvents is the media type of Server-Sent Events.
const TypeEvents = "text/event-stream"

// ServeEvents answers an operation in Server-Sent Events: next events with its
// responses, then complete
// (https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md, distinct
// connections mode). Whatever is wrong with the operation, its document too, comes
// as a next event with errors and status 200, as that protocol wants it; 429
// with the error where its address has too many that have just come, and 503 while the
// server drains. It returns when the stream has ended. The writer must let
// http.ResponseController through.
func (s *Server) ServeEvents(w http.ResponseWriter, r *http.Request, params *graphql.RawParams) {
	if s.refusesNew(w) {
		return
	}
	settled, err := s.Sessions.Arrive(r.Context())
	if err != nil {
		refuseArrival(w, err)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write(Encode(&graphql.Response{Errors: s.present(r.Context(), gqlerror.List{gqlerror.Wrap(err)})}))
		return
	}
	defer settled(false)
	h := w.Header()
	h.Set("Content-Type", TypeEvents+"; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // for nginx, which would hold back events
	if r.ProtoMajor == 1 {
		// The deadlines of a stream are not those of another request.
		h.Set("Connection", "close")
	}
	c := &stream{server: s, w: w, control: http.NewResponseController(w), over: make(chan struct{}), more: make(chan struct{}, 1), settled: settled, told: s.counts.tally()}
	if conn := connOf(r.Context()); conn != nil {
		defer c.watch(conn, r.ProtoMajor == 1)()
	}
	_ = c.control.SetReadDeadline(time.Time{}) // the request was read
	s.add(c)
	defer s.remove(c)
	if c.write("") == nil {
		c.serve(r, params)
	}
}

// stream is one SSE response.
type stream struct {
	server  *Server
	w       http.ResponseWriter
	control *http.ResponseController
	ctx     context.Context // of who asks; set before anything runs
	settled func(bool)      // of the arrival; see Sessions
	told    *tally          // of deliveries
	counted *atomic.Int64   // where its subscription is counted; nil for none

	mu           sync.Mutex
	leaving      bool
	subscription bool
	ending       *ending
	over         chan struct{} // closed when ending is set

	// more says that followers have something, which are in ready, under mu; caughtUp
	// is the one follower's, and of the goroutine that executes until that has ended.
	more     chan struct{}
	waiting  []*follower
	caughtUp []byte
}

// serve streams the operation. Its goroutine waits until a response is handed over
// before it asks for the next one.
func (c *stream) serve(r *http.Request, params *graphql.RawParams) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	ctx, release, err := c.open(ctx, r)
	if err != nil {
		c.finish(c.server.present(ctx, gqlerror.List{gqlerror.Wrap(err)}))
		return
	}
	defer release()

	c.ctx = ctx
	defer c.tellEnd(r.Context(), time.Now())
	ctx, source := withSource(ctx)
	responses := make(chan []byte)
	result := make(chan gqlerror.List, 1)
	var running sync.WaitGroup
	defer func() {
		cancel()
		running.Wait()
		if c.counted != nil {
			c.counted.Add(-1)
		}
		if source.following != nil {
			source.following.Release()
		}
		if source.inbox != nil {
			source.inbox.Updates.Close()
		}
	}()
	running.Go(func() {
		result <- c.server.execute(ctx, params,
			func(d *ast.OperationDefinition) *gqlerror.Error { return c.admit(r.Method, d) },
			func(ctx context.Context) error { return ctx.Err() },
			func(response *graphql.Response) error {
				if source.following != nil {
					c.caughtUp = []byte(nextEvent(Encode(response)))
					return nil
				}
				encoded := Encode(response)
				defer c.server.hold(ctx, len(encoded))()
				select {
				case responses <- encoded:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
	})
	c.pump(ctx, responses, result, source)
}

// tellEnd tells the operator that a subscription's stream is over.
func (c *stream) tellEnd(request context.Context, began time.Time) {
	c.mu.Lock()
	e, subscription := c.ending, c.subscription
	c.mu.Unlock()
	why := "Its operation ended"
	switch {
	case !subscription:
		return // the request has a line, as any other
	case e != nil:
		why = e.forLog()
	case request.Err() != nil:
		why = "The client left"
	}
	c.server.Log.InfoContext(c.ctx, "event stream closed", "why", why, "took", time.Since(began).Round(time.Millisecond))
}

// open gives the context of who asks: of nobody where the token is not good, as
// over HTTP.
func (c *stream) open(ctx context.Context, r *http.Request) (opened context.Context, release func(), err error) {
	ended := func() { c.end(sessionEnded) }
	token := Bearer(r)
	opened, release, err = c.server.Sessions.Open(ctx, token, ended)
	if errors.Is(err, ErrBadToken) {
		token = ""
		opened, release, err = c.server.Sessions.Open(ctx, "", ended)
	}
	if err != nil {
		return ctx, nil, err
	}
	c.settled(token != "")
	return opened, release, nil
}

// watch cuts the stream when the machine at its other end has gone, until stop is called.
// alone says that the connection is the stream's.
func (c *stream) watch(conn net.Conn, alone bool) (stop func()) {
	if alone {
		bound(conn, c.server.limits.kernel)
	}
	every := c.server.limits.ping
	var timer *time.Timer
	var mu sync.Mutex // timer is set when the function has it
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(every, func() {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case !vanished(conn, 2*every):
			timer.Reset(every)
		case alone:
			_ = conn.Close()
		default:
			c.cut()
		}
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		timer.Stop()
	}
}

// admit refuses what may not run here, now that the document is read.
func (c *stream) admit(method string, d *ast.OperationDefinition) *gqlerror.Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case d.Operation == ast.Mutation && method != http.MethodPost:
		return failure(omarty.CodeBadRequest, "A GET request may not mutate.")
	case c.leaving:
		return stopping
	}
	if c.subscription = d.Operation == ast.Subscription; c.subscription {
		c.counted = c.server.counts.subscribed(d)
	}
	return nil
}

// pump writes what comes, until the operation or the stream has ended or the
// client has gone.
func (c *stream) pump(ctx context.Context, responses chan []byte, result chan gqlerror.List, source *source) {
	quiet := time.NewTicker(c.server.limits.comment)
	defer quiet.Stop()
	leave := func() {}
	defer func() { leave() }()
	var last gqlerror.List
	for last == nil {
		event := ":\n\n"
		select {
		case response := <-responses:
			event = nextEvent(response)
			quiet.Reset(c.server.limits.comment)
		case errs := <-result:
			switch {
			case errs != nil, source.following == nil && source.inbox == nil:
				c.finish(errs)
				return
			case source.following != nil:
				leave = c.follow(*source.following)
			default:
				leave = c.merge(ctx, *source.inbox, responses, result)
				source.inbox = nil
			}
			continue
		case <-c.more:
			if event, last = c.take(ctx); event == "" && last == nil {
				continue
			}
			quiet.Reset(c.server.limits.comment)
		case <-quiet.C:
		case <-c.over:
		case <-ctx.Done():
			return
		}
		// Nothing is sent once the stream has ended, whatever else there was to do.
		if e := c.ended(); e != nil {
			if e.event != nil {
				c.finish(c.server.Languages.TranslateLast(ctx, gqlerror.List{e.event}))
			}
			return
		}
		if c.write(event) != nil {
			return
		}
	}
	c.finish(last)
}

// follow makes a follower of the subscription, and gives what ends it.
func (c *stream) follow(following Following) (leave func()) {
	f := c.follower(following)
	f.caughtUp = c.caughtUp
	c.server.views.follow(f)
	return func() { c.server.views.unfollow(f) }
}

// merge makes an inbox of the subscription, and gives what ends it.
func (c *stream) merge(ctx context.Context, of Inbox, responses chan<- []byte, result chan<- gqlerror.List) (leave func()) {
	in := c.server.newInbox(ctx, of)
	in.follower = c.follower
	in.send = func(ctx context.Context, response []byte) error {
		select {
		case responses <- response:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	in.present = func(err error) gqlerror.List { return c.server.present(ctx, gqlerror.List{gqlerror.Wrap(err)}) }
	in.translate = func(errs gqlerror.List) gqlerror.List { return c.server.Languages.Translate(ctx, errs) }
	in.fail = func(errs gqlerror.List) {
		select {
		case result <- errs:
		default: // it ends already
		}
	}
	in.begin()
	return func() {
		in.end()
		in.work.Wait()
	}
}

func (c *stream) follower(following Following) *follower {
	f := &follower{
		Following: following, to: c, translate: c.translateNow,
		before: slices.Concat([]byte(`event: next`+"\n"+`data: {"data":{`), encode(following.Field), []byte{':'}),
		behind: []byte("}\n\n"),
	}
	f.position.Store(int64(following.After))
	return f
}

// translateNow gives errors beside an entry, for followers.
func (c *stream) translateNow(errs gqlerror.List) gqlerror.List {
	return c.server.Languages.TranslateNow(c.ctx, errs)
}

// ready is for followers: the handler's goroutine takes from them.
func (c *stream) ready(f *follower) (run bool) {
	c.mu.Lock()
	if !f.queued {
		f.queued = true
		c.waiting = append(c.waiting, f)
	}
	c.mu.Unlock()
	select {
	case c.more <- struct{}{}:
	default: // it takes soon
	}
	return false
}

// run is for followers.
func (c *stream) run() {}

// take gives the events that followers have, and the errors that the stream ends with
// after them.
func (c *stream) take(ctx context.Context) (events string, last gqlerror.List) {
	c.mu.Lock()
	followers := c.waiting
	c.waiting = nil
	for _, f := range followers {
		f.queued = false // what comes from now on queues it again
	}
	c.mu.Unlock()
	var b []byte
	for _, f := range followers {
		more, ended := true, false
		if len(b) < c.server.limits.waiting {
			b, more, ended = f.take(b, c.server.limits.waiting)
			c.told.deliver(f)
		}
		switch {
		case more:
			c.ready(f)
		case ended && f.inbox != nil:
			f.inbox.ended(f)
		case ended:
			last = c.server.present(ctx, gqlerror.List{gqlerror.Wrap(f.Gone(int(f.position.Load())))})
		}
	}
	return string(b), last
}

func nextEvent(response []byte) string { return "event: next\ndata: " + string(response) + "\n\n" }

// finish writes the last events.
func (c *stream) finish(errs gqlerror.List) {
	events := ""
	if errs != nil {
		events = nextEvent(Encode(&graphql.Response{Errors: errs}))
	}
	// The data field is empty, but has to be there: an event without is none.
	_ = c.write(events + "event: complete\ndata:\n\n")
}

// write sends events. A client that takes nothing for limits.stall is cut: what is
// long is written in parts, each of which has that time.
func (c *stream) write(events string) error {
	for {
		part := events[:min(len(events), maxPart)]
		if err := c.control.SetWriteDeadline(time.Now().Add(c.server.limits.stall)); err != nil {
			return err
		}
		if _, err := io.WriteString(c.w, part); err != nil {
			return err
		}
		if events = events[len(part):]; events == "" {
			return c.control.Flush()
		}
	}
}

// maxPart is how many bytes are written at once.
const maxPart = 16 << 10

func (c *stream) ended() *ending {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending
}

// end ends the stream for a reason: from its return on nothing but that is sent.
// It does not wait. Only the first call counts.
func (c *stream) end(e *ending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending == nil {
		c.ending = e
		close(c.over)
	}
}

// leave ends a subscription; a query or a mutation is answered, and ends then.
func (c *stream) leave() {
	c.mu.Lock()
	c.leaving = true
	subscription := c.subscription
	c.mu.Unlock()
	if subscription {
		c.end(restarting())
	}
}

// cut ends the stream without a word.
func (c *stream) cut() {
	c.end(lost)
	_ = c.control.SetWriteDeadline(time.Now())
}
