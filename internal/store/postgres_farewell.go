package store

import (
	"context"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// farewellTime bounds how long a connection that is given up takes to ask PostgreSQL to
// stop what it does, and then to see it hang up: each so long. Where a network has fallen
// silent nobody answers, and until then the connection has a place in the pool; pgx itself
// waits 15 s.
const farewellTime = 500 * time.Millisecond

type connecting struct{}

// withFarewell marks the context of who connects for the pool: what else is dialed is to
// have something cancelled.
func withFarewell(ctx context.Context) context.Context {
	return context.WithValue(ctx, connecting{}, true)
}

// farewells gives a way to dial whose connections take leave within farewellTime.
func farewells(dial pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		cancels := ctx.Value(connecting{}) == nil
		if cancels {
			var done context.CancelFunc
			ctx, done = context.WithTimeout(ctx, farewellTime)
			defer done()
		}
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if cancels {
			return conn, conn.SetDeadline(time.Now().Add(farewellTime))
		}
		if _, ok := conn.(*net.TCPConn); !ok {
			return conn, nil // on this machine, where nothing falls silent
		}
		return brief{conn}, nil
	}
}

// brief is a connection for which nobody waits long. A deadline that is yet to come pgx
// sets when it gives one up, and never else.
type brief struct{ net.Conn }

// SetDeadline is for pgx.
func (c brief) SetDeadline(t time.Time) error {
	if latest := time.Now().Add(farewellTime); t.After(latest) {
		t = latest
	}
	return c.Conn.SetDeadline(t)
}
