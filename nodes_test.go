package main

import (
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/omarty/chat/internal/bus"
	"github.com/omarty/chat/internal/testkit"
)

// A file for NATS that cannot be used is told of by the name of its setting, all at once, and
// nobody starts with it.
func TestFilesOfNATSAreLookedAt(t *testing.T) {
	t.Parallel()
	n := &nodes{}
	c := config{nats: bus.Options{URL: "nats://omarty:hunter2@127.0.0.1:1", Credentials: "not/there", CA: "not/there", Certificate: "not/there", Key: "not/there"}}
	_, err := n.join(c, nil, nil)
	if err == nil {
		t.Fatal("it starts")
	}
	lines := strings.Split(err.Error(), "\n")
	for i, setting := range []string{"OMARTY_NATS_CREDENTIALS: ", "OMARTY_NATS_CA: ", "OMARTY_NATS_CERT: "} {
		if len(lines) != 3 || !strings.HasPrefix(lines[i], setting) || strings.Contains(lines[i], "hunter2") {
			t.Errorf("it says %q", lines)
		}
	}
}

// Commands that end sessions tell it to the nodes; all others leave NATS alone, and wait for
// it no more than they need it.
func TestCommandsThatJoin(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var came atomic.Int64
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			came.Add(1)
			conn.Close()
		}
	}()
	environ := []string{"OMARTY_DATA_DIR=" + t.TempDir(), "OMARTY_DATABASE_URL=" + testkit.Postgres(t).URL, "OMARTY_NATS_URL=nats://" + listener.Addr().String()}
	for command, joins := range map[string]bool{
		"user show x@example.com": false, "user enable x@example.com": false, "audit": false,
		"building create --name=Nile --manager=x@example.com": false,
		"user disable x@example.com":                          true, "user reset-password x@example.com": true,
	} {
		came.Store(0)
		err := run(t.Context(), strings.Fields(command), environ, io.Discard, io.Discard)
		if command != "audit" && err == nil {
			t.Errorf("%s: nobody has that address", command)
		}
		if came := came.Load() > 0; came != joins {
			t.Errorf("%s: it came to NATS: %v; %v", command, came, err)
		}
	}
}
