package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	followDocument = `subscription Listen($room: ID!, $after: Int, $log: ID) {
		roomEvents(room: $room, after: $after, logId: $log) { __typename
			... on RoomEvent { seq at kind actor { id } member { id } message { id seq text key author { id } } }
			... on CaughtUp { position }
		}
	}`
	postsDocument = `subscription Posted($room: ID!, $after: Int, $log: ID) {
		messagePosted(room: $room, after: $after, logId: $log) { seq at kind actor { id } message { id seq text key author { id } } }
	}`
	// briefDocument is for many listeners.
	briefDocument = `subscription Brief($room: ID!, $after: Int) {
		roomEvents(room: $room, after: $after) { __typename ... on RoomEvent { seq kind } ... on CaughtUp { position } }
	}`
)

// from are the variables of a subscription that goes on after a position.
func from(room string, after int) variables { return variables{"room": room, "after": after} }

// Who listens from a position gets all that was missed, once and in order, then
// CaughtUp, once, then what happens.
func TestListeningFromAPosition(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 1)
		last := s.mustChat(t, h.manager, h.community, 250)
		missed := []int{0, 1, 99, 100, 101, 250}
		streams := map[string]*stream{}
		for _, n := range missed {
			for _, l := range []line{overSocket, overEvents} {
				streams[fmt.Sprintf("%d over %s", n, l)] = s.listen(t, l, h.residents[0].token, followDocument, from(h.community, last-n))
			}
		}
		for _, n := range missed {
			for _, l := range []line{overSocket, overEvents} {
				st := streams[fmt.Sprintf("%d over %s", n, l)]
				st.expectPosts(t, last-n+1, last)
				st.expect(t, caughtUp(last))
			}
		}
		s.mustChat(t, h.manager, h.community, 2)
		for _, st := range streams {
			st.expect(t, posted(last+1), posted(last+2))
			st.expectQuiet(t)
		}
	})
}

func TestListeningFromNowOn(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 1)
		last := s.mustChat(t, h.manager, h.community, 5)
		log, _ := s.mustStand(t, h.manager.token, h.community)
		eachLine(t, func(t *testing.T, l line) {
			for _, v := range []variables{{"room": h.community}, {"room": h.community, "log": log}, {"room": h.community, "after": nil}} {
				s.listen(t, l, h.residents[0].token, followDocument, v).expect(t, caughtUp(last))
			}
		})
	})
}

// An entry says who did what, to whom.
func TestWhatEntriesSay(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 1)
		c := s.openSocket(t, h.residents[0].token)
		st := c.subscribe(t, followDocument, from(h.community, 0))
		expect := func(root string, st *stream, what string) {
			t.Helper()
			r := st.hear(t).result()
			mustParseTime(t, at[string](t, r, root+".at"))
			delete(r.lookup(root).(map[string]any), "at")
			r.expectData(t, root, what)
		}
		join := func(seq int, who dweller) string {
			return fmt.Sprintf(`{"__typename": "RoomEvent", "seq": %d, "kind": "MEMBER_JOINED", "actor": {"id": %q}, "member": {"id": %q}, "message": null}`, seq, who.id, who.id)
		}
		expect("roomEvents", st, join(1, h.manager))
		expect("roomEvents", st, join(2, h.residents[0]))
		st.expect(t, caughtUp(2))
		posts := c.subscribe(t, postsDocument, from(h.community, 0))
		newcomer := s.mustEnter(t, s.mustMeet(t, 3)[2], h.openCode)
		m := s.mustSay(t, newcomer, h.community, "Salam")
		s.mustDecide(t, h.manager, "endMembership", newcomer.membership)
		expect("roomEvents", st, join(3, newcomer))
		message := fmt.Sprintf(`"seq": 4, "kind": "MESSAGE_POSTED", "actor": {"id": %q},
			"message": {"id": %q, "seq": 4, "text": "Salam", "key": %q, "author": {"id": %q}}}`, newcomer.id, m.id, m.key, newcomer.id)
		expect("roomEvents", st, `{"__typename": "RoomEvent", "member": null, `+message)
		expect("messagePosted", posts, `{`+message)
		expect("roomEvents", st, fmt.Sprintf(`{"__typename": "RoomEvent", "seq": 5, "kind": "MEMBER_LEFT",
			"actor": {"id": %q}, "member": {"id": %q}, "message": null}`, h.manager.id, newcomer.id))
	})
}

