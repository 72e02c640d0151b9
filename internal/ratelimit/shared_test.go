package ratelimit

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// buckets are those of a database that answers what it is told to.
type buckets struct {
	waits []time.Duration
	err   error
	asked int
}

func (b *buckets) TakeTokens(context.Context, time.Time, ...omarty.Bucket) ([]time.Duration, error) {
	b.asked++
	return b.waits, b.err
}

func (b *buckets) GiveBackTokens(context.Context, ...omarty.Bucket) error { return b.err }

func TestEmptyBucketsAreRemembered(t *testing.T) {
	t.Parallel()
	b := &buckets{}
	s := NewShared(b)
	one, other := omarty.Bucket{Rate: logIns, Mark: []byte("one")}, omarty.Bucket{Rate: logIns, Mark: []byte("other")}
	expectTake := func(after, wait time.Duration, asked int, of ...omarty.Bucket) {
		t.Helper()
		b.asked = 0
		taken, got, err := s.Take(t.Context(), start.Add(after), of...)
		if err != nil || got != wait || b.asked != asked || (len(taken) == len(of)) != (wait == 0) {
			t.Errorf("after %v: took %d, wait %v, asked %d times, %v; want wait %v, asked %d times", after, len(taken), got, b.asked, err, wait, asked)
		}
	}
	expectTake(0, 0, 1, one, other)
	b.waits = []time.Duration{0, 8 * time.Second}
	expectTake(0, 8*time.Second, 1, one, other)
	expectTake(time.Second, 7*time.Second, 0, other)
	expectTake(time.Second, 7*time.Second, 0, one, other)
	b.waits = nil
	expectTake(time.Second, 0, 1, one) // which was not the empty one
	// Another node may have given something back by now.
	b.waits = []time.Duration{3 * time.Second}
	expectTake(5*time.Second, 3*time.Second, 1, other)
	expectTake(7*time.Second, time.Second, 0, other)
	b.waits = nil
	expectTake(8*time.Second, 0, 1, other)
	b.waits = []time.Duration{8 * time.Second}
	expectTake(9*time.Second, 8*time.Second, 1, other)
	if err := s.GiveBack(t.Context(), other); err != nil {
		t.Error(err)
	}
	b.waits = nil
	expectTake(9*time.Second, 0, 1, other)

	b.err = errors.New("away")
	if _, _, err := s.Take(t.Context(), start, one); !errors.Is(err, b.err) {
		t.Errorf("with the database away: %v", err)
	}
}

func TestUnlimited(t *testing.T) {
	t.Parallel()
	for range 1_000 {
		taken, wait, err := Unlimited{}.Take(t.Context(), start, omarty.Bucket{Rate: logIns})
		if len(taken) > 0 || wait > 0 || err != nil {
			t.Fatal(taken, wait, err)
		}
	}
}
