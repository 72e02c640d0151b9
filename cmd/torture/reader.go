package main

import (
	"context"
	"math/rand/v2"
	"time"
)

// reader pulls a room's log page by page, as clients do that do not listen, and
// looks at where it stands.
type reader struct {
	name    string
	person  *person
	room    *room
	random  *rand.Rand
	history *history
	counts  *counts
}

func (r *reader) run(ctx context.Context, quiet <-chan struct{}) {
	after := 0
	for {
		select {
		case <-quiet:
			return
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(20+r.random.IntN(80)) * time.Millisecond):
		}
		if p, ok := readPage(ctx, r.name, r.person.client, r.history, r.room, after, 1+r.random.IntN(300)); ok {
			after = p.endSeq
			r.counts.pages.Add(1)
		}
		if r.random.IntN(20) == 0 {
			after = r.random.IntN(r.room.head() + 1)
		}
		r.look(ctx)
	}
}

// look reads where the room's log stands.
func (r *reader) look(ctx context.Context) {
	floor := r.room.head()
	var got struct{ Room *struct{ LastSeq int } }
	if r.person.client.call(ctx, headDocument, variables{"room": r.room.id}, &got) == nil && got.Room != nil {
		r.history.sawHead(head{r.name, r.room.id, floor, got.Room.LastSeq})
	}
}

// readPage reads a page of a log; false where there is no answer now.
func readPage(ctx context.Context, name string, c *client, h *history, r *room, after, first int) (page, bool) {
	p := page{reader: name, room: r.id, after: after, first: first, floor: r.head(), began: h.now()}
	var got struct{ Room *struct{ Events eventsJSON } }
	if err := c.call(ctx, eventsDocument, variables{"room": r.id, "after": after, "first": first}, &got); err != nil || got.Room == nil {
		return p, false
	}
	for _, e := range got.Room.Events.Nodes {
		p.entries = append(p.entries, r.told(e.entry()))
		r.saw(e.Seq)
	}
	p.endSeq, p.more = got.Room.Events.EndSeq, got.Room.Events.HasNextPage
	h.read(p)
	return p, true
}
