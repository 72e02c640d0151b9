package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
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
	// neighbours are whom its messages may name.
	neighbours []*person
	// homes are the apartments that it may write from, in the first building's community.
	homes []string
	home  *room
	// past are some of the keys that it had an answer for.
	past []sendKey

	history *history
	faults  *faults
	counts  *counts
}

// The share of messages that get each further treatment.
const (
	shareTwice     = 0.08 // sent twice at the same time
	shareAgain     = 0.08 // sent again after the answer
	shareReused    = 0.03 // something else under the same key
	shareMisnamed  = 0.25 // the same, of those that name somebody
	shareImpatient = 0.04 // given up on soon, and sent again
	shareReadBack  = 0.10 // read at once from the log
	shareFound     = 0.03 // looked for at once by a word
	shareOld       = 0.05 // followed by one that was sent long ago
	shareAnswers   = 0.10 // an answer to another one
	shareMentions  = 0.12 // that names somebody
	shareHomes     = 0.06 // from an apartment
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
			// Of two keys in a row one differs from the other by a capital.
			w.write(ctx, r, fmt.Sprintf("%c%d-%d", "kK"[n%2], w.device, n/2))
		}
	}
}

// write sends one message, with what goes with it.
func (w *writer) write(ctx context.Context, r *room, key string) {
	k := sendKey{w.person.id, r.id, key}
	text, more := w.compose(r, k)
	patience := callTime
	if w.random.Float64() < shareImpatient {
		patience = time.Duration(w.random.IntN(5000)) * time.Microsecond
	}
	if w.random.Float64() < shareTwice {
		var both sync.WaitGroup
		both.Go(func() { _, _ = w.send(ctx, k, text, more, callTime) })
		_, _ = w.send(ctx, k, text, more, callTime)
		both.Wait()
	}
	a, err := w.send(ctx, k, text, more, patience)
	if err != nil {
		return
	}
	if w.random.Float64() < shareReadBack {
		readPage(ctx, w.name, w.person.client, w.history, r, a.seq-1, 2)
	}
	if at := w.random.Float64(); at < shareReused || more["mentions"] != nil && at < shareMisnamed {
		w.reuse(ctx, k, more, a)
	}
	if w.random.Float64() < shareAgain {
		_, _ = w.send(ctx, k, text, more, callTime)
	}
	if w.random.Float64() < shareFound {
		w.find(ctx, a)
	}
	w.past = append(w.past, k)
	if len(w.past) > mostPast {
		i := w.random.IntN(mostPast)
		w.past[i] = w.past[mostPast]
		w.past = w.past[:mostPast]
	}
	if w.random.Float64() < shareOld {
		w.remember(ctx, r)
	}
}

// mostPast is how many old keys a writer knows.
const mostPast = 200

// remember sends again what was sent long ago, or what was edited or deleted since: as a
// device does that lost the answer, and then its network for a while.
func (w *writer) remember(ctx context.Context, r *room) {
	k := oneOf(w.random, w.past)
	if t, ok := r.pickAltered(w.random, w.person.id); ok && w.random.IntN(2) == 0 {
		k = sendKey{w.person.id, r.id, t.key}
	}
	w.history.mu.Lock()
	was := w.history.asked[k]
	w.history.mu.Unlock()
	_, _ = w.send(ctx, k, was.text, was.more, callTime)
}

// send sends a message until it is answered, the first time with little patience
// perhaps.
func (w *writer) send(ctx context.Context, k sendKey, text string, more variables, patience time.Duration) (answer, error) {
	for {
		a, err := w.try(ctx, k, text, more, patience)
		switch {
		case err == nil:
			return a, nil
		case ctx.Err() != nil:
			return a, err
		case codeOf(err) == "INTERNAL":
			w.history.blame(violation{"answer: INTERNAL", fmt.Sprintf("%s: %v", w.name, err)})
		case codeOf(err) == "INVALID_INPUT" && w.history.tooLate(more):
			return a, err
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
func (w *writer) try(ctx context.Context, k sendKey, text string, more variables, patience time.Duration) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	a := answer{sendKey: k, sent: text, began: w.history.now()}
	w.history.ask(k, text, more)
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
	node, err := w.person.client.callAny(ctx, sendDocument, variables{"input": k.input(text, more)}, &got)
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
	a.poll, a.notice, a.named = w.history.pollOf(more), more["notice"] == true, more["mentions"] != nil
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

// input is a SendMessageInput.
func (k sendKey) input(text string, more variables) variables {
	v := variables{"room": k.room, "key": k.key, "text": text}
	maps.Copy(v, more)
	return v
}

// reuse sends something else under a key that was used: another text, or the same with
// something that it had not.
func (w *writer) reuse(ctx context.Context, k sendKey, more variables, a answer) {
	var none struct{}
	text, other := a.sent, maps.Clone(more)
	if other == nil {
		other = variables{}
	}
	mentions, _ := more["mentions"].([]variables)
	switch w.random.IntN(4 + 4*len(mentions)) {
	case 0:
		text += ", and another thing"
	case 1:
		other["poll"] = variables{"question": "Or not?", "options": []string{"yes", "no"}}
	case 2:
		if other["replyTo"] = a.id; more["replyTo"] != nil {
			delete(other, "replyTo")
		}
	default:
		one := variables{"user": w.person.id, "start": 0, "length": 1}
		if len(mentions) > 0 {
			one = maps.Clone(mentions[0])
			one["user"] = w.person.id
			if mentions[0]["user"] == w.person.id {
				one["user"] = oneOf(w.random, w.others())
			}
		}
		other["mentions"] = []variables{one}
	}
	err := w.person.client.insist(ctx, sendDocument, variables{"input": k.input(text, other)}, &none)
	if ctx.Err() != nil {
		return
	}
	w.counts.reused.Add(1)
	var f *failure
	if !errors.As(err, &f) || f.code != "KEY_REUSED" || f.extensions["message"] != a.id {
		w.history.blame(violation{"answer: key reused", fmt.Sprintf("%s sent %q with %v under %q, which had posted %s with %v, and got %v", w.name, text, other, k.key, a.id, more, err)})
	}
}

// others are the ids of those whom messages may name, but the writer's own.
func (w *writer) others() []string {
	return slices.DeleteFunc(peopleIDs(w.neighbours), func(id string) bool { return id == w.person.id })
}
