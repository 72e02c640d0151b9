package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// visitor is there on one node at a time, and nowhere else, and goes with that node or of
// their own will. Others, by all nodes, have to see both.
type visitor struct {
	person  *person
	looks   *person // who looks
	room    *room
	random  *rand.Rand
	history *history
	counts  *counts

	// host is where they are, or were, and came when they came there.
	host int
	came time.Duration
}

const (
	// forgetTime is the contract's for a node that died, and what a busy machine takes.
	forgetTime = 30*time.Second + 5*time.Second
	// appearTime is within what all nodes know of who comes.
	appearTime = 10 * time.Second
	// leaveTime is the 15 s for which somebody is there who has left, and within what all know
	// that they are not any more.
	leaveTime = 15*time.Second + appearTime
	// visitTime is how long a visit lasts at the most, when all know of it.
	visitTime = 3 * time.Second
)

func (v *visitor) run(ctx context.Context, quiet <-chan struct{}) {
	hurry, cancel := until(ctx, quiet)
	defer cancel()
	nodes := len(v.person.client.to.urls)
	for hurry.Err() == nil {
		at := v.random.IntN(nodes)
		door := newSocketDoor(v.person.client.to.only(at), v.person.client.token)
		source, err := door.subscribe(hurry, fmt.Sprintf(roomEventsSource, `seq`), variables{"room": v.room.id})
		if err != nil {
			door.close()
			sleep(hurry, 200*time.Millisecond)
			continue
		}
		came := v.history.since()
		stay, leave := context.WithCancel(hurry)
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			for err == nil {
				_, err = source.next(stay)
			}
		}()
		v.host, v.came = at, came
		v.expect(hurry, gone, nodes, true, came, appearTime)
		lasts := time.NewTimer(time.Duration(v.random.Int64N(int64(visitTime))))
		select {
		case <-gone:
		case <-lasts.C:
		case <-hurry.Done():
		}
		leave()
		<-gone
		door.close()
		// That somebody goes is seen once at least, also when it is quiet.
		patient := hurry
		if v.counts.visits.Load() == 0 {
			patient = ctx
		}
		v.expect(patient, nil, nodes, false, v.history.since(), leaveTime)
		if patient.Err() == nil {
			v.counts.visits.Add(1)
		}
	}
}

// expect waits until all nodes say that the visitor is there, or is not; or until they
// have gone meanwhile.
func (v *visitor) expect(ctx context.Context, gone <-chan struct{}, nodes int, there bool, since, within time.Duration) {
	for node := range nodes {
		c := v.looks.client.at(node)
		for ctx.Err() == nil {
			asked := v.history.since()
			if online, err := isOnline(ctx, c, v.person.id); err == nil {
				if online == there {
					break
				}
				bound := within
				if _, dead := v.history.diedAfter(v.host, v.came); dead && !there {
					bound = forgetTime
				}
				if late := v.outages(node).without(since, asked); late > bound {
					v.history.blame(violation{"presence", fmt.Sprintf("node %d says after %v that somebody is there: %t", node+1, asked-since, !there)})
					return
				}
			}
			select {
			case <-gone:
				return
			default:
				sleep(ctx, 200*time.Millisecond)
			}
		}
	}
}

// outages are the times when a node may not know who is there: where who comes is not
// told, none of the nodes does.
func (v *visitor) outages(node int) outages {
	return outagesOf(v.history.soFar(), func(t trouble) bool {
		return t.of == everything || t.of == node || t.of == v.host || t.of == onlyBus
	})
}
