package main

import (
	"net/http"
	"slices"
	"time"
)

const (
	// spreadLeast is within what a crowd may not be closed, one after the other: a quarter of
	// what it takes by a millisecond each.
	spreadLeast = crowd * time.Millisecond / 4
	// fewestAway is of how many it would be no chance that all are told the same.
	fewestAway = 8
)

// checkStops demands of a node that stops that it says at once that it is not ready, takes
// nobody any more, answers what is under way, and sends those who listen away one by one, to
// come back each at another moment.
func (c *checker) checkStops() {
	for _, s := range c.history.stops {
		late := slices.ContainsFunc(c.history.troubles, func(t trouble) bool {
			return t.of == everything && t.breaks == anything && t.from <= s.gone && s.told <= t.to
		})
		for _, one := range c.history.samples {
			if !late && one.node == s.node && one.what == isReady && one.status == http.StatusOK && one.asked > s.told+atOnce && one.answered < s.gone {
				c.blame("stop: ready", "node %d said so at %.2f s, and had been told to stop at %.2f s", s.node+1, one.answered.Seconds(), s.told.Seconds())
				break
			}
		}
		if s.accepted && !late {
			c.blame("stop: takes sockets", "node %d took a new socket %v after it had been told to stop", s.node+1, atOnce)
		}
		if s.answer != nil {
			c.blame("stop: a request dropped", "node %d was told to stop at %.2f s, and did not answer what was under way: %v", s.node+1, s.told.Seconds(), s.answer)
		}
		c.checkCrowd(s, late)
		for _, one := range c.history.streams {
			if one.node == s.node && len(one.steps) > 0 && one.steps[0].at < s.told && one.over > s.told && one.over < s.gone {
				c.checkSentAway(s, one)
			}
		}
	}
}

// checkSentAway takes a stream of which the end was seen while its node was stopping. Where
// that is not known to have come no sooner, it tells nothing.
func (c *checker) checkSentAway(s *stop, one *stream) {
	since := c.whole(one)
	if _, told := away(one.broke); one.broke != nil && !told && since > s.told && !excused(c.history.troubles, one.node, losesClients, since, one.over) {
		c.blame("stop: cut off", "node %d, which stopped, ended the stream of %s, and did not say when to come back: %v", s.node+1, one.listener, one.broke)
	}
}

// checkCrowd takes the sockets of those who were there for the stop.
func (c *checker) checkCrowd(s *stop, late bool) {
	var when, stays []time.Duration
	for _, f := range s.farewells {
		if f.at < s.told {
			continue // it is blamed by others, if it is
		}
		d, told := away(f.err)
		if !told {
			c.blame("stop: cut off", "node %d, which stopped, ended a socket, and did not say when to come back: %v", s.node+1, f.err)
			return
		}
		when, stays = append(when, f.at), append(stays, d)
	}
	if len(stays) >= fewestAway && slices.Min(stays) == slices.Max(stays) {
		c.blame("stop: all at once", "node %d told %d sockets to come back after the same %v", s.node+1, len(stays), stays[0])
	}
	if spread := spreadOf(when); len(when) > crowd/2 && spread < spreadLeast && !late {
		c.blame("stop: all at once", "node %d closed %d sockets within %v", s.node+1, len(when), spread)
	}
}

// spreadOf is how long it was from the first of them to the last.
func spreadOf(when []time.Duration) time.Duration {
	if len(when) == 0 {
		return 0
	}
	return slices.Max(when) - slices.Min(when)
}
