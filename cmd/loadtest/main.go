// Loadtest drives an Omarty server over the network, as its apps do, and says how
// much it carries: it opens sockets that listen to rooms, has people talk there, and
// measures each delivery. It checks what it measures: every listener hears every
// entry once, in order, with none missing; where one does not, the figures are void
// and the exit status is 1.
//
// It registers people of its own and opens buildings for them, which stay on the
// server: use one that is for tests, started with OMARTY_RATE_LIMITS=off.
//
//	go run ./cmd/loadtest                                  1,000 listeners of one room
//	go run ./cmd/loadtest -rooms 100 -rate 1000            100 rooms of 10, 1,000 messages a second
//	go run ./cmd/loadtest -server URL,URL,URL              three nodes: listeners of each, and sends to each
//	go run ./cmd/loadtest -mode idle -listeners 10000      what a socket costs that hears nothing
//	go run ./cmd/loadtest -mode storm -away 500            half of them come back at once
//	go run ./cmd/loadtest -mode replay -missed 5000        one comes back who missed a lot
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/omarty/chat/internal/load"
)

// settings are the flags.
type settings struct {
	servers, mode, by, selection                     string
	listeners, rooms, publishers, inFlight, sessions int
	text, away, missed, pid                          int
	rate                                             float64
	duration, warm                                   time.Duration
}

// modes are what can be measured.
var modes = map[string]func(*test, context.Context) error{
	"talk": (*test).talk, "idle": (*test).idle, "storm": (*test).storm, "replay": (*test).replay,
}

