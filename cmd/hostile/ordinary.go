package main

import (
	"context"
	"fmt"
	"time"

	"github.com/omarty/chat/internal/load"
)

const (
	// listeners hear the ordinary people, and rate is how many messages these send a
	// second.
	listeners, rate = 12, 20
	// talkedBefore are messages before anything is measured: the newest entries of a room
	// are kept, so there have to be as many as that.
	talkedBefore = 2200
)

// ordinary are people who use the service for what it is for, while others do not.
type ordinary struct {
	crowd    *load.Crowd
	cancel   context.CancelFunc
	measured chan struct{}
	found    load.Measured
	err      error
}

// letPeopleTalk has people register, open two buildings, and talk until stop.
func letPeopleTalk(ctx context.Context, url string) (*ordinary, error) {
	place, err := load.Furnish(ctx, load.NewClient(url, 8), load.Size{Rooms: 2, Publishers: 4, Sessions: 2})
	if err != nil {
		return nil, err
	}
	crowd, err := load.Gather(ctx, place, load.Gathering{Listeners: listeners})
	if err != nil {
		return nil, err
	}
	talk := load.Talk{InFlight: 16, Rate: rate, Text: 100}
	if err := crowd.Speak(ctx, load.Talk{InFlight: 16, Text: talk.Text}, 2*talkedBefore); err != nil {
		crowd.Close()
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	o := &ordinary{crowd: crowd, cancel: cancel, measured: make(chan struct{})}
	go func() {
		defer close(o.measured)
		o.found, o.err = crowd.MeasureUntil(ctx, talk)
	}()
	return o, nil
}

// stop ends the talk, waits until everyone has heard what was said, and tells of it.
func (o *ordinary) stop() (told string, err error) {
	o.cancel()
	<-o.measured
	if o.err != nil {
		return "", fmt.Errorf("the ordinary people: %w", o.err)
	}
	m := o.found
	told = fmt.Sprintf("%d messages sent, each heard once and in order by %d; delivered in %v (median), %v (p99); %d sent again",
		m.Sent, listeners/2, m.Delivered.Quantile(0.5).Round(time.Millisecond), m.Delivered.Quantile(0.99).Round(time.Millisecond), m.Retried)
	if m.Sent == 0 || m.Heard < m.Sent*listeners/2 {
		return told, fmt.Errorf("the ordinary people sent %d messages, and heard %d", m.Sent, m.Heard)
	}
	return told, nil
}

func (o *ordinary) close() {
	o.cancel()
	<-o.measured
	o.crowd.Close()
}
