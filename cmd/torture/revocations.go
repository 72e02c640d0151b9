package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// revocation is a session that was ended while it listened.
type revocation struct {
	person, room string
	at           time.Duration // when who ended it was answered
	streams      []*lastStream
	// words is what the keys begin with of what it sent then, and head where the log stood
	// when it had ended; "" where that is not known.
	words string
	head  int
}

// lastStream is what a session that was ended then was told.
type lastStream struct {
	node int
	// own says that its node is the one that answered who ended the session.
	own   bool
	steps []step
	// over is when it ended, and open says that it had not when nobody waited any more.
	over time.Duration
	open bool
	// why is what it ended with; nil where it had not begun.
	why error
}

// guard signs devices in and ends their sessions, on and on.
type guard struct {
	person  *person
	login   string
	room    *room
	random  *rand.Rand
	history *history
	counts  *counts
}

const (
	// guardPace is the time between two revocations, on average.
	guardPace = 700 * time.Millisecond
	// endTime is within what a stream on another node ends, and what nodes may know of a
	// session that has ended elsewhere: the contract's second, and what a busy machine
	// takes.
	endTime = time.Second + 2*time.Second
	// waitTime is how long a stream is waited for that ought to end.
	waitTime = 10 * time.Second
)

func (g *guard) run(ctx context.Context, quiet <-chan struct{}) {
	hurry, cancel := until(ctx, quiet)
	defer cancel()
	for {
		sleep(hurry, time.Duration(g.random.ExpFloat64()*float64(guardPace)))
		if hurry.Err() != nil {
			return
		}
		if err := g.round(ctx, hurry); err != nil && ctx.Err() == nil {
			g.history.blame(violation{"revoked: not understood", err.Error()})
			return
		}
	}
}

// round signs a device in, has it listen on two nodes, and ends its session.
func (g *guard) round(ctx, hurry context.Context) error {
	var in struct {
		LogIn struct {
			Token   string
			Session idJSON
		}
	}
	err := g.person.client.insist(ctx, logInDocument, variables{"input": variables{"login": g.login, "password": password}}, &in)
	if err != nil {
		return err
	}
	device := g.person.client.as(in.LogIn.Token)
	nodes := len(device.to.urls)
	own := g.random.IntN(nodes)
	r := &revocation{person: g.person.id, room: g.room.id}
	var listening sync.WaitGroup
	over, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, node := range []int{own, (own + 1) % nodes} {
		if len(r.streams) == nodes {
			break
		}
		s := &lastStream{node: node}
		r.streams = append(r.streams, s)
		listening.Go(func() { g.listen(over, device, s) })
	}
	sleep(hurry, time.Duration(100+g.random.IntN(500))*time.Millisecond)
	words := g.speak(ctx, device)
	sure, err := g.revoke(ctx, own, device, in.LogIn.Session.ID)
	r.at = g.history.since()
	head, unread := g.end(ctx, words)
	if err != nil {
		return err
	}
	if unread == nil {
		r.words, r.head = words.prefix, head
	}
	r.streams[0].own = sure
	g.counts.revocations.Add(1)
	g.write(ctx, device)
	g.ask(ctx, device.at(own), own, r.at, sure)
	if nodes > 1 {
		g.ask(ctx, device.at((own+1)%nodes), (own+1)%nodes, r.at, false)
	}
	ended := finished(&listening, waitTime)
	cancel()
	listening.Wait()
	for _, s := range r.streams {
		s.open = s.open && !ended
	}
	g.history.mu.Lock()
	defer g.history.mu.Unlock()
	g.history.revocations = append(g.history.revocations, r)
	return nil
}

// listen notes what a stream at a node is told, until it ends.
func (g *guard) listen(ctx context.Context, device *client, s *lastStream) {
	door := newSocketDoor(device.to.only(s.node), device.token)
	defer door.close()
	defer func() { s.over = g.history.since() }()
	v := variables{"room": g.room.id, "after": g.room.head(), "log": g.room.logID}
	source, err := door.subscribe(ctx, fmt.Sprintf(roomEventsSource, entryFields), v)
	for err == nil {
		text, failed := source.next(ctx)
		if err = failed; err == nil {
			var one step
			if one, err = parseStep(g.room, text); err == nil {
				one.at = g.history.since()
				s.steps = append(s.steps, one)
			}
		}
	}
	s.open = errors.Is(err, context.Canceled)
	if len(s.steps) > 0 {
		s.why = err
	}
}

