package main

import (
	"sync/atomic"
	"time"
)

// balance is how clients choose among the nodes: by turns, and for a moment none that
// just failed. It is safe for concurrent use.
type balance struct {
	// urls are the nodes', without a slash at the end.
	urls []string
	// first is the number of the first of them, where it is one of many.
	first  int
	next   atomic.Uint32
	failed []atomic.Int64 // when, as UnixNano
}

// shunTime is how long a node is left alone that failed.
const shunTime = 300 * time.Millisecond

func newBalance(urls ...string) *balance {
	return &balance{urls: urls, failed: make([]atomic.Int64, len(urls))}
}

// pick gives the number of a node.
func (b *balance) pick() int {
	now := time.Now().UnixNano()
	for range b.urls {
		i := int(b.next.Add(1)) % len(b.urls)
		if now-b.failed[i].Load() > int64(shunTime) {
			return i
		}
	}
	return int(b.next.Add(1)) % len(b.urls)
}

// shun says that a node failed.
func (b *balance) shun(i int) { b.failed[i].Store(time.Now().UnixNano()) }

// only is a balance of one of the nodes.
func (b *balance) only(i int) *balance {
	one := newBalance(b.urls[i])
	one.first = b.first + i
	return one
}
