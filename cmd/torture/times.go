package main

import (
	"slices"
	"sync"
	"time"
)

// times are how long things took: a sample of them.
type times struct {
	mu   sync.Mutex
	n    int
	kept []time.Duration
}

const maxKept = 1 << 16

// add notes one; of very many every nth.
func (t *times) add(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n++; len(t.kept) < maxKept {
		t.kept = append(t.kept, d)
	} else if t.n%16 == 0 {
		t.kept[t.n/16%maxKept] = d
	}
}

// at gives the time below which a share of them were; 0 where there are none.
func (t *times) at(share float64) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.kept) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t.kept))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}
