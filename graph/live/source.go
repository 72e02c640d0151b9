package live

import (
	"context"
	"maps"
	"sync/atomic"

	"github.com/vektah/gqlparser/v2/gqlerror"
)

// source is what the resolver of a subscription tells beside its events: where in
// a log they stand, and why there are no more. A client that is cut off for being
// slow is told where to go on.
type source struct {
	// coming are the positions of the events that the executor was given, and has not
	// made a response of: one at the most, and that of the next one.
	coming chan int64
	// taken is the position of the response that is handed over next; of the
	// goroutine that runs the operation.
	taken int64
	// stands is the position of what the client was sent last; negative where the
	// events have none.
	stands atomic.Int64
	// following says that the subscription goes on as a follower; nil where it does not.
	following *Following
	// inbox says that it goes on as a merge of many rooms; nil where it does not.
	inbox *Inbox
	// fate is why there are no more events; nil where they are complete.
	fate atomic.Pointer[error]
}

type sourceKey struct{}

// withSource gives a context in which an operation runs.
func withSource(ctx context.Context) (context.Context, *source) {
	s := &source{coming: make(chan int64, 2), taken: -1}
	s.stands.Store(-1)
	return context.WithValue(ctx, sourceKey{}, s), s
}

// sourceOf gives the source of the operation that ctx belongs to; one that nobody
// looks at where there is none.
func sourceOf(ctx context.Context) *source {
	if s, ok := ctx.Value(sourceKey{}).(*source); ok {
		return s
	}
	_, s := withSource(ctx)
	return s
}

// Begin says where in a log a subscription stands before its first event. It is for
// resolvers, before they give their channel.
func Begin(ctx context.Context, position int) { sourceOf(ctx).stands.Store(int64(position)) }

// At says where in a log the event stands that is given next. It is for resolvers,
// for each event before they give it, or for none.
func At(ctx context.Context, position int) {
	select {
	case sourceOf(ctx).coming <- int64(position):
	case <-ctx.Done():
	}
}

// Fail makes a subscription end with an error, rather than complete, when its
// source has given its last event. It is for resolvers, before they close their
// channel.
func Fail(ctx context.Context, err error) { sourceOf(ctx).fate.Store(&err) }

// take notes that there is a response of the next event.
func (s *source) take() {
	select {
	case s.taken = <-s.coming:
	default:
	}
}

// handOver notes that the response is sent.
func (s *source) handOver() {
	if s.taken >= 0 {
		s.stands.Store(s.taken)
	}
}

// standing gives an error with a position, which is negative for none.
func standing(err *gqlerror.Error, position int64) *gqlerror.Error {
	if position < 0 {
		return err
	}
	told := *err
	told.Extensions = maps.Clone(err.Extensions)
	told.Extensions["seq"] = position
	return &told
}
