//go:build unix

package postgres

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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

// Freeze stops all processes of the server where they are, as a machine does that has no
// time for them. Its connections stay, and new ones are made that nobody answers. Thaw
// lets them go on. It works where there is a /proc.
func (c *Cluster) Freeze() error { return c.signalAll(syscall.SIGSTOP) }

// Thaw is the end of Freeze.
func (c *Cluster) Thaw() error { return c.signalAll(syscall.SIGCONT) }

// signalAll signals the server's first process, which then makes no others, and those
// that it has made.
func (c *Cluster) signalAll(signal syscall.Signal) error {
	first := c.server.cmd.Process.Pid
	if err := c.server.cmd.Process.Signal(signal); err != nil {
		return err
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		return errors.New("there is no /proc")
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// The name, in parentheses, may hold anything.
		fields := strings.Fields(string(text[slices.Index(text, '(')+1:]))
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		end := slices.IndexFunc(fields, func(f string) bool { return strings.HasSuffix(f, ")") })
		if end < 0 || len(fields) < end+3 || fields[end+2] != strconv.Itoa(first) {
			continue
		}
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}