// test is one run.
type test struct {
	settings
	place   *load.Place
	process load.Processes // none where they are not known
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, read()); err != nil {
		if errors.Is(err, syscall.EMFILE) {
			err = fmt.Errorf("%w: raise the limit (ulimit -n), on the server as well", err)
		}
		fmt.Fprintln(os.Stderr, "loadtest:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

func read() settings {
	var s settings
	flag.StringVar(&s.servers, "server", "http://127.0.0.1:8080", "the server's `URL`, or those of all nodes with commas between them")
	flag.StringVar(&s.mode, "mode", "talk", "what is measured: talk, idle, storm or replay")
	flag.IntVar(&s.listeners, "listeners", 1000, "how many sockets listen, shared out to the rooms")
	flag.IntVar(&s.rooms, "rooms", 1, "how many rooms; each is of a building of its own")
	flag.IntVar(&s.publishers, "publishers", 8, "how many people send")
	flag.IntVar(&s.inFlight, "inflight", 64, "how many messages are under way at once: sent, and not acknowledged or, without -rate, not heard by everyone")
	flag.Float64Var(&s.rate, "rate", 0, "how many messages a second are sent; 0 for as many as the server takes")
	flag.DurationVar(&s.duration, "duration", 10*time.Second, "how long is measured")
	flag.DurationVar(&s.warm, "warmup", 2*time.Second, "how long people talk before")
	flag.StringVar(&s.selection, "selection", load.Selection, "what listeners ask of an entry beside its number and text; several, separated by |, are shared out")
	flag.StringVar(&s.by, "by", "http", "how messages are sent: http or socket")
	flag.IntVar(&s.text, "text", 110, "how many bytes a message has")
	flag.IntVar(&s.sessions, "sessions", 1, "how many sessions the sockets share")
	flag.IntVar(&s.away, "away", 500, "storm: how many of the listeners come back at once")
	flag.IntVar(&s.missed, "missed", 200, "storm, replay: how many entries were missed")
	flag.IntVar(&s.pid, "pid", 0, "the server's process, to read its CPU and memory; found where it listens on this machine")
	flag.Parse()
	return s
}

func (s settings) check() error {
	for _, bound := range []struct {
		name         string
		value, limit int
	}{
		{"listeners", s.listeners, 100_000},
		{"rooms", s.rooms, 10_000},
		{"publishers", s.publishers, 200},
		{"inflight", s.inFlight, 4096},
		{"sessions", s.sessions, 50},
		{"text", s.text, 4000},
		{"missed", s.missed, 1_000_000},
	} {
		if bound.value < 1 || bound.value > bound.limit {
			return fmt.Errorf("-%s is a number from 1 to %d", bound.name, bound.limit)
		}
	}
	switch {
	case modes[s.mode] == nil:
		return errors.New("-mode is talk, idle, storm or replay")
	case s.by != "http" && s.by != "socket":
		return errors.New("-by is http or socket")
	case s.rate < 0 || s.duration <= 0 || s.duration > time.Hour || s.warm < 0:
		return errors.New("-rate, -duration and -warmup are not negative, and an hour is the longest")
	case s.mode == "storm" && (s.away < 1 || s.away >= s.listeners):
		return errors.New("-away is fewer than -listeners: the others hear what the storm does to them")
	}
	return nil
}

func run(ctx context.Context, s settings) error {
	if err := s.check(); err != nil {
		return err
	}
	servers := strings.Split(s.servers, ",")
	t := &test{settings: s, process: processes(s.pid, servers)}
	if _, err := t.process.Usage(); err != nil {
		return fmt.Errorf("-pid: %w", err)
	}
	progress("%d people register, and open %s …", s.publishers+1, count(s.rooms, "building"))
	var err error
	client := load.NewClient(servers[0], 8)
	if t.place, err = load.Furnish(ctx, client, load.Size{Rooms: s.rooms, Publishers: s.publishers, Sessions: s.sessions}); err != nil {
		return err
	}
	t.place.Others = servers[1:]
	return modes[s.mode](t, ctx)
}

// processes finds those of servers; none where one of them cannot be found.
func processes(pid int, servers []string) (all load.Processes) {
	if pid != 0 {
		return load.Processes{load.Process(pid)}
	}
	for _, server := range servers {
		one, found := load.ProcessAt(server)
		if !found {
			return nil
		}
		all = append(all, one)
	}
	return all
}

func progress(format string, arguments ...any) { fmt.Fprintf(os.Stderr, format+"\n", arguments...) }

func (t *test) gather(ctx context.Context) (*load.Crowd, error) {
	return load.Gather(ctx, t.place, load.Gathering{
		Listeners: t.listeners, Selections: strings.Split(t.selection, "|"),
		Opened: func(n int) { progress("%d sockets", n) },
	})
}

func (t *test) talking() load.Talk {
	return load.Talk{
		InFlight: t.inFlight, Rate: t.rate, Text: t.text, Sockets: t.by == "socket",
		Progress: func(m load.Measured) {
			progress("%4.0f s  %9d sent  %11d delivered  p99 %s", m.Time.Seconds(), m.Sent, m.Heard, short(m.Delivered.Quantile(0.99)))
		},
	}
}

// talk is people who talk, and everyone who listens.
func (t *test) talk(ctx context.Context) error {
	crowd, err := t.gather(ctx)
	if err != nil {
		return err
	}
	defer crowd.Close()
	m, err := crowd.Measure(ctx, t.talking(), t.warm, t.duration, t.process)
	if err != nil {
		return void(err)
	}
	how := "as fast as they are taken"
	if t.rate > 0 {
		how = fmt.Sprintf("%.0f a second", t.rate)
	}
	fmt.Printf("%d listeners of %s; %s by %s, %s, %d under way; %.1f s\n\n",
		t.listeners, count(t.rooms, "room"), count(t.publishers, "publisher"), t.by, how, t.inFlight, m.Time.Seconds())
	t.print(m)
	return nil
}

// print prints what was measured.
func (t *test) print(m load.Measured) {
	fmt.Printf("%-12s %12s %12s   %9s %9s %9s %9s\n", "", "in all", "a second", "p50", "p95", "p99", "longest")
	of := func(what string, n int64, h *load.Histogram) {
		fmt.Printf("%-12s %12d %12.0f   %9s %9s %9s %9s\n", what, n, m.PerSecond(n),
			short(h.Quantile(0.5)), short(h.Quantile(0.95)), short(h.Quantile(0.99)), short(h.Max()))
	}
	of("sent", m.Sent, m.Acknowledged)
	of("delivered", m.Heard, m.Delivered)
	if m.Retried > 0 {
		fmt.Printf("%d sends were UNAVAILABLE at first, and repeated\n", m.Retried)
	}
	t.printUsage(m.Usage, m.Time)
	if t.process != nil && m.Heard > 0 {
		fmt.Printf("%-12s %12.2f µs of CPU\n", "a delivery", float64(m.EachDelivery(m.Usage.CPU()))/1000)
	}
	fmt.Printf("%-12s %12.2f of a core\n", "this tool", m.Own.CPU().Seconds()/m.Time.Seconds())
	fmt.Println("\nChecked: everyone heard all that was acknowledged, once and in order.")
}

func (t *test) printUsage(u load.Usage, in time.Duration) {
	if t.process == nil {
		fmt.Println("The server is not on this machine, or may not be looked at: see its CPU and memory there.")
		return
	}
	fmt.Printf("\n%-12s %12s   user %s, system %s: %.2f of a core\n", "server CPU",
		short(u.CPU()), short(u.User), short(u.System), u.CPU().Seconds()/in.Seconds())
	fmt.Printf("%-12s %10.1f MiB\n", "memory", mebibytes(u.Resident))
}

// idle is sockets that hear nothing.
func (t *test) idle(ctx context.Context) error {
	before, err := t.process.Usage()
	if err != nil {
		return err
	}
	crowd, err := t.gather(ctx)
	if err != nil {
		return err
	}
	defer crowd.Close()
	opened, err := t.process.Usage()
	if err != nil {
		return err
	}
	select {
	case <-time.After(t.duration):
	case <-ctx.Done():
	}
	after, err := t.process.Usage()
	if err := errors.Join(err, crowd.Fault()); err != nil {
		return void(err)
	}
	fmt.Printf("%d sockets, each with a session and a subscription, idle for %s\n\n", t.listeners, t.duration)
	if t.process == nil {
		t.printUsage(after, t.duration)
		return nil
	}
	fmt.Printf("memory       %10.1f MiB without them, %.1f MiB with them: %.2f KiB a socket\n", mebibytes(before.Resident),
		mebibytes(after.Resident), float64(after.Resident-before.Resident)/1024/float64(t.listeners))
	fmt.Printf("opening      %10.2f ms of CPU a socket\n", opened.Since(before).CPU().Seconds()*1000/float64(t.listeners))
	fmt.Printf("being there  %10.4f of a core\n", after.Since(opened).CPU().Seconds()/t.duration.Seconds())
	return nil
}

// storm is many who come back at once.
func (t *test) storm(ctx context.Context) error {
	crowd, err := t.gather(ctx)
	if err != nil {
		return err
	}
	defer crowd.Close()
	talk := t.talking()
	if talk.Rate == 0 {
		talk.Rate = 20
	}
	found, err := crowd.Storm(ctx, load.Storm{Away: t.away, Missed: t.missed, Talk: talk, Calm: t.duration}, t.process)
	if err != nil {
		return void(err)
	}
	fmt.Printf("%d of %d listeners missed %d entries each, and came back at once; the others heard %.0f messages a second\n\n",
		t.away, t.listeners, t.missed, talk.Rate)
	fmt.Printf("all caught up after %s: %.0f entries a second\n", short(found.CaughtUp), float64(found.Replayed)/found.CaughtUp.Seconds())
	fmt.Printf("p99 of the others   %s before, %s meanwhile\n", short(found.Calm.Delivered.Quantile(0.99)), short(found.During.Delivered.Quantile(0.99)))
	t.printUsage(found.During.Usage, found.During.Time)
	fmt.Println("\nChecked: everyone heard all that was acknowledged, once and in order.")
	return nil
}

// replay is one who comes back to a long log.
func (t *test) replay(ctx context.Context) error {
	if err := load.Fill(ctx, t.place, t.talking(), t.missed); err != nil {
		return void(err)
	}
	r, err := load.Replay(ctx, t.place, t.selection, t.process)
	if err != nil {
		return void(err)
	}
	fmt.Printf("one listener heard %d entries that it had missed in %s: %.0f a second\n", r.Entries, short(r.Time), r.PerSecond())
	t.printUsage(r.Usage, r.Time)
	return nil
}

// void says that there are no figures.
func void(err error) error { return fmt.Errorf("the figures are void: %w", err) }

func mebibytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

// short gives a duration with three digits or so.
func short(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= 100*time.Millisecond:
		return d.Round(time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}
