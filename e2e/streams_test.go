package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// hearTime bounds how long a test waits for what it listens for.
const hearTime = 30 * time.Second

// heard is what came on a stream: next, error or complete as the protocols have
// them, or over where its connection is.
type heard struct {
	kind    string
	payload json.RawMessage
}

// result gives what was heard as the answer to an operation.
func (h heard) result() result {
	var r result
	r.status = http.StatusOK
	r.body = h.payload
	var sent struct {
		Data   any
		Errors []graphQLError
	}
	switch h.kind {
	case "next":
		_ = json.Unmarshal(h.payload, &sent)
	case "error":
		_ = json.Unmarshal(h.payload, &sent.Errors)
	}
	r.data, r.errors = sent.Data, sent.Errors
	return r
}

// String gives what was heard in short: "7 MESSAGE_POSTED" for an entry,
// "CaughtUp 7", "NOT_FOUND seq=7 field=room" for an error, "complete", "over".
func (h heard) String() string {
	if h.kind != "next" && h.kind != "error" {
		return h.kind
	}
	r := h.result()
	if len(r.errors) > 0 && r.data == nil {
		text := r.code()
		for _, name := range []string{"seq", "field"} {
			if v, there := r.errors[0].Extensions[name]; there {
				text += fmt.Sprintf(" %s=%v", name, v)
			}
		}
		return text
	}
	fields, _ := r.data.(map[string]any)
	if len(r.errors) > 0 || len(fields) != 1 {
		return string(h.payload)
	}
	for _, v := range fields {
		update, _ := v.(map[string]any)
		switch {
		case update["seq"] != nil:
			return fmt.Sprintf("%v %v", update["seq"], update["kind"])
		case update["__typename"] == "CaughtUp":
			return fmt.Sprintf("CaughtUp %v", update["position"])
		}
	}
	return string(h.payload)
}

// stream is a subscription as its client sees it: what came, in order.
type stream struct {
	connection
	id string // on a socket

	mu    sync.Mutex
	all   []heard
	taken int
	more  chan struct{} // closed when all grows
}

// connection is what a stream came by.
type connection interface {
	// pause makes the client take nothing from the network, until resume; resumeFor
	// lets it take so much.
	pause()
	resume()
	resumeFor(bytes int)
	hangUp()
}

func newStream(by connection, id string) *stream {
	return &stream{connection: by, id: id, more: make(chan struct{})}
}

func (st *stream) push(h heard) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.all = append(st.all, h)
	close(st.more)
	st.more = make(chan struct{})
}

// next waits for what comes next.
func (st *stream) next(within time.Duration) (heard, error) {
	timeout := time.After(within)
	for {
		st.mu.Lock()
		if st.taken < len(st.all) {
			h := st.all[st.taken]
			if h.kind != "over" { // which stays so
				st.taken++
			}
			st.mu.Unlock()
			return h, nil
		}
		more := st.more
		st.mu.Unlock()
		select {
		case <-more:
		case <-timeout:
			return heard{}, fmt.Errorf("nothing was heard in %v", within)
		}
	}
}

// hear is next within a test.
func (st *stream) hear(t *testing.T) heard {
	t.Helper()
	h, err := st.next(hearTime)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// expect demands what comes next, each in short.
func (st *stream) expect(t *testing.T, wants ...string) {
	t.Helper()
	for _, want := range wants {
		h, err := st.next(hearTime)
		if err != nil {
			t.Fatalf("%v; want %s", err, want)
		}
		if h.String() != want {
			t.Fatalf("heard %s, want %s: %s", h, want, clip(string(h.payload), 600))
		}
	}
}

// wait waits until so many have come that were not taken, and tells whether they have.
func (st *stream) wait(n int, within time.Duration) bool {
	timeout := time.After(within)
	for {
		st.mu.Lock()
		there, more := len(st.all)-st.taken >= n, st.more
		st.mu.Unlock()
		if there {
			return true
		}
		select {
		case <-more:
		case <-timeout:
			return false
		}
	}
}

// expectPosts demands the entries of messages, from one position to another.
func (st *stream) expectPosts(t *testing.T, from, to int) {
	t.Helper()
	for seq := from; seq <= to; seq++ {
		st.expect(t, posted(seq))
	}
}

func posted(seq int) string { return fmt.Sprintf("%d MESSAGE_POSTED", seq) }

func caughtUp(seq int) string { return fmt.Sprintf("CaughtUp %d", seq) }

// expectQuiet demands that nothing more has come by now.
func (st *stream) expectQuiet(t *testing.T) {
	t.Helper()
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, h := range st.all[st.taken:] {
		t.Errorf("heard %s", h)
	}
}

// line is a way to listen.
type line string

const (
	overSocket line = "socket"
	overEvents line = "events"
)

// eachLine runs a test over each line, at the same time.
func eachLine(t *testing.T, test func(*testing.T, line)) {
	t.Helper()
	for _, l := range []line{overSocket, overEvents} {
		t.Run(string(l), func(t *testing.T) {
			t.Parallel()
			test(t, l)
		})
	}
}

// listen subscribes, on a connection of its own; headers are those of its request.
func (s *server) listen(t *testing.T, l line, token, document string, v variables, headers ...string) *stream {
	t.Helper()
	if l == overEvents {
		return s.openEventsAs(t, token, document, v, false, headers...)
	}
	return s.openSocketAs(t, token, false, headers...).subscribe(t, document, v)
}

// listenSlowly is listen by a slow client; see dial.
func (s *server) listenSlowly(t *testing.T, l line, token, document string, v variables) *stream {
	t.Helper()
	if l == overEvents {
		return s.openEventsAs(t, token, document, v, true)
	}
	return s.openSocketAs(t, token, true).subscribe(t, document, v)
}
