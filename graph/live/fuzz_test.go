package live

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// Whatever a client sends is a message that the protocol has, or malformed.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		`{"type":"connection_init","payload":{"token":"a"}}`,
		`{"type":"connection_init"}`,
		`{"type":"ping","payload":null}`,
		`{"id":"1","type":"subscribe","payload":{"query":"{a}","operationName":null,"variables":{"a":1e400},"extensions":{}}}`,
		`{"id":"1","type":"complete"}`,
		`{"type":"subscribe","id":1}`,
		`[]`, `null`, `"`, "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseMessage(text)
		if err != nil {
			if !errors.Is(err, malformed) {
				t.Fatalf("refused by %v", err)
			}
			return
		}
		switch m.kind {
		case connectionInit:
			if _, err := tokenOf(m.payload); err != nil && !errors.Is(err, ErrBadToken) {
				t.Fatal(err)
			}
		case ping:
			if answer := newMessage(pong, nil, m.payload); !json.Valid(answer) {
				t.Fatalf("answered with %s", answer)
			}
		case pong:
		case subscribe, complete:
			if m.id == "" || len(m.id) > maxID || (m.params == nil) != (m.kind == complete) {
				t.Fatalf("taken: %+v", m)
			}
			if answer := newMessage(complete, encode(m.id), nil); !json.Valid(answer) {
				t.Fatalf("answered with %s", answer)
			}
		default:
			t.Fatalf("taken: %q", m.kind)
		}
	})
}

// Whatever bytes come, reading them ends: with messages within the limit, an
// ending, or the end of the bytes.
func FuzzFrames(f *testing.F) {
	add := func(frames ...ws.Frame) {
		var b bytes.Buffer
		for _, one := range frames {
			_ = ws.WriteFrame(&b, ws.MaskFrame(one))
		}
		f.Add(b.Bytes())
	}
	add(ws.NewTextFrame([]byte("{}")), ws.NewPingFrame([]byte("a")), ws.NewCloseFrame(ws.NewCloseFrameBody(1000, "")))
	add(ws.NewFrame(ws.OpText, false, []byte("{")), ws.NewFrame(ws.OpContinuation, true, []byte("}")))
	add(ws.NewFrame(ws.OpText, true, make([]byte, 2000)))
	f.Add([]byte{0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, sent []byte) {
		frames := newFrames(bytes.NewReader(sent), &limits{message: 1000, frames: rate{1 << 20, time.Millisecond}})
		for {
			text, err := frames.message(func(code ws.OpCode, payload []byte) error {
				if len(payload) > ws.MaxControlFramePayloadSize {
					t.Fatalf("a control frame of %d bytes", len(payload))
				}
				if code == ws.OpClose {
					return closedByClient(payload)
				}
				return nil
			})
			if err != nil {
				break
			}
			if len(text) > 1000 {
				t.Fatalf("a message of %d bytes", len(text))
			}
		}
		frames.toClose()
	})
}
