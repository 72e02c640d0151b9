package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
)

// server is one that nodes connect to by a gate, as pgx does.
type server struct {
	*gate
	away        atomic.Bool
	tries, most atomic.Int32
	inside      atomic.Int32
}

func (s *server) connect(ctx context.Context) error {
	if err := s.enter(ctx, nil); err != nil {
		return err
	}
	s.tries.Add(1)
	if n := s.inside.Add(1); n > s.most.Load() {
		s.most.Store(n)
	}
	time.Sleep(10 * time.Millisecond)
	s.inside.Add(-1)
	var err error
	if s.away.Load() {
		err = errAway
	}
	s.TraceConnectEnd(ctx, pgx.TraceConnectEndData{Err: err})
	return err
}

var errAway = errors.New("away")

// crowd is how many connect at once: the pools of fifty nodes, or one very busy.
const crowd = 1000

// all connects many at once, and tells of how many it failed.
func (s *server) all(t *testing.T) (failed int32) {
	t.Helper()
	var n atomic.Int32
	var everybody sync.WaitGroup
	for range crowd {
		everybody.Go(func() {
			if s.connect(t.Context()) != nil {
				n.Add(1)
			}
		})
	}
	everybody.Wait()
	return n.Load()
}

// A server that is away is asked by one at a time, and now and then; one that comes back
// is met by few at once; and nobody waits long for what they are told.
func TestFewConnectAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{gate: newGate()}
		s.away.Store(true)
		begun := time.Now()
		for time.Since(begun) < 10*time.Second {
			at := time.Now()
			if failed := s.all(t); failed != crowd {
				t.Fatalf("%d could not connect", failed)
			}
			if took := time.Since(at); took > time.Second {
				t.Fatalf("they are told after %v", took)
			}
		}
		if n := s.tries.Load(); n < 10 || n > 60 {
			t.Errorf("in 10 s it was asked %d times", n)
		}
		s.away.Store(false)
		at := time.Now()
		if failed := s.all(t); failed != 0 {
			t.Errorf("with the server back, %d could not connect", failed)
		}
		if took, least := time.Since(at), crowd/connectsAtOnce*10*time.Millisecond; took > least+time.Second {
			t.Errorf("it took them %v, want %v", took, least)
		}
		if n := s.most.Load(); n != connectsAtOnce {
			t.Errorf("%d connected at once, want %d", n, connectsAtOnce)
		}
		// That it is back somebody else may have found out.
		s.away.Store(true)
		if s.connect(t.Context()) == nil {
			t.Error("it is there")
		}
		s.away.Store(false)
		s.connected(nil)
		at = time.Now()
		if err := s.connect(t.Context()); err != nil || time.Since(at) > 10*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(at))
		}
	})
}

// Who waits for others to connect is gone when the pool is closed.
func TestNobodyWaitsAtTheGateOfAClosedPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{gate: newGate()}
		s.connected(errAway)
		s.until = time.Now().Add(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				if err := s.connect(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			})
		}
		both.Wait()
	})
}
