package main

import "errors"

// checkRevoked demands that a session that has ended is told nothing that was said after
// that: on the node that ended it from the answer on, on others from a moment later.
func (c *checker) checkRevoked() {
	for _, r := range c.history.revocations {
		l, ok := c.log(r.room)
		if !ok {
			continue
		}
		c.checkLastWords(l, r)
		for _, s := range r.streams {
			out := c.history.outagesAt(s.node)
			for _, step := range s.steps {
				if step.entry == nil {
					continue
				}
				c.compare(l, "a session that was ended", step.entry)
				e := l.at(step.entry.seq)
				if e == nil {
					continue
				}
				asked := c.history.asked[sendKey{e.author, r.room, e.key}]
				switch {
				case asked == nil || e.kind != messagePosted || asked.at <= r.at:
				case s.own:
					c.blame("revoked: told on", "%s: a session of %s got %d at node %d, which had ended it before that was said", l.room.name, r.person, e.seq, s.node+1)
				case out.without(r.at, asked.at) > endTime:
					c.blame("revoked: told on", "%s: a session of %s got %d at node %d, which was said %v after it had ended elsewhere", l.room.name, r.person, e.seq, s.node+1, asked.at-r.at)
				}
			}
			if closed, ok := errors.AsType[*closedError](s.why); s.why != nil && !s.open && (!ok || closed.code != 4401) &&
				!excused(c.history.troubles, s.node, stopsNode|losesClients, s.over, s.over) {
				c.blame("revoked: another word", "%s: a stream of %s at node %d, whose session had ended, was told %v", l.room.name, r.person, s.node+1, s.why)
			}
			if s.open || out.without(r.at, max(r.at, s.over)) > endTime {
				c.blame("revoked: stays", "%s: a stream of %s at node %d was open %v after its session had ended", l.room.name, r.person, s.node+1, s.over-r.at)
			}
		}
	}
}
