package store_test

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/testkit"
)

// What a post reads does not grow with what was said before it in its room, by its
// author or by others. That is so before PostgreSQL knows of its tables how large they
// have become, and after. Keys are such that nearly all that were used are behind each
// that is looked for, as half of them are of those that are made by chance.
func TestWhatAPostReads(t *testing.T) {
	const (
		some, more = 640, 4480 // messages, each a number of batches
		batch      = 64
		grown      = 12 // blocks of a message more: its indexes may have become a level higher
	)
	db := testkit.Postgres(t)
	c := newCrowd(t, open(t, db), 2, 1)
	must(t, c.Close())
	admin := db.Open(t)
	posted := 0
	var answered omarty.ID
	// post posts messages, and tells how many blocks were read for each, and how many rows
	// for each batch by going through a table.
	post := func(messages int) (blocks, rows int) {
		t.Helper()
		before := reads(t, admin)
		c.Store = open(t, db)
		for range messages / batch {
			drafts := make([]omarty.Draft, batch)
			for i := range drafts {
				posted++
				drafts[i] = c.draft(posted%2, 0, fmt.Sprint(1_000_000-posted))
			}
			drafts[1].ReplyTo, answered = answered, drafts[0].ID
			must(t, c.PostBatch(t.Context(), drafts, admit))
		}
		must(t, c.Close()) // so that its connections tell what they read
		var after read
		waitFor(t, func() bool { after = reads(t, admin); return after.messages == posted })
		return (after.blocks - before.blocks) / messages, (after.rows - before.rows) * batch / messages
	}
	first, _ := post(some)
	check := func(when string) {
		t.Helper()
		post(more)
		blocks, rows := post(some)
		t.Logf("%s: %d blocks a message, %d when it began; %d rows a batch", when, blocks, first, rows)
		if blocks > first+grown {
			t.Errorf("%s: %d blocks are read for a message, and %d were when the room was new", when, blocks, first)
		}
		if rows > 0 {
			t.Errorf("%s: each batch goes through tables with %d rows", when, rows)
		}
	}
	check("unknown")
	_, err := admin.ExecContext(t.Context(), "ANALYZE")
	must(t, err)
	check("analyzed")
}

// read is what PostgreSQL has read since its database was made: blocks of tables and
// indexes, rows by going through a table; and messages that were written.
type read struct{ blocks, rows, messages int }

func reads(t *testing.T, db *sql.DB) (r read) {
	t.Helper()
	must(t, db.QueryRowContext(t.Context(), `
		SELECT sum(heap_blks_hit + heap_blks_read + coalesce(idx_blks_hit + idx_blks_read, 0)), sum(seq_tup_read), sum(n_tup_ins) FILTER (WHERE relname = 'messages')
		FROM pg_stat_user_tables JOIN pg_statio_user_tables USING (relid, relname)`).Scan(&r.blocks, &r.rows, &r.messages))
	return r
}
