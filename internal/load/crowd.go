// Package load is a client of many at once: people who send, and sockets that listen
// and check what they hear. It drives any server of the contract, and knows nothing
// of this one. cmd/loadtest and internal/bench are made of it.
//
// What it subscribes to is roomEvents, a room for each socket, since that tells every
// entry; or inboxEvents, where one of a person's rooms talks.
package load

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Crowd is sockets that listen to rooms, and checks what each hears: every entry
// once, in order, with nothing missing between two.
type Crowd struct {
	place *Place
	// tag marks the messages of this crowd's talk.
	tag []byte
	// began is what moments in messages count from.
	began time.Time
	rooms []*gathering
	all   []*Listener
	// latency counts from a send to each delivery; it changes with each measuring.
	latency atomic.Pointer[Histogram]
	// way has one for each message that is under way; its pointer is never nil.
	way     atomic.Pointer[chan struct{}]
	sends   atomic.Int64 // the last key's number
	reading sync.WaitGroup
	closing atomic.Bool

	mu    sync.Mutex
	fault error
}

// gathering is a room and who listens to it.
type gathering struct {
	Room
	listeners []*Listener
	// present are those of them that are not away.
	present atomic.Int32
	// heard counts who has an entry, by its number: when all have, the message is
	// not under way any more.
	heard [ring]atomic.Int32
	// last is the newest entry that somebody was told of by the server.
	last atomic.Int64
}

// ring is how many entries of a room are counted at once; more are never under way.
const ring = 1 << 14

// Listener is a socket that listens to a room.
type Listener struct {
	crowd  *Crowd
	room   *gathering
	socket *Socket
	query  string
	inbox  bool // it listens to all rooms of its person
	// last is the newest entry that was heard, and heard how many were.
	last, heard atomic.Int64
	// subscribed and caught are when it subscribed last and had caught up, from the
	// crowd's beginning on.
	subscribed, caught atomic.Int64
	gone               chan struct{} // closed when the socket has ended
	caughtUp           chan struct{} // closed when the server says so
	// away is set while the listener has no socket by intention, and apart where its
	// deliveries are not among those whose time is measured.
	away, apart atomic.Bool
}

// Selection is what a listener asks of entries beside their numbers and texts.
const Selection = `at kind message { id createdAt author { id name } }`

// Query gives the subscription of a listener. The number comes first, where the
// listener looks for it.
func Query(selection string) string {
	return `subscription($room: ID!, $after: Int) { roomEvents(room: $room, after: $after) {
		... on RoomEvent { seq message { text } ` + selection + ` } ... on CaughtUp { position } } }`
}

// InboxQuery gives the subscription of one who listens to all rooms of a person.
func InboxQuery(selection string) string {
	return `subscription { inboxEvents {
		... on RoomEvent { seq message { text } ` + selection + ` } ... on RoomOpened { opened: room { id } } ... on CaughtUp { position } } }`
}

// Gathering is how many listen, and how.
type Gathering struct {
	// Listeners are shared out to the rooms.
	Listeners int
	// Selections are what they ask for, in turn; Selection where there are none.
	Selections []string
	// Inboxes makes each listen to all rooms of its person, of which those of the place
	// alone talk, and that is one.
	Inboxes bool
	// At is how many sockets are opened at once; 32 where it is 0.
	At int
	// Opened is called from time to time with how many there are.
	Opened func(int)
}

