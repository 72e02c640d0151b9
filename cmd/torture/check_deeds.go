package main

import (
	"cmp"
	"maps"
	"slices"
)

// life is what the log says of one message, and what it said.
type life struct {
	log     *roomLog
	entries []logEntry
	// texts are what it said, by the entry that wrote it, as far as anybody was told.
	texts map[int]string
}

// livesOf gives the messages of the logs by their ids.
func livesOf(h *history) map[string]*life {
	lives := map[string]*life{}
	for _, l := range h.logs {
		for _, e := range l.entries {
			if e.message == "" {
				continue
			}
			of := lives[e.message]
			if of == nil {
				of = &life{log: l, texts: map[int]string{}}
				lives[e.message] = of
			}
			of.entries = append(of.entries, e)
		}
	}
	return lives
}

// gone gives the moments when the deletion of messages was first acknowledged.
func gone(deeds []deed) map[string]int64 {
	at := map[string]int64{}
	for _, d := range deeds {
		if first, known := at[d.message]; d.kind == messageDeleted && d.code == "" && (!known || d.ended < first) {
			at[d.message] = d.ended
		}
	}
	return at
}

// last is the newest entry.
func (l *life) last() logEntry { return l.entries[len(l.entries)-1] }

// deletedAt gives the entry that deleted it; 0 for none.
func (l *life) deletedAt() int { return l.count(messageDeleted, func(e logEntry) int { return e.seq }) }

// count adds up what the entries of a kind give.
func (l *life) count(kind string, of func(logEntry) int) (sum int) {
	for _, e := range l.entries {
		if e.kind == kind {
			sum += of(e)
		}
	}
	return sum
}

// textSeq gives the newest entry up to a position that wrote or took its text.
func (l *life) textSeq(at int) (seq int, deleted bool) {
	for _, e := range l.entries {
		if e.seq <= at && (e.kind == messagePosted || e.kind == messageEdited || e.kind == messageDeleted) {
			seq, deleted = e.seq, e.kind == messageDeleted
		}
	}
	return seq, deleted
}

// checkState demands that a message, as an entry was told with it, is what it was at
// one moment of the log: not before that entry, and with the text of that moment.
func (c *checker) checkState(l *roomLog, who string, e entry) {
	of := c.lives[e.message]
	if of == nil {
		return // compare says so where there should be one
	}
	if e.changedSeq < e.seq {
		c.blame("state: older than its entry", "%s: %s was told of %v", l.room.name, who, e)
	}
	c.checkMoment(l, who, of, e)
	if last := of.last(); last.seq == e.seq && e.state != last.state {
		c.blame("state: not what it is in the end", "%s: %s was told of %v, its last entry, and a query gives %v", l.room.name, who, e, last.state)
	}
}

func (c *checker) checkMoment(l *roomLog, who string, of *life, e entry) {
	if !slices.ContainsFunc(of.entries, func(in logEntry) bool { return in.seq == e.changedSeq }) {
		c.blame("state: changedSeq", "%s: %s was told of %v, and no entry of the message has that changedSeq", l.room.name, who, e)
	}
	textSeq, deleted := of.textSeq(e.changedSeq)
	if e.textSeq != textSeq || e.deleted != deleted {
		c.blame("state: textSeq", "%s: %s was told of %v, and by the log its textSeq was %d, deleted %t", l.room.name, who, e, textSeq, deleted)
	}
	if deleted && e.text != "" {
		c.blame("deleted: not gone", "%s: %s was told of %v", l.room.name, who, e)
	}
	c.checkMomentTimes(l, who, of, e)
	if !e.deleted {
		c.learn(l, of, e.textSeq, e.text)
	}
}

// learn notes what a message said; a place has one text for all.
func (c *checker) learn(l *roomLog, of *life, at int, text string) {
	if other, known := of.texts[at]; known && other != text {
		c.blame("state: two texts", "%s: what %d wrote was %q to one and %q to another", l.room.name, at, other, text)
		return
	}
	of.texts[at] = text
}

