package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Storm is many listeners who come back at once.
type Storm struct {
	// Away are how many of a crowd's listeners are away, and Missed how many entries
	// of each of their rooms are written meanwhile.
	Away, Missed int
	// Talk is what the others hear, at a rate, undisturbed and during the storm.
	Talk Talk
	// Calm is how long the undisturbed talk is measured.
	Calm time.Duration
}

// Stormy is what a storm did.
type Stormy struct {
	// Calm and During are what the others heard before and during it.
	Calm, During Measured
	// CaughtUp is until the last one had all that was missed; Replayed are the entries
	// that were.
	CaughtUp time.Duration
	Replayed int64
}

// stormTime bounds a storm.
const stormTime = 2 * time.Minute

// Storm drops listeners, has people talk, and lets them come back at once, each
// with the position that it had.
func (c *Crowd) Storm(ctx context.Context, s Storm, server Used) (found Stormy, err error) {
	if s.Away >= len(c.all) || s.Talk.Rate == 0 {
		return found, errors.New("somebody has to stay, and to talk at a rate")
	}
	away := c.all[:s.Away]
	for _, l := range away {
		l.apart.Store(true)
	}
	if found.Calm, err = c.Measure(ctx, s.Talk, time.Second, s.Calm, server); err != nil {
		return found, err
	}
	for _, l := range away {
		l.leave()
	}
	missed := s.Talk
	missed.Rate, missed.Progress = 0, nil
	if err := c.Speak(ctx, missed, s.Missed*len(c.rooms)); err != nil {
		return found, err
	}

	var began time.Time
	var coming sync.WaitGroup
	ready := make(chan struct{})
	failed := make([]error, len(away))
	for i, l := range away {
		coming.Go(func() {
			<-ready
			failed[i] = l.comeBack(ctx, i)
		})
	}
	back := make(chan error, 1)
	over := make(chan struct{})
	go func() {
		sleep(ctx, time.Second) // so that the talk is under way
		began = time.Now()
		close(ready)
		coming.Wait()
		err := errors.Join(failed...)
		if err == nil {
			err = c.caughtUp(ctx, away)
		}
		back <- err
		close(over)
	}()
	found.During, err = c.measure(ctx, s.Talk, time.Second, stormTime, server, func() bool {
		select {
		case <-over:
			return true
		default:
			return false
		}
	})
	if err := errors.Join(err, <-back); err != nil {
		return found, err
	}
	last := slices.MaxFunc(away, func(a, b *Listener) int { return int(a.caught.Load() - b.caught.Load()) })
	found.CaughtUp = time.Duration(last.caught.Load()) - began.Sub(c.began)
	found.Replayed = int64(len(away) * s.Missed)
	return found, nil
}

// leave drops the listener's socket.
func (l *Listener) leave() {
	if !l.away.Swap(true) {
		l.room.present.Add(-1)
		l.socket.Close()
		<-l.gone
	}
}

// comeBack opens it again, behind what was heard last.
func (l *Listener) comeBack(ctx context.Context, number int) error {
	after := int(l.last.Load())
	l.away.Store(false)
	l.room.present.Add(1)
	return l.Open(ctx, number, &after)
}

// Replayed is what a replay found.
type Replayed struct {
	Entries int
	Time    time.Duration
	Usage   Usage
}

// PerSecond gives how many entries came a second.
func (r Replayed) PerSecond() float64 { return float64(r.Entries) / r.Time.Seconds() }

// Fill writes so many entries into each room.
func Fill(ctx context.Context, p *Place, t Talk, entries int) error {
	c, err := Gather(ctx, p, Gathering{})
	if err != nil {
		return err
	}
	defer c.Close()
	t.Rate = 0
	return c.Speak(ctx, t, entries*len(p.Rooms))
}

// Replay lets one client come that has nothing of a place's first room, and
// measures from its subscription until it has everything.
func Replay(ctx context.Context, p *Place, selection string, server Used) (r Replayed, err error) {
	c, err := Gather(ctx, p, Gathering{})
	if err != nil {
		return r, err
	}
	defer c.Close()
	l := c.Invite(0, selection)
	before, err := server.Usage()
	if err != nil {
		return r, err
	}
	begin := 0
	if err := l.Open(ctx, 0, &begin); err != nil {
		return r, err
	}
	if err := c.caughtUp(ctx, c.all); err != nil {
		return r, err
	}
	after, err := server.Usage()
	if err != nil {
		return r, err
	}
	r = Replayed{int(l.heard.Load()), time.Duration(l.caught.Load() - l.subscribed.Load()), after.Since(before)}
	if r.Entries == 0 {
		return r, fmt.Errorf("there was nothing to replay")
	}
	return r, nil
}
