package e2e

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// talkOn lets somebody talk in a room all the time, until it is told to stop: then
// it gives the position of the last message.
func (s *server) talkOn(t *testing.T, who dweller, room string) (stop func() int) {
	t.Helper()
	quit, ended := make(chan struct{}), make(chan int)
	go func() {
		last := 0
		defer func() { ended <- last }()
		for {
			select {
			case <-quit:
				return
			default:
			}
			r, err := s.insistSend(who.token, room, "Salam")
			if err != nil || r.code() != "" {
				t.Errorf("got %v, %v", r, err)
				<-quit
				return
			}
			last = int(r.lookup("sendMessage.message.seq").(float64))
		}
	}()
	return func() int { close(quit); return <-ended }
}

// follow hears entries from a position on, without a gap, until something else
// comes, which it gives with the position of the last entry.
func (st *stream) follow(t *testing.T, seq int) (last int, then heard) {
	t.Helper()
	for {
		h := st.hear(t)
		switch text := h.String(); {
		case strings.HasPrefix(text, fmt.Sprint(seq+1)+" "):
			seq++
		case strings.HasPrefix(text, "CaughtUp"):
		default:
			return seq, h
		}
	}
}

// longBackfill is how many of the longest messages are more, asked for in wideDocument,
// than all that lies between a server and a client that takes nothing would hold: they
// are 3.6 MB, and that is little more than 1 MB.
const longBackfill = 15

// endsOfMembership are the ways in which somebody comes to read a room no more.
var endsOfMembership = map[string]func(t *testing.T, s *server, h *house, who dweller){
	"ended": func(t *testing.T, s *server, h *house, who dweller) {
		s.mustDecide(t, h.manager, "endMembership", who.membership)
	},
	"banned": func(t *testing.T, s *server, h *house, who dweller) {
		s.mustDecide(t, h.manager, "banMember", who.membership)
	},
	"left": func(t *testing.T, s *server, _ *house, who dweller) {
		s.mustDecide(t, who, "endMembership", who.membership)
	},
}

// Who may read a room no more hears of that last. The socket stays, and what else
// is on it goes on.
func TestStreamEndsWithTheMembership(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		for name, end := range endsOfMembership {
			for _, l := range []line{overSocket, overEvents} {
				t.Run(fmt.Sprint(name, " over ", l), func(t *testing.T) {
					t.Parallel()
					h := s.mustSettle(t, 2)
					elsewhere := s.mustSettle(t, 1)
					who := h.residents[0]
					st := s.listen(t, l, who.token, followDocument, from(h.community, 3))
					posts := s.listen(t, l, who.token, postsDocument, from(h.community, 3))
					st.expect(t, caughtUp(3))
					var onTheSame *stream
					if c, ok := st.connection.(*socket); ok {
						onTheSame = c.subscribe(t, followDocument, from(elsewhere.community, 2))
						onTheSame.expect(t, caughtUp(2))
					}
					stop := s.talkOn(t, h.residents[1], h.community)
					st.expect(t, posted(4), posted(5))
					posts.expect(t, posted(4)) // it has begun
					end(t, s, h, who)
					last, then := st.follow(t, 5)
					if want := fmt.Sprintf("NOT_FOUND seq=%d", last); then.String() != want {
						t.Errorf("after %d heard %s, want %s", last, then, want)
					}
					then.expectMessage(t, "غير موجود.")
					r := s.run(t, h.manager.token, `query($id: ID!, $after: Int!) { room(id: $id) { events(after: $after, first: 1) { nodes { kind member { id } } } } }`,
						variables{"id": h.community, "after": last - 1})
					r.expectData(t, "room.events.nodes", fmt.Sprintf(`[{"kind": "MEMBER_LEFT", "member": {"id": %q}}]`, who.id))
					if stop() < last {
						s.mustChat(t, h.manager, h.community, 3)
					}
					// messagePosted does not tell of the entry, but where it stood.
					_, then = posts.follow(t, 4)
					if want := fmt.Sprintf("NOT_FOUND seq=%d", last); then.String() != want {
						t.Errorf("messagePosted: heard %s, want %s", then, want)
					}
					for _, one := range []*stream{st, posts} {
						if l == overEvents {
							one.expect(t, "complete", "over")
							continue
						}
						s.mustChat(t, elsewhere.manager, elsewhere.community, 1)
						one.connection.(*socket).expectAlive(t)
						one.expectQuiet(t)
					}
					if onTheSame != nil {
						onTheSame.expect(t, posted(3), posted(4))
					}
					// To come back is to be told what those are told who never were there.
					s.listen(t, l, who.token, followDocument, from(h.community, last)).expectEnd(t, l, "NOT_FOUND field=room")
				})
			}
		}
	})
}

