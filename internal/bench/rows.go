package main

import (
	"context"
	"fmt"
	"time"

	"github.com/omarty/chat/internal/load"
)

const (
	listeners = 1000
	inFlight  = 64
	// text is how long a message is, so that a frame has about 377 bytes.
	text = 110
)

func (b *bench) talk(ctx context.Context, all []*contender, t load.Talk, long time.Duration) ([][]load.Measured, error) {
	return inTurns(b, all, func(c *contender) (load.Measured, error) {
		return c.crowd.Measure(ctx, t, b.pick(500*time.Millisecond, 200*time.Millisecond), long, c.process)
	})
}

// microseconds gives the median of a figure, in microseconds.
func microseconds[T any](rounds []T, figure func(T) time.Duration) float64 {
	return float64(median(each(rounds, figure))) / float64(time.Microsecond)
}

func milliseconds[T any](rounds []T, figure func(T) time.Duration) float64 {
	return microseconds(rounds, figure) / 1000
}

func cpu(m load.Measured) time.Duration    { return m.EachDelivery(m.Usage.CPU()) }
func user(m load.Measured) time.Duration   { return m.EachDelivery(m.Usage.User) }
func system(m load.Measured) time.Duration { return m.EachDelivery(m.Usage.System) }
func p99(m load.Measured) time.Duration    { return m.Delivered.Quantile(0.99) }
func rate(m load.Measured) float64         { return m.PerSecond(m.Heard) }
func sends(m load.Measured) float64        { return m.PerSecond(m.Sent) }

// costs says what a contender's deliveries cost.
func costs(c *contender, found []load.Measured) string {
	return fmt.Sprintf("%s %.2f µs (user %.2f, system %.2f; %.0f k/s, %.0f sends/s, p99 %.1f ms)", c.name,
		microseconds(found, cpu), microseconds(found, user), microseconds(found, system),
		median(each(found, rate))/1000, median(each(found, sends)), milliseconds(found, p99))
}

func (b *bench) gathered(ctx context.Context, g load.Gathering, names ...string) ([]*contender, error) {
	all, err := b.startAll(ctx, 1, names...)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if err := c.gather(ctx, g); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func fanout(ctx context.Context, b *bench) ([]line, error) {
	all, err := b.gathered(ctx, load.Gathering{Listeners: listeners}, "ours", "stock", "raw")
	if err != nil {
		return nil, err
	}
	found, err := b.talk(ctx, all, load.Talk{InFlight: inFlight, Text: text}, b.pick(2*time.Second, time.Second))
	if err != nil {
		return nil, err
	}
	ours, stock, raw := found[0], found[1], found[2]
	return []line{
		{
			what:  "CPU a delivery, 1,000 listeners of one room, 8 publishers, 64 messages under way: ours / stock",
			value: ratio(ours, stock, cpu), target: 0.1, detail: costs(all[0], ours) + "; " + costs(all[1], stock),
		},
		{
			what:  "the same: ours / raw",
			value: ratio(ours, raw, cpu), target: 1.5, detail: costs(all[2], raw),
		},
	}, nil
}

func paced(ctx context.Context, b *bench) ([]line, error) {
	all, err := b.gathered(ctx, load.Gathering{Listeners: listeners}, "ours", "stock", "raw")
	if err != nil {
		return nil, err
	}
	found, err := b.talk(ctx, all, load.Talk{InFlight: inFlight, Text: text, Rate: 20}, b.pick(4*time.Second, 2*time.Second))
	if err != nil {
		return nil, err
	}
	ours, stock, raw := found[0], found[1], found[2]
	return []line{
		{
			what:  "20 messages a second to 1,000 listeners, user CPU a delivery: ours / stock",
			value: ratio(ours, stock, user), target: 1.0 / 8, detail: costs(all[0], ours) + "; " + costs(all[1], stock),
		},
		{
			what:  "the same, all CPU: ours / raw",
			value: ratio(ours, raw, cpu), target: 1.15, detail: costs(all[2], raw),
		},
	}, nil
}
