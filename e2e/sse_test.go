package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// events is the client's end of a response in Server-Sent Events.
type events struct {
	*gatedConn
	cancel func()
}

func (e *events) hangUp() {
	e.cancel()
	e.resume()
}

// openEvents subscribes over Server-Sent Events.
func (s *server) openEvents(t *testing.T, token, document string, v variables) *stream {
	t.Helper()
	return s.openEventsAs(t, token, document, v, false)
}

func (s *server) openEventsAs(t *testing.T, token, document string, v variables, slow bool, headers ...string) *stream {
	t.Helper()
	st, err := s.tryOpenEvents(token, document, v, slow, headers...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.hangUp)
	return st
}

// tryOpenEvents is openEventsAs for goroutines.
func (s *server) tryOpenEvents(token, document string, v variables, slow bool, headers ...string) (*stream, error) {
	conn, err := s.dial(slow)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	body, err := json.Marshal(map[string]any{"query": document, "variables": v})
	if err != nil {
		panic(err) // the test's own
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "text/event-stream")
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	dial := func(context.Context, string, string) (net.Conn, error) { return conn, nil }
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true, DialContext: dial, DialTLSContext: dial}
	response, err := transport.RoundTrip(request)
	if err != nil {
		cancel()
		return nil, err
	}
	if contentType := response.Header.Get("Content-Type"); !strings.HasPrefix(contentType, "text/event-stream") {
		cancel()
		return nil, fmt.Errorf("no events, but %d %s", response.StatusCode, contentType)
	}
	st := newStream(&events{conn, cancel}, "")
	go func() {
		defer st.push(heard{kind: "over"})
		defer response.Body.Close()
		readEvents(response.Body, st.push)
	}()
	return st, nil
}

// readEvents reads Server-Sent Events, as far as graphql-sse uses them.
func readEvents(from io.Reader, tell func(heard)) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 16<<20)
	var h heard
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "" && h.kind != "":
			tell(h)
			h = heard{}
		case name == "event":
			h.kind = value
		case name == "data":
			h.payload = json.RawMessage(value)
		}
	}
}
