package graph

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

const (
	// width is how many operations of one person, or of one address that is not signed
	// in, are read or run at once; one that costs heavyCost runs alone.
	width     = 4
	heavyCost = 5_000
	// maxQueue is how many more may wait, and maxQueueBytes how long their bodies may be
	// together.
	maxQueue      = 256
	maxQueueBytes = 8 << 20
	// maxHeld is how many bytes of answers one's readers may leave untaken until nothing
	// more is run for them.
	maxHeld = 16 << 20
	// placeTime is how long one keeps a place: who takes longer does not compute but
	// waits, for a lock say, and needs none.
	placeTime = 250 * time.Millisecond
	// restTime is how long a place rests at least between two operations of a payer who has
	// more than width waiting, and as long as the one before took: so that the cores are
	// free for others half of the time.
	restTime = 5 * time.Millisecond
	// refusalTime is how long who has spent everything waits to be told: else those who
	// never wait would be answered all the time.
	refusalTime = 100 * time.Millisecond

	// What it costs to be read: a request costs costOfRequest, and more for its body and
	// for its document.
	costOfRequest   = 40
	bytesOfBodyUnit = 256
	bytesOfUnit     = 16
	maxLook         = 1_000
)

// queues are those in which each waits for a place of their own, behind nobody else.
type queues struct {
	verbs Verbs
	// unpaced lets everybody in at once, for nothing.
	unpaced bool

	mu sync.Mutex
	of map[string]*queue
}

// queue is one payer's. It goes with the last who uses it.
type queue struct {
	places              *semaphore.Weighted
	users, waits, bytes int
	held                int // bytes of answers that are not taken yet
}

func newQueues(verbs Verbs, unpaced bool) *queues {
	return &queues{verbs: verbs, unpaced: unpaced, of: map[string]*queue{}}
}

// turn is an operation on its way, of one goroutine.
type turn struct {
	queues *queues
	by     service.Asker
	bytes  int // that it holds while it waits
	// entered says that it had a place before.
	entered bool
	leave   func()
}

type turnKey struct{}

// turnOf gives the turn of what a client asks for; nil for what the program itself does.
func turnOf(ctx context.Context) *turn {
	t, _ := ctx.Value(turnKey{}).(*turn)
	return t
}

// Hold is for live.
func (q *queues) Hold(ctx context.Context, bytes int) (release func()) {
	if q.unpaced {
		return func() {}
	}
	payer := asker(ctx).Payer()
	q.mu.Lock()
	defer q.mu.Unlock()
	of := q.queueOf(payer)
	of.users++
	of.held += bytes
	return func() {
		q.mu.Lock()
		of.held -= bytes
		q.mu.Unlock()
		q.part(payer, of)
	}
}

// Begin is for live.
func (q *queues) Begin(ctx context.Context) (context.Context, func()) {
	ctx, t := q.begin(ctx, 0)
	return ctx, t.end
}

// begin gives a turn to an operation of the asker in the context; nil, which is good too,
// where nobody waits.
func (q *queues) begin(ctx context.Context, bytes int) (context.Context, *turn) {
	if q.unpaced {
		return ctx, nil
	}
	t := &turn{queues: q, by: asker(ctx), bytes: bytes, leave: func() {}}
	return context.WithValue(ctx, turnKey{}, t), t
}

// look waits for a place to read what is asked for, and pays for that.
func (t *turn) look(ctx context.Context, cost int) error {
	if t == nil {
		return nil
	}
	if !t.entered {
		t.entered = true
		if err := t.enter(ctx, 1); err != nil {
			return err
		}
		cost = add(cost, costOfRequest)
	}
	return t.pay(ctx, cost)
}

// run pays for an operation, and waits for the places that it needs.
func (t *turn) run(ctx context.Context, cost int) error {
	if t == nil {
		return nil
	}
	if err := t.pay(ctx, cost); err != nil || cost < heavyCost {
		return err
	}
	t.bytes = 0 // it is read
	return t.enter(ctx, width)
}

// end leaves what places there are.
func (t *turn) end() {
	if t != nil {
		t.leave()
	}
}

func (t *turn) pay(ctx context.Context, cost int) error {
	err := t.queues.verbs.Spend(t.by, cost)
	if err != nil {
		t.pause(ctx)
	}
	return err
}

func (t *turn) pause(ctx context.Context) {
	select {
	case <-time.After(refusalTime):
	case <-ctx.Done():
	}
}

// enter waits for so many places in place of those that the turn has.
func (t *turn) enter(ctx context.Context, places int64) error {
	t.leave()
	t.leave = func() {}
	payer := t.by.Payer()
	q := t.queues.join(payer, t.bytes)
	if q == nil {
		t.pause(ctx)
		e := omarty.Errorf(omarty.CodeRateLimited, "Too much was asked for in a short time; wait before the next.")
		e.RetryAfter = time.Second
		return e
	}
	err := q.places.Acquire(ctx, places)
	t.queues.admitted(q, t.bytes)
	if err != nil {
		t.queues.part(payer, q)
		return omarty.Errorf(omarty.CodeUnavailable, "The operation took too long.")
	}
	leave := sync.OnceFunc(func() {
		q.places.Release(places)
		t.queues.part(payer, q)
	})
	began := time.Now()
	late := time.AfterFunc(placeTime, leave)
	t.leave = func() {
		late.Stop()
		if t.queues.floods(q) {
			time.AfterFunc(max(time.Since(began), restTime), leave)
			return
		}
		leave()
	}
	return nil
}

// join gives the queue of a payer to one more; nil where it is full.
func (q *queues) join(payer string, bytes int) *queue {
	q.mu.Lock()
	defer q.mu.Unlock()
	of := q.queueOf(payer)
	if of.held >= maxHeld || of.waits >= maxQueue || of.bytes+bytes > maxQueueBytes && of.waits > 0 {
		return nil
	}
	of.users++
	of.waits++
	of.bytes += bytes
	return of
}

// queueOf gives the queue of a payer; q.mu is held.
func (q *queues) queueOf(payer string) *queue {
	of := q.of[payer]
	if of == nil {
		of = &queue{places: semaphore.NewWeighted(width)}
		q.of[payer] = of
	}
	return of
}

// admitted counts one out who does not wait any more.
func (q *queues) admitted(of *queue, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	of.waits--
	of.bytes -= bytes
}

// floods tells whether more wait for places than there are.
func (q *queues) floods(of *queue) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return of.waits > width
}

// part counts one out who is done.
func (q *queues) part(payer string, of *queue) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if of.users--; of.users == 0 {
		delete(q.of, payer)
	}
}
