package service

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

const (
	// presenceTick is how often changes of presence are told, those of many people at
	// once: so a listener is told at most once in that time.
	presenceTick = time.Second
	// presenceTime bounds the statements of one such look.
	presenceTime = 2 * time.Second
	// toldAtOnce is how many people are told of then; the others are the next time.
	toldAtOnce = 5000
	// seenTick is how often it is written when people were seen last, seenAtOnce how
	// many of them in one statement.
	seenTick   = time.Minute
	seenAtOnce = 500
)

// presences knows who is there: the people who have connections on this node, and those
// who had one until a moment ago. It alone owns that.
type presences struct {
	mu    sync.Mutex
	known map[omarty.ID]*attendance
	// changed are those whose presence is another one than was told last: true where
	// that is told although they do not share it, as they did until a moment ago.
	changed map[omarty.ID]bool
	// seen is when those who have gone were seen last, until that is written.
	seen map[omarty.ID]time.Time
	rolls
}

// attendance is how many connections somebody has, and since when none.
type attendance struct {
	connections int
	since       time.Time
}

// come counts a connection of somebody in.
func (p *presences) come(who omarty.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		p.known = map[omarty.ID]*attendance{}
	}
	a := p.known[who]
	if a == nil {
		a = &attendance{}
		p.known[who] = a
		p.rollCame(who)
		if p.elsewhere[who] == 0 {
			p.note(who, false)
		}
	}
	a.connections++
}

// leave counts a connection of somebody out.
func (p *presences) leave(who omarty.ID, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.known[who]
	a.connections--
	a.since = now
}

// change says that somebody's presence reads otherwise.
func (p *presences) change(who omarty.ID, inAnyCase bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note(who, inAnyCase)
}

// share is change for who shares their presence now, or no longer, which other nodes are
// told of.
func (p *presences) share(who omarty.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note(who, true)
	p.shared = append(p.shared, who)
}

// note is change with p.mu held.
func (p *presences) note(who omarty.ID, inAnyCase bool) {
	if p.changed == nil {
		p.changed = map[omarty.ID]bool{}
	}
	p.changed[who] = p.changed[who] || inAnyCase
}

// changes forgets those who were gone for long enough, and gives all whose presence has
// changed, once.
func (p *presences) changes(now time.Time) map[omarty.ID]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loseDead(now)
	for who, a := range p.known {
		if a.connections > 0 || now.Sub(a.since) < omarty.PresenceGrace {
			continue
		}
		delete(p.known, who)
		p.rollWent(who)
		if p.elsewhere[who] == 0 {
			p.note(who, false)
		}
		if p.seen == nil {
			p.seen = map[omarty.ID]time.Time{}
		}
		p.seen[who] = a.since.Truncate(time.Minute)
	}
	changed := p.changed
	p.changed = nil
	return changed
}

// lastSeen gives when people were seen last, of those of whom that is to be written: all
// of them, whether they are there or not.
func (p *presences) lastSeen(now time.Time) map[omarty.ID]time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := make(map[omarty.ID]time.Time, len(p.known)+len(p.seen))
	maps.Copy(seen, p.seen)
	for who, a := range p.known {
		at := now
		if a.connections == 0 {
			at = a.since
		}
		seen[who] = at.Truncate(time.Minute)
	}
	return seen
}

// written says that it was written when people were seen last.
func (p *presences) written(seen map[omarty.ID]time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for who, at := range seen {
		if p.seen[who].Equal(at) {
			delete(p.seen, who)
		}
	}
}

// Presence gives whether somebody is there whom the asker sees; nil where they do not
// share it. To themselves it reads as to others.
func (s *Service) Presence(of omarty.User) *omarty.Presence {
	if !of.SharesPresence {
		return nil
	}
	p := &s.presences
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known[of.ID] != nil || p.elsewhere[of.ID] > 0 {
		return &omarty.Presence{Online: true}
	}
	last := of.LastSeenAt
	if seen, ok := p.seen[of.ID]; ok && (last == nil || last.Before(seen)) {
		last = &seen
	}
	return &omarty.Presence{LastSeenAt: last}
}

// WatchPresence tells those who look at rooms of changes of the presence of people in
// them, and writes when people were seen last, until ctx ends: then, too. What keeps it
// from that goes to failed.
func (s *Service) WatchPresence(ctx context.Context, failed func(error)) {
	written := s.now()
	every(ctx, presenceTick, func(ctx context.Context) error {
		err := cmp.Or(s.refreshBlocks(ctx), s.tellPresence(ctx))
		s.tellNodes()
		if err != nil {
			return err
		}
		if s.now().Sub(written) < seenTick {
			return nil
		}
		written = s.now()
		return s.writeSeen(ctx)
	}, failed)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), presenceTime)
	defer cancel()
	if err := s.writeSeen(ctx); err != nil {
		failed(err)
	}
}

// tellPresence tells of all whose presence has changed: two statements, however many
// they are and however many rooms are looked at. What fails is told the next time.
func (s *Service) tellPresence(ctx context.Context) (err error) {
	changed, rooms := s.presences.changes(s.now()), s.Signals.Rooms()
	if len(changed) == 0 || len(rooms) == 0 {
		return nil
	}
	defer func() {
		if err != nil {
			for who, inAnyCase := range changed {
				s.presences.change(who, inAnyCase)
			}
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, presenceTime)
	defer cancel()
	people := slices.Collect(maps.Keys(changed))
	if len(people) > toldAtOnce {
		for _, who := range people[toldAtOnce:] {
			s.presences.change(who, changed[who])
			delete(changed, who)
		}
		people = people[:toldAtOnce]
	}
	present, err := s.Store.PresentPeople(ctx, rooms, people)
	if err != nil || len(present) == 0 {
		return err
	}
	users, err := s.Store.Users(ctx, people)
	if err != nil {
		return err
	}
	for room, people := range present {
		told := omarty.PresenceChange{}
		for _, who := range people {
			if u, ok := users[who]; ok && (u.SharesPresence || changed[who]) {
				told.Users = append(told.Users, u)
			}
		}
		if len(told.Users) > 0 {
			s.Signals.Publish(room, told)
		}
	}
	return nil
}

// refreshBlocks notes what those who listen here blocked on other nodes.
func (s *Service) refreshBlocks(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, presenceTime)
	defer cancel()
	return s.blocks.refresh(ctx, s.Store, nil)
}

// writeSeen writes when people were seen last.
func (s *Service) writeSeen(ctx context.Context) error {
	seen := s.presences.lastSeen(s.now())
	byMinute := map[time.Time][]omarty.ID{}
	for who, at := range seen {
		byMinute[at] = append(byMinute[at], who)
	}
	for at, people := range byMinute {
		for some := range slices.Chunk(people, seenAtOnce) {
			err := s.Write(ctx, func(ctx context.Context, tx Tx) error { return tx.SetLastSeen(ctx, some, at) })
			if err != nil {
				return err
			}
		}
	}
	s.presences.written(seen)
	return nil
}