// Gather opens the sockets of a crowd, and returns when all have caught up.
func Gather(ctx context.Context, p *Place, g Gathering) (*Crowd, error) {
	c := &Crowd{place: p, tag: []byte(`load ` + Tag() + ` `), began: time.Now()}
	c.latency.Store(&Histogram{})
	c.way.Store(new(chan struct{}))
	for _, r := range p.Rooms {
		c.rooms = append(c.rooms, &gathering{Room: r})
	}
	if len(g.Selections) == 0 {
		g.Selections = []string{Selection}
	}
	for i := range g.Listeners {
		l := c.Invite(i%len(c.rooms), g.Selections[i/len(c.rooms)%len(g.Selections)])
		if g.Inboxes {
			l.inbox, l.query = true, InboxQuery(g.Selections[i%len(g.Selections)])
		}
	}
	if err := c.open(ctx, c.all, g); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Invite adds a listener of a room, whose socket is not open yet.
func (c *Crowd) Invite(room int, selection string) *Listener {
	l := &Listener{crowd: c, room: c.rooms[room], query: Query(selection)}
	l.last.Store(-1)
	c.all = append(c.all, l)
	l.room.listeners = append(l.room.listeners, l)
	l.room.present.Add(1)
	return l
}

func (c *Crowd) open(ctx context.Context, all []*Listener, g Gathering) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var opening sync.WaitGroup
	var opened atomic.Int64
	next := make(chan int)
	for range cmp.Or(g.At, 32) {
		opening.Go(func() {
			for i := range next {
				if err := all[i].Open(ctx, i, nil); err != nil {
					cancel(fmt.Errorf("socket %d: %w", i+1, err))
					return
				}
				if n := int(opened.Add(1)); g.Opened != nil && (n%1000 == 0 || n == len(all)) {
					g.Opened(n)
				}
			}
		})
	}
	for i := range all {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	opening.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return c.caughtUp(ctx, all)
}

// caughtUp waits until listeners have all that they had missed.
func (c *Crowd) caughtUp(ctx context.Context, all []*Listener) error {
	ctx, cancel := context.WithTimeout(ctx, settleTime+time.Duration(len(all))*10*time.Millisecond)
	defer cancel()
	for _, l := range all {
		for waiting := true; waiting; {
			select {
			case <-l.caughtUp:
				waiting = false
			case <-time.After(100 * time.Millisecond):
				if err := c.Fault(); err != nil {
					return err
				}
			case <-ctx.Done():
				return fmt.Errorf("a listener has not caught up: %w", ctx.Err())
			}
		}
	}
	return nil
}

// Open opens the listener's socket and subscribes, after a position where one is
// given. It returns before the listener has caught up.
func (l *Listener) Open(ctx context.Context, number int, after *int) error {
	tokens := l.crowd.place.Listeners
	socket, err := Dial(ctx, l.crowd.place.server(number), tokens[number%len(tokens)])
	if err != nil {
		return err
	}
	l.socket, l.caughtUp, l.gone = socket, make(chan struct{}), make(chan struct{})
	variables := map[string]any{}
	if !l.inbox {
		variables["room"] = l.room.ID
	}
	if after != nil {
		variables["after"] = *after
		l.last.Store(int64(*after))
	}
	l.subscribed.Store(int64(time.Since(l.crowd.began)))
	if err := socket.Subscribe("1", l.query, variables); err != nil {
		socket.Close()
		return err
	}
	l.crowd.reading.Go(func() {
		defer close(l.gone)
		err := socket.Each(l.hear)
		if !l.crowd.closing.Load() && !l.away.Load() && !errors.Is(err, errEnough) {
			l.crowd.fail(fmt.Errorf("a listener broke off after entry %d: %w", l.last.Load(), err))
		}
		socket.Close()
	})
	return nil
}

var (
	seqKey      = []byte(`"seq":`)
	positionKey = []byte(`"position":`)
	openedKey   = []byte(`"opened":`)
	errorsKey   = []byte(`"errors":`)
)

// hear checks a message of the server, and counts it.
func (l *Listener) hear(text []byte, at time.Time) error {
	i := bytes.Index(text, seqKey)
	if i < 0 || bytes.Contains(text, errorsKey) {
		return l.hearOther(text, at)
	}
	seq := number(text[i+len(seqKey):])
	if last := l.last.Load(); seq != last+1 && last >= 0 {
		return fmt.Errorf("entry %d was followed by %d", last, seq)
	}
	l.last.Store(seq)
	l.heard.Add(1)
	l.room.arrived(seq, *l.crowd.way.Load())
	if i := bytes.Index(text, l.crowd.tag); i >= 0 && !l.apart.Load() {
		sent := time.Duration(number(text[i+len(l.crowd.tag):]))
		l.crowd.latency.Load().Add(at.Sub(l.crowd.began) - sent)
	}
	return nil
}

// hearOther reads what is not an entry.
func (l *Listener) hearOther(text []byte, at time.Time) error {
	m, err := parse(text)
	i := bytes.Index(text, positionKey)
	switch {
	case err != nil:
		return fmt.Errorf("no message: %.200s", text)
	case m.Type == "ping":
		return l.socket.Send(map[string]string{"type": "pong"})
	case l.inbox && m.Type == "next" && bytes.Contains(text, openedKey):
		return nil
	case m.Type != "next" || i < 0 || bytes.Contains(text, errorsKey):
		return fmt.Errorf("the server sends %.300s", text)
	}
	if l.inbox {
		close(l.caughtUp) // it stands in many rooms
		return nil
	}
	position := number(text[i+len(positionKey):])
	if last := l.last.Load(); last >= 0 && last != position {
		return fmt.Errorf("caught up at %d, after entry %d", position, last)
	}
	l.last.Store(position)
	l.caught.Store(int64(at.Sub(l.crowd.began)))
	close(l.caughtUp)
	return nil
}

// number reads a whole number from the beginning of a text.
func number(text []byte) (n int64) {
	for _, c := range text {
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + int64(c-'0')
	}
	return n
}

// arrived counts who has an entry.
func (g *gathering) arrived(seq int64, way <-chan struct{}) {
	if count := &g.heard[seq%ring]; count.Add(1) >= g.present.Load() {
		count.Store(0)
		select {
		case <-way:
		default: // somebody else's message
		}
	}
}

func (c *Crowd) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fault == nil {
		c.fault = err
	}
}

// Fault is the first thing that went wrong; nil for nothing.
func (c *Crowd) Fault() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fault
}

// Heard tells how many entries were heard, by all together.
func (c *Crowd) Heard() (total int64) {
	for _, l := range c.all {
		total += l.heard.Load()
	}
	return total
}

// settleTime is how long listeners may take to hear what was acknowledged.
const settleTime = 30 * time.Second

// Settle waits until everyone has heard what was acknowledged, and tells what is
// missing, or what went wrong before.
func (c *Crowd) Settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	for {
		late, by := 0, int64(0)
		for _, l := range c.all {
			if behind := l.room.last.Load() - l.last.Load(); behind > 0 && !l.away.Load() {
				late, by = late+1, max(by, behind)
			}
		}
		if err := c.Fault(); err != nil || late == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d listeners miss up to %d entries that were acknowledged", late, by)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Close drops all sockets.
func (c *Crowd) Close() {
	c.closing.Store(true)
	for _, l := range c.all {
		if l.socket != nil {
			l.socket.Close()
		}
	}
	c.reading.Wait()
}

// text gives a message that tells when it was sent, of so many bytes.
func (c *Crowd) text(sent time.Time, length int) string {
	b := strconv.AppendInt(bytes.Clone(c.tag), int64(sent.Sub(c.began)), 10)
	b = append(b, ' ')
	for len(b) < length {
		b = append(b, "Who has left a bicycle in the stairwell again? "...)
	}
	return string(bytes.TrimSpace(b[:max(length, len(c.tag)+20)]))
}
