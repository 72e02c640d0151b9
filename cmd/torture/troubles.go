package main

import (
	"slices"
	"time"
)

// trouble is a time when something was broken, by the clock of the harness.
type trouble struct {
	// of is the number of the node that it is a trouble of, everything, or onlyBus where
	// nothing suffers but what nodes tell each other.
	of       int
	from, to time.Duration
	// mends is how long things may take after it until all is as before.
	mends time.Duration
}

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
			h.troubles = append(h.troubles, trouble{of: everything, from: last, to: now})
			h.mu.Unlock()
		}
		last = now
	}
}
