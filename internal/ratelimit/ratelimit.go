// Package ratelimit counts how often something is done, in token buckets that
// this node keeps in memory.
package ratelimit

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"github.com/omarty/chat/internal/omarty"
)

// maxBuckets bounds the memory: some 20 MB. Beyond it the bucket that was not
// used for longest is forgotten, which is most likely a full one.
const maxBuckets = 100_000

type bucket struct{ rate, key string }

// Limiter holds the buckets. It is safe for concurrent use.
type Limiter struct {
	mu      sync.Mutex
	buckets *lru.LRU[bucket, *rate.Limiter]
}

// New gives a Limiter whose buckets are full.
func New() *Limiter {
	buckets, err := lru.NewLRU[bucket, *rate.Limiter](maxBuckets, nil)
	if err != nil {
		panic(err) // only a size below one fails
	}
	return &Limiter{buckets: buckets}
}

// Take takes a token of key's bucket. Where there is none it takes nothing and
// tells how long it will be until there is one; else wait is 0, and giveBack puts
// the token back, for what turns out not to count.
func (l *Limiter) Take(r omarty.Rate, key string, now time.Time) (giveBack func(), wait time.Duration) {
	b := l.bucket(r, key)
	reservation := b.ReserveN(now, 1)
	if wait := reservation.DelayFrom(now); wait > 0 {
		reservation.CancelAt(now)
		return nil, wait
	}
	return func() { reservation.CancelAt(now) }, 0
}

func (l *Limiter) bucket(r omarty.Rate, key string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := bucket{r.Name, key}
	b, ok := l.buckets.Get(name)
	if !ok {
		b = rate.NewLimiter(rate.Every(r.Every), r.Burst)
		l.buckets.Add(name, b)
	}
	return b
}

// Off is a limiter that lets everything pass.
type Off struct{}

// Take never makes anybody wait.
func (Off) Take(omarty.Rate, string, time.Time) (giveBack func(), wait time.Duration) {
	return func() {}, 0
}
