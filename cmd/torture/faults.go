package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// moment is what can set off a fault.
type moment int32

const (
	anyTime moment = iota
	// anAnswer is the moment when a writer is told that its message is there.
	anAnswer
	// anEntry is the moment when a listener is told of an entry.
	anEntry
)

// faults kill what serves, and bring it back, on and on.
type faults struct {
	program  *program
	database *database // nil with SQLite
	random   *rand.Rand
	history  *history
	counts   *counts

	armed  atomic.Int32
	strike func()
	struck chan struct{}
}

// saw sets off the fault that waits for this moment, if one does: at once, before
// whoever saw it goes on.
func (f *faults) saw(m moment) {
	if f.armed.CompareAndSwap(int32(m), int32(anyTime)) {
		f.strike()
		close(f.struck)
	}
}

// run makes faults until quiet is closed or ctx ends. What it ended is back then.
func (f *faults) run(ctx context.Context, quiet <-chan struct{}) error {
	for {
		select {
		case <-quiet:
			return nil
		case <-ctx.Done():
			return nil
		case <-time.After(f.peace()):
		}
		if err := f.one(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// peace is how long all stays up: mostly a second or so, but longer than a start
// takes on a machine that is busy.
func (f *faults) peace() time.Duration {
	return time.Duration(200+f.random.IntN(1600))*time.Millisecond + f.program.took
}

// one makes one fault.
func (f *faults) one(ctx context.Context) error {
	if f.database != nil {
		switch n := f.random.IntN(10); {
		case n < 4:
			return f.loseDatabase(ctx, false)
		case n < 5:
			return f.loseDatabase(ctx, true)
		}
	}
	switch f.random.IntN(6) {
	case 0:
		return f.restart(ctx)
	case 1:
		return f.crash(ctx, true)
	}
	return f.crash(ctx, false)
}

// crash kills the server and starts it again; perhaps it is killed once more while
// it starts.
func (f *faults) crash(ctx context.Context, again bool) error {
	f.await(f.program.kill)
	f.buried()
	f.rest(ctx)
	if again {
		if err := f.program.launch(); err != nil {
			return err
		}
		sleep(ctx, time.Duration(f.random.IntN(60))*time.Millisecond)
		f.program.kill()
		f.buried()
	}
	return f.program.start(ctx)
}

// buried waits for the end of the server that was killed.
func (f *faults) buried() {
	f.counts.kills.Add(1)
	if err := f.program.gone(); err != nil {
		f.history.blame(violation{"program: ended", err.Error()})
	}
}

// restart stops the server as operators do and starts it again.
func (f *faults) restart(ctx context.Context) error {
	f.counts.stops.Add(1)
	if err := f.program.stop(); err != nil {
		f.history.blame(violation{"program: stop", err.Error()})
	}
	return f.program.start(ctx)
}

// readyTime is the contract's bound for /readyz after the database's return, and
// some more for a machine that is busy with the rest of the run.
const readyTime = 5*time.Second + 5*time.Second

// loseDatabase kills the database, perhaps the server with it, and starts them
// again.
func (f *faults) loseDatabase(ctx context.Context, both bool) error {
	var failed error
	f.await(func() {
		failed = f.database.kill()
		if both {
			f.program.kill()
		}
	})
	f.counts.databaseKills.Add(1)
	if failed != nil {
		return failed
	}
	f.rest(ctx)
	if err := f.database.restart(ctx); err != nil {
		return err
	}
	if both {
		f.buried()
		return f.program.start(ctx)
	}
	if err := f.program.awaitReady(ctx, readyTime); err != nil {
		f.history.blame(violation{"program: not ready", fmt.Sprintf("with its database back: %v", err)})
		return f.program.awaitReady(ctx, startTime)
	}
	return nil
}

// await strikes at a moment of the seed's choice.
func (f *faults) await(strike func()) {
	m := moment(f.random.IntN(3))
	if m == anyTime {
		strike()
		return
	}
	f.strike, f.struck = strike, make(chan struct{})
	f.armed.Store(int32(m))
	select {
	case <-f.struck:
	case <-time.After(time.Second):
		if f.armed.CompareAndSwap(int32(m), int32(anyTime)) {
			strike()
		} else {
			<-f.struck
		}
	}
}

// rest leaves everybody alone with the outage for a moment.
func (f *faults) rest(ctx context.Context) {
	if f.random.IntN(2) == 0 {
		sleep(ctx, time.Duration(f.random.IntN(400))*time.Millisecond)
	}
}
