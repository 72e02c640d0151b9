package store

import (
	"context"
	"os"
	"sync/atomic"
	"time"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/dataexport"
	"github.com/omarty/chat/ent/generated/outboxitem"
	"github.com/omarty/chat/internal/omarty"
)

// Stats are what a Store has counted since it was opened, and how it stands.
type Stats struct {
	// Engine is postgresql or sqlite.
	Engine string
	// Pools are the pools of connections, by what they are for.
	Pools map[string]PoolStats
	// Files are the sizes of an embedded database's files in bytes, by what they are.
	Files map[string]int64
	// Batches are the transactions that posted messages.
	Batches BatchStats
	// LeftOver counts posts that a batch left for the next, since others had locked their
	// room, and Patient how often a room got a writer of its own that waits for its lock.
	LeftOver, Patient uint64
}

// PoolStats are those of a pool of connections.
type PoolStats struct {
	Max, Acquired, Idle int64
	// Acquires counts connections that were handed out, Waits those that had to be waited
	// for, and WaitTime how long in all.
	Acquires, Waits uint64
	WaitTime        time.Duration
}

// BatchBounds are the upper bounds of the buckets of BatchStats.
var BatchBounds = [...]int{1, 2, 4, 8, 16, 32, maxBatch}

// BatchStats are a histogram of how many posts were committed together.
type BatchStats struct {
	// Within counts the batches within each of BatchBounds, and All all of them.
	Within [len(BatchBounds)]uint64
	All    uint64
	// Posts are those in them.
	Posts uint64
}

// counts is what becomes Stats.
type counts struct {
	within            [len(BatchBounds)]atomic.Uint64 // each in one
	posts             atomic.Uint64
	leftOver, patient atomic.Uint64
}

// batch counts posts that were committed together.
func (c *counts) batch(n int) {
	i := 0
	for i < len(BatchBounds)-1 && n > BatchBounds[i] {
		i++
	}
	c.within[i].Add(1)
	c.posts.Add(uint64(n)) //nolint:gosec // never negative
}

// Stats gives what was counted. Each number is of its own moment, and the database is not
// asked.
func (s *Store) Stats() Stats {
	c := &s.posting.counts
	stats := Stats{
		Pools: map[string]PoolStats{}, Files: map[string]int64{},
		Batches: BatchStats{Posts: c.posts.Load()}, LeftOver: c.leftOver.Load(), Patient: c.patient.Load(),
	}
	for i := range c.within {
		stats.Batches.All += c.within[i].Load()
		stats.Batches.Within[i] = stats.Batches.All
	}
	s.engine.stand(&stats)
	return stats
}

// stand is for Stats.
func (e *postgresEngine) stand(s *Stats) {
	p := e.pool.Stat()
	s.Engine = "postgresql"
	s.Pools["postgresql"] = PoolStats{
		Max: int64(p.MaxConns()), Acquired: int64(p.AcquiredConns()), Idle: int64(p.IdleConns()),
		Acquires: uint64(p.AcquireCount()), Waits: uint64(p.EmptyAcquireCount()), //nolint:gosec // never negative
		WaitTime: p.EmptyAcquireWaitTime(),
	}
}

// stand is for Stats.
func (e *sqliteEngine) stand(s *Stats) {
	s.Engine = "sqlite"
	reads, writes := e.reader.Stats(), e.writer.Stats()
	s.Pools["readers"] = PoolStats{
		Max: int64(reads.MaxOpenConnections), Acquired: int64(reads.InUse), Idle: int64(reads.Idle),
		Waits: uint64(reads.WaitCount), WaitTime: reads.WaitDuration, //nolint:gosec // never negative
	}
	s.Pools["writer"] = PoolStats{
		Max: int64(writes.MaxOpenConnections), Acquired: int64(writes.InUse), Idle: int64(writes.Idle),
		Waits: uint64(writes.WaitCount), WaitTime: writes.WaitDuration, //nolint:gosec // never negative
	}
	for name, path := range map[string]string{"database": e.path, "log": e.path + "-wal"} {
		if file, err := os.Stat(path); err == nil {
			s.Files[name] = file.Size()
		}
	}
}

// Backlogs gives what waits to be done outside of the database, and how many exports are
// to be made.
func (s *Store) Backlogs(ctx context.Context, now time.Time) (omarty.Backlogs, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Backlogs, error) {
		found := omarty.Backlogs{Tasks: map[omarty.TaskKind]omarty.Backlog{}}
		for _, kind := range omarty.TaskKinds {
			waiting := db.OutboxItem.Query().Where(outboxitem.Kind(string(kind)), outboxitem.ExpiresAtGT(now))
			n, err := waiting.Clone().Count(ctx)
			if err != nil {
				return found, err
			}
			of := omarty.Backlog{Waiting: n}
			if n > 0 {
				oldest, err := waiting.Order(outboxitem.ByCreatedAt()).First(ctx)
				if err != nil && !generated.IsNotFound(err) {
					return found, err
				}
				if oldest != nil {
					of.Oldest = oldest.CreatedAt.UTC()
				}
			}
			found.Tasks[kind] = of
		}
		var err error
		found.Exports, err = db.DataExport.Query().
			Where(dataexport.FinishedAtIsNil(), dataexport.FailedAtIsNil(), dataexport.ExpiresAtGT(now)).Count(ctx)
		return found, err
	})
}

// About says which database it is.
type About struct {
	// Engine is postgresql or sqlite, and Version what it says of itself.
	Engine, Version string
	// Step is the newest step of the schema that was applied.
	Step int64
}

// About asks the database which it is.
func (s *Store) About(ctx context.Context) (About, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	about, err := s.engine.about(ctx)
	return about, s.translate(err)
}

// newestStep is the newest step that was applied, in a statement of both engines.
const newestStep = "(SELECT max(version_id) FROM schema_migrations WHERE is_applied)"

func (e *postgresEngine) about(ctx context.Context) (About, error) {
	a := About{Engine: "postgresql"}
	err := e.pool.QueryRow(ctx, "SELECT current_setting('server_version'), "+newestStep).Scan(&a.Version, &a.Step)
	return a, err
}

func (e *sqliteEngine) about(ctx context.Context) (About, error) {
	a := About{Engine: "sqlite"}
	err := e.reader.QueryRowContext(ctx, "SELECT sqlite_version(), "+newestStep).Scan(&a.Version, &a.Step)
	return a, err
}
