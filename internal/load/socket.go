package load

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gobwas/ws"
)

// dialTime bounds the opening of a socket, from the connection to the
// acknowledgement.
const dialTime = 30 * time.Second

// Socket is the client's end of a WebSocket that speaks graphql-transport-ws. Frames
// are read where they lie; between them a socket holds no buffer, so that many fit
// into one process.
type Socket struct {
	conn net.Conn
	// raw waits for what comes without a buffer; nil where that cannot be (TLS).
	raw  syscall.RawConn
	rest []byte // the beginning of a frame whose end has not come
	// What the last reading gave; of the goroutine that reads.
	got    *[]byte
	filled int
	failed error
	try    func(fd uintptr) bool

	mu sync.Mutex // of writing
}

// ClosedError is why a server closed a socket.
type ClosedError struct {
	Code   ws.StatusCode
	Reason string
}

func (e ClosedError) Error() string {
	return fmt.Sprintf("the server closed the socket: %d %s", e.Code, e.Reason)
}

// Dial opens a socket for who has a token, to a server at an http or https URL, and
// waits for the acknowledgement.
func Dial(ctx context.Context, server, token string) (*Socket, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	at, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	at.Scheme = strings.Replace(at.Scheme, "http", "ws", 1)
	dialer := ws.Dialer{
		Protocols: []string{"graphql-transport-ws"}, ReadBufferSize: 1 << 10, WriteBufferSize: 1 << 10,
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	conn, early, _, err := dialer.Dial(ctx, at.JoinPath("graphql").String())
	if err != nil {
		return nil, err
	}
	s := &Socket{conn: conn}
	if early != nil {
		some, _ := early.Peek(early.Buffered())
		s.rest = append(s.rest, some...)
		ws.PutReader(early)
	}
	s.listen()
	if err := s.initialise(ctx, token); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Socket) initialise(ctx context.Context, token string) error {
	if deadline, bounded := ctx.Deadline(); bounded {
		_ = s.conn.SetReadDeadline(deadline)
		defer func() { _ = s.conn.SetReadDeadline(time.Time{}) }()
	}
	payload := map[string]any{}
	if token != "" {
		payload["token"] = token
	}
	if err := s.Send(map[string]any{"type": "connection_init", "payload": payload}); err != nil {
		return err
	}
	err := s.Each(func(text []byte, _ time.Time) error {
		if m, err := parse(text); err != nil || m.Type != "connection_ack" {
			return fmt.Errorf("instead of the acknowledgement came %s", text)
		}
		return errEnough
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// errEnough ends a reading that has what it looked for.
var errEnough = errors.New("enough")

// message is one of graphql-transport-ws.
type message struct {
	Type    string          `json:"type"`
	ID      string          `json:"id"`
	Payload json.RawMessage `json:"payload"`
}

func parse(text []byte) (m message, err error) {
	err = json.Unmarshal(text, &m)
	return m, err
}

// Subscribe starts an operation.
func (s *Socket) Subscribe(id, query string, variables map[string]any) error {
	return s.Send(map[string]any{
		"type": "subscribe", "id": id, "payload": map[string]any{"query": query, "variables": variables},
	})
}

// Send sends a message as JSON.
func (s *Socket) Send(m any) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return s.write(ws.MaskFrameInPlace(ws.NewTextFrame(text)))
}

func (s *Socket) write(f ws.Frame) error {
	frame, err := ws.CompileFrame(f)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err = s.conn.Write(frame)
	return err
}

// Close drops the connection. It may be called at any time, also twice.
func (s *Socket) Close() {
	// Without a word: thousands of connections that wait for the other side's end
	// would use up the machine's ports.
	if tcp, ok := s.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = s.conn.Close()
}

// Each calls handle with each text that comes, and when it came, until handle fails
// or the connection ends: with that error. The text is only good during the call.
func (s *Socket) Each(handle func(text []byte, at time.Time) error) error {
	for {
		if err := s.fill(); err != nil {
			return err
		}
		data, at := (*s.got)[:s.filled], time.Now()
		var err error
		for err == nil {
			h, payload, size, whole := cut(data)
			if !whole {
				break
			}
			err = s.frame(h, payload, at, handle)
			data = data[size:]
		}
		if s.rest = nil; len(data) > 0 {
			s.rest = append(s.rest, data...)
		}
		giveBack(s.got)
		s.got = nil
		if err != nil {
			return err
		}
	}
}

func (s *Socket) frame(h ws.Header, payload []byte, at time.Time, handle func([]byte, time.Time) error) error {
	switch h.OpCode {
	case ws.OpText:
		if !h.Fin {
			return errors.New("a message came in parts, which this client does not read")
		}
		return handle(payload, at)
	case ws.OpPing:
		return s.write(ws.MaskFrame(ws.NewPongFrame(payload)))
	case ws.OpClose:
		code, reason := ws.ParseCloseFrameData(payload)
		return ClosedError{code, reason}
	}
	return nil
}

// cut gives the first frame of what was read, and its size; whole is false where its
// end has not come.
func cut(data []byte) (h ws.Header, payload []byte, size int, whole bool) {
	if len(data) < 2 {
		return h, nil, 0, false
	}
	h.Fin, h.OpCode = data[0]&0x80 != 0, ws.OpCode(data[0]&0x0f)
	head, n := 2, int(data[1]&0x7f)
	switch {
	case n == 126 && len(data) >= 4:
		head, n = 4, int(binary.BigEndian.Uint16(data[2:]))
	case n == 127 && len(data) >= 10:
		head, n = 10, int(binary.BigEndian.Uint64(data[2:]))
	case n >= 126:
		return h, nil, 0, false
	}
	if len(data) < head+n {
		return h, nil, 0, false
	}
	return h, data[head : head+n], head + n, true
}

// bufferSize is how much is read at once.
const bufferSize = 64 << 10

var readBuffers = sync.Pool{New: func() any {
	b := make([]byte, bufferSize)
	return &b
}}

// buffer gives one that has room behind what is left of the last reading.
func (s *Socket) buffer() *[]byte {
	if len(s.rest) > bufferSize/2 {
		b := make([]byte, 4*len(s.rest))
		return &b
	}
	return readBuffers.Get().(*[]byte)
}

func giveBack(b *[]byte) {
	if len(*b) == bufferSize {
		readBuffers.Put(b)
	}
}

// fillSimply reads what has come into a buffer that is held meanwhile.
func (s *Socket) fillSimply() error {
	b := s.buffer()
	kept := copy(*b, s.rest)
	n, err := s.conn.Read((*b)[kept:])
	if err != nil {
		giveBack(b)
		return err
	}
	s.got, s.filled = b, kept+n
	return nil
}