// checkDeeds demands that each message is, in the end, what its entries and what was
// acknowledged make of it.
func (c *checker) checkDeeds() {
	deeds := map[string][]deed{}
	for _, d := range c.history.deeds {
		deeds[d.message] = append(deeds[d.message], d)
		c.checkDeed(d)
	}
	c.learnAll()
	for _, id := range slices.Sorted(maps.Keys(c.lives)) {
		of := c.lives[id]
		c.checkReplay(of)
		c.checkTexts(of, deeds[id])
		c.checkReactions(of, deeds[id])
		c.checkVotes(of, deeds[id])
		c.checkPins(of, deeds[id])
		c.checkNotice(of, deeds[id])
	}
}

// learnAll looks through all that was told for what messages said.
func (c *checker) learnAll() {
	for _, l := range c.history.logs {
		for _, e := range l.entries {
			c.checkState(l, "the manager, in the end,", e.entry)
		}
		for _, m := range l.forward {
			of, d := c.lives[m.id], l.details[m.id]
			if of == nil || m.deleted || len(d.texts) == 0 {
				continue
			}
			at := 0
			for _, e := range of.entries {
				if (e.kind == messagePosted || e.kind == messageEdited) && at < len(d.texts) {
					c.learn(l, of, e.seq, d.texts[at])
					at++
				}
			}
		}
	}
	for _, s := range c.history.streams {
		for _, step := range s.steps {
			if l, ok := c.log(s.room); ok && step.entry != nil {
				c.compare(l, s.listener, step.entry)
			}
		}
	}
}

// checkDeed takes an answer by itself.
func (c *checker) checkDeed(d deed) {
	of := c.lives[d.message]
	if of == nil {
		return // the message was lost, which its answer tells
	}
	l := of.log
	switch {
	case d.code == "" && d.kind == messageDeleted && of.deletedAt() == 0:
		c.blame("deed: lost", "%s: the deletion of %s was acknowledged, and the log has none", l.room.name, d.message)
	case d.code == "":
		c.checkMoment(l, d.person, of, entry{seq: d.told.changedSeq, kind: d.kind, message: d.message, state: d.told})
	case d.code == unknown:
	case d.code != "CONFLICT" || d.kind == messageDeleted || d.kind == messageUnpinned || d.kind == reactionRemoved:
		c.blame("deed: refused", "%s: %v", l.room.name, d)
	case d.kind == pollVoted && d.over:
	case d.kind == messageEdited || d.kind == noticeConfirmed:
		if now, _ := of.textSeq(of.last().seq); now == d.guard && of.deletedAt() == 0 {
			c.blame("deed: refused", "%s: %v, and there is no other text in the end", l.room.name, d)
		}
	case of.deletedAt() == 0:
		c.blame("deed: refused", "%s: %v, and it was not deleted", l.room.name, d)
	}
}

