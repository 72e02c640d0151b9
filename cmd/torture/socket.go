package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

const (
	dialTime = 5 * time.Second
	// writeTime bounds how long a message may wait for a server to take it.
	writeTime = 5 * time.Second
)

// socketDoor speaks graphql-transport-ws on one WebSocket, which it opens when it
// is needed.
type socketDoor struct {
	to     *balance
	token  string
	socket *socket
}

func newSocketDoor(to *balance, token string) *socketDoor { return &socketDoor{to: to, token: token} }

func (d *socketDoor) subscribe(ctx context.Context, document string, v variables) (subscription, error) {
	if d.socket == nil || d.socket.over() {
		d.close()
		node := d.to.pick()
		s, err := openSocket(ctx, d.to.urls[node], d.token)
		if err != nil {
			d.to.shun(node)
			return nil, err
		}
		s.at = d.to.first + node
		d.socket = s
	}
	s, err := d.socket.subscribe(document, v)
	if err != nil {
		// Its reading goroutine may still have something to hand over, and so has not
		// noticed yet that the socket is dead.
		d.close()
		return nil, err
	}
	return s, nil
}

func (d *socketDoor) close() {
	if d.socket != nil {
		d.socket.close()
		d.socket = nil
	}
}

// closedError is the close frame that a server ended a socket with.
type closedError struct {
	code   ws.StatusCode
	reason string
}

func (e *closedError) Error() string { return fmt.Sprintf("closed with %d %s", e.code, e.reason) }

// final tells whether clients take the code for an order to stay away, or for a
// fault of their own, which this client has not.
func (e *closedError) final() bool {
	return e.code != 1001 && e.code != 1012 && e.code != 1013 && e.code != 4408
}

// socket is an open and acknowledged WebSocket.
type socket struct {
	at     int // the node
	conn   net.Conn
	reader *bufio.Reader
	writes sync.Mutex
	ids    int
	muted  atomic.Bool

	messages chan socketMessage
	quit     chan struct{} // closed to end the reading goroutine
	once     sync.Once
	ended    chan struct{} // closed when that has ended
	err      error         // why; to be read once ended is closed
}

type socketMessage struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

func openSocket(ctx context.Context, url, token string) (*socket, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	dialer := ws.Dialer{Protocols: []string{"graphql-transport-ws"}}
	conn, reader, _, err := dialer.Dial(ctx, strings.Replace(url, "http", "ws", 1)+"/graphql")
	if err != nil {
		return nil, err
	}
	if reader == nil {
		reader = bufio.NewReader(conn)
	}
	s := &socket{
		conn: conn, reader: reader,
		messages: make(chan socketMessage), quit: make(chan struct{}), ended: make(chan struct{}),
	}
	go s.readAll()
	if err := s.initialize(ctx, token); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *socket) initialize(ctx context.Context, token string) error {
	secret, err := json.Marshal(map[string]string{"token": token})
	if err != nil {
		return err
	}
	if err := s.write(socketMessage{Type: "connection_init", Payload: secret}); err != nil {
		return err
	}
	m, err := s.receive(ctx)
	if err == nil && m.Type != "connection_ack" {
		err = fmt.Errorf("connection_init was answered with %s", m.Type)
	}
	return err
}

// over tells whether the socket has ended.
func (s *socket) over() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// close cuts the socket, and waits for its goroutine.
func (s *socket) close() {
	s.once.Do(func() { close(s.quit) })
	_ = s.conn.Close()
	<-s.ended
}

// readAll hands over the messages of the socket. Nothing is read while nobody
// takes them, so that a slow listener is one to the server, too.
func (s *socket) readAll() {
	defer close(s.ended)
	for {
		m, err := s.readMessage()
		if err != nil {
			s.err = err
			_ = s.conn.Close()
			return
		}
		select {
		case s.messages <- m:
		case <-s.quit:
			s.err = net.ErrClosed
			return
		}
	}
}

