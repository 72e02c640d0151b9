package main

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// sentinel looks again and again what a node says of itself, past the link that its clients
// have: by /readyz, /healthz and a socket that is pinged.
type sentinel struct {
	node    *node
	token   string
	history *history
}

// sample is what came of one look.
type sample struct {
	node            int
	what            string
	asked, answered time.Duration
	// status is that of HTTP, or 200 for a pong; 0 where nothing came.
	status int
}

// breach is the end of a sentinel's socket.
type breach struct {
	node int
	at   time.Duration
	err  error
}

const (
	readyEvery, healthEvery, pingEvery = 50 * time.Millisecond, 500 * time.Millisecond, 300 * time.Millisecond
	// lookTime is how long a look waits.
	lookTime = 3 * time.Second
)

// What a sentinel looks at.
const (
	isReady = "/readyz"
	isAlive = "/healthz"
	pongs   = "a ping"
)

func (s *sentinel) run(ctx context.Context, quiet <-chan struct{}) {
	hurry, cancel := until(ctx, quiet)
	defer cancel()
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { s.look(hurry, isReady, readyEvery) })
	all.Go(func() { s.look(hurry, isAlive, healthEvery) })
	for hurry.Err() == nil {
		s.hold(hurry)
		sleep(hurry, 200*time.Millisecond)
	}
}

// look asks by HTTP.
func (s *sentinel) look(ctx context.Context, path string, every time.Duration) {
	client := &http.Client{Timeout: lookTime, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for ; ctx.Err() == nil; sleep(ctx, every) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.node.address()+path, http.NoBody)
		if err != nil {
			panic(err) // it has no part that is anybody's choice
		}
		one := sample{node: s.node.index, what: path, asked: s.history.since()}
		if response, err := client.Do(request); err == nil {
			response.Body.Close()
			one.status = response.StatusCode
		}
		s.note(ctx, one)
	}
}

// hold holds a socket on which nothing is asked, and pings it until it ends.
func (s *sentinel) hold(ctx context.Context) {
	socket, err := openSocket(ctx, "http://"+s.node.address(), s.token)
	if err != nil {
		return
	}
	defer socket.close()
	for ; ctx.Err() == nil; sleep(ctx, pingEvery) {
		one := sample{node: s.node.index, what: pongs, asked: s.history.since()}
		err := socket.write(socketMessage{Type: "ping"})
		if err == nil {
			within, cancel := context.WithTimeout(ctx, lookTime)
			var m socketMessage
			if m, err = socket.receive(within); err == nil && m.Type == "pong" {
				one.status = http.StatusOK
			}
			late := within.Err() != nil
			cancel()
			if late {
				s.note(ctx, one)
				return // a pong that comes later is not the next one's
			}
		}
		if err != nil {
			s.history.mu.Lock()
			defer s.history.mu.Unlock()
			s.history.breaches = append(s.history.breaches, breach{s.node.index, s.history.since(), err})
			return
		}
		s.note(ctx, one)
	}
}

func (s *sentinel) note(ctx context.Context, one sample) {
	if ctx.Err() != nil {
		return
	}
	one.answered = s.history.since()
	s.history.mu.Lock()
	defer s.history.mu.Unlock()
	s.history.samples = append(s.history.samples, one)
}
