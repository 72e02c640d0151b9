package bus

import (
	"context"
	"fmt"
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
