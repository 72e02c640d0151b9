package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/omarty/chat/internal/bus"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/realtime"
	"github.com/omarty/chat/internal/service"
)

// nodes is what this node tells its own listeners, and the others of the installation.
type nodes struct {
	logs    realtime.Logs
	people  realtime.People
	signals realtime.Signals
	// bus is nil where there are no other nodes.
	bus atomic.Pointer[bus.Bus]
}

// join takes part where the settings name a NATS: before anybody listens. The caller
// calls leave.
func (n *nodes) join(c config, verbs *service.Service, log *slog.Logger) (leave func(), err error) {
	if c.nats.URL == "" {
		return func() {}, nil
	}
	if err := checkAccess(c.nats); err != nil {
		return nil, err
	}
	ready := make(chan struct{})
	b, err := bus.Open(c.nats, bus.Ears{
		Entries: func(entries []omarty.Entry) {
			if verbs.KnowsSessions() { // else the look finds them
				n.logs.Hear(entries)
			}
			verbs.Committed(entries)
		},
		Signals: func(room omarty.ID, signals []omarty.RoomSignal) {
			if verbs.KnowsSessions() {
				verbs.HearSignals(room, signals)
			}
		},
		Changed: n.people.Tell,
		Present: func(r omarty.Roll) { <-ready; verbs.HearPresence(r) },
		Ended:   verbs.HearEnded,
		Asked:   verbs.PresenceAsked,
		Failed: sparing(func(err error) {
			log.Warn("NATS cannot be used: other nodes hear of what happens here by the database; omarty-chat doctor says more", "error", err)
		}),
	}, log)
	if err != nil {
		return nil, fmt.Errorf("OMARTY_NATS_URL: %w", err)
	}
	n.logs.Followed, n.people.Followed = b.FollowRoom, b.FollowPerson
	n.bus.Store(b)
	close(ready)
	return b.Close, nil
}

// checkAccess looks at the files by which NATS lets the program in: an error has a line for
// each setting whose file is not good.
func checkAccess(o bus.Options) error {
	var problems []error
	for _, of := range []struct {
		setting string
		check   func() error
	}{
		{"OMARTY_NATS_CREDENTIALS", o.CheckCredentials}, {"OMARTY_NATS_CA", o.CheckCA}, {"OMARTY_NATS_CERT", o.CheckCertificate},
	} {
		if err := of.check(); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", of.setting, err))
		}
	}
	return errors.Join(problems...)
}

// stats gives those of the bus; false where there are no other nodes.
func (n *nodes) stats() (bus.Stats, bool) {
	b := n.bus.Load()
	if b == nil {
		return bus.Stats{}, false
	}
	return b.Stats(), true
}

func (n *nodes) tellEntries(ctx context.Context, entries []omarty.Entry) {
	if b := n.bus.Load(); b != nil {
		b.TellEntries(ctx, entries)
	}
}

// TellPresence is for the verbs, as AskPresence.
func (n *nodes) TellPresence(r omarty.Roll) {
	if b := n.bus.Load(); b != nil {
		b.TellPresence(r)
	}
}

// TellEnded tells of sessions that have ended.
func (n *nodes) TellEnded(e omarty.Ended) {
	if b := n.bus.Load(); b != nil {
		b.TellEnded(e)
	}
}

// AskPresence asks the other nodes who is there.
func (n *nodes) AskPresence() {
	if b := n.bus.Load(); b != nil {
		b.AskPresence()
	}
}

// logs are the logs of rooms as the verbs see them.
type logs struct{ *realtime.Logs }

// Listen is for the verbs.
func (l logs) Listen(room omarty.ID, heard func([]omarty.Entry)) service.LogListener {
	return l.Logs.Listen(room, heard)
}

// people are those who listen to what is theirs, as the verbs see them.
type people struct {
	*realtime.People
	nodes *nodes
}

// Listen is for the verbs.
func (p people) Listen(of omarty.ID, heard func(omarty.Change)) service.Ear {
	return p.People.Listen(of, heard)
}

// Tell tells those on all nodes.
func (p people) Tell(of omarty.ID, c omarty.Change) {
	p.People.Tell(of, c)
	if b := p.nodes.bus.Load(); b != nil {
		b.TellChange(of, c)
	}
}

// signals are those that pass through rooms, as the verbs see them.
type signals struct {
	*realtime.Signals
	nodes *nodes
}

// Listen is for the verbs.
func (s signals) Listen(room, who omarty.ID) service.SignalListener {
	return s.Signals.Listen(room, who)
}

// Publish tells those on all nodes; but presence, which each node tells its own.
func (s signals) Publish(room omarty.ID, published ...omarty.RoomSignal) {
	s.PublishHere(room, published...)
	if len(published) > 0 {
		if _, own := published[0].(omarty.PresenceChange); !own {
			s.PublishElsewhere(room, published...)
		}
	}
}

// PublishHere tells those on this node.
func (s signals) PublishHere(room omarty.ID, published ...omarty.RoomSignal) {
	s.Signals.Publish(room, published...)
}

// PublishElsewhere tells those on the others.
func (s signals) PublishElsewhere(room omarty.ID, published ...omarty.RoomSignal) {
	if b := s.nodes.bus.Load(); b != nil {
		b.TellSignals(room, published)
	}
}
