package bus

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/omarty/chat/internal/omarty"
)

const (
	// pingTime is how often NATS is asked whether it is there; after maxPings in vain the
	// connection is given up for another.
	pingTime = 2 * time.Second
	maxPings = 2
	// retryTime is how long it takes at least from one attempt to connect to the next.
	retryTime = 500 * time.Millisecond
	// firstTime is how long a node that starts waits for NATS at the most.
	firstTime = 500 * time.Millisecond
	// leaveTime is how long one that goes waits for what it told, and for its connection.
	leaveTime = time.Second
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

// Open connects to NATS, and goes on trying where it is away, also from the beginning: it
// waits for it for half a second at the most. An error is one of the options. The caller
// calls Close.
func Open(o Options, ears Ears, log *slog.Logger) (*Bus, error) {
	b := &Bus{
		node: uuid.Must(uuid.NewV7()).String(), ears: ears, log: log, trace: o.Trace,
		out: make(chan message, waiting), in: make(chan *nats.Msg, waiting),
		wake: make(chan struct{}, 1), done: make(chan struct{}), wanted: map[string]bool{},
	}
	options := []nats.Option{
		nats.Name("omarty-chat"), nats.NoEcho(), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.CustomReconnectDelay(b.pause), nats.ReconnectBufSize(-1), nats.SetCustomDialer(dialer{b.done}),
		nats.PingInterval(pingTime), nats.MaxPingsOutstanding(maxPings), nats.Timeout(pingTime), nats.IgnoreAuthErrorAbort(),
		nats.ConnectHandler(b.connected), nats.ReconnectHandler(b.connected), nats.DisconnectErrHandler(b.disconnected),
		nats.ReconnectErrHandler(b.unreached), nats.ErrorHandler(b.refused),
	}
	first := make(chan error, 1)
	b.over.Go(func() {
		conn, err := nats.Connect(o.URL, append(options, o.access()...)...)
		if err == nil {
			b.conn.Store(conn)
			b.over.Go(b.send)
			b.over.Go(b.hear)
			b.over.Go(b.subscribe)
		}
		first <- err
	})
	b.want(prefix+"presence", true)
	b.want(prefix+"roll", true)
	b.want(prefix+"ended", true)
	select {
	case err := <-first:
		if err != nil {
			return nil, withoutURL(err)
		}
	case <-time.After(firstTime): // what is wrong with the options is known at once
		b.log.Warn("NATS does not answer yet: other nodes hear of what happens here by the database")
	}
	return b, nil
}

// dialer makes connections, until the bus is left.
type dialer struct{ done <-chan struct{} }

// Dial is for nats.
func (d dialer) Dial(network, address string) (net.Conn, error) {
	select {
	case <-d.done:
		return nil, net.ErrClosed
	default:
		return (&net.Dialer{Timeout: pingTime}).Dial(network, address)
	}
}

// pause gives how long to wait until all servers are tried again.
func (b *Bus) pause(int) time.Duration {
	if conn := b.conn.Load(); conn != nil {
		b.complain(conn.LastError()) // of being let in, which nobody is told of before the first time
	}
	return retryTime + rand.N(retryTime) //nolint:gosec // no secret: so that nodes do not come at once
}

// CheckURL tells what is wrong with Options.URL, without quoting it.
func CheckURL(servers string) error {
	for server := range strings.SplitSeq(servers, ",") {
		u, err := url.Parse(strings.TrimSpace(server))
		if err != nil || u.Host == "" || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) {
			return errors.New("is nats://HOST:PORT or tls://HOST:PORT, of one server or of several with commas between them; in a password, @ is written %40, / %2F and % %25")
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

// Close says that this node goes, and leaves the bus. It takes two seconds where NATS is
// silent, and else no time.
func (b *Bus) Close() {
	b.tell(kindPresence, prefix+"presence", omarty.Roll{Gone: true, Node: b.node})
	close(b.done)
	b.over.Wait()
	conn := b.conn.Load()
	if conn == nil {
		return
	}
	closed := make(chan struct{})
	go func() { conn.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(leaveTime): // it waits for an attempt that ends by itself
	}
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
	if b.began.Swap(true) {
		b.counts.reconnects.Add(1)
	}
	if isOld(version) {
		b.log.Warn("this NATS is older than 2.12.6, with which nodes were not tried: upgrade it", "version", version)
	}
	b.log.Info("connected to NATS", "version", version)
	b.up.Store(true)
	b.rouse()
	// What was told meanwhile was not heard.
	b.AskPresence()
	b.ears.Asked()
}

func (b *Bus) disconnected(_ *nats.Conn, err error) {
	b.up.Store(false)
	select {
	case <-b.done:
	default:
		b.log.Warn("NATS is away: other nodes hear of what happens here by the database", "error", err)
	}
}

func (b *Bus) unreached(_ *nats.Conn, err error) {
	if !errors.Is(err, nats.ErrNoServers) { // what is wrong with them comes with the next attempt
		b.complain(err)
	}
}

func (b *Bus) refused(_ *nats.Conn, _ *nats.Subscription, err error) {
	if errors.Is(err, nats.ErrSlowConsumer) {
		b.counts.overrun.Add(1)
		return // what was dropped is read from the log
	}
	b.complain(err)
}

// complain tells what happens again and again while it is not mended.
func (b *Bus) complain(err error) {
	if err == nil || b.ears.Failed == nil {
		return
	}
	select {
	case <-b.done:
	default:
		b.ears.Failed(withoutURL(err))
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
		if !b.up.Load() {
			continue // until it is connected, which wakes us
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
				s, err := b.conn.Load().ChanSubscribe(subject, b.in)
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
