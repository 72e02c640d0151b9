package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/omarty/chat/internal/testkit/postgres"
)

// database is a PostgreSQL of the run's own, which is killed and started again.
type database struct {
	cluster *postgres.Cluster
}

// newDatabase starts a PostgreSQL; it installs the programs where they are missing
// and it may.
func newDatabase(ctx context.Context) (*database, error) {
	cluster, err := postgres.Start(ctx, postgres.Durable)
	if errors.Is(err, postgres.ErrMissing) {
		if err := postgres.Install(ctx, os.Stderr); err != nil {
			return nil, err
		}
		cluster, err = postgres.Start(ctx, postgres.Durable)
	}
	if err != nil {
		return nil, err
	}
	return &database{cluster}, nil
}

func (d *database) url() string { return d.cluster.URL("postgres") }

// kill ends the server's first process by SIGKILL.
func (d *database) kill() error { return d.cluster.Kill() }

// restart starts the server again on the same data and port.
func (d *database) restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return d.cluster.Restart(ctx)
}

func (d *database) close() error { return d.cluster.Stop() }
