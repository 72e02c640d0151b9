package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
)

// rounds are how long the harness plays with a bug until it gives up.
var rounds = []time.Duration{4 * time.Second, 8 * time.Second, 16 * time.Second}

// prove plays with each planted bug, and with the program without one, and tells
// whether all bugs were found and nothing else.
func prove(ctx context.Context, o options, root, folder string, out io.Writer) (bool, error) {
	bugs, err := readBugs()
	if err != nil {
		return false, err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	missed := 0
	var lines []string
	for _, b := range bugs {
		began := time.Now()
		binary := filepath.Join(folder, b.name)
		if err := b.build(ctx, root, folder, binary, o.race); err != nil {
			return false, err
		}
		built := time.Since(began)
		found, err := hunt(ctx, o, b, binary)
		if err != nil {
			return false, fmt.Errorf("the bug %s: %w", b.name, err)
		}
		_ = os.Remove(binary) // the folder goes in the end anyway
		if found == "" {
			missed++
			found = "NOT FOUND"
		}
		fmt.Fprintf(out, "%-22s %s\n", b.name, found)
		lines = append(lines, fmt.Sprintf("%s\t%s\t%.0f s + %.0f s\t%s\t%s\n",
			b.name, b.engine, built.Seconds(), (time.Since(began)-built).Seconds(), found, b.breaks))
	}
	binary := filepath.Join(folder, "omarty-chat")
	if err := build(ctx, root, binary, "", o.race); err != nil {
		return false, err
	}
	p := o.plan("sqlite")
	p.length, p.quiet = rounds[1], true
	v, err := play(ctx, p, binary, out)
	if err != nil {
		return false, err
	}
	v.write(out)
	fmt.Fprintf(table, "\nbug\tengine\tbuild + play\tfound by\twhat it breaks\n%s", strings.Join(lines, ""))
	if err := table.Flush(); err != nil {
		return false, err
	}
	fmt.Fprintf(out, "\n%d of %d bugs were found\n", len(bugs)-missed, len(bugs))
	return missed == 0 && len(v.violations) == 0, nil
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
