package bus_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/omarty/chat/internal/bus"
	"github.com/omarty/chat/internal/omarty"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long anything may take.
const patience = time.Minute

// serve starts a NATS on a port of the loopback interface, 0 for a free one.
func serve(t *testing.T, port int) *server.Server {
	t.Helper()
	if port == 0 {
		port = server.RANDOM_PORT
	}
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		t.Fatal("NATS does not start")
	}
	t.Cleanup(func() { stop(s) })
	return s
}

func stop(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

// node is a place at the bus, with what was heard there.
type node struct {
	*bus.Bus
	entries chan []omarty.Entry
	signals chan []omarty.RoomSignal
	changes chan omarty.Change
	rolls   chan omarty.Roll
	ended   chan omarty.Ended
	asked   chan struct{}
}

func join(t *testing.T, url string) node {
	t.Helper()
	n := node{
		entries: make(chan []omarty.Entry, 10_000), signals: make(chan []omarty.RoomSignal, 100),
		changes: make(chan omarty.Change, 100), rolls: make(chan omarty.Roll, 100), ended: make(chan omarty.Ended, 100), asked: make(chan struct{}, 1000),
	}
	var err error
	n.Bus, err = bus.Open(bus.Options{URL: url}, bus.Ears{
		Entries: func(e []omarty.Entry) { n.entries <- e },
		Signals: func(_ omarty.ID, s []omarty.RoomSignal) { n.signals <- s },
		Changed: func(_ omarty.ID, c omarty.Change) { n.changes <- c },
		Present: func(r omarty.Roll) { n.rolls <- r },
		Ended:   func(e omarty.Ended) { n.ended <- e },
		Asked:   func() { n.asked <- struct{}{} },
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// heard waits for something that was told once it can be: what is told before somebody
// listens is lost, so it is told again and again.
func heard[T any](t *testing.T, tell func(), from chan T) T {
	t.Helper()
	late := time.After(patience)
	for {
		tell()
		select {
		case v := <-from:
			return v
		case <-time.After(20 * time.Millisecond):
		case <-late:
			t.Fatal("nothing is heard")
		}
	}
}

func entry(room omarty.ID, seq int, text string) omarty.Entry {
	at := time.Date(2026, 11, 23, 8, 15, 30, 123456000, time.UTC)
	author := omarty.User{ID: omarty.NewID(omarty.KindUser), Name: "منى عادل"}
	m := omarty.Message{ID: omarty.NewID(omarty.KindMessage), Room: room, Seq: seq, Text: text, Author: author.ID, CreatedAt: at}
	return omarty.Entry{
		Event:   omarty.Event{Room: room, Seq: seq, At: at, Kind: omarty.EventMessagePosted, Actor: author.ID, Message: m.ID},
		Message: &m, Mentions: []omarty.Mention{{User: author.ID, Start: 1, Length: 2}}, Actor: &author,
	}
}

func TestWhatIsToldIsHeard(t *testing.T) {
	url := serve(t, 0).ClientURL()
	here, there := join(t, url), join(t, url)
	room, person := omarty.NewID(omarty.KindRoom), omarty.NewID(omarty.KindUser)
	there.FollowRoom(room, true)
	there.FollowPerson(person, true)

	told := []omarty.Entry{entry(room, 7, "Salam"), entry(room, 8, "أهلا")}
	if diff := cmp.Diff(told, heard(t, func() { here.TellEntries(t.Context(), told) }, there.entries)); diff != "" {
		t.Errorf("entries (-told +heard):\n%s", diff)
	}
	signals := []omarty.RoomSignal{
		omarty.Typing{User: *told[0].Actor, Active: true},
		omarty.ReadMark{Participant: omarty.Participant{ID: omarty.NewID(omarty.KindParticipant), Room: room}, User: *told[0].Actor, Seq: 3},
		omarty.PresenceChange{Users: []omarty.User{*told[0].Actor}},
	}
	if diff := cmp.Diff(signals, heard(t, func() { here.TellSignals(room, signals) }, there.signals)); diff != "" {
		t.Errorf("signals (-told +heard):\n%s", diff)
	}
	change := omarty.Change{Viewer: true, Room: room}
	if got := heard(t, func() { here.TellChange(person, change) }, there.changes); got != change {
		t.Errorf("a change: %v", got)
	}
	roll := omarty.Roll{Number: 3, Came: []omarty.ID{person}}
	got := heard(t, func() { here.TellPresence(roll) }, there.rolls)
	if roll.Node = here.Node(); !cmp.Equal(roll, got) {
		t.Errorf("a roll: %v", got)
	}
	heard(t, here.AskPresence, there.asked)
	over := omarty.Ended{Sessions: []omarty.ID{omarty.NewID(omarty.KindSession)}, User: person, But: omarty.NewID(omarty.KindSession)}
	if diff := cmp.Diff(over, heard(t, func() { here.TellEnded(over) }, there.ended)); diff != "" {
		t.Errorf("ended sessions (-told +heard):\n%s", diff)
	}
	if len(here.entries)+len(here.signals)+len(here.changes)+len(here.rolls) > 0 {
		t.Error("a node hears itself")
	}
}

// A node hears of the rooms that it follows, and of no others.
func TestOnlyWhatIsFollowedIsHeard(t *testing.T) {
	url := serve(t, 0).ClientURL()
	here, there := join(t, url), join(t, url)
	followed, other := omarty.NewID(omarty.KindRoom), omarty.NewID(omarty.KindRoom)
	there.FollowRoom(other, true)
	heard(t, func() { here.TellEntries(t.Context(), []omarty.Entry{entry(other, 1, "Salam")}) }, there.entries)
	there.FollowRoom(other, false)
	there.FollowRoom(followed, true)
	heard(t, func() {
		here.TellEntries(t.Context(), []omarty.Entry{entry(followed, 1, "Salam")})
		select { // what was told of the other one before
		case e := <-there.entries:
			if e[0].Room == followed {
				there.entries <- e
			}
		default:
		}
	}, there.entries)
	for len(there.entries) > 0 {
		<-there.entries
	}
	for seq := range 50 {
		here.TellEntries(t.Context(), []omarty.Entry{entry(other, seq+1, "Salam"), entry(followed, seq+1, "Salam")})
	}
	for range 50 {
		if e := <-there.entries; e[0].Room != followed {
			t.Fatal("it hears of a room that it does not follow")
		}
	}
}

// While NATS is away nobody waits; when it is back, all is as before.
func TestNATSComesAndGoes(t *testing.T) {
	s := serve(t, 0)
	url := s.ClientURL()
	port := s.Addr().String()
	here, there := join(t, url), join(t, url)
	room := omarty.NewID(omarty.KindRoom)
	there.FollowRoom(room, true)
	tell := func() { here.TellEntries(t.Context(), []omarty.Entry{entry(room, 1, "Salam")}) }
	heard(t, tell, there.entries)
	stop(s)
	began := time.Now()
	for range 30_000 {
		tell()
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("telling nobody takes %v", took)
	}
	for len(there.entries) > 0 {
		<-there.entries
	}
	var number int
	if _, err := fmt.Sscanf(port[strings.LastIndex(port, ":"):], ":%d", &number); err != nil {
		t.Fatal(err)
	}
	for len(there.asked) > 0 {
		<-there.asked
	}
	serve(t, number)
	heard(t, tell, there.entries)
	heard(t, func() {}, there.asked) // who is there is asked anew
}

// A NATS that is away when a node starts keeps it from nothing.
func TestStartWithoutNATS(t *testing.T) {
	s := serve(t, 0)
	url := s.ClientURL()
	stop(s)
	n := join(t, url)
	n.TellEntries(t.Context(), []omarty.Entry{entry(omarty.NewID(omarty.KindRoom), 1, "Salam")})
}

// A start waits for a NATS that hangs no longer than a first answer may take.
func TestStartWithNATSThatHangs(t *testing.T) {
	t.Parallel()
	hanging, err := net.Listen("tcp", "127.0.0.1:0") // nobody says what it is
	if err != nil {
		t.Fatal(err)
	}
	defer hanging.Close()
	expectOnce(t, 1500*time.Millisecond, func() time.Duration {
		begun := time.Now()
		b, err := bus.Open(bus.Options{URL: "nats://" + hanging.Addr().String()}, bus.Ears{}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		return time.Since(begun)
	})
}

// expectOnce demands that something takes no longer than a time, of some tries at least once:
// a machine that does other things takes its own time now and then.
func expectOnce(t *testing.T, most time.Duration, took func() time.Duration) {
	t.Helper()
	var all []time.Duration
	for range 5 {
		one := took()
		if one <= most {
			return
		}
		all = append(all, one)
	}
	t.Errorf("it took %v", all)
}

// Nothing is waited for that cannot come: neither by a node that stops, nor by a command.
func TestEndWithoutNATS(t *testing.T) {
	t.Parallel()
	expectOnce(t, time.Second, func() time.Duration {
		b, err := bus.Open(bus.Options{URL: "nats://127.0.0.1:1"}, bus.Ears{}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		b.Close()
		return time.Since(begun)
	})
}

// Entries that are too large for a message are told of by their numbers.
func TestLargeEntries(t *testing.T) {
	url := serve(t, 0).ClientURL()
	here, there := join(t, url), join(t, url)
	room := omarty.NewID(omarty.KindRoom)
	there.FollowRoom(room, true)
	var told []omarty.Entry
	for seq := range 64 {
		told = append(told, entry(room, seq+1, strings.Repeat("ب", 160_000/8)))
	}
	got := heard(t, func() { here.TellEntries(t.Context(), told) }, there.entries)
	if len(got) != 64 || got[63].Seq != 64 || got[0].Message != nil {
		t.Errorf("%d entries, the last %d", len(got), got[len(got)-1].Seq)
	}
}

// Whoever else may write to the subjects: what cannot be read, or is of another room, is
// nothing.
func TestNonsense(t *testing.T) {
	url := serve(t, 0).ClientURL()
	n := join(t, url)
	room, other := omarty.NewID(omarty.KindRoom), omarty.NewID(omarty.KindRoom)
	n.FollowRoom(room, true)
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	good, _ := json.Marshal([]map[string]any{{"Event": omarty.Event{Room: room, Seq: 1}}})
	bad := []string{"", "null", "[]", "{}", "[{}]", "\xff", strings.Repeat("[", 10_000), `[{"Event":{"Seq":"1"}}]`}
	elsewhere, _ := json.Marshal([]map[string]any{{"Event": omarty.Event{Room: other, Seq: 1}}})
	gap, _ := json.Marshal([]map[string]any{{"Event": omarty.Event{Room: room, Seq: 1}}, {"Event": omarty.Event{Room: room, Seq: 3}}})
	bad = append(bad, string(elsewhere), string(gap))
	heard(t, func() {
		for _, text := range bad {
			_ = conn.Publish("omarty.1.room."+room.String()+".log", []byte(text))
			_ = conn.Publish("omarty.1.presence", []byte(text))
		}
		_ = conn.Publish("omarty.1.room."+room.String()+".log", good)
	}, n.entries)
	for len(n.entries) > 0 {
		if e := <-n.entries; len(e) != 1 || e[0].Room != room || e[0].Seq != 1 {
			t.Errorf("%v", e)
		}
	}
}

func TestCheckURL(t *testing.T) {
	for url, good := range map[string]bool{
		"nats://localhost:4222": true, "tls://a:4222, tls://b:4222": true, "nats://u:p@h": true,
		"": false, "localhost:4222": false, "http://h": false, "nats://": false, "nats://a,b": false, "nats://a%": false,
	} {
		err := bus.CheckURL(url)
		if (err == nil) != good {
			t.Errorf("%q: %v", url, err)
		}
	}
	_, err := bus.Open(bus.Options{URL: "nats://omarty:hunter2@h:4222", CA: "no such file"}, bus.Ears{}, slog.New(slog.DiscardHandler))
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}
