package live

import (
	"context"
	"sync/atomic"

	"github.com/gobwas/ws"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/omarty/chat/internal/omarty"
)

// Following is how a subscription follows a room's log.
type Following struct {
	Room omarty.ID
	// Selection is what it asks of the entries.
	Selection Selection
	// Field is the response key of the subscription's field.
	Field string
	// After is the position that it follows from, and Began where the log stood: when
	// it has come there, the one event that the resolver gave is sent, if it did.
	After, Began int
	// Wants tells of which entries it is told.
	Wants func(omarty.Event) bool
	// Reader is who is told: an entry after Began by which they leave the room is the last
	// one, and Gone is what it ends with then.
	Reader omarty.ID
	Gone   func(position int) error
	// CaughtUp, where it is not nil, is called once when it has come to Began.
	CaughtUp func()
	// Release is called once the log is followed, or will not be: what the resolver did
	// so as to miss nothing meanwhile has no further use.
	Release func()
}

// Follow makes a subscription, whose channel the resolver closes, go on as a follower
// of a room's log. It is for resolvers, before they give their channel; false where
// the transport does not know how.
func Follow(ctx context.Context, f Following) bool {
	s, ok := ctx.Value(sourceKey{}).(*source)
	if ok {
		s.following = &f
	}
	return ok
}

// follower is a subscription that follows a view. It belongs to the goroutine that
// writes to its connection, but for what is atomic, or said to be another's.
type follower struct {
	Following
	to receiver
	// before and behind are what a value is sent between.
	before, behind []byte
	frames         bool // each in a frame of its own
	// translate gives the errors beside a value, which others are told too, as this one
	// reads them. It does not wait.
	translate func(gqlerror.List) gqlerror.List

	view  *view // set once
	place int   // in view.followers, under view.mu
	// position is the newest entry that was handed over.
	position atomic.Int64
	page     *page  // the one that position is in, or was
	caughtUp []byte // what to send when it has come to Began; nil for nothing
	inbox    *inbox // the one that it belongs to; nil where it is a subscription
	over     atomic.Bool
	queued   bool // the receiver's
	told     int  // entries that were taken and not counted yet
}

// receiver is a connection that takes what followers have for it.
type receiver interface {
	// ready makes the connection take from a follower, soon. It waits for nobody.
	// Where it is true, the caller has to call run.
	ready(*follower) (run bool)
	// run sends what there is to send, as far as that goes without waiting.
	run()
}

// wake tells the connection that there may be more to take.
func (f *follower) wake() {
	if f.to.ready(f) {
		go f.to.run()
	}
}

// hand wakes followers, and hands them what there is.
func hand(followers []*follower) {
	for _, f := range followers {
		if f.to.ready(f) {
			f.to.run()
		}
	}
}

// take appends what the connection is to send, up to about limit bytes in all; more
// is true where that was too little, and ended where the entry was the last one.
func (f *follower) take(b []byte, limit int) (taken []byte, more, ended bool) {
	for !f.over.Load() {
		at := int(f.position.Load())
		if f.caughtUp != nil && at >= f.Began {
			b = append(b, f.caughtUp...)
			f.caughtUp = nil
		}
		if f.CaughtUp != nil && at >= f.Began {
			f.CaughtUp()
			f.CaughtUp = nil
		}
		if len(b) >= limit {
			return b, true, false
		}
		entry := f.entry(at + 1)
		if entry == nil {
			if at < f.view.feed.log.Head() {
				f.view.ask(f, at+1)
			}
			return b, false, false
		}
		if f.Wants(entry.Event) {
			b = f.append(b, entry.Rendered)
		}
		f.position.Store(int64(at + 1))
		if at >= f.Began && entry.Ends(f.Reader) {
			return b, false, true
		}
	}
	return b, false, false
}

// entry gives what the view has of an entry; nil for nothing.
func (f *follower) entry(seq int) *rendered {
	number, slot := pageOf(seq)
	if f.page != nil && f.page.number == number {
		if r := f.page.slots[slot].Load(); r != nil {
			return r
		}
	}
	f.view.mu.Lock()
	f.page = f.view.pages[number]
	f.view.mu.Unlock()
	if f.page == nil {
		return nil
	}
	return f.page.slots[slot].Load()
}

// append appends an entry as it is sent.
func (f *follower) append(b []byte, r Rendered) []byte {
	f.told++
	errs := f.errors(r.Errors)
	if f.frames {
		b = appendFrameHeader(b, ws.OpText, len(f.before)+len(r.Value)+len(errs)+len(f.behind))
	}
	b = append(b, f.before...)
	b = append(b, r.Value...)
	b = append(b, errs...)
	return append(b, f.behind...)
}

var dataEnd = []byte{'}'}

// errors closes the data of a response, and gives the errors beside it.
func (f *follower) errors(errs gqlerror.List) []byte {
	if errs == nil {
		return dataEnd
	}
	told := make(gqlerror.List, len(errs))
	for i, e := range f.translate(errs) {
		c := *e
		c.Path = append(ast.Path{ast.PathName(f.Field)}, e.Path...)
		told[i] = &c
	}
	return append([]byte(`},"errors":`), encode(told)...)
}
