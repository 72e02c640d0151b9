package realtime

import (
	"sync"
	"testing"

	"github.com/omarty/chat/internal/omarty"
)

func TestPeopleAreToldOfTheirOwn(t *testing.T) {
	var people People
	if people.Anyone() {
		t.Error("somebody listens to nobody")
	}
	mona, adel := omarty.NewID(omarty.KindUser), omarty.NewID(omarty.KindUser)
	heard := map[string][]omarty.Change{}
	listen := func(name string, of omarty.ID) *Ear {
		return people.Listen(of, func(c omarty.Change) { heard[name] = append(heard[name], c) })
	}
	expect := func(name string, n int) {
		t.Helper()
		if len(heard[name]) != n {
			t.Errorf("%s heard %v, want %d", name, heard[name], n)
		}
	}
	phone, laptop, other := listen("phone", mona), listen("laptop", mona), listen("other", adel)
	people.Tell(mona, omarty.Change{Viewer: true})
	expect("phone", 1)
	expect("laptop", 1)
	expect("other", 0)
	phone.Close()
	people.Tell(mona, omarty.Change{Rooms: true})
	expect("phone", 1)
	expect("laptop", 2)
	laptop.Close()
	people.Tell(mona, omarty.Change{Rooms: true})
	expect("laptop", 2)
	if !people.Anyone() {
		t.Error("nobody listens, where one does")
	}
	other.Close()
	if people.Anyone() {
		t.Error("somebody listens after all have left")
	}
}

func TestPeopleComeAndGoWhileTheyAreTold(t *testing.T) {
	var people People
	who := omarty.NewID(omarty.KindUser)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 500 {
				told := make(chan struct{}, 8)
				e := people.Listen(who, func(omarty.Change) {
					select {
					case told <- struct{}{}:
					default:
					}
				})
				people.Tell(who, omarty.Change{Rooms: true})
				select {
				case <-told:
				default:
					t.Error("somebody who listens was not told")
				}
				e.Close()
			}
		})
	}
	all.Wait()
	if people.Anyone() {
		t.Error("somebody listens after all have left")
	}
}
