package main

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// checkEndings demands that who listens is not cut off by the server but where it stops, or
// the way to it is broken: what becomes of the database or of NATS ends no stream.
func (c *checker) checkEndings() {
	for _, s := range c.history.streams {
		broken := s.broke != nil || s.end.code == "UNAVAILABLE" || s.end.code == "TOO_SLOW"
		if len(s.steps) == 0 || !broken {
			continue
		}
		since := c.whole(s)
		if excused(c.history.troubles, s.node, stopsNode|losesClients, since, s.over) {
			continue
		}
		c.blame("stream: cut off", "%s: a stream of %s at node %d ended at %.2f s, while that and the way to it were whole: %v %s",
			c.history.rooms[s.room].name, s.listener, s.node+1, s.over.Seconds(), s.broke, s.end.code)
	}
}

// whole gives a moment at which a stream was whole for sure: its end, where its listener takes
// all at once. Who reads slowly comes to the end long after it, behind all that had come before:
// but what they were told was sent when it had been written, and not before somebody had asked
// for that.
func (c *checker) whole(s *stream) time.Duration {
	if s.steady {
		return s.over
	}
	acked := c.acked[s.room]
	at := s.steps[0].at
	for _, step := range s.steps {
		if step.entry == nil || step.entry.seq >= len(acked) || acked[step.entry.seq] == nil {
			continue
		}
		if asked := c.history.asked[acked[step.entry.seq].sendKey]; asked != nil {
			at = max(at, asked.at)
		}
	}
	return at
}

// longestAway is for how long a client may be told to stay away, so that a listener is
// without for no more than three seconds.
const longestAway = 3 * time.Second

// away gives for how long a client is told to stay away by how its socket was closed; false
// where it is not told.
func away(err error) (time.Duration, bool) {
	closed, ok := errors.AsType[*closedError](err)
	if !ok || closed.code != 1012 {
		return 0, false
	}
	text, ok := strings.CutPrefix(closed.reason, "retry-after-ms=")
	ms, err := strconv.Atoi(text)
	d := time.Duration(ms) * time.Millisecond
	return d, ok && err == nil && d >= 0 && d <= longestAway
}
