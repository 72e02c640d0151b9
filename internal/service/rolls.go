package service

import (
	"time"

	"github.com/omarty/chat/internal/omarty"
)

const (
	// rollTick is how often a node says that it is there.
	rollTick = 5 * time.Second
	// rollTime is after how long a node that said nothing is taken for dead: who was there
	// on it alone is there no more.
	rollTime = 20 * time.Second
	// rolledAtOnce is how many people a roll tells of.
	rolledAtOnce = 5000
)

// Nodes are the other nodes of the installation; see package bus. Nobody waits for them,
// and what they are told may be lost.
type Nodes interface {
	TellPresence(r omarty.Roll)
	AskPresence()
	// TellEnded tells of sessions that have ended: it is sooner there than the next look.
	TellEnded(e omarty.Ended)
}

// rolls are who is there on other nodes, as they told, and what they are told. It is the
// presences', under their lock.
type rolls struct {
	nodes map[string]*roll
	// elsewhere is on how many other nodes somebody is.
	elsewhere map[omarty.ID]int
	// came and went are those who are there, or no longer, since number was told.
	came, went map[omarty.ID]struct{}
	// shared are those who share their presence now, or no longer.
	shared []omarty.ID
	number int
	told   time.Time
	// asked tells that another node wants to know all of it.
	asked bool
}

// roll is who is there on another node.
type roll struct {
	people map[omarty.ID]struct{}
	// coming are those of a whole roll that has not ended yet.
	coming map[omarty.ID]struct{}
	// known tells that people were told once, and number up to where.
	known  bool
	number int
	heard  time.Time
}

// HearPresence takes what another node tells of who is there.
func (s *Service) HearPresence(r omarty.Roll) {
	if s.presences.hear(r, s.now()) {
		s.Nodes.AskPresence()
	}
}

// PresenceAsked notes that another node wants to know who is there on this one.
func (s *Service) PresenceAsked() {
	s.presences.mu.Lock()
	defer s.presences.mu.Unlock()
	s.presences.asked = true
}

// tellNodes tells the other nodes who came and who went.
func (s *Service) tellNodes() {
	for _, r := range s.presences.rollsToTell(s.now()) {
		if s.Nodes != nil {
			s.Nodes.TellPresence(r)
		}
	}
}

// hear takes what another node tells; ask tells that it has to be asked for all of it.
func (p *presences) hear(r omarty.Roll, now time.Time) (ask bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Gone {
		p.lose(r.Node)
		return false
	}
	if p.nodes == nil {
		p.nodes, p.elsewhere = map[string]*roll{}, map[omarty.ID]int{}
	}
	n := p.nodes[r.Node]
	if n == nil {
		n = &roll{people: map[omarty.ID]struct{}{}}
		p.nodes[r.Node] = n
	}
	n.heard = now
	for _, who := range r.Changed {
		p.note(who, true)
	}
	if r.Whole {
		if n.coming == nil {
			n.coming = map[omarty.ID]struct{}{}
		}
		for _, who := range r.Came {
			n.coming[who] = struct{}{}
		}
		if !r.More {
			p.replace(n, n.coming)
			n.coming, n.known, n.number = nil, true, r.Number
		}
		return false
	}
	news := len(r.Came)+len(r.Went) > 0
	switch {
	case !n.known, news && r.Number != n.number+1, !news && r.Number != n.number:
		n.known = false
		return true
	}
	n.number = r.Number
	for _, who := range r.Came {
		if _, there := n.people[who]; !there {
			n.people[who] = struct{}{}
			p.comeElsewhere(who)
		}
	}
	for _, who := range r.Went {
		if _, there := n.people[who]; there {
			delete(n.people, who)
			p.leaveElsewhere(who)
		}
	}
	return false
}

// The rest is called with p.mu held, but for rollsToTell.

// replace takes others for those who are there on a node.
func (p *presences) replace(n *roll, people map[omarty.ID]struct{}) {
	for who := range people {
		if _, there := n.people[who]; !there {
			p.comeElsewhere(who)
		}
	}
	for who := range n.people {
		if _, there := people[who]; !there {
			p.leaveElsewhere(who)
		}
	}
	n.people = people
}

func (p *presences) comeElsewhere(who omarty.ID) {
	p.elsewhere[who]++
	if p.elsewhere[who] == 1 && p.known[who] == nil {
		p.note(who, false)
	}
}

func (p *presences) leaveElsewhere(who omarty.ID) {
	if p.elsewhere[who]--; p.elsewhere[who] > 0 {
		return
	}
	delete(p.elsewhere, who)
	if p.known[who] == nil {
		p.note(who, false)
	}
}

// lose forgets a node.
func (p *presences) lose(node string) {
	if n := p.nodes[node]; n != nil {
		p.replace(n, nil)
		delete(p.nodes, node)
	}
}

// loseDead forgets the nodes that said nothing for long.
func (p *presences) loseDead(now time.Time) {
	for node, n := range p.nodes {
		if now.Sub(n.heard) > rollTime {
			p.lose(node)
		}
	}
}

// rollCame and rollWent note, for other nodes, that somebody came to this one, or went.
func (p *presences) rollCame(who omarty.ID) {
	if p.came == nil {
		p.came, p.went = map[omarty.ID]struct{}{}, map[omarty.ID]struct{}{}
	}
	delete(p.went, who)
	p.came[who] = struct{}{}
}

func (p *presences) rollWent(who omarty.ID) {
	delete(p.came, who)
	p.went[who] = struct{}{}
}

// rollsToTell gives what other nodes are to be told by now, once.
func (p *presences) rollsToTell(now time.Time) []omarty.Roll {
	p.mu.Lock()
	defer p.mu.Unlock()
	var told []omarty.Roll
	switch {
	case p.asked:
		r := omarty.Roll{Whole: true}
		for who := range p.known {
			if r.Came = append(r.Came, who); len(r.Came) == rolledAtOnce {
				r.More = true
				told = append(told, r)
				r = omarty.Roll{Whole: true}
			}
		}
		told = append(told, r)
		p.number++
		for i := range told {
			told[i].Number = p.number
		}
	case len(p.came)+len(p.went)+len(p.shared) > 0:
		r := omarty.Roll{Changed: p.shared}
		if len(p.came)+len(p.went) > 0 {
			p.number++
		}
		r.Number, p.shared = p.number, nil
		for who := range p.came {
			r.Came = append(r.Came, who)
		}
		for who := range p.went {
			r.Went = append(r.Went, who)
		}
		told = append(told, r)
	case now.Sub(p.told) >= rollTick:
		told = append(told, omarty.Roll{Number: p.number})
	}
	if told != nil {
		p.told, p.asked = now, false
		clear(p.came)
		clear(p.went)
	}
	return told
}
