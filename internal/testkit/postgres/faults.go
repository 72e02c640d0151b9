//go:build unix

package postgres

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// Shut ends the server as operators do: in good order, cutting off who is connected
// (pg_ctl stop -m fast), or as in a crash (-m immediate). Restart brings it back.
func (c *Cluster) Shut(immediate bool) error {
	if c.ended() {
		return c.failure(fmt.Errorf("it had ended before it was shut: %v", c.server.cmd.ProcessState))
	}
	signal, within := syscall.SIGINT, stopTime
	if immediate {
		signal, within = syscall.SIGQUIT, abortTime
	}
	if err := c.server.cmd.Process.Signal(signal); err != nil {
		return err
	}
	select {
	case <-c.server.done:
	case <-time.After(within):
		return c.failure(errors.New("it did not stop when asked to"))
	}
	c.killed = true
	return nil
}