// checkReplay demands that the entries of a message follow one from the other, and
// that it has what they make of it.
func (c *checker) checkReplay(of *life) {
	l, first, last := of.log, of.entries[0], of.last()
	reacted := map[string][]string{}
	pinned, closed := false, false
	for i, e := range of.entries {
		person := slices.Index(reacted[e.emoji], e.actor)
		switch {
		case (e.kind == messagePosted) != (i == 0):
			c.blame("log: not posted first", "%s: %d is %v", l.room.name, i, e.entry)
		case of.entries[max(0, i-1)].kind == messageDeleted:
			c.blame("log: after a deletion", "%s: %d is %v", l.room.name, e.seq, e.entry)
		case e.kind == messagePinned && pinned, e.kind == messageUnpinned && !pinned, e.kind == pollClosed && closed,
			e.kind == reactionAdded && person >= 0, e.kind == reactionRemoved && person < 0:
			c.blame("log: changes nothing", "%s: %d is %v", l.room.name, e.seq, e.entry)
		case e.kind == reactionAdded:
			reacted[e.emoji] = append(reacted[e.emoji], e.actor)
		case e.kind == reactionRemoved:
			reacted[e.emoji] = slices.Delete(reacted[e.emoji], person, person+1)
		case e.kind == messagePinned, e.kind == messageUnpinned:
			pinned = e.kind == messagePinned
		case e.kind == pollVoted && closed:
			c.blame("votes: after the end", "%s: %d is %v, in a poll that has ended", l.room.name, e.seq, e.entry)
		case e.kind == pollClosed:
			closed = true
		}
	}
	if last.changedSeq != last.seq {
		c.blame("state: changedSeq", "%s: %s has changedSeq %d in the end, and its last entry is %d", l.room.name, first.message, last.changedSeq, last.seq)
	}
	maps.DeleteFunc(reacted, func(_ string, who []string) bool { return len(who) == 0 })
	if last.kind == messageDeleted {
		clear(reacted)
	}
	if d, ok := l.details[first.message]; ok && !maps.EqualFunc(reacted, d.reacted, sameSet) {
		c.blame("reactions: not the log's", "%s: %s has %v, and by its log %v", l.room.name, first.message, d.reacted, reacted)
	}
	if told := last.reactions(); !l.room.flooded && !sameSet(told, counted(reacted)) {
		c.blame("reactions: another count", "%s: %s has %v, and by its log %v", l.room.name, first.message, told, reacted)
	}
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// checkTexts demands that each text is one that somebody asked for, once, and in place
// of the one that they saw; and that what was acknowledged was there.
func (c *checker) checkTexts(of *life, deeds []deed) {
	l, first, last := of.log, of.entries[0], of.last()
	if asked := c.history.asked[sendKey{first.author, l.room.id, first.key}]; asked != nil {
		if text, known := of.texts[first.seq]; known && text != asked.text {
			c.blame("log: another text", "%s: %d says %q, and what was sent says %q", l.room.name, first.seq, text, asked.text)
		}
	}
	edits := map[string]deed{}
	for _, d := range deeds {
		if d.kind == messageEdited {
			edits[d.text] = d
		}
	}
	found := map[string]bool{}
	for _, at := range slices.Sorted(maps.Keys(of.texts)) {
		text := of.texts[at]
		if at == first.seq {
			continue
		}
		d, asked := edits[text]
		switch before, _ := of.textSeq(at - 1); {
		case !asked:
			c.blame("edit: nobody asked", "%s: %s says %q since %d", l.room.name, first.message, text, at)
		case found[text]:
			c.blame("edit: twice", "%s: %s says %q since %d, and did before", l.room.name, first.message, text, at)
		case d.guard != before:
			c.blame("edit: over another", "%s: %s says %q since %d, for the text of %d, when there was that of %d", l.room.name, first.message, text, at, d.guard, before)
		}
		found[text] = true
	}
	kept := l.details[first.message].texts
	if n := of.count(messageEdited, func(logEntry) int { return 1 }); !last.deleted && len(kept) < 50 && l.details != nil && n != len(kept) {
		c.blame("edit: entries", "%s: %s has %d earlier texts, and its log %d edits", l.room.name, first.message, len(kept), n)
	}
	if last.deleted && len(kept) > 0 {
		c.blame("deleted: not gone", "%s: %s has earlier texts: %q", l.room.name, first.message, kept)
	}
	for text, d := range edits {
		if d.code == "" && !found[text] && !last.deleted {
			c.blame("deed: lost", "%s: %v was acknowledged, and %s never said so", l.room.name, d, first.message)
		}
	}
}

// checkReactions demands that what each person did last with an emoji stands.
func (c *checker) checkReactions(of *life, deeds []deed) {
	d, ok := of.log.details[of.entries[0].message]
	if !ok || of.last().deleted {
		return
	}
	type mark struct{ person, emoji string }
	lastly, unsure := map[mark]deed{}, map[mark]bool{}
	for _, one := range inOrder(deeds) {
		if m := (mark{one.person, one.emoji}); one.emoji != "" {
			lastly[m], unsure[m] = one, unsure[m] || one.tries > 1
		}
	}
	for m, one := range lastly {
		if unsure[m] {
			continue
		}
		if there := slices.Contains(d.reacted[m.emoji], m.person); one.code == "" && there != (one.kind == reactionAdded) {
			c.blame("deed: lost", "%s: %v was acknowledged last, and the reactions are %v", of.log.room.name, one, d.reacted)
		}
	}
}

// inOrder gives deeds in the order in which they ended, which is that of each person.
func inOrder(deeds []deed) []deed {
	return slices.SortedFunc(slices.Values(deeds), func(a, b deed) int { return cmp.Compare(a.ended, b.ended) })
}
