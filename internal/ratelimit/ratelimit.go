// Package ratelimit counts how often something is done, in token buckets that
// this node keeps in memory.
//
// The buckets are our own: a token that is given back must be there again, to the
// last one and whatever was refused meanwhile, and golang.org/x/time/rate cannot
// promise that of a reservation that is cancelled.
package ratelimit

import (
	"math"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/omarty/chat/internal/omarty"
)

// maxBuckets bounds the memory: some 20 MB. Beyond it the bucket that was not
// used for longest is forgotten, which is most likely a full one.
const maxBuckets = 100_000

type name struct{ rate, key string }

// bucket is how many tokens there were at a moment.
type bucket struct {
	tokens float64
	at     time.Time
}

// Limiter holds the buckets, and who is there. It is safe for concurrent use.
type Limiter struct {
	mu      sync.Mutex
	buckets *lru.LRU[name, *bucket]
	// inside are as many as are there: what nobody is in has no entry.
	inside map[name]int
}

// New gives a Limiter whose buckets are full.
func New() *Limiter {
	buckets, err := lru.NewLRU[name, *bucket](maxBuckets, nil)
	if err != nil {
		panic(err) // only a size below one fails
	}
	return &Limiter{buckets: buckets, inside: map[name]int{}}
}

// Take takes a token of key's bucket. Where there is none it takes nothing and
// tells how long it will be until there is one; else wait is 0, and giveBack puts
// the token back, once, for what turns out not to count.
func (l *Limiter) Take(r omarty.Rate, key string, now time.Time) (giveBack func(), wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(r, key, now)
	if b.tokens < 1 {
		// Never 0, which would mean that there was one.
		return nil, time.Duration(math.Ceil((1 - b.tokens) * float64(r.Every)))
	}
	b.tokens--
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		b.tokens = min(b.tokens+1, float64(r.Burst))
	}), 0
}

// Spend takes so many tokens of key's bucket at once, up to its burst. Where there are
// fewer it takes nothing and tells how long it will be until there are enough; else wait
// is 0.
func (l *Limiter) Spend(r omarty.Rate, key string, tokens int, now time.Time) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, n := l.bucket(r, key, now), float64(min(tokens, r.Burst))
	if b.tokens < n {
		return max(1, time.Duration(math.Ceil((n-b.tokens)*float64(r.Every))))
	}
	b.tokens -= n
	return 0
}

// bucket gives key's bucket with what it has earned until now.
func (l *Limiter) bucket(r omarty.Rate, key string, now time.Time) *bucket {
	b, ok := l.buckets.Get(name{r.Name, key})
	if !ok {
		b = &bucket{tokens: float64(r.Burst), at: now}
		l.buckets.Add(name{r.Name, key}, b)
	}
	if earned := now.Sub(b.at); earned > 0 {
		b.tokens = min(b.tokens+float64(earned)/float64(r.Every), float64(r.Burst))
		b.at = now
	}
	return b
}

// Enter counts one more of key's crowd in, and leave counts it out, once; false where as
// many are there as may be.
func (l *Limiter) Enter(c omarty.Crowd, key string) (leave func(), ok bool) {
	n := name{c.Name, key}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inside[n] >= c.Most {
		return nil, false
	}
	l.inside[n]++
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.inside[n]--; l.inside[n] == 0 {
			delete(l.inside, n)
		}
	}), true
}

// Off is a limiter that lets everything pass.
type Off struct{}

// Take never makes anybody wait.
func (Off) Take(omarty.Rate, string, time.Time) (giveBack func(), wait time.Duration) {
	return func() {}, 0
}

// Enter lets everybody in.
func (Off) Enter(omarty.Crowd, string) (leave func(), ok bool) { return func() {}, true }

// Spend never makes anybody wait.
func (Off) Spend(omarty.Rate, string, int, time.Time) (wait time.Duration) { return 0 }
