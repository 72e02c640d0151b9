package live

import (
	"errors"
	"net"
	"sync"
	"syscall"
)

// rawOf gives what attempt writes to; nil where a connection has no such thing, as
// under TLS.
func rawOf(conn net.Conn) syscall.RawConn {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// attempt writes as much of b as the connection takes at once, and never waits.
func attempt(raw syscall.RawConn, b []byte) (n int, err error) {
	if raw == nil {
		return 0, nil
	}
	a := attempts.Get().(*attempted)
	defer attempts.Put(a)
	a.b, a.n, a.err = b, 0, nil
	if raw.Write(a.write) != nil {
		return 0, nil // closed, or past a deadline: who waits finds out
	}
	a.b = nil
	if errors.Is(a.err, syscall.EAGAIN) || errors.Is(a.err, syscall.EINTR) {
		return 0, nil
	}
	return max(a.n, 0), a.err
}

// attempted is one write, with the function that makes it made once.
type attempted struct {
	b     []byte
	n     int
	err   error
	write func(fd uintptr) (done bool)
}

var attempts = sync.Pool{New: func() any {
	a := &attempted{}
	a.write = func(fd uintptr) bool {
		a.n, a.err = writeOnce(fd, a.b)
		return true
	}
	return a
}}
