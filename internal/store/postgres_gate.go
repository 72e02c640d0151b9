package store

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
)

const (
	// connectsAtOnce is how many of the pool's connections are made at once: a server
	// that comes back is not met by all that each node has.
	connectsAtOnce = 4
	// connectRetry is for how long nobody tries after somebody could not connect, and
	// twice as long each time that fails again, up to connectLongest; each time up to half
	// of it more or less, so that nodes do not come at the same moment.
	connectRetry   = 50 * time.Millisecond
	connectLongest = 500 * time.Millisecond
)

// gate is before PostgreSQL. After somebody could not connect, one tries, after a pause,
// and who else would waits for what comes of that. It is safe for concurrent use.
type gate struct {
	turns chan struct{}

	mu sync.Mutex
	// failed is why nobody could connect the last time; nil where somebody could.
	failed error
	pause  time.Duration
	until  time.Time
	trying bool
	// known is closed when failed was found out anew.
	known chan struct{}
}

func newGate() *gate {
	return &gate{turns: make(chan struct{}, connectsAtOnce), known: make(chan struct{})}
}

// enter lets somebody connect, or says why not. Who is let in comes to TraceConnectEnd.
func (g *gate) enter(ctx context.Context, _ *pgx.ConnConfig) error {
	tries, err := g.wait(ctx)
	if err != nil {
		return err
	}
	select {
	case g.turns <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failed != nil && !tries {
		<-g.turns
		return g.failed
	}
	return nil
}

// wait waits while nobody can connect, if need be for its turn to try.
func (g *gate) wait(ctx context.Context) (tries bool, err error) {
	g.mu.Lock()
	if g.failed == nil {
		g.mu.Unlock()
		return false, nil
	}
	tries = !g.trying
	g.trying = true
	known, pause := g.known, time.NewTimer(time.Until(g.until))
	g.mu.Unlock()
	defer pause.Stop()
	over := pause.C
	if !tries {
		over = nil
	}
	select {
	case <-over:
		return true, nil
	case <-known:
		g.mu.Lock()
		defer g.mu.Unlock()
		return false, g.failed
	case <-ctx.Done():
		return false, ctx.Err() // with the pool
	}
}

// connected notes that PostgreSQL lets people in, or why not.
func (g *gate) connected(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failed, g.trying = err, false
	close(g.known)
	g.known = make(chan struct{})
	if err == nil {
		g.pause = 0
		return
	}
	g.pause = min(max(2*g.pause, connectRetry), connectLongest)
	g.until = time.Now().Add(g.pause/2 + rand.N(g.pause)) //nolint:gosec // nobody gains by guessing it
}

// TraceConnectStart is for pgx.
func (g *gate) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	return withFarewell(ctx)
}

// TraceConnectEnd is for pgx.
func (g *gate) TraceConnectEnd(_ context.Context, d pgx.TraceConnectEndData) {
	<-g.turns
	g.connected(d.Err)
}

// TraceQueryStart is for pgx, which takes no other tracers.
func (g *gate) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd is for pgx.
func (g *gate) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// with gives a tracer that is the gate, and another one where there is one.
func (g *gate) with(watch pgx.QueryTracer) pgx.QueryTracer {
	if watch == nil {
		return g
	}
	return multitracer.New(watch, g)
}
