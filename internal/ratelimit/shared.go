package ratelimit

import (
	"context"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/omarty/chat/internal/omarty"
)

const (
	// emptyFor is how long a bucket that was found to be empty is taken to be so at the
	// most: another node may have given something back.
	emptyFor = 5 * time.Second
	// maxEmpty is how many are known: some 15 MB.
	maxEmpty = 100_000
)

// Buckets keeps token buckets where all nodes have them. See package store.
type Buckets interface {
	// TakeTokens takes one of each, or none, and tells then how long to wait for each.
	TakeTokens(ctx context.Context, now time.Time, buckets ...omarty.Bucket) (waits []time.Duration, err error)
	GiveBackTokens(ctx context.Context, buckets ...omarty.Bucket) error
}

// Shared takes from buckets that nodes share. It remembers which are empty, so that who
// goes on trying costs the others nothing. It is safe for concurrent use.
type Shared struct {
	buckets Buckets

	mu    sync.Mutex
	empty *lru.LRU[string, empty]
}

// empty is when a bucket has a token again, as it was found at a moment.
type empty struct{ found, until time.Time }

// NewShared gives a Shared over the buckets.
func NewShared(buckets Buckets) *Shared {
	known, err := lru.NewLRU[string, empty](maxEmpty, nil)
	if err != nil {
		panic(err) // only a size below one fails
	}
	return &Shared{buckets: buckets, empty: known}
}

// Take takes a token of each bucket and gives what is to be given back for what turns
// out not to count; or it takes none, and wait tells how long it is until there is one in
// each.
func (s *Shared) Take(ctx context.Context, now time.Time, buckets ...omarty.Bucket) (taken []omarty.Bucket, wait time.Duration, err error) {
	if wait := s.known(now, buckets); wait > 0 {
		return nil, wait, nil
	}
	waits, err := s.buckets.TakeTokens(ctx, now, buckets...)
	if err != nil || waits == nil {
		return buckets, 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, w := range waits {
		if w > 0 {
			s.empty.Add(string(buckets[i].Mark), empty{now, now.Add(w)}) //nolint:gosec // as many waits as buckets
		}
	}
	return nil, slices.Max(waits), nil
}

// GiveBack puts back what was taken.
func (s *Shared) GiveBack(ctx context.Context, taken ...omarty.Bucket) error {
	err := s.buckets.GiveBackTokens(ctx, taken...)
	s.Forget(taken...)
	return err
}

// Forget is for buckets that others gave back to.
func (s *Shared) Forget(buckets ...omarty.Bucket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range buckets {
		s.empty.Remove(string(b.Mark))
	}
}

// known tells how long it is until none of the buckets is known to be empty.
func (s *Shared) known(now time.Time, buckets []omarty.Bucket) (wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range buckets {
		one, ok := s.empty.Get(string(b.Mark))
		if age := now.Sub(one.found); ok && age >= 0 && age < emptyFor {
			wait = max(wait, one.until.Sub(now))
		}
	}
	return wait
}

// Unlimited are buckets that never are empty.
type Unlimited struct{}

// Take takes nothing.
func (Unlimited) Take(context.Context, time.Time, ...omarty.Bucket) ([]omarty.Bucket, time.Duration, error) {
	return nil, 0, nil
}

// GiveBack has nothing to give back.
func (Unlimited) GiveBack(context.Context, ...omarty.Bucket) error { return nil }

// Forget has nothing to forget.
func (Unlimited) Forget(...omarty.Bucket) {}
