package graph

import (
	"context"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/omarty/chat/internal/omarty"
)

// looking are verbs of who looks which sessions have ended, and cannot at first.
type looking struct {
	Verbs
	looks *int
}

func (l looking) KnowSessions(context.Context) error {
	if *l.looks++; *l.looks == 1 {
		return omarty.Errorf(omarty.CodeUnavailable, "The service cannot answer now.")
	}
	return nil
}

// What a subscription tells is told after a look at the sessions, also where it took one
// reading: the database may have been silent under it for long.
func TestUpdatesKnowSessions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		kind         ast.Operation
		object       string
		reads, looks int
	}{
		{"of an update", ast.Subscription, "RoomEvent", 2, 2},
		{"a subscription's own", ast.Subscription, "Subscription", 1, 0},
		{"of a query", ast.Query, "Room", 1, 0},
	} {
		reads, looks := 0, 0
		a := &API{verbs: looking{looks: &looks}}
		ctx := graphql.WithOperationContext(t.Context(), &graphql.OperationContext{Operation: &ast.OperationDefinition{Operation: c.kind}})
		ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: c.object})
		v, err := a.patiently(ctx, func(context.Context) (any, error) { reads++; return reads, nil })
		if err != nil || v != c.reads || looks != c.looks {
			t.Errorf("%s: read %v times, looked %d times, %v; want %d and %d", c.name, v, looks, err, c.reads, c.looks)
		}
	}
}
