package graph

import (
	"context"
	"errors"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vikstrous/dataloadgen"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

// loadWait is how long a reading waits for others of its kind to be made with it.
const loadWait = 500 * time.Microsecond

// loaders read things by id for one operation, many at once and each once. They
// have no rules: what they are asked for is named by what the asker sees already.
type loaders struct {
	users        *dataloadgen.Loader[omarty.ID, omarty.User]
	buildings    *dataloadgen.Loader[omarty.ID, omarty.Building]
	apartments   *dataloadgen.Loader[omarty.ID, omarty.Apartment]
	apartmentsOf *dataloadgen.Loader[omarty.ID, []omarty.Apartment]
}

type loadersKey struct{}

// withLoaders gives each operation its own loaders.
func withLoaders(verbs Verbs) graphql.OperationMiddleware {
	return func(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
		return next(context.WithValue(ctx, loadersKey{}, newLoaders(verbs)))
	}
}

func newLoaders(verbs Verbs) *loaders {
	return &loaders{
		users: newLoader(verbs.Users),
		buildings: newLoader(func(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Building, error) {
			return verbs.Buildings(ctx, service.AskerOf(ctx), ids)
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
		return nil, err
	}
	return &found, nil
}
