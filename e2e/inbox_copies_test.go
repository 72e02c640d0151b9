package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Whoever comes and goes, in how many houses ever, and however often the inbox breaks
// off: what its client keeps of each room is what is in the room's log.
func TestInboxKeepsWhatLogsSay(t *testing.T) {
	t.Parallel()
	const houses, steps = 3, 60
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		eachLine(t, func(t *testing.T, l line) {
			manager, who := s.mustMeet(t, 1)[0], s.mustArrive(t)
			var all []*house
			for range houses {
				all = append(all, s.mustOpenHouse(t, manager))
			}
			// What managers and others do, beside the listening.
			done := make(chan struct{})
			go func() {
				defer close(done)
				r := rand.New(rand.NewPCG(1, 2))
				inside := make([]string, houses) // memberships
				for range steps {
					i := r.IntN(houses)
					h := all[i]
					switch n := r.IntN(6); {
					case n < 2 && inside[i] == "":
						r, err := s.tryRun(who.token, `mutation($code: String!) { joinBuilding(input: {code: $code}) { membership { id } } }`, variables{"code": h.openCode})
						if err != nil || r.code() != "" {
							t.Errorf("got %v, %v", r, err)
							return
						}
						inside[i] = r.lookup("joinBuilding.membership.id").(string)
					case n < 2:
						r, err := s.tryRun(manager.token, `mutation($id: ID!) { endMembership(membership: $id) { membership { id } } }`, variables{"id": inside[i]})
						if err != nil || r.code() != "" {
							t.Errorf("got %v, %v", r, err)
							return
						}
						inside[i] = ""
					default:
						if r, err := s.insistSend(manager.token, h.community, "Salam"); err != nil || r.code() != "" {
							t.Errorf("got %v, %v", r, err)
							return
						}
					}
				}
				for i, h := range all { // so that the end is heard
					if inside[i] == "" {
						if _, err := s.tryRun(who.token, `mutation($code: String!) { joinBuilding(input: {code: $code}) { membership { id } } }`, variables{"code": h.openCode}); err != nil {
							t.Error(err)
						}
					}
				}
			}()
			copies := map[string]*copied{}
			finished := false
			for !finished {
				select {
				case <-done:
					finished = true
				default:
				}
				s.listenInto(t, l, who.token, copies, finished)
			}
			for _, h := range all {
				for _, room := range []string{h.community, h.announcements} {
					kept := copies[room]
					if kept == nil {
						t.Fatalf("%s is not open at the end", room)
					}
					r := s.run(t, who.token, `query($id: ID!, $after: Int!) { room(id: $id) { lastSeq events(after: $after, first: 1000) { nodes { seq kind } } } }`,
						variables{"id": room, "after": kept.from}).mustSucceed(t)
					var want []string
					for _, one := range objects(at[any](t, r, "room.events.nodes")) {
						want = append(want, fmt.Sprintf("%v %v", one["seq"], one["kind"]))
					}
					if !slices.Equal(kept.entries, want) {
						t.Errorf("kept %q\nthe log says %q", kept.entries, want)
					}
				}
			}
		})
	})
}

// copied is a client's copy of a room: the entries from where it was opened on.
type copied struct {
	from, at int
	entries  []string
}

// listenInto listens for a while, and keeps what it hears in copies; whole demands that
// it is up to date at the end.
func (s *server) listenInto(t *testing.T, l line, token string, copies map[string]*copied, whole bool) {
	t.Helper()
	var after []variables
	for id, c := range copies {
		after = append(after, stored(id, c.at))
	}
	in := s.openInbox(t, l, token, nil, after...)
	defer in.hangUp()
	n, caught := 3+rand.IntN(12), false
	for ; n > 0 || whole && !caught; n-- {
		h, err := in.next(time.Second)
		if err != nil {
			if whole && !caught {
				n++
				continue
			}
			return // there is nothing to hear by now
		}
		r := h.result().mustSucceed(t)
		switch at[string](t, r, "inboxEvents.__typename") {
		case "RoomOpened":
			id, seq := at[string](t, r, "inboxEvents.room.id"), int(at[float64](t, r, "inboxEvents.room.lastSeq"))
			if copies[id] != nil {
				t.Fatalf("%s opened, where it was open", id)
			}
			copies[id] = &copied{from: seq, at: seq}
		case "RoomClosed":
			id := at[string](t, r, "inboxEvents.roomId")
			if copies[id] == nil {
				t.Fatalf("%s closed, where it was closed", id)
			}
			delete(copies, id)
		case "RoomEvent":
			id, seq := at[string](t, r, "inboxEvents.room.id"), int(at[float64](t, r, "inboxEvents.seq"))
			c := copies[id]
			if c == nil || seq != c.at+1 {
				t.Fatalf("heard %d of %s, of which is kept %+v", seq, id, c)
			}
			c.at = seq
			c.entries = append(c.entries, fmt.Sprintf("%v %v", seq, r.lookup("inboxEvents.kind")))
		case "CaughtUp":
			if caught {
				t.Fatal("caught up twice")
			}
			caught = true
		}
	}
}
