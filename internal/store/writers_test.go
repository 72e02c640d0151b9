package store

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// script plays batches to writers: each write is shown to the test, which says which
// posts are left over.
type script struct {
	*writers
	wrote chan written
	leave chan string
}

type written struct {
	keys string
	wait bool
}

func newScript(t *testing.T) script {
	s := script{wrote: make(chan written), leave: make(chan string)}
	s.writers = newWriters(func(_ context.Context, batch []*post, wait bool) (left []*post) {
		var keys []string
		for _, p := range batch {
			keys = append(keys, p.Key)
		}
		s.wrote <- written{strings.Join(keys, " "), wait}
		leave := <-s.leave
		for _, p := range batch {
			if strings.Contains(leave, p.Key) {
				left = append(left, p)
			} else {
				p.answer(nil)
			}
		}
		return left
	})
	t.Cleanup(s.close)
	return s
}

func (s script) post(ctx context.Context, room omarty.ID, key string) *post {
	p := &post{Draft: omarty.Draft{Room: room, Key: key}, ctx: ctx, until: time.Now().Add(time.Minute), answered: make(chan struct{})}
	s.add(p)
	return p
}

// expect waits for a write, and has some of its posts left over.
func (s script) expect(t *testing.T, keys string, wait bool, leave string) {
	t.Helper()
	if got := <-s.wrote; got != (written{keys, wait}) {
		t.Errorf("wrote %+v; want %q, waiting: %v", got, keys, wait)
	}
	s.leave <- leave
}

func TestWhatIsLeftOverGoesFirstAndThenWaits(t *testing.T) {
	s := newScript(t)
	busy, free := omarty.NewID(omarty.KindRoom), omarty.NewID(omarty.KindRoom)
	var posts []*post
	post := func(room omarty.ID, key string) { posts = append(posts, s.post(t.Context(), room, key)) }
	post(busy, "a")
	if first := <-s.wrote; first.keys != "a" {
		t.Errorf("wrote %+v", first)
	}
	post(free, "b")
	post(busy, "c")
	s.leave <- "a"
	s.expect(t, "a b c", false, "a c")
	if got := <-s.wrote; got != (written{"a c", false}) {
		t.Errorf("wrote %+v", got)
	}
	post(busy, "d")
	post(free, "e")
	s.leave <- "a c" // the third time for a
	// The room has a writer of its own now, and the other one goes on beside it.
	for range 2 {
		switch got := <-s.wrote; got {
		case written{"a c d", true}, written{"e", false}:
		default:
			t.Errorf("wrote %+v", got)
		}
	}
	post(busy, "f")
	s.leave <- ""
	s.leave <- ""
	s.expect(t, "f", true, "")
	for _, p := range posts {
		<-p.answered
	}
	waitUntil(t, func() bool { return len(s.patient) == 0 }, s.writers)
	last := s.post(t.Context(), busy, "g")
	s.expect(t, "g", false, "")
	<-last.answered
}

// waitUntil waits until something is so under the writers' lock.
func waitUntil(t *testing.T, so func() bool, all *writers) {
	t.Helper()
	for t.Context().Err() == nil {
		all.mu.Lock()
		done := so()
		all.mu.Unlock()
		if done {
			return
		}
	}
}

func TestWhoLeftIsNotTriedAgain(t *testing.T) {
	s := newScript(t)
	room := omarty.NewID(omarty.KindRoom)
	ctx, leave := context.WithCancel(t.Context())
	gone := s.post(ctx, room, "a")
	if got := <-s.wrote; got.keys != "a" {
		t.Errorf("wrote %+v", got)
	}
	leave()
	if s.withdraw(gone) {
		t.Error("taken back out of a batch")
	}
	s.leave <- "a"
	<-gone.answered
	if omarty.CodeOf(gone.err) != omarty.CodeUnavailable {
		t.Errorf("got %v", gone.err)
	}
	s.post(t.Context(), room, "b")
	s.expect(t, "b", false, "")
}

// A batch is what waits, up to a bound.
func TestBatchesAreBounded(t *testing.T) {
	s := newScript(t)
	room := omarty.NewID(omarty.KindRoom)
	s.post(t.Context(), room, "first")
	<-s.wrote
	for range maxBatch + 1 {
		s.post(t.Context(), room, "k")
	}
	s.leave <- ""
	s.expect(t, strings.TrimSpace(strings.Repeat("k ", maxBatch)), false, "")
	s.expect(t, "k", false, "")
}
