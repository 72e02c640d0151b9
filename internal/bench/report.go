package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// write writes the table.
func write(to io.Writer, table []line) {
	fmt.Fprintln(to, "| what | found | target | reached | of which |")
	fmt.Fprintln(to, "|---|---|---|---|---|")
	for _, l := range table {
		found, target := "–", ""
		if l.value != 0 {
			found = fmt.Sprintf("%.3g%s", l.value, l.unit)
		}
		if l.target != 0 {
			sign := "≤"
			if l.atLeast {
				sign = "≥"
			}
			target = fmt.Sprintf("%s %.3g%s", sign, l.target, l.unit)
		}
		fmt.Fprintf(to, "| %s | %s | %s | %s | %s |\n", l.what, found, target, l.reached(), l.detail)
	}
}

const preface = `# Benchmarks

What ` + "`make bench`" + ` found last. It measures ratios, all of them in one run and on the
same machine; absolute figures of another machine are others. Each figure is the median
of %d rounds, in which the contenders took turns; a ratio is that of each round.

- commit %s
- %s; %s; %s
- %s, %.0f minutes

%s
## What is compared

The contenders are processes of their own, under the same load from the same client,
which shares the machine with them: its CPU time is not counted, theirs is read from
/proc. A delivery is counted when a listener has checked that it comes once and in its
order; a message is under way until it is acknowledged and all have it.

- **ours** is the program, on SQLite where nothing else is said. Its CPU time is all of
  it: requests, transactions with their flush, and deliveries.
- **stock** is the same schema and the same generated code behind gqlgen's own
  transports with their usual settings, over resolvers that have everything in memory.
  It reads no database and flushes nothing, so it is more than a server built the
  ordinary way can do; where ours beats it, it beats the same resolvers over a database
  by more.
- **same** is gqlgen's own transports and usual settings over our resolvers, verbs and
  database: where a row is about what is read, that is the fair other.
- **raw** is what the machine can do: frames encoded once, by hand, and handed to every
  connection, where those that wait share a write. It stores nothing, and parses next to
  nothing.

One row alone: ` + "`go run ./internal/bench -row fanout`" + `; all of them once, for a look:
` + "`go run ./internal/bench -quick`" + `. What a machine of yours carries, ` + "`go run ./cmd/loadtest`" + `
tells. Benchmarks of the hot code, with allocations, stand beside it:
` + "`go test -run '^$' -bench . -benchmem ./...`" + `
`

// keep writes the whole report.
func (b *bench) keep(path string, table []line, took time.Duration) error {
	var rows strings.Builder
	write(&rows, table)
	text := fmt.Sprintf(preface, b.rounds, b.commit, processor(), runtime.GOOS+"/"+runtime.GOARCH, runtime.Version(),
		time.Now().UTC().Format("2006-01-02"), took.Minutes(), rows.String())
	return os.WriteFile(path, []byte(text), 0o644)
}

// commit names what was measured.
func commit() string {
	head, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(head))
	if changed, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no").Output(); err == nil && len(changed) > 0 {
		name += ", with changes"
	}
	return name
}

// processor says what the machine computes with.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return fmt.Sprintf("%d processors", runtime.NumCPU())
	}
	_, model, _ := strings.Cut(string(text), "model name")
	model, _, _ = strings.Cut(strings.TrimLeft(model, "\t :"), "\n")
	load, _ := os.ReadFile("/proc/loadavg") // for who doubts
	busy, _, _ := strings.Cut(string(load), " ")
	return fmt.Sprintf("%d × %s, load %s at the end", runtime.NumCPU(), model, busy)
}
