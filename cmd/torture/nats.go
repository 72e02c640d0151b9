package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"time"

	testkit "github.com/omarty/chat/internal/testkit/process"
)

// natsPackage is NATS's own program, of the release that the tests use.
const natsPackage = "github.com/nats-io/nats-server/v2"

// bus is a NATS of the run's own.
type bus struct {
	*process
	port int
}

// newBus prepares a NATS in a folder.
func newBus(binary, folder string) (*bus, error) {
	port, err := testkit.QuietPort()
	if err != nil {
		return nil, err
	}
	one, err := newProcess("NATS", binary, filepath.Join(folder, "nats"))
	if err != nil {
		return nil, err
	}
	one.arguments = []string{"--addr", "127.0.0.1", "--port", strconv.Itoa(port)}
	return &bus{one, port}, nil
}

func (b *bus) address() string { return "127.0.0.1:" + strconv.Itoa(b.port) }

// start starts it and waits until it greets who connects.
func (b *bus) start(ctx context.Context) error {
	if err := b.launch(); err != nil {
		return err
	}
	_, exited := b.running()
	for began := time.Now(); ; {
		if b.greets() {
			return nil
		}
		select {
		case <-exited:
			return b.endedByItself()
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
		if time.Since(began) > startTime {
			return fmt.Errorf("NATS was not ready within %v", startTime)
		}
	}
}

func (b *bus) greets() bool {
	conn, err := net.DialTimeout("tcp4", b.address(), time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	n, err := conn.Read(make([]byte, 4))
	return err == nil && n > 0
}
