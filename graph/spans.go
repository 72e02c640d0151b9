package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/omarty/chat/internal/omarty"
)

// spanned makes spans of what is executed: of each operation and of each resolver that may
// wait, by the names of the schema. What clients call their operations, and what they send, is
// in none. It is in nobody's way where there are no traces.
type spanned func(ctx context.Context, name string, root bool) (spanning context.Context, end func(code string))

// operation makes one of a query or a mutation, until it is answered; of a subscription, until
// it has begun.
func (s spanned) operation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	if feedOf(ctx) != nil {
		return next(ctx) // it renders for everybody
	}
	kind := graphql.GetOperationContext(ctx).Operation.Operation
	ctx, end := s(ctx, "GraphQL "+string(kind), true)
	responses := next(ctx)
	if kind == ast.Subscription {
		end("")
		return responses
	}
	return func(ctx context.Context) *graphql.Response {
		response := responses(ctx)
		if response == nil {
			end(string(omarty.CodeUnavailable))
		} else {
			end(codeOf(response.Errors))
		}
		return response
	}
}

// field makes one of a resolver.
func (s spanned) field(ctx context.Context, next graphql.Resolver) (any, error) {
	fc := graphql.GetFieldContext(ctx)
	if !fc.IsMethod || !fc.IsResolver {
		return next(ctx)
	}
	ctx, end := s(ctx, fc.Object+"."+fc.Field.Name, false)
	given, err := next(ctx)
	end(string(omarty.CodeOf(err)))
	return given, err
}

// codeOf gives the code of the first of errors; "" for none.
func codeOf(errs gqlerror.List) string {
	if len(errs) == 0 {
		return ""
	}
	code, _ := errs[0].Extensions["code"].(string)
	return code
}
