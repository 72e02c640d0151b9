package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// comings make the guest leave the building, or be put out of it, and join it again, on
// and on. When it is quiet, the guest is in.
type comings struct {
	guest   *guest
	manager *person
	rooms   []*room // of the building
	gate    *gate   // of who writes as the guest
	random  *rand.Rand
	history *history
	counts  *counts
	// unsure is for how many changes to come it is not known what came of a call that
	// nobody answered: it may still be under way.
	unsure int
}

// sureAgain is how many changes take longer than any call.
const sureAgain = 20

func (c *comings) run(ctx context.Context, quiet <-chan struct{}) {
	for {
		select {
		case <-quiet:
			return
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(300+c.random.IntN(1200)) * time.Millisecond):
		}
		how := c.random.IntN(3)
		c.move(ctx, memberLeft, func() error {
			switch how {
			case 0:
				return c.ask(ctx, c.guest.client, leaveDocument)
			case 1:
				return c.ask(ctx, c.manager.client, leaveDocument)
			}
			return c.ask(ctx, c.manager.client, banDocument)
		})
		if how == 2 {
			if err := c.ask(ctx, c.manager.client, unbanDocument); err != nil {
				c.complain(ctx, "be let off", err)
				return
			}
		}
		sleep(ctx, time.Duration(100+c.random.IntN(400))*time.Millisecond)
		c.move(ctx, memberJoined, func() error {
			for ctx.Err() == nil {
				_, err := c.guest.tryJoin(ctx, c.guest.code)
				if err == nil || !passes(err) {
					return err
				}
				c.unsure = sureAgain
				sleep(ctx, 50*time.Millisecond)
			}
			return ctx.Err()
		})
		c.counts.comings.Add(1)
	}
}

// move makes the guest come or leave, and notes where the logs have to say so.
func (c *comings) move(ctx context.Context, kind string, act func() error) {
	moves := make([]move, len(c.rooms))
	for i, r := range c.rooms {
		moves[i] = move{person: c.guest.id, room: r.id, kind: kind, after: r.head()}
	}
	c.gate.unsure()
	if err := act(); err != nil {
		c.complain(ctx, kind, err)
		return
	}
	c.settle(ctx)
	c.unsure--
	c.gate.set(kind == memberJoined, c.unsure <= 0)
	for i, r := range c.rooms {
		if moves[i].until = r.head(); ctx.Err() == nil && c.unsure <= 0 {
			c.history.moved(moves[i])
		}
	}
}

// ask changes the guest's membership. Who asks again, having had no answer, may be
// told that there is none.
func (c *comings) ask(ctx context.Context, by *client, document string) error {
	for asked := 0; ctx.Err() == nil; asked++ {
		var none struct{}
		err := by.call(ctx, document, variables{"membership": c.guest.membership}, &none)
		if err == nil || c.unsure > 0 && codeOf(err) == "NOT_FOUND" {
			return nil
		}
		c.unsure = sureAgain
		if !passes(err) || codeOf(err) == "INTERNAL" {
			return err
		}
		sleep(ctx, 50*time.Millisecond)
	}
	return ctx.Err()
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
