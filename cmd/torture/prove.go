package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
)

// rounds are how long the harness plays with a bug until it gives up.
var rounds = []time.Duration{1500 * time.Millisecond, 3 * time.Second, 6 * time.Second, 12 * time.Second, 24 * time.Second}

// prove plays with each planted bug, and with the program without one, and tells
// whether all bugs were found and nothing else.
func prove(ctx context.Context, o options, root, folder string, out io.Writer) (bool, error) {
	bugs, err := readBugs()
	if err != nil {
		return false, err
	}
	table := &strings.Builder{}
	columns := tabwriter.NewWriter(table, 0, 0, 2, ' ', 0)
	fmt.Fprintf(columns, "bug\tengine\tbuild + play\twhat it breaks\n")
	missed := 0
	for next := range builds(ctx, o, bugs, root, folder) {
		if next.err != nil {
			return false, next.err
		}
		began := time.Now()
		found, err := hunt(ctx, o, next.bug, next.binary)
		if err != nil {
			return false, fmt.Errorf("the bug %s: %w", next.name, err)
		}
		_ = os.Remove(next.binary) // the folder goes in the end anyway
		if found == "" {
			missed++
			found = "NOT FOUND"
		}
		fmt.Fprintf(out, "%-18s %s\n", next.name, found)
		fmt.Fprintf(columns, "%s\t%s\t%.0f s + %.0f s\t%s\n",
			next.name, next.engine, next.took.Seconds(), time.Since(began).Seconds(), next.breaks)
	}
	binary := filepath.Join(folder, "omarty-chat")
	if err := build(ctx, root, binary, "", o.race); err != nil {
		return false, err
	}
	p := o.plan("sqlite")
	p.length, p.quiet = rounds[2], true
	v, err := play(ctx, p, binary, out)
	if err != nil {
		return false, err
	}
	fmt.Fprint(out, "\nwithout a bug:")
	v.write(out)
	if err := columns.Flush(); err != nil {
		return false, err
	}
	fmt.Fprintf(out, "\n%s\n%d of %d bugs were found\n", table, len(bugs)-missed, len(bugs))
	return missed == 0 && len(v.violations) == 0, nil
}

// built is a program with a bug.
type built struct {
	bug
	binary string
	took   time.Duration
	err    error
}

// builds gives the programs one by one; the next one is built while somebody plays
// with the one before. It ends with ctx, or after an error.
func builds(ctx context.Context, o options, bugs []bug, root, folder string) iter.Seq[built] {
	return func(yield func(built) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		ready := make(chan built)
		go func() {
			defer close(ready)
			for _, b := range bugs {
				began := time.Now()
				next := built{bug: b, binary: filepath.Join(folder, b.name)}
				next.err = b.build(ctx, root, folder, next.binary, o.race)
				next.took = time.Since(began)
				select {
				case ready <- next:
				case <-ctx.Done():
					return
				}
			}
		}()
		for next := range ready {
			if !yield(next) {
				return
			}
		}
	}
}

// hunt plays with a bug, a little longer each time, until something is wrong: it
// gives the kinds of violations, or "".
func hunt(ctx context.Context, o options, b bug, binary string) (string, error) {
	for i, length := range rounds {
		p := o.plan(b.engine)
		p.length, p.quiet, p.seed = length, true, o.seed+uint64(i)
		v, err := play(ctx, p, binary, io.Discard)
		if err != nil {
			return "", err
		}
		if len(v.violations) > 0 {
			return strings.Join(sortedKeys(v.kinds()), ", "), nil
		}
	}
	return "", nil
}
