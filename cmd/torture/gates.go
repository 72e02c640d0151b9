package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// gate says whether somebody may write, as far as those know who see to it.
type gate struct {
	mu  sync.Mutex
	now standing
}

// standing is how it is between two changes.
type standing struct {
	open, sure bool
	changes    int
}

// unsure says that it is about to change.
func (g *gate) unsure() { g.set(false, false) }

// set says how it is from now on.
func (g *gate) set(open, sure bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now = standing{open, sure, g.now.changes + 1}
}

func (g *gate) look() standing {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now
}

// pen writes as somebody who may, and may not, by turns: it goes on in between.
type pen struct {
	writer
	gate *gate
	// refusal is the code that they get who may not. Gone says that they may not read
	// either; else what was posted before is answered all the same.
	refusal string
	gone    bool
	posted  []sendKey
}

const (
	// penPace is the time between two tries of a pen, on average.
	penPace = 60 * time.Millisecond
	// The shares of tries that are for a message of before, and that are reactions.
	shareBefore = 0.25
	shareReacts = 0.15
)

func (p *pen) run(ctx context.Context, quiet <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-quiet:
			return
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(p.random.ExpFloat64() * float64(penPace))):
		}
		r, at := p.rooms[0], p.random.Float64()
		if at < shareReacts {
			p.react(ctx, r)
			continue
		}
		k := sendKey{p.person.id, r.id, fmt.Sprintf("pen-%d", n)}
		text, more := p.compose(r, k)
		known := len(p.posted) > 0 && at < shareReacts+shareBefore
		if known {
			k = oneOf(p.random, p.posted)
			p.history.mu.Lock()
			text, more = p.history.asked[k].text, p.history.asked[k].more
			p.history.mu.Unlock()
		}
		p.attempt(ctx, k, text, more, known)
	}
}

// attempts is how often a pen tries again what nobody answers.
const attempts = 5

// attempt sends a message, that is known to be there or not, and judges the answer by what
// was so before and after it.
func (p *pen) attempt(ctx context.Context, k sendKey, text string, more variables, known bool) {
	for range attempts {
		before := p.gate.look()
		a, err := p.try(ctx, k, text, more, callTime)
		same := before.sure && before == p.gate.look()
		switch code := codeOf(err); {
		case err == nil:
			if same && !before.open && (p.gone || !a.replayed) {
				p.history.blame(violation{"member: writes", fmt.Sprintf("%s may not write, and was answered %s at %d", p.name, a.id, a.seq)})
			}
			if !known {
				p.posted = append(p.posted, k)
			}
			return
		case ctx.Err() != nil:
			return
		case code == p.refusal:
			if same && before.open || known && !p.gone {
				p.history.blame(violation{"answer: refused", fmt.Sprintf("%s may write, or sent again what was posted, %q: %v", p.name, text, err)})
			}
			return
		case code == "INTERNAL" || !passes(err):
			p.history.blame(violation{"answer: refused", fmt.Sprintf("%s, %q: %v", p.name, text, err)})
			return
		}
		p.counts.retries.Add(1)
		sleep(ctx, 20*time.Millisecond)
	}
}

// react reacts to what somebody wrote.
func (p *pen) react(ctx context.Context, r *room) {
	t, ok := r.pick(p.random, false, func(target) bool { return true })
	if !ok {
		return
	}
	before := p.gate.look()
	var none struct{}
	err := p.person.client.call(ctx, addDocument, variables{"message": t.id, "emoji": emojis[0]}, &none)
	if !before.sure || before != p.gate.look() {
		return
	}
	if err == nil && !before.open {
		p.history.blame(violation{"member: reacts", fmt.Sprintf("%s may not write, and reacted to %s", p.name, t.id)})
	}
	if codeOf(err) == p.refusal && before.open {
		p.history.blame(violation{"deed: refused", fmt.Sprintf("%s may write, and was not let react to %s: %v", p.name, t.id, err)})
	}
}
