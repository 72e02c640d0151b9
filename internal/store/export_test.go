package store

import (
	"context"

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
