package main

import (
	"context"
	"errors"
	"time"
)

// call is one that failed, or took long.
type call struct {
	node         int
	began, ended time.Duration
	what         string
	// code is that of the answer; "" where there was none.
	code string
	err  error
	// answered says that there was an answer, if a late one.
	answered bool
}

// slowCall is after how long a call is noted that was answered.
const slowCall = 3 * time.Second

// noteCall keeps a call for the checks, unless all is well with it. Whoever has given it up
// by themselves has nothing to say of it.
func (h *history) noteCall(caller context.Context, node int, document string, began time.Duration, err error) {
	if h == nil {
		return
	}
	c := call{node: node, began: began, ended: h.since(), what: document[:min(len(document), 60)], err: err}
	var f *failure
	if c.answered = err == nil || errors.As(err, &f); f != nil {
		c.code = f.code
	}
	took := c.ended - c.began
	switch {
	case !c.answered && caller.Err() != nil && took < callTime-100*time.Millisecond:
		return
	case c.answered && c.code != "UNAVAILABLE" && c.code != "INTERNAL" && took < slowCall:
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, c)
}
