package live

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A few have their turn at once, and the others theirs in the order in which they came.
func TestTurnsAreTakenInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns()
		var over []func()
		for range maxTurns {
			over = append(over, turns.take(t.Context()))
		}
		var came []int
		for i := range 10 {
			go func() {
				done := turns.take(t.Context())
				came = append(came, i)
				done()
			}()
			synctest.Wait() // each waits before the next one comes
		}
		if len(came) > 0 {
			t.Fatalf("%v did not wait", came)
		}
		over[0]()
		synctest.Wait()
		if !slices.Equal(came, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
			t.Errorf("they came in the order %v", came)
		}
		over[0]() // twice is once
		for _, done := range over[1:] {
			done()
		}
		if len(turns.free) > 0 {
			t.Errorf("%d are never over", len(turns.free))
		}
	})
}

// Who waits for something meanwhile keeps nobody waiting for long, and who has gone
// waits no longer.
func TestTurnsPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns()
		var over []func()
		for range maxTurns {
			over = append(over, turns.take(t.Context()))
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		start := time.Now()
		turns.take(gone)()
		if waited := time.Since(start); waited > 0 {
			t.Errorf("who had gone waited %v", waited)
		}
		last := turns.take(t.Context())
		if waited := time.Since(start); waited != turnTime {
			t.Errorf("one waited %v for those that take long", waited)
		}
		for _, done := range append(over, last) {
			done()
		}
		if len(turns.free) > 0 {
			t.Errorf("%d are never over", len(turns.free))
		}
	})
}
