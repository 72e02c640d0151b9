package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Talk is how people send.
type Talk struct {
	// InFlight is how many messages are under way at once, in all rooms together:
	// one is until it is acknowledged and, where no rate is given, everyone who
	// listens has it.
	InFlight int
	// Rate is how many are sent a second; 0 for as many as are answered.
	Rate float64
	// Text is how many bytes a message has.
	Text int
	// Sockets makes publishers send by sockets rather than by HTTP.
	Sockets bool
	// Progress is called each second, where it is not nil.
	Progress func(Measured)
}

// Measured is what a measuring found.
type Measured struct {
	Time time.Duration
	// Sent are messages that were acknowledged, Heard deliveries of entries.
	Sent, Heard int64
	// Retried are sends that the server could not take at first.
	Retried int64
	// Acknowledged is from a send to its answer, Delivered to each delivery.
	Acknowledged, Delivered *Histogram
	// Usage is what the server used meanwhile, and Own what this program did.
	Usage, Own Usage
}

// EachDelivery gives a part of the server's CPU time, for each delivery.
func (m Measured) EachDelivery(cpu time.Duration) time.Duration {
	return cpu / time.Duration(max(m.Heard, 1))
}

// PerSecond gives how many of a number there were a second.
func (m Measured) PerSecond(n int64) float64 { return float64(n) / m.Time.Seconds() }

// Speakers are people who send.
type Speakers struct {
	crowd        *Crowd
	talk         Talk
	clients      []*Client // one for each node; none where sockets are used
	sockets      []*asking
	acknowledged atomic.Pointer[Histogram]
	sent         atomic.Int64
	retried      atomic.Int64
	asked        atomic.Int64 // by HTTP, of all nodes in turn
}

// Speak has the publishers of a crowd's place talk until ctx ends, or n messages are
// sent, where n is not 0; then it waits until everyone has heard them.
func (c *Crowd) Speak(ctx context.Context, t Talk, n int) error {
	s, err := c.speakers(ctx, t)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.run(ctx, n); err != nil {
		return err
	}
	return c.Settle(context.WithoutCancel(ctx))
}

// Measure has them talk, and measures what lies between the warm-up and the end.
func (c *Crowd) Measure(ctx context.Context, t Talk, warm, long time.Duration, server Used) (m Measured, err error) {
	return c.measure(ctx, t, warm, long, server, func() bool { return false })
}

// MeasureUntil has them talk, and measures until ctx ends.
func (c *Crowd) MeasureUntil(ctx context.Context, t Talk) (Measured, error) {
	return c.measure(context.WithoutCancel(ctx), t, 0, time.Duration(math.MaxInt64), Processes{}, func() bool { return ctx.Err() != nil })
}

// measure ends before long when over says so.
func (c *Crowd) measure(ctx context.Context, t Talk, warm, long time.Duration, server Used, over func() bool) (m Measured, err error) {
	s, err := c.speakers(ctx, t)
	if err != nil {
		return m, err
	}
	defer s.close()
	talking, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		ended <- s.run(talking, 0)
		stop()
	}()

	sleep(talking, warm)
	m.Acknowledged, m.Delivered = &Histogram{}, &Histogram{}
	before, err := server.Usage()
	if err != nil {
		return m, err
	}
	own, _ := Process(os.Getpid()).Usage() // nothing, where there is no /proc
	start, sent, heard := time.Now(), s.sent.Load(), c.Heard()
	s.acknowledged.Store(m.Acknowledged)
	c.latency.Store(m.Delivered)
	count := func() { m.Time, m.Sent, m.Heard = time.Since(start), s.sent.Load()-sent, c.Heard()-heard }
	for second := time.Second; time.Since(start) < long && !over() && talking.Err() == nil && c.Fault() == nil; {
		sleep(ctx, min(20*time.Millisecond, long-time.Since(start)))
		if t.Progress != nil && time.Since(start) >= second {
			second += time.Second
			count()
			t.Progress(m)
		}
	}
	count()
	s.acknowledged.Store(&Histogram{})
	c.latency.Store(&Histogram{})
	after, err := server.Usage()
	if err != nil {
		return m, err
	}
	now, _ := Process(os.Getpid()).Usage()
	m.Own = now.Since(own)
	m.Usage, m.Retried = after.Since(before), s.retried.Load()
	stop()
	if err := <-ended; err != nil {
		return m, err
	}
	return m, c.Settle(ctx)
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (c *Crowd) speakers(ctx context.Context, t Talk) (*Speakers, error) {
	t.InFlight = min(max(t.InFlight, 1), ring/2)
	s := &Speakers{crowd: c, talk: t}
	s.acknowledged.Store(&Histogram{})
	way := make(chan struct{}, t.InFlight)
	c.way.Store(&way)
	if !t.Sockets {
		for i := range len(c.place.Others) + 1 {
			s.clients = append(s.clients, NewClient(c.place.server(i), t.InFlight))
		}
		return s, nil
	}
	for i, token := range c.place.Publishers {
		one, err := newAsking(ctx, c.place.server(i), token)
		if err != nil {
			s.close()
			return nil, err
		}
		s.sockets = append(s.sockets, one)
	}
	return s, nil
}

