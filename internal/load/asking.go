package load

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"time"
)

// bodyOf gives the body of a request.
func bodyOf(query string, variables map[string]any) []byte {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		panic(err) // of strings and numbers alone
	}
	return body
}

// asking is a socket for queries and mutations.
type asking struct {
	socket *Socket
	mu     sync.Mutex
	last   int
	wait   map[string]chan []byte
	ended  chan struct{}
	err    error
}

func newAsking(ctx context.Context, server, token string) (*asking, error) {
	socket, err := Dial(ctx, server, token)
	if err != nil {
		return nil, err
	}
	a := &asking{socket: socket, wait: map[string]chan []byte{}, ended: make(chan struct{})}
	go func() {
		a.err = socket.Each(a.hear)
		close(a.ended)
	}()
	return a, nil
}

func (a *asking) hear(text []byte, _ time.Time) error {
	m, err := parse(text)
	if err != nil {
		return err
	}
	switch m.Type {
	case "ping":
		return a.socket.Send(map[string]string{"type": "pong"})
	case "next":
	case "error":
		m.Payload = json.RawMessage(`{"errors":` + string(m.Payload) + `}`)
	default:
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if answer := a.wait[m.ID]; answer != nil {
		answer <- m.Payload
		delete(a.wait, m.ID)
	}
	return nil
}

// ask runs an operation, and gives its response.
func (a *asking) ask(ctx context.Context, query string, variables map[string]any) ([]byte, error) {
	answer := make(chan []byte, 1)
	a.mu.Lock()
	a.last++
	id := strconv.Itoa(a.last)
	a.wait[id] = answer
	a.mu.Unlock()
	if err := a.socket.Subscribe(id, query, variables); err != nil {
		return nil, err
	}
	select {
	case text := <-answer:
		return text, nil
	case <-a.ended:
		return nil, errors.Join(errors.New("the publisher's socket ended"), a.err)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
