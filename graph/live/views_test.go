package live

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// fakeLog is a log of one room, of which entries say what is in texts.
type fakeLog struct {
	room omarty.ID

	mu      sync.Mutex
	entries []omarty.Event
	told    int // how many of them the node has heard of
	tail    int // how many of those it keeps
	texts   map[omarty.ID]string
	heard   func([]omarty.Entry)
	open    int
	reads   int
	// looked is called once, before it is looked what is new.
	looked func()
}

func newFakeLog() *fakeLog {
	return &fakeLog{room: omarty.NewID(omarty.KindRoom), texts: map[omarty.ID]string{}}
}

func (l *fakeLog) Follow(_ omarty.ID, heard func([]omarty.Entry)) Log {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = heard
	l.open++
	return l
}

func (l *fakeLog) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
}

func (l *fakeLog) Head() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.told
}

func (l *fakeLog) Since(after int) ([]omarty.Event, bool) {
	l.mu.Lock()
	looked := l.looked
	l.looked = nil
	l.mu.Unlock()
	if looked != nil {
		looked()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if after >= l.told {
		return nil, true
	}
	if l.told-after > l.tail {
		return nil, false
	}
	return l.entries[after:l.told], true
}

func (l *fakeLog) Read(_ context.Context, after, first int) ([]omarty.Event, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	return l.entries[after:min(after+first, len(l.entries))], nil
}

// write commits an entry about a message; say tells whether the node hears of it.
func (l *fakeLog) write(kind omarty.EventKind, message omarty.ID, text string, say bool) {
	l.mu.Lock()
	l.texts[message] = text
	e := omarty.Event{Room: l.room, Seq: len(l.entries) + 1, Kind: kind, Message: message}
	l.entries = append(l.entries, e)
	heard := l.heard
	if say {
		if l.told == e.Seq-1 {
			l.tail++
		} else {
			l.tail = 1
		}
		l.tail = min(l.tail, 5)
		l.told = e.Seq
	}
	l.mu.Unlock()
	if say && heard != nil {
		heard([]omarty.Entry{{Event: e, Message: &omarty.Message{ID: message, Text: text, ChangedSeq: e.Seq}}})
	}
}

// advance lets the node hear how far the log is, and not what it says.
func (l *fakeLog) advance() {
	l.mu.Lock()
	moved := l.told < len(l.entries)
	l.told, l.tail = len(l.entries), 0
	heard := l.heard
	l.mu.Unlock()
	if moved && heard != nil {
		heard(nil)
	}
}

// Key and Render make a selection of the log.
func (l *fakeLog) Key() string { return "{seq}" }

func (l *fakeLog) Alone() bool { return false }

func (l *fakeLog) Render(_ context.Context, entries []omarty.Event, known map[omarty.ID]omarty.Entry) []Rendered {
	made := make([]Rendered, len(entries))
	for i, e := range entries {
		var text string
		if k, ok := known[e.Message]; ok {
			text = k.Message.Text
		} else {
			l.mu.Lock()
			text = l.texts[e.Message]
			l.mu.Unlock()
			time.Sleep(time.Duration(rand.IntN(50)) * time.Microsecond)
		}
		made[i].Value = fmt.Appendf(nil, "%d %s", e.Seq, text)
	}
	return made
}

// reader is a connection that takes from one follower, and checks what it gets.
type reader struct {
	t     *testing.T
	limit int
	slow  time.Duration
	more  chan struct{}
	f     *follower

	mu   sync.Mutex
	at   int
	last string
	got  []string
}

func (r *reader) ready(*follower) bool {
	select {
	case r.more <- struct{}{}:
	default:
	}
	return false
}

func (r *reader) run() {}

// follow reads from a position on, until the test ends.
func follow(t *testing.T, v *views, l *fakeLog, after, limit int, slow time.Duration) *reader {
	r := &reader{t: t, limit: limit, slow: slow, more: make(chan struct{}, 1), at: after}
	r.f = &follower{
		Following: Following{
			Room: l.room, Selection: l, Began: after,
			Wants: func(omarty.Event) bool { return true },
		},
		to: r, behind: []byte("\n"), caughtUp: []byte("caught up\n"),
	}
	r.f.position.Store(int64(after))
	v.follow(r.f)
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case <-r.more:
				r.take()
			case <-stop:
				return
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		running.Wait()
		v.unfollow(r.f)
	})
	return r
}

func (r *reader) take() {
	b, more, _ := r.f.take(nil, r.limit)
	if more {
		r.ready(r.f)
	}
	r.mu.Lock()
	for line := range bytes.Lines(b) {
		text := string(bytes.TrimSuffix(line, []byte("}\n")))
		if text == "caught up\n" {
			r.last = "caught up"
			continue
		}
		var seq int
		var said string
		if _, err := fmt.Sscanf(text, "%d %s", &seq, &said); err != nil || seq != r.at+1 {
			r.t.Errorf("after %d came %q", r.at, text)
		}
		r.at = seq
		r.got = append(r.got, said)
	}
	r.mu.Unlock()
	time.Sleep(r.slow)
}

func (r *reader) position() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at
}

func (r *reader) waitFor(position int) {
	r.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); r.position() < position; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("it stands at %d and not at %d", r.position(), position)
		}
	}
}

