package live

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// turns let a few at a time begin, in the order in which they came, and everything
// else goes before them: when thousands come back at once, those who stayed do not wait
// behind them.
type turns struct {
	free chan struct{} // a place for each that may have its turn
}

const (
	// maxTurns is how many have their turn at once.
	maxTurns = 4
	// turnTime is how long one keeps others waiting: who takes longer does not compute
	// but waits, for a database that hangs say, and needs no turn for that.
	turnTime = 20 * time.Millisecond
)

func newTurns() turns { return turns{make(chan struct{}, maxTurns)} }

// take waits for a turn, or until ctx ends. The caller calls done when it is over.
func (t turns) take(ctx context.Context) (done func()) {
	select {
	case t.free <- struct{}{}:
	case <-ctx.Done():
		return func() {}
	}
	pass := sync.OnceFunc(func() { <-t.free })
	late := time.AfterFunc(turnTime, pass)
	// What is ready to run runs first: who is handed a turn would go before it.
	runtime.Gosched()
	return func() {
		late.Stop()
		pass()
	}
}
