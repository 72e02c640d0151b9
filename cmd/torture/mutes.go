package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// mutes have a manager mute somebody for a moment, on and on. A call that nobody answered may
// be done later, but then it says the same; and when its moment has passed, nothing.
type mutes struct {
	manager    *person
	membership string
	gate       *gate
	random     *rand.Rand
	history    *history
	counts     *counts
}

// muteTime is how long a mute lasts, up to mostMute more where it took a while to say, and
// muteEdge how long before and after its end it is not
// known whether it has ended.
const (
	muteTime = 700 * time.Millisecond
	mostMute = 5 * time.Second
	muteEdge = 50 * time.Millisecond
)

func (m *mutes) run(ctx context.Context, quiet <-chan struct{}) {
	hurry, cancel := until(ctx, quiet)
	defer cancel()
	m.gate.set(true, true)
	took := time.Duration(0)
	for {
		sleep(hurry, time.Duration(150+m.random.IntN(500))*time.Millisecond)
		if hurry.Err() != nil {
			return
		}
		began := time.Now()
		end := began.Add(muteTime + min(3*took, mostMute))
		v := variables{"membership": m.membership, "until": end.UTC().Format(time.RFC3339Nano)}
		m.gate.unsure()
		var none struct{}
		err := m.manager.client.insist(ctx, muteDocument, v, &none)
		took = time.Since(began)
		switch {
		case err == nil:
			m.counts.mutes.Add(1)
			m.gate.set(false, true)
			sleep(ctx, time.Until(end)-muteEdge)
			m.gate.unsure()
		case ctx.Err() == nil && (codeOf(err) != "INVALID_INPUT" || time.Until(end) > 0):
			m.history.blame(violation{"member: refused", fmt.Sprintf("the manager could not mute somebody: %v", err)})
			return
		}
		sleep(ctx, time.Until(end)+muteEdge)
		m.gate.set(true, true)
	}
}
