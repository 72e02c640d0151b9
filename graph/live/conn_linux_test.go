package live

import (
	"io"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// vanish makes the machine at this end of a connection as good as gone: it takes no
// packet of it any more, so it confirms none.
func vanish(t *testing.T, conn net.Conn) {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	nothing := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	_ = raw.Control(func(fd uintptr) {
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &nothing[0]})
	})
	if err != nil {
		t.Skipf("packets cannot be dropped here: %v", err)
	}
}

// Whose machine has gone, without a word, is found out: also where there is always
// something to be sent, and what waits is not taken.
func TestVanished(t *testing.T) {
	e := executor{
		"endless": endless,
		"some":    flood(10, func(int) { time.Sleep(5 * time.Millisecond) }),
		"flood":   flood(4000, func(int) {}),
	}
	for _, field := range []string{"endless", "some", "flood"} {
		for _, kind := range []string{"socket", "stream"} {
			t.Run(kind+" of "+field, func(t *testing.T) {
				s, _ := newServer(e)
				// For the bounds of 12 s and 15 s; that of who reads nothing stays.
				s.limits.ping, s.limits.comment = 200*time.Millisecond, 250*time.Millisecond
				h := serve(t, s)
				conn := open(t, h, kind, field)
				taken := make(chan struct{})
				go func() {
					defer close(taken)
					_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
					_, _ = io.Copy(io.Discard, conn)
				}()
				<-taken
				if n := s.connections(); n != 1 {
					t.Fatalf("%d are open while it is there", n)
				}
				vanish(t, conn)
				// Before the bound of who reads nothing, however busy the machine.
				eventually(t, "it is found out", func() bool { return s.connections() == 0 })
			})
		}
	}
}

// open opens a socket or a stream with a subscription.
func open(t *testing.T, h *httptest.Server, kind, field string) net.Conn {
	t.Helper()
	if kind == "socket" {
		c := dial(t, h).open("good")
		c.say(`{"id":"1","type":"subscribe","payload":{"query":"subscription { ` + field + ` }"}}`)
		return c.conn
	}
	return openStream(t, h, field)
}
