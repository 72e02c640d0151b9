package live

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/gobwas/ws"
)

// errOver says that a connection takes nothing more.
var errOver = errors.New("the connection is ending")

// writer is the sending side of a socket. Frames that wait are sent together, by one
// goroutine at a time, and only while there are any: a socket that is idle costs
// neither a goroutine nor a buffer. Whoever has something to send may send it, as far
// as the connection takes it at once; what has to wait gets a goroutine of its own.
type writer struct {
	conn   net.Conn
	raw    syscall.RawConn // nil where the connection has none
	limits *limits
	// stalled is called where the client has taken nothing for limits.stall; it
	// calls finish.
	stalled func()
	// gone is called where a follower has had its last entry, which is among those that
	// are written next. It does not wait.
	gone func(*follower)
	// told counts what is taken from followers; nil for nobody.
	told *tally

	mu      sync.Mutex
	waiting []byte // whole frames, one after the other
	// followers have something to take, or may have; each is there once.
	followers []*follower
	running   bool
	// batches counts what was taken to be written, and the end of each run. slow says that
	// the connection does not take at once what is being written, and blocked how many wait
	// to hand something over.
	batches int
	slow    bool
	blocked int
	// taken is closed when any of these has changed; nil while nobody waits for that.
	taken chan struct{}
	// finished is set when the last frames are among those that wait; deadline is
	// when they must be written, and done is closed when they are, or never will be.
	finished bool
	silent   bool // finished, and nothing but the last frames is sent
	deadline time.Time
	done     chan struct{}
}

// send hands over frames. Where the client is behind by more than limits.waiting
// it waits until that has changed, or ctx ends: its error, or errOver after
// finish. As the frames are taken over, before any others are, it calls
// handedOver, where that is not nil. Frames that are longer than limits.waiting it sees
// written.
func (w *writer) send(ctx context.Context, frames []byte, handedOver func()) error {
	var (
		over, blocked bool
		batch         int
	)
	err := w.await(ctx, func() bool {
		switch {
		case w.finished:
			over = true
		case w.full(frames):
			if !blocked {
				blocked = true
				w.blocked++
			}
			return false
		default:
			w.add(frames)
			batch = w.batches + 1
			if handedOver != nil {
				handedOver()
			}
		}
		return true
	})
	if blocked {
		w.mu.Lock()
		w.blocked--
		w.wake()
		w.mu.Unlock()
	}
	switch {
	case err != nil:
		return err
	case over:
		return errOver
	case len(frames) <= w.limits.waiting:
		return nil
	}
	return w.await(ctx, func() bool { return w.finished || w.batches > batch })
}

// offer hands over frames where it need not wait for that; else they are forgotten.
func (w *writer) offer(frames []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.finished && !w.full(frames) {
		w.add(frames)
	}
}

// full tells whether frames have to wait until others are taken; w.mu is held.
func (w *writer) full(frames []byte) bool {
	return len(w.waiting) > 0 && len(w.waiting)+len(frames) > w.limits.waiting
}

// room waits until something more may be begun for the client: not while it takes nothing
// of what is being written, and more waits behind that. Its error is that of ctx.
func (w *writer) room(ctx context.Context) error {
	return w.await(ctx, func() bool { return w.finished || !w.slow || len(w.waiting) == 0 && w.blocked == 0 })
}

