package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// mustKill ends a server as a power cut does.
func (s *server) mustKill(t *testing.T) {
	t.Helper()
	s.signal(t, syscall.SIGKILL)
	if _, err := s.waitExit(); err != nil {
		t.Fatal(err)
	}
	s.stopped.Do(func() {}) // such an end has no good exit status
}

// Who listened to a program that was killed goes on at the next one where they
// were, and misses nothing of what was acknowledged.
func TestListeningAcrossAKill(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		home := newPlace(t, e)
		s := home.start(t, "OMARTY_RATE_LIMITS=off")
		h := s.mustOpenHouse(t, s.mustArrive(t), s.mustArrive(t))
		listener := h.residents[0]
		for range 2 {
			log, last := s.mustStand(t, h.manager.token, h.community)
			streams := map[line]*stream{}
			heardUpTo := map[line]int{}
			for _, l := range []line{overSocket, overEvents} {
				streams[l] = s.listen(t, l, listener.token, followDocument, variables{"room": h.community, "after": last, "log": log})
				streams[l].expect(t, caughtUp(last))
				heardUpTo[l] = last
			}
			acknowledged := make(chan int, 1)
			go func() { // talks until the end
				n := last
				for {
					r, err := s.trySend(h.manager.token, h.community, newKey(), "Salam")
					if err != nil || r.code() != "" {
						acknowledged <- n
						return
					}
					n = int(r.lookup("sendMessage.message.seq").(float64))
				}
			}()
			for l, st := range streams {
				st.expect(t, posted(last+1), posted(last+2), posted(last+3))
				heardUpTo[l] = last + 3
			}
			s.mustKill(t)
			said := <-acknowledged
			for l, st := range streams {
				for {
					m := st.hear(t).String()
					if m == "over" {
						break
					}
					heardUpTo[l]++
					if m != posted(heardUpTo[l]) {
						t.Fatalf("heard %s, want %d", m, heardUpTo[l])
					}
				}
			}
			// Not where it was: another test may have the port by now.
			s = home.start(t, "OMARTY_RATE_LIMITS=off")
			again, stands := s.mustStand(t, listener.token, h.community)
			if again != log || stands < said {
				t.Errorf("the log %s had %d acknowledged entries, and now %s stands at %d", log, said, again, stands)
			}
			for l, position := range heardUpTo {
				if position > stands {
					t.Fatalf("%d was heard, and the log stands at %d", position, stands)
				}
				st := s.listen(t, l, listener.token, followDocument, variables{"room": h.community, "after": position, "log": log})
				st.expectPosts(t, position+1, stands)
				st.expect(t, caughtUp(stands))
				st.expectQuiet(t)
			}
		}
	})
}

// nodeTime is how late, at most, is heard on one node what was said on another: two
// seconds, and as many again and again for a machine that has other work.
const nodeTime = 15 * time.Second

// What is said at one node is heard at the other, in order.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	home := newPlace(t, postgres)
	nodes := []*server{home.start(t, "OMARTY_RATE_LIMITS=off"), home.start(t, "OMARTY_RATE_LIMITS=off")}
	h := nodes[0].mustOpenHouse(t, nodes[0].mustArrive(t), nodes[1].mustArrive(t), nodes[0].mustArrive(t))
	kicked := h.residents[1]
	var streams []*stream
	for _, s := range nodes {
		streams = append(streams, s.openSocket(t, h.residents[0].token).subscribe(t, followDocument, from(h.community, 3)))
	}
	for _, st := range streams {
		st.expect(t, caughtUp(3))
	}
	last := 3
	for i := range 4 {
		last = nodes[i%2].mustChat(t, h.manager, h.community, 3)
		begin := time.Now()
		for _, st := range streams {
			st.expectPosts(t, last-2, last)
		}
		if took := time.Since(begin); took > nodeTime {
			t.Errorf("it took %v", took)
		}
	}
	// Both talk at once: one order for all.
	const each = 30
	done := make(chan error, len(nodes))
	for _, s := range nodes {
		go func() {
			for range each {
				if r, err := s.insistSend(h.manager.token, h.community, "Salam"); err != nil || r.code() != "" {
					done <- fmt.Errorf("got %v, %w", r, err)
					return
				}
			}
			done <- nil
		}()
	}
	for range nodes {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	texts := make([][]string, len(streams))
	for i, st := range streams {
		for seq := last + 1; seq <= last+each*len(nodes); seq++ {
			m := st.hear(t)
			if m.String() != posted(seq) {
				t.Fatalf("heard %s, want %d", m, seq)
			}
			texts[i] = append(texts[i], at[string](t, m.result(), "roomEvents.message.id"))
		}
	}
	if fmt.Sprint(texts[0]) != fmt.Sprint(texts[1]) {
		t.Error("two nodes tell of one log in two ways")
	}
	last += each * len(nodes)

	// What ends a stream at one ends it at the other: by the log, and by the session.
	for _, l := range []line{overSocket, overEvents} {
		st := nodes[1].listen(t, l, kicked.token, followDocument, from(h.community, last))
		st.expect(t, caughtUp(last))
		defer st.expectEnd(t, l, fmt.Sprintf("NOT_FOUND seq=%d", last+1))
		defer st.expect(t, fmt.Sprintf("%d MEMBER_LEFT", last+1))
	}
	nodes[0].mustDecide(t, h.manager, "banMember", kicked.membership)
	nodes[0].mustChat(t, h.manager, h.community, 2)
}