// messagePosted has the messages alone, and no CaughtUp.
func TestListeningToMessagesAlone(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 1)
		s.mustChat(t, h.manager, h.community, 2) // 3 and 4
		guest := s.mustEnter(t, s.mustMeet(t, 3)[2], h.openCode)
		s.mustChat(t, h.manager, h.community, 1) // 6
		eachLine(t, func(t *testing.T, l line) {
			st := s.listen(t, l, h.residents[0].token, postsDocument, from(h.community, 0))
			st.expect(t, posted(3), posted(4), posted(6))
			st = s.listen(t, l, h.residents[0].token, postsDocument, from(h.community, 4))
			st.expect(t, posted(6))
		})
		t.Run("live", func(t *testing.T) {
			c := s.openSocket(t, h.residents[0].token)
			caught := c.subscribe(t, followDocument, from(h.community, 6))
			st := c.subscribe(t, postsDocument, variables{"room": h.community})
			caught.expect(t, caughtUp(6))
			c.expectAlive(t)
			var last, first int
			// It began at some moment: what is said until something is heard may be before.
			eventually(t, hearTime, "something is heard", func() bool {
				last = s.mustChat(t, h.manager, h.community, 1)
				h, err := st.next(time.Second)
				_, _ = fmt.Sscan(h.String(), &first)
				return err == nil
			})
			st.expectPosts(t, first+1, last) // which were late
			s.mustDecide(t, h.manager, "endMembership", guest.membership)
			s.mustChat(t, h.manager, h.community, 1)
			st.expect(t, posted(last+2))
			st.expectQuiet(t)
		})
	})
}

func TestPositionsThatCannotBe(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 0)
		log, last := s.mustStand(t, h.manager.token, h.community)
		other, _ := s.mustStand(t, h.manager.token, h.announcements)
		eachLine(t, func(t *testing.T, l line) {
			for _, document := range []string{followDocument, postsDocument} {
				for _, c := range []struct {
					v    variables
					want string
				}{
					{variables{"after": last + 1}, "LOG_MISMATCH field=after"},
					{variables{"after": last + 1, "log": log}, "LOG_MISMATCH field=after"},
					{variables{"after": 0, "log": other}, "LOG_MISMATCH field=logId"},
					{variables{"log": other}, "LOG_MISMATCH field=logId"},
					{variables{"after": 0, "log": "x"}, "LOG_MISMATCH field=logId"},
					{variables{"after": -1}, "INVALID_INPUT field=after"},
					{variables{"after": "x"}, "BAD_REQUEST"},
					{variables{"after": 1 << 31}, "BAD_REQUEST"},
				} {
					st := s.listen(t, l, h.manager.token, document, c.v.with(variables{"room": h.community}))
					st.expectEnd(t, l, c.want)
				}
			}
		})
	})
}

// expectEnd demands that a subscription ends with an error, and with nothing after
// it; a socket stays.
func (st *stream) expectEnd(t *testing.T, l line, want string) {
	t.Helper()
	st.expect(t, want)
	if l == overEvents {
		st.expect(t, "complete", "over")
		return
	}
	st.connection.(*socket).expectAlive(t)
	st.expectQuiet(t)
}

// Rooms that one is not in are rooms that never were.
func TestListeningToOtherPeoplesRooms(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 2)
		pending, stranger := s.mustEnter(t, s.mustMeet(t, 4)[3], h.closedCode), s.mustMeet(t, 5)[4]
		ended, banned := h.residents[0], h.residents[1]
		s.mustDecide(t, ended, "endMembership", ended.membership)
		s.mustDecide(t, h.manager, "banMember", banned.membership)
		s.mustDecide(t, h.manager, "unbanMember", banned.membership)
		s.mustDecide(t, h.manager, "banMember", s.mustEnter(t, banned, h.openCode).membership)
		eachLine(t, func(t *testing.T, l line) {
			for _, document := range []string{followDocument, postsDocument} {
				never := s.listen(t, l, stranger.token, document, from(neverWere(h.community)[0], 0))
				want := never.hear(t)
				if want.String() != "NOT_FOUND field=room" {
					t.Errorf("heard %s", want)
				}
				for _, who := range []dweller{stranger, pending, ended, banned} {
					for _, v := range []variables{{"room": h.community}, from(h.community, 0), from(h.community, 99), {"room": h.id}, {"room": "x"}} {
						st := s.listen(t, l, who.token, document, v)
						if got := st.hear(t); !bytes.Equal(got.payload, want.payload) || got.kind != want.kind {
							t.Errorf("%v: heard %s %s, want %s", v, got.kind, got.payload, want.payload)
						}
					}
				}
				// Who has no session may get one, and is told so.
				s.listen(t, l, "", document, from(h.community, 0)).expectEnd(t, l, "UNAUTHENTICATED")
			}
		})
	})
}

