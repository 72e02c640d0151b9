package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// asker posts polls and notices now and then.
type asker struct {
	writer
	// house is the room of those who live in apartments, in which these vote and confirm.
	house *room
}

// pollKind is what a poll is like.
type pollKind struct {
	perApartment, multiple bool
	// closes is when it ends by itself; 0 for never.
	closes time.Duration
}

const (
	// pollPace leaves a poll the time to be voted in, and to be voted in again.
	pollPace = 1500 * time.Millisecond
	// pollTime is how long those are open that end by themselves.
	pollTime = 2 * time.Second
)

func (a *asker) run(ctx context.Context, quiet <-chan struct{}) {
	for n := 0; ; n++ {
		for _, r := range a.rooms {
			poll := variables{"question": "Which?", "options": []string{"this", "that", "neither"}, "multipleChoice": n%3 == 1, "perApartment": r == a.house && n%4 < 3}
			if n%4 == 3 {
				poll["closesAt"] = time.Now().Add(pollTime).UTC().Format(time.RFC3339Nano)
			}
			a.post(ctx, r, fmt.Sprintf("poll-%d", n), fmt.Sprintf("poll %d in %s", n, r.name), variables{"poll": poll})
			a.counts.polls.Add(1)
		}
		a.post(ctx, a.house, fmt.Sprintf("notice-%d", n), fmt.Sprintf("notice %d", n), variables{"notice": true})
		select {
		case <-quiet:
			return
		case <-ctx.Done():
			return
		case <-time.After(pollPace):
		}
	}
}

func (a *asker) post(ctx context.Context, r *room, key, text string, more variables) {
	_, _ = a.send(ctx, sendKey{a.person.id, r.id, key}, text, more, callTime)
}

// pollOf tells what a poll is like that is sent with a message.
func (h *history) pollOf(more variables) pollKind {
	poll, _ := more["poll"].(variables)
	kind := pollKind{perApartment: poll["perApartment"] == true, multiple: poll["multipleChoice"] == true}
	if text, ok := poll["closesAt"].(string); ok {
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
			kind.closes = at.Sub(h.began)
		}
	}
	return kind
}

// tooLate tells of a poll whose end came before it was posted.
func (h *history) tooLate(more variables) bool {
	closes := h.pollOf(more).closes
	return closes != 0 && h.since() > closes-clockTime
}

// pickNotice gives one of the newest notices; false where there is none.
func (r *room) pickNotice(random *rand.Rand) (target, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.notices) == 0 {
		return target{}, false
	}
	return oneOf(random, r.notices[max(0, len(r.notices)-2):]), true
}

// mostPins is how many messages of a room are pinned, more or less: fewer than may be.
const mostPins = 10

// pinOrConfirm pins a message, or takes a pin away, as managers may, and confirms a notice,
// as those do who live in apartments.
func (d *doer) pinOrConfirm(ctx context.Context, r *room) {
	if !d.manages {
		r = d.rooms[0] // where there are notices
		if t, ok := r.pickNotice(d.random); ok {
			d.do(ctx, r, t, deed{kind: noticeConfirmed, guard: d.guardOf(t)}, confirmDocument)
		}
		return
	}
	if d.pinned == nil {
		d.pinned = map[string][]target{}
	}
	pinned := d.pinned[r.id]
	if n := len(pinned); n > 0 && d.random.IntN(mostPins) < n {
		i := d.random.IntN(n)
		d.do(ctx, r, pinned[i], deed{kind: messageUnpinned}, unpinDocument)
		d.pinned[r.id] = append(pinned[:i:i], pinned[i+1:]...)
		return
	}
	if t, ok := r.pick(d.random, false, func(target) bool { return true }); ok {
		d.do(ctx, r, t, deed{kind: messagePinned}, pinDocument)
		d.pinned[r.id] = append(pinned, t)
	}
}

// pollPatience is how long after its end a poll is waited for in the end of a run: until all
// of them are closed, something is still written.
const pollPatience = 20 * time.Second

// awaitPolls waits until the polls of a room are closed that end by themselves.
func (s *stage) awaitPolls(ctx context.Context, r *room) {
	for _, t := range r.polls {
		for end := t.poll.closes; end != 0 && s.history.since() < end+pollPatience && ctx.Err() == nil; {
			if s.history.since() > end && over(ctx, s.world.manager.client, r, t) {
				break
			}
			sleep(ctx, 100*time.Millisecond)
		}
	}
}

// over tells whether a room's log has the end of a poll, or of its message.
func over(ctx context.Context, c *client, r *room, t target) bool {
	for after := t.seq; ; {
		var got struct{ Room struct{ Events eventsJSON } }
		if c.call(ctx, endsDocument, variables{"room": r.id, "after": after}, &got) != nil {
			return false
		}
		for _, e := range got.Room.Events.Nodes {
			if (e.Kind == pollClosed || e.Kind == messageDeleted) && e.Message != nil && e.Message.ID == t.id {
				return true
			}
		}
		if after = got.Room.Events.EndSeq; !got.Room.Events.HasNextPage {
			return false
		}
	}
}
