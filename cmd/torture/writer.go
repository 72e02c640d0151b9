package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// writer sends messages as one device, each under a key of its own until it is
// answered, into its rooms by turns. It uses the same keys in all rooms, and so do
// the other people: a key is its author's, in its room.
type writer struct {
	name   string
	person *person
	device int
	rooms  []*room
	pace   time.Duration // between two messages, on average
	random *rand.Rand
	// poll is what its messages ask; nil for nothing.
	poll variables

	history *history
	faults  *faults
	counts  *counts
}

// The share of messages that get each further treatment.
const (
	shareTwice     = 0.08 // sent twice at the same time
	shareAgain     = 0.08 // sent again after the answer
	shareReused    = 0.03 // another text under the same key
	shareImpatient = 0.04 // given up on soon, and sent again
	shareReadBack  = 0.10 // read at once from the log
)

// rush is how many times a writer goes round its rooms without a pause in the
// beginning, so that there is something to miss.
const rush = 20

// run writes until quiet is closed or ctx ends. A message that was begun is
// brought to its answer first.
func (w *writer) run(ctx context.Context, quiet <-chan struct{}) {
	for n := 0; ; n++ {
		pace := w.pace
		if n < rush {
			pace = 0
		}
		for _, r := range w.rooms {
			select {
			case <-quiet:
				return
			case <-ctx.Done():
				return
			case <-time.After(time.Duration(w.random.ExpFloat64() * float64(pace))):
			}
			w.write(ctx, r, fmt.Sprintf("%d-%d", w.device, n))
		}
	}
}

// write sends one message, with what goes with it.
func (w *writer) write(ctx context.Context, r *room, key string) {
	k := sendKey{w.person.id, r.id, key}
	text := fmt.Sprintf("%s to %s, %s", w.name, r.name, key)
	patience := callTime
	if w.random.Float64() < shareImpatient {
		patience = time.Duration(w.random.IntN(5000)) * time.Microsecond
	}
	if w.random.Float64() < shareTwice {
		var both sync.WaitGroup
		both.Go(func() { _, _ = w.send(ctx, k, text, callTime) })
		_, _ = w.send(ctx, k, text, callTime)
		both.Wait()
	}
	a, err := w.send(ctx, k, text, patience)
	if err != nil {
		return
	}
	if w.random.Float64() < shareReadBack {
		readPage(ctx, w.name, w.person.client, w.history, r, a.seq-1, 2)
	}
	if w.random.Float64() < shareReused {
		w.reuse(ctx, k, a)
	}
	if w.random.Float64() < shareAgain {
		_, _ = w.send(ctx, k, text, callTime)
	}
}

// send sends a message until it is answered, the first time with little patience
// perhaps.
func (w *writer) send(ctx context.Context, k sendKey, text string, patience time.Duration) (answer, error) {
	for {
		a, err := w.try(ctx, k, text, patience)
		switch {
		case err == nil:
			return a, nil
		case ctx.Err() != nil:
			return a, err
		case codeOf(err) == "INTERNAL":
			w.history.blame(violation{"answer: INTERNAL", fmt.Sprintf("%s: %v", w.name, err)})
		case !passes(err):
			w.history.blame(violation{"answer: refused", fmt.Sprintf("%s, %q: %v", w.name, text, err)})
			return a, err
		}
		w.counts.retries.Add(1)
		patience = callTime
		sleep(ctx, time.Duration(5+rand.IntN(45))*time.Millisecond)
	}
}

// try sends a message once.
func (w *writer) try(ctx context.Context, k sendKey, text string, patience time.Duration) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	a := answer{sendKey: k, sent: text, began: w.history.now()}
	w.history.ask(k, text)
	asked := w.history.since()
	var got struct {
		SendMessage struct {
			Message struct {
				stateJSON
				Seq int
			}
			Replayed bool
		}
	}
	node, err := w.person.client.callAny(ctx, sendDocument, variables{"room": k.room, "key": k.key, "text": text, "poll": w.poll}, &got)
	if err != nil {
		return a, err
	}
	w.faults.saw(anAnswer)
	a.ended, a.at, a.node = w.history.now(), w.history.since(), node
	m := got.SendMessage.Message
	a.id, a.seq, a.state, a.replayed = m.ID, m.Seq, m.state(), got.SendMessage.Replayed
	if m.Poll != nil {
		for _, o := range m.Poll.Options {
			a.options = append(a.options, o.ID)
		}
	}
	if m.Key != k.key {
		w.history.blame(violation{"answer: key", fmt.Sprintf("%s sent under %q and was answered a message of %q", w.name, k.key, m.Key)})
	}
	w.history.answered(a)
	w.counts.takes.add(a.at - asked)
	w.counts.answers.Add(1)
	if a.replayed {
		w.counts.replays.Add(1)
	}
	return a, nil
}

// reuse sends another text under a key that was used.
func (w *writer) reuse(ctx context.Context, k sendKey, a answer) {
	var none struct{}
	err := w.person.client.insist(ctx, sendDocument, variables{"room": k.room, "key": k.key, "text": a.sent + ", and another thing"}, &none)
	if ctx.Err() != nil {
		return
	}
	w.counts.reused.Add(1)
	var f *failure
	if !errors.As(err, &f) || f.code != "KEY_REUSED" || f.extensions["message"] != a.id {
		w.history.blame(violation{"answer: key reused", fmt.Sprintf("%s sent another text under %q, which had posted %s, and got %v", w.name, k.key, a.id, err)})
	}
}
