package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// comings make the guest leave the building and join it again, on and on. When it
// is quiet, the guest is in.
type comings struct {
	guest   *guest
	manager *person
	rooms   []*room // of the building
	random  *rand.Rand
	history *history
	counts  *counts
}

func (c *comings) run(ctx context.Context, quiet <-chan struct{}) {
	for {
		select {
		case <-quiet:
			return
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(300+c.random.IntN(1200)) * time.Millisecond):
		}
		c.leave(ctx)
		c.settle(ctx)
		sleep(ctx, time.Duration(100+c.random.IntN(400))*time.Millisecond)
		if _, err := c.guest.join(ctx, c.guest.code); err != nil {
			c.complain(ctx, "join", err)
			return
		}
		c.settle(ctx)
		c.counts.comings.Add(1)
	}
}

// leave ends the guest's membership. Who asks again, having had no answer, may be
// told that there is none.
func (c *comings) leave(ctx context.Context) {
	for asked := 0; ctx.Err() == nil; asked++ {
		var none struct{}
		err := c.guest.client.call(ctx, leaveDocument, variables{"membership": c.guest.membership}, &none)
		if err == nil || asked > 0 && codeOf(err) == "NOT_FOUND" {
			return
		}
		if !passes(err) || codeOf(err) == "INTERNAL" {
			c.complain(ctx, "leave", err)
			return
		}
		sleep(ctx, 50*time.Millisecond)
	}
}

// settle reads on until the rooms' new entries are known, so that whoever listens
// can tell what came before the next change.
func (c *comings) settle(ctx context.Context) {
	for _, r := range c.rooms {
		for ctx.Err() == nil {
			p, ok := readPage(ctx, "the guest's manager", c.manager.client, c.history, r, r.head(), 1000)
			if ok && !p.more {
				break
			}
			sleep(ctx, 20*time.Millisecond)
		}
	}
}

func (c *comings) complain(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		c.history.blame(violation{"member: refused", fmt.Sprintf("the guest could not %s: %v", what, err)})
	}
}
