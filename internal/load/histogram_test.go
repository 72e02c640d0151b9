package load

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestHistogramIsExactToItsWord(t *testing.T) {
	t.Parallel()
	for d := time.Microsecond; d < time.Hour; d = d * 21 / 20 {
		if got := middleOf(bucketOf(d)); math.Abs(float64(got-d)) > float64(d)/64+1024 {
			t.Errorf("%v is kept as %v", d, got)
		}
	}
}

func TestHistogramQuantiles(t *testing.T) {
	t.Parallel()
	var h Histogram
	all := make([]time.Duration, 100_000)
	for i := range all {
		all[i] = time.Duration(math.Exp(rand.Float64()*12) * 1000)
		h.Add(all[i])
	}
	slices.Sort(all)
	for _, q := range []float64{0, 0.5, 0.95, 0.99, 0.999} {
		want, got := all[int(q*float64(len(all)))], h.Quantile(q)
		if math.Abs(float64(got-want)) > float64(want)/50+1024 {
			t.Errorf("the quantile %v is %v, not %v", q, got, want)
		}
	}
	if h.Count() != uint64(len(all)) || h.Max() != all[len(all)-1] || h.Quantile(1) != h.Max() {
		t.Errorf("%d durations up to %v; %d, %v, %v", len(all), all[len(all)-1], h.Count(), h.Max(), h.Quantile(1))
	}
}