// However a listener's coming falls between what others write, nothing is lost
// at the seam, and nothing comes twice.
func TestListeningWhileOthersWrite(t *testing.T) {
	t.Parallel()
	const writers, each = 3, 40
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, writers)
		end := 1 + writers + writers*each
		var writing sync.WaitGroup
		for _, who := range h.residents {
			writing.Go(func() {
				for range each {
					if r, err := s.insistSend(who.token, h.community, "Salam"); err != nil || r.code() != "" {
						t.Errorf("got %v, %v", r, err)
						return
					}
				}
			})
		}
		defer writing.Wait()
		c := s.openSocket(t, h.manager.token)
		type listener struct {
			st    *stream
			after int
		}
		var listeners []listener
		probe := c.subscribe(t, briefDocument, from(h.community, 0))
		head := 0
		for head < end {
			// At each position that the log is seen at, some come: behind it, and there.
			if m := probe.hear(t); strings.HasPrefix(m.String(), "CaughtUp") {
				continue
			}
			head++
			if head%3 == 0 && len(listeners) < 45 {
				after := rand.IntN(head + 1)
				if head%2 == 0 {
					after = head
				}
				listeners = append(listeners, listener{c.subscribe(t, briefDocument, from(h.community, after)), after})
			}
		}
		for _, one := range listeners {
			caught := false
			for seq := one.after + 1; seq <= end || !caught; {
				m := one.st.hear(t).String()
				switch {
				case m == caughtUp(seq-1) && !caught:
					caught = true
				case strings.HasPrefix(m, fmt.Sprint(seq)+" "):
					seq++
				default:
					t.Fatalf("after %d: at %d heard %s", one.after, seq, m)
				}
			}
			one.st.expectQuiet(t)
		}
	})
}

// Two hundred listen to a room, over both lines, and hear the same.
func TestManyListenToOneRoom(t *testing.T) {
	t.Parallel()
	const sockets, perSocket, streams, messages = 16, 10, 40, 8
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 3)
		last := 4
		var listeners []*stream
		for i := range sockets {
			c := s.openSocket(t, h.residents[i%3].token)
			for range perSocket {
				listeners = append(listeners, c.subscribe(t, briefDocument, from(h.community, last)))
			}
		}
		for i := range streams {
			listeners = append(listeners, s.listen(t, overEvents, h.residents[i%3].token, briefDocument, from(h.community, last)))
		}
		for _, st := range listeners {
			st.expect(t, caughtUp(last))
		}
		s.mustChat(t, h.manager, h.community, messages)
		for _, st := range listeners {
			st.expectPosts(t, last+1, last+messages)
		}
	})
}

// wideDocument asks for a text many times over: entries of 240 kB, where the text
// is as long as may be.
func wideDocument() string {
	var texts strings.Builder
	for i := range 30 {
		fmt.Fprintf(&texts, " t%d: text", i)
	}
	return `subscription Wide($room: ID!, $after: Int) {
		roomEvents(room: $room, after: $after) { __typename ... on RoomEvent { seq kind message {` + texts.String() + ` } } ... on CaughtUp { position } }
	}`
}

