package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/omarty/chat/internal/service"
)

// eachMutation gives each field of a mutation its own loaders: they run one after
// the other, and what one of them has read the next one may change.
//
// A log-in also gets an asker of its own, so that it can answer as the person who
// logged in and make nobody else of who asks for the fields after it.
func eachMutation(verbs Verbs) graphql.RootFieldMiddleware {
	return func(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
		if graphql.GetOperationContext(ctx).Operation.Operation == ast.Mutation {
			ctx = withNewLoaders(ctx, verbs)
			if graphql.GetRootFieldContext(ctx).Field.Name == "logIn" {
				ctx = service.WithAsker(ctx, asker(ctx))
			}
		}
		return next(ctx)
	}
}
