package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

var errNoPresence = errors.New("whether they are there is not told")

// companion is there on two nodes, and leaves one of them after a moment: to all nodes they
// are there as long as the other one is.
type companion struct {
	person  *person
	looks   *person // who looks
	random  *rand.Rand
	history *history
	counts  *counts
}

const (
	// togetherTime is how long they are there on both nodes, at the least; and aloneTime
	// how long they stay after that: longer than a node remembers who left it.
	togetherTime = time.Second
	aloneTime    = 15*time.Second + 6*time.Second
	// settleTime is how long after a trouble nodes may still find out who is there.
	settleTime = appearTime
)

func (c *companion) run(ctx context.Context, quiet <-chan struct{}) {
	hurry, cancel := until(ctx, quiet)
	defer cancel()
	nodes := len(c.person.client.to.urls)
	for hurry.Err() == nil {
		stays := c.random.IntN(nodes)
		leaves := (stays + 1 + c.random.IntN(nodes-1)) % nodes
		one, err := c.come(hurry, stays)
		if err != nil {
			sleep(hurry, 200*time.Millisecond)
			continue
		}
		if other, err := c.come(hurry, leaves); err == nil {
			c.watch(hurry, stays, one, togetherTime)
			other.close()
			c.watch(hurry, stays, one, aloneTime)
			c.counts.together.Add(1)
		}
		one.close()
	}
}

// come has them be there on a node.
func (c *companion) come(ctx context.Context, node int) (*socket, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	return openSocket(ctx, c.person.client.to.urls[node], c.person.client.token)
}

// watch demands for a while, as long as a socket is there, that who was known to be there
// is not taken for gone.
func (c *companion) watch(ctx context.Context, host int, there *socket, lasts time.Duration) {
	known := map[int]time.Duration{}
	for end := c.history.since() + lasts; ctx.Err() == nil && c.history.since() < end && !there.over(); {
		for node := range c.person.client.to.urls {
			asked := c.history.since()
			online, err := isOnline(ctx, c.looks.client.at(node), c.person.id)
			before, was := known[node]
			switch {
			case err != nil:
			case online:
				known[node] = asked
			case was && !there.over() && !c.excused(node, host, before, c.history.since()):
				c.history.blame(violation{"presence: forgotten", fmt.Sprintf("node %d said at %.2f s that somebody is not there, who had been there at %.2f s, and still is, on node %d",
					node+1, asked.Seconds(), before.Seconds(), host+1)})
				return
			default:
				delete(known, node)
			}
		}
		sleep(ctx, 250*time.Millisecond)
	}
}

// excused tells whether a node may have lost sight of who is there on another one.
func (c *companion) excused(node, host int, from, to time.Duration) bool {
	for _, t := range c.history.soFar() {
		concerned := t.of == node || t.of == host || t.of == everything
		if t.of == onlyBus {
			concerned = t.link == 0 || t.link == node+1 || t.link == host+1
		}
		if concerned && t.breaks != losesData && t.breaks != losesClients && t.from <= to && from <= t.to+max(t.mends, settleTime) {
			return true
		}
	}
	return false
}
