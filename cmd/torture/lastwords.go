package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

// lastWords are messages that a device sends while its session is ended: those that are
// under way then come before the end, or not at all.
type lastWords struct {
	prefix string // of their keys
	stop   context.CancelFunc
	all    sync.WaitGroup
}

// tongues is how many messages a device has under way.
const tongues = 4

// speak has a device send messages without a pause, until it is stopped or refused.
func (g *guard) speak(ctx context.Context, device *client) *lastWords {
	ctx, stop := context.WithCancel(ctx)
	s := &lastWords{prefix: fmt.Sprintf("last words %d", g.random.Int64()), stop: stop}
	for i := range tongues {
		w := writer{
			name: g.person.name, person: &person{id: g.person.id, client: device},
			history: g.history, faults: &faults{}, counts: g.counts,
		}
		s.all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				k := sendKey{g.person.id, g.room.id, fmt.Sprintf("%s %d %d", s.prefix, i, n)}
				if _, err := w.try(ctx, k, "My last words", nil, callTime); err != nil && !passes(err) {
					return
				}
			}
		})
	}
	return s
}

// end gives where the log stood when the session had ended, and stops them after that.
func (g *guard) end(ctx context.Context, s *lastWords) (head int, err error) {
	defer s.all.Wait()
	defer s.stop()
	var got struct{ Room struct{ LastSeq int } }
	err = g.person.client.insist(ctx, headDocument, variables{"room": g.room.id}, &got)
	return got.Room.LastSeq, err
}

// checkLastWords demands that nothing comes into the log by a session that has ended, where
// it stood when who ended it had their answer.
func (c *checker) checkLastWords(l *roomLog, r *revocation) {
	if r.words == "" {
		return
	}
	for _, e := range l.entries[min(len(l.entries), r.head):] {
		if e.kind == messagePosted && e.author == r.person && strings.HasPrefix(e.key, r.words) {
			c.blame("revoked: writes", "%s: %d is of a session that had ended when the log stood at %d", l.room.name, e.seq, r.head)
			return
		}
	}
}
