package store

import (
	"context"
	"database/sql"
	"io/fs"
	"log/slog"
	"time"

	"github.com/pressly/goose/v3"
)

// lockRetry is how often a process that waits for another's migration looks
// whether it is done.
const lockRetry = 50 * time.Millisecond

// migrate applies the steps that the database does not have yet, each in its own
// transaction, under the lock that the option brings.
func migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect, steps fs.FS, log *slog.Logger, lock goose.ProviderOption) error {
	p, err := goose.NewProvider(dialect, db, steps, lock,
		goose.WithDisableGlobalRegistry(true), goose.WithTableName("schema_migrations"))
	if err != nil {
		return err
	}
	applied, err := p.Up(ctx)
	for _, step := range applied {
		log.InfoContext(ctx, "migrated", "step", step.Source.Path, "took", step.Duration)
	}
	return err
}
