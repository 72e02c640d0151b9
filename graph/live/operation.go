package live

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gobwas/ws"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// execute runs an operation, where admit does not refuse it, and hands each
// response to next, which says by its error that nobody wants more. What answers once is
// not begun before room, which says by its error that nobody wants it any more. It answers
// nil when the operation is complete, or the errors that ended it: those of a
// response without data are.
func (s *Server) execute(ctx context.Context, params *graphql.RawParams,
	admit func(*ast.OperationDefinition) *gqlerror.Error, room func(context.Context) error, next func(*graphql.Response) error,
) (errs gqlerror.List) {
	defer func() {
		// gqlgen recovers what resolvers do; this is for gqlgen.
		if v := recover(); v != nil {
			errs = s.panicked(ctx, v)
		}
	}()
	ctx = graphql.StartOperationTrace(ctx)
	if s.Turns != nil {
		var done func()
		ctx, done = s.Turns.Begin(ctx)
		defer done()
	}
	op, refused := s.Executor.CreateOperationContext(ctx, params)
	if refused != nil {
		errs = s.present(graphql.WithOperationContext(ctx, op), refused)
		s.count(op, errs)
		return errs
	}
	if refused := admit(op.Operation); refused != nil {
		s.count(op, gqlerror.List{refused})
		return s.Languages.Translate(ctx, gqlerror.List{refused})
	}
	streams := op.Operation.Operation == ast.Subscription
	if !streams && room(ctx) != nil {
		return nil // who asked has gone
	}
	begun := func() {}
	if streams {
		begun = s.beginnings.take(ctx)
	} else {
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, s.limits.operation)
		defer cancel()
	}
	source := sourceOf(ctx)
	responses, ctx := s.Executor.DispatchOperation(ctx, op)
	begun() // its resolver has been called
	for n := 0; ; n++ {
		response := responses(ctx)
		source.take()
		if response != nil && n == 0 {
			s.count(op, response.Errors)
		}
		if response != nil {
			if streams && source.following == nil {
				s.counts.executed.Add(1)
			}
			response.Errors = s.Languages.Translate(ctx, response.Errors)
		}
		switch {
		case response == nil && source.fate.Load() != nil:
			errs = s.present(ctx, gqlerror.List{gqlerror.Wrap(*source.fate.Load())})
			if n == 0 {
				s.count(op, errs)
			}
			return errs
		case response == nil:
			if n == 0 {
				s.count(op, nil)
			}
			return nil
		case response.Data == nil && len(response.Errors) > 0:
			return response.Errors
		case next(response) != nil, !streams:
			return nil
		}
	}
}

// hold counts the bytes of an answer until their reader has taken them.
func (s *Server) hold(ctx context.Context, bytes int) (release func()) {
	if s.Turns == nil {
		return func() {}
	}
	return s.Turns.Hold(ctx, bytes)
}

// count counts an operation whose outcome is known.
func (s *Server) count(op *graphql.OperationContext, errs gqlerror.List) {
	if s.Counted == nil {
		return
	}
	var kind ast.Operation
	if op != nil && op.Operation != nil {
		kind = op.Operation.Operation
	}
	s.Counted(kind, errs)
}

// present gives errors as the client is told of them.
func (s *Server) present(ctx context.Context, errs gqlerror.List) gqlerror.List {
	return s.Languages.Translate(ctx, s.Executor.DispatchError(ctx, errs).Errors)
}

// panicked gives what clients are told of a panic.
func (s *Server) panicked(ctx context.Context, v any) gqlerror.List {
	return s.present(ctx, gqlerror.List{gqlerror.Wrap(s.Recover(ctx, v))})
}

// operation is an operation of a socket.
type operation struct {
	id     string
	quoted []byte // the id as JSON
	cancel func()
	source *source
	// follower is set where the subscription has become one, and inbox where it has
	// become many.
	follower *follower
	inbox    *inbox
	// counted is where a subscription is counted; nil until the document is read.
	counted *atomic.Int64
	// subscription is false until then.
	subscription bool
}

// operations are those of a socket, under its lock.
type operations struct {
	// open are those whose end the client was not told and has not told: a hundred at the
	// most, and mostly one.
	open []*operation
	// subscriptions are how many of those are known to be one.
	subscriptions int
	// followers are how many of those have no goroutine.
	followers int
	// running are the goroutines, of which some may be about to end.
	running int
	// fewer is closed when others gets smaller; nil while nobody waits for that.
	fewer chan struct{}
}

// others are how many queries and mutations are under way; what is not read yet
// counts as one.
func (o *operations) others() int { return o.running - (o.subscriptions - o.followers) }

func (o *operations) busy() bool { return o.others() > 0 }

