// Scaling measures what a message costs, on both engines: bytes of it and of its entry with
// their indexes, statements, processors and log. docs/scaling.md counts up from that.
//
//	make scaling              200,000 messages on each engine
//	make scaling MESSAGES=20000
//
// Messages are lines of the demo's talk, in Arabic and in English, sent over HTTP to the
// built program, to a hundred rooms: first one after the other, and then 64 at once.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/omarty/chat/internal/load"
	"github.com/omarty/chat/internal/testkit/process"
)

const (
	rooms      = 100
	publishers = 32
	inFlight   = 64
	alone      = 500 // messages that are sent one after the other
	listeners  = 500 // of one room
	startTime  = time.Minute
	settleTime = 10 * time.Minute
)

func main() {
	messages := flag.Int("messages", 200_000, "how many messages are sent on each engine")
	only := flag.String("engine", "", "sqlite or postgres alone")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *messages, *only); err != nil {
		fmt.Fprintln(os.Stderr, "scaling:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

func run(ctx context.Context, messages int, only string) error {
	folder, err := os.MkdirTemp("", "omarty-scaling-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if err := os.Chmod(folder, 0o711); err != nil { //nolint:gosec // PostgreSQL runs as another user where we are root
		return err
	}
	binary := filepath.Join(folder, "omarty-chat")
	if out, err := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", binary, "github.com/omarty/chat").CombinedOutput(); err != nil {
		return fmt.Errorf("building: %w\n%s", err, out)
	}
	lines, err := talk(ctx)
	if err != nil {
		return err
	}
	for _, e := range []engine{&sqlite{folder: folder}, &pg{folder: folder}} {
		if only != "" && only != e.name() {
			continue
		}
		if err := measure(ctx, e, binary, filepath.Join(folder, e.name()+"-data"), lines, messages); err != nil {
			return fmt.Errorf("%s: %w", e.name(), err)
		}
	}
	return nil
}

// choices are what the demo chooses one of.
var choices = regexp.MustCompile(`\{([^|}]*)[^}]*\}`)

// talk gives what people say in the demo.
func talk(ctx context.Context) (lines []string, err error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return nil, fmt.Errorf("go list: run it within the repository: %w", err)
	}
	paths, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "internal", "demo", "*-talk.txt")) // the pattern is a good one
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			if _, said, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && !strings.HasPrefix(line, "#") {
				lines = append(lines, choices.ReplaceAllString(said, "$1"))
			}
		}
	}
	if len(lines) < 50 {
		return nil, fmt.Errorf("the demo says %d lines", len(lines))
	}
	return lines, nil
}

// engine is a database that can be looked at.
type engine interface {
	name() string
	// start makes it ready, and gives the program's setting.
	start(ctx context.Context) (url string, err error)
	// look tells what it has done until now.
	look(ctx context.Context) (work, error)
	// indexed tells whether all messages can be found by their words.
	indexed(ctx context.Context) (bool, error)
	// sizes gives the bytes of each table with its indexes, once the program has ended.
	sizes(ctx context.Context) (map[string]int64, error)
	stop() error
}

// work is what an engine has done, beside what it does in the program's process.
type work struct {
	cpu             time.Duration
	statements, wal int64
}

// measure sends messages to the program on an engine, and prints what that took.
func measure(ctx context.Context, e engine, binary, data string, lines []string, messages int) (err error) {
	url, err := e.start(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if failed := e.stop(); err == nil {
			err = failed
		}
	}()
	port, err := process.QuietPort()
	if err != nil {
		return err
	}
	server := fmt.Sprintf("http://127.0.0.1:%d", port)
	command := exec.Command(binary) //nolint:gosec // ours
	command.SysProcAttr = process.Tied(syscall.SIGKILL)
	command.Env = append(os.Environ(), fmt.Sprintf("OMARTY_LISTEN=127.0.0.1:%d", port), "OMARTY_DATA_DIR="+data,
		"OMARTY_DATABASE_URL="+url, "OMARTY_RATE_LIMITS=off", "OMARTY_LOG=warn,text")
	command.Stderr = os.Stderr
	ended := make(chan struct{})
	if err := process.Start(command, func(error) { close(ended) }); err != nil {
		return err
	}
	end := sync.OnceFunc(func() {
		_ = command.Process.Signal(syscall.SIGTERM) // fails where it has ended
		<-ended
	})
	defer end()
	m := &meter{engine: e, program: load.Process(command.Process.Pid), client: load.NewClient(server, inFlight), lines: lines}
	if m.place, err = m.furnish(ctx); err != nil {
		return err
	}
	fmt.Printf("\n## %s, %d messages of %d bytes on average\n\n", e.name(), messages, m.average())
	fmt.Printf("| | CPU of the program | CPU of the database | statements | write-ahead log |\n|---|---|---|---|---|\n")
	if _, err := m.send(ctx, "a send, one after the other", alone, 1); err != nil {
		return err
	}
	each, err := m.send(ctx, fmt.Sprintf("a send, %d under way", inFlight), messages, inFlight)
	if err != nil {
		return err
	}
	if err := m.deliver(ctx, each); err != nil {
		return err
	}
	if err := m.settle(ctx); err != nil {
		return err
	}
	end()
	sizes, err := e.sizes(ctx)
	if err != nil {
		return err
	}
	printSizes(sizes, int64(messages+alone)+m.besides)
	return nil
}

