package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gobwas/ws"
)

// quietTime is how long a socket waits for more, where all may have come.
const quietTime = 100 * time.Millisecond

// maxFrame is more than the server says at once, in bytes.
const maxFrame = 64 << 20

// internalError is the close code of a server that is at fault.
const internalError = 1011

// dial opens a WebSocket that speaks the protocol.
func (w *worker) dial(ctx context.Context) (net.Conn, io.Reader, error) {
	dialer := ws.Dialer{Protocols: []string{"graphql-transport-ws"}}
	conn, early, _, err := dialer.Dial(ctx, "ws://"+w.address+graphqlPath)
	if err != nil {
		return nil, nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(requestTime))
	if early == nil {
		return conn, conn, nil
	}
	some, _ := early.Peek(early.Buffered())
	return conn, io.MultiReader(bytes.NewReader(bytes.Clone(some)), conn), nil
}

func say(conn net.Conn, m any) {
	text, _ := json.Marshal(m)
	_ = ws.WriteFrame(conn, ws.MaskFrameInPlace(ws.NewTextFrame(text)))
}

// hear reads what the server says until it closes the socket, or is quiet, or a number
// of operations has ended; and judges it.
func (w *worker) hear(way string, conn net.Conn, from io.Reader, operations int, quiet time.Duration, asked ...string) {
	for operations > 0 {
		_ = conn.SetReadDeadline(time.Now().Add(quiet))
		header, err := ws.ReadHeader(from)
		if err != nil || header.Length > maxFrame {
			return
		}
		payload := make([]byte, header.Length)
		if _, err := io.ReadFull(from, payload); err != nil {
			return
		}
		switch header.OpCode {
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(payload)
			w.judge(way, 0, []byte(`"code":"CLOSED"`), "")
			if code == internalError {
				w.fault(way, fmt.Sprintf("closed with %d %s", code, reason), strings.Join(asked, "\n"))
			}
			return
		case ws.OpText:
			if bytes.Contains(payload, []byte(`"type":"next"`)) || bytes.Contains(payload, []byte(`"type":"error"`)) {
				what := strings.Join(asked, "\n")
				if id := operationID.FindSubmatch(payload); id != nil {
					if i, err := strconv.Atoi(string(id[1])); err == nil && i < len(asked) {
						what = asked[i]
					}
				}
				w.judge(way, 200, payload, what)
			}
			if bytes.Contains(payload, []byte(`"type":"complete"`)) || bytes.Contains(payload, []byte(`"type":"error"`)) {
				operations--
			}
		}
	}
}

var operationID = regexp.MustCompile(`"id":"([0-9]+)"`)

// converse runs operations on a socket, some at once, some taken back.
func (w *worker) converse(ctx context.Context) int {
	conn, from, err := w.dial(ctx)
	if err != nil {
		w.lost("socket", err, "")
		return 1
	}
	defer conn.Close()
	first := w.make()
	payload := map[string]any{}
	if token := w.token(first); token != "" {
		payload["token"] = token
	}
	say(conn, map[string]any{"type": "connection_init", "payload": payload})
	var asked []string
	count := 1 + w.IntN(40)
	for i := range count {
		q := w.make()
		if q.ends {
			q = request{document: "{ __typename }"} // the others go on by the same session
		}
		subscribe := map[string]any{"query": q.document, "variables": q.variables}
		if q.name != "" {
			subscribe["operationName"] = q.name
		}
		asked = append(asked, q.document)
		say(conn, map[string]any{"id": fmt.Sprint(i), "type": "subscribe", "payload": subscribe})
		switch w.IntN(12) {
		case 0:
			say(conn, map[string]any{"id": fmt.Sprint(w.IntN(count)), "type": "complete"})
		case 1:
			say(conn, map[string]any{"type": "ping", "payload": map[string]any{"a": pick(w.Rand, texts)}})
		case 2:
			w.hear("socket", conn, from, 1, quietTime, asked...)
		}
	}
	w.hear("socket", conn, from, len(asked), 2*quietTime, asked...)
	return max(1, len(asked))
}

// frames sends what is no WebSocket, or none of the protocol.
func (w *worker) frames(ctx context.Context) int {
	conn, from, err := w.dial(ctx)
	if err != nil {
		w.lost("frames", err, "")
		return 1
	}
	defer conn.Close()
	if w.IntN(2) == 0 {
		payload := map[string]any{"token": pick(w.Rand, w.own)}
		say(conn, map[string]any{"type": "connection_init", "payload": payload})
	}
	b := w.brokenFrame()
	_, _ = conn.Write(b)
	if w.IntN(3) == 0 {
		_ = conn.(*net.TCPConn).CloseWrite()
	}
	w.hear("frames", conn, from, 1, quietTime, fmt.Sprintf("%.300q", b))
	w.judge("frames", 0, []byte(`"code":"SENT"`), "")
	return 1
}

