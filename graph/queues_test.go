package graph

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

// slowly are verbs whose reading of a person takes until it is let go, and that count how
// many are in it, by who asks.
type slowly struct {
	Verbs
	let    chan struct{}
	inside sync.Map // of *atomic.Int64
	most   atomic.Int64
	spend  func(by service.Asker, cost int) error
}

func (v *slowly) Authenticate(_ context.Context, token omarty.Token) (service.Asker, error) {
	n := token[0]
	return service.Asker{User: omarty.ID{Kind: omarty.KindUser, Row: [16]byte{n}}, Session: omarty.ID{Kind: omarty.KindSession, Row: [16]byte{n}}}, nil
}

func (v *slowly) Spend(by service.Asker, cost int) error {
	if v.spend != nil {
		return v.spend(by, cost)
	}
	return nil
}

func (v *slowly) count(by service.Asker) *atomic.Int64 {
	n, _ := v.inside.LoadOrStore(by.Payer(), &atomic.Int64{})
	return n.(*atomic.Int64)
}

func (v *slowly) Account(_ context.Context, by service.Asker) (omarty.Account, error) {
	n := v.count(by)
	now := n.Add(1)
	defer n.Add(-1)
	for most := v.most.Load(); now > most && !v.most.CompareAndSwap(most, now); most = v.most.Load() {
	}
	if by.User.Row[0] == 'f' {
		<-v.let
	}
	return omarty.Account{}, nil
}

func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came that %s", what)
		}
	}
}

// One who sends a hundred operations at once has a few of them run; another does not
// wait behind them.
func TestOneWhoFloodsKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &slowly{let: make(chan struct{})}
		a := newAPI(t, v)
		var flood sync.WaitGroup
		for range 100 {
			flood.Go(func() {
				a.do(t, request("POST", "/graphql", `{"query":"{viewer{__typename}}"}`, "Content-Type", "application/json", "Authorization", "Bearer flooder"))
			})
		}
		flooder := v.count(service.Asker{User: omarty.ID{Kind: omarty.KindUser, Row: [16]byte{'f'}}})
		synctest.Wait()
		if n := flooder.Load(); n != width {
			t.Errorf("%d of the flood run at once", n)
		}
		if got := a.post(t, `{"query":"{viewer{__typename}}"}`, "Authorization", "Bearer other"); got.code(t) != "" {
			t.Errorf("another gets %s", got.body)
		}
		// Who waits for something else than a core does not keep the place for it.
		until(t, "those that only wait let others in", func() bool { return flooder.Load() > width })
		close(v.let)
		flood.Wait()
		until(t, "nothing is kept of it", func() bool {
			a.queues.mu.Lock()
			defer a.queues.mu.Unlock()
			return len(a.queues.of) == 0
		})
	})
}

// An operation that costs much runs alone, beside none of the same person's.
func TestWhatCostsMuchRunsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueues(&slowly{}, false)
		by := service.WithAsker(t.Context(), service.Asker{Address: netip.MustParseAddr("192.0.2.1")})
		_, large := q.begin(by, 0)
		if err := large.look(by, 0); err != nil {
			t.Fatal(err)
		}
		if err := large.run(by, heavyCost); err != nil {
			t.Fatal(err)
		}
		_, small := q.begin(by, 0)
		in := make(chan error, 1)
		go func() { in <- small.look(by, 0) }()
		select {
		case <-in:
			t.Error("another of the same address runs beside it")
		case <-time.After(placeTime / 5):
		}
		_, others := q.begin(service.WithAsker(t.Context(), service.Asker{Address: netip.MustParseAddr("192.0.2.2")}), 0)
		if err := others.look(by, 0); err != nil {
			t.Errorf("one of another address: %v", err)
		}
		large.end()
		if err := <-in; err != nil {
			t.Error(err)
		}
		small.end()
		others.end()
	})
}

// The queue is bounded, in number and in bytes, and who goes away while they wait leaves it.
func TestTheQueueIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct{ bytes, most int }{
			"many":  {0, maxQueue},
			"large": {maxQueueBytes / 4, 4},
		} {
			q := newQueues(&slowly{}, false)
			ctx, cancel := context.WithCancel(service.WithAsker(t.Context(), service.Asker{}))
			_, first := q.begin(ctx, 0)
			if err := first.enter(ctx, width); err != nil {
				t.Fatal(err)
			}
			of := q.of[service.Asker{}.Payer()]
			var waiting sync.WaitGroup
			for range c.most {
				_, next := q.begin(ctx, c.bytes)
				waiting.Go(func() {
					if next.look(ctx, 0) == nil {
						next.end()
					}
				})
			}
			waits := func() int {
				q.mu.Lock()
				defer q.mu.Unlock()
				return of.waits
			}
			synctest.Wait()
			if n := waits(); n != c.most {
				t.Errorf("%s: %d wait, want %d", name, n, c.most)
			}
			_, late := q.begin(ctx, c.bytes+1)
			if err := late.look(ctx, 0); omarty.CodeOf(err) != omarty.CodeRateLimited {
				t.Errorf("%s: one more: %v", name, err)
			}
			cancel()
			waiting.Wait()
			first.end()
			until(t, "it is gone", func() bool {
				q.mu.Lock()
				defer q.mu.Unlock()
				return len(q.of) == 0
			})
		}
	})
}

