package e2e

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	nats "github.com/nats-io/nats-server/v2/server"
)

// startNATS starts a NATS at a port of the loopback interface, 0 for a free one, and
// gives it with its address.
func startNATS(t *testing.T, port int) (stop func(), url string, at int) {
	t.Helper()
	if port == 0 {
		port = nats.RANDOM_PORT
	}
	s, err := nats.NewServer(&nats.Options{Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(readyTime) {
		t.Fatal("NATS does not start")
	}
	stop = func() { s.Shutdown(); s.WaitForShutdown() }
	t.Cleanup(stop)
	return stop, s.ClientURL(), s.Addr().(*net.TCPAddr).Port
}

// waitConnected waits until a server has found NATS so often.
func (s *server) waitConnected(t *testing.T, times int) {
	t.Helper()
	for began := time.Now(); strings.Count(s.log.String(), "connected to NATS") < times; time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > hearTime {
			t.Fatal("NATS is not found")
		}
	}
}

// Two nodes are one to those who listen. What one commits the other one tells at once,
// even while it cannot read the database; with NATS away it does a little later; and when
// NATS is back all is as before.
func TestNodesTellEachOther(t *testing.T) {
	t.Parallel()
	stop, url, port := startNATS(t, 0)
	home := newPlace(t, postgres)
	here := home.start(t, "OMARTY_RATE_LIMITS=off", "OMARTY_NATS_URL="+url)
	door, address := startProxy(t, home.databaseURL)
	home.databaseURL = address
	there := home.start(t, "OMARTY_RATE_LIMITS=off", "OMARTY_NATS_URL="+url)
	h := here.mustOpenHouse(t, here.mustArrive(t), here.mustArrive(t))
	mona := h.residents[0]
	streams := []*stream{
		there.openSocket(t, mona.token).subscribe(t, briefDocument, from(h.community, 2)),
		there.openEvents(t, mona.token, briefDocument, from(h.community, 2)),
	}
	for _, st := range streams {
		st.expect(t, caughtUp(2))
	}
	last := here.mustChat(t, h.manager, h.community, 5)
	expect := func() {
		t.Helper()
		for _, st := range streams {
			st.expectPosts(t, last-4, last)
		}
	}
	expect()
	// The other node can only have heard of these: it tells them as long as it is sure of its
	// sessions, which a busy machine may take as long for as to post them.
	told := func() {
		t.Helper()
		for tries := 0; ; tries++ {
			door.freeze()
			last = here.mustChat(t, h.manager, h.community, 5)
			heard := true
			for _, st := range streams {
				heard = st.wait(5, 3*time.Second) && heard
			}
			door.thaw()
			expect()
			there.waitReady(t, readyTime, 200)
			if heard {
				return
			}
			if tries == 5 {
				t.Fatal("what is committed here is not told there while the database is away")
			}
		}
	}
	told()
	stop()
	last = here.mustChat(t, h.manager, h.community, 5)
	expect()
	stop, _, _ = startNATS(t, port)
	defer stop()
	// When both have found it again they ask who is there; until then a change is told by
	// the database.
	here.waitConnected(t, 2)
	there.waitConnected(t, 2)
	told()
}

// twoNodes are nodes that have found each other, and the door before the database of the
// second.
func twoNodes(t *testing.T) (home place, here, there *server, door *proxy) {
	t.Helper()
	_, url, _ := startNATS(t, 0)
	home = newPlace(t, postgres)
	home.natsURL = url
	here = home.start(t, "OMARTY_RATE_LIMITS=off", "OMARTY_NATS_URL="+url)
	far := home
	door, far.databaseURL = startProxy(t, home.databaseURL)
	there = far.start(t, "OMARTY_RATE_LIMITS=off", "OMARTY_NATS_URL="+url)
	here.waitConnected(t, 1)
	there.waitConnected(t, 1)
	return home, here, there, door
}

// That a session was ended on one node the other hears at once, even while it cannot read
// the database.
func TestSessionsEndOnAllNodes(t *testing.T) {
	t.Parallel()
	home, here, there, door := twoNodes(t)
	p, first := here.mustSignIn(t)
	second, third := here.mustLogIn(t, p.email, p.password), here.mustLogIn(t, p.email, p.password)
	a, b, c := there.openSocket(t, first.token), there.openSocket(t, second.token), there.openSocket(t, third.token)
	door.freeze() // so that nothing else can have told it
	here.run(t, second.token, `mutation($id: ID!) { revokeSession(session: $id) { sessionId } }`, variables{"id": first.id}).mustSucceed(t)
	a.expectClosed(t, 4401)
	b.expectAlive(t)
	here.run(t, second.token, `mutation { revokeOtherSessions { revokedCount } }`, nil).mustSucceed(t)
	c.expectClosed(t, 4401)
	b.expectAlive(t)
	// So does an operator's command.
	here.mustCommand(t, home, "user", "reset-password", p.email)
	b.expectClosed(t, 4401)
	door.thaw()
}

// A node that cannot read for long which sessions have ended tells nobody anything, as one
// of them may be over; when it can again, who is there misses nothing, and who is not
// hears nothing.
func TestNodeThatCannotReadWhoseSessionsHaveEnded(t *testing.T) {
	t.Parallel()
	home, here, there, door := twoNodes(t)
	h := here.mustOpenHouse(t, here.mustArrive(t), here.mustArrive(t), here.mustArrive(t))
	mona, nour := h.residents[0], h.residents[1]
	listen := func(who dweller) []*stream {
		var streams []*stream
		for _, l := range []line{overSocket, overEvents} {
			streams = append(streams, there.listen(t, l, who.token, briefDocument, from(h.community, 3)))
		}
		for _, st := range streams {
			st.expect(t, caughtUp(3))
		}
		return streams
	}
	good, over := listen(mona), listen(nour)
	door.freeze()
	time.Sleep(sureTime)
	// By a program that no node hears.
	home.natsURL = ""
	here.mustCommand(t, home, "user", "disable", nour.email)
	last := here.mustChat(t, h.manager, h.community, 5)
	time.Sleep(time.Second / 2) // in which all of it would be heard
	for _, st := range append(good, over...) {
		st.expectQuiet(t)
	}
	good[0].connection.(*socket).expectAlive(t)
	over[0].connection.(*socket).expectAlive(t)
	door.thaw()
	for _, st := range good {
		st.expectPosts(t, last-4, last)
	}
	over[0].connection.(*socket).expectClosed(t, 4401)
	over[1].expectEnd(t, overEvents, "UNAUTHENTICATED")
}

// A node hears of the rooms and people that somebody listens to on it, and of no others:
// each is a subject, beside the three of the whole installation.
func TestNodeHearsOfWhatItNeeds(t *testing.T) {
	t.Parallel()
	_, url, _ := startNATS(t, 0)
	home := newPlace(t, postgres)
	env := []string{"OMARTY_RATE_LIMITS=off", "OMARTY_NATS_URL=" + url, "OMARTY_ADMIN_LISTEN=127.0.0.1:0"}
	here, there := home.start(t, env...), home.start(t, env...)
	here.waitConnected(t, 1)
	there.waitConnected(t, 1)
	h := here.mustOpenHouse(t, here.mustArrive(t), here.mustArrive(t))
	expect := func(subjects int) {
		t.Helper()
		eventually(t, hearTime, fmt.Sprintf("%d subjects are listened to", subjects), func() bool {
			return there.measured(t, "omarty_bus_subscriptions") == fmt.Sprint(subjects)
		})
	}
	expect(3)
	var streams []*stream
	for i, room := range []string{h.community, h.announcements, h.community} {
		st := there.openSocket(t, h.residents[0].token).subscribe(t, briefDocument, from(room, 2))
		st.expect(t, caughtUp(2))
		streams = append(streams, st)
		expect(min(4+i, 5)) // the last room is listened to already
	}
	heard := func(s *server) int {
		return mustCount(t, s.measured(t, `omarty_bus_messages_heard_total{kind="log"}`))
	}
	// What a node tells comes behind what it has asked for: so when the other one hears of a
	// message, NATS knows what this one listens to.
	here.openSocket(t, h.manager.token).subscribe(t, briefDocument, from(h.community, 2)).expect(t, caughtUp(2))
	last := 2
	eventually(t, hearTime, "the other node hears of this one's messages", func() bool {
		last = there.mustChat(t, h.manager, h.community, 1)
		return heard(here) > 0
	})
	before := heard(there)
	here.mustChat(t, h.manager, h.community, 3)
	streams[0].expectPosts(t, 3, last+3)
	eventually(t, hearTime, "it has heard of each message", func() bool { return heard(there) == before+3 })
	// Of a room that nobody listens to there it hears nothing.
	other := here.mustOpenHouse(t, h.manager)
	here.mustChat(t, h.manager, other.community, 3)
	here.mustChat(t, h.manager, h.announcements, 1)
	streams[1].expectPosts(t, 3, 3)
	eventually(t, hearTime, "it has heard of the last message", func() bool { return heard(there) > before+3 })
	if now := heard(there) - before - 4; now != 0 {
		t.Errorf("it heard %d times of a room that nobody listens to there", now)
	}
	streams[0].hangUp()
	expect(5)
	streams[2].hangUp()
	expect(4)
	streams[1].hangUp()
	expect(3)
}

func mustCount(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// sureTime is for how long, at the most, a node tells connections anything without a look
// at their sessions, and a moment more.
const sureTime = 3*time.Second + 500*time.Millisecond

// Who types, reads and is there on one node is told on the other; who was there on one
// that dies is there no more.
func TestSignalsOfNodes(t *testing.T) {
	t.Parallel()
	_, url, _ := startNATS(t, 0)
	home := newPlace(t, postgres)
	one, two := home.start(t, "OMARTY_RATE_LIMITS=off", "OMARTY_NATS_URL="+url), home.start(t, "OMARTY_RATE_LIMITS=off", "OMARTY_NATS_URL="+url)
	h, names := one.mustSettleAlone(t)
	adel, mona, nour := h.manager, h.residents[0], h.residents[1]
	l := two.lookAt(t, overSocket, adel, h.community, names)
	// What is told before the room is followed there is lost.
	for begun, told := time.Now(), false; !told; {
		one.mustType(t, mona, h.community, true)
		for h, err := l.next(time.Second); err == nil && !told; h, err = l.next(time.Second) {
			told = slices.Contains(l.shortSignal(h), "Mona types")
		}
		if !told {
			one.mustType(t, mona, h.community, false)
		}
		if time.Since(begun) > hearTime {
			t.Fatal("who types on the other node is not told")
		}
	}
	one.mustMark(t, nour, h.community, 3)
	l.expectOf(t, "read", "Nour read 3")

	const changes = "online away unseen hidden"
	expectPresence := func(who dweller, want string) {
		t.Helper()
		r := two.run(t, adel.token, presenceDocument, variables{"id": who.id}).mustSucceed(t)
		if got := presenceOf(r.lookup("node.presence")); got != want {
			t.Errorf("%s is %s, want %s", names[who.id], got, want)
		}
	}
	one.openSocket(t, mona.token)
	l.expectOf(t, changes, "Mona online")
	one.openSocket(t, nour.token)
	l.expectOf(t, changes, "Nour online")
	expectPresence(mona, "online")
	// A third node asks who is there.
	three := home.start(t, "OMARTY_RATE_LIMITS=off", "OMARTY_NATS_URL="+url)
	for begun := time.Now(); ; {
		r := three.run(t, adel.token, presenceDocument, variables{"id": mona.id}).mustSucceed(t)
		if presenceOf(r.lookup("node.presence")) == "online" {
			break
		}
		if time.Since(begun) > hearTime {
			t.Fatal("a new node does not know who is there")
		}
		time.Sleep(50 * time.Millisecond)
	}
	two.openSocket(t, nour.token).expectAlive(t)
	one.mustKill(t)
	for killed, gone := time.Now(), false; !gone; { // after twenty seconds
		h, err := l.next(2 * hearTime)
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range l.shortSignal(h) {
			gone = gone || change == "Mona unseen" || change == "Mona away"
		}
		if took := time.Since(killed); took > 2*hearTime {
			t.Fatalf("who was there on a node that died is there after %v", took)
		}
	}
	expectPresence(nour, "online")
}
