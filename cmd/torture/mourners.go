package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// knownTime is after how long others know of somebody, unless something is broken.
const knownTime = 3 * time.Second

// mourners see to it that who was there on a node that was killed, and nowhere else, is
// there no more. On each node there is somebody, who does not come back to it before all
// nodes have forgotten them.
type mourners struct {
	people  []*person // one for each node
	looks   *person   // who looks
	room    *room
	random  *rand.Rand
	history *history
	counts  *counts

	mu sync.Mutex
	// pending is when those died whom somebody still knows; seen says that one was
	// forgotten.
	pending map[int]time.Duration
	seen    bool
}

func (m *mourners) run(ctx context.Context, quiet <-chan struct{}) {
	m.pending = map[int]time.Duration{}
	hurry, cancel := until(ctx, quiet)
	defer cancel()
	var all sync.WaitGroup
	for node, p := range m.people {
		all.Go(func() {
			for hurry.Err() == nil {
				if at, known, dead := m.live(hurry, node, p); dead {
					m.mourn(ctx, hurry, node, at, known)
				}
			}
		})
	}
	all.Wait()
}

// live has somebody be there on a node, until that is killed, at a moment, or ctx ends; known
// tells that they had been there for long enough for others to know.
func (m *mourners) live(ctx context.Context, node int, p *person) (at time.Duration, known, dead bool) {
	door := newSocketDoor(p.client.to.only(node), p.client.token)
	defer door.close()
	source, err := door.subscribe(ctx, fmt.Sprintf(roomEventsSource, `seq`), variables{"room": m.room.id})
	came := m.history.since()
	for err == nil {
		_, err = source.next(ctx)
	}
	sleep(ctx, 200*time.Millisecond)
	at, dead = m.history.diedAfter(node, came)
	return at, at > came+knownTime, dead
}

// mourn waits until all nodes have forgotten who was there on one that died. When it is
// quiet, it does so for one alone, and where none was seen to be forgotten.
func (m *mourners) mourn(ctx, hurry context.Context, node int, died time.Duration, known bool) {
	m.mu.Lock()
	m.pending[node] = died
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.pending, node)
	}()
	m.mu.Lock()
	left := m.random.Perm(len(m.people))
	m.mu.Unlock()
	witnessed := false
	for ctx.Err() == nil && (hurry.Err() == nil || m.isFirst(node)) {
		asked := m.history.since()
		online, err := isOnline(ctx, m.looks.client.at(left[0]), m.people[node].id)
		switch late := m.out(left[0]).without(died, asked); {
		case err != nil:
		case !online:
			if _, dead := m.history.diedAfter(left[0], died); !dead && known {
				witnessed = true
			}
			if left = left[1:]; len(left) == 0 {
				m.mu.Lock()
				m.seen = m.seen || witnessed
				m.mu.Unlock()
				m.counts.mourned.Add(1)
				return
			}
			continue
		case late > forgetTime:
			m.history.blame(violation{"presence: a node that died", fmt.Sprintf("node %d says %v after node %d was killed that somebody is there who was on that alone", left[0]+1, asked-died, node+1)})
			return
		}
		sleep(ctx, 500*time.Millisecond)
	}
}

// isFirst tells whether nobody was forgotten yet, and a node has been dead for longest.
func (m *mourners) isFirst(node int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for other, died := range m.pending {
		if died < m.pending[node] || died == m.pending[node] && other < node {
			return false
		}
	}
	return !m.seen
}

// out are the times when a node may not notice that another one says nothing any more, or
// hear what that said before: not a moment more, since it need not be told anything.
func (m *mourners) out(node int) outages {
	troubles := m.history.soFar()
	for i := range troubles {
		troubles[i].mends = 0
	}
	return outagesOf(troubles, func(t trouble) bool {
		return t.of == onlyBus || t.of == everything || t.of == node && t.breaks&(stopsNode|losesData) != 0
	})
}

// isOnline asks a node whether somebody is there.
func isOnline(ctx context.Context, c *client, id string) (bool, error) {
	var got struct {
		Node *struct{ Presence *struct{ Online bool } }
	}
	err := c.call(ctx, presenceDocument, variables{"id": id}, &got)
	if err == nil && (got.Node == nil || got.Node.Presence == nil) {
		err = errNoPresence
	}
	return err == nil && got.Node.Presence.Online, err
}
