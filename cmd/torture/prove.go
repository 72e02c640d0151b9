package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"
)

// rounds are how long the harness plays with a bug until it gives up.
var rounds = []time.Duration{1500 * time.Millisecond, 3 * time.Second, 6 * time.Second, 12 * time.Second, 24 * time.Second, 48 * time.Second}

// players is how many programs are played with at the same time.
const players = 2

// proof is what came of one bug, or of the program without one.
type proof struct {
	bug
	binaries
	built, took time.Duration
	// found is how the bug was found, and first says so of the first thing that is wrong;
	// "" where it was not.
	found, first string
}

// prove plays with each planted bug, and with the program without one, and tells
// whether all bugs were found and nothing else.
func prove(ctx context.Context, o options, root, folder string, b binaries, out io.Writer) (bool, error) {
	bugs, err := readBugs()
	if err != nil {
		return false, err
	}
	if o.bug != "" {
		bugs = slices.DeleteFunc(bugs, func(b bug) bool { return !slices.Contains(kindsOf(o.bug), b.name) })
	}
	proofs := make([]proof, len(bugs))
	group, hunting := errgroup.WithContext(ctx)
	builds := make(chan int)
	group.Go(func() error {
		defer close(builds)
		for i, one := range bugs {
			began := time.Now()
			p := proof{bug: one, binaries: binaries{filepath.Join(folder, one.name), b.bus}}
			if err := one.build(hunting, root, folder, p.program, o.race); err != nil {
				return err
			}
			p.built = time.Since(began)
			proofs[i] = p
			select {
			case builds <- i:
			case <-hunting.Done():
				return hunting.Err()
			}
		}
		return nil
	})
	for range players {
		group.Go(func() error {
			for i := range builds {
				p := &proofs[i]
				if err := p.hunt(hunting, o); err != nil {
					return fmt.Errorf("the bug %s: %w", p.name, err)
				}
				fmt.Fprintf(out, "%-18s %s\n%19s%s\n", p.name, cmp.Or(p.found, "NOT FOUND"), "", p.first)
				_ = os.Remove(p.program) // the folder goes in the end anyway
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return false, err
	}
	// It has the machine for itself, so that what is late is its own fault.
	if err := build(ctx, root, b.program, "", o.race); err != nil {
		return false, err
	}
	p := o.plan("sqlite")
	p.length, p.quiet = rounds[2], true
	unbroken, err := play(ctx, p, b, out)
	if err != nil {
		return false, err
	}
	fmt.Fprint(out, "\nwithout a bug:")
	unbroken.write(out)
	missed := writeProofs(proofs, out)
	return missed == 0 && len(unbroken.violations) == 0, nil
}

// writeProofs writes a table, and gives how many bugs were not found.
func writeProofs(proofs []proof, out io.Writer) (missed int) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nbug\tengine\tnodes\tbuild\tplay\t\twhat it breaks\n")
	for _, p := range proofs {
		found := "found"
		if p.found == "" {
			found = "MISSED"
			missed++
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%.0f s\t%.0f s\t%s\t%s\n", p.name, p.engine, p.nodes, p.built.Seconds(), p.took.Seconds(), found, p.breaks)
	}
	_ = table.Flush() // there is nobody to tell
	fmt.Fprintf(out, "\n%d of %d bugs were found\n", len(proofs)-missed, len(proofs))
	return missed
}

// huntArriveTime is shorter: with a bug, who does not get to the end of a log may
// never do so.
const huntArriveTime = 8 * time.Second

// Where there are many nodes few come and go, since who does reads the log, and so hides
// what the nodes do not tell each other; some write without a pause.
const (
	crowdListeners = 6
	crowdWriters   = 3
	crowdFloods    = 1
	crowdDepth     = 2
)

// huntCopies is how long a play has to be for copies to be made, and newcomers to come: for
// most bugs they are of no use, and where there are many nodes, who erases an account has them
// read logs anew.
const huntCopies = 3 * time.Second

// hunt plays with a bug, a little longer each time, until something is wrong.
func (p *proof) hunt(ctx context.Context, o options) error {
	began := time.Now()
	defer func() { p.took = time.Since(began) }()
	for i, length := range rounds {
		if length < p.length {
			length = p.length
		}
		one := o.plan(p.engine)
		one.nodes, one.faults, one.length, one.calm = p.nodes, p.faults, length, calmIn(length)
		if p.nodes > 1 {
			one.listeners, one.writers, one.floods, one.depth, one.calm = crowdListeners, crowdWriters, crowdFloods, crowdDepth, length/2
		}
		one.arrive, one.quiet, one.first, one.seed = huntArriveTime, true, true, o.seed+uint64(i)
		one.copies = length >= huntCopies && (p.nodes == 1 || p.newcomers)
		v, err := play(ctx, one, p.binaries, io.Discard)
		if err != nil {
			return err
		}
		if len(v.violations) > 0 {
			p.found = strings.Join(sortedKeys(v.kinds()), ", ")
			p.first, _, _ = strings.Cut(v.violations[0].text, "\n")
			return nil
		}
	}
	return nil
}
