//go:build storm

package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// These are as large as what is promised, and take the machine: `make storm` runs them.

func TestLargeStop(t *testing.T) {
	stopWithPhones(t, 4000)
}

func TestLargeUpgrade(t *testing.T) {
	if p99 := upgradeUnderLoad(t, 1000, 50); p99 > 3*time.Second {
		t.Errorf("p99 of the gaps is %v", p99)
	}
}

func TestLargeStorm(t *testing.T) {
	found := weather(t, 5000, 50, 20, true)
	if found.caughtUp > 15*time.Second {
		t.Errorf("all have caught up after %v", found.caughtUp)
	}
	if found.each > 3 {
		t.Errorf("%.2f statements each", found.each)
	}
	// They share two processors with all clients.
	if found.during > max(10*found.calm, 2*time.Second) {
		t.Errorf("talk of others took %v, undisturbed %v", found.during, found.calm)
	}
}

// A program answers within two seconds of its start, also over a database of some size,
// and after it was killed.
func TestLargeStart(t *testing.T) {
	const messages, writers = 100_000, 8
	eachEngineAlone(t, func(t *testing.T, e engine) {
		home := newPlace(t, e)
		s := home.start(t, "OMARTY_RATE_LIMITS=off")
		people := []dweller{s.mustArrive(t)}
		for range writers - 1 {
			people = append(people, s.mustArrive(t))
		}
		h := s.mustOpenHouse(t, people[0], people[1:]...)
		var writing sync.WaitGroup
		for _, who := range people {
			writing.Go(func() { s.mustChatWith(t, who, h.community, messages/writers, "Who has seen the key of the roof?") })
		}
		writing.Wait()
		for _, end := range []string{"killed", "stopped"} {
			if end == "killed" {
				s.mustKill(t)
			} else {
				s.mustStop(t)
			}
			begun := time.Now()
			s = home.start(t, "OMARTY_RATE_LIMITS=off")
			listening := time.Since(begun)
			r := s.run(t, people[0].token, `query($id: ID!) { room(id: $id) { messages(last: 50) { nodes { text author { name } } } } }`, variables{"id": h.community})
			took := time.Since(begun)
			if got := len(at[[]any](t, r.mustSucceed(t), "room.messages.nodes")); got != 50 {
				t.Errorf("it answers with %d messages", got)
			}
			if a := s.get(t, "/readyz"); a.status != http.StatusOK {
				t.Errorf("it answers, and /readyz is %v", a)
			}
			if took > 2*time.Second {
				t.Errorf("%s: the first answer came after %v", end, took)
			}
			used := ""
			if stat := processTime(s.pid); stat > 0 {
				used = fmt.Sprintf(", %v of the processor", stat)
			}
			t.Logf("%s, %d messages, it was %s: it listened after %v, the first answer came after %v%s", e, messages, end,
				listening.Round(time.Millisecond), took.Round(time.Millisecond), used)
		}
	})
}
