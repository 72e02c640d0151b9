package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/omarty/chat/internal/testkit/process"
)

const (
	// startTime bounds how long a part may take until it is ready, on a busy machine.
	startTime = time.Minute
	// stopTime is more than a node, or NATS, takes to stop.
	stopTime = 12 * time.Second
)

// part is a program of the cluster: NATS, or a node.
type part struct {
	name      string
	binary    string
	arguments []string
	settings  []string // NAME=VALUE
	folder    string
	ready     func(context.Context) bool

	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

func (p *part) log() string {
	return filepath.Join(p.folder, strings.ReplaceAll(strings.ToLower(p.name), " ", "-")+".log")
}

// start starts the program, and waits until it is ready.
func (p *part) start(ctx context.Context) error {
	log, err := os.OpenFile(p.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.binary, p.arguments...) //nolint:gosec // one that we built
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.folder, log, log
	cmd.SysProcAttr = process.Tied(syscall.SIGKILL)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "OMARTY_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, p.settings...)
	done := make(chan struct{})
	if err := process.Start(cmd, func(error) { close(done) }); err != nil {
		return err
	}
	p.cmd, p.done = cmd, done
	return p.await(ctx)
}

// await waits until the program is ready.
func (p *part) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for !p.ready(ctx) {
		select {
		case <-p.done:
			return fmt.Errorf("%s ended: %v; the end of its log:\n%s", p.name, p.cmd.ProcessState, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s was not ready: %w; the end of its log:\n%s", p.name, ctx.Err(), p.tail())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

func (p *part) tail() string {
	text, err := os.ReadFile(p.log())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// stop ends the program, where it runs, as operators do.
func (p *part) stop() error {
	if p.cmd == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); errors.Is(err, os.ErrProcessDone) {
		<-p.done
		return nil
	}
	select {
	case <-p.done:
		// NATS ends with status 1 by a signal.
		return nil
	case <-time.After(stopTime):
		_ = p.cmd.Process.Kill() // fails where it has just ended
		<-p.done
		return fmt.Errorf("%s did not stop within %v, and was killed", p.name, stopTime)
	}
}
