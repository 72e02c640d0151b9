package graph

import (
	"context"
	"errors"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vikstrous/dataloadgen"

	"github.com/omarty/chat/internal/omarty"
)

// loadWait is how long a reading waits for others of its kind to be made with it.
const loadWait = 500 * time.Microsecond

// loaders read things by id for one response, many at once and each once. They
// have no rules: what they are asked for is named by what the asker sees already.
type loaders struct {
	rooms        *dataloadgen.Loader[omarty.ID, omarty.Room]
	messages     *dataloadgen.Loader[omarty.ID, omarty.Message]
	newest       *dataloadgen.Loader[omarty.ID, omarty.Message]
	users        *dataloadgen.Loader[omarty.ID, omarty.User]
	buildings    *dataloadgen.Loader[omarty.ID, omarty.Building]
	apartments   *dataloadgen.Loader[omarty.ID, omarty.Apartment]
	apartmentsOf *dataloadgen.Loader[omarty.ID, []omarty.Apartment]
}

type loadersKey struct{}

// withLoaders gives each response its own loaders: a subscription lives for days,
// and what was read for one event is old at the next. A view brings its own.
func withLoaders(verbs Verbs) graphql.ResponseMiddleware {
	return func(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
		if ctx.Value(loadersKey{}) != nil {
			return next(ctx)
		}
		return next(context.WithValue(ctx, loadersKey{}, newLoaders(verbs)))
	}
}

func newLoaders(verbs Verbs) *loaders {
	return &loaders{
		rooms:    newLoader(verbs.RoomsByID),
		messages: newLoader(verbs.MessagesByID),
		newest: newLoader(func(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Message, error) {
			return verbs.MessagesFor(ctx, asker(ctx), ids)
		}),
		users: newLoader(verbs.Users),
		buildings: newLoader(func(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Building, error) {
			return verbs.Buildings(ctx, asker(ctx), ids)
		}),
		apartments:   newLoader(verbs.Apartments),
		apartmentsOf: newLoader(verbs.ApartmentsOf),
	}
}

func newLoader[T any](read func(context.Context, []omarty.ID) (map[omarty.ID]T, error)) *dataloadgen.Loader[omarty.ID, T] {
	return dataloadgen.NewMappedLoader(read, dataloadgen.WithWait(loadWait))
}

func load(ctx context.Context) *loaders { return ctx.Value(loadersKey{}).(*loaders) }

// byID gives the thing that an id names; null where the id is zero or there is
// no such thing.
func byID[T any](ctx context.Context, l *dataloadgen.Loader[omarty.ID, T], id omarty.ID) (*T, error) {
	if id.IsZero() {
		return nil, nil
	}
	found, err := l.Load(ctx, id)
	if errors.Is(err, dataloadgen.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		l.Clear(id) // so that it can be asked for again
		return nil, err
	}
	return &found, nil
}
