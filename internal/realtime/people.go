package realtime

import (
	"sync"

	"github.com/omarty/chat/internal/omarty"
)

// People are those on this node who listen to what is theirs alone, beside the logs of
// rooms. The zero People is nobody, and is ready to use. It is safe for concurrent use.
//
// Nothing is kept: who is told of a change looks what it has become.
type People struct {
	// Followed, where it is not nil, is told when somebody begins to listen for a person,
	// and when nobody does any more. It is set before anybody listens, and waits for nobody.
	Followed func(of omarty.ID, follow bool)

	mu   sync.Mutex
	open map[omarty.ID][]*Ear
}

// Ear is one that listens for a person: a device of theirs.
type Ear struct {
	people *People
	of     omarty.ID
	heard  func(omarty.Change)
}

// Listen listens for a person, until Close: heard is called with each change that this
// node is told of from now on. Who made it waits for that, so it waits for nobody.
// Calls may overlap.
func (p *People) Listen(of omarty.ID, heard func(omarty.Change)) *Ear {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		p.open = map[omarty.ID][]*Ear{}
	}
	e := &Ear{p, of, heard}
	ears := p.open[of]
	if len(ears) == 0 && p.Followed != nil {
		p.Followed(of, true)
	}
	p.open[of] = append(ears[:len(ears):len(ears)], e) // Tell may be reading the old one
	return e
}

// Close ends it. It is called once. A call of heard may be under way.
func (e *Ear) Close() {
	e.people.mu.Lock()
	defer e.people.mu.Unlock()
	var others []*Ear
	for _, other := range e.people.open[e.of] {
		if other != e {
			others = append(others, other)
		}
	}
	if others == nil {
		delete(e.people.open, e.of)
		if e.people.Followed != nil {
			e.people.Followed(e.of, false)
		}
		return
	}
	e.people.open[e.of] = others
}

// Tell tells those who listen for a person of a change, after its commit.
func (p *People) Tell(of omarty.ID, c omarty.Change) {
	p.mu.Lock()
	ears := p.open[of]
	p.mu.Unlock()
	for _, e := range ears {
		e.heard(c)
	}
}

// Anyone tells whether somebody listens.
func (p *People) Anyone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.open) > 0
}
