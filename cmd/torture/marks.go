package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// place is a person in a room.
type place struct{ person, room string }

// reading is what somebody is told in the end of how far they have read.
type reading struct {
	place
	seq, unread int
	first       int // the position of the first message that is unread; 0 for none
	mentions    int // those that name them, and notices
	// total is what waits in all rooms, and sum what the rooms say of that.
	total, sum int
}

// mark says that a person has read a room to the end, and now and then, as an older device
// might, only up to somewhere before, or as one with a fault, beyond it, which is its end.
func (d *doer) mark(ctx context.Context, r *room) {
	d.markAt(ctx, r, r.head())
	if d.random.IntN(3) == 0 {
		d.markAt(ctx, r, d.random.IntN(r.head()+1))
	}
	if d.random.IntN(4) == 0 {
		d.markAt(ctx, r, r.head()+beyond)
	}
}

// beyond is by how much a mark is beyond the end of a log.
const beyond = 1_000_000

func (d *doer) markAt(ctx context.Context, r *room, seq int) {
	var none struct{}
	at := place{d.person.id, r.id}
	d.history.mu.Lock()
	d.history.furthest[at] = max(d.history.furthest[at], seq)
	d.history.mu.Unlock()
	if err := d.person.client.insist(ctx, markDocument, variables{"room": r.id, "seq": seq}, &none); err != nil {
		if ctx.Err() == nil {
			d.history.blame(violation{"read mark: refused", fmt.Sprintf("%s, %s up to %d: %v", d.person.name, r.name, seq, err)})
		}
		return
	}
	d.counts.marks.Add(1)
	if seq >= beyond {
		seq -= beyond
	}
	d.history.mu.Lock()
	defer d.history.mu.Unlock()
	d.history.marks[at] = max(d.history.marks[at], seq)
}

// surveyMarks reads how far somebody has read a room.
func surveyMarks(ctx context.Context, p *person, r *room) (reading, error) {
	var got struct {
		Room struct {
			ViewerReadSeq, ViewerUnreadCount, ViewerMentionCount int
			ViewerFirstUnread                                    *struct{ Seq int }
		}
		Viewer struct {
			UnreadCount int
			Rooms       struct {
				Nodes []struct{ ViewerUnreadCount int }
			}
		}
	}
	err := p.client.insist(ctx, readingDocument, variables{"room": r.id}, &got)
	one := reading{
		place: place{p.id, r.id}, seq: got.Room.ViewerReadSeq, unread: got.Room.ViewerUnreadCount, mentions: got.Room.ViewerMentionCount,
		total: got.Viewer.UnreadCount,
	}
	for _, other := range got.Viewer.Rooms.Nodes {
		one.sum += other.ViewerUnreadCount
	}
	if first := got.Room.ViewerFirstUnread; first != nil {
		one.first = first.Seq
	}
	return one, err
}

// checkMarks counts again what is unread, and demands that no mark went back.
func (c *checker) checkMarks() {
	for _, r := range c.history.readings {
		l, ok := c.log(r.room)
		if !ok {
			continue
		}
		came := l.came(r.person)
		if marked := max(c.history.marks[r.place], came-1); r.seq < marked {
			c.blame("read mark: lost", "%s: %s has read up to %d, and had up to %d", l.room.name, r.person, r.seq, marked)
		}
		if most := max(c.history.furthest[r.place], came-1); r.seq > most {
			c.blame("read mark: moved", "%s: %s has read up to %d, and never said so, but up to %d", l.room.name, r.person, r.seq, most)
		}
		if r.seq > l.lastSeq {
			c.blame("read mark: beyond the end", "%s: %s has read up to %d, and the log ends at %d", l.room.name, r.person, r.seq, l.lastSeq)
		}
		if told, shared := l.readBy[r.person]; shared && told != r.seq {
			c.blame("read mark: another one", "%s: %s has read up to %d, and others are told of %d", l.room.name, r.person, r.seq, told)
		}
		unread, first, mentions := 0, 0, 0
		for _, e := range l.entries[min(len(l.entries), max(0, r.seq)):] {
			if e.kind != messagePosted || e.author == r.person || e.deleted {
				continue
			}
			if unread++; first == 0 {
				first = e.seq
			}
			notice := c.history.moreOf(l, e)["notice"] == true
			if notice || slices.ContainsFunc(l.details[e.message].mentions, func(of string) bool { return strings.HasPrefix(of, r.person+" ") }) {
				mentions++
			}
		}
		if r.mentions != mentions {
			c.blame("unread: another count of mentions", "%s: %s is told of %d after %d, and the messages have %d", l.room.name, r.person, r.mentions, r.seq, mentions)
		}
		if r.total != r.sum {
			c.blame("unread: another sum", "%s is told of %d in all rooms, and of %d in each of them", r.person, r.total, r.sum)
		}
		if r.unread != unread {
			c.blame("unread: another count", "%s: %s is told of %d after %d, and the log has %d", l.room.name, r.person, r.unread, r.seq, unread)
		}
		if r.first != first {
			c.blame("unread: another first", "%s: %s is told of %d after %d, and the log has %d", l.room.name, r.person, r.first, r.seq, first)
		}
	}
}

// came gives where somebody came into a room the last time; 1 where the log does not say.
func (l *roomLog) came(who string) int {
	for _, e := range slices.Backward(l.entries) {
		if e.kind == memberJoined && e.member == who {
			return e.seq
		}
	}
	return 1
}