func (s *Speakers) close() {
	for _, one := range s.sockets {
		one.socket.Close()
	}
	for _, c := range s.clients {
		c.http.CloseIdleConnections()
	}
}

// run sends until ctx ends, or n messages are sent.
func (s *Speakers) run(ctx context.Context, n int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	turns := make(chan time.Time)
	go s.pace(ctx, turns, n)
	var sending sync.WaitGroup
	var turn atomic.Int64
	for range s.talk.InFlight {
		sending.Go(func() {
			for due := range turns {
				if due.IsZero() {
					due = time.Now()
				}
				if err := s.send(ctx, int(turn.Add(1)-1), due); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	sending.Wait()
	if ctx.Err() != nil && context.Cause(ctx) != ctx.Err() { //nolint:errorlint // the very same, or a sender's
		return context.Cause(ctx)
	}
	return s.crowd.Fault()
}

// pace says when each message is sent: a zero time for at once.
func (s *Speakers) pace(ctx context.Context, turns chan<- time.Time, n int) {
	defer close(turns)
	start := time.Now()
	for i := 0; n == 0 || i < n; i++ {
		var due time.Time
		if s.talk.Rate > 0 {
			sleep(ctx, time.Until(start.Add(time.Duration(float64(i)/s.talk.Rate*float64(time.Second)))))
			due = time.Now()
		}
		select {
		case turns <- due:
		case <-ctx.Done():
			return
		}
	}
}

const sendMessage = `mutation($input: SendMessageInput!) { sendMessage(input: $input) { message { seq } } }`

// send sends a message, and waits until it is acknowledged. What was begun is ended,
// also when ctx ends.
func (s *Speakers) send(ctx context.Context, turn int, due time.Time) error {
	c := s.crowd
	room := c.rooms[turn%len(c.rooms)]
	publisher := room.Publishers[turn/len(c.rooms)%len(room.Publishers)]
	if s.talk.Rate == 0 && room.present.Load() > 0 {
		select {
		case *c.way.Load() <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		due = time.Now()
	}
	ctx = context.WithoutCancel(ctx)
	input := map[string]any{"input": map[string]any{
		"room": room.ID, "key": string(c.tag[5:]) + strconv.FormatInt(c.sends.Add(1), 36), "text": c.text(due, s.talk.Text),
	}}
	answer, err := s.ask(ctx, publisher, input)
	if err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	s.acknowledged.Load().Add(time.Since(due))
	s.sent.Add(1)
	for seq := number(answer[bytes.Index(answer, seqKey)+len(seqKey):]); ; {
		if last := room.last.Load(); seq <= last || room.last.CompareAndSwap(last, seq) {
			return nil
		}
	}
}

const (
	// retries is how often a message is sent again that the server could not take
	// now, and retryPause how long it is waited before. Its key makes that safe.
	retries    = 20
	retryPause = 250 * time.Millisecond
)

// ask sends a message until it is acknowledged.
func (s *Speakers) ask(ctx context.Context, publisher int, input map[string]any) (answer []byte, err error) {
	for range retries {
		if n := len(s.clients); n > 0 {
			answer, err = s.clients[s.asked.Add(1)%int64(n)].Post(ctx, s.crowd.place.Publishers[publisher], bodyOf(sendMessage, input))
		} else {
			answer, err = s.sockets[publisher].ask(ctx, sendMessage, input)
		}
		if err != nil || bytes.Contains(answer, seqKey) {
			return answer, err
		}
		err = read(answer, nil)
		if refused, ok := errors.AsType[Refused](err); !ok || refused.Code != "UNAVAILABLE" {
			return nil, err
		}
		s.retried.Add(1)
		sleep(ctx, retryPause)
	}
	return nil, err
}
