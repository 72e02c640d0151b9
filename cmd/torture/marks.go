package main

import (
	"context"
	"fmt"
)

// place is a person in a room.
type place struct{ person, room string }

// reading is what somebody is told in the end of how far they have read.
type reading struct {
	place
	seq, unread int
	first       int // the position of the first message that is unread; 0 for none
}

// mark says that a person has read a room to the end, and now and then, as an older device
// might, only up to somewhere before.
func (d *doer) mark(ctx context.Context, r *room) {
	d.markAt(ctx, r, r.head())
	if d.random.IntN(3) == 0 {
		d.markAt(ctx, r, d.random.IntN(r.head()+1))
	}
}

func (d *doer) markAt(ctx context.Context, r *room, seq int) {
	var none struct{}
	if err := d.person.client.insist(ctx, markDocument, variables{"room": r.id, "seq": seq}, &none); err != nil {
		if ctx.Err() == nil {
			d.history.blame(violation{"read mark: refused", fmt.Sprintf("%s, %s up to %d: %v", d.person.name, r.name, seq, err)})
		}
		return
	}
	d.counts.marks.Add(1)
	d.history.mu.Lock()
	defer d.history.mu.Unlock()
	at := place{d.person.id, r.id}
	d.history.marks[at] = max(d.history.marks[at], seq)
}

// surveyMarks reads how far somebody has read a room.
func surveyMarks(ctx context.Context, p *person, r *room) (reading, error) {
	var got struct {
		Room struct {
			ViewerReadSeq, ViewerUnreadCount int
			ViewerFirstUnread                *struct{ Seq int }
		}
	}
	err := p.client.insist(ctx, readingDocument, variables{"room": r.id}, &got)
	one := reading{place: place{p.id, r.id}, seq: got.Room.ViewerReadSeq, unread: got.Room.ViewerUnreadCount}
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
		if marked := c.history.marks[r.place]; r.seq < marked {
			c.blame("read mark: lost", "%s: %s has read up to %d, and had up to %d", l.room.name, r.person, r.seq, marked)
		}
		unread, first := 0, 0
		for _, e := range l.entries[min(len(l.entries), max(0, r.seq)):] {
			if e.kind != messagePosted || e.author == r.person || e.deleted {
				continue
			}
			if unread++; first == 0 {
				first = e.seq
			}
		}
		if r.unread != unread {
			c.blame("unread: another count", "%s: %s is told of %d after %d, and the log has %d", l.room.name, r.person, r.unread, r.seq, unread)
		}
		if r.first != first {
			c.blame("unread: another first", "%s: %s is told of %d after %d, and the log has %d", l.room.name, r.person, r.first, r.seq, first)
		}
	}
}