func (o *operations) add(op *operation) {
	o.open = append(o.open, op)
	o.running++
}

// find gives the operation that is open by an id; nil for none.
func (o *operations) find(id string) *operation {
	for _, op := range o.open {
		if op.id == id {
			return op
		}
	}
	return nil
}

func (o *operations) has(op *operation) bool { return slices.Contains(o.open, op) }

// remove frees an operation's id; false where that was done before.
func (o *operations) remove(op *operation) bool {
	i := slices.Index(o.open, op)
	if i < 0 {
		return false
	}
	o.open = slices.Delete(o.open, i, i+1)
	if op.subscription {
		o.subscriptions--
		op.counted.Add(-1)
	}
	if op.follower != nil {
		o.followers--
		op.follower.over.Store(true)
	}
	if op.inbox != nil {
		o.followers--
		op.inbox.end()
	}
	return true
}

// standing gives an error with the place where a subscription stands.
func (op *operation) standing(err *gqlerror.Error) *gqlerror.Error {
	if op.follower != nil {
		return standing(err, op.follower.position.Load())
	}
	return standing(err, op.source.stands.Load())
}

// stop ends the operations' contexts, and who waits to begin one.
func (o *operations) stop() {
	for _, op := range o.open {
		op.cancel()
	}
	o.wake()
}

// wake lets who waits for fewer others look again.
func (o *operations) wake() {
	if o.fewer != nil {
		close(o.fewer)
		o.fewer = nil
	}
}

// tellStreams gives the frames that end all subscriptions with an error, which
// says where each stands.
func (o *operations) tellStreams(err *gqlerror.Error) []byte {
	var b []byte
	for _, op := range o.open {
		if op.subscription {
			b = appendFrame(b, ws.OpText, newMessage(failed, op.quoted, encode(gqlerror.List{op.standing(err)})))
		}
	}
	return b
}

// subscribe starts an operation, in a goroutine of its own. Where too many are
// under way it waits until one has ended.
func (c *socket) subscribe(m message) error {
	op := &operation{id: m.id, quoted: encode(m.id)}
	var ctx context.Context
	ctx, op.cancel = context.WithCancel(c.ctx)
	ctx, op.source = withSource(ctx)
	full, err := c.start(op)
	for ; full != nil; full, err = c.start(op) {
		<-full
	}
	if err != nil {
		op.cancel()
		return err
	}
	c.running.Go(func() { c.operate(ctx, op, m.params) })
	return nil
}

// start counts an operation in, or gives what is closed when there may be room
// for it.
func (c *socket) start(op *operation) (full <-chan struct{}, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.state == ended:
		return nil, errOver
	case c.state != acknowledged:
		return nil, unauthorized
	case c.active.find(op.id) != nil:
		return nil, duplicate(op.id)
	case c.active.others() >= c.server.limits.others:
		if c.active.fewer == nil {
			c.active.fewer = make(chan struct{})
		}
		return c.active.fewer, nil
	}
	c.active.add(op)
	return nil, nil
}

// operate runs an operation and sends what comes of it.
func (c *socket) operate(ctx context.Context, op *operation, params *graphql.RawParams) {
	defer op.cancel()
	var caughtUp []byte
	errs := c.server.execute(ctx, params,
		func(d *ast.OperationDefinition) *gqlerror.Error { return c.admit(op, d) },
		c.out.room,
		func(r *graphql.Response) error {
			if !c.wants(op) {
				return errOver
			}
			if op.source.following != nil {
				caughtUp = appendFrame(nil, ws.OpText, newMessage(next, op.quoted, Encode(r)))
				return nil
			}
			frame := appendFrame(nil, ws.OpText, newMessage(next, op.quoted, Encode(r)))
			defer c.server.hold(ctx, len(frame))()
			return c.out.send(ctx, frame, op.source.handOver)
		})
	switch following, inbox := op.source.following, op.source.inbox; {
	case inbox != nil:
		if errs == nil && c.merge(ctx, op, *inbox) {
			c.finish()
			return
		}
		inbox.Updates.Close()
	case following == nil:
	case errs == nil && c.follow(op, *following, caughtUp):
		following.Release()
		c.finish()
		return
	default:
		following.Release()
	}
	// The id is free before the client can know.
	if c.remove(op) {
		if errs != nil {
			_ = c.send(ctx, failed, op.quoted, encode(errs))
		} else {
			_ = c.send(ctx, complete, op.quoted, nil)
		}
	}
	c.finish()
}

// admit refuses an operation that the socket has no room for, now that its
// document is read.
func (c *socket) admit(op *operation, d *ast.OperationDefinition) *gqlerror.Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.leaving:
		return stopping
	case d.Operation != ast.Subscription:
		return nil
	case c.active.subscriptions >= c.server.limits.subscriptions:
		return tooMany
	}
	// Where the client has taken it back meanwhile, it is none of the socket's.
	if c.active.has(op) {
		op.subscription, op.counted = true, c.server.counts.subscribed(d)
		c.active.subscriptions++
		c.active.wake()
	}
	return nil
}

