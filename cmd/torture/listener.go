package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// listener listens to a room, and comes back after every end of its stream.
type listener struct {
	name   string
	person *person
	room   *room
	// all tells roomEvents from messagePosted; alone asks for what depends on who asks,
	// too, so that the server works for this listener by itself.
	all, alone bool

	door   door
	temper temper
	random *rand.Rand

	history *history
	faults  *faults
	counts  *counts

	// seen is the newest position that it got.
	seen int
	// goal is where it has to get when all is quiet; noPosition until then.
	goal int
	// arrived says that it got there.
	arrived bool
}

// temper is how a listener behaves until it is quiet.
type temper struct {
	name string
	// nap is the longest pause after an update.
	nap time.Duration
	// wanders says that it starts anywhere in the past; fresh that it starts from now.
	wanders, fresh bool
	// leavesAfter is how many updates it takes at the most before it leaves and asks
	// anew, and leavesWithin how long it stays at the most; 0 where it stays.
	leavesAfter  int
	leavesWithin time.Duration
}

// stays says that nothing but the server ends a stream, until all was heard.
func (t temper) stays() bool { return !t.wanders && !t.fresh && t.leavesWithin == 0 }

var (
	steady   = temper{name: "steady"}
	slow     = temper{name: "slow", nap: 100 * time.Millisecond}
	wanderer = temper{name: "wandering", wanders: true, leavesAfter: 1500, leavesWithin: 2 * time.Second}
	flapper  = temper{name: "restless", leavesAfter: 12, leavesWithin: 60 * time.Millisecond}
	fresh    = temper{name: "forgetful", fresh: true, leavesAfter: 40, leavesWithin: 300 * time.Millisecond}
)

// run listens until ctx ends, or until it is quiet and all was heard.
func (l *listener) run(ctx context.Context, quiet <-chan struct{}) {
	defer l.door.close()
	hurry, cancel := until(ctx, quiet)
	defer cancel()
	for hurry.Err() == nil && !l.temper.stays() {
		l.listen(hurry, l.temper)
	}
	if l.temper.fresh {
		l.arrived = true // there is nothing that it waits for
		return
	}
	// Who stays has one stream from the noise into the quiet: nobody asks anew for what
	// does not come to it.
	t := l.temper
	if !t.stays() {
		select {
		case <-l.room.settled:
		case <-ctx.Done():
			return
		}
		t = steady
	}
	l.aim()
	for ctx.Err() == nil && !l.arrived {
		l.listen(ctx, t)
		l.aim()
	}
}

// aim finds out where the listener has to get, once that is known. CaughtUp is
// needed, too, where all is listened to.
func (l *listener) aim() {
	select {
	case <-l.room.settled:
	default:
		return
	}
	l.goal = l.room.lastMessage
	if l.all {
		l.goal = l.room.last
	}
	l.arrived = l.arrived || !l.all && l.seen >= l.goal
}

// until gives a context that ends with ctx, or when a channel is closed.
func until(ctx context.Context, closed <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-closed:
		case <-ctx.Done():
		}
		cancel()
	}()
	return ctx, cancel
}

// listen is one subscription, and a pause after it where it failed.
func (l *listener) listen(ctx context.Context, t temper) {
	s := &stream{
		listener: l.name, person: l.person.id, room: l.room.id, all: l.all,
		after: l.seen, floor: l.room.head(), began: l.history.now(), end: end{seq: noPosition},
	}
	v := variables{"room": l.room.id, "after": l.seen, "log": l.room.logID}
	switch {
	case t.wanders:
		s.after = l.random.IntN(s.floor + 1)
		v["after"] = s.after
	case t.fresh:
		s.after = fromNow
		delete(v, "after")
		delete(v, "log")
	}
	l.counts.subscriptions.Add(1)
	source, err := l.door.subscribe(ctx, l.document(), v)
	if err == nil {
		s.node, s.steady = source.node(), t.stays() && t.nap == 0
		err = l.follow(ctx, source, s, t)
		l.history.streamed(s)
	}
	if err != nil && ctx.Err() == nil {
		l.counts.broken.Add(1)
		if closed, ok := errors.AsType[*closedError](err); ok && closed.final() {
			l.history.blame(violation{"stream: closed for good", fmt.Sprintf("%s: the socket of %s was %v", l.room.name, l.name, closed)})
		}
		sleep(ctx, time.Duration(20+l.random.IntN(100))*time.Millisecond)
	}
}

// document gives what it asks for.
func (l *listener) document() string {
	fields := entryFields
	if l.alone {
		fields += ownFields
	}
	if l.all {
		return fmt.Sprintf(roomEventsSource, fields)
	}
	return fmt.Sprintf(messagesSource, fields)
}

// follow takes a subscription's updates until it ends, or the listener wants no
// more of it: then its error is nil.
func (l *listener) follow(ctx context.Context, source subscription, s *stream, t temper) error {
	stay, cancel := ctx, context.CancelFunc(func() {})
	switch {
	case t.leavesWithin > 0:
		stay, cancel = context.WithTimeout(ctx, time.Duration(l.random.Int64N(int64(t.leavesWithin))))
	case l.goal == noPosition && l.temper.stays():
		stay, cancel = until(ctx, l.room.settled)
	}
	defer cancel()
	limit := -1
	if t.leavesAfter > 0 {
		limit = 1 + l.random.IntN(t.leavesAfter)
	}
	caughtUp := !l.all
	for {
		data, err := source.next(stay)
		if err != nil {
			if stay.Err() != nil && errors.Is(err, stay.Err()) {
				if l.goal == noPosition && l.temper.stays() && ctx.Err() == nil {
					stay = ctx // it is quiet
					l.aim()
					if l.arrived = l.arrived || caughtUp && l.seen >= l.goal; !l.arrived {
						continue
					}
				}
				source.leave()
				return nil
			}
			return l.over(s, err)
		}
		next, err := parseStep(l.room, data)
		next.at = l.history.since()
		if err != nil {
			l.history.blame(violation{"stream: not understood", fmt.Sprintf("%s: %v", l.name, err)})
			source.leave()
			return err
		}
		if len(s.steps) == 0 {
			s.opened = l.room.head()
		}
		if next.entry != nil {
			l.faults.saw(anEntry)
			l.room.saw(next.entry.seq)
			l.seen = next.entry.seq
			l.counts.entries.Add(1)
		} else {
			caughtUp = true
			l.room.saw(next.position)
			l.counts.seams.Add(1)
		}
		s.steps = append(s.steps, next)
		if l.goal != noPosition && caughtUp && l.seen >= l.goal {
			l.arrived = true
		}
		if l.arrived || len(s.steps) == limit {
			source.leave()
			return nil
		}
		if t.nap > 0 && l.goal == noPosition {
			sleep(ctx, time.Duration(l.random.Int64N(int64(t.nap))))
		}
	}
}

// over notes how the server ended a stream.
func (l *listener) over(s *stream, err error) error {
	var f *failure
	switch {
	case errors.As(err, &f):
		s.end.code = f.code
		if seq, ok := f.number("seq"); ok {
			s.end.seq = seq
		}
	case errors.Is(err, errComplete):
		s.end.code = completed
	default:
		s.broke = err
	}
	return err
}

// completed stands for a code where a server ends a subscription without an error.
const completed = "complete"