// With the database away, sockets stay; what is said when it is back, or was said
// meanwhile by way of another node, is heard then, whole and in order.
func TestListeningWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]struct{ away, back func(*testing.T, *proxy) }{
		"dies":         {func(_ *testing.T, p *proxy) { p.cut() }, func(t *testing.T, p *proxy) { p.restore(t) }},
		"falls silent": {func(_ *testing.T, p *proxy) { p.freeze() }, func(_ *testing.T, p *proxy) { p.thaw() }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := newPlace(t, postgres)
			other := home.start(t, "OMARTY_RATE_LIMITS=off") // its database never goes
			door, address := startProxy(t, home.databaseURL)
			home.databaseURL = address
			s := home.start(t, "OMARTY_RATE_LIMITS=off")
			h := other.mustOpenHouse(t, other.mustArrive(t), other.mustArrive(t))
			c := s.openSocket(t, h.residents[0].token)
			streams := []*stream{
				c.subscribe(t, followDocument, from(h.community, 2)),
				s.openEvents(t, h.residents[0].token, followDocument, from(h.community, 2)),
			}
			for _, st := range streams {
				st.expect(t, caughtUp(2))
			}
			var last int
			for range 2 {
				lose.away(t, door)
				s.waitReady(t, unreadyTime, http.StatusServiceUnavailable)
				last = other.mustChat(t, h.manager, h.community, 5)
				r, err := s.trySend(h.manager.token, h.community, newKey(), "Salam")
				if err != nil || r.code() != "UNAVAILABLE" {
					t.Errorf("with the database away: %v, %v", r, err)
				}
				lose.back(t, door)
				s.waitReady(t, readyTime, http.StatusOK)
				for _, st := range streams {
					st.expectPosts(t, last-4, last)
				}
				last = s.mustChat(t, h.manager, h.community, 5)
				for _, st := range streams {
					st.expectPosts(t, last-4, last)
				}
				c.expectAlive(t)
			}
		})
	}
}

// wholeDocument asks for an entry with what hangs below it, as an app would.
const wholeDocument = `subscription Whole($room: ID!, $after: Int) { roomEvents(room: $room, after: $after) { __typename
	... on RoomEvent { seq kind actor { id name } message { id text author { id } } room { id lastSeq
		participants { nodes { user { id } } } building { id members { nodes { id } } } messages(last: 1) { nodes { seq } } viewerPosting { allowed }
	} }
	... on CaughtUp { position }
} }`

// A database that goes in the middle of a backfill, again and again, costs no
// listener an entry, nor a part of one.
func TestListeningWhileTheDatabaseComesAndGoes(t *testing.T) {
	t.Parallel()
	home := newPlace(t, postgres)
	other := home.start(t, "OMARTY_RATE_LIMITS=off") // its database never goes
	door, address := startProxy(t, home.databaseURL)
	home.databaseURL = address
	s := home.start(t, "OMARTY_RATE_LIMITS=off")
	h := other.mustOpenHouse(t, other.mustArrive(t), other.mustArrive(t))
	last := other.mustChat(t, h.manager, h.community, 150)
	var streams []*stream
	for _, l := range []line{overSocket, overEvents, overSocket, overEvents} {
		streams = append(streams, s.listen(t, l, h.residents[0].token, wholeDocument, from(h.community, 2)))
	}
	position := 2
	for range 3 {
		for range 10 { // they are in the midst of it
			position++
			streams[0].expect(t, posted(position))
		}
		door.cut()
		s.waitReady(t, unreadyTime, http.StatusServiceUnavailable)
		last = other.mustChat(t, h.manager, h.community, 1)
		door.restore(t)
		s.waitReady(t, readyTime, http.StatusOK)
	}
	for i, st := range streams {
		seq := 3
		if i == 0 {
			seq = position + 1
		}
		for seq <= last {
			m := st.hear(t)
			if strings.HasPrefix(m.String(), "CaughtUp") {
				continue
			}
			r := m.result()
			if m.String() != posted(seq) || r.lookup("roomEvents.message.author.id") != h.manager.id || r.lookup("roomEvents.room.building.members") == nil {
				t.Fatalf("listener %d: heard %s, want %d, whole", i, m, seq)
			}
			seq++
		}
	}
}
