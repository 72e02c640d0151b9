package main

import (
	"slices"
	"time"
)

// trouble is a time when something was broken, by the clock of the harness.
type trouble struct {
	// of is the number of the node that it is a trouble of, everything, or onlyBus where
	// nothing suffers but what nodes tell each other.
	of int
	// breaks is what it does there.
	breaks   breaks
	from, to time.Duration
	// mends is how long things may take after it until all is as before.
	mends time.Duration
	// link is the node, counted from 1, of whose way to NATS it is a trouble; 0 for NATS.
	link int
}

// breaks is what a trouble does.
type breaks int

const (
	// stopsNode ends a node, or keeps it from running.
	stopsNode breaks = 1 << iota
	// losesClients spoils the way from clients.
	losesClients
	// losesData is of the database, the way to it, or room on its disk.
	losesData
	// losesBus is of NATS, or the way to it.
	losesBus

	anything = stopsNode | losesClients | losesData | losesBus
)

const (
	everything = -1
	onlyBus    = -2
)

const (
	// mendTime is the contract's bound for the time after an outage.
	mendTime = 5 * time.Second
	// missTime is how long nodes take to miss a NATS that says nothing, and to find it
	// again; and refindTime one that was seen to go.
	missTime, refindTime = 9 * time.Second, 3 * time.Second
)

// trouble says that something breaks now. What it gives is called when it is whole.
func (h *history) trouble(of trouble) (over func()) {
	of.from = h.since()
	if of.mends == 0 {
		of.mends = mendTime
	}
	h.mu.Lock()
	h.current = append(h.current, &of)
	h.mu.Unlock()
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		of.to = h.since()
		if h.saturated {
			of.mends += of.to - of.from
		}
		h.troubles = append(h.troubles, of)
		h.current = slices.DeleteFunc(h.current, func(t *trouble) bool { return t == &of })
	}
}

// soFar gives the troubles there were, and those that are not over, up to now.
func (h *history) soFar() []trouble {
	h.mu.Lock()
	defer h.mu.Unlock()
	troubles := slices.Clone(h.troubles)
	for _, of := range h.current {
		one := *of
		one.to = h.since()
		troubles = append(troubles, one)
	}
	return troubles
}

// excused tells whether something that was broken at a node, of what counts, excuses what
// went wrong there between two moments.
func excused(troubles []trouble, node int, what breaks, from, to time.Duration) bool {
	return slices.ContainsFunc(troubles, func(t trouble) bool {
		return (t.of == everything || t.of == node) && t.breaks&what != 0 && t.from <= to && from <= t.to+t.mends
	})
}

// absence is a time when a node had no answer of its database at all, or no node had.
type absence struct {
	of       int
	from, to time.Duration
}

// absent says that a database answers nothing from now on, until back is called.
func (h *history) absent(of int) (back func()) {
	from := h.since()
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.absences = append(h.absences, absence{of, from, h.since()})
	}
}

// since is how long the run has lasted.
func (h *history) since() time.Duration { return time.Since(h.began) }

// watchClock notes, until quit is closed, when the harness itself was not run by the
// system: what it saw late then is nobody's fault.
func (h *history) watchClock(quit <-chan struct{}) {
	const tick = 50 * time.Millisecond
	for last := h.since(); ; {
		select {
		case <-quit:
			return
		case <-time.After(tick):
		}
		now := h.since()
		if now-last > 4*tick {
			h.mu.Lock()
			h.troubles = append(h.troubles, trouble{of: everything, breaks: anything, from: last, to: now})
			h.mu.Unlock()
		}
		last = now
	}
}

// died says that a node is killed now, and that there are others.
func (h *history) died(node int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.deaths == nil {
		h.deaths = map[int]time.Duration{}
	}
	h.deaths[node] = h.since()
}

// diedAfter tells when a node was killed the last time, where that was after a moment.
func (h *history) diedAfter(node int, when time.Duration) (at time.Duration, dead bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at, dead = h.deaths[node]
	return at, dead && at >= when
}

// isWrong tells whether something was seen to be wrong as it happened.
func (h *history) isWrong() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.wrong) > 0
}