func (w *worker) brokenFrame() []byte {
	text := pick(w.Rand, []string{
		"nonsense", "", "{", "[]", "null", `{"type":"subscribe"}`, `{"type":"subscribe","id":1,"payload":{}}`, `{"type":"connection_init","payload":{"token":[1]}}`, `{"type":"connection_init"}`,
		`{"type":"next","id":"1"}`, `{"id":"1","type":"subscribe","payload":{"query":1}}`, `{"id":"` + strings.Repeat("x", 300) + `","type":"subscribe","payload":{"query":"{viewer{id}}"}}`,
		`{"type":"ping","payload":` + strings.Repeat("[", 20_000) + `}`, `{"type":"pong"}`, "\xff\xfe", strings.Repeat("a", 2<<20), `{"type":"complete","id":"1"}`, `{"type":"complete"}`, `{"type":"` + strings.Repeat("é", 5000) + `"}`,
	})
	switch w.IntN(10) {
	case 0: // any bytes
		b := make([]byte, w.IntN(4096))
		for i := range b {
			b[i] = byte(w.IntN(256))
		}
		return b
	case 1: // without a mask
		return ws.MustCompileFrame(ws.NewTextFrame([]byte(text)))
	case 2: // reserved bits and codes
		f := ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(text))))
		f[0] = byte(w.IntN(256))
		return f
	case 3: // a length that lies
		return append(binary.BigEndian.AppendUint64([]byte{0x81, 0xff}, w.Uint64()), text...)
	case 4: // parts without an end
		var b []byte
		for i := range 1 + w.IntN(3000) {
			op := ws.OpContinuation
			if i == 0 && w.IntN(4) > 0 {
				op = ws.OpText
			}
			b = append(b, ws.MustCompileFrame(ws.MaskFrame(ws.NewFrame(op, false, []byte("a"))))...)
		}
		return b
	case 5: // a control frame that is too long, or in parts
		return ws.MustCompileFrame(ws.MaskFrame(ws.NewFrame(pick(w.Rand, []ws.OpCode{ws.OpPing, ws.OpPong, ws.OpClose}), w.IntN(2) == 0, make([]byte, w.IntN(1000)))))
	case 6: // closing with what is no code
		return ws.MustCompileFrame(ws.MaskFrame(ws.NewCloseFrame(append(binary.BigEndian.AppendUint16(nil, uint16(w.IntN(1<<16))), text[:min(len(text), 100)]...))))
	case 7: // a flood
		return bytes.Repeat(ws.MustCompileFrame(ws.MaskFrame(ws.NewPingFrame([]byte("x")))), 1+w.IntN(2000))
	case 8: // bytes where there should be text
		return ws.MustCompileFrame(ws.MaskFrame(ws.NewBinaryFrame([]byte(text))))
	}
	return ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(text))))
}

// raw sends what is no HTTP, or nearly.
func (w *worker) raw(ctx context.Context) int {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", w.address)
	if err != nil {
		w.lost("raw", err, "")
		return 1
	}
	defer conn.Close()
	line := pick(w.Rand, []string{
		"GET / HTTP/1.1", "POST /graphql HTTP/1.1", "GET /graphql HTTP/1.0", "PRI * HTTP/2.0", "GET http://x/../%2e%2e/ HTTP/1.1", "CONNECT a:1 HTTP/1.1", "OPTIONS * HTTP/1.1", "GET", "\x16\x03\x01", "POST " + formPath + " HTTP/1.1", "TRACE / HTTP/1.1",
		"GET /" + strings.Repeat("a", w.IntN(70_000)) + " HTTP/1.1", "GET /playground HTTP/1.1",
	})
	heads := []string{
		"Host: a", "Host: ", "Host: a\r\nHost: b", "Content-Length: 5", "Content-Length: -1", "Content-Length: 99999999999999999999", "Content-Length: 5\r\nContent-Length: 6", "Transfer-Encoding: chunked", "Transfer-Encoding: x, chunked",
		"Transfer-Encoding: chunked\r\nContent-Length: 3", "Content-Type: application/json", "Expect: 100-continue", "Upgrade: websocket\r\nConnection: Upgrade", "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__", "X: " + strings.Repeat("y", w.IntN(80_000)), " folded: x", "no colon", "a b: c", "Range: bytes=0-,1-,2-,3-,4-", "Accept: " + strings.Repeat("a/b,", w.IntN(5000)), "Accept-Language: " + strings.Repeat("ar-", w.IntN(3000)), "Accept-Encoding: " + strings.Repeat("gzip,", w.IntN(3000)), "If-None-Match: *", "X-Forwarded-For: " + strings.Repeat("1.1.1.1,", w.IntN(3000)),
	}
	var b strings.Builder
	b.WriteString(line + "\r\n")
	for range w.IntN(6) {
		b.WriteString(pick(w.Rand, heads) + "\r\n")
	}
	b.WriteString(pick(w.Rand, []string{"\r\n", "\r\n", "\r\n", "", "\n"}))
	b.WriteString(pick(w.Rand, []string{"", `{"query":"{viewer{id}}"}`, "5\r\nabc", "zz\r\n", "0\r\n\r\n", strings.Repeat("x", 3000)}))
	_, _ = io.WriteString(conn, b.String())
	_ = conn.(*net.TCPConn).CloseWrite()
	_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	answer, _ := io.ReadAll(conn)
	status := 0
	if _, err := fmt.Sscanf(string(answer), "HTTP/1.1 %d", &status); err != nil {
		_, _ = fmt.Sscanf(string(answer), "HTTP/1.0 %d", &status)
	}
	// Of net/http itself, for what it does not have.
	if status == 501 || status == 505 {
		status = 400
	}
	w.judge("raw", status, answer, b.String())
	return 1
}
