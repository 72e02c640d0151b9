package ratelimit

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// logIns is three in a row, and one more each ten seconds.
var logIns = omarty.Rate{Name: "logIn", Burst: 3, Every: 10 * time.Second}

var start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// expect takes a token at a time after the start, and checks how long to wait.
func expect(t *testing.T, l *Limiter, r omarty.Rate, key string, after, want time.Duration) (giveBack func()) {
	t.Helper()
	giveBack, got := l.Take(r, key, start.Add(after))
	// The bucket counts in floating point.
	if difference := got - want; difference < -time.Microsecond || difference > time.Microsecond {
		t.Errorf("after %v: wait %v, want %v", after, got, want)
	}
	if (giveBack == nil) != (got > 0) {
		t.Errorf("after %v: wait %v, and something to give back: %v", after, got, giveBack != nil)
	}
	return giveBack
}

func TestBurstThenOneEach(t *testing.T) {
	t.Parallel()
	l := New()
	for range 3 {
		expect(t, l, logIns, "a", 0, 0)
	}
	expect(t, l, logIns, "a", 0, 10*time.Second)
	expect(t, l, logIns, "a", 4*time.Second, 6*time.Second)
	expect(t, l, logIns, "a", 10*time.Second, 0)
	expect(t, l, logIns, "a", 10*time.Second, 10*time.Second)
	expect(t, l, logIns, "a", 25*time.Second, 0)
	expect(t, l, logIns, "a", 25*time.Second, 5*time.Second)
}

func TestBucketFillsToItsBurstAndNoFurther(t *testing.T) {
	t.Parallel()
	l := New()
	for range 3 {
		expect(t, l, logIns, "a", 0, 0)
	}
	for range 3 {
		expect(t, l, logIns, "a", 24*time.Hour, 0)
	}
	expect(t, l, logIns, "a", 24*time.Hour, 10*time.Second)
}

// Who is refused may try as often as they like: the wait is the same.
func TestRefusalTakesNothing(t *testing.T) {
	t.Parallel()
	l := New()
	for range 3 {
		expect(t, l, logIns, "a", 0, 0)
	}
	for range 1_000 {
		expect(t, l, logIns, "a", time.Second, 9*time.Second)
	}
	expect(t, l, logIns, "a", 10*time.Second, 0)
}

// Who tries again and again has a token when it is due: a sum of many small
// fractions is no less than one.
func TestRefusalsWhileItFillsTakeNothing(t *testing.T) {
	t.Parallel()
	for _, every := range []time.Duration{7 * time.Second, 10 * time.Second, 15 * time.Second, time.Minute} {
		for _, pause := range []time.Duration{time.Second, 100 * time.Millisecond, 7 * time.Millisecond, every / 3} {
			l := New()
			rate := omarty.Rate{Name: "logIn", Burst: 1, Every: every}
			expect(t, l, rate, "a", 0, 0)
			for after := pause; after < every-time.Microsecond; after += pause {
				expect(t, l, rate, "a", after, every-after)
			}
			expect(t, l, rate, "a", every, 0)
		}
	}
}

func TestRefusalsAtOnceTakeNothing(t *testing.T) {
	t.Parallel()
	l := New()
	for range 3 {
		expect(t, l, logIns, "a", 0, 0)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 60_000 {
				if _, wait := l.Take(logIns, "a", start); wait == 0 {
					t.Error("more than the burst was granted")
				}
			}
		})
	}
	all.Wait()
	expect(t, l, logIns, "a", 0, 10*time.Second)
}

func TestKeysAndRatesHaveTheirOwnBuckets(t *testing.T) {
	t.Parallel()
	l := New()
	registrations := omarty.Rate{Name: "register", Burst: 1, Every: time.Second}
	for range 3 {
		expect(t, l, logIns, "a", 0, 0)
	}
	expect(t, l, logIns, "a", 0, 10*time.Second)
	expect(t, l, logIns, "b", 0, 0)
	expect(t, l, registrations, "a", 0, 0)
	expect(t, l, registrations, "a", 0, time.Second)
	expect(t, l, registrations, "", 0, 0)
	expect(t, l, logIns, "", 0, 0)
}

func TestWhatIsGivenBackMayBeTakenAgain(t *testing.T) {
	t.Parallel()
	l := New()
	for range 100 {
		expect(t, l, logIns, "a", 0, 0)()
	}
	for range 3 {
		expect(t, l, logIns, "a", 0, 0)
	}
	expect(t, l, logIns, "a", 0, 10*time.Second)
}

