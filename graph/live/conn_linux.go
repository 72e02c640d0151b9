package live

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// unconfirmed tells for how long nothing was confirmed while something waits for that.
func unconfirmed(raw syscall.RawConn) (since time.Duration) {
	_ = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil && info.Unacked > 0 {
			since = time.Duration(info.Last_ack_recv) * time.Millisecond
		}
	})
	return since
}
