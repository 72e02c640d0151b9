package store

import (
	"context"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/outboxitem"
	"github.com/omarty/chat/internal/omarty"
)

// AddTask stores something that is to be done outside.
func (tx *Tx) AddTask(ctx context.Context, t omarty.Task) error {
	return tx.tx.OutboxItem.Create().
		SetID(t.ID.Row).
		SetKind(string(t.Kind)).
		SetSealed(t.Sealed).
		SetCreatedAt(t.CreatedAt).
		SetDueAt(t.DueAt).
		SetExpiresAt(t.ExpiresAt).
		Exec(ctx)
}

// skipLocked, as one of a query's predicates, locks the rows for this transaction and
// leaves out those that others have locked.
func skipLocked(s *entsql.Selector) {
	if s.Dialect() == dialect.Postgres {
		s.ForUpdate(entsql.WithLockAction(entsql.SkipLocked))
	}
}

// TakeTasks gives tasks of a kind that are due, those that are due longest first, and puts
// each off until a moment, so that no other node takes it meanwhile. Those of no use are
// removed.
func (tx *Tx) TakeTasks(ctx context.Context, kind omarty.TaskKind, now, until time.Time, most int) ([]omarty.Task, error) {
	if _, err := tx.tx.OutboxItem.Delete().Where(outboxitem.ExpiresAtLTE(now)).Exec(ctx); err != nil {
		return nil, err
	}
	rows, err := tx.tx.OutboxItem.Query().Where(outboxitem.Kind(string(kind)), outboxitem.DueAtLTE(now), skipLocked).
		Order(outboxitem.ByDueAt()).Limit(most).All(ctx)
	if err != nil {
		return nil, err
	}
	tasks := make([]omarty.Task, len(rows))
	for i, row := range rows {
		tasks[i] = omarty.Task{
			ID: omarty.ID{Kind: omarty.KindTask, Row: row.ID}, Kind: omarty.TaskKind(row.Kind), Sealed: row.Sealed,
			Attempts: row.Attempts, CreatedAt: row.CreatedAt.UTC(), DueAt: row.DueAt.UTC(), ExpiresAt: row.ExpiresAt.UTC(),
		}
		if err := tx.tx.OutboxItem.UpdateOneID(row.ID).SetDueAt(until).AddAttempts(1).Exec(ctx); err != nil {
			return nil, err
		}
	}
	return tasks, nil
}

// TasksDue tells whether tasks of a kind are due.
func (s *Store) TasksDue(ctx context.Context, kind omarty.TaskKind, now time.Time) (bool, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (bool, error) {
		return db.OutboxItem.Query().Where(outboxitem.Kind(string(kind)), outboxitem.DueAtLTE(now)).Exist(ctx)
	})
}

// PutOffTask has a task tried again at a moment.
func (tx *Tx) PutOffTask(ctx context.Context, id omarty.ID, until time.Time) error {
	return tx.tx.OutboxItem.Update().Where(outboxitem.ID(id.Row)).SetDueAt(until).Exec(ctx)
}

// RemoveTask removes a task that was done, or is of no use.
func (tx *Tx) RemoveTask(ctx context.Context, id omarty.ID) error {
	_, err := tx.tx.OutboxItem.Delete().Where(outboxitem.ID(id.Row)).Exec(ctx)
	return err
}
