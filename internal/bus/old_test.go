package bus_test

import (
	"bufio"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/omarty/chat/internal/bus"
)

// pretend answers as a NATS of some version does, and gives its address.
func pretend(t *testing.T, version string) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() { l.Close(); serving.Wait() })
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				fmt.Fprintf(conn, "INFO {\"server_id\":\"x\",\"version\":%q,\"proto\":1,\"headers\":true,\"max_payload\":1048576}\r\n", version)
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					if lines.Text() == "PING" {
						fmt.Fprint(conn, "PONG\r\n")
					}
				}
			})
		}
	})
	return "nats://" + l.Addr().String()
}

// log is what was logged; it is safe for concurrent use.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write is for the logger.
func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Whoever runs a NATS that is too old is told so, and what to do, each time that it is found.
func TestOldNATSIsToldOf(t *testing.T) {
	for version, old := range map[string]bool{
		"2.12.6": false, "2.12.10": false, "2.13.0": false, "3.0.0": false, "2.12.7-RC.1": false, "v2.14.0": false,
		"2.12.5": true, "2.9.25": true, "1.99.99": true, "v2.10.0": true, "": true,
	} {
		t.Run(version, func(t *testing.T) {
			told := &log{}
			b, err := bus.Open(bus.Options{URL: pretend(t, version)}, bus.Ears{Asked: func() {}}, slog.New(slog.NewTextHandler(told, nil)))
			if err != nil {
				t.Fatal(err)
			}
			for begun := time.Now(); !strings.Contains(told.String(), "connected to NATS"); time.Sleep(5 * time.Millisecond) {
				if time.Since(begun) > patience {
					t.Fatal("it does not connect")
				}
			}
			b.Close()
			if got := strings.Contains(told.String(), "level=WARN"); got != old || old && !strings.Contains(told.String(), "older than 2.12.6") {
				t.Errorf("of version %q the log says:\n%s", version, told)
			}
		})
	}
}
