package main

import (
	"context"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"time"

	"github.com/omarty/chat/internal/testkit/postgres"
)

// database is a PostgreSQL of the run's own, which is killed and started again.
type database struct {
	cluster *postgres.Cluster
}

// newDatabase starts a PostgreSQL with its files in a folder, "" for any; it installs the
// programs where they are missing and it may.
func newDatabase(ctx context.Context, folder string) (*database, error) {
	cluster, err := postgres.StartIn(ctx, folder, postgres.Durable)
	if errors.Is(err, postgres.ErrMissing) {
		if err := postgres.Install(ctx, os.Stderr); err != nil {
			return nil, err
		}
		cluster, err = postgres.StartIn(ctx, folder, postgres.Durable)
	}
	if err != nil {
		return nil, err
	}
	return &database{cluster}, nil
}

func (d *database) address() string {
	u, err := url.Parse(d.cluster.URL("postgres"))
	if err != nil {
		panic(err) // it was made by net/url
	}
	return u.Host
}

// urlBy is the database's by another address.
func (d *database) urlBy(address string) string {
	u, err := url.Parse(d.cluster.URL("postgres"))
	if err != nil {
		panic(err) // as above
	}
	u.Host = address
	return u.String()
}

// tool runs one of PostgreSQL's own programs.
func (d *database) tool(ctx context.Context, name string, arguments ...string) (said string, err error) {
	path, err := d.cluster.Tool(name)
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, path, arguments...).CombinedOutput()
	return string(out), err
}

// kill ends the server's first process by SIGKILL.
func (d *database) kill() error { return d.cluster.Kill() }

// ended tells whether the server has ended.
func (d *database) ended() bool { return d.cluster.Ended() }

// freeze stops all of the server where it is, and gives what lets it go on. Where that is
// not known how to, it does nothing.
func (d *database) freeze() (thaw func()) {
	_ = d.cluster.Freeze()
	return func() { _ = d.cluster.Thaw() }
}

// restart starts the server again on the same data and port.
func (d *database) restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return d.cluster.Restart(ctx)
}

func (d *database) close() error { return d.cluster.Stop() }
