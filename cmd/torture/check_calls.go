package main

import (
	"slices"
	"time"
)

const (
	// answerWithin is how long a call takes at the most, whatever became of the database: what
	// a transaction and a connection are waited for, and what a busy machine takes.
	answerWithin = 5*time.Second + 3*time.Second + 3*time.Second
	// fewCalls is how many calls may be refused in a run while nothing is broken: the machine
	// was busy with something else.
	fewCalls = 2
)

// checkCalls demands that each call is answered, within its time, by a code that the
// contract has for it: UNAVAILABLE only while something is broken, and never INTERNAL.
func (c *checker) checkCalls() {
	refused := 0
	for _, one := range c.history.calls {
		cut := excused(c.history.troubles, one.node, stopsNode|losesClients, one.began, one.ended)
		took := (one.ended - one.began).Round(time.Millisecond)
		switch {
		case one.code == "INTERNAL":
			c.blame("call: INTERNAL", "node %d, %s: %v", one.node+1, one.what, one.err)
		case !one.answered && !cut:
			c.blame("call: no answer", "node %d, after %v, at %.2f s, %s: %v", one.node+1, took, one.ended.Seconds(), one.what, one.err)
		case one.answered && took > answerWithin && !cut:
			c.blame("call: late", "node %d answered after %v, at %.2f s: %s", one.node+1, took, one.ended.Seconds(), one.what)
		case one.code == "UNAVAILABLE" && !c.history.saturated && !c.mayRefuse(one):
			if refused++; refused > fewCalls {
				c.blame("call: refused", "node %d said UNAVAILABLE at %.2f s, while nothing was broken: %s: %v", one.node+1, one.ended.Seconds(), one.what, one.err)
			}
		}
	}
}

// mayRefuse tells whether something is broken for whose sake a call may be refused: at another
// node, too, which had locked what it is about.
func (c *checker) mayRefuse(one call) bool {
	return slices.ContainsFunc(c.history.troubles, func(t trouble) bool {
		return excused([]trouble{t}, t.of, stopsNode|losesData, one.began, one.ended)
	})
}
