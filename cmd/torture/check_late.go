package main

import (
	"slices"
	"time"
)

const (
	// hearTime is within what a listener hears of a message that was acknowledged, with
	// NATS or without: the contract's 3 s, and what a busy machine takes.
	hearTime = 3*time.Second + 2*time.Second
	// promptTime is the median of that where nodes hear each other: a third of what it is
	// where they ask the database.
	promptTime = 700 * time.Millisecond
	// fewest is of how many a median says something.
	fewest = 15
)

// span is a time by the clock of the harness.
type span struct{ from, to time.Duration }

// outages are the times when things may be late, none of which meet.
type outages []span

// outagesOf gives those of a kind of trouble, with the time to mend.
func outagesOf(troubles []trouble, of func(trouble) bool) outages {
	var spans outages
	for _, t := range troubles {
		if of(t) {
			spans = append(spans, span{t.from, t.to + t.mends})
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return int(a.from - b.from) })
	var merged outages
	for _, s := range spans {
		if n := len(merged); n > 0 && s.from <= merged[n-1].to {
			merged[n-1].to = max(merged[n-1].to, s.to)
		} else {
			merged = append(merged, s)
		}
	}
	return merged
}

// without gives how long it is from one moment to another, without the outages.
func (o outages) without(from, to time.Duration) time.Duration {
	left := to - from
	at, _ := slices.BinarySearchFunc(o, from, func(s span, t time.Duration) int { return int(s.to - t) })
	for ; at < len(o) && o[at].from < to; at++ {
		left -= max(0, min(to, o[at].to)-max(from, o[at].from))
	}
	return left
}

// outagesAt gives when a node may be late by what is broken.
func (h *history) outagesAt(node int) outages {
	return outagesOf(h.troubles, func(t trouble) bool { return t.of == everything || t.of == node })
}

// delays is how long messages took from their answer to a node's listeners in one time
// without any trouble.
type delays struct {
	period, node int
}

// checkLate demands that who listens hears of each acknowledged message soon, and in a
// moment where nothing is broken.
func (c *checker) checkLate() {
	acked := map[string][]*answer{} // by room, then by position
	for i := range c.history.answers {
		a := &c.history.answers[i]
		of := acked[a.room]
		for len(of) <= a.seq {
			of = append(of, nil)
		}
		if of[a.seq] == nil || a.at < of[a.seq].at {
			of[a.seq] = a
		}
		acked[a.room] = of
	}
	at := map[int]outages{}
	any := outagesOf(c.history.troubles, func(trouble) bool { return true })
	prompt := map[delays][]time.Duration{}
	for _, s := range c.history.streams {
		if !s.steady || !s.all {
			continue
		}
		if _, known := at[s.node]; !known {
			at[s.node] = c.history.outagesAt(s.node)
		}
		name := c.history.rooms[s.room].name
		caught, of, next := time.Duration(-1), acked[s.room], 0
		for _, step := range s.steps {
			if step.entry == nil {
				caught = step.at
				continue
			}
			next = step.entry.seq + 1
			if caught < 0 || next > len(of) || of[next-1] == nil {
				continue
			}
			a := of[next-1]
			if late := at[s.node].without(max(a.at, caught), step.at); late > hearTime {
				c.blame("late", "%s: %s heard %d at node %d, %v after node %d had acknowledged it, at %v; %v of that without an excuse",
					name, s.listener, a.seq, s.node+1, step.at-a.at, a.node+1, a.at, late)
			}
			period, _ := slices.BinarySearchFunc(any, a.at, func(s span, t time.Duration) int { return int(s.from - t) })
			if a.node != s.node && a.at > caught && any.without(a.at, a.at+time.Second) == time.Second {
				one := delays{period, s.node}
				prompt[one] = append(prompt[one], max(0, step.at-a.at))
			}
			c.heard.add(max(0, step.at-a.at))
		}
		if caught < 0 {
			continue
		}
		for ; next < len(of); next++ {
			if a := of[next]; a != nil {
				if late := at[s.node].without(max(a.at, caught), s.over); late > hearTime {
					c.blame("late", "%s: %s had not heard %d at node %d when its stream ended, %v after node %d had acknowledged it, at %v; %v of that without an excuse",
						name, s.listener, a.seq, s.node+1, s.over-a.at, a.node+1, a.at, late)
				}
				break
			}
		}
	}
	for one, took := range prompt {
		slices.Sort(took)
		if median := took[len(took)/2]; len(took) >= fewest && median > promptTime {
			c.blame("late: as if NATS were away", "node %d heard half of %d messages of other nodes more than %v late, while nothing was broken",
				one.node+1, len(took), median)
		}
	}
}