// In the middle of a long backfill it is the same: all up to the end, and no more.
func TestBackfillEndsWithTheMembership(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		eachLine(t, func(t *testing.T, l line) {
			h := s.mustSettle(t, 1)
			who := h.residents[0]
			last := s.mustChatWith(t, h.manager, h.community, longBackfill, strings.Repeat("ب", 4000))
			st := s.listenSlowly(t, l, who.token, wideDocument(), from(h.community, 0))
			st.expect(t, "1 MEMBER_JOINED", "2 MEMBER_JOINED", posted(3))
			s.mustDecide(t, h.manager, "banMember", who.membership)
			s.mustChat(t, h.manager, h.community, 3)
			st.resume()
			st.expectPosts(t, 4, last)
			// Where the log stood as they came is caught up with first.
			st.expect(t, caughtUp(last), fmt.Sprintf("%d MEMBER_LEFT", last+1))
			st.expectEnd(t, l, fmt.Sprintf("NOT_FOUND seq=%d", last+1))
		})
	})
}

// Who left and came back reads their own leaving as history, which ends nothing.
func TestListeningAcrossOnesOwnLeaving(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		h := s.mustSettle(t, 1)
		who := h.residents[0]
		s.mustChat(t, h.manager, h.community, 1) // 3
		s.mustDecide(t, who, "endMembership", who.membership)
		s.mustChat(t, h.manager, h.community, 1) // 5
		who = s.mustEnter(t, who, h.openCode)
		s.mustDecide(t, h.manager, "endMembership", who.membership) // 7
		who = s.mustEnter(t, who, h.openCode)
		var streams []*stream
		for _, l := range []line{overSocket, overEvents} {
			st := s.listen(t, l, who.token, followDocument, from(h.community, 2))
			st.expect(t, posted(3), "4 MEMBER_LEFT", posted(5), "6 MEMBER_JOINED", "7 MEMBER_LEFT", "8 MEMBER_JOINED", caughtUp(8))
			streams = append(streams, st)
		}
		s.mustChat(t, h.manager, h.community, 1)
		s.mustDecide(t, h.manager, "banMember", who.membership)
		for i, l := range []line{overSocket, overEvents} {
			streams[i].expect(t, posted(9), "10 MEMBER_LEFT")
			streams[i].expectEnd(t, l, "NOT_FOUND seq=10")
		}
	})
}

// endsOfSession are the ways in which a session ends that a device is signed in
// with; another device helps.
var endsOfSession = map[string]func(t *testing.T, s *server, p person, mine, other session){
	"revoked by another device": func(t *testing.T, s *server, _ person, mine, other session) {
		s.run(t, other.token, revokeDocument, variables{"session": mine.id}).mustSucceed(t)
	},
	"revoked with the others": func(t *testing.T, s *server, _ person, _, other session) {
		s.run(t, other.token, `mutation { revokeOtherSessions { revokedCount } }`, nil).mustSucceed(t)
	},
	"password changed": func(t *testing.T, s *server, p person, _, other session) {
		s.run(t, other.token, changePasswordDocument, variables{"current": p.password, "new": secret("Nile-" + newKey())}).mustSucceed(t)
	},
	"logged out": func(t *testing.T, s *server, _ person, mine, _ session) {
		s.run(t, mine.token, `mutation { logOut { sessionId } }`, nil).mustSucceed(t)
	},
}

