package main

import "time"

// checkInboxes demands that who listens to all of their rooms is soon told of another one
// that they came into.
func (c *checker) checkInboxes() {
	for _, in := range c.history.inboxes {
		out := c.history.outagesAt(in.node)
		for _, j := range c.history.joins {
			if !in.steady || j.person != in.person || in.caught < 0 || in.caught > j.at {
				continue
			}
			at, opened := in.opened[j.room]
			if !opened {
				at = in.over
			}
			if late := out.without(j.at, at); late > hearTime {
				c.blame("inbox: a room is late", "%s came into %s at %v; their inbox at node %d was told at %v: %t", j.person, j.room, j.at, in.node+1, at, opened)
			}
		}
	}
}

// join is somebody's coming into a room, as it was acknowledged.
type join struct {
	place
	at time.Duration
}

func (h *history) joined(person, room string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.joins = append(h.joins, join{place{person, room}, h.since()})
}
