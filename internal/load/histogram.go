package load

import (
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	// subBits says how exact a Histogram is: a value is off by 1/64 at the most.
	subBits = 6
	// unit is the smallest difference that it tells, as a power of two of nanoseconds.
	unit    = 10
	buckets = (64 - unit - subBits) << subBits
)

// Histogram counts durations, each to within 1.6 %. It is safe for concurrent use.
type Histogram struct {
	counts [buckets]atomic.Uint32
	total  atomic.Uint64
	max    atomic.Int64
}

// Add counts a duration.
func (h *Histogram) Add(d time.Duration) {
	h.counts[bucketOf(d)].Add(1)
	h.total.Add(1)
	for {
		was := h.max.Load()
		if int64(d) <= was || h.max.CompareAndSwap(was, int64(d)) {
			return
		}
	}
}

// Count tells how many durations were counted.
func (h *Histogram) Count() uint64 { return h.total.Load() }

// Max gives the longest.
func (h *Histogram) Max() time.Duration { return time.Duration(h.max.Load()) }

// Quantile gives what a share q of the durations, from 0 to 1, did not exceed; 0
// where none was counted.
func (h *Histogram) Quantile(q float64) time.Duration {
	var total uint64
	for i := range h.counts {
		total += uint64(h.counts[i].Load())
	}
	rank := uint64(q * float64(total))
	var seen uint64
	for i := range h.counts {
		if seen += uint64(h.counts[i].Load()); seen > rank {
			return min(middleOf(i), h.Max())
		}
	}
	return h.Max()
}

// bucketOf gives the bucket of a duration: below 2^subBits units one for each, then
// 2^subBits for each power of two.
func bucketOf(d time.Duration) int {
	v := uint64(max(d, 0)) >> unit
	shift := max(bits.Len64(v)-subBits-1, 0)
	return min(shift<<subBits+int(v>>shift), buckets-1)
}

// middleOf gives the middle of a bucket's durations.
func middleOf(bucket int) time.Duration {
	shift := max(bucket>>subBits-1, 0)
	v := uint64(bucket - shift<<subBits)
	return time.Duration((2*v + 1) << (unit + shift) / 2)
}
