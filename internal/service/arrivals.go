package service

import (
	"sync"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// What stays open, sockets and event streams, is bounded by how many there are and by
// how often new ones come. It counts for the person who signs in on it; for its address
// where nobody does, and until it is known. Thousands of people may be behind one address,
// a carrier's or that of a proxy that is not known as one, and lose their node at the same
// moment: each of them gets in at once, also beside as many strangers as there may be. One
// of whom nothing is known takes some kilobytes, for three seconds at the most.
var (
	arriving    = omarty.Crowd{Name: "arriving by place", Most: 6000}
	strangers   = omarty.Crowd{Name: "open by place", Most: 100}
	connectedOf = omarty.Crowd{Name: "open by person", Most: 100}

	arrivalsByPlace = omarty.Rate{Name: "arrival by place", Burst: 6000, Every: 50 * time.Millisecond}
	arrivalsOf      = omarty.Rate{Name: "arrival by person", Burst: 200, Every: 250 * time.Millisecond}
)

// crowdWait is after how long somebody may try again who found too many.
const crowdWait = 5 * time.Second

// Arrive counts a connection in before anybody knows whose it is: RATE_LIMITED where its
// address has too many of those, or too many came in a row. The caller calls settled when
// that is known, and when the connection is over: the first call counts.
func (s *Service) Arrive(by Asker) (settled func(signedIn bool), err error) {
	giveBack, err := s.take(arrivalsByPlace, by.place())
	if err != nil {
		return nil, err
	}
	leave, ok := s.Limiter.Enter(arriving, by.place())
	if !ok {
		return nil, tooManyOpen()
	}
	var once sync.Once
	return func(signedIn bool) {
		once.Do(func() {
			leave()
			if signedIn {
				giveBack()
			}
		})
	}, nil
}

// ConnectNobody is Connect for who does not sign in: RATE_LIMITED where the address has
// too many of those.
func (s *Service) ConnectNobody(by Asker) (release func(), err error) {
	leave, ok := s.Limiter.Enter(strangers, by.place())
	if !ok {
		return nil, tooManyOpen()
	}
	return leave, nil
}

// enter counts a connection of a person in: RATE_LIMITED where they have too many, or too
// many came in a row.
func (s *Service) enter(who omarty.ID) (leave func(), err error) {
	if _, err := s.take(arrivalsOf, who.String()); err != nil {
		return nil, err
	}
	leave, ok := s.Limiter.Enter(connectedOf, who.String())
	if !ok {
		return nil, tooManyOpen()
	}
	return leave, nil
}

func tooManyOpen() error {
	e := omarty.Errorf(omarty.CodeRateLimited, "Too many connections are open; close some, or come back later.")
	e.RetryAfter = crowdWait
	return e
}
