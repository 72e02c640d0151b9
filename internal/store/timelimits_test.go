package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/store"
	"github.com/omarty/chat/internal/testkit"
)

// Whoever asks has gone, or their time is up: the database stops what it does for them,
// and others go on.
func TestTimeLimitsReachTheDatabase(t *testing.T) {
	// Without the limit it would be that of the store, five seconds.
	const limit, most = 200 * time.Millisecond, 4500 * time.Millisecond
	testkit.EachEngine(t, func(t *testing.T, on testkit.Database) {
		db := open(t, on)
		for name, slow := range map[string]func(context.Context) error{"a reading": db.ReadSlowly, "a transaction": db.WriteSlowly} {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			start := time.Now()
			err := slow(ctx)
			cancel()
			if took := time.Since(start); omarty.CodeOf(err) != omarty.CodeUnavailable || took > most {
				t.Errorf("%s: %v after %v", name, err, took)
			}
			// SQLite has one connection that writes: it is free again.
			start = time.Now()
			if err := db.Write(t.Context(), nothing); err != nil || time.Since(start) > most {
				t.Errorf("%s: who writes next: %v after %v", name, err, time.Since(start))
			}
		}
		if on.Engine != "postgres" {
			return
		}
		beside := on.Open(t)
		running := -1
		for deadline := time.Now().Add(9 * time.Second); running != 0 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			err := beside.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_stat_activity
				WHERE datname = current_database() AND state = 'active' AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()`).Scan(&running)
			if err != nil {
				t.Fatal(err)
			}
		}
		if running != 0 {
			t.Errorf("%d statements of who has gone still run", running)
		}
	})
}

// Where a context's end does not arrive, PostgreSQL ends things by itself.
func TestPostgresHasTimeLimitsOfItsOwn(t *testing.T) {
	db := openAt(t, testkit.Postgres(t).URL)
	for name, want := range map[string]string{
		"statement_timeout": "10s", "lock_timeout": "7500ms", "idle_in_transaction_session_timeout": "3s",
	} {
		// The connection that migrated has them again, too.
		for range 3 {
			if got, err := db.Setting(t.Context(), name); err != nil || got != want {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
	}
}

func nothing(context.Context, *store.Tx) error { return nil }
