package main

import (
	"cmp"
	"fmt"
	"slices"
)

// check is the oracle: it gives all that is wrong with a history whose logs were
// read at the end, and how long listeners took to hear. It calls nobody.
func check(h *history) ([]violation, *times) {
	c := &checker{history: h, lives: livesOf(h), checked: map[*entry]bool{}, gone: gone(h.deeds), acked: firstAnswers(h.answers)}
	for _, id := range sortedKeys(h.logs) {
		c.checkLog(h.logs[id])
	}
	c.checkDeeds()
	c.checkAnswers()
	c.checkPages()
	c.checkHeads()
	c.checkMoves()
	for _, s := range h.streams {
		c.checkStream(s)
	}
	c.checkBesides()
	c.checkMarks()
	c.checkFound()
	c.checkLists()
	c.checkExports()
	c.checkInboxes()
	c.checkLate()
	c.checkRevoked()
	c.checkCalls()
	c.checkEndings()
	c.checkSentinels()
	c.checkStops()
	c.checkSignals()
	return slices.Concat(h.wrong, c.found), &c.heard
}

// checker collects what is wrong.
type checker struct {
	history *history
	lives   map[string]*life
	checked map[*entry]bool
	// gone says when messages were first known to be deleted.
	gone map[string]int64
	// acked gives by room, and then by position, who first acknowledged a message.
	acked map[string][]*answer
	found []violation
	// heard is how long listeners took to hear of messages that were acknowledged.
	heard times
}

func (c *checker) blame(kind, format string, a ...any) {
	c.found = append(c.found, violation{kind, fmt.Sprintf(format, a...)})
}

// log gives a room's log; false, and a violation, where none was read.
func (c *checker) log(room string) (*roomLog, bool) {
	l := c.history.logs[room]
	return l, l != nil
}

// at gives the entry of a log at a position; nil where there is none.
func (l *roomLog) at(seq int) *logEntry {
	if seq < 1 || seq > len(l.entries) || l.entries[seq-1].seq != seq {
		return nil
	}
	return &l.entries[seq-1]
}

// checkLog demands that a log is dense, that it has nothing that nobody sent and
// nothing twice, and that the room's messages are those of its log.
func (c *checker) checkLog(l *roomLog) {
	name := l.room.name
	if l.logID != l.room.logID {
		c.blame("log: another id", "%s: the log was %s and is %s", name, l.room.logID, l.logID)
	}
	if last := len(l.entries); l.lastSeq != last && (last == 0 || l.entries[last-1].seq != l.lastSeq) {
		c.blame("log: lastSeq", "%s: lastSeq is %d, and the log has %d entries", name, l.lastSeq, last)
	}
	c.checkTimes(l)
	c.checkPresent(l)
	byKey := map[sendKey]int{}
	byID := map[string]int{}
	var messages []message
	for i, e := range l.entries {
		before := 0
		if i > 0 {
			before = l.entries[i-1].seq
		}
		if e.seq != before+1 {
			c.blame("log: not dense", "%s: %d follows after %d", name, e.seq, before)
		}
		if e.kind != messagePosted {
			continue
		}
		messages = append(messages, message{e.message, e.key, e.seq, e.state})
		k := sendKey{e.author, l.room.id, e.key}
		if other, twice := byKey[k]; twice {
			c.blame("log: a key twice", "%s: %d and %d are messages of one author under the key %q", name, other, e.seq, e.key)
		}
		byKey[k] = e.seq
		if other, twice := byID[e.message]; twice {
			c.blame("log: a message twice", "%s: %d and %d both post %s", name, other, e.seq, e.message)
		}
		byID[e.message] = e.seq
		if c.history.asked[k] == nil {
			c.blame("log: nobody sent it", "%s: %d is %v, by %s", name, e.seq, e.entry, e.author)
		}
	}
	if l.room.flooded {
		return
	}
	for way, walked := range map[string][]message{"forward": l.forward, "back": l.backward} {
		if !slices.Equal(walked, messages) {
			at := 0
			for at < min(len(walked), len(messages)) && walked[at] == messages[at] {
				at++
			}
			c.blame("messages: not the log's", "%s: walking %s gives %d messages, of which the first %d agree with the %d of the log",
				name, way, len(walked), at, len(messages))
		}
	}
}

// checkAnswers demands that what was acknowledged is there, and that all answers
// for a key agree.
func (c *checker) checkAnswers() {
	byKey := map[sendKey][]answer{}
	for _, a := range c.history.answers {
		byKey[a.sendKey] = append(byKey[a.sendKey], a)
		c.checkAcknowledged(a)
	}
	for _, answers := range byKey {
		c.checkAgreement(answers)
	}
}

