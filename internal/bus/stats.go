package bus

import (
	"sync/atomic"
	"time"
)

// Stats are what a Bus has counted since it was opened, and how it stands.
type Stats struct {
	// Connected tells whether NATS is there, and Reconnects how often it was found again.
	Connected  bool
	Reconnects uint64
	// Sent and Heard count messages by their kind: log, signal, person, presence, roll or ended.
	Sent, Heard map[string]uint64
	// Dropped counts what could not wait to be sent, and Unsent what could not be sent since
	// NATS was away.
	Dropped, Unsent uint64
	// Overrun counts what came faster than it was taken.
	Overrun uint64
	// Subscriptions are the subjects that this node listens to.
	Subscriptions int
	// Lag is how old entries were when they came, by the clocks of both nodes.
	Lag Lag
}

// LagBounds are the upper bounds of the buckets of Lag.
var LagBounds = [...]time.Duration{
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, time.Second, 3 * time.Second, 10 * time.Second,
}

// Lag is a histogram of ages.
type Lag struct {
	// Within counts those within each of LagBounds, and All those and all others.
	Within [len(LagBounds)]uint64
	All    uint64
	Sum    time.Duration
}

// kinds are those of messages.
var kinds = [...]string{"log", "signal", "person", "presence", "roll", "ended"}

const (
	kindLog = iota
	kindSignal
	kindPerson
	kindPresence
	kindRoll
	kindEnded
)

// counts is what becomes Stats.
type counts struct {
	sent, heard              [len(kinds)]atomic.Uint64
	dropped, unsent, overrun atomic.Uint64
	reconnects               atomic.Uint64
	within                   [len(LagBounds) + 1]atomic.Uint64 // each in one; the last is beyond all
	sum                      atomic.Int64
}

// came counts an entry of an age.
func (c *counts) came(age time.Duration) {
	age = max(age, 0) // the other clock may be ahead
	i := 0
	for i < len(LagBounds) && age > LagBounds[i] {
		i++
	}
	c.within[i].Add(1)
	c.sum.Add(int64(age))
}

// subscriptions gives how many subjects this node listens to.
func (b *Bus) subscriptions() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.wanted)
}

// Stats gives what was counted, and waits for nobody. Each number is of its own moment.
func (b *Bus) Stats() Stats {
	s := Stats{
		Connected: b.up.Load(), Reconnects: b.counts.reconnects.Load(),
		Sent: map[string]uint64{}, Heard: map[string]uint64{},
		Dropped: b.counts.dropped.Load(), Unsent: b.counts.unsent.Load(), Overrun: b.counts.overrun.Load(),
		Subscriptions: b.subscriptions(),
		Lag:           Lag{Sum: time.Duration(b.counts.sum.Load())},
	}
	for i, kind := range kinds {
		s.Sent[kind], s.Heard[kind] = b.counts.sent[i].Load(), b.counts.heard[i].Load()
	}
	for i := range b.counts.within {
		s.Lag.All += b.counts.within[i].Load()
		if i < len(LagBounds) {
			s.Lag.Within[i] = s.Lag.All
		}
	}
	return s
}
