package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Repeat asks the same of a server by HTTP, by so many clients at once, and measures
// what lies between the warm-up and the end: Sent are the answers.
func Repeat(ctx context.Context, p *Place, query string, variables map[string]any, clients int, warm, long time.Duration, server Used) (m Measured, err error) {
	c := NewClient(p.Server, clients)
	defer c.http.CloseIdleConnections()
	body := bodyOf(query, variables)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var answers atomic.Int64
	var latency atomic.Pointer[Histogram]
	latency.Store(&Histogram{})
	var asking sync.WaitGroup
	for range clients {
		asking.Go(func() {
			for ctx.Err() == nil {
				start := time.Now()
				text, err := c.Post(context.WithoutCancel(ctx), p.Publishers[0], body)
				if err == nil && bytes.Contains(text, errorsKey) {
					err = read(text, nil)
				}
				if err != nil {
					stop(err)
					return
				}
				latency.Load().Add(time.Since(start))
				answers.Add(1)
			}
		})
	}
	sleep(ctx, warm)
	m.Acknowledged, m.Delivered = &Histogram{}, &Histogram{}
	before, err := server.Usage()
	if err != nil {
		return m, err
	}
	start, answered := time.Now(), answers.Load()
	latency.Store(m.Acknowledged)
	sleep(ctx, long)
	m.Time, m.Sent = time.Since(start), answers.Load()-answered
	after, err := server.Usage()
	m.Usage = after.Since(before)
	failed := context.Cause(ctx)
	stop(nil)
	asking.Wait()
	if m.Sent == 0 && failed == nil {
		failed = errors.New("nothing was answered")
	}
	if failed != nil {
		return m, fmt.Errorf("asking: %w", failed)
	}
	return m, err
}