func (c *checker) checkAcknowledged(a answer) {
	c.checkMade(a)
	if a.text != a.sent && !a.replayed {
		c.blame("answer: another text", "%q was sent under %q, and the answer has %q", a.sent, a.key, a.text)
	}
	l, ok := c.log(a.room)
	if !ok {
		return
	}
	e := l.at(a.seq)
	switch {
	case e == nil:
		c.blame("answer: lost", "%s: %q was acknowledged as %s at %d, where the log has nothing", l.room.name, a.sent, a.id, a.seq)
	case e.kind != messagePosted || e.message != a.id || e.key != a.key || e.author != a.author:
		c.blame("answer: lost", "%s: %q was acknowledged as %s at %d, where the log has %v", l.room.name, a.sent, a.id, a.seq, e.entry)
	}
}

// checkAgreement takes all answers for one key.
func (c *checker) checkAgreement(answers []answer) {
	slices.SortFunc(answers, func(a, b answer) int { return cmp.Compare(a.ended, b.ended) })
	one := answers[0]
	posted := 0
	for _, a := range answers {
		if a.id != one.id || a.seq != one.seq {
			c.blame("answer: not the same again", "%q under %q was acknowledged as %s at %d, and again as %s at %d",
				a.sent, a.key, one.id, one.seq, a.id, a.seq)
		}
		if !a.replayed {
			posted++
			if one.ended < a.began {
				c.blame("answer: not called replayed", "%q under %q had been acknowledged, and the next answer does not say so", a.sent, a.key)
			}
		}
		if a.replayed && a.alone {
			c.blame("answer: called replayed", "%q was the first under %q, and the answer says replayed", a.sent, a.key)
		}
	}
	if posted > 1 {
		c.blame("answer: posted twice", "%d answers for %q under %q say that they posted it", posted, one.sent, one.key)
	}
}

// checkPages demands that what is pulled is the log, with all that was known.
func (c *checker) checkPages() {
	for _, p := range c.history.pages {
		l, ok := c.log(p.room)
		if !ok {
			continue
		}
		at := p.after
		for _, e := range p.entries {
			if e.seq != at+1 {
				c.blame("page: not dense", "%s: %s read after %d and got %d after %d", l.room.name, p.reader, p.after, e.seq, at)
			}
			at = e.seq
			c.compare(l, p.reader, e)
			c.checkGone(l, p.reader, p.began, e)
		}
		if p.endSeq != at {
			c.blame("page: endSeq", "%s: %s read up to %d after %d, and endSeq is %d", l.room.name, p.reader, at, p.after, p.endSeq)
		}
		if len(p.entries) > p.first {
			c.blame("page: too long", "%s: %s asked for %d entries and got %d", l.room.name, p.reader, p.first, len(p.entries))
		}
		if reach := min(p.floor, p.after+p.first); at < reach {
			c.blame("page: not all", "%s: %s read %d entries after %d and got them up to %d, when %d was known", l.room.name, p.reader, p.first, p.after, at, p.floor)
		}
		if !p.more && at < p.floor {
			c.blame("page: called the last", "%s: %s was told that nothing follows %d, when %d was known", l.room.name, p.reader, at, p.floor)
		}
	}
}

// checkGone demands that who asks after a deletion was acknowledged is told nothing of
// what the message said.
func (c *checker) checkGone(l *roomLog, who string, began int64, e *entry) {
	if at, ok := c.gone[e.message]; ok && at < began && (e.text != "" || !e.deleted) {
		c.blame("deleted: told again", "%s: %s asked when the deletion of %s had been acknowledged, and was told of %v", l.room.name, who, e.message, *e)
	}
}

// checkHeads demands that lastSeq never goes back.
func (c *checker) checkHeads() {
	for _, d := range c.history.heads {
		if d.lastSeq < d.floor {
			c.blame("lastSeq: went back", "%s: %s read %d, when %d was known", c.history.rooms[d.room].name, d.reader, d.lastSeq, d.floor)
		}
	}
}

// checkMoves demands that the log tells once of who came or left.
func (c *checker) checkMoves() {
	for _, m := range c.history.moves {
		l, ok := c.log(m.room)
		if !ok {
			continue
		}
		told := 0
		for seq := m.after + 1; seq <= m.until; seq++ {
			if e := l.at(seq); e != nil && e.kind == m.kind && e.member == m.person {
				told++
			}
		}
		if told != 1 {
			c.blame("member: not told once", "%s: %s was acknowledged, and the log tells %d times of it from %d to %d", l.room.name, m.kind, told, m.after, m.until)
		}
	}
}

// compare demands that an entry that somebody was told of is the log's.
func (c *checker) compare(l *roomLog, who string, e *entry) {
	if c.checked[e] {
		return
	}
	c.checked[e] = true
	told := *e
	if l.room.flooded {
		told = told.timeless()
	}
	c.checkState(l, who, told)
	switch in := l.at(e.seq); {
	case in == nil:
		c.blame("entry: not in the log", "%s: %s was told of %v, and the log has nothing there", l.room.name, who, *e)
	case in.same() != told.same():
		c.blame("entry: not the log's", "%s: %s was told of %v, and the log has %v", l.room.name, who, *e, in.entry)
	}
}
