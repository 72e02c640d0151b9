package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// forgetful has a code sent to them again and again, by any node, and counts what comes.
type forgetful struct {
	person   *person
	outboxes *outboxes
	random   *rand.Rand
	history  *history

	// asked is how often they asked, and answered how often they were told that it is sent.
	asked, answered int
}

const (
	letterPace = 250 * time.Millisecond
	// letterTime is how long the last letters may take.
	letterTime = 10 * time.Second
	// letterSlack is how many tasks a node has for itself when it dies, or loses its database:
	// those are done after a minute, perhaps once more.
	letterSlack = 3 * 8
)

func (f *forgetful) run(ctx context.Context, quiet <-chan struct{}) {
	hurry, cancel := until(ctx, quiet)
	defer cancel()
	for {
		sleep(hurry, time.Duration(f.random.ExpFloat64()*float64(letterPace)))
		if hurry.Err() != nil {
			break
		}
		var none struct{}
		f.asked++
		if f.person.client.call(hurry, resetDocument, variables{"login": f.person.login}, &none) == nil {
			f.answered++
		}
	}
	slack := 0
	for _, t := range f.history.soFar() {
		if t.breaks&(stopsNode|losesData) != 0 && t.breaks != anything {
			slack += letterSlack
		}
	}
	came := f.letters()
	for began := time.Now(); came+slack < f.answered && time.Since(began) < letterTime && ctx.Err() == nil; came = f.letters() {
		sleep(ctx, 100*time.Millisecond)
	}
	switch {
	case ctx.Err() != nil:
	case came > f.asked+slack:
		f.history.blame(violation{"letters: twice", fmt.Sprintf("%d letters came to somebody who asked %d times for one", came, f.asked)})
	case came+slack < f.answered:
		f.history.blame(violation{"letters: lost", fmt.Sprintf("%d letters came to somebody who was told %d times that one is sent", came, f.answered)})
	}
}

// letters counts those that the nodes have sent them.
func (f *forgetful) letters() int { return len(f.outboxes.lettersTo(f.person.login)) }
