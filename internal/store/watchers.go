package store

import (
	"context"
	"database/sql/driver"

	"github.com/jackc/pgx/v5"
)

// Option is a choice that Open is given.
type Option func(*watchers)

// watchers see what goes to the database.
type watchers struct {
	sqlite   func(driver.Driver) driver.Driver
	postgres pgx.QueryTracer
	join     Join
}

// Watched lets others see all that goes to the database: by a driver about SQLite's
// own, and by a tracer of PostgreSQL's connections.
func Watched(sqlite func(driver.Driver) driver.Driver, postgres pgx.QueryTracer) Option {
	return func(w *watchers) { w.sqlite, w.postgres = sqlite, postgres }
}

// Join gives the context of a transaction that posts share, from theirs; end is called when
// it is over.
type Join func(ctx context.Context, posts []context.Context) (joined context.Context, end func())

// Joined lets who follows what happens see which posts share a transaction.
func Joined(join Join) Option {
	return func(w *watchers) { w.join = join }
}