// Who has spent everything is told so before anything is run, and when to come back; by
// whatever way they ask.
func TestWhoHasSpentEverythingIsToldWhenToComeBack(t *testing.T) {
	t.Parallel()
	poor := omarty.Errorf(omarty.CodeRateLimited, "Too much was asked for in a short time; wait before the next.")
	poor.RetryAfter = 2500 * time.Millisecond
	var paid atomic.Int64
	v := &slowly{spend: func(by service.Asker, cost int) error {
		paid.Add(int64(cost))
		if by.User.Row[0] == 'p' {
			return poor
		}
		return nil
	}}
	a := newAPI(t, v)
	for _, body := range []string{`{"query":"{viewer{id}}"}`, `{"query":"{"}`, `no JSON`, `{"query":"` + strings.Repeat("x", 1000) + `"}`} {
		got := a.post(t, body, "Authorization", "Bearer poor")
		if got.code(t) != "RATE_LIMITED" || !strings.Contains(got.body, `"retryAfter":3`) {
			t.Errorf("%.30s: %s", body, got.body)
		}
	}
	if n := v.count(service.Asker{User: omarty.ID{Kind: omarty.KindUser, Row: [16]byte{'p'}}}).Load(); n > 0 {
		t.Errorf("%d were run", n)
	}
	// What is refused costs what it takes to be read; the larger the more.
	cost := func(body string) int64 {
		before := paid.Load()
		a.post(t, body, "Authorization", "Bearer rich")
		return paid.Load() - before
	}
	least := cost(`{"query":"{__typename}"}`)
	for name, body := range map[string]string{
		"a large body":       `{"query":"{__typename}","x":"` + strings.Repeat("x", 100_000) + `"}`,
		"a large document":   `{"query":"{` + strings.Repeat("x ", 2_000) + `}"}`,
		"a large operation":  `{"query":"{viewer{rooms(first:100){nodes{id name}}}}"}`,
		"a mutation":         `{"query":"mutation{logOut{sessionId}}"}`,
		"what does not read": strings.Repeat("[", 100_000),
	} {
		if got := cost(body); got < least+100 {
			t.Errorf("%s costs %d, and the least %d", name, got, least)
		}
	}
}

// Where attempts are not counted, for a test of load say, nobody waits for a place either,
// nor is refused one: a thousand devices of one person are as good as of a thousand.
func TestWithoutRatesNobodyWaits(t *testing.T) {
	t.Parallel()
	const devices = maxQueue + 2*width
	v := &slowly{let: make(chan struct{})}
	a := newAPI(t, v, func(o *Options) { o.Unpaced = true })
	var crowd sync.WaitGroup
	for range devices {
		crowd.Go(func() {
			got := a.do(t, request("POST", "/graphql", `{"query":"{viewer{__typename}}"}`, "Content-Type", "application/json", "Authorization", "Bearer flooder"))
			if got.code(t) != "" {
				t.Errorf("one of the crowd gets %s", got.body)
			}
		})
	}
	of := v.count(service.Asker{User: omarty.ID{Kind: omarty.KindUser, Row: [16]byte{'f'}}})
	until(t, "all are let in", func() bool { return of.Load() == devices })
	close(v.let)
	crowd.Wait()
}

// Nothing more is run for whose readers have left 16 MiB untaken, of all their devices; what
// others ask for is.
func TestWhatIsNotTakenIsBounded(t *testing.T) {
	t.Parallel()
	q := newQueues(&slowly{}, false)
	as := func(name byte) context.Context {
		return service.WithAsker(t.Context(), service.Asker{User: omarty.ID{Kind: omarty.KindUser, Row: [16]byte{name}}})
	}
	look := func(ctx context.Context) error {
		_, turn := q.begin(ctx, 0)
		defer turn.end()
		return turn.look(ctx, 0)
	}
	var releases []func()
	for range 4 {
		if err := look(as('a')); err != nil {
			t.Fatal(err)
		}
		releases = append(releases, q.Hold(as('a'), maxHeld/4))
	}
	if err := look(as('a')); omarty.CodeOf(err) != omarty.CodeRateLimited {
		t.Errorf("one more: %v", err)
	}
	if err := look(as('b')); err != nil {
		t.Errorf("another: %v", err)
	}
	for _, release := range releases {
		release()
	}
	if err := look(as('a')); err != nil {
		t.Errorf("after that: %v", err)
	}
	if len(q.of) != 0 {
		t.Errorf("%d queues are left", len(q.of))
	}
}
