package service

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// crowds lets as many in as may be, and counts no attempts.
type crowds map[string]int

func (crowds) Take(omarty.Rate, string, time.Time) (func(), time.Duration) { return func() {}, 0 }

func (c crowds) Enter(of omarty.Crowd, key string) (leave func(), ok bool) {
	name := of.Name + " " + key
	if c[name] >= of.Most {
		return nil, false
	}
	c[name]++
	return func() { c[name]-- }, true
}

// Who has signed in does not count for the address any more: all of a carrier's phones
// get in, also beside as many strangers as there may be; and another address does not
// notice.
func TestArrivals(t *testing.T) {
	s := New(Parts{Limiter: crowds{}, Now: time.Now})
	here, there := Asker{Address: netip.MustParseAddr("192.0.2.1")}, Asker{Address: netip.MustParseAddr("192.0.2.2")}
	isFull := func(err error) {
		t.Helper()
		known, ok := errors.AsType[*omarty.Error](err)
		if !ok || known.Code != omarty.CodeRateLimited || known.RetryAfter != crowdWait {
			t.Errorf("one more is told %v", err)
		}
	}
	var release func()
	for range strangers.Most {
		var err error
		if release, err = s.ConnectNobody(here); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.ConnectNobody(here)
	isFull(err)
	if _, err := s.ConnectNobody(there); err != nil {
		t.Errorf("another address is told %v", err)
	}
	release()
	if _, err := s.ConnectNobody(here); err != nil {
		t.Errorf("when one has gone: %v", err)
	}

	for range 3 * arriving.Most {
		settled, err := s.Arrive(here)
		if err != nil {
			t.Fatal(err)
		}
		settled(true)
		settled(false)
	}
	for range arriving.Most {
		if _, err := s.Arrive(here); err != nil {
			t.Fatal(err)
		}
	}
	_, err = s.Arrive(here)
	isFull(err)
}

// A subscriber who has a whole /64 is one address.
func TestArrivalsByNetwork(t *testing.T) {
	s := New(Parts{Limiter: crowds{}, Now: time.Now})
	var last error
	for i := range arriving.Most + 1 {
		_, last = s.Arrive(Asker{Address: netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1))})
	}
	if omarty.CodeOf(last) != omarty.CodeRateLimited {
		t.Errorf("one more of a /64 is told %v", last)
	}
}

func TestConnectionsOfAPerson(t *testing.T) {
	s := New(Parts{Limiter: crowds{}, Now: time.Now})
	one, other := omarty.NewID(omarty.KindUser), omarty.NewID(omarty.KindUser)
	var leave func()
	for range connectedOf.Most {
		var err error
		if leave, err = s.enter(one); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.enter(one); omarty.CodeOf(err) != omarty.CodeRateLimited {
		t.Errorf("one more is told %v", err)
	}
	if _, err := s.enter(other); err != nil {
		t.Errorf("another person is told %v", err)
	}
	leave()
	if _, err := s.enter(one); err != nil {
		t.Errorf("when one has gone: %v", err)
	}
}
