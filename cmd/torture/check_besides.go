package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// checkPresent demands that people write and change things in a room between their coming
// and their leaving alone.
func (c *checker) checkPresent(l *roomLog) {
	if l.room.flooded {
		return
	}
	in := map[string]bool{}
	for _, e := range l.entries {
		switch who := e.actor; {
		case e.kind == memberJoined || e.kind == memberLeft:
			if in[e.member] == (e.kind == memberJoined) {
				c.blame("log: changes nothing", "%s: %d is %v, who was there: %t", l.room.name, e.seq, e.entry, in[e.member])
			}
			in[e.member] = e.kind == memberJoined
		case who != "" && !in[who]:
			c.blame("member: writes", "%s: %d is %v, by somebody who was not there", l.room.name, e.seq, e.entry)
		}
	}
	if l.present != nil {
		there := map[string]bool{}
		for _, who := range l.present {
			there[who] = true
		}
		for who, is := range in {
			if is != there[who] {
				c.blame("member: not the log's", "%s: by the log %s is there: %t, and by the participants not", l.room.name, who, is)
			}
		}
	}
}

// reactions are those of a state, with their counts.
func (s state) reactions() []string {
	var all []string
	for part := range strings.SplitSeq(s.had, ", ") {
		if part != "" && !strings.HasPrefix(part, "voted: ") {
			all = append(all, part)
		}
	}
	return all
}

func counted(reacted map[string][]string) []string {
	var all []string
	for emoji, who := range reacted {
		all = append(all, fmt.Sprintf("%s %d", emoji, len(who)))
	}
	return all
}

// checkPins demands that what was pinned or unpinned last stands.
func (c *checker) checkPins(of *life, deeds []deed) {
	var last *deed
	for _, one := range inOrder(deeds) {
		if one.kind != messagePinned && one.kind != messageUnpinned {
			continue
		}
		if one.tries > 1 {
			return
		}
		if one.code == "" {
			last = &one
		}
	}
	if e := of.last(); last != nil && !e.deleted && (e.pinned != 0) != (last.kind == messagePinned) {
		c.blame("deed: lost", "%s: %v was acknowledged last, and it was pinned at %v", of.log.room.name, *last, e.pinned)
	}
}

// checkNotice demands that the apartments have confirmed a notice for which somebody has
// who lives there, since its text is what it is, and no others.
func (c *checker) checkNotice(of *life, deeds []deed) {
	l, first := of.log, of.entries[0]
	d := l.details[first.message]
	if d.notice == nil || of.last().deleted {
		return
	}
	textSeq, _ := of.textSeq(of.last().seq)
	asked, sure, perhaps := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, homes := range c.history.homes {
		for _, home := range homes {
			asked[home] = true
		}
	}
	for _, one := range deeds {
		if one.kind != noticeConfirmed || one.guard != textSeq {
			continue
		}
		for _, home := range c.history.homes[one.person] {
			sure[home] = sure[home] || one.code == ""
			perhaps[home] = perhaps[home] || one.code == "" || one.code == unknown || one.tries > 1
		}
	}
	confirmed := 0
	for home := range asked {
		is := !slices.Contains(d.notice.outstanding, home)
		if is {
			confirmed++
		}
		if is && !perhaps[home] || !is && sure[home] {
			c.blame("notice: not as confirmed", "%s: %s: %s has confirmed it: %t; it was acknowledged: %t", l.room.name, first.message, home, is, sure[home])
		}
	}
	if d.notice.apartments != len(asked) || d.notice.confirmed != confirmed {
		c.blame("notice: another count", "%s: %s has %d of %d, and %d of %d have confirmed it",
			l.room.name, first.message, d.notice.confirmed, d.notice.apartments, confirmed, len(asked))
	}
	told := of.count(noticeConfirmed, func(e logEntry) int {
		if e.seq > textSeq {
			return 1
		}
		return 0
	})
	if told > confirmed || told == 0 && confirmed > 0 {
		c.blame("notice: entries", "%s: the log of %s tells %d times of confirmations, of %d apartments", l.room.name, first.message, told, confirmed)
	}
}

// checkBesides demands that messages answer and name what they were sent with, and that
// answers are counted.
func (c *checker) checkBesides() {
	for _, id := range sortedKeys(c.history.logs) {
		l := c.history.logs[id]
		if l.room.flooded {
			continue
		}
		answers := map[string]int{}
		for _, m := range l.forward {
			d := l.details[m.id]
			answers[d.answers]++
			c.checkSentWith(l, m, d)
		}
		for _, m := range l.forward {
			if d := l.details[m.id]; d.answered != answers[m.id] {
				c.blame("answers: another count", "%s: %s has %d answers, and there are %d", l.room.name, m.id, d.answered, answers[m.id])
			}
		}
		c.checkRoom(l)
	}
}

func (c *checker) checkSentWith(l *roomLog, m message, d detail) {
	of := c.lives[m.id]
	if of == nil {
		return // checkLog says so
	}
	more := c.history.moreOf(l, of.entries[0])
	to, _ := more["replyTo"].(string)
	if d.answers != to {
		c.blame("answers: another message", "%s: %s answers %q, and was sent as an answer to %q", l.room.name, m.id, d.answers, to)
	}
	if other := c.lives[to]; other != nil && other.last().deleted && d.answersText != "" {
		c.blame("deleted: not gone", "%s: %s answers one that was deleted, and says %q of it", l.room.name, m.id, d.answersText)
	}
	if from, _ := more["apartment"].(string); d.apartment != from && !m.deleted {
		c.blame("apartment: another one", "%s: %s was written from %q, and sent from %q", l.room.name, m.id, d.apartment, from)
	}
	var names []string
	if mentions, ok := more["mentions"].([]variables); ok && !m.deleted && m.textSeq == m.seq {
		for _, one := range mentions {
			names = append(names, fmt.Sprintf("%s %d %d", one["user"], one["start"], one["length"]))
		}
	}
	if !slices.Equal(names, d.mentions) {
		c.blame("mentions: others", "%s: %s names %q, and was to name %q", l.room.name, m.id, d.mentions, names)
	}
}

// checkRoom demands that a room's last message and pins are those of its log.
func (c *checker) checkRoom(l *roomLog) {
	if n := len(l.forward); n > 0 && l.lastMessage != l.forward[n-1].id {
		c.blame("room: lastMessage", "%s: it is %s, and the last of its messages is %s", l.room.name, l.lastMessage, l.forward[n-1].id)
	}
	var pinned []message
	for _, m := range l.forward {
		if m.pinned != 0 {
			pinned = append(pinned, m)
		}
	}
	slices.SortStableFunc(pinned, func(a, b message) int { return cmp.Or(cmp.Compare(b.pinned, a.pinned), b.seq-a.seq) })
	var ids []string
	for _, m := range pinned {
		ids = append(ids, m.id)
	}
	if !slices.Equal(ids, l.pinned) {
		c.blame("pins: not the messages'", "%s: pinned are %v, and by the messages %v", l.room.name, l.pinned, ids)
	}
}
