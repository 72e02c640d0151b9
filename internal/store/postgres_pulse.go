package store

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// pulseEvery is how long it takes from one look at PostgreSQL to the next, and
	// pulseTime how long it may take to answer: together less than the second within
	// which it has to be known that it does not.
	pulseEvery = 150 * time.Millisecond
	pulseTime  = 500 * time.Millisecond
)

// pulse knows whether PostgreSQL answers, by a connection of its own: neither a pool
// whose connections are all in use nor one that has none yet is taken for an outage.
type pulse struct {
	config *pgx.ConnConfig
	// changed is called when it answers no more, with why, and when it does again.
	changed func(err error)

	failed atomic.Pointer[error] // nil where it answers
	end    context.CancelFunc
	ended  chan struct{}
}

// newPulse begins to feel it: within ctx, for the first time.
func newPulse(ctx context.Context, config *pgx.ConnConfig, changed func(error)) (*pulse, error) {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	p := &pulse{config: config, changed: changed, ended: make(chan struct{})}
	lasting, end := context.WithCancel(context.Background())
	p.end = end
	go p.run(lasting, conn)
	return p, nil
}

// err is why PostgreSQL does not answer; nil where it does.
func (p *pulse) err() error {
	if err := p.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// close ends it.
func (p *pulse) close() {
	p.end()
	<-p.ended
}

func (p *pulse) run(ctx context.Context, conn *pgx.Conn) {
	defer close(p.ended)
	tick := time.NewTicker(pulseEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		var err error
		if conn, err = p.beat(ctx, conn); ctx.Err() == nil {
			p.note(err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	if conn != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pulseTime)
		defer cancel()
		_ = conn.Close(ctx)
	}
}

// beat asks once, on a connection that is made where there is none; it gives the one to
// ask on the next time.
func (p *pulse) beat(ctx context.Context, conn *pgx.Conn) (*pgx.Conn, error) {
	if conn == nil {
		conn, err := pgx.ConnectConfig(ctx, p.config)
		if err != nil {
			return nil, err
		}
		return conn, nil
	}
	ctx, cancel := context.WithTimeout(ctx, pulseTime)
	defer cancel()
	if err := conn.Ping(ctx); err != nil {
		_ = conn.Close(ctx) // which waits for nobody where the time is up
		return nil, err
	}
	return conn, nil
}

func (p *pulse) note(err error) {
	before := p.err()
	if err == nil {
		p.failed.Store(nil)
	} else {
		p.failed.Store(&err)
	}
	if (before == nil) != (err == nil) {
		p.changed(err)
	}
}

// pulseChanged is what follows when PostgreSQL is lost, and found again.
func (e *postgresEngine) pulseChanged(log *slog.Logger) func(error) {
	var lost time.Time
	return func(err error) {
		if err != nil {
			lost = time.Now()
			log.Warn("PostgreSQL does not answer", "error", err)
			return
		}
		// What is left of the connections of before may be dead without saying so, and
		// whoever was given one would wait in vain.
		e.pool.Reset()
		e.gate.connected(nil)
		log.Info("PostgreSQL answers again", "away", time.Since(lost).Round(time.Millisecond))
	}
}
