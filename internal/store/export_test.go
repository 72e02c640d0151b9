package store

import (
	"context"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/internal/omarty"
)

// AroundCommits puts a function around the commits of posts; it is called before any.
func (s *Store) AroundCommits(around func(commit func() error) error) {
	s.engine = hookedEngine{s.engine, around}
}

type hookedEngine struct {
	engine
	around func(commit func() error) error
}

func (e hookedEngine) beginPosts(ctx context.Context, batch []*post, wait bool) (postTx, []standing, error) {
	tx, found, err := e.engine.beginPosts(ctx, batch, wait)
	return hookedTx{tx, e.around}, found, err
}

type hookedTx struct {
	postTx
	around func(commit func() error) error
}

func (tx hookedTx) commit(ctx context.Context, posted []*post, moved []*head) error {
	return tx.around(func() error { return tx.postTx.commit(ctx, posted, moved) })
}

// Waiting is how many posts are in no batch.
func (s *Store) Waiting() int {
	all := s.posting
	all.mu.Lock()
	defer all.mu.Unlock()
	n := len(all.shared.waiting)
	for _, w := range all.patient {
		n += len(w.waiting)
	}
	return n
}

// PostBatch posts drafts as one batch, whatever else waits.
func (s *Store) PostBatch(ctx context.Context, drafts []omarty.Draft, admit func(omarty.Standing) error) error {
	batch := make([]*post, len(drafts))
	for i, d := range drafts {
		batch[i] = &post{Draft: d, fingerprint: d.Fingerprint(), words: draftWords(d), admit: admit, ctx: ctx, answered: make(chan struct{})}
	}
	s.writePosts(ctx, batch, false)
	for _, p := range batch {
		if p.err != nil {
			return p.err
		}
	}
	return nil
}

// ReadSlowly reads what takes half a minute and more, and WriteSlowly does so in a
// transaction.
func (s *Store) ReadSlowly(ctx context.Context) error {
	_, err := read(ctx, s, func(ctx context.Context, db *generated.Client) (int, error) {
		rows, err := db.QueryContext(ctx, s.slow())
		return 0, takeAll(rows, err, countRows)
	})
	return err
}

func (s *Store) WriteSlowly(ctx context.Context) error {
	return s.Write(ctx, func(ctx context.Context, tx *Tx) error {
		rows, err := tx.tx.QueryContext(ctx, s.slow())
		return takeAll(rows, err, countRows)
	})
}

func (s *Store) slow() string {
	if _, ok := s.engine.(*postgresEngine); ok {
		return "SELECT pg_sleep(30)"
	}
	return "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10000000000) SELECT count(*) FROM c"
}

func countRows(rows result) error {
	for rows.Next() { // there is one
	}
	return nil
}

// Setting gives a setting of PostgreSQL as a connection of the pool has it.
func (s *Store) Setting(ctx context.Context, name string) (value string, err error) {
	err = s.engine.(*postgresEngine).pool.QueryRow(ctx, "SELECT current_setting($1)", name).Scan(&value)
	return value, err
}

// Shown is what the database shows of a setting.
func (e *Examiner) Shown(ctx context.Context, setting string) (value string, err error) {
	err = e.db.QueryRowContext(ctx, "SHOW "+setting).Scan(&value)
	return value, err
}
