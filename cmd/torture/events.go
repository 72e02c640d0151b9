package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// eventsDoor speaks graphql-sse in its distinct connections mode: each
// subscription is a request of its own.
type eventsDoor struct {
	client *client
}

func newEventsDoor(to *balance, token string) *eventsDoor {
	return &eventsDoor{newClientTo(to).as(token)}
}

func (d *eventsDoor) subscribe(ctx context.Context, document string, v variables) (subscription, error) {
	// The stream outlives the call; what ends is the waiting for it.
	streaming, cut := context.WithCancel(context.WithoutCancel(ctx))
	node := d.client.to.pick()
	request, err := d.client.request(streaming, node, document, v)
	if err != nil {
		cut()
		return nil, err
	}
	request.Header.Set("Accept", "text/event-stream")
	stop := context.AfterFunc(ctx, cut)
	response, err := d.client.http.Do(request)
	if !stop() || err != nil {
		cut()
		d.client.to.shun(node)
		if err == nil {
			response.Body.Close()
			err = ctx.Err()
		}
		return nil, err
	}
	if kind := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "text/event-stream") {
		response.Body.Close()
		cut()
		return nil, fmt.Errorf("status %d, %s", response.StatusCode, kind)
	}
	s := &events{at: d.client.to.first + node, updates: make(chan update), cut: cut, over: streaming.Done()}
	go s.readAll(response)
	return s, nil
}

func (d *eventsDoor) close() { d.client.http.CloseIdleConnections() }

// events is one event stream.
type events struct {
	at      int
	updates chan update
	cut     context.CancelFunc
	over    <-chan struct{}
}

// maxEvent bounds one line of a stream.
const maxEvent = 1 << 20

// readAll hands over the events of the stream, none while nobody takes them.
func (s *events) readAll(response *http.Response) {
	defer response.Body.Close()
	hand := func(u update) bool {
		select {
		case s.updates <- u:
			return u.err == nil
		case <-s.over:
			return false
		}
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(make([]byte, 0, 4096), maxEvent)
	event, data := "", ""
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "event":
			event = value
		case "data":
			data = value
		case "":
			if lines.Text() != "" {
				continue // a comment
			}
			if event == "complete" && !hand(update{err: errComplete}) || event == "next" && !hand(payload([]byte(data))) {
				return
			}
			event, data = "", ""
		}
	}
	err := lines.Err()
	if err == nil {
		err = fmt.Errorf("the event stream broke off")
	}
	hand(update{err: err})
}

func (s *events) next(ctx context.Context) (json.RawMessage, error) {
	select {
	case u := <-s.updates:
		return u.data, u.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *events) leave() { s.cut() }

func (s *events) node() int { return s.at }
