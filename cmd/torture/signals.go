package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// signaller has somebody type and read on one node, with onlookers on all of them; and puts
// somebody out of the room who looks on, too.
type signaller struct {
	typist, leaver, manager *person
	code                    string // that lets the leaver in again
	room                    *room
	random                  *rand.Rand
	history                 *history
	counts                  *counts

	onlookers []*onlooker
	// tries are what was signalled, and what those are called who are looked for.
	tries  []signalTry
	sought []string
}

// signalTry is something that was signalled, and what came of it to who looked on at a node.
type signalTry struct {
	what     string
	from, at int // nodes
	asked    time.Duration
	// heard is when it came; 0 for never.
	heard time.Duration
	// until is when it ought to have come.
	until time.Duration
}

// onlooker looks at the room's signals at a node.
type onlooker struct {
	node int
	mu   sync.Mutex
	// since is when the stream began that it has; 0 while it has none.
	since time.Duration
	heard []signalled
	// ended is what the server ended the stream with.
	ended error
}

// signalled is one that came.
type signalled struct {
	what string
	at   time.Duration
}

const (
	// signalTime is within what a signal comes, and patienceTime how long it is waited for
	// before something else is signalled.
	signalTime   = 3 * time.Second
	patienceTime = time.Second
	// typingTime is the contract's: after it who said nothing types no more.
	typingTime = 6 * time.Second
	signalPace = 300 * time.Millisecond
	// leftTime is within what another node knows that somebody has left: the contract's time
	// without NATS, and what a busy machine takes.
	leftTime = hearTime
)

// The signals that are looked for.
const (
	typesNow = "that somebody types"
	rests    = "that they type no more"
	fallsOff = "that who says nothing more types no more"
	hasRead  = "how far they have read"
)

func (s *signaller) run(ctx context.Context, quiet <-chan struct{}) {
	hurry, cancel := until(ctx, quiet)
	defer cancel()
	var looking sync.WaitGroup
	defer looking.Wait()
	nodes := len(s.manager.client.to.urls)
	for node := range nodes {
		one := &onlooker{node: node}
		s.onlookers = append(s.onlookers, one)
		looking.Go(func() {
			for hurry.Err() == nil {
				s.look(hurry, s.manager, one)
				sleep(hurry, 100*time.Millisecond)
			}
		})
	}
	for round := 0; hurry.Err() == nil; round++ {
		s.signal(hurry, s.random.IntN(nodes), round%2 == 0)
		switch round % 3 {
		case 1:
			s.ignore(ctx, hurry)
		case 2:
			s.putOut(ctx, hurry)
		}
		sleep(hurry, signalPace)
	}
	s.history.mu.Lock()
	defer s.history.mu.Unlock()
	for i, t := range s.tries {
		if at, _ := s.onlookers[t.at].hears(s.sought[i], t.asked); at <= t.until {
			t.heard = at
		}
		if t.until < s.history.since() {
			s.history.signals = append(s.history.signals, t)
		}
	}
}

// look notes what is signalled at a node, until the stream ends.
func (s *signaller) look(ctx context.Context, who *person, one *onlooker) {
	door := newSocketDoor(who.client.to.only(one.node), who.client.token)
	defer door.close()
	source, err := door.subscribe(ctx, signalsSource, variables{"room": s.room.id})
	if err != nil {
		return
	}
	// That the subscription has begun nothing tells.
	one.set(s.history.since(), nil)
	for {
		text, err := source.next(ctx)
		if err != nil {
			one.set(0, err)
			return
		}
		var got struct {
			Update struct {
				Typename    string `json:"__typename"`
				User        *idJSON
				Active      bool
				Participant *struct {
					User    *idJSON
					ReadSeq *int
				}
			}
		}
		if err := json.Unmarshal(text, &got); err != nil {
			s.history.blame(violation{"signals: not understood", err.Error()})
			return
		}
		what := ""
		switch u := got.Update; {
		case u.User != nil && u.User.ID == s.typist.id:
			what = map[bool]string{true: typesNow, false: rests}[u.Active]
		case u.Participant != nil && u.Participant.User != nil && u.Participant.User.ID == s.typist.id && u.Participant.ReadSeq != nil:
			what = fmt.Sprint(hasRead, *u.Participant.ReadSeq)
		default:
			continue
		}
		one.mu.Lock()
		one.heard = append(one.heard, signalled{what, s.history.since()})
		one.mu.Unlock()
		s.counts.signals.Add(1)
	}
}

func (o *onlooker) set(since time.Duration, ended error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.since, o.ended = since, ended
}

// hears gives when something came first that was signalled after a moment; there is false
// where nobody had been looking for a second, or was no more.
func (o *onlooker) hears(what string, after time.Duration) (at time.Duration, there bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := len(o.heard) - 1; i >= 0 && o.heard[i].at >= after; i-- {
		if o.heard[i].what == what {
			at = o.heard[i].at
		}
	}
	return at, o.since != 0 && o.since+time.Second < after
}

