package store

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestReachingPostgres(t *testing.T) {
	nobody := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	starting, wrong := &pgconn.PgError{Code: "57P03"}, &pgconn.PgError{Code: "28P01"}
	for name, c := range map[string]struct {
		err   error
		after time.Duration // when it lets the program in
		takes time.Duration // the longest
		fails bool
	}{
		"it is there":                  {nil, 0, 0, false},
		"nobody is there for a moment": {nobody, 3 * time.Second, 3*time.Second + reachEvery, false},
		"nobody is there":              {nobody, time.Hour, reachTime, true},
		"it takes a while to start":    {starting, time.Minute, time.Minute + reachEvery, false},
		"it starts for ever":           {starting, time.Hour, 5 * time.Minute, true},
		"the password is another":      {wrong, time.Hour, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				defer cancel()
				began := time.Now()
				err := reach(ctx, func(context.Context) error {
					if time.Since(began) >= c.after {
						return nil
					}
					return c.err
				}, slog.New(slog.DiscardHandler))
				if (err != nil) != c.fails || c.fails && !errors.Is(err, c.err) {
					t.Errorf("it gave %v", err)
				}
				if took := time.Since(began); took > c.takes {
					t.Errorf("it took %v, of %v", took, c.takes)
				}
			})
		})
	}
}
