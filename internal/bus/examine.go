package bus

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
)

// Examined is what was found of a NATS.
type Examined struct {
	Version string
	// TooOld tells that this was not tried with that version.
	TooOld bool
	// RoundTrip is how long a message took there and back.
	RoundTrip time.Duration
}

// Servers gives each server of Options.URL by its host, with the options of it alone.
func (o Options) Servers() iter.Seq2[string, Options] {
	return func(yield func(string, Options) bool) {
		for server := range strings.SplitSeq(o.URL, ",") {
			one := o
			one.URL = strings.TrimSpace(server)
			host := "NATS"
			if u, err := url.Parse(one.URL); err == nil {
				host = u.Host
			}
			if !yield(host, one) {
				return
			}
		}
	}
}

// apartTime is how long servers may take to pass on to each other.
const apartTime = 2 * time.Second

// Apart tells which servers of several that let this in do not hear what is said at the first
// of them: they are no cluster, so nodes at one do not hear those at another. It answers
// within ctx.
func Apart(ctx context.Context, o Options) (first string, apart []string, err error) {
	subject := prefix + "doctor." + uuid.Must(uuid.NewV7()).String()
	var says *nats.Conn
	type listener struct {
		host  string
		heard *nats.Subscription
	}
	var deaf []listener
	for host, server := range o.Servers() {
		conn, err := nats.Connect(server.URL, append(o.access(), nats.Name("omarty-chat doctor"), nats.Timeout(pingTime), nats.DontRandomize(), nats.IgnoreDiscoveredServers())...)
		if err != nil {
			return "", nil, withoutURL(err)
		}
		defer conn.Close()
		if says == nil {
			first, says = host, conn
			continue
		}
		s, err := conn.SubscribeSync(subject)
		if err != nil {
			return "", nil, err
		}
		deaf = append(deaf, listener{host, s})
	}
	ctx, cancel := context.WithTimeout(ctx, apartTime)
	defer cancel()
	for len(deaf) > 0 && ctx.Err() == nil { // what is listened to is passed on, too, and takes a moment
		if err := says.Publish(subject, nil); err != nil {
			return first, nil, err
		}
		deaf = slices.DeleteFunc(deaf, func(l listener) bool {
			_, err := l.heard.NextMsg(apartTime / 20)
			return err == nil
		})
	}
	for _, l := range deaf {
		apart = append(apart, l.host)
	}
	return first, apart, nil
}

// Examine connects to NATS, and sends a message to itself. It answers within ctx, and does
// not quote a password.
func Examine(ctx context.Context, o Options) (Examined, error) {
	conn, err := nats.Connect(o.URL, append(o.access(), nats.Name("omarty-chat doctor"), nats.Timeout(pingTime))...)
	if err != nil {
		return Examined{}, withoutURL(err)
	}
	defer conn.Close()
	found := Examined{Version: conn.ConnectedServerVersion(), TooOld: isOld(conn.ConnectedServerVersion())}
	subject := prefix + "doctor." + uuid.Must(uuid.NewV7()).String()
	s, err := conn.SubscribeSync(subject)
	if err != nil {
		return found, err
	}
	began := time.Now()
	if err := conn.Publish(subject, nil); err != nil {
		return found, err
	}
	if _, err := s.NextMsgWithContext(ctx); err != nil {
		if refused := conn.LastError(); refused != nil {
			err = refused
		}
		return found, fmt.Errorf("a message on %s* does not come back: %w", prefix, err)
	}
	found.RoundTrip = time.Since(began)
	return found, nil
}