// signal has the typist read, type, and stop to do so at a node; silently, as who goes away.
func (s *signaller) signal(ctx context.Context, node int, silently bool) {
	c := s.typist.client.at(node)
	var none struct{}
	seq := s.room.head()
	asked := s.history.since()
	if c.call(ctx, markDocument, variables{"room": s.room.id, "seq": seq}, &none) == nil {
		s.await(ctx, node, hasRead, fmt.Sprint(hasRead, seq), asked, 0)
	}
	asked = s.history.since()
	if c.call(ctx, typingDocument, variables{"room": s.room.id, "active": true}, &none) != nil {
		return
	}
	s.await(ctx, node, typesNow, typesNow, asked, 0)
	if asked = s.history.since(); silently {
		s.await(ctx, node, fallsOff, rests, asked, typingTime)
	} else if c.call(ctx, typingDocument, variables{"room": s.room.id, "active": false}, &none) == nil {
		s.await(ctx, node, rests, rests, asked, 0)
	} else {
		sleep(ctx, typingTime)
	}
}

// await waits until all onlookers have heard of something, which takes some time by itself,
// and notes who ought to.
func (s *signaller) await(ctx context.Context, from int, name, what string, asked, takes time.Duration) {
	patience := patienceTime
	if takes > 0 {
		patience = signalTime // that it ended by itself is not to be mistaken
	}
	for ctx.Err() == nil {
		missing := false
		for _, one := range s.onlookers {
			at, there := one.hears(what, asked)
			missing = missing || there && at == 0
		}
		if !missing || s.history.since() > asked+takes+patience {
			break
		}
		sleep(ctx, 20*time.Millisecond)
	}
	if ctx.Err() != nil {
		return
	}
	for _, one := range s.onlookers {
		if _, there := one.hears(what, asked); there {
			s.tries = append(s.tries, signalTry{what: name, from: from, at: one.node, asked: asked, until: asked + takes + signalTime})
			s.sought = append(s.sought, what)
		}
	}
}

// putOut puts the leaver out of the room by a node while they look on at another one, or the
// same, and sees that they are told nothing more.
func (s *signaller) putOut(ctx, hurry context.Context) {
	nodes := len(s.manager.client.to.urls)
	by, at := s.random.IntN(nodes), s.random.IntN(nodes)
	one := &onlooker{node: at}
	looking, leave := context.WithCancel(hurry)
	defer leave()
	var done sync.WaitGroup
	defer done.Wait()
	defer leave()
	done.Go(func() { s.look(looking, s.leaver, one) })
	sleep(hurry, 1500*time.Millisecond)
	var none struct{}
	sure := s.manager.client.at(by).call(ctx, leaveDocument, variables{"membership": s.leaver.membership}, &none) == nil
	out := s.history.since()
	if sure && hurry.Err() == nil {
		s.seeOff(hurry, one, by, out)
	}
	leave()
	if !sure {
		// It may have been done, or be done yet: who is in joins no more than they are.
		_ = s.manager.client.insist(ctx, leaveDocument, variables{"membership": s.leaver.membership}, &none)
	}
	if id, err := s.leaver.join(ctx, s.code); err == nil {
		s.leaver.membership = id
	} else if ctx.Err() == nil {
		s.history.blame(violation{"signals: not understood", fmt.Sprintf("who was put out of a room does not come in again: %v", err)})
	}
}

// seeOff has the typist type after somebody was put out, until their stream has ended.
func (s *signaller) seeOff(ctx context.Context, one *onlooker, by int, out time.Duration) {
	one.mu.Lock()
	looked := one.since != 0
	one.mu.Unlock()
	for looked && ctx.Err() == nil {
		var none struct{}
		asked := s.history.since()
		typing := s.typist.client.at(by)
		late := s.history.outagesNow(one.node).without(out, asked)
		if typing.call(ctx, typingDocument, variables{"room": s.room.id, "active": true}, &none) == nil {
			sleep(ctx, 300*time.Millisecond)
			if at, _ := one.hears(typesNow, asked); at != 0 && (one.node == by || late > leftTime) {
				s.history.blame(violation{"signals: told on", fmt.Sprintf("who was put out of a room at %.2f s by node %d was told by node %d of who typed at %.2f s",
					out.Seconds(), by+1, one.node+1, asked.Seconds())})
			}
		}
		_ = typing.call(ctx, typingDocument, variables{"room": s.room.id, "active": false}, &none) // else it ends by itself
		one.mu.Lock()
		ended := one.ended
		one.mu.Unlock()
		if ended != nil {
			if code := codeOf(ended); code != "" && code != "NOT_FOUND" && code != "UNAVAILABLE" && !errors.Is(ended, context.Canceled) {
				s.history.blame(violation{"signals: ended otherwise", fmt.Sprintf("node %d: %v", one.node+1, ended)})
			}
			return
		}
		if late > leftTime {
			s.history.blame(violation{"signals: stays", fmt.Sprintf("who was put out of a room at %.2f s by node %d looks on at node %d at %.2f s", out.Seconds(), by+1, one.node+1, asked.Seconds())})
			return
		}
		sleep(ctx, 200*time.Millisecond)
	}
}
