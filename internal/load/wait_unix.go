//go:build unix

package load

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// listen makes the socket wait without a buffer, where its connection can.
func (s *Socket) listen() {
	tcp, ok := s.conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	s.raw = raw
	s.try = func(fd uintptr) bool {
		b := s.buffer()
		kept := copy(*b, s.rest)
		for {
			n, err := syscall.Read(int(fd), (*b)[kept:])
			switch {
			case errors.Is(err, syscall.EINTR):
				continue
			case errors.Is(err, syscall.EAGAIN):
				giveBack(b)
				return false
			case err == nil && n == 0:
				err = io.EOF
			}
			s.got, s.filled, s.failed = b, kept+max(n, 0), err
			return true
		}
	}
}

// fill reads what has come, and waits for it.
func (s *Socket) fill() error {
	if s.raw == nil {
		return s.fillSimply()
	}
	if err := s.raw.Read(s.try); err != nil {
		return err
	}
	if s.failed != nil {
		giveBack(s.got)
	}
	return s.failed
}
