package store

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/google/uuid"
)

// Who writes posts, and when. One writer, shared by all rooms, takes posts in the order
// in which they came: all that wait, up to maxBatch, without waiting for more. It is a
// goroutine while it has something to write.
//
// A post that its batch left over, since others have locked its room, is the first
// that the writer takes next. After maxTries its room gets a patient writer, which is
// its only one until nothing of the room waits: that one waits for the locks, and no
// other room for it.

const (
	// maxBatch is how many posts share a transaction at the most.
	maxBatch = 64
	// maxTries is how many batches leave a post over before it is waited for.
	maxTries = 3
	// maxPatient is how many patient writers write at once: each has a connection
	// while it waits for locks.
	maxPatient = 4
)

// writers are the writers of a store, and the posts that wait for them.
type writers struct {
	// write writes a batch, waiting for locks or not. It answers the posts that it
	// decided and gives those that it left over.
	write func(ctx context.Context, batch []*post, wait bool) (left []*post)
	// ctx ends with the store, and what is under way with it.
	ctx context.Context
	end context.CancelFunc
	// running are the writers that are goroutines; patience has one element for each
	// patient one that is writing.
	running  sync.WaitGroup
	patience chan struct{}
	counts   counts

	mu     sync.Mutex
	closed bool
	// shared has all rooms but those in patient.
	shared  writer
	patient map[uuid.UUID]*writer
}

// writer is one of them. All of it is under writers.mu, but for room.
type writer struct {
	waiting []*post
	running bool
	// room is a patient writer's only one; nil for the shared writer.
	room *uuid.UUID
}

func newWriters(write func(context.Context, []*post, bool) []*post) *writers {
	all := &writers{write: write, patience: make(chan struct{}, maxPatient), patient: map[uuid.UUID]*writer{}}
	all.ctx, all.end = context.WithCancel(context.Background())
	return all
}

// add hands a post to the writer of its room.
func (all *writers) add(p *post) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.closed {
		p.answer(unavailable(errClosed))
		return
	}
	w := all.of(p.Room.Row)
	w.waiting = append(w.waiting, p)
	all.start(w)
}

var errClosed = errors.New("the store is closed")

// withdraw takes a post back. It is false for one that is in a batch: it will be
// answered.
func (all *writers) withdraw(p *post) bool {
	all.mu.Lock()
	defer all.mu.Unlock()
	w := all.of(p.Room.Row)
	i := slices.Index(w.waiting, p)
	if i < 0 {
		return false
	}
	w.waiting = slices.Delete(w.waiting, i, i+1)
	return true
}

// close answers what waits, cuts off what is under way, and returns when no writer
// runs any more.
func (all *writers) close() {
	all.end()
	all.mu.Lock()
	all.closed = true
	for _, w := range slices.AppendSeq([]*writer{&all.shared}, maps.Values(all.patient)) {
		for _, p := range w.waiting {
			p.answer(unavailable(errClosed))
		}
		w.waiting = nil
	}
	all.mu.Unlock()
	all.running.Wait()
}

// of gives the writer of a room. The lock is held, as by who calls start.
func (all *writers) of(room uuid.UUID) *writer {
	if w := all.patient[room]; w != nil {
		return w
	}
	return &all.shared
}

// start lets a writer run.
func (all *writers) start(w *writer) {
	if !w.running {
		w.running = true
		all.running.Go(func() {
			for all.step(w) {
			}
		})
	}
}

// step writes one batch of a writer. It is false where there was none to write.
func (all *writers) step(w *writer) bool {
	if w.room != nil {
		all.patience <- struct{}{}
		defer func() { <-all.patience }()
	}
	all.gather(w)
	batch := all.take(w)
	if batch == nil {
		return false
	}
	all.putBack(w, all.write(all.ctx, batch, w.room != nil))
	return true
}

// gather lets who is about to post do so: who was answered a moment ago, or comes at the
// same time. It waits for nobody, but yields as long as that makes the batch larger, so
// once for a lone post.
func (all *writers) gather(w *writer) {
	for before := 1; ; {
		runtime.Gosched()
		all.mu.Lock()
		n := len(w.waiting)
		all.mu.Unlock()
		if n <= before || n >= maxBatch {
			return
		}
		before = n
	}
}

// take gives the next batch of a writer; where nothing waits, the writer is at its
// end.
func (all *writers) take(w *writer) []*post {
	all.mu.Lock()
	defer all.mu.Unlock()
	if len(w.waiting) == 0 {
		w.running = false
		if w.room != nil {
			delete(all.patient, *w.room)
		}
		return nil
	}
	n := min(len(w.waiting), maxBatch)
	batch := w.waiting[:n:n]
	w.waiting = w.waiting[n:]
	return batch
}

// putBack makes the posts that a batch left over the first of its writer again.
func (all *writers) putBack(w *writer, left []*post) {
	if len(left) == 0 {
		return
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	var again []*post
	for _, p := range left {
		switch err := p.over(); {
		case all.closed:
			p.answer(unavailable(errClosed))
		case err != nil:
			p.answer(unavailable(err))
		default:
			p.tries++
			all.counts.leftOver.Add(1)
			again = append(again, p)
		}
	}
	w.waiting = slices.Concat(again, w.waiting)
	for _, p := range again {
		if w.room == nil && p.tries >= maxTries && all.patient[p.Room.Row] == nil {
			all.setAside(p.Room.Row)
		}
	}
}

// setAside gives a room, with all that waits for it, a patient writer.
func (all *writers) setAside(room uuid.UUID) {
	own := &writer{room: &room}
	var others []*post
	for _, p := range all.shared.waiting {
		if p.Room.Row == room {
			own.waiting = append(own.waiting, p)
		} else {
			others = append(others, p)
		}
	}
	all.shared.waiting = others
	all.patient[room] = own
	all.counts.patient.Add(1)
	all.start(own)
}
