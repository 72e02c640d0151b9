package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// prober asks for positions that are not of a room's log: beyond its end, of another log,
// or of none. It has to be told so, by every way.
type prober struct {
	person  *person
	rooms   []*room
	random  *rand.Rand
	history *history
	counts  *counts
}

const (
	// probePace is the time between two probes, on average.
	probePace = 120 * time.Millisecond
	// farBeyond is more than is written in a run.
	farBeyond = 100_000_000
)

func (p *prober) run(ctx context.Context, quiet <-chan struct{}) {
	hurry, cancel := until(ctx, quiet)
	defer cancel()
	for {
		sleep(hurry, time.Duration(p.random.ExpFloat64()*float64(probePace)))
		if hurry.Err() != nil {
			return
		}
		p.probe(hurry)
	}
}

func (p *prober) probe(ctx context.Context) {
	i := p.random.IntN(len(p.rooms))
	r, other := p.rooms[i], p.rooms[(i+1)%len(p.rooms)]
	v, want := variables{"room": r.id, "after": r.head(), "log": r.logID, "first": 3}, "LOG_MISMATCH"
	switch p.random.IntN(4) {
	case 0:
		v["after"] = farBeyond
	case 1:
		v["after"] = farBeyond
		delete(v, "log")
	case 2:
		v["log"], v["after"] = other.logID, p.random.IntN(r.head()+1)
	case 3:
		v["after"], want = -1, "INVALID_INPUT"
	}
	var err error
	way := p.random.IntN(3)
	if way == 0 {
		var none struct{}
		err = p.person.client.call(ctx, positionDocument, v, &none)
	} else {
		delete(v, "first")
		err = p.listen(ctx, []string{roomEventsSource, messagesSource}[way-1], v)
	}
	code := codeOf(err)
	if err != nil && (code == "" || code == "UNAVAILABLE") {
		return
	}
	p.counts.probes.Add(1)
	if code != want {
		p.history.blame(violation{"position: taken", fmt.Sprintf("%s: a position that is not of its log, %v, was answered with %q, and not %s, by way %d", r.name, v, code, want, way)})
	}
}

// listen gives the error of the first update; nil where there is one, or none for a while.
func (p *prober) listen(ctx context.Context, source string, v variables) error {
	var d door = newEventsDoor(p.person.client.to, p.person.client.token)
	if p.random.IntN(2) == 0 {
		d = newSocketDoor(p.person.client.to, p.person.client.token)
	}
	return p.hear(ctx, d, source, v)
}

// hear is listen by a door, which it closes.
func (p *prober) hear(ctx context.Context, d door, source string, v variables) error {
	defer d.close()
	brief, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	s, err := d.subscribe(brief, fmt.Sprintf(source, "seq"), v)
	if err == nil {
		_, err = s.next(brief)
		s.leave()
	}
	return err
}
