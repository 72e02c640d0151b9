package main

import (
	"net/http"
	"time"
)

const (
	// unreadyTime is within what a node knows that its database does not answer: the
	// contract's second, and what a busy machine takes.
	unreadyTime = time.Second + 1500*time.Millisecond
	// readySlack is what a busy machine takes beyond the five seconds after an outage.
	readySlack = 5 * time.Second
)

// checkSentinels demands that a node says that it is ready where it is, and not where its
// database does not answer; that it lives as long as it does; and that sockets stay open and
// answer, whatever becomes of the database.
func (c *checker) checkSentinels() {
	type of struct {
		node int
		what string
	}
	missed := map[of]int{}
	for _, one := range c.history.samples {
		at := of{one.node, one.what}
		var excuses breaks
		switch {
		case one.status == http.StatusOK:
			missed[at] = 0
			if one.what == isReady {
				c.checkAbsent(one)
			}
			continue
		case one.what == isReady:
			excuses = stopsNode | losesData
		default:
			excuses = stopsNode
		}
		if excused(c.history.troubles, one.node, excuses, one.asked-readySlack, one.answered) {
			missed[at] = 0
			continue
		}
		// One that is not answered may be the machine's.
		if missed[at]++; one.status != 0 || missed[at] > 1 {
			c.blame("sentinel: "+one.what, "node %d answered %s with %d at %.2f s, asked at %.2f s, while it had all that it needs",
				one.node+1, one.what, one.status, one.answered.Seconds(), one.asked.Seconds())
		}
	}
	for _, one := range c.history.breaches {
		if !excused(c.history.troubles, one.node, stopsNode, one.at, one.at) {
			c.blame("sentinel: its socket", "node %d ended a socket at %.2f s, which is good, and on which nothing was asked: %v", one.node+1, one.at.Seconds(), one.err)
		}
	}
}

// checkAbsent takes a moment when a node said that it is ready.
func (c *checker) checkAbsent(one sample) {
	for _, a := range c.history.absences {
		if (a.of == everything || a.of == one.node) && one.asked > a.from+unreadyTime && one.answered < a.to {
			c.blame("sentinel: ready without a database", "node %d said so at %.2f s; its database did not answer from %.2f s to %.2f s",
				one.node+1, one.answered.Seconds(), a.from.Seconds(), a.to.Seconds())
		}
	}
}