// Who takes nothing for a while slows nobody, and gets everything later.
func TestSlowListenerSlowsNobody(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 1)
		other := s.openSocket(t, h.manager.token).subscribe(t, briefDocument, from(h.community, 2))
		slow := []*stream{
			s.listenSlowly(t, overSocket, h.residents[0].token, wideDocument(), from(h.community, 2)),
			s.listenSlowly(t, overEvents, h.residents[0].token, wideDocument(), from(h.community, 2)),
		}
		for _, st := range append(slow, other) {
			st.expect(t, caughtUp(2))
		}
		// Those who are slow take nothing until the other has heard everything.
		last := s.mustChatWith(t, h.manager, h.community, longBackfill, strings.Repeat("ب", 4000))
		other.expectPosts(t, 3, last)
		for _, st := range slow {
			st.resume()
		}
		for _, st := range slow {
			st.expectPosts(t, 3, last)
		}
		s.mustChat(t, h.manager, h.community, 1)
		for _, st := range append(slow, other) {
			st.expect(t, posted(last+1))
			st.expectQuiet(t)
		}
	})
}

// What a client writes its subscriptions with: fragments, aliases, directives and
// variables; several on a socket, with queries and mutations between them.
func TestHowSubscriptionsAreWritten(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 0)
		c := s.openSocket(t, h.manager.token)
		documents := map[string]string{
			"inline fragments": followDocument,
			"a spread":         `subscription($room: ID!) { roomEvents(room: $room, after: 1) { ...update } } fragment update on RoomUpdate { __typename ...entry ...on CaughtUp { position } } fragment entry on RoomEvent { seq kind }`,
			"an alias":         `subscription($room: ID!) { mine: roomEvents(room: $room, after: 1) { kind: __typename __typename ... on RoomEvent { seq kind: __typename } ... on CaughtUp { position } } }`,
			"a directive":      `subscription($room: ID!, $no: Boolean = false) { roomEvents(room: $room, after: 1) { __typename ... on RoomEvent @skip(if: $no) { seq kind message @include(if: $no) { id } } ... on CaughtUp { position } } }`,
			"a literal":        `subscription { roomEvents(room: "` + h.community + `", after: 1) { __typename ... on RoomEvent { seq kind } ... on CaughtUp { position } } }`,
		}
		streams := map[string]*stream{}
		for name, document := range documents {
			v := variables{"room": h.community}
			if strings.Contains(document, "$after") {
				v["after"] = 1
			}
			streams[name] = c.subscribe(t, document, v)
			streams[name].expect(t, caughtUp(1))
		}
		// A message that is sent on the socket is heard on it.
		r := c.ask(t, sendDocument, variables{"input": variables{"room": h.community, "key": "k", "text": "Salam"}}).mustSucceed(t)
		r.expectData(t, "sendMessage.message.seq", "2")
		for name, st := range streams {
			want := posted(2)
			if name == "an alias" {
				want = "2 RoomEvent"
			}
			st.expect(t, want)
		}
		// One that is taken back is silent, and the others go on.
		back := streams["a spread"]
		delete(streams, "a spread")
		c.complete(t, back)
		c.expectAlive(t)
		s.mustChat(t, h.manager, h.community, 1)
		for name, st := range streams {
			if name != "an alias" {
				st.expect(t, posted(3))
			}
		}
		c.expectAlive(t)
		back.expectQuiet(t)

		// One root field, as the specification has it.
		two := c.subscribe(t, `subscription($room: ID!) { a: messagePosted(room: $room) { seq } b: messagePosted(room: $room) { seq } }`, variables{"room": h.community})
		two.expect(t, "BAD_REQUEST")
		c.expectAlive(t)
	})
}

func TestFiftySubscriptionsOnASocket(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 0)
		c := s.openSocket(t, h.manager.token)
		var all []*stream
		for range 50 {
			all = append(all, c.subscribe(t, briefDocument, from(h.community, 1)))
		}
		for _, st := range all {
			st.expect(t, caughtUp(1))
		}
		for range 2 {
			c.subscribe(t, briefDocument, from(h.community, 1)).expect(t, "TOO_LARGE")
		}
		s.mustChat(t, h.manager, h.community, 1)
		for _, st := range all {
			st.expect(t, posted(2))
		}
		c.complete(t, all[7])
		c.subscribe(t, briefDocument, from(h.community, 1)).expect(t, posted(2), caughtUp(2))
		c.subscribe(t, briefDocument, from(h.community, 1)).expect(t, "TOO_LARGE")
	})
}
