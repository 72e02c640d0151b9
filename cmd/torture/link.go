package main

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	testkit "github.com/omarty/chat/internal/testkit/process"
)

// link is a way through the network: a TCP proxy of the harness, with a weather.
type link struct {
	// name is for people who read the report.
	name     string
	target   string
	listener net.Listener

	mu    sync.Mutex
	pipes map[*pipe]struct{}
	now   *weather // nil while it is fair
}

// weather is what is wrong with a link for a while.
type weather struct {
	// lost says of each direction that nothing passes: there, and back.
	lost [2]bool
	// delay is what passes later; trickle passes a few bytes at a time.
	delay   time.Duration
	trickle bool
	// over is closed when it is fair again.
	over chan struct{}
}

// pipe is one connection by a link: of who connected, and to the target.
type pipe [2]*net.TCPConn

// The ways of a weather.
const (
	there = iota
	back
)

const linkDialTime = 3 * time.Second

// newLink opens a link at an address of this machine, to a target.
func newLink(name string, at net.IP, target string) (*link, error) {
	port, err := testkit.QuietPort()
	if err != nil {
		return nil, err
	}
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: at, Port: port})
	if err != nil {
		return nil, err
	}
	one := &link{name: name, target: target, listener: l, pipes: map[*pipe]struct{}{}}
	go one.accept()
	return one, nil
}

func (l *link) address() string { return l.listener.Addr().String() }

func (l *link) accept() {
	for {
		from, err := l.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // out of files, say
			continue
		}
		go l.connect(from.(*net.TCPConn))
	}
}

// connect carries one connection. Where the target does not listen, who connected is told
// so by a reset, as without us.
func (l *link) connect(from *net.TCPConn) {
	l.wait(there)
	to, err := net.DialTimeout("tcp4", l.target, linkDialTime)
	if err != nil {
		reset(from)
		return
	}
	p := &pipe{from, to.(*net.TCPConn)}
	l.mu.Lock()
	l.pipes[p] = struct{}{}
	l.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { l.carry(p, there) })
	both.Go(func() { l.carry(p, back) })
	both.Wait()
	l.mu.Lock()
	delete(l.pipes, p)
	l.mu.Unlock()
	p[0].Close()
	p[1].Close()
}

// carry passes on what comes one way, until it ends.
func (l *link) carry(p *pipe, way int) {
	from, to := p[way], p[1-way]
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && l.pass(to, buffer[:n], way) != nil {
			reset(from)
			return
		}
		switch {
		case errors.Is(err, io.EOF):
			l.wait(way)
			_ = to.CloseWrite()
			return
		case err != nil:
			reset(to)
			return
		}
	}
}

// pass writes some bytes as the weather lets it.
func (l *link) pass(to net.Conn, bytes []byte, way int) error {
	l.wait(way)
	if w := l.weather(); w != nil && w.delay > 0 {
		w.sleep(w.delay)
	}
	for {
		w := l.weather()
		if w == nil || !w.trickle || len(bytes) == 0 {
			break
		}
		n := min(len(bytes), 1+rand.IntN(20))
		if _, err := to.Write(bytes[:n]); err != nil {
			return err
		}
		bytes = bytes[n:]
		w.sleep(5 * time.Millisecond)
	}
	l.wait(way)
	_, err := to.Write(bytes)
	return err
}

// wait waits while nothing passes one way.
func (l *link) wait(way int) {
	for {
		w := l.weather()
		if w == nil || !w.lost[way] {
			return
		}
		<-w.over
	}
}

func (l *link) weather() *weather {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// sleep waits, or until it is fair.
func (w *weather) sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-w.over:
	}
}

// spoil begins a weather, and gives what ends it.
func (l *link) spoil(w *weather) (end func()) {
	w.over = make(chan struct{})
	l.mu.Lock()
	l.now = w
	l.mu.Unlock()
	return func() {
		l.mu.Lock()
		l.now = nil
		l.mu.Unlock()
		close(w.over)
	}
}

// cut ends all connections: without a word, or in the way that one is closed.
func (l *link) cut(rudely bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.pipes {
		for _, side := range p {
			if rudely {
				reset(side)
			} else {
				_ = side.Close()
			}
		}
	}
}

// close ends the link.
func (l *link) close() {
	l.listener.Close()
	l.cut(true)
}

// reset ends a connection by RST.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}
