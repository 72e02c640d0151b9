package main

import (
	"context"
	"encoding/json"
	"time"
)

// hidden has b keep to themselves whether they are there and how far they have read, and want
// to hear nothing of a room.
func (h *house) hidden(ctx context.Context) error {
	_, seq, err := h.send(ctx, h.a, h.community, "For all to read", nil)
	if err != nil {
		return err
	}
	err = every(
		func() error { return h.marked(ctx, seq) },
		func() error { return h.done(ctx, h.b, hideDocument, nil) },
		func() error { return h.done(ctx, h.b, silenceDocument, variables{"room": h.community}) },
		func() error { return h.named(ctx) },
		func() error { _, _, err := h.send(ctx, h.a, h.rooms["ANNOUNCEMENTS"].id, "Hear", nil); return err },
	)
	if err != nil {
		return err
	}
	var got struct {
		Node *struct{ Presence *struct{ Online bool } }
		Room *struct {
			Participants struct {
				Nodes []struct {
					User    *idJSON
					ReadSeq *int
				}
			}
		}
	}
	if err := h.call(ctx, h.a, hiddenDocument, variables{"id": h.b.id, "room": h.community}, &got); err != nil {
		return err
	}
	if got.Node == nil || got.Node.Presence != nil {
		h.blame("hidden: told", "somebody does not share their presence, and others are told %+v", got.Node)
	}
	for _, p := range got.Room.Participants.Nodes {
		if p.User != nil && p.User.ID == h.b.id && p.ReadSeq != nil {
			h.blame("hidden: told", "somebody does not share how far they have read, and others are told of %d", *p.ReadSeq)
		}
	}
	var waits struct {
		Viewer struct {
			UnreadCount int
			Rooms       struct {
				Nodes []struct {
					ID                string
					ViewerUnreadCount int
				}
			}
		}
	}
	if err := h.call(ctx, h.b, waitingDocument, nil, &waits); err != nil {
		return err
	}
	sum := 0
	for _, r := range waits.Viewer.Rooms.Nodes {
		if r.ID != h.community {
			sum += r.ViewerUnreadCount
		} else if r.ViewerUnreadCount != 1 {
			h.blame("unread: another count", "one message was said since somebody had read all, and %d are unread", r.ViewerUnreadCount)
		}
	}
	if waits.Viewer.UnreadCount != sum {
		h.blame("unread: another sum", "somebody is told of %d in all rooms that they want to hear of, and of %d in each of them", waits.Viewer.UnreadCount, sum)
	}
	return nil
}

// named has a name b, who has blocked them for a moment: it counts when that is over.
func (h *house) named(ctx context.Context) error {
	const name = "@New Comer"
	counts := func(want int) error {
		var got struct {
			Room struct{ ViewerMentionCount int }
		}
		err := h.call(ctx, h.b, readingDocument, variables{"room": h.community}, &got)
		if err == nil && got.Room.ViewerMentionCount != want {
			h.blame("blocked: mentions", "somebody was named by whom they had blocked, or no more, and is told of %d mentions, not %d", got.Room.ViewerMentionCount, want)
		}
		return err
	}
	return every(
		func() error { return h.done(ctx, h.b, blockDocument, variables{"user": h.a.id}) },
		func() error {
			mentions := []variables{{"user": h.b.id, "start": 0, "length": units(name)}}
			_, _, err := h.send(ctx, h.a, h.community, name+", read this, too", variables{"mentions": mentions})
			return err
		},
		func() error { return counts(0) },
		func() error { return h.done(ctx, h.b, unblockDocument, variables{"user": h.a.id}) },
		func() error { return counts(1) },
	)
}

// toldTime is within what a person's other devices are told of what they did on one, where
// nothing is broken: it is a signal, and the machine is busy.
const toldTime = 5 * time.Second

// marked has b read a room to a position, of which their other device is told, on whichever
// node that is.
func (h *house) marked(ctx context.Context, seq int) error {
	node := h.random.IntN(len(h.b.client.to.urls))
	door := newSocketDoor(h.b.client.to.only(node), h.b.client.token)
	defer door.close()
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	s, err := door.subscribe(ctx, inboxSource, variables{"after": []variables{}})
	if err != nil {
		return errNotKnown
	}
	began := h.history.since()
	hear := func(ctx context.Context, what string) (heard bool) {
		for {
			data, err := s.next(ctx)
			if err != nil {
				return false
			}
			var got struct{ Update inboxUpdate }
			if json.Unmarshal(data, &got) == nil && got.Update.Typename == what {
				return true
			}
		}
	}
	if !hear(ctx, "CaughtUp") {
		return errNotKnown
	}
	if err := h.done(ctx, h.b, markDocument, variables{"room": h.community, "seq": seq}); err != nil {
		return err
	}
	waiting, stop := context.WithTimeout(ctx, toldTime)
	defer stop()
	if !hear(waiting, "ViewerRoomChanged") && waiting.Err() != nil && ctx.Err() == nil && !h.history.troubled(began) {
		h.blame("inbox: not told", "somebody has read a room, while nothing was broken, and their device at node %d was not told in %v", node+1, toldTime)
	}
	return nil
}
