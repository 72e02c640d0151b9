package main

import (
	"fmt"
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

// outagesNow is outagesAt while the run lasts.
func (h *history) outagesNow(node int) outages {
	return outagesOf(h.soFar(), func(t trouble) bool { return t.of == everything || t.of == node })
}

// delays is how long messages of a room took from their answer to a node's listeners in one
// time without any trouble; of those that the node itself had acknowledged, without any of its own.
type delays struct {
	period, node int
	room         string
	own          bool
}

// checkLate demands that who listens hears of each acknowledged message soon, and in a
// moment where nothing is broken.
func (c *checker) checkLate() {
	whole := outagesOf(c.history.troubles, func(trouble) bool { return true })
	withoutBus := outagesOf(c.history.troubles, func(t trouble) bool { return t.of != onlyBus })
	prompt := map[delays][]time.Duration{}
	for _, s := range c.history.streams {
		if !s.steady || !s.all {
			continue
		}
		one := &lateness{stream: s, room: c.history.rooms[s.room].name, out: c.history.outagesAt(s.node), caught: -1}
		of, next := c.acked[s.room], 0
		for _, step := range s.steps {
			if step.entry == nil {
				one.caught, next = step.at, max(next, step.position+1)
				continue
			}
			next = step.entry.seq + 1
			if one.caught < 0 || next > len(of) || of[next-1] == nil {
				continue
			}
			a := of[next-1]
			one.heard(a, step.at)
			took := max(0, step.at-a.at)
			c.heard.add(took)
			good := whole
			if a.node == s.node {
				good = withoutBus
			}
			if a.at > one.caught && good.without(a.at, a.at+time.Second) == time.Second {
				period, _ := slices.BinarySearchFunc(good, a.at, func(s span, t time.Duration) int { return int(s.from - t) })
				of := delays{period, s.node, s.room, a.node == s.node}
				prompt[of] = append(prompt[of], took)
			}
		}
		for ; one.caught >= 0 && next < len(of); next++ {
			if of[next] != nil {
				one.heard(of[next], s.until())
				break
			}
		}
		if one.times > 0 {
			c.blame("late", "%s", one)
		}
	}
	c.checkPrompt(prompt)
}

// until is when a stream had no more to tell: with the entry by which its listener left, where
// that is so, and else when it ended.
func (s *stream) until() time.Duration {
	if n := len(s.steps); s.end.code == "NOT_FOUND" && n > 0 {
		return s.steps[n-1].at
	}
	return s.over
}

// firstAnswers gives by room, and then by position, who first acknowledged a message.
func firstAnswers(answers []answer) map[string][]*answer {
	first := map[string][]*answer{}
	for i := range answers {
		a := &answers[i]
		of := first[a.room]
		for len(of) <= a.seq {
			of = append(of, nil)
		}
		if of[a.seq] == nil || a.at < of[a.seq].at {
			of[a.seq] = a
		}
		first[a.room] = of
	}
	return first
}

// lateness is what came late on one stream.
type lateness struct {
	*stream
	room   string
	out    outages
	caught time.Duration // when it had caught up; -1 for not yet

	times int
	// worst is by how much that was late, without an excuse, which came at when.
	worst   time.Duration
	message *answer
	when    time.Duration
}

// heard says that a message was heard at a moment, or had not been.
func (l *lateness) heard(a *answer, when time.Duration) {
	late := l.out.without(max(a.at, l.caught), when)
	if late <= hearTime {
		return
	}
	if l.times++; late > l.worst {
		l.worst, l.message, l.when = late, a, when
	}
}

func (l *lateness) String() string {
	a := l.message
	return fmt.Sprintf("%s: %s at node %d got %d messages late: that at %d, which node %d had acknowledged at %.2f s, not before %.2f s, %v of that without an excuse; it listened from %.2f s to %.2f s",
		l.room, l.listener, l.node+1, l.times, a.seq, a.node+1, a.at.Seconds(), l.when.Seconds(), l.worst.Round(time.Millisecond), l.caught.Seconds(), l.over.Seconds())
}

// checkPrompt takes how long messages of other nodes took while all was whole, and those of
// the same node whether NATS was there or not: it has no part in it.
func (c *checker) checkPrompt(prompt map[delays][]time.Duration) {
	for one, took := range prompt {
		slices.Sort(took)
		switch median := took[len(took)/2]; {
		case len(took) < fewest || median <= promptTime:
		case one.own:
			c.blame("late: on its own node", "%s: node %d heard half of %d messages that it had acknowledged more than %v late, while nothing was broken but NATS",
				c.history.rooms[one.room].name, one.node+1, len(took), median.Round(time.Millisecond))
		default:
			c.blame("late: as if NATS were away", "node %d heard half of %d messages of other nodes more than %v late, while nothing was broken",
				one.node+1, len(took), median.Round(time.Millisecond))
		}
	}
}
