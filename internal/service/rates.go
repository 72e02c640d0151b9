package service

import (
	"context"
	"errors"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// rateSweep is how often the buckets that are full are removed.
const rateSweep = time.Minute

// Rates counts attempts in token buckets that all nodes share and that outlive them.
type Rates interface {
	// Take takes a token of each bucket, and gives what is to be given back for what turns
	// out not to count; or it takes none and tells how long to wait. UNAVAILABLE where the
	// database cannot tell.
	Take(ctx context.Context, now time.Time, buckets ...omarty.Bucket) (taken []omarty.Bucket, wait time.Duration, err error)
	GiveBack(ctx context.Context, taken ...omarty.Bucket) error
	// Forget is told of what a transaction has given back.
	Forget(taken ...omarty.Bucket)
}

// take counts an attempt on this node: RATE_LIMITED where there were too many.
func (s *Service) take(r omarty.Rate, key string) (giveBack func(), err error) {
	giveBack, wait := s.Limiter.Take(r, key, s.Now())
	if wait > 0 {
		return nil, tooMany(wait)
	}
	return giveBack, nil
}

// bucket gives that of a rate which belongs to a key. What the database has of it tells
// nobody whose it is.
func (s *Service) bucket(r omarty.Rate, key string) omarty.Bucket {
	return omarty.Bucket{Rate: r, Mark: s.Secrets.Mark("rate", r.Name, key)}
}

// takeOf counts an attempt in each of the buckets, on all nodes: RATE_LIMITED where there
// were too many in one of them.
func (s *Service) takeOf(ctx context.Context, buckets ...omarty.Bucket) (taken []omarty.Bucket, err error) {
	taken, wait, err := s.Rates.Take(ctx, s.Now(), buckets...)
	if err == nil && wait > 0 {
		err = tooMany(wait)
	}
	return taken, err
}

// count is takeOf one bucket. What cannot be given back is not: whoever is counted for
// nothing has others left.
func (s *Service) count(ctx context.Context, r omarty.Rate, key string) (giveBack func(), err error) {
	taken, err := s.takeOf(ctx, s.bucket(r, key))
	return func() { _ = s.Rates.GiveBack(context.WithoutCancel(ctx), taken...) }, err
}

func tooMany(wait time.Duration) error {
	e := omarty.Errorf(omarty.CodeRateLimited, "Too many attempts; wait before the next.")
	e.RetryAfter = wait
	return e
}

// isTooMany tells whether an error is one of tooMany.
func isTooMany(err error) bool {
	var known *omarty.Error
	return errors.As(err, &known) && known.Code == omarty.CodeRateLimited
}

// WatchRates removes the buckets that are full, until ctx ends. What keeps it from that
// goes to failed, and it tries again.
func (s *Service) WatchRates(ctx context.Context, failed func(error)) {
	every(ctx, rateSweep, func(ctx context.Context) error { return s.Store.SweepTokens(ctx, s.now()) }, failed)
}
