// Package bus passes between the nodes of an installation what they tell each other, by
// way of NATS (core, without JetStream). It may lose anything, and says nothing of what
// it lost: who listens reads the log where there is a gap, and looks from time to time.
//
// Nobody waits for it. What cannot be sent at once, because NATS is away or slow, is
// dropped.
package bus

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/omarty/chat/internal/omarty"
)

const (
	// prefix begins every subject; the number changes when what is told is told in
	// another way, which older nodes do not understand.
	prefix = "omarty.1."
	// waiting bounds what waits to be sent, and what waits to be heard, in messages.
	waiting = 8192
	// largest is how many bytes of entries go in a message; entries beyond are told of by
	// their numbers alone. NATS takes 1 MiB unless it is told otherwise.
	largest = 512 << 10
)

// Trace lets traces pass from node to node.
type Trace struct {
	// Tell gives what a message of a kind carries of what ctx belongs to; nil for nothing. It
	// waits for nobody.
	Tell func(ctx context.Context, kind string) (carried map[string]string)
	// Hear is told what a message of a kind carried, before it is heard, and end after.
	Hear func(kind string, carried map[string]string) (end func())
}

// Ears are told what other nodes tell, one thing after the other in the order in which
// each of them did, and wait for nobody.
type Ears struct {
	// Entries were committed, those of one room, without a gap between them.
	Entries func([]omarty.Entry)
	// Signals passed through a room.
	Signals func(room omarty.ID, signals []omarty.RoomSignal)
	// Changed tells what changed for a person.
	Changed func(of omarty.ID, c omarty.Change)
	// Present tells who is there on another node.
	Present func(omarty.Roll)
	// Ended tells of sessions that were ended on another node.
	Ended func(omarty.Ended)
	// Asked tells that another node wants to know who is there on this one.
	Asked func()
	// Failed tells, without a password, what keeps this node from NATS, again and again while
	// that is not mended; nil where nobody wants to know.
	Failed func(error)
}

// Bus is this node's place at it. It is safe for concurrent use.
type Bus struct {
	// node names this node while it runs.
	node string
	ears Ears
	log  *slog.Logger
	// conn is nil until the first attempt to connect was made. Most of what can be asked of
	// it waits while it tries again, which may be seconds where NATS is silent: so what
	// others wait for asks up.
	conn      atomic.Pointer[nats.Conn]
	up, began atomic.Bool // whether it is connected, and whether it ever was
	// trace is nil for none.
	trace *Trace

	out    chan message
	in     chan *nats.Msg
	wake   chan struct{}
	done   chan struct{}
	over   sync.WaitGroup
	counts counts

	mu sync.Mutex
	// wanted are the subjects that this node listens to; those that were changed since
	// the subscriptions were, in changed.
	wanted  map[string]bool
	changed []string
}

// message is what waits to be sent.
type message struct {
	kind    int // in kinds
	subject string
	content any
	carried map[string]string // of a trace; nil for none
}

// Node names this node.
func (b *Bus) Node() string { return b.node }

// TellEntries tells of entries that were committed, by what ctx belongs to.
func (b *Bus) TellEntries(ctx context.Context, entries []omarty.Entry) {
	var carried map[string]string
	if b.trace != nil {
		carried = b.trace.Tell(ctx, kinds[kindLog])
	}
	for len(entries) > 0 {
		n := 1
		for n < len(entries) && entries[n].Room == entries[0].Room {
			n++
		}
		b.hand(message{kindLog, roomSubject(entries[0].Room) + ".log", written(entries[:n]), carried})
		entries = entries[n:]
	}
}

// TellSignals tells of what passed through a room.
func (b *Bus) TellSignals(room omarty.ID, signals []omarty.RoomSignal) {
	b.tell(kindSignal, roomSubject(room)+".signal", wrap(signals))
}

// TellChange tells of what changed for a person.
func (b *Bus) TellChange(of omarty.ID, c omarty.Change) { b.tell(kindPerson, personSubject(of), c) }

// TellPresence tells who is there on this node.
func (b *Bus) TellPresence(r omarty.Roll) {
	r.Node = b.node
	b.tell(kindPresence, prefix+"presence", r)
}

// TellEnded tells of sessions that have ended.
func (b *Bus) TellEnded(e omarty.Ended) { b.tell(kindEnded, prefix+"ended", e) }

// AskPresence asks all other nodes who is there.
func (b *Bus) AskPresence() { b.tell(kindRoll, prefix+"roll", b.node) }

// FollowRoom listens, or no longer, to what happens in a room.
func (b *Bus) FollowRoom(room omarty.ID, follow bool) { b.want(roomSubject(room)+".*", follow) }

// FollowPerson listens, or no longer, to what changes for a person.
func (b *Bus) FollowPerson(of omarty.ID, follow bool) { b.want(personSubject(of), follow) }