// behind is what follows a follower's value and the errors beside it.
var behind = []byte("}}")

// follow makes a follower of a subscription; false where the client has taken it back.
func (c *socket) follow(op *operation, following Following, caughtUp []byte) bool {
	f := &follower{
		Following: following, to: &c.out, caughtUp: caughtUp, frames: true, translate: c.translateNow,
		before: slices.Concat([]byte(`{"type":"next","id":`), op.quoted, []byte(`,"payload":{"data":{`), encode(following.Field), []byte{':'}),
		behind: behind,
	}
	f.position.Store(int64(following.After))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == ended || !c.active.has(op) {
		return false
	}
	// What has begun it is not needed any more.
	op.follower, op.source, op.cancel = f, nil, func() {}
	c.active.followers++
	c.server.views.follow(f)
	return true
}

// merge makes an inbox of a subscription; false where the client has taken it back.
func (c *socket) merge(ctx context.Context, op *operation, of Inbox) bool {
	before := slices.Concat([]byte(`{"type":"next","id":`), op.quoted, []byte(`,"payload":{"data":{`), encode(of.Field), []byte{':'})
	in := c.server.newInbox(ctx, of)
	in.follower = func(following Following) *follower {
		return &follower{Following: following, to: &c.out, frames: true, translate: c.translateNow, before: before, behind: behind}
	}
	in.send = func(ctx context.Context, response []byte) error {
		if !c.wants(op) {
			return errOver
		}
		return c.out.send(ctx, appendFrame(nil, ws.OpText, newMessage(next, op.quoted, response)), nil)
	}
	in.fail = func(errs gqlerror.List) {
		if c.remove(op) {
			_ = c.send(c.ctx, failed, op.quoted, encode(errs))
		}
	}
	in.present = func(err error) gqlerror.List { return c.server.present(ctx, gqlerror.List{gqlerror.Wrap(err)}) }
	in.translate = func(errs gqlerror.List) gqlerror.List { return c.server.Languages.Translate(ctx, errs) }
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == ended || !c.active.has(op) {
		return false
	}
	op.inbox = in
	c.active.followers++
	in.begin()
	return true
}

// gone ends a subscription that may follow its room no longer, and says so when it is
// found out in which language; others do not wait for that.
func (c *socket) gone(f *follower) {
	if f.inbox != nil {
		f.inbox.ended(f)
		return
	}
	c.mu.Lock()
	var op *operation
	for _, one := range c.active.open {
		if one.follower == f {
			op = one
		}
	}
	removed := op != nil && c.active.remove(op)
	c.mu.Unlock()
	if !removed {
		return
	}
	c.server.views.unfollow(f)
	// The writer is at work, so the socket does not wait for its goroutines yet.
	c.running.Go(func() {
		errs := c.server.present(c.ctx, gqlerror.List{gqlerror.Wrap(f.Gone(int(f.position.Load())))})
		_ = c.send(c.ctx, failed, op.quoted, encode(errs))
	})
}

// translateNow gives errors beside an entry, for followers.
func (c *socket) translateNow(errs gqlerror.List) gqlerror.List {
	return c.server.Languages.TranslateNow(c.ctx, errs)
}

// wants tells whether the client still waits for an operation.
func (c *socket) wants(op *operation) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.active.has(op)
}

func (c *socket) remove(op *operation) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.active.remove(op)
}

// unfollow ends the followers of a socket that has ended, and waits for inboxes.
func (c *socket) unfollow() {
	var ended []*inbox
	defer func() {
		for _, in := range ended {
			in.work.Wait()
		}
	}()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, op := range slices.Clone(c.active.open) {
		switch {
		case op.inbox != nil:
			c.active.remove(op)
			ended = append(ended, op.inbox)
		case op.follower != nil && c.active.remove(op):
			c.server.views.unfollow(op.follower)
		}
	}
}

// complete stops an operation that the client wants no more of. One that has
// ended meanwhile, or never was, is nobody's mistake.
func (c *socket) complete(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if op := c.active.find(id); op != nil {
		c.active.remove(op)
		op.cancel()
		if op.follower != nil {
			c.server.views.unfollow(op.follower)
		}
	}
}

// finish counts the goroutine of an operation out.
func (c *socket) finish() {
	c.mu.Lock()
	c.active.running--
	c.active.wake()
	leave := c.leaving && !c.active.busy()
	c.mu.Unlock()
	if leave {
		c.end(restarting())
	}
}
