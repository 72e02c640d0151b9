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
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/omarty/chat/internal/omarty"
)

const (
	// prefix begins every subject; the number changes when what is told is told in
	// another way, which older nodes do not understand.
	prefix = "omarty.1."
	// waiting bounds what waits to be sent, and what waits to be heard, in messages.
	waiting = 8192
	// pingTime is how often NATS is asked whether it is there; after maxPings in vain the
	// connection is given up for another.
	pingTime = 2 * time.Second
	maxPings = 2
	// retryTime is how long it takes at least from one attempt to connect to the next.
	retryTime = 500 * time.Millisecond
	// largest is how many bytes of entries go in a message; entries beyond are told of by
	// their numbers alone. NATS takes 1 MiB unless it is told otherwise.
	largest = 512 << 10
)

// Options say which NATS there is and how to come in.
type Options struct {
	// URL names one server or several, with commas between them.
	URL string
	// Credentials is the path of a file with a JWT and its seed; "" for none.
	Credentials string
	// Trace lets traces pass from node to node; nil for none.
	Trace *Trace
	// CA, Certificate and Key are paths of PEM files; "" for none. Certificate and Key come
	// together.
	CA, Certificate, Key string
}

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
}

// Bus is this node's place at it. It is safe for concurrent use.
type Bus struct {
	// node names this node while it runs.
	node string
	ears Ears
	log  *slog.Logger
	conn *nats.Conn
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

// Open connects to NATS, and goes on trying where it is away, also from the beginning. An
// error is one of the options. The caller calls Close.
func Open(o Options, ears Ears, log *slog.Logger) (*Bus, error) {
	b := &Bus{
		node: uuid.Must(uuid.NewV7()).String(), ears: ears, log: log, trace: o.Trace,
		out: make(chan message, waiting), in: make(chan *nats.Msg, waiting),
		wake: make(chan struct{}, 1), done: make(chan struct{}), wanted: map[string]bool{},
	}
	options := []nats.Option{
		nats.Name("omarty-chat"), nats.NoEcho(), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.ReconnectWait(retryTime), nats.ReconnectJitter(retryTime, retryTime), nats.ReconnectBufSize(-1),
		nats.PingInterval(pingTime), nats.MaxPingsOutstanding(maxPings), nats.Timeout(pingTime), nats.IgnoreAuthErrorAbort(),
		nats.ConnectHandler(b.connected), nats.ReconnectHandler(b.connected), nats.DisconnectErrHandler(b.disconnected),
		nats.ErrorHandler(b.failed),
	}
	conn, err := nats.Connect(o.URL, append(options, o.access()...)...)
	if err != nil {
		return nil, withoutURL(err)
	}
	b.conn = conn
	b.over.Go(b.send)
	b.over.Go(b.hear)
	b.over.Go(b.subscribe)
	b.want(prefix+"presence", true)
	b.want(prefix+"roll", true)
	b.want(prefix+"ended", true)
	return b, nil
}

// access are the options by which a connection is let in.
func (o Options) access() (options []nats.Option) {
	if o.Credentials != "" {
		options = append(options, nats.UserCredentials(o.Credentials))
	}
	if o.CA != "" {
		options = append(options, nats.RootCAs(o.CA))
	}
	if o.Certificate != "" {
		options = append(options, nats.ClientCert(o.Certificate, o.Key))
	}
	return options
}

// CheckURL tells what is wrong with Options.URL, without quoting it.
func CheckURL(servers string) error {
	for server := range strings.SplitSeq(servers, ",") {
		u, err := url.Parse(strings.TrimSpace(server))
		if err != nil || u.Host == "" || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) {
			return errors.New("is nats://HOST:PORT or tls://HOST:PORT, of one server or of several with commas between them")
		}
	}
	return nil
}

// withoutURL gives an error of connecting without the address, which may hold a password.
func withoutURL(err error) error {
	for _, plain := range []error{nats.ErrAuthorization, nats.ErrNoServers} {
		if errors.Is(err, plain) {
			return plain
		}
	}
	if strings.Contains(err.Error(), "://") {
		return errors.New("the URL cannot be read")
	}
	return err
}

// Close says that this node goes, and leaves the bus.
func (b *Bus) Close() {
	b.tell(kindPresence, prefix+"presence", omarty.Roll{Gone: true, Node: b.node})
	close(b.done)
	b.over.Wait()
	b.conn.Close()
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
					_ = b.conn.FlushTimeout(pingTime) // what is lost is lost
					return
				}
			}
		}
	}
}

func (b *Bus) publish(m message) {
	if !b.conn.IsConnected() {
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
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// subscribe keeps the subscriptions as they are wanted. NATS itself keeps them over
// connections that break.
func (b *Bus) subscribe() {
	subscriptions := map[string]*nats.Subscription{}
	for {
		select {
		case <-b.wake:
		case <-b.done:
			return
		}
		b.mu.Lock()
		changed := b.changed
		b.changed = nil
		wanted := make([]bool, len(changed))
		for i, subject := range changed {
			wanted[i] = b.wanted[subject]
		}
		b.mu.Unlock()
		for i, subject := range changed {
			s := subscriptions[subject]
			switch {
			case wanted[i] && s == nil:
				s, err := b.conn.ChanSubscribe(subject, b.in)
				if err != nil {
					b.log.Warn("other nodes cannot be heard", "error", err)
					continue
				}
				subscriptions[subject] = s
			case !wanted[i] && s != nil:
				_ = s.Unsubscribe() // which fails where the connection is closed
				delete(subscriptions, subject)
			}
		}
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

// oldest is the oldest version of NATS that this was tried with.
var oldest = [3]int{2, 12, 6}

// isOld tells whether a version is older than the oldest.
func isOld(text string) bool {
	var version [3]int
	for i, number := range strings.SplitN(strings.SplitN(strings.TrimPrefix(text, "v"), "-", 2)[0], ".", 3) {
		for _, digit := range []byte(number) {
			version[i] = 10*version[i] + int(digit-'0')
		}
	}
	return slices.Compare(version[:], oldest[:]) < 0
}

func (b *Bus) connected(conn *nats.Conn) {
	version := conn.ConnectedServerVersion()
	if isOld(version) {
		b.log.Warn("this NATS is older than 2.12.6, with which nodes were not tried: upgrade it", "version", version)
	}
	b.log.Info("connected to NATS", "version", version)
	// What was told meanwhile was not heard.
	b.AskPresence()
	b.ears.Asked()
}

func (b *Bus) disconnected(_ *nats.Conn, err error) {
	select {
	case <-b.done:
	default:
		b.log.Warn("NATS is away: other nodes hear of what happens here by the database", "error", err)
	}
}

func (b *Bus) failed(_ *nats.Conn, _ *nats.Subscription, err error) {
	if errors.Is(err, nats.ErrSlowConsumer) {
		b.counts.overrun.Add(1)
		return // what was dropped is read from the log
	}
	b.log.Warn("NATS", "error", err)
}

// say hands a message to NATS, with what it carries of a trace.
func (b *Bus) say(m message, text []byte) error {
	if len(m.carried) == 0 {
		return b.conn.Publish(m.subject, text)
	}
	h := make(nats.Header, len(m.carried))
	for name, value := range m.carried {
		h.Set(name, value)
	}
	return b.conn.PublishMsg(&nats.Msg{Subject: m.subject, Data: text, Header: h})
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
