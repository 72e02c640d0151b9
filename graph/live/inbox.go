package live

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/omarty/chat/internal/omarty"
)

// Inbox is how a subscription goes on that merges many rooms' logs with what is its
// viewer's alone.
type Inbox struct {
	// Field is the response key of the subscription's field.
	Field   string
	Updates Updates
}

// Updates are what is told beside the entries of rooms, and which rooms there are.
type Updates interface {
	// Changed makes f be called when there is something for Next: from any goroutine,
	// and without waiting.
	Changed(f func())
	// Next gives what is told next; nothing where there is nothing by now. It is called
	// again when all that was sent, and is followed.
	Next(ctx context.Context) ([]Update, error)
	// Ended says that an entry was sent after which a room may not be followed.
	Ended(room omarty.ID)
	// Close is called once, when nothing else is any more.
	Close()
}

// Update is what is told, and then done.
type Update struct {
	// Response is what is sent; nil for nothing.
	Response *graphql.Response
	// Follow is the room that is followed from then on; nil for none. Its Field and its
	// Gone are not needed.
	Follow *Following
}

// Merge makes a subscription, whose channel the resolver closes, go on as an inbox. It
// is for resolvers, before they give their channel; false where the transport does not
// know how.
func Merge(ctx context.Context, in Inbox) bool {
	s, ok := ctx.Value(sourceKey{}).(*source)
	if ok {
		s.inbox = &in
	}
	return ok
}

// inbox is a subscription that follows many rooms: a follower of each, and a goroutine
// that lives while there are updates. What it sends goes the way of every response, and
// a room is followed after that: so no entry overtakes what opens its room.
type inbox struct {
	Inbox
	views *views
	told  *atomic.Uint64  // of Server.counts
	turns turns           // of finding out what is told
	ctx   context.Context // of the updates, until the end
	stop  func()
	// Of the connection: follower makes a follower, send hands a response over, fail
	// ends the subscription with errors, present makes them of one, and translate gives
	// them in the language of who asks.
	follower  func(Following) *follower
	send      func(context.Context, []byte) error
	fail      func(gqlerror.List)
	present   func(error) gqlerror.List
	translate func(gqlerror.List) gqlerror.List

	mu        sync.Mutex
	followers []*follower
	over      bool
	work      sync.WaitGroup // of the goroutine, which does not begin once it is over
	// running says that there is a goroutine, and more that it is to look again.
	running, more bool
}

// newInbox gives an inbox that begins when begin is called.
func (s *Server) newInbox(ctx context.Context, of Inbox) *inbox {
	in := &inbox{Inbox: of, views: &s.views, told: &s.counts.executed, turns: s.beginnings}
	// It lives longer than the goroutine of its operation.
	in.ctx, in.stop = context.WithCancel(context.WithoutCancel(ctx))
	return in
}

// begin starts it; end follows, some time.
func (in *inbox) begin() {
	in.Updates.Changed(in.wake)
	in.wake()
}

// wake sees to it that updates are looked for. It waits for nobody.
func (in *inbox) wake() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.more = true
	if !in.running && !in.over {
		in.running = true
		in.work.Go(in.run)
	}
}

// run tells updates, as long as there are any.
func (in *inbox) run() {
	for in.again() {
		done := in.turns.take(in.ctx)
		updates, err := in.Updates.Next(in.ctx)
		done()
		if err != nil {
			if in.ctx.Err() == nil {
				in.fail(in.present(err))
			}
			continue
		}
		if len(updates) > 0 && in.tell(updates) {
			in.wake()
		}
	}
}

// again tells whether run is to go on; where not, it is the last to use the updates.
func (in *inbox) again() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.more && !in.over {
		in.more = false
		return true
	}
	in.running = false
	if in.over {
		in.Updates.Close()
	}
	return false
}

// tell sends updates, and follows what they say; false where nobody wants them.
func (in *inbox) tell(updates []Update) bool {
	wanted := true
	for _, u := range updates {
		if wanted && u.Response != nil {
			u.Response.Errors = in.translate(u.Response.Errors)
		}
		switch {
		case !wanted, u.Response == nil:
		case u.Response.Data == nil && len(u.Response.Errors) > 0:
			in.fail(u.Response.Errors)
			wanted = false
		default:
			wanted = in.send(in.ctx, Encode(u.Response)) == nil
			in.told.Add(1)
		}
		if u.Follow != nil {
			if wanted {
				in.follow(*u.Follow)
			}
			u.Follow.Release()
		}
	}
	return wanted
}

func (in *inbox) follow(following Following) {
	following.Field = in.Field
	f := in.follower(following)
	f.inbox = in
	f.position.Store(int64(following.After))
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.over {
		return
	}
	in.followers = append(in.followers, f)
	in.views.follow(f)
}

// ended is called where a follower has had its last entry.
func (in *inbox) ended(f *follower) {
	in.mu.Lock()
	i := slices.Index(in.followers, f)
	if i >= 0 {
		in.followers = slices.Delete(in.followers, i, i+1)
		f.over.Store(true)
	}
	in.mu.Unlock()
	if i >= 0 {
		in.views.unfollow(f)
		in.Updates.Ended(f.Room)
	}
}

// end ends the inbox: nothing is taken from its followers from then on. It waits for
// nobody, and only the first call counts.
func (in *inbox) end() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.over {
		return
	}
	in.over = true
	in.stop()
	for _, f := range in.followers {
		f.over.Store(true)
		in.views.unfollow(f)
	}
	in.followers = nil
	if !in.running {
		in.Updates.Close()
	}
}
