package live

import (
	"sync"
	"sync/atomic"

	"github.com/vektah/gqlparser/v2/ast"
)

// Stats are what a Server has open, and what it has counted since it was made.
type Stats struct {
	// Sockets and Streams are the connections that are open, and Subscriptions what is
	// subscribed to on them, by the field of the schema.
	Sockets, Streams int64
	Subscriptions    map[string]int64
	// Feeds are the rooms that are followed, Views the selections of their entries, and
	// Followers the positions in them.
	Feeds, Views, Followers int64
	// Rendered counts entries that were executed for all who follow a view, and Delivered
	// those that were handed to a connection. Executed counts what was executed for one
	// subscription alone, and handed to its connection.
	Rendered, Delivered, Executed uint64
	// Missed counts how often a follower asked for what its view did not have, and Pages
	// and PageEntries what was read from logs for that.
	Missed, Pages, PageEntries uint64
}

// counts is what becomes Stats. A delivery takes a fifth of a microsecond, so it is counted
// with all others of the same write, and in one of several places.
type counts struct {
	sockets, streams atomic.Int64
	subscriptions    sync.Map // of *atomic.Int64, by field
	executed         atomic.Uint64
	delivered        [tallies]tally
	next             atomic.Uint32
}

// tallies are enough for writers on different processors to meet seldom.
const tallies = 8

// tally is a counter alone in its cache line.
type tally struct {
	atomic.Uint64
	_ [56]byte
}

// tally gives a connection the place to count its deliveries in.
func (c *counts) tally() *tally { return &c.delivered[c.next.Add(1)%tallies] }

// deliver counts what one write takes from a follower.
func (t *tally) deliver(f *follower) {
	if f.told > 0 && t != nil {
		t.Add(uint64(f.told))
		f.told = 0
	}
}

// subscribed counts a subscription in, and gives where it is counted out.
func (c *counts) subscribed(d *ast.OperationDefinition) *atomic.Int64 {
	field := rootField(d.SelectionSet)
	of, ok := c.subscriptions.Load(field)
	if !ok {
		of, _ = c.subscriptions.LoadOrStore(field, &atomic.Int64{})
	}
	open := of.(*atomic.Int64)
	open.Add(1)
	return open
}

// rootField gives the name of the one field of a subscription that was validated, and so a
// name of the schema's.
func rootField(set ast.SelectionSet) string {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			return s.Name
		case *ast.InlineFragment:
			return rootField(s.SelectionSet)
		case *ast.FragmentSpread:
			return rootField(s.Definition.SelectionSet)
		}
	}
	return ""
}

// opened counts a connection in, or by -1 out.
func (c *counts) opened(one connection, n int64) {
	if _, ok := one.(*socket); ok {
		c.sockets.Add(n)
	} else {
		c.streams.Add(n)
	}
}

// Stats gives what is open and was counted. Each number is of its own moment.
func (s *Server) Stats() Stats {
	c, v := &s.counts, s.views.counts
	stats := Stats{
		Sockets: c.sockets.Load(), Streams: c.streams.Load(), Subscriptions: map[string]int64{},
		Feeds: v.feeds.Load(), Views: v.views.Load(), Followers: v.followers.Load(),
		Rendered: v.rendered.Load(), Executed: c.executed.Load(),
		Missed: v.missed.Load(), Pages: v.pages.Load(), PageEntries: v.pageEntries.Load(),
	}
	c.subscriptions.Range(func(field, open any) bool {
		stats.Subscriptions[field.(string)] = open.(*atomic.Int64).Load()
		return true
	})
	for i := range c.delivered {
		stats.Delivered += c.delivered[i].Load()
	}
	return stats
}

// viewCounts are those of views.
type viewCounts struct {
	feeds, views, followers              atomic.Int64
	rendered, missed, pages, pageEntries atomic.Uint64
}
