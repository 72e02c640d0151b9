package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	children "github.com/omarty/chat/internal/testkit/process"
)

// Keep is Start with the cluster's files in a folder of the caller's, which is made where
// it is missing and stays: the next Keep serves what is there. One at a time may use it.
// The server listens at the port. Settings are as those of Start, but for Safe, which it has.
func Keep(ctx context.Context, path string, port int, settings ...string) (*Cluster, error) {
	programs, err := systemSearch().find(ctx)
	if err != nil {
		return nil, err
	}
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	folder, err := keptFolder(path, as)
	if err != nil {
		return nil, fmt.Errorf("a folder for PostgreSQL: %w", err)
	}
	c := &Cluster{programs: programs, as: as, settings: append(Safe(), settings...), folder: folder, port: port}
	if _, err := os.Stat(filepath.Join(folder.data(), "PG_VERSION")); errors.Is(err, os.ErrNotExist) {
		if err := c.initialize(ctx); err != nil {
			return nil, errors.Join(err, os.RemoveAll(folder.data()), folder.remove())
		}
	}
	if err := c.serve(ctx); err != nil {
		return nil, errors.Join(err, folder.remove())
	}
	return c, nil
}

// Safe are the settings of a cluster that keeps what it acknowledged also through a power
// cut, as those that people use.
func Safe() []string { return []string{Durable, "fsync=on", "full_page_writes=on"} }

// Process gives the id of the server's first process.
func (c *Cluster) Process() int { return c.server.cmd.Process.Pid }

// Done gives what is closed when the server has ended that runs now.
func (c *Cluster) Done() <-chan struct{} { return c.server.done }

// Log gives the path of the file that the server writes its log to.
func (c *Cluster) Log() string { return c.folder.log() }

// Address gives where the server listens, HOST:PORT.
func (c *Cluster) Address() string { return loopback + ":" + strconv.Itoa(c.port) }

// keptFolder makes a folder, or takes the one that is there.
func keptFolder(path string, as *account) (_ *folder, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	f := &folder{path: path, kept: true}
	if f.lock, err = os.OpenFile(filepath.Join(path, lockFile), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = f.remove()
		}
	}()
	if locked, err := children.TryLock(f.lock); err != nil || !locked {
		return nil, errors.Join(err, fmt.Errorf("another one uses %s", path))
	}
	if as == nil {
		return f, nil
	}
	if err := as.canEnter(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return f, os.Chown(path, as.uid, as.gid)
}
