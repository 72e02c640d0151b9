package graph

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/graph/live"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

func (s subscriptions) MessagePosted(ctx context.Context, room omarty.ID, after *int, logID *omarty.ID) (<-chan *omarty.Event, error) {
	if feed := feedOf(ctx); feed != nil {
		return feed, nil // a view renders what it is fed
	}
	return watchRoom(ctx, s.resolver, room, service.Position{After: after, Log: logID}, told[*omarty.Event]{
		wants: func(e omarty.Event) bool { return e.Kind == omarty.EventMessagePosted },
		event: func(e *omarty.Event) *omarty.Event { return e },
	})
}

func (s subscriptions) RoomEvents(ctx context.Context, room omarty.ID, after *int, logID *omarty.ID) (<-chan generated.RoomUpdate, error) {
	return watchRoom(ctx, s.resolver, room, service.Position{After: after, Log: logID}, told[generated.RoomUpdate]{
		wants:    func(omarty.Event) bool { return true },
		event:    func(e *omarty.Event) generated.RoomUpdate { return e },
		caughtUp: func(position int) generated.RoomUpdate { return &omarty.CaughtUp{Position: &position} },
	})
}

// told is what a subscription tells of a room's log.
type told[T any] struct {
	// wants tells of which entries.
	wants func(omarty.Event) bool
	event func(*omarty.Event) T
	// caughtUp says that all that was missed was told; nil for nothing.
	caughtUp func(position int) T
}

// watchRoom makes a subscription of a room's log. Where it asks what others may ask,
// it goes on as a follower of a view that they share.
func watchRoom[T any](ctx context.Context, r *resolver, room omarty.ID, from service.Position, t told[T]) (<-chan T, error) {
	watch, err := r.verbs.WatchRoom(ctx, asker(ctx), room, from)
	if err != nil {
		return nil, err
	}
	if updates, ok := share(ctx, r, watch, t); ok {
		return updates, nil
	}
	live.Begin(ctx, watch.Position())
	updates := make(chan T)
	go tell(ctx, watch, t, updates)
	return updates, nil
}

// share lets a subscription follow a view; false where it depends on who asks.
func share[T any](ctx context.Context, r *resolver, watch *service.RoomWatch, t told[T]) (<-chan T, bool) {
	field, op := graphql.GetFieldContext(ctx).Field, graphql.GetOperationContext(ctx)
	s := sharer{schema: r.schema, fragments: op.Doc.Fragments, variables: op.Variables}
	text, err := s.shared("RoomEvent", field.Selections)
	if err != nil {
		return nil, false
	}
	following := live.Following{
		Room: watch.Room().ID, Selection: selection{r.views, text}, Field: field.Alias,
		After: watch.Position(), Began: watch.Began(),
		Wants: t.wants, Reader: watch.Reader(), Gone: service.Gone, Release: watch.Close,
	}
	if !live.Follow(ctx, following) {
		return nil, false
	}
	updates := make(chan T, 1)
	if t.caughtUp != nil {
		updates <- t.caughtUp(watch.Began())
	}
	close(updates)
	return updates, true
}

// tell gives a subscription its updates. The executor takes one at a time, and the
// log is read no faster: who takes nothing costs no more than a position.
func tell[T any](ctx context.Context, watch *service.RoomWatch, t told[T], updates chan<- T) {
	defer close(updates)
	defer watch.Close()
	give := func(update T, position int) {
		live.At(ctx, position)
		select {
		case updates <- update:
		case <-ctx.Done():
		}
	}
	for {
		entries, err := watch.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			live.Fail(ctx, faultOf(err))
			return
		case len(entries) == 0 && t.caughtUp != nil:
			give(t.caughtUp(watch.Position()), watch.Position())
		}
		for i := range entries {
			if t.wants(entries[i]) {
				give(t.event(&entries[i]), entries[i].Seq)
			}
		}
	}
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

// patiently reads again and again, below an update of a subscription, what the database
// cannot answer now: it is told once, so what is missing from it is lost. Sessions that
// ended meanwhile are known then, also where one reading took long.
func (a *API) patiently(ctx context.Context, next graphql.Resolver) (any, error) {
	if !belowAnUpdate(ctx) {
		return next(ctx)
	}
	for {
		v, err := next(ctx)
		if err == nil {
			err = a.verbs.KnowSessions(ctx)
		}
		if omarty.CodeOf(err) != omarty.CodeUnavailable {
			return v, err
		}
		select {
		case <-time.After(entryRetry/2 + rand.N(entryRetry)): //nolint:gosec // so that not all do at once
		case <-ctx.Done():
			return v, err
		}
	}
}

// belowAnUpdate tells whether a field is of something that a subscription tells, and
// not the subscription's own, by which it begins.
func belowAnUpdate(ctx context.Context) bool {
	return graphql.GetOperationContext(ctx).Operation.Operation == ast.Subscription &&
		graphql.GetFieldContext(ctx).Object != "Subscription"
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

func (roomEvents) Emoji(_ context.Context, of *omarty.Event) (*string, error) {
	if of.Emoji == "" {
		return nil, nil
	}
	emoji := of.Emoji.String()
	return &emoji, nil
}
