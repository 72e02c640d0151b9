// Bench measures the product beside two others, in one run and on one machine, and
// prints one table of ratios: gqlgen's stock transport with resolvers that have
// everything in memory, and a raw broadcast of frames that are encoded already. Each
// is a process of its own, under the same load; the rounds of the contenders take
// turns, and medians are taken of the rounds.
//
//	go run ./internal/bench                the whole table; keeps it in docs/benchmarks.md
//	go run ./internal/bench -quick         one round of each, for a look
//	go run ./internal/bench -row fanout    one row
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// publishers are how many people send.
const publishers = 8

// bench is a run.
type bench struct {
	folder  string
	rounds  int
	quick   bool
	profile string
	row     string
	commit  string
	running []*contender
	cleanup []func()
}

// row is a group of lines of the table that are measured together.
type row struct {
	name    string
	measure func(context.Context, *bench) ([]line, error)
}

var rows = []row{
	{"fanout", fanout},
	{"paced", paced},
	{"selections", selections},
	{"inboxes", inboxes},
	{"asker", asker},
	{"idle", idle},
	{"replay", replay},
	{"storm", storm},
	{"history", history},
	{"screen", screen},
	{"page", page},
	{"search", search},
	{"send", send},
}

// line is a line of the table.
type line struct {
	what string
	// value is what was found, and target what it is to be at the most; at the least,
	// where atLeast is set; 0 for none.
	value, target float64
	atLeast       bool
	unit          string
	// detail says what the value was made of, or why there is none.
	detail string
}

func (l line) reached() string {
	switch {
	case l.target == 0:
		return ""
	case l.value == 0:
		return "not measured"
	case l.atLeast == (l.value >= l.target) || l.value == l.target:
		return "yes"
	}
	return "no"
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

func run(ctx context.Context) error {
	only := flag.String("row", "", "measure these rows alone, separated by commas: "+names())
	quick := flag.Bool("quick", false, "one short round of each")
	rounds := flag.Int("rounds", 5, "how many rounds")
	out := flag.String("o", "docs/benchmarks.md", "where the whole table is kept; nowhere where it is empty")
	profile := flag.String("profile", "", "a folder for profiles of the product, one for each row, made with perf")
	flag.Parse()
	folder, err := os.MkdirTemp("", "omarty-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	b := &bench{folder: folder, rounds: *rounds, quick: *quick, profile: *profile, commit: commit()}
	if b.quick {
		b.rounds = 1
	}
	defer b.stopAll()
	if err := build(ctx, folder); err != nil {
		return err
	}
	var table []line
	start := time.Now()
	for _, r := range rows {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), r.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s (%.0f s)\n", r.name, time.Since(start).Seconds())
		b.row = r.name
		lines, err := r.measure(ctx, b)
		b.stopAll()
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		table = append(table, lines...)
	}
	if len(table) == 0 {
		return errors.New("there is no such row; there are " + names())
	}
	write(os.Stdout, table)
	if *only != "" || b.quick || *out == "" {
		return nil
	}
	return b.keep(*out, table, time.Since(start))
}

func names() string {
	var all []string
	for _, r := range rows {
		all = append(all, r.name)
	}
	return strings.Join(all, ", ")
}

func (b *bench) stopAll() {
	for _, c := range b.running {
		c.stop()
	}
	for _, clean := range b.cleanup {
		clean()
	}
	b.running, b.cleanup = nil, nil
}

// startAll starts contenders with so many rooms.
func (b *bench) startAll(ctx context.Context, rooms int, names ...string) (all []*contender, err error) {
	for _, name := range names {
		c, err := b.start(ctx, name, rooms)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// inTurns measures each contender in each round, and gives what was found by
// contender and round.
func inTurns[T any](b *bench, all []*contender, measure func(*contender) (T, error)) ([][]T, error) {
	found := make([][]T, len(all))
	defer b.profiles(all)()
	for round := range b.rounds {
		for i := range all {
			c := (i + round) % len(all)
			one, err := measure(all[c])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", all[c].name, err)
			}
			found[c] = append(found[c], one)
		}
	}
	return found, nil
}

func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// each gives a figure of each round.
func each[T any, F cmp.Ordered](rounds []T, figure func(T) F) (all []F) {
	for _, one := range rounds {
		all = append(all, figure(one))
	}
	return all
}

// ratio gives the median of a figure's ratios, round by round.
func ratio[T any, F ~int64 | ~float64](a, b []T, figure func(T) F) float64 {
	var all []float64
	for i := range a {
		all = append(all, float64(figure(a[i]))/float64(figure(b[i])))
	}
	return median(all)
}

// pick gives one duration or another, as a quick run is short.
func (b *bench) pick(long, quick time.Duration) time.Duration {
	if b.quick {
		return quick
	}
	return long
}

// profiles takes a profile of the product until it is stopped, where one is wanted.
func (b *bench) profiles(all []*contender) (stop func()) {
	if b.profile == "" || all[0].name != "ours" {
		return func() {}
	}
	perf := exec.Command("perf", "record", "-q", "-g", "-F", "1999", "-p", fmt.Sprint(all[0].process),
		"-o", filepath.Join(b.profile, b.row+".perf"))
	perf.Stderr = os.Stderr
	if err := perf.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "bench: no profile:", err)
		return func() {}
	}
	return func() {
		_ = perf.Process.Signal(os.Interrupt)
		_ = perf.Wait() // by the signal
	}
}
