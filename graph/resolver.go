package graph

import (
	"context"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

// resolver is the root of the resolvers: it gives those of each type.
type resolver struct {
	verbs  Verbs
	views  *views
	schema *ast.Schema
}

// The resolvers of the types that have any, in files by topic.
type (
	queries       struct{ *resolver }
	mutations     struct{ *resolver }
	subscriptions struct{ *resolver }
	viewers       struct{ *resolver }
	users         struct{ *resolver }
)

func (r *resolver) Query() generated.QueryResolver               { return queries{r} }
func (r *resolver) Mutation() generated.MutationResolver         { return mutations{r} }
func (r *resolver) Subscription() generated.SubscriptionResolver { return subscriptions{r} }
func (r *resolver) Viewer() generated.ViewerResolver             { return viewers{r} }
func (r *resolver) User() generated.UserResolver                 { return users{r} }

// asker is who asks.
func asker(ctx context.Context) service.Asker { return service.AskerOf(ctx) }

// orNull gives a reading that found nothing as null, which is how what one may
// not see reads.
func orNull[T any](found T, err error) (*T, error) {
	if omarty.CodeOf(err) == omarty.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &found, nil
}