// When the session ends, so do its sockets and streams, and nothing that comes
// after the answer is sent on them.
func TestStreamsEndWithTheSession(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		for name, end := range endsOfSession {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := s.mustRegister(t)
				mine, other := s.mustLogIn(t, p.email, p.password), s.mustLogIn(t, p.email, p.password)
				h := s.mustOpenHouse(t, s.mustMeet(t, 1)[0], dweller{person: p, token: mine.token, session: mine.id})
				last := s.mustChatWith(t, h.manager, h.community, longBackfill, strings.Repeat("ب", 4000))
				live := map[line]*stream{}
				backfill := map[line]*stream{}
				live[overSocket] = s.listen(t, overSocket, mine.token, followDocument, from(h.community, last))
				live[overEvents] = s.listen(t, overEvents, mine.token, followDocument, from(h.community, last), inArabic...)
				backfill[overSocket] = s.listenSlowly(t, overSocket, mine.token, wideDocument(), from(h.community, 0))
				backfill[overEvents] = s.openEventsAs(t, mine.token, wideDocument(), from(h.community, 0), true, inArabic...)
				for _, l := range []line{overSocket, overEvents} {
					live[l].expect(t, caughtUp(last))
					backfill[l].expect(t, "1 MEMBER_JOINED", "2 MEMBER_JOINED", posted(3))
				}
				idle := s.openSocket(t, mine.token)
				others := s.listen(t, overSocket, other.token, followDocument, from(h.community, last))
				others.expect(t, caughtUp(last))

				stop := s.talkOn(t, h.manager, h.community)
				for _, st := range live {
					st.expect(t, posted(last+1), posted(last+2))
				}
				end(t, s, p, mine, other)
				before := stop() // of what was said until now some may be heard; of what comes, nothing
				s.mustChat(t, h.manager, h.community, 5)
				for l, st := range live {
					position, then := st.follow(t, last+2)
					if position > before {
						t.Errorf("%s: heard %d, which was said after %d, with which the session ended", l, position, before)
					}
					expectSessionOver(t, l, st, then)
				}
				idle.expectClosed(t, 4401)
				for l, st := range backfill {
					st.resume()
					position, then := st.follow(t, 3)
					if position >= last {
						t.Errorf("%s: all of the backfill was sent, up to %d", l, position)
					}
					expectSessionOver(t, l, st, then)
				}
				if name != "logged out" {
					others.expectPosts(t, last+1, before+5)
				}
				// To come back is no use without a new session.
				if _, err := s.tryOpenSocket(mine.token, false); err == nil || !strings.Contains(err.Error(), "4401") {
					t.Errorf("with the ended session: %v", err)
				}
				s.listen(t, overEvents, mine.token, followDocument, from(h.community, last)).expectEnd(t, overEvents, "UNAUTHENTICATED")
			})
		}
	})
}

// inArabic is for last words that a test reads: those of a machine that is too busy to look
// the locale up in time are in the language that the connection accepts.
var inArabic = []string{"Accept-Language", "ar"}

func expectSessionOver(t *testing.T, l line, st *stream, then heard) {
	t.Helper()
	if l == overSocket {
		if then.kind != "over" {
			t.Errorf("heard %s", then)
		}
		st.connection.(*socket).expectClosed(t, 4401)
		return
	}
	if then.String() != "UNAUTHENTICATED" {
		t.Errorf("heard %s", then)
	}
	then.expectMessage(t, "انتهت الجلسة.")
	st.expect(t, "complete", "over")
}

var comeBack = regexp.MustCompile(`^retry-after-ms=([0-9]+)$`)

