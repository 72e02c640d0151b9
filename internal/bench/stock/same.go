//go:build bench

package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/omarty/chat/graph"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/password"
	"github.com/omarty/chat/internal/ratelimit"
	"github.com/omarty/chat/internal/realtime"
	"github.com/omarty/chat/internal/secret"
	"github.com/omarty/chat/internal/service"
	"github.com/omarty/chat/internal/store"
)

func init() { same = sameResolvers }

// sameResolvers serves the product's resolvers, verbs and store by gqlgen's own
// transports.
func sameResolvers(ctx context.Context, database string) (http.Handler, error) {
	db, err := store.Open(ctx, database, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return nil, err
	}
	key, err := db.Secret(ctx, "installation")
	if err != nil {
		return nil, err
	}
	keeper, err := secret.New(key)
	if err != nil {
		return nil, err
	}
	listened := &realtime.Logs{}
	db.OnCommit(func(_ context.Context, entries []omarty.Entry) { listened.Publish(entries) })
	return graph.Stock(service.New(service.Parts{
		Store:  db,
		Post:   db.Post,
		Logs:   logs{listened},
		People: people{&realtime.People{}},
		Write: func(ctx context.Context, change func(context.Context, service.Tx) error) error {
			return db.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return change(ctx, tx) })
		},
		Passwords: password.NewHasher(),
		Limiter:   ratelimit.Off{},
		Rates:     ratelimit.Unlimited{},
		Budgets:   ratelimit.Off{},
		Secrets:   keeper,
		Region:    "EG",
		Now:       time.Now,
	})), nil
}

// logs are the logs of rooms as the verbs see them.
type logs struct{ *realtime.Logs }

// Listen is for the verbs.
func (l logs) Listen(room omarty.ID, heard func([]omarty.Entry)) service.LogListener {
	return l.Logs.Listen(room, heard)
}

// people are those who listen to what is theirs, as the verbs see them.
type people struct{ *realtime.People }

// Listen is for the verbs.
func (p people) Listen(of omarty.ID, heard func(omarty.Change)) service.Ear {
	return p.People.Listen(of, heard)
}
