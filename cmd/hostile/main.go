// Hostile sends a server what nobody should: documents made from the schema that are
// valid, nearly valid or broken, with variables of wrong types, over HTTP, WebSockets and
// event streams; broken frames, forms, uploads and HTTP. Beside that ordinary people
// talk and listen. It starts the program itself, on a free port of this machine and with
// a folder that goes at the end, and fails where the program panics, answers with a fault
// of its own, loses a message of the ordinary people, or keeps what it was sent: its live
// heap is within 10 % of what it was before.
//
//	go run ./cmd/hostile                    100,000 requests
//	go run ./cmd/hostile -requests 10000    fewer
//	go run ./cmd/hostile -for 1h            as many as an hour has room for
//	go run ./cmd/hostile -seed 7            those of another run
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"sort"
	"strings"
	"syscall"
	"time"
)

// settings are the flags.
type settings struct {
	requests int
	long     time.Duration
	seed     uint64
	workers  int
	race     bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	s := settings{}
	flag.IntVar(&s.requests, "requests", 100_000, "how many requests there are; without an end where -for is given")
	flag.DurationVar(&s.long, "for", 0, "how long requests are made at the most")
	flag.Uint64Var(&s.seed, "seed", rand.Uint64(), "what the requests are made of")
	flag.IntVar(&s.workers, "workers", 8, "how many requests are under way at once")
	flag.BoolVar(&s.race, "race", false, "build the program with the race detector; its heap is not looked at then")
	flag.Parse()
	set := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { set[f.Name] = true })
	if set["for"] && !set["requests"] {
		s.requests = 1 << 40
	}
	err := run(ctx, s)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "hostile: seed %d: %v\n", s.seed, err)
		os.Exit(1)
	}
}

func progress(format string, arguments ...any) { fmt.Fprintf(os.Stderr, format+"\n", arguments...) }

func run(ctx context.Context, s settings) (err error) {
	progress("seed %d", s.seed)
	p, err := startProgram(ctx, s.race)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	ordinary, err := letPeopleTalk(ctx, p.url)
	if err != nil {
		return err
	}
	defer ordinary.close()
	attack, err := newAttack(ctx, s, p)
	if err != nil {
		return err
	}
	// What is made once and for all, when it is first asked for, is there before.
	attack.run(ctx, s.requests/20, 0)
	if err := attack.verdict(); err != nil {
		return err
	}
	attack.done.Store(0)
	before, err := p.liveHeap(ctx)
	if err != nil {
		return err
	}
	profile, err := p.profile(ctx)
	if err != nil {
		return err
	}
	start := time.Now()
	attack.run(ctx, s.requests, s.long)
	took := time.Since(start)
	attack.close()
	told, talkErr := ordinary.stop()
	after, heapErr := p.heapComesBack(ctx, before)
	if s.race {
		heapErr = nil
	}
	if heapErr != nil {
		heapErr = errors.Join(heapErr, p.keepProfiles(ctx, profile))
	}
	attack.print(took)
	fmt.Printf("\nordinary people: %s\nlive heap: %.2f MiB before, %.2f MiB after\n", told, mebibytes(before), mebibytes(after))
	if err := errors.Join(attack.verdict(), talkErr, heapErr, p.alive(ctx), ctx.Err()); err != nil {
		return err
	}
	fmt.Println("No panic, no fault, no message lost, nothing kept.")
	return nil
}

func mebibytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// print prints what was sent, and what came back.
func (a *attack) print(took time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	fmt.Printf("%d requests in %v: %.0f a second\n\n", a.done.Load(), took.Round(100*time.Millisecond), float64(a.done.Load())/took.Seconds())
	var ways []string
	for way := range a.tally {
		ways = append(ways, way)
	}
	sort.Strings(ways)
	for _, way := range ways {
		var ends []string
		for end, n := range a.tally[way] {
			ends = append(ends, fmt.Sprintf("%s %d", end, n))
		}
		sort.Strings(ends)
		fmt.Printf("%-10s %s\n", way, strings.Join(ends, ", "))
	}
}