// revoke ends the session by a node in one of the ways that there are: by its name, as one
// of all others, or as the one that asks. It tells whether this node is sure to be the one
// that ended it.
func (g *guard) revoke(ctx context.Context, node int, device *client, session string) (sure bool, err error) {
	how := g.random.IntN(3)
	for sure = true; ; sure = false {
		var none struct{}
		switch {
		case how == 1:
			err = g.person.client.at(node).call(ctx, revokeOthersDocument, nil, &none)
		case how == 2 && sure:
			err = device.at(node).call(ctx, logOutDocument, nil, &none)
		default:
			err = g.person.client.at(node).call(ctx, revokeDocument, variables{"session": session}, &none)
		}
		switch {
		case err == nil:
			return sure, nil
		case !sure && codeOf(err) == "NOT_FOUND":
			return false, nil
		case !passes(err) || ctx.Err() != nil:
			return false, err
		}
		sleep(ctx, 50*time.Millisecond)
	}
}

// write demands that who writes with the session is refused on every node, at once.
func (g *guard) write(ctx context.Context, device *client) {
	var none struct{}
	key := fmt.Sprintf("revoked-%d", g.random.Int64())
	k := sendKey{room: g.room.id, key: key}
	node, err := device.callAny(ctx, sendDocument, variables{"input": k.input("I am not here", nil)}, &none)
	if err == nil {
		g.history.blame(violation{"revoked: writes", fmt.Sprintf("node %d took a message of a session that had ended", node+1)})
	}
	t, ok := g.room.pick(g.random, false, func(target) bool { return true })
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, waitTime/4) // some nodes may be silent
	defer cancel()
	for what, document := range map[string]string{"a reaction": addDocument, "an edit": editDocument} {
		v := variables{"message": t.id, "emoji": "👻", "text": "I am not here", "textSeq": t.seq}
		if document == addDocument {
			delete(v, "text")
			delete(v, "textSeq")
		} else {
			delete(v, "emoji")
		}
		for node := range device.to.urls {
			switch err := device.at(node).call(ctx, document, v, &none); codeOf(err) {
			case "", "UNAVAILABLE", "INTERNAL", "RATE_LIMITED", "UNAUTHENTICATED":
				if err == nil {
					g.history.blame(violation{"revoked: writes", fmt.Sprintf("node %d took %s of a session that had ended", node+1, what)})
				}
			default:
				g.history.blame(violation{"revoked: writes", fmt.Sprintf("node %d was asked for %s by a session that had ended, and said %v", node+1, what, err)})
			}
		}
	}
}

// ask demands that a node knows soon that the session has ended; at once if it is sure to
// have ended it. It asks for the room or, where that is none, for who asks.
func (g *guard) ask(ctx context.Context, device *client, node int, at time.Duration, sure bool) {
	for tries := 0; ctx.Err() == nil; tries++ {
		asked := g.history.since()
		var got struct{ Room *idJSON }
		document, v := `query($room: ID!) { room(id: $room) { id } }`, variables{"room": g.room.id}
		if g.room.id == "" {
			document, v = `{ room: viewer { id } }`, nil
		}
		err := device.call(ctx, document, v, &got)
		if err == nil && got.Room != nil {
			out := outagesOf(g.history.soFar(), func(t trouble) bool { return t.of == everything || t.of == node })
			late := out.without(at, asked)
			if sure || late > endTime {
				g.history.blame(violation{"revoked: reads", fmt.Sprintf("node %d answered a session %v after it had ended", node+1, asked-at)})
				return
			}
		} else if err == nil || !passes(err) || tries > 100 {
			return
		}
		sleep(ctx, 100*time.Millisecond)
	}
}