// meter measures a program.
type meter struct {
	engine  engine
	program load.Process
	client  *load.Client
	place   *load.Place
	lines   []string
	besides int64 // messages that were sent to measure deliveries
}

// furnish waits until the program serves, and makes a place there.
func (m *meter) furnish(ctx context.Context) (p *load.Place, err error) {
	for began := time.Now(); time.Since(began) < startTime; time.Sleep(50 * time.Millisecond) {
		if err = m.client.Ask(ctx, "", "{ viewer { id } }", nil, nil); err == nil {
			return load.Furnish(ctx, m.client, load.Size{Rooms: rooms, Publishers: publishers})
		}
	}
	return nil, err
}

// text gives what somebody says: one to three lines.
func (m *meter) text() string {
	said := make([]string, 1+rand.IntN(3))
	for i := range said {
		said[i] = m.lines[rand.IntN(len(m.lines))]
	}
	return strings.Join(said, " ")
}

func (m *meter) average() int {
	const many = 10_000
	bytes := 0
	for range many {
		bytes += len(m.text())
	}
	return bytes / many
}

const sendMessage = `mutation($input: SendMessageInput!) { sendMessage(input: $input) { message { seq } } }`

// send sends messages, so many at once, prints what each took, and gives the program's CPU.
func (m *meter) send(ctx context.Context, what string, messages, atOnce int) (each time.Duration, err error) {
	took, err := m.spent(ctx, func() error {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		var next atomic.Int64
		var sending sync.WaitGroup
		for range atOnce {
			sending.Go(func() {
				for n := int(next.Add(1)); n <= messages && ctx.Err() == nil; n = int(next.Add(1)) {
					room := m.place.Rooms[n%rooms]
					err := m.client.Ask(ctx, m.place.Publishers[room.Publishers[n/rooms%len(room.Publishers)]], sendMessage, map[string]any{"input": map[string]any{
						"room": room.ID, "key": load.Tag(), "text": m.text(),
					}}, nil)
					if err != nil {
						cancel(err)
					}
				}
			})
		}
		sending.Wait()
		return context.Cause(ctx)
	})
	if err != nil {
		return 0, err
	}
	n := time.Duration(messages)
	database := "in the program's | | |"
	if took.statements > 0 {
		database = fmt.Sprintf("%.0f µs | %.2f | %d bytes |", micro(took.cpu/n), float64(took.statements)/float64(messages), took.wal/int64(messages))
	}
	fmt.Printf("| %s | %.0f µs | %s\n", what, micro(took.program/n), database)
	return took.program / n, nil
}

// deliver has people of one room listen, and prints what a delivery takes beside the sends.
func (m *meter) deliver(ctx context.Context, send time.Duration) error {
	place, err := load.Furnish(ctx, m.client, load.Size{Rooms: 1, Publishers: 4})
	if err != nil {
		return err
	}
	crowd, err := load.Gather(ctx, place, load.Gathering{Listeners: listeners})
	if err != nil {
		return err
	}
	defer crowd.Close()
	found, err := crowd.Measure(ctx, load.Talk{InFlight: inFlight, Rate: 20, Text: 110}, time.Second, 8*time.Second, m.program)
	if err != nil {
		return err
	}
	m.besides += found.Sent
	own := found.Usage.CPU() - time.Duration(found.Sent)*send
	fmt.Printf("| a delivery, %d listeners of one room | %.1f µs | none | none | none |\n", listeners, micro(own)/float64(found.Heard))
	return nil
}

// settle waits until all messages can be found by their words.
func (m *meter) settle(ctx context.Context) error {
	for began := time.Now(); time.Since(began) < settleTime; time.Sleep(time.Second) {
		if done, err := m.engine.indexed(ctx); err != nil || done {
			return err
		}
	}
	return fmt.Errorf("the words were not indexed within %v", settleTime)
}

// spending is what the program and its database took.
type spending struct {
	work
	program time.Duration
}

func (m *meter) spent(ctx context.Context, do func() error) (s spending, err error) {
	before, err := m.engine.look(ctx)
	if err != nil {
		return s, err
	}
	used, err := m.program.Usage()
	if err != nil {
		return s, err
	}
	if err := do(); err != nil {
		return s, err
	}
	now, err := m.program.Usage()
	if err != nil {
		return s, err
	}
	after, err := m.engine.look(ctx)
	s.program = now.Since(used).CPU()
	s.work = work{after.cpu - before.cpu, after.statements - before.statements, after.wal - before.wal}
	return s, err
}

func micro(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
