//go:build bench

package graph

import (
	"context"
	"net/http"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/graph/live"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

// Stock serves the API's resolvers by gqlgen's own transports with their usual
// settings, and nothing of ours around them: what a benchmark compares the API with.
// Subscriptions do not share views, since the transport knows none.
func Stock(verbs Verbs) http.Handler {
	resolvers := &resolver{verbs: verbs}
	schema := generated.NewExecutableSchema(generated.Config{Resolvers: resolvers})
	resolvers.schema = schema.Schema()
	server := handler.New(schema)
	authenticated := func(ctx context.Context, token string) (context.Context, error) {
		by, err := verbs.Authenticate(ctx, omarty.Token(token))
		return service.WithAsker(ctx, by), err
	}
	server.AddTransport(transport.Websocket{
		InitFunc: func(ctx context.Context, payload transport.InitPayload) (context.Context, *transport.InitPayload, error) {
			ctx, err := authenticated(ctx, payload.GetString("token"))
			return ctx, nil, err
		},
	})
	server.AddTransport(transport.POST{})
	server.SetQueryCache(lru.New[*ast.QueryDocument](1000))
	server.Use(extension.Introspection{})
	server.Use(extension.AutomaticPersistedQuery{Cache: lru.New[string](100)})
	// Without these no resolver of ours works.
	server.AroundResponses(withLoaders(verbs))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := service.WithPeer(r.Context(), r.RemoteAddr)
		if token := live.Bearer(r); token != "" {
			var err error
			if ctx, err = authenticated(ctx, token); err != nil {
				http.Error(w, "nobody has the token", http.StatusUnauthorized)
				return
			}
		}
		server.ServeHTTP(w, r.WithContext(ctx))
	})
}
