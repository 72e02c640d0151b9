package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// reachTime is how long nobody may be where PostgreSQL ought to be when the program
	// starts, as where both are started at the same time; and reachEvery how long it takes
	// from one try to the next.
	reachTime  = 5 * time.Second
	reachEvery = 100 * time.Millisecond
)

// notYet are the codes of a PostgreSQL that is there and lets nobody in at the moment: it
// starts, it stops, or all of its connections are taken.
var notYet = []string{"57P03", "57P01", "57P02", "53300"}

// reach waits until PostgreSQL lets the program in, within ctx where it says that it will.
func reach(ctx context.Context, ping func(context.Context) error, log *slog.Logger) error {
	began, told := time.Now(), false
	for {
		err := ping(ctx)
		if err == nil {
			return nil
		}
		var refused *pgconn.PgError
		said := errors.As(err, &refused)
		waits := time.Since(began) < reachTime
		if said {
			waits = slices.Contains(notYet, refused.Code)
		}
		if !waits || ctx.Err() != nil {
			return fmt.Errorf("reaching PostgreSQL: %w", err)
		}
		if !told {
			log.WarnContext(ctx, "PostgreSQL does not answer yet, and is tried again", "error", err)
			told = true
		}
		select {
		case <-ctx.Done():
		case <-time.After(reachEvery):
		}
	}
}
