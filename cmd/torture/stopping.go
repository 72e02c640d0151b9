package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// stop is a node's stop in good order, with what strangers saw of it who came for that alone.
type stop struct {
	node int
	// told is when it was told to stop, and gone when it had ended.
	told, gone time.Duration
	// farewells are how a crowd of sockets was closed.
	farewells []farewell
	// accepted says that it took a new socket when it had been told for a while.
	accepted bool
	// answer is what came of a request that was under way.
	answer error
}

// farewell is the end of a socket.
type farewell struct {
	at  time.Duration
	err error
}

const (
	// crowd is how many sockets are there, which ought not to be closed all at once.
	crowd = 400
	// atOnce is what a node has to be told, and a busy machine to tell it.
	atOnce = time.Second
	// keptTime is how much longer than that a socket that answers to nothing keeps a node, and
	// some more.
	keptTime = 1600 * time.Millisecond
)

// restart stops a node as operators do and starts it again.
func (f *faults) restart(ctx context.Context) error {
	f.calm(ctx)
	n := f.anyNode()
	f.say("stop %s", n.name)
	f.counts.stops.Add(1)
	defer f.history.trouble(trouble{of: n.index, breaks: stopsNode})()
	s := &stop{node: n.index}
	// The crowd comes first: on a busy machine it takes longer than a request may.
	there := s.gather(ctx, n.address(), f.history)
	slow, err := beginRequest(n.address())
	if err != nil {
		return f.wentAway(ctx, n, err)
	}
	defer slow.Close()
	// It answers to nothing, and so keeps the node until it is given up.
	silent, err := openSocket(ctx, "http://"+n.address(), "")
	if err == nil {
		silent.mute()
		defer silent.close()
	}

	var seen sync.WaitGroup
	s.told = f.history.since()
	seen.Go(func() {
		sleep(ctx, atOnce)
		s.accepted = takesSocket(ctx, n.address())
		sleep(ctx, keptTime)
		s.answer = endRequest(slow)
	})
	failed := n.stop()
	s.gone = f.history.since()
	seen.Wait()
	there.Wait()
	if failed != nil {
		f.history.blame(violation{"program: stop", failed.Error()})
	}
	f.history.mu.Lock()
	f.history.stops = append(f.history.stops, s)
	f.history.mu.Unlock()
	return f.begin(ctx, n)
}

// wentAway is for a node that cannot be reached though it should.
func (f *faults) wentAway(ctx context.Context, n *node, err error) error {
	f.history.blame(violation{"program: stop", fmt.Sprintf("%s cannot be reached: %v", n.name, err)})
	if err := n.stop(); err != nil {
		f.history.blame(violation{"program: stop", err.Error()})
	}
	return f.begin(ctx, n)
}

// gather opens a crowd of sockets, and notes how they end; there is done when all have.
func (s *stop) gather(ctx context.Context, address string, h *history) (there *sync.WaitGroup) {
	there = &sync.WaitGroup{}
	var mu sync.Mutex
	var opening sync.WaitGroup
	for range 8 {
		opening.Go(func() {
			for range crowd / 8 {
				one, err := openSocket(ctx, "http://"+address, "")
				if err != nil {
					return
				}
				there.Go(func() {
					defer one.close()
					_, err := one.receive(ctx)
					at := h.since()
					mu.Lock()
					defer mu.Unlock()
					s.farewells = append(s.farewells, farewell{at, err})
				})
			}
		})
	}
	opening.Wait()
	return there
}

// takesSocket tells whether a server accepts a new socket.
func takesSocket(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	dialer := ws.Dialer{Protocols: []string{"graphql-transport-ws"}}
	conn, _, _, err := dialer.Dial(ctx, "ws://"+address+"/graphql")
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

const slowBody = `{"query":"{ __typename }"}`

// beginRequest sends a part of a request.
func beginRequest(address string) (net.Conn, error) {
	conn, err := net.DialTimeout("tcp4", address, time.Second)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("POST /graphql HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAccept: application/json\r\nContent-Length: %d\r\n\r\n%s",
		address, len(slowBody), slowBody[:len(slowBody)/2])
	_, err = io.WriteString(conn, text)
	return conn, err
}

// endRequest sends the rest of it, and tells what is wrong with the answer.
func endRequest(conn net.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, slowBody[len(slowBody)/2:]); err != nil {
		return err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && !bytes.Contains(text, []byte(`"__typename":"Query"`)) {
		err = fmt.Errorf("status %d, %s", response.StatusCode, strings.TrimSpace(string(text)))
	}
	return err
}

// mute has the socket answer to no close frame.
func (s *socket) mute() { s.muted.Store(true) }

// farewellOf answers a close frame, unless the socket is mute.
func (s *socket) farewellOf(code ws.StatusCode) {
	if s.muted.Load() {
		<-s.quit
		return
	}
	_ = s.writeFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(code, "")))
}