func roomSubject(room omarty.ID) string { return prefix + "room." + room.String() }
func personSubject(of omarty.ID) string { return prefix + "person." + of.String() }

// tell sends something, unless too much waits to be sent already.
func (b *Bus) tell(kind int, subject string, content any) {
	b.hand(message{kind, subject, content, nil})
}

func (b *Bus) hand(m message) {
	select {
	case b.out <- m:
	default:
		b.counts.dropped.Add(1)
	}
}

// send sends what waits.
func (b *Bus) send() {
	for {
		select {
		case m := <-b.out:
			b.publish(m)
		case <-b.done:
			for {
				select {
				case m := <-b.out:
					b.publish(m)
				default:
					if b.up.Load() {
						_ = b.conn.Load().FlushTimeout(leaveTime) // what is lost is lost
					}
					return
				}
			}
		}
	}
}

func (b *Bus) publish(m message) {
	if !b.up.Load() {
		b.counts.unsent.Add(1)
		return
	}
	text, err := json.Marshal(m.content)
	if entries, ok := m.content.([]entry); ok && err == nil && len(text) > largest {
		bare := make([]entry, len(entries))
		for i, e := range entries {
			bare[i].Event = e.Event
		}
		text, err = json.Marshal(bare)
	}
	if err == nil {
		err = b.say(m, text)
	}
	if err != nil {
		b.counts.unsent.Add(1)
		b.log.Debug("not told to other nodes", "error", err)
		return
	}
	b.counts.sent[m.kind].Add(1)
}

// want has a subject listened to, or no longer.
func (b *Bus) want(subject string, wanted bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if wanted {
		b.wanted[subject] = true
	} else {
		delete(b.wanted, subject)
	}
	b.changed = append(b.changed, subject)
	b.rouse()
}

// rouse has subscribe look.
func (b *Bus) rouse() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// hear tells what comes.
func (b *Bus) hear() {
	for {
		select {
		case m := <-b.in:
			b.take(m)
		case <-b.done:
			return
		}
	}
}

// take tells of one message. What cannot be read comes from a node that knows more.
func (b *Bus) take(m *nats.Msg) {
	topic, rest, _ := strings.Cut(strings.TrimPrefix(m.Subject, prefix), ".")
	name, kind, _ := strings.Cut(rest, ".")
	id, _ := omarty.ParseID(name)
	var err error
	heard := func(kind int) { b.counts.heard[kind].Add(1) }
	switch {
	case topic == "room" && kind == "log":
		heard(kindLog)
		var entries []entry
		if err = json.Unmarshal(m.Data, &entries); err == nil && areOf(id, entries) {
			b.counts.came(time.Since(entries[0].Event.At))
			end := b.heard(m.Header)
			b.ears.Entries(read(entries))
			end()
		}
	case topic == "room" && kind == "signal":
		heard(kindSignal)
		var signals []signal
		if err = json.Unmarshal(m.Data, &signals); err == nil {
			b.ears.Signals(id, unwrap(signals))
		}
	case topic == "person":
		heard(kindPerson)
		var c omarty.Change
		if err = json.Unmarshal(m.Data, &c); err == nil {
			b.ears.Changed(id, c)
		}
	case topic == "presence":
		heard(kindPresence)
		var r omarty.Roll
		if err = json.Unmarshal(m.Data, &r); err == nil {
			b.ears.Present(r)
		}
	case topic == "ended":
		heard(kindEnded)
		var e omarty.Ended
		if err = json.Unmarshal(m.Data, &e); err == nil {
			b.ears.Ended(e)
		}
	case topic == "roll":
		heard(kindRoll)
		b.ears.Asked()
	}
	if err != nil {
		b.log.Debug("what another node tells cannot be read", "error", err)
	}
}

// areOf tells whether entries are some of a room, without a gap.
func areOf(room omarty.ID, entries []entry) bool {
	for i, e := range entries {
		if e.Event.Room != room || e.Event.Seq != entries[0].Event.Seq+i {
			return false
		}
	}
	return len(entries) > 0
}

// say hands a message to NATS, with what it carries of a trace.
func (b *Bus) say(m message, text []byte) error {
	if len(m.carried) == 0 {
		return b.conn.Load().Publish(m.subject, text)
	}
	h := make(nats.Header, len(m.carried))
	for name, value := range m.carried {
		h.Set(name, value)
	}
	return b.conn.Load().PublishMsg(&nats.Msg{Subject: m.subject, Data: text, Header: h})
}

// heard says that a message with entries is about to be heard, and end that it was.
func (b *Bus) heard(h nats.Header) (end func()) {
	if b.trace == nil || len(h) == 0 {
		return func() {}
	}
	carried := make(map[string]string, len(h))
	for name := range h {
		carried[name] = h.Get(name)
	}
	return b.trace.Hear(kinds[kindLog], carried)
}
