package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// flood sends messages as fast as it is answered, many at a time on one socket, each
// under a key of its own until there is an answer, by whatever node there is then.
type flood struct {
	person *person
	room   *room
	device int
	depth  int // how many are under way at most

	history *history
	faults  *faults
	counts  *counts

	sent    int
	pending map[string]*drop // by the id of the operation
	again   []*drop          // to be sent once more
}

// drop is one message of a flood.
type drop struct {
	key   sendKey
	text  string
	began int64
	asked time.Duration
}

// floodDocument asks for less than others do.
const floodDocument = `mutation($room: ID!, $key: String!, $text: String!) {
	sendMessage(input: {room: $room, key: $key, text: $text}) { message { id key seq text changedSeq textSeq deletedAt } replayed } }`

// run sends until quiet is closed, and then until all is answered.
func (f *flood) run(ctx context.Context, quiet <-chan struct{}) {
	hurry, cancel := until(ctx, quiet)
	defer cancel()
	to := f.person.client.to
	f.pending = map[string]*drop{}
	for ctx.Err() == nil && (hurry.Err() == nil || len(f.pending)+len(f.again) > 0) {
		node := to.pick()
		s, err := openSocket(ctx, to.urls[node], f.person.client.token)
		if err == nil {
			s.at = node
			err = f.pour(ctx, hurry, s)
			s.close()
		}
		for id, d := range f.pending {
			f.again = append(f.again, d)
			delete(f.pending, id)
		}
		if err != nil {
			to.shun(node)
			sleep(ctx, 50*time.Millisecond)
		}
	}
}

// pour uses one socket, until it ends or there is nothing more to send.
func (f *flood) pour(ctx, hurry context.Context, s *socket) error {
	for {
		for len(f.pending) < f.depth && (len(f.again) > 0 || hurry.Err() == nil) {
			if err := f.send(s); err != nil {
				return err
			}
		}
		if len(f.pending) == 0 {
			return nil
		}
		patience, cancel := context.WithTimeout(ctx, callTime)
		m, err := s.receive(patience)
		cancel()
		if err != nil {
			return err
		}
		if wait := f.take(m, s.at); wait {
			sleep(ctx, 20*time.Millisecond)
		}
	}
}

// send sends what has to be sent again, or what is next.
func (f *flood) send(s *socket) error {
	var d *drop
	if n := len(f.again); n > 0 {
		d, f.again = f.again[n-1], f.again[:n-1]
		f.counts.retries.Add(1)
	} else {
		f.sent++
		key := fmt.Sprintf("f%d-%d", f.device, f.sent)
		d = &drop{key: sendKey{f.person.id, f.room.id, key}, text: "drop " + key}
	}
	d.began = f.history.now()
	f.history.ask(d.key, d.text, nil)
	one, err := s.subscribe(floodDocument, variables{"room": d.key.room, "key": d.key.key, "text": d.text})
	if err != nil {
		f.again = append(f.again, d)
		return err
	}
	d.asked = f.history.since()
	f.pending[one.id] = d
	return nil
}

// take reads an answer; wait is true where it is better to send nothing for a moment.
func (f *flood) take(m socketMessage, node int) (wait bool) {
	d := f.pending[m.ID]
	if d == nil {
		return false // that an operation is complete
	}
	u := payload(m.Payload)
	if m.Type == "error" {
		var errs graphQLErrors
		_ = json.Unmarshal(m.Payload, &errs) // without one there is none
		if one := errs.first(); one != nil {
			u.err = one
		}
	}
	delete(f.pending, m.ID)
	var got struct {
		SendMessage struct {
			Message struct {
				stateJSON
				Seq int
			}
			Replayed bool
		}
	}
	if u.err == nil {
		u.err = json.Unmarshal(u.data, &got)
	}
	if u.err != nil {
		if code := codeOf(u.err); code == "INTERNAL" {
			f.history.blame(violation{"answer: INTERNAL", fmt.Sprintf("a flood at node %d: %v", node+1, u.err)})
		} else if !passes(u.err) {
			f.history.blame(violation{"answer: refused", fmt.Sprintf("a flood at node %d, %q: %v", node+1, d.text, u.err)})
			return false
		}
		f.again = append(f.again, d)
		return true
	}
	f.faults.saw(anAnswer)
	n := got.SendMessage
	a := answer{
		sendKey: d.key, sent: d.text, id: n.Message.ID, seq: n.Message.Seq, state: n.Message.state(), replayed: n.Replayed,
		began: d.began, ended: f.history.now(), at: f.history.since(), node: node,
	}
	if a.text == a.sent {
		a.text = a.sent // one copy is enough
	}
	f.history.answered(a)
	f.counts.answers.Add(1)
	f.counts.takes.add(a.at - d.asked)
	if a.replayed {
		f.counts.replays.Add(1)
	}
	return false
}