func TestGivingBackFillsNoFurtherThanTheBurst(t *testing.T) {
	t.Parallel()
	l := New()
	giveBack := expect(t, l, logIns, "a", 0, 0)
	for range 3 {
		expect(t, l, logIns, "b", 0, 0)()
	}
	giveBack() // after which the bucket is full
	for _, key := range []string{"a", "b"} {
		for range 3 {
			expect(t, l, logIns, key, time.Hour, 0)
		}
		expect(t, l, logIns, key, time.Hour, 10*time.Second)
	}
}

// A token comes back though others were taken meanwhile: hashing a password takes
// its time, and a database may take more.
func TestGivingBackAfterOthersTook(t *testing.T) {
	t.Parallel()
	for _, held := range []time.Duration{10 * time.Second, 15 * time.Second, 25 * time.Second} {
		t.Run(held.String(), func(t *testing.T) {
			t.Parallel()
			l := New()
			for range 2 {
				expect(t, l, logIns, "a", 0, 0)
			}
			first := expect(t, l, logIns, "a", 0, 0)
			second := expect(t, l, logIns, "a", held, 0)
			first()
			second()
			// Two were kept, and since then the bucket filled.
			left := 1 + int(held/logIns.Every)
			for range left {
				expect(t, l, logIns, "a", held, 0)
			}
			if _, wait := l.Take(logIns, "a", start.Add(held)); wait == 0 {
				t.Error("more came back than was taken")
			}
		})
	}
}

// Those who succeed are never refused, however many there are at a time, as long as
// they are fewer than the burst.
func TestSuccessesNeverAddUp(t *testing.T) {
	t.Parallel()
	l := New()
	rate := omarty.Rate{Name: "logIn by place", Burst: 40, Every: 15 * time.Second}
	const atOnce = 10
	var giveBack []func()
	for i := range 1_000 {
		// One more each 20 ms; each takes 200 ms.
		back, wait := l.Take(rate, "a", start.Add(time.Duration(i)*20*time.Millisecond))
		if wait > 0 {
			t.Fatalf("number %d is to wait for %v, though nobody failed", i, wait)
		}
		giveBack = append(giveBack, back)
		if len(giveBack) == atOnce {
			giveBack[0]()
			giveBack = giveBack[1:]
		}
	}
}

func TestConcurrencyNeverGrantsMoreThanTheBurst(t *testing.T) {
	t.Parallel()
	l := New()
	rate := omarty.Rate{Name: "register", Burst: 220, Every: time.Hour}
	var granted [3]atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 3_000 {
				if _, wait := l.Take(rate, fmt.Sprint(i%3), start); wait == 0 {
					granted[i%3].Add(1)
				}
			}
		})
	}
	all.Wait()
	for key := range granted {
		if got := granted[key].Load(); got != 220 {
			t.Errorf("key %d was granted %d times, and not 220", key, got)
		}
	}
}

// At no time are more out than the burst, whatever is taken and given back at once.
func TestConcurrencyWithGivingBack(t *testing.T) {
	t.Parallel()
	l := New()
	rate := omarty.Rate{Name: "logIn", Burst: 5, Every: 24 * time.Hour}
	var out atomic.Int64
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(2, uint64(worker)))
			for range 2_000 {
				giveBack, wait := l.Take(rate, "a", start)
				if wait > 0 {
					continue
				}
				if n := out.Add(1); n > 5 {
					t.Errorf("%d are out at once", n)
				}
				for range random.IntN(50) {
					_ = random.Uint64()
				}
				out.Add(-1)
				giveBack()
			}
		})
	}
	all.Wait()
	for range 5 {
		expect(t, l, rate, "a", 0, 0)
	}
	expect(t, l, rate, "a", 0, 24*time.Hour)
}

// The memory is bounded: of very many keys, those used last keep their buckets.
func TestForgetsWhatWasNotUsedForLongest(t *testing.T) {
	t.Parallel()
	l := New()
	once := omarty.Rate{Name: "once", Burst: 1, Every: time.Hour}
	expect(t, l, once, "forgotten", 0, 0)
	for i := range maxBuckets - 1 {
		l.Take(once, fmt.Sprint(i), start)
	}
	expect(t, l, once, "0", 0, time.Hour)
	expect(t, l, once, "one more", 0, 0)
	if n := l.buckets.Len(); n != maxBuckets {
		t.Errorf("%d buckets", n)
	}
	expect(t, l, once, "0", 0, time.Hour)
	expect(t, l, once, "forgotten", 0, 0)
}

func TestOffRefusesNobody(t *testing.T) {
	t.Parallel()
	for range 1_000 {
		giveBack, wait := Off{}.Take(logIns, "a", start)
		if wait != 0 {
			t.Fatal("somebody is to wait")
		}
		giveBack()
	}
}