// await waits until something holds, which it finds out under w.mu, or ctx ends: its error.
func (w *writer) await(ctx context.Context, holds func() bool) error {
	for {
		w.mu.Lock()
		if holds() {
			w.mu.Unlock()
			return nil
		}
		if w.taken == nil {
			w.taken = make(chan struct{})
		}
		taken := w.taken
		w.mu.Unlock()
		select {
		case <-taken:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ready makes the writer take from a follower; where it is true, the caller is the
// one who has to call run.
func (w *writer) ready(f *follower) (run bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.finished || f.queued {
		return false
	}
	f.queued = true
	w.followers = append(w.followers, f)
	run = !w.running
	w.running = true
	return run
}

// idle tells whether all that was handed over is written.
func (w *writer) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.running
}

// finish hands over the last frames, which last makes when no others are taken any
// more; where silent is true, those that wait are forgotten. It does not wait. Only
// the first call counts.
func (w *writer) finish(last func() []byte, silent bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.finished {
		return
	}
	w.finished = true
	w.deadline = time.Now().Add(w.limits.last)
	w.done = make(chan struct{})
	if silent {
		w.silent, w.waiting = true, w.waiting[:0]
	}
	w.add(last())
	w.wake()
	// For the write that is under way, too.
	_ = w.conn.SetWriteDeadline(w.deadline)
}

// flushed waits until the last frames are written, or never will be. It is called
// after finish.
func (w *writer) flushed() { <-w.done }

// add puts frames behind those that wait; w.mu is held.
func (w *writer) add(frames []byte) {
	if w.waiting == nil {
		w.waiting = *buffers.Get().(*[]byte)
	}
	w.waiting = append(w.waiting, frames...)
	w.start()
}

// start sees to it that run runs; w.mu is held.
func (w *writer) start() {
	if !w.running {
		w.running = true
		go w.run()
	}
}

// wake lets those look again who wait for something; w.mu is held.
func (w *writer) wake() {
	if w.taken != nil {
		close(w.taken)
		w.taken = nil
	}
}

// run writes what waits. It returns when nothing does any more, or when the rest is
// left to another goroutine: it does not wait for the connection.
func (w *writer) run() {
	for range maxRounds {
		batch, followers, ok := w.take()
		if !ok {
			return
		}
		if len(followers) > 0 {
			if batch = w.follow(batch, followers); w.silenced() {
				recycle(batch)
				continue
			}
		}
		n, err := attempt(w.raw, batch)
		if err == nil && n < len(batch) {
			w.slows(true)
			go w.wait(batch, n)
			return
		}
		recycle(batch)
		if err != nil {
			w.fail()
			return
		}
	}
	go w.run() // others have a turn
}

// maxRounds is how many batches are written before others have a turn.
const maxRounds = 4

// wait writes the rest of a batch, at the connection's pace, and then what came
// meanwhile.
func (w *writer) wait(batch []byte, n int) {
	err := w.write(batch[n:])
	recycle(batch)
	if err != nil {
		w.fail()
		return
	}
	w.slows(false)
	w.run()
}

// slows notes whether the connection takes at once what is written.
func (w *writer) slows(slow bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slow = slow
	w.wake()
}

// fail ends the writer of a broken connection. The reader notices, and ends the socket.
func (w *writer) fail() {
	_ = w.conn.Close()
	w.abandon()
}

// take gives all that waits; false, and the end of this run, where nothing does.
func (w *writer) take() (batch []byte, followers []*follower, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.batches++
	w.wake()
	if w.finished {
		w.followers = nil // the last frames are the last
	}
	if len(w.waiting) == 0 && len(w.followers) == 0 {
		recycle(w.waiting)
		w.waiting, w.running = nil, false
		if w.finished {
			close(w.done)
			_ = w.conn.SetReadDeadline(time.Now().Add(w.limits.goodbye))
		}
		return nil, nil, false
	}
	batch, w.waiting = w.waiting, nil
	followers, w.followers = w.followers, nil
	for _, f := range followers {
		f.queued = false // what comes from now on queues it again
	}
	return batch, followers, true
}

// silenced tells whether nothing but the last frames may be sent any more.
func (w *writer) silenced() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.silent
}

// follow takes from the followers, each in its turn, until the batch is full.
func (w *writer) follow(batch []byte, followers []*follower) []byte {
	if batch == nil {
		batch = *buffers.Get().(*[]byte)
	}
	for _, f := range followers {
		more, ended := true, false
		if len(batch) < w.limits.waiting {
			batch, more, ended = f.take(batch, w.limits.waiting)
			w.told.deliver(f)
		}
		switch {
		case ended:
			w.gone(f)
		case more:
			w.ready(f) // it runs
		}
	}
	return batch
}

// abandon ends the writer of a broken connection.
func (w *writer) abandon() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.finished {
		w.finished, w.done = true, make(chan struct{})
	}
	w.waiting = nil
	w.wake()
	close(w.done)
}

// write writes frames, for as long as the client takes any of them: after
// limits.stall without, the connection is finished, and the rest has until the
// deadline of that.
func (w *writer) write(frames []byte) error {
	taken := time.Now()
	for len(frames) > 0 {
		final := w.setDeadline()
		n, err := w.conn.Write(frames)
		frames = frames[n:]
		now := time.Now()
		switch {
		case err == nil:
			w.clearDeadline()
			return nil
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case n > 0:
			taken = now
		case now.Sub(taken) >= w.limits.stall && !final:
			w.stalled()
			continue
		}
		if final && !now.Before(w.deadline) {
			return err
		}
	}
	return nil
}

// setDeadline bounds the next write: it is the last one's where the writer is
// finished.
func (w *writer) setDeadline() (final bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	deadline := time.Now().Add(w.limits.step)
	if w.finished {
		deadline = w.deadline
	}
	_ = w.conn.SetWriteDeadline(deadline)
	return w.finished
}

// clearDeadline lets writes be attempted at any time.
func (w *writer) clearDeadline() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.finished {
		_ = w.conn.SetWriteDeadline(time.Time{})
	}
}

// buffers are what frames wait in.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, 1<<10)
	return &b
}}

// maxKept is the capacity in bytes beyond which a buffer is not used again.
const maxKept = 128 << 10

func recycle(b []byte) {
	if cap(b) > 0 && cap(b) <= maxKept {
		b = b[:0]
		buffers.Put(&b)
	}
}

// appendFrame appends a frame of the server's: whole, and not masked.
func appendFrame(b []byte, code ws.OpCode, payload []byte) []byte {
	return append(appendFrameHeader(b, code, len(payload)), payload...)
}

// appendFrameHeader appends the header of a frame whose payload has n bytes.
func appendFrameHeader(b []byte, code ws.OpCode, n int) []byte {
	const final = 0x80
	b = append(b, final|byte(code))
	switch {
	case n <= ws.MaxControlFramePayloadSize:
		return append(b, byte(n)) //nolint:gosec // n is 125 at the most
	case n <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
}

// appendClose appends a close frame.
func appendClose(b []byte, e *ending) []byte {
	return appendFrame(b, ws.OpClose, ws.NewCloseFrameBody(e.code, e.reason))
}
