package main

// checkStream demands of one subscription that it is contiguous from its start,
// says what the log says, catches up when it should, and ends as it should.
func (c *checker) checkStream(s *stream) {
	l, ok := c.log(s.room)
	if !ok {
		return
	}
	for _, step := range s.steps {
		if step.entry != nil {
			c.compare(l, s.listener, step.entry)
			c.checkGone(l, s.listener, s.began, step.entry)
		}
	}
	if s.all {
		c.checkContiguous(l, s)
		c.checkCaughtUp(l, s)
	} else {
		c.checkMessages(l, s)
	}
	c.checkEnd(l, s)
}

// checkContiguous is for roomEvents: each entry follows the one before, the first
// one the position that was asked for.
func (c *checker) checkContiguous(l *roomLog, s *stream) {
	at := s.after
	for _, step := range s.steps {
		switch {
		case step.entry == nil:
			if at == fromNow {
				at = step.position
			}
			continue
		case at == fromNow:
			c.blame("stream: begins without CaughtUp", "%s: %s listens from now on and got %d first", l.room.name, s.listener, step.entry.seq)
		case step.entry.seq <= at:
			c.blame("stream: again", "%s: %s got %d after %d, on a stream after %d", l.room.name, s.listener, step.entry.seq, at, s.after)
		case step.entry.seq > at+1:
			c.blame("stream: a gap", "%s: %s got %d after %d, on a stream after %d", l.room.name, s.listener, step.entry.seq, at, s.after)
		}
		at = step.entry.seq
	}
}

// checkCaughtUp is for roomEvents: CaughtUp comes once, says where the stream
// stands, and not before all that there was.
func (c *checker) checkCaughtUp(l *roomLog, s *stream) {
	at, times := s.after, 0
	for _, step := range s.steps {
		if step.entry != nil {
			at = step.entry.seq
			continue
		}
		times++
		if times > 1 {
			c.blame("caught up: twice", "%s: %s was told so at %d, %d times", l.room.name, s.listener, at, times)
			continue
		}
		if step.position != at && at != fromNow {
			c.blame("caught up: elsewhere", "%s: %s was told so for %d, at %d", l.room.name, s.listener, step.position, at)
		}
		if step.position < s.floor {
			c.blame("caught up: too early", "%s: %s was told so for %d, when %d had been known before it asked", l.room.name, s.listener, step.position, s.floor)
		}
	}
}

// checkMessages is for messagePosted: all messages of the log after the position
// that was asked for, and nothing else, up to where the stream ended.
func (c *checker) checkMessages(l *roomLog, s *stream) {
	at, first := s.after, true
	if s.after == fromNow {
		at = s.floor
	}
	for _, step := range s.steps {
		e := step.entry
		if e == nil {
			c.blame("stream: not a message", "%s: %s listens to messages and was told that it caught up", l.room.name, s.listener)
			continue
		}
		if e.kind != messagePosted {
			c.blame("stream: not a message", "%s: %s listens to messages and got %v", l.room.name, s.listener, *e)
		}
		switch {
		case e.seq <= at:
			c.blame("stream: again", "%s: %s got %d after %d, on a stream after %d", l.room.name, s.listener, e.seq, at, s.after)
		case s.after == fromNow && first: // it began somewhere after the floor
		default:
			if missed := l.messageBetween(at, e.seq); missed != 0 {
				c.blame("stream: a gap", "%s: %s got %d after %d, without the message at %d, on a stream after %d", l.room.name, s.listener, e.seq, at, missed, s.after)
			}
		}
		at, first = e.seq, false
	}
}

// messageBetween gives the first message between two positions; 0 for none.
func (l *roomLog) messageBetween(after, before int) int {
	for seq := after + 1; seq < before; seq++ {
		if e := l.at(seq); e != nil && e.kind == messagePosted {
			return seq
		}
	}
	return 0
}

// checkEnd demands that a stream ends when its listener leaves the room, after the
// entry that says so, and that the server ends none without a reason.
func (c *checker) checkEnd(l *roomLog, s *stream) {
	last, leaves := s.after, l.leaves(s)
	for _, step := range s.steps {
		if step.entry == nil {
			continue
		}
		last = step.entry.seq
		if leaves != 0 && last > leaves {
			c.blame("left: told on", "%s: %s left at %d, and the stream went on with %d", l.room.name, s.listener, leaves, last)
			break
		}
	}
	switch s.end.code {
	case "", "UNAVAILABLE", "TOO_SLOW":
	case "NOT_FOUND":
		c.checkFarewell(l, s, last)
	case "INTERNAL":
		c.blame("stream: INTERNAL", "%s: a stream of %s ended with it, at %d", l.room.name, s.listener, last)
	default:
		c.blame("stream: ended for no reason", "%s: a stream of %s after %d ended with %s, at %d", l.room.name, s.listener, s.after, s.end.code, last)
	}
}

// leaves gives where the log ends the stay that a stream began in; 0 where it does
// not. A guest comes back only once it is known where the stay before ended: so
// what was not known when the first update came ends the stay of this stream.
func (l *roomLog) leaves(s *stream) int {
	if len(s.steps) == 0 {
		return 0
	}
	for seq := s.opened + 1; seq <= len(l.entries); seq++ {
		if e := l.at(seq); e != nil && e.kind == memberLeft && e.member == s.person {
			return seq
		}
	}
	return 0
}

// checkFarewell is for a stream that ended because its listener may no longer read
// the room.
func (c *checker) checkFarewell(l *roomLog, s *stream, last int) {
	if len(s.steps) == 0 {
		if !l.everLeft(s.person) {
			c.blame("stream: ended for no reason", "%s: %s was refused, and had never left", l.room.name, s.listener)
		}
		return
	}
	e := l.at(s.end.seq)
	switch {
	case s.end.seq == noPosition:
		c.blame("left: without a position", "%s: the stream of %s ended at %d, and nothing says where", l.room.name, s.listener, last)
	case e == nil || e.kind != memberLeft || e.member != s.person:
		c.blame("left: for no reason", "%s: the stream of %s ended for %d, which is not where they left", l.room.name, s.listener, s.end.seq)
	case s.all && s.end.seq != last:
		c.blame("left: elsewhere", "%s: the stream of %s ended for %d, at %d", l.room.name, s.listener, s.end.seq, last)
	case !s.all && l.messageBetween(last, s.end.seq) != 0:
		c.blame("left: too early", "%s: the stream of %s ended for %d, at %d, without the message at %d",
			l.room.name, s.listener, s.end.seq, last, l.messageBetween(last, s.end.seq))
	}
}

// everLeft tells whether a person left the room once.
func (l *roomLog) everLeft(person string) bool {
	for _, e := range l.entries {
		if e.kind == memberLeft && e.member == person {
			return true
		}
	}
	return false
}
