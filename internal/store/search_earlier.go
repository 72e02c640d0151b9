package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/message"
)

// What was said before there was a search has its numbers by the migration, and gets its
// words while the program serves: the newest first, some at a time, each of them once,
// whoever does it and however often they begin again.

const (
	// earlierAtOnce is how many messages are locked, and on SQLite everybody else's
	// writing held up, at once: for some milliseconds.
	earlierAtOnce = 100
	// earlierRetry is how long IndexEarlier waits for a database that does not answer, and
	// for messages that somebody else is about.
	earlierRetry = 2 * time.Second
)

// IndexEarlier writes what messages from before there was a search are found by, until
// there is none left, or ctx ends. Where the database cannot do it, it says so, and tries
// again.
func (s *Store) IndexEarlier(ctx context.Context, failed func(error)) {
	for ctx.Err() == nil {
		some, left, err := s.indexSome(ctx)
		switch {
		case ctx.Err() != nil, err == nil && !left:
			return
		case err != nil:
			failed(err)
		case some:
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(earlierRetry):
		}
	}
}

// indexSome is a step of IndexEarlier. It tells whether it was of some messages, and whether
// there may be more: where all that are left are others', these may not come to it.
func (s *Store) indexSome(ctx context.Context) (some, left bool, err error) {
	err = s.Write(ctx, func(ctx context.Context, tx *Tx) error {
		ids, err := tx.waiting(ctx, earlierAtOnce, true)
		if err != nil {
			return err
		}
		if some, left = len(ids) > 0, true; !some {
			ids, err = tx.waiting(ctx, 1, false)
			left = len(ids) > 0
			return err
		}
		rows, err := tx.tx.Message.Query().Where(message.IDIn(ids...)).All(ctx)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := tx.setWords(ctx, row); err != nil {
				return err
			}
		}
		return nil
	})
	return some, left, err
}

// waiting gives up to so many of the messages that have no words yet; where it is to lock
// them, but for those that somebody else is about.
func (tx *Tx) waiting(ctx context.Context, most int, lock bool) (ids []uuid.UUID, err error) {
	rows, err := tx.tx.QueryContext(ctx, tx.engine.waiting(lock), most)
	return ids, takeAll(rows, err, func(rows result) error {
		return eachRow(rows, func(id uuid.UUID) { ids = append(ids, id) })
	})
}

// setWords writes what a stored message is found by: nothing, where it is deleted.
func (tx *Tx) setWords(ctx context.Context, row *generated.Message) error {
	now, err := tx.words(ctx, row)
	if err != nil {
		return err
	}
	return tx.engine.setWords(ctx, tx.tx, row, now)
}