// Whoever follows a room, from whatever position and however slowly, gets each entry
// once and in order, while it is written to, and whatever this node does not hear of.
func TestFollowersMissNothing(t *testing.T) {
	l := newFakeLog()
	v := newViews(l)
	const total = 2500
	var writing sync.WaitGroup
	var readers []*reader
	writing.Go(func() {
		for i := range total {
			l.write(omarty.EventMessagePosted, omarty.NewID(omarty.KindMessage), "text", rand.IntN(20) > 0)
			if i%10 == 0 {
				time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
			}
			if rand.IntN(50) == 0 {
				l.advance()
			}
		}
		l.advance()
	})
	for range 150 {
		after := 0
		if head := l.Head(); head > 0 {
			after = rand.IntN(head + 1)
		}
		slow := time.Duration(0)
		if rand.IntN(10) == 0 {
			slow = time.Millisecond
		}
		readers = append(readers, follow(t, &v, l, after, 1+rand.IntN(2000), slow))
		time.Sleep(time.Duration(rand.IntN(500)) * time.Microsecond)
	}
	writing.Wait()
	for _, r := range readers {
		r.waitFor(total)
		if r.last != "caught up" {
			t.Error("one did not catch up")
		}
	}
}

// Where what was missed ends and what happens now begins, nothing is lost and nothing
// comes twice, wherever in its pages the log stands then and however much was missed.
func TestTheSeamIsAnywhere(t *testing.T) {
	const more = 5
	for head := range 2*pageSize + 2 {
		l := newFakeLog()
		v := newViews(l)
		for range head {
			l.write(omarty.EventMessagePosted, omarty.NewID(omarty.KindMessage), "text", true)
		}
		var writing sync.WaitGroup
		writing.Go(func() {
			for range more {
				l.write(omarty.EventMessagePosted, omarty.NewID(omarty.KindMessage), "text", rand.IntN(3) > 0)
				runtime.Gosched()
			}
			l.advance()
		})
		var readers []*reader
		for _, after := range []int{0, head / 2, max(head-1, 0), head} {
			readers = append(readers, follow(t, &v, l, after, 1+rand.IntN(2000), 0))
		}
		writing.Wait()
		for _, r := range readers {
			r.waitFor(head + more)
		}
	}
}

// What happens now is rendered once for all, and read from nowhere.
func TestEntriesAreRenderedOnce(t *testing.T) {
	l := newFakeLog()
	v := newViews(l)
	var readers []*reader
	for range 100 {
		readers = append(readers, follow(t, &v, l, 0, 1000, 0))
	}
	for i := range 500 {
		l.write(omarty.EventMessagePosted, omarty.NewID(omarty.KindMessage), strconv.Itoa(i), true)
		readers[0].waitFor(i + 1)
	}
	for _, r := range readers {
		r.waitFor(500)
	}
	if l.reads > 0 {
		t.Errorf("the log was read %d times", l.reads)
	}
}

// Once a change of a message was told, nobody is handed what was there before it.
func TestWhatIsGoneIsNotHandedOut(t *testing.T) {
	l := newFakeLog()
	v := newViews(l)
	live := follow(t, &v, l, 0, 1000, 0)
	const edited omarty.EventKind = "MESSAGE_EDITED"
	for range 300 {
		message := omarty.NewID(omarty.KindMessage)
		before := l.Head()
		l.write(omarty.EventMessagePosted, message, "secret", true)
		if rand.IntN(2) == 0 {
			live.waitFor(before + 1)
		}
		// Somebody else reads it while it changes.
		other := follow(t, &v, l, before, 1000, 0)
		l.write(edited, message, "gone", true)
		late := follow(t, &v, l, before, 1000, 0)
		late.waitFor(before + 2)
		other.waitFor(before + 2)
		late.mu.Lock()
		if late.got[0] != "gone" {
			t.Errorf("after the change one is handed %q", late.got)
		}
		late.mu.Unlock()
	}
}

// An entry that tells of a change never says what was there before, also where the change
// comes between what the node knows of the message and its look at the log.
func TestAChangeSaysWhatIsThereThen(t *testing.T) {
	l := newFakeLog()
	v := newViews(l)
	follow(t, &v, l, 0, 1000, 0)
	message := omarty.NewID(omarty.KindMessage)
	came := make(chan *reader, 1)
	l.mu.Lock()
	l.looked = func() {
		l.write("MESSAGE_EDITED", message, "gone", true)
		came <- follow(t, &v, l, 1, 1000, 0)
	}
	l.mu.Unlock()
	l.write(omarty.EventMessagePosted, message, "secret", true)
	late := <-came
	late.waitFor(2)
	late.mu.Lock()
	defer late.mu.Unlock()
	if late.got[0] != "gone" {
		t.Errorf("the entry of the change says %q", late.got[0])
	}
}

// A view that nobody follows any more is forgotten, and made anew for the next one.
func TestViewsEnd(t *testing.T) {
	l := newFakeLog()
	v := newViews(l)
	for i := range 3 {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			r := follow(t, &v, l, l.Head(), 1000, 0)
			l.write(omarty.EventMessagePosted, omarty.NewID(omarty.KindMessage), "text", true)
			r.waitFor(i + 1)
			if len(v.feeds) != 1 || l.open != 1 {
				t.Errorf("%d feeds, %d logs are open", len(v.feeds), l.open)
			}
		})
		if len(v.feeds) != 0 || l.open != 0 {
			t.Errorf("%d feeds, %d logs are left open", len(v.feeds), l.open)
		}
	}
}
