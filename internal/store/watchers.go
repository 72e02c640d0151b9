package store

import (
	"database/sql/driver"

	"github.com/jackc/pgx/v5"
)

// Option is a choice that Open is given.
type Option func(*watchers)

// watchers see what goes to the database.
type watchers struct {
	sqlite   func(driver.Driver) driver.Driver
	postgres pgx.QueryTracer
}

// Watched lets tests see all that goes to the database: by a driver about SQLite's
// own, and by a tracer of PostgreSQL's connections.
func Watched(sqlite func(driver.Driver) driver.Driver, postgres pgx.QueryTracer) Option {
	return func(w *watchers) { w.sqlite, w.postgres = sqlite, postgres }
}