// A program that is told to stop tells all who listen when to come back, also those
// in the midst of a backfill; who takes nothing does not hold it up. Those who come
// back miss nothing.
func TestStreamsEndWithTheProgram(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		home := newPlace(t, e)
		s := home.start(t, "OMARTY_RATE_LIMITS=off")
		h := s.mustOpenHouse(t, s.mustArrive(t), s.mustArrive(t))
		token := h.residents[0].token
		last := s.mustChatWith(t, h.manager, h.community, longBackfill, strings.Repeat("ب", 4000))
		live := map[line]*stream{}
		backfill := map[line]*stream{}
		for _, l := range []line{overSocket, overEvents} {
			live[l] = s.listen(t, l, token, followDocument, from(h.community, last))
			live[l].expect(t, caughtUp(last))
			backfill[l] = s.listen(t, l, token, wideDocument(), from(h.community, 0))
			s.listenSlowly(t, l, token, wideDocument(), from(h.community, 0)) // who takes nothing
		}
		idle := s.openSocket(t, "")
		for _, st := range backfill {
			st.expect(t, "1 MEMBER_JOINED", "2 MEMBER_JOINED")
		}
		acknowledged := make(chan int, 1)
		go func() { // talks until the end
			n := last
			defer func() { acknowledged <- n }()
			for {
				r, err := s.trySend(h.manager.token, h.community, newKey(), "Salam")
				if err != nil || r.code() != "" {
					return
				}
				n = int(r.lookup("sendMessage.message.seq").(float64))
			}
		}()
		for _, st := range live {
			st.expect(t, posted(last+1))
		}
		s.signal(t, syscall.SIGTERM)
		heardUpTo := map[line]int{}
		for l, st := range live {
			position, then := st.follow(t, last+1)
			heardUpTo[l] = position
			expectComeBack(t, l, st, then)
		}
		for l, st := range backfill {
			_, then := st.follow(t, 2)
			expectComeBack(t, l, st, then)
		}
		expectComeBack(t, overSocket, nil, heard{}, idle)
		if status, err := s.waitExit(); err != nil || status != 0 {
			t.Errorf("status %d, %v", status, err)
		}
		said := <-acknowledged
		s = home.start(t, "OMARTY_RATE_LIMITS=off")
		for l, position := range heardUpTo {
			st := s.listen(t, l, token, followDocument, from(h.community, position))
			if said > position {
				st.expectPosts(t, position+1, said)
			}
		}
	})
}

func expectComeBack(t *testing.T, l line, st *stream, then heard, others ...*socket) {
	t.Helper()
	if l == overEvents {
		if then.String() != "UNAVAILABLE" {
			t.Errorf("heard %s", then)
		}
		st.expect(t, "complete", "over")
		return
	}
	if st != nil {
		if then.kind != "over" {
			t.Errorf("heard %s", then)
		}
		others = append(others, st.connection.(*socket))
	}
	for _, c := range others {
		reason := c.expectClosed(t, 1012)
		found := comeBack.FindStringSubmatch(reason)
		if found == nil {
			t.Errorf("the reason is %q", reason)
			continue
		}
		if ms, _ := strconv.Atoi(found[1]); ms < 1 || ms > 60_000 {
			t.Errorf("to come back after %d ms", ms)
		}
	}
}

// slowTime bounds how long what is promised after 30 or 40 s may be waited for.
const slowTime = 2 * time.Minute

