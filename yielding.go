package main

import (
	"errors"
	"net"
	"runtime"
	"time"
)

// maxArriving is how many connections wait to be served at the most; further ones wait in
// the kernel, as far as that has room.
const maxArriving = 8192

// yielding is a listener whose new connections come after all that is under way: when
// thousands come back at once, those who stayed do not wait behind their handshakes. They
// are taken from the kernel at once, which drops what it has no room for, so that it is
// tried again a second later.
type yielding struct {
	net.Listener
	arriving chan arrival
}

type arrival struct {
	conn net.Conn
	err  error
}

func yield(l net.Listener) yielding {
	y := yielding{l, make(chan arrival, maxArriving)}
	go y.take()
	return y
}

// take takes what comes until the listener is closed, and then closes what waits.
func (l yielding) take() {
	defer close(l.arriving)
	for {
		conn, err := l.Listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			break
		}
		l.arriving <- arrival{conn, err}
		if err != nil {
			time.Sleep(5 * time.Millisecond) // there are no descriptors, say
		}
	}
	for {
		select {
		case one := <-l.arriving:
			if one.conn != nil {
				_ = one.conn.Close()
			}
		default:
			return
		}
	}
}

// Accept is for http.Server.
func (l yielding) Accept() (net.Conn, error) {
	runtime.Gosched() // what is ready to run runs first
	one, open := <-l.arriving
	if !open {
		return nil, net.ErrClosed
	}
	return one.conn, one.err
}
