package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/store"
	"github.com/omarty/chat/internal/testkit"
)

// bucket is of three in a row, and one more each ten seconds.
func bucket(key string) omarty.Bucket {
	return omarty.Bucket{Rate: omarty.Rate{Name: "try", Burst: 3, Every: 10 * time.Second}, Mark: []byte(key)}
}

// expectWait takes a token of a bucket at a time after the moment, and demands how long it
// has to be waited for.
func expectWait(t *testing.T, s *store.Store, key string, after, want time.Duration) {
	t.Helper()
	waits, err := s.TakeTokens(t.Context(), moment.Add(after), bucket(key))
	must(t, err)
	if want == 0 && waits != nil || want > 0 && (len(waits) != 1 || waits[0] != want) {
		t.Errorf("after %v: waits %v, want %v", after, waits, want)
	}
}

func TestTokens(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		for range 3 {
			expectWait(t, s, "a", 0, 0)
		}
		expectWait(t, s, "a", 0, 10*time.Second)
		expectWait(t, s, "b", 0, 0)
		expectWait(t, s, "a", 4*time.Second, 6*time.Second) // a refusal takes nothing
		expectWait(t, s, "a", 10*time.Second, 0)
		expectWait(t, s, "a", 10*time.Second, 10*time.Second)
		expectWait(t, s, "a", 25*time.Second, 0)
		expectWait(t, s, "a", 25*time.Second, 5*time.Second)
		must(t, s.GiveBackTokens(t.Context(), bucket("a")))
		expectWait(t, s, "a", 25*time.Second, 0)
		// It fills to its burst and no further.
		for range 3 {
			expectWait(t, s, "a", 24*time.Hour, 0)
		}
		expectWait(t, s, "a", 24*time.Hour, 10*time.Second)
		// A clock that is behind another node's earns nothing.
		expectWait(t, s, "a", 23*time.Hour, time.Hour+10*time.Second)
	})
}

func TestTokensOfSeveralBucketsAreTakenTogetherOrNot(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		for range 3 {
			expectWait(t, s, "empty", 0, 0)
		}
		for range 10 {
			for _, both := range [][]omarty.Bucket{{bucket("full"), bucket("empty")}, {bucket("empty"), bucket("full")}} {
				waits, err := s.TakeTokens(t.Context(), moment, both...)
				must(t, err)
				if len(waits) != 2 || waits[0]+waits[1] != 10*time.Second || string(both[0].Mark) == "empty" != (waits[0] > 0) {
					t.Errorf("waits %v", waits)
				}
			}
		}
		for range 3 {
			expectWait(t, s, "full", 0, 0)
		}
	})
}

func TestFullBucketsAreRemoved(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db testkit.Database) {
		s, raw := open(t, db), db.Open(t)
		for i := range 7 {
			expectWait(t, s, fmt.Sprint(i), 0, 0)
		}
		for range 2 {
			expectWait(t, s, "6", 0, 0)
		}
		must(t, s.SweepTokens(t.Context(), moment.Add(10*time.Second)))
		var left int
		must(t, raw.QueryRowContext(t.Context(), `SELECT count(*) FROM rate_buckets`).Scan(&left))
		if left != 1 {
			t.Errorf("%d buckets are left, want the one that is not full", left)
		}
		must(t, s.GiveBackTokens(t.Context(), bucket("0"))) // it is full all the same
		for range 3 {
			expectWait(t, s, "0", 10*time.Second, 0)
		}
		expectWait(t, s, "0", 10*time.Second, 10*time.Second)
		expectWait(t, s, "6", 10*time.Second, 0)
		expectWait(t, s, "6", 10*time.Second, 10*time.Second)
	})
}

// Nodes that take at once take no more than there are, and wait for nobody for long.
func TestTokensAreTakenOnceByAllNodes(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db testkit.Database) {
		nodes := []*store.Store{open(t, db), open(t, db)}
		var taken atomic.Int64
		var taking sync.WaitGroup
		for i := range 16 {
			taking.Go(func() {
				for try := range 5 {
					buckets := []omarty.Bucket{bucket("place"), bucket("login")}
					if (i+try)%2 == 1 {
						buckets[0], buckets[1] = buckets[1], buckets[0]
					}
					waits, err := nodes[i%2].TakeTokens(t.Context(), moment, buckets...)
					if err != nil {
						t.Error(err)
					} else if waits == nil {
						taken.Add(1)
					}
				}
			})
		}
		taking.Wait()
		if taken.Load() != 3 {
			t.Errorf("%d were taken, want 3", taken.Load())
		}
	})
}