// Who takes nothing for 30 s is told where they stand, if that can be written
// within 10 s, and goes on from there; else they are cut. Who takes a little now and
// then is not ended for that.
func TestStreamOfWhoTakesNothingEnds(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := start(t, e, "OMARTY_RATE_LIMITS=off", "OMARTY_ADMIN_LISTEN=127.0.0.1:0")
		h := s.mustSettle(t, 1)
		last := s.mustChatWith(t, h.manager, h.community, 20, strings.Repeat("ب", 4000))
		token := h.residents[0].token
		begun := time.Now()
		steady := s.listenSlowly(t, overSocket, token, wideDocument(), from(h.community, 0))
		cut := map[line]*stream{}
		for _, l := range []line{overSocket, overEvents} {
			cut[l] = s.listenSlowly(t, l, token, wideDocument(), from(h.community, 0))
		}
		for _, st := range []*stream{steady, cut[overSocket], cut[overEvents]} {
			st.expect(t, "1 MEMBER_JOINED", "2 MEMBER_JOINED", posted(3))
		}
		told := s.mustReadSlowly(t, token, h.community, last)
		// When the server finds the network full is its own affair. What it executes for this
		// socket alone ends at once when it is to end, and is counted.
		const signals = `omarty_subscriptions_open{field="roomSignals"}`
		told.socket.subscribe(t, `subscription($room: ID!) { roomSignals(room: $room) { __typename } }`, variables{"room": h.community})
		until := func(what string, holds func() bool) {
			t.Helper()
			eventually(t, slowTime, what, func() bool {
				steady.resumeFor(25 << 10)
				time.Sleep(500 * time.Millisecond)
				return holds()
			})
		}
		until("all listen", func() bool { return s.measured(t, signals) == "1" })
		until("who takes nothing is ended", func() bool { return s.measured(t, signals) == "0" })
		if took := time.Since(begun); took < 30*time.Second {
			t.Errorf("it was ended within %v", took)
		}
		position := told.resume(t, last)
		again := s.listen(t, overSocket, token, briefDocument, from(h.community, position))
		again.expectPosts(t, position+1, last)
		again.expect(t, caughtUp(last))
		again.hangUp()
		until("who still takes nothing is cut", func() bool {
			return s.measured(t, "omarty_sockets_open") == "1" && s.measured(t, "omarty_event_streams_open") == "0"
		})
		steady.resume()
		steady.expectPosts(t, 4, last)
		for l, st := range cut {
			st.resume()
			position, then := st.follow(t, 3)
			if then.kind != "over" || position >= last {
				t.Errorf("%s: after %d heard %s", l, position, then)
			}
		}
		if c := cut[overSocket].connection.(*socket); c.code != 0 {
			t.Errorf("closed with %d %s", c.code, c.reason)
		}
	})
}

// slowReader is a socket whose client takes nothing of what there is: of a long
// log, and of two subscriptions beside it that have nothing more to say.
type slowReader struct {
	socket             *socket
	wide, brief, posts *stream
}

func (s *server) mustReadSlowly(t *testing.T, token, room string, last int) slowReader {
	t.Helper()
	c := s.openSocketAs(t, token, true, inArabic...)
	r := slowReader{socket: c}
	r.brief = c.subscribe(t, briefDocument, from(room, last-1))
	r.posts = c.subscribe(t, postsDocument, from(room, last-2))
	r.brief.expect(t, posted(last), caughtUp(last))
	r.posts.expect(t, posted(last-1), posted(last))
	r.wide = c.subscribe(t, wideDocument(), from(room, 0))
	r.wide.expect(t, "1 MEMBER_JOINED", "2 MEMBER_JOINED", posted(3))
	return r
}

// resume takes everything, and demands that the socket, which has ended for taking
// nothing, tells so. It gives the position that is told, which is that of the last entry
// that came.
func (r slowReader) resume(t *testing.T, last int) int {
	t.Helper()
	r.socket.resume()
	position, then := r.wide.follow(t, 3)
	if want := fmt.Sprintf("TOO_SLOW seq=%d", position); then.String() != want || position >= last {
		t.Errorf("heard %s, want %s", then, want)
	}
	then.expectMessage(t, "الاتصال بطيء جدًا، يُرجى إعادة الاتصال لاستلام الباقي.")
	r.wide.expect(t, "over")
	r.brief.expect(t, fmt.Sprintf("TOO_SLOW seq=%d", last), "over")
	r.posts.expect(t, fmt.Sprintf("TOO_SLOW seq=%d", last), "over")
	r.socket.expectClosed(t, 1013)
	return position
}
