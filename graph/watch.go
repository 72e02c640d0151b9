package graph

import (
	"context"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/graph/live"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

func (s subscriptions) MessagePosted(ctx context.Context, room omarty.ID, after *int, logID *omarty.ID) (<-chan *omarty.Event, error) {
	return watchRoom(ctx, s.verbs, room, service.Position{After: after, Log: logID},
		func(e *omarty.Event) (*omarty.Event, bool) { return e, e.Kind == omarty.EventMessagePosted },
		func(int) (*omarty.Event, bool) { return nil, false })
}

func (s subscriptions) RoomEvents(ctx context.Context, room omarty.ID, after *int, logID *omarty.ID) (<-chan generated.RoomUpdate, error) {
	return watchRoom(ctx, s.verbs, room, service.Position{After: after, Log: logID},
		func(e *omarty.Event) (generated.RoomUpdate, bool) { return e, true },
		func(position int) (generated.RoomUpdate, bool) { return &omarty.CaughtUp{Position: &position}, true })
}

// watchRoom makes a subscription of a room's log: event and caughtUp say what
// clients are given of an entry and of having caught up, and whether anything. The
// executor takes one at a time, and the log is read no faster: who takes nothing
// costs no more than a position.
func watchRoom[T any](
	ctx context.Context, verbs Verbs, room omarty.ID, from service.Position,
	event func(*omarty.Event) (T, bool), caughtUp func(position int) (T, bool),
) (<-chan T, error) {
	watch, err := verbs.WatchRoom(ctx, asker(ctx), room, from)
	if err != nil {
		return nil, err
	}
	listenTo(ctx, room)
	live.Begin(ctx, watch.Position())
	updates := make(chan T)
	give := func(update T, wanted bool, position int) {
		if wanted {
			live.At(ctx, position)
			select {
			case updates <- update:
			case <-ctx.Done():
			}
		}
	}
	go func() {
		defer close(updates)
		defer watch.Close()
		for {
			entries, err := watch.Next(ctx)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				live.Fail(ctx, faultOf(err))
				return
			case len(entries) == 0:
				update, wanted := caughtUp(watch.Position())
				give(update, wanted, watch.Position())
			}
			for i := range entries {
				update, wanted := event(&entries[i])
				give(update, wanted, entries[i].Seq)
			}
		}
	}()
	return updates, nil
}

// belowTheRoot gives what is below an update of a subscription the field of the
// subscription as its parent, so that paths of errors begin there.
func belowTheRoot(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	if !graphql.HasOperationContext(ctx) {
		return next(ctx) // it was refused before
	}
	op := graphql.GetOperationContext(ctx)
	if op.Operation == nil || op.Operation.Operation != ast.Subscription {
		return next(ctx)
	}
	root := graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Subscription"})
	if len(root) != 1 {
		return next(ctx)
	}
	return next(graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: "Subscription", Field: root[0]}))
}

// entryRetry is how long an entry waits before what hangs below it is read again.
const entryRetry = 500 * time.Millisecond

// patiently reads again and again, for who listens, what the database cannot answer
// now: an entry is told once, so what is missing from it is lost to them.
func patiently(ctx context.Context, next graphql.Resolver) (any, error) {
	for {
		v, err := next(ctx)
		if omarty.CodeOf(err) != omarty.CodeUnavailable || asker(ctx).Listens.IsZero() {
			return v, err
		}
		select {
		case <-time.After(entryRetry):
		case <-ctx.Done():
			return v, err
		}
	}
}

func (r *resolver) RoomEvent() generated.RoomEventResolver { return roomEvents{r} }

type roomEvents struct{ *resolver }

func (roomEvents) Room(ctx context.Context, of *omarty.Event) (*omarty.Room, error) {
	return byID(ctx, load(ctx).rooms, of.Room)
}

func (roomEvents) Actor(ctx context.Context, of *omarty.Event) (*omarty.User, error) {
	return byID(ctx, load(ctx).users, of.Actor)
}

func (roomEvents) Message(ctx context.Context, of *omarty.Event) (*omarty.Message, error) {
	return byID(ctx, load(ctx).messages, of.Message)
}

func (roomEvents) Member(ctx context.Context, of *omarty.Event) (*omarty.User, error) {
	return byID(ctx, load(ctx).users, of.Member)
}
