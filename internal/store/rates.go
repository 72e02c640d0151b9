package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated/ratebucket"
	"github.com/omarty/chat/internal/omarty"
)

// Token buckets that nodes share. Of each there is when it will be full: every token that
// is taken moves that later, one that is given back moves it back, and there is one to take
// while that is not further off than the time in which all but one are earned.

const (
	takeToken = `INSERT INTO rate_buckets (id, key, full_at) VALUES ($1, $2, $3)
		ON CONFLICT (key) DO UPDATE SET full_at =
			CASE WHEN rate_buckets.full_at > $4 THEN rate_buckets.full_at ELSE $4 END + $5
		WHERE rate_buckets.full_at <= $6 RETURNING full_at`
	giveBackToken = `UPDATE rate_buckets SET full_at = full_at - $1 WHERE key = $2`

	// sweptAtOnce is how many full buckets are removed in a transaction.
	sweptAtOnce = 1000
)

// errNoToken says that a transaction takes nothing.
var errNoToken = errors.New("there is no token")

// TakeTokens takes a token of each of the buckets, or none: then waits tells how long it is
// until there is one in each of them, 0 where there is one; it is nil where all were
// taken.
func (s *Store) TakeTokens(ctx context.Context, now time.Time, buckets ...omarty.Bucket) (waits []time.Duration, err error) {
	// In an order that all keep, so that nobody waits for who waits for them.
	order := make([]int, len(buckets))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return bytes.Compare(buckets[i].Mark, buckets[j].Mark) })
	waits = make([]time.Duration, len(buckets))
	err = s.writeLightly(ctx, func(ctx context.Context, tx *sql.Tx) error {
		refused := false
		for _, i := range order {
			if waits[i], err = takeOne(ctx, tx, now, buckets[i]); err != nil {
				return err
			}
			refused = refused || waits[i] > 0
		}
		if refused {
			return errNoToken
		}
		return nil
	})
	switch {
	case err == nil:
		return nil, nil
	case errors.Is(err, errNoToken):
		return waits, nil
	}
	return nil, err
}

// takeOne takes a token, or tells how long it is until there is one.
func takeOne(ctx context.Context, tx *sql.Tx, now time.Time, b omarty.Bucket) (wait time.Duration, err error) {
	at, every := now.UnixMicro(), b.Every.Microseconds()
	latest := at + int64(b.Burst-1)*every
	var fullAt int64
	err = tx.QueryRowContext(ctx, takeToken, uuid.Must(uuid.NewV7()), b.Mark, at+every, at, every, latest).Scan(&fullAt)
	if !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, "SELECT full_at FROM rate_buckets WHERE key = $1", b.Mark).Scan(&fullAt)
	return time.Duration(max(fullAt-latest, 1)) * time.Microsecond, err
}

// writeLightly is Write for what may be lost with the power, and tells no log.
func (s *Store) writeLightly(ctx context.Context, change func(context.Context, *sql.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := s.engine.present(); err != nil {
		return unavailable(err)
	}
	return s.translate(s.engine.lightly(ctx, change))
}

// GiveBackTokens puts back what TakeTokens took.
func (s *Store) GiveBackTokens(ctx context.Context, buckets ...omarty.Bucket) error {
	if len(buckets) == 0 {
		return nil
	}
	return s.writeLightly(ctx, func(ctx context.Context, tx *sql.Tx) error { return giveBack(ctx, tx, buckets) })
}

// GiveBackTokens puts back what TakeTokens took, with the transaction.
func (tx *Tx) GiveBackTokens(ctx context.Context, buckets ...omarty.Bucket) error {
	return giveBack(ctx, tx.tx, buckets)
}

func giveBack(ctx context.Context, tx execer, buckets []omarty.Bucket) error {
	inOrder := slices.SortedFunc(slices.Values(buckets), func(a, b omarty.Bucket) int { return bytes.Compare(a.Mark, b.Mark) })
	for _, b := range inOrder {
		if _, err := tx.ExecContext(ctx, giveBackToken, b.Every.Microseconds(), b.Mark); err != nil {
			return err
		}
	}
	return nil
}

// execer is a transaction of either kind.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// SweepTokens removes the buckets that are full.
func (s *Store) SweepTokens(ctx context.Context, now time.Time) error {
	for swept := sweptAtOnce; swept == sweptAtOnce; {
		err := s.Write(ctx, func(ctx context.Context, tx *Tx) error {
			full, err := tx.tx.RateBucket.Query().Where(ratebucket.FullAtLTE(now.UnixMicro())).Limit(sweptAtOnce).IDs(ctx)
			if err != nil || len(full) == 0 {
				swept = len(full)
				return err
			}
			// One that was taken from meanwhile stays.
			_, err = tx.tx.RateBucket.Delete().Where(ratebucket.IDIn(full...), ratebucket.FullAtLTE(now.UnixMicro())).Exec(ctx)
			swept = len(full)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
