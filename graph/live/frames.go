package live

import (
	"bytes"
	"errors"
	"io"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// frames reads the frames of a client (RFC 6455, section 5) without a buffer of
// its own: between messages, which is most of the time, it costs nothing.
type frames struct {
	from   io.Reader
	limit  int64
	state  ws.State
	left   int64 // of the last frame's payload, unread
	closed bool  // a close frame was the last
	header [ws.MaxHeaderSize]byte
	// rate bounds how often a frame comes, and pace counts.
	rate rate
	pace pace
	// begun is odd while a message has begun and not ended, and another for each: for who
	// looks on.
	begun atomic.Uint32
}

func newFrames(from io.Reader, l *limits) *frames {
	return &frames{from: from, limit: l.message, rate: l.frames, state: ws.StateServerSide}
}

// message gives the next message's text. Control frames may come between: the
// payload of each goes to control, whose error ends the reading. It answers an
// *ending where the client breaks the protocol, and any other error where the
// connection is at its end.
func (f *frames) message(control func(code ws.OpCode, payload []byte) error) ([]byte, error) {
	var text *bytes.Buffer // none while nothing comes
	for {
		h, err := f.next()
		if err != nil {
			return nil, err
		}
		if h.OpCode.IsControl() {
			if err := f.control(h, control); err != nil {
				return nil, err
			}
			continue
		}
		if text == nil {
			text = &bytes.Buffer{}
			f.begun.Add(1)
			defer f.begun.Add(1)
		}
		switch {
		case h.OpCode == ws.OpBinary:
			return nil, malformed
		case h.Length > f.limit-int64(text.Len()):
			return nil, tooBig
		}
		if err := f.payload(h, text); err != nil {
			return nil, err
		}
		f.state = f.state.Set(ws.StateFragmented)
		if !h.Fin {
			continue
		}
		f.state = f.state.Clear(ws.StateFragmented)
		if !utf8.Valid(text.Bytes()) {
			return nil, notUTF8
		}
		return text.Bytes(), nil
	}
}

// control reads the payload of a control frame, and hands it to handle.
func (f *frames) control(h ws.Header, handle func(code ws.OpCode, payload []byte) error) error {
	var payload bytes.Buffer
	if err := f.payload(h, &payload); err != nil {
		return err
	}
	return handle(h.OpCode, payload.Bytes())
}

// next gives the next frame's header, past what is left of the frame before.
func (f *frames) next() (ws.Header, error) {
	if err := f.skip(); err != nil {
		return ws.Header{}, err
	}
	h, err := ws.ReadHeaderBuffer(f.from, f.header[:])
	if errors.Is(err, ws.ErrHeaderLengthMSB) {
		return h, brokenFrame
	}
	if err != nil {
		return h, err
	}
	f.left, f.closed = h.Length, h.OpCode == ws.OpClose
	if ws.CheckHeader(h, f.state) != nil {
		return h, brokenFrame
	}
	if f.pace.take(f.rate, time.Now()) > 0 {
		return h, flooding
	}
	return h, nil
}

// payload reads a frame's payload to the end of what is there. Memory grows with
// what arrives, whatever the header says.
func (f *frames) payload(h ws.Header, to *bytes.Buffer) error {
	start := to.Len()
	n, err := io.CopyN(to, f.from, h.Length)
	f.left -= n
	ws.Cipher(to.Bytes()[start:], h.Mask, 0)
	return err
}

func (f *frames) skip() error {
	n, err := io.CopyN(io.Discard, f.from, f.left)
	f.left -= n
	return err
}

// toClose reads on until the client's close frame or the end of the connection,
// and looks at nothing else.
func (f *frames) toClose() {
	for !f.closed {
		switch _, err := f.next(); {
		case err == nil, errors.Is(err, brokenFrame):
		case errors.Is(err, flooding):
			time.Sleep(f.rate.every)
		default:
			return
		}
	}
}