// readMessage reads frames up to the next message.
func (s *socket) readMessage() (socketMessage, error) {
	for {
		frame, err := s.readFrame()
		if err != nil {
			return socketMessage{}, err
		}
		switch frame.Header.OpCode {
		case ws.OpText:
			var m socketMessage
			if !frame.Header.Fin {
				return m, errors.New("the server sent a message in fragments, which this client does not know")
			}
			if err := json.Unmarshal(frame.Payload, &m); err != nil {
				return m, err
			}
			if m.Type != "ping" {
				return m, nil
			}
			if err := s.write(socketMessage{Type: "pong"}); err != nil {
				return m, err
			}
		case ws.OpPing:
			if err := s.writeFrame(ws.NewPongFrame(frame.Payload)); err != nil {
				return socketMessage{}, err
			}
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(frame.Payload)
			s.farewellOf(code)
			return socketMessage{}, &closedError{code, reason}
		case ws.OpPong:
		default:
			return socketMessage{}, fmt.Errorf("a frame of type %d", frame.Header.OpCode)
		}
	}
}

// maxFrame is more than the server sends at once.
const maxFrame = 1 << 20

func (s *socket) readFrame() (ws.Frame, error) {
	header, err := ws.ReadHeader(s.reader)
	if err != nil {
		return ws.Frame{}, err
	}
	if header.Length > maxFrame {
		return ws.Frame{}, fmt.Errorf("a frame of %d bytes", header.Length)
	}
	f := ws.Frame{Header: header, Payload: make([]byte, header.Length)}
	_, err = io.ReadFull(s.reader, f.Payload)
	return f, err
}

func (s *socket) write(m socketMessage) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return s.writeFrame(ws.NewTextFrame(text))
}

func (s *socket) writeFrame(f ws.Frame) error {
	bytes, err := ws.CompileFrame(ws.MaskFrame(f))
	if err != nil {
		return err
	}
	s.writes.Lock()
	defer s.writes.Unlock()
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	_, err = s.conn.Write(bytes)
	return err
}

// receive waits for a message.
func (s *socket) receive(ctx context.Context) (socketMessage, error) {
	select {
	case m := <-s.messages:
		return m, nil
	case <-s.ended:
		if s.err == nil {
			return socketMessage{}, io.ErrUnexpectedEOF
		}
		return socketMessage{}, s.err
	case <-ctx.Done():
		return socketMessage{}, ctx.Err()
	}
}

func (s *socket) subscribe(document string, v variables) (*socketSubscription, error) {
	query, err := json.Marshal(map[string]any{"query": document, "variables": v})
	if err != nil {
		return nil, err
	}
	s.ids++
	id := strconv.Itoa(s.ids)
	if err := s.write(socketMessage{ID: id, Type: "subscribe", Payload: query}); err != nil {
		return nil, err
	}
	return &socketSubscription{s, id}, nil
}

// socketSubscription is a subscription on a socket.
type socketSubscription struct {
	socket *socket
	id     string
}

// next skips what is still under way for subscriptions that were left.
func (s *socketSubscription) next(ctx context.Context) (json.RawMessage, error) {
	for {
		m, err := s.socket.receive(ctx)
		if err != nil {
			return nil, err
		}
		if m.ID != s.id {
			continue
		}
		switch m.Type {
		case "next":
			u := payload(m.Payload)
			return u.data, u.err
		case "error":
			var errs graphQLErrors
			if err := json.Unmarshal(m.Payload, &errs); err != nil {
				return nil, err
			}
			if f := errs.first(); f != nil {
				return nil, f
			}
			return nil, errors.New("an error message without an error")
		case "complete":
			return nil, errComplete
		default:
			return nil, fmt.Errorf("a message of type %q", m.Type)
		}
	}
}

func (s *socketSubscription) node() int { return s.socket.at }

func (s *socketSubscription) leave() {
	if s.socket.write(socketMessage{ID: s.id, Type: "complete"}) != nil {
		s.socket.close()
	}
}
