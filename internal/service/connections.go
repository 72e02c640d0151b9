package service

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

const (
	// connectionCheck is how often the sessions of open connections are looked up,
	// which is how soon one notices that its session was ended by another node.
	connectionCheck = time.Second
	// connectionCheckTime bounds one such look, so that a database that hangs does
	// not put off the next one.
	connectionCheckTime = 2 * time.Second
	// connectionTouch is how often the sessions of open connections are noted as
	// used, so that none expires under a connection that stays open for months; and
	// touchedAtOnce is how many of them in one transaction.
	connectionTouch = time.Hour
	// sessionsSure is for how long, at the most, connections are told anything without a
	// look at their sessions.
	sessionsSure  = 3 * time.Second
	touchedAtOnce = 500
)

// connections knows the connections of this node that stay open, and whose they
// are: it alone owns that. Who ends a session ends its connections here after the
// commit and before the answer, so that nothing is sent on them after it.
type connections struct {
	mu   sync.Mutex
	open map[*connection]struct{}

	// checked is when the last look at their sessions began that told anything.
	checked atomic.Pointer[time.Time]
	// checking lets one look at a time.
	checking sync.Mutex
}

// connection is one that stays open.
type connection struct {
	of    Asker
	ended func()
	// left is called once when it is counted out.
	left func()
}

// add counts a connection in.
func (c *connections) add(one *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = map[*connection]struct{}{}
	}
	c.open[one] = struct{}{}
}

func (c *connections) remove(one *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, open := c.open[one]; open {
		delete(c.open, one)
		one.left()
	}
}

// end ends the connections of the askers whose session has ended.
func (c *connections) end(hasEnded func(Asker) bool) {
	var over []*connection
	c.mu.Lock()
	for one := range c.open {
		if hasEnded(one.of) {
			over = append(over, one)
			delete(c.open, one)
			one.left()
		}
	}
	c.mu.Unlock()
	for _, one := range over {
		one.ended()
	}
}

// sessions gives the sessions that have connections.
func (c *connections) sessions() []omarty.ID {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := make(map[omarty.ID]struct{}, len(c.open))
	ids := make([]omarty.ID, 0, len(c.open))
	for one := range c.open {
		if _, twice := seen[one.of.Session]; !twice {
			seen[one.of.Session] = struct{}{}
			ids = append(ids, one.of.Session)
		}
	}
	return ids
}

// others are the sessions of the asker's but the one that asks.
func (a Asker) others() omarty.Ended { return omarty.Ended{User: a.User, But: a.Session} }

// Connect is Authenticate for a connection that stays open: ended is called, once
// and without waiting for it, when the session has ended: on this node before who
// ended it is answered, else about connectionCheck after. The caller calls
// release when the connection is over. Until then, and for a moment more, the person is
// online. RATE_LIMITED where the person has too many, or too many came in a row.
func (s *Service) Connect(ctx context.Context, token omarty.Token, ended func()) (by Asker, release func(), err error) {
	endings := s.known.forgotten()
	by, lookedUp, err := s.authenticate(ctx, token)
	if err != nil || by.SignedIn() != nil {
		return Asker{}, func() {}, err
	}
	leave, err := s.enter(by.User)
	if err != nil {
		return Asker{}, func() {}, err
	}
	one := &connection{of: by, ended: ended, left: func() { leave(); s.presences.leave(by.User, s.now()) }}
	s.presences.come(by.User)
	s.connections.add(one)
	release = func() { s.connections.remove(one) }
	// Whoever ended the session since it was read did not see the connection, but was told
	// of before it looked for some. What ends on another node by now, and is not heard of,
	// the next look finds.
	if lookedUp && s.known.forgotten() == endings {
		return by, release, nil
	}
	good, err := s.Store.GoodSessions(ctx, []omarty.ID{by.Session}, s.now())
	if err != nil || len(good) == 0 {
		s.connections.remove(one)
		return Asker{}, func() {}, err
	}
	return by, release, nil
}

// WatchConnections ends the connections whose sessions were ended by another
// node, until ctx ends, and notes that the others are used. What keeps it from
// looking goes to failed, and it looks again: with the database away, connections
// stay, and are told nothing (KnowsSessions).
func (s *Service) WatchConnections(ctx context.Context, failed func(error)) {
	check, touch := time.NewTicker(connectionCheck), time.NewTicker(connectionTouch)
	defer check.Stop()
	defer touch.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-check.C:
			err = s.checkConnections(ctx)
		case <-touch.C:
			err = s.touchConnections(ctx)
		}
		if err != nil && ctx.Err() == nil {
			failed(err)
		}
	}
}

func (s *Service) touchConnections(ctx context.Context) error {
	for some := range slices.Chunk(s.connections.sessions(), touchedAtOnce) {
		if err := s.touch(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// KnowsSessions tells whether it was looked of late which sessions have ended. Where it
// was not, since the database is away, nobody is told anything: what other nodes tell is
// read from the logs when it is back.
func (s *Service) KnowsSessions() bool {
	at := s.connections.checked.Load()
	return at != nil && time.Since(*at) < sessionsSure
}

// KnowSessions looks which sessions have ended, unless that was done of late. It is for
// what is about to be told that was waited for.
func (s *Service) KnowSessions(ctx context.Context) error {
	if s.KnowsSessions() {
		return nil
	}
	s.connections.checking.Lock()
	defer s.connections.checking.Unlock()
	if s.KnowsSessions() {
		return nil
	}
	return s.lookAtConnections(ctx)
}

func (s *Service) checkConnections(ctx context.Context) error {
	s.connections.checking.Lock()
	defer s.connections.checking.Unlock()
	return s.lookAtConnections(ctx)
}

// lookAtConnections ends the connections whose sessions have ended. checking is held.
func (s *Service) lookAtConnections(ctx context.Context) error {
	began := time.Now()
	asked := s.connections.sessions()
	if len(asked) == 0 {
		s.connections.checked.Store(&began)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, connectionCheckTime)
	defer cancel()
	good, err := s.Store.GoodSessions(ctx, asked, s.now())
	if err != nil {
		return err
	}
	over := make(map[omarty.ID]struct{}, len(asked))
	for _, id := range asked {
		over[id] = struct{}{}
	}
	for _, id := range good {
		delete(over, id)
	}
	if len(over) > 0 {
		s.connections.end(func(of Asker) bool {
			_, ended := over[of.Session]
			return ended
		})
	}
	s.connections.checked.Store(&began)
	return nil
}
