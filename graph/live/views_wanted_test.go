package live

import (
	"testing"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// Who comes, asks for what it missed and goes costs nothing once it has gone: while pages
// have to wait for one another, those that nobody waits for are not rendered, and who
// stays is not kept waiting by them.
func TestNoPageForWhoHasGone(t *testing.T) {
	l := newFakeLog()
	const pages = 40
	for range pages * pageSize {
		l.write(omarty.EventMessagePosted, omarty.NewID(omarty.KindMessage), "text", false)
	}
	l.advance()
	v := newViews(l)
	for range maxRenders {
		v.renders <- struct{}{} // others are at it
	}
	var gone []*reader
	for i := range pages - 4 {
		r := follow(t, &v, l, i*pageSize, 1<<20, 0)
		r.ready(r.f)
		gone = append(gone, r)
	}
	stays := follow(t, &v, l, (pages-2)*pageSize, 1<<20, 0)
	stays.ready(stays.f)
	time.Sleep(50 * time.Millisecond) // until most have asked; what comes later proves less
	for _, r := range gone {
		r.f.over.Store(true)
	}
	for range maxRenders {
		<-v.renders
	}
	stays.waitFor(pages * pageSize)
	l.mu.Lock()
	reads := l.reads
	l.mu.Unlock()
	if reads > 8 {
		t.Errorf("%d pages were read for one that asked for 2", reads)
	}
	// Who comes to such a page again gets it.
	follow(t, &v, l, 5*pageSize, 1<<20, 0).waitFor(pages * pageSize)
}
