package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// counts are what was done in a run, while it lasts.
type counts struct {
	answers, retries, replays, reused     atomic.Int64
	entries, subscriptions, seams, broken atomic.Int64
	pages, comings, deeds, polls          atomic.Int64
	kills, stops, databaseKills           atomic.Int64
}

// String is a line of progress.
func (c *counts) String() string {
	return fmt.Sprintf("%d answers (%d retries, %d replays), %d entries heard on %d subscriptions, %d kills",
		c.answers.Load(), c.retries.Load(), c.replays.Load(), c.entries.Load(), c.subscriptions.Load(), c.kills.Load()+c.databaseKills.Load())
}

// violation is something that the contract does not allow.
type violation struct {
	// kind is what was violated, the same words for all of the kind.
	kind string
	text string
}

// verdict is the end of a run.
type verdict struct {
	plan       plan
	took       time.Duration
	arrival    time.Duration // of the last listener, when all was quiet
	counts     *counts
	logs       int // entries of all logs
	violations []violation
}

// shown is how many violations of a kind are written in words.
const shown = 4

// write writes the report.
func (v verdict) write(out io.Writer) {
	c := v.counts
	fmt.Fprintf(out, `
%s, seed %d, %s:
  faults     server killed %d times and stopped %d times, database killed %d times
  writing    %d answers for %d log entries; %d retries, %d replays, %d keys used for something else
  changing   %d edits, deletions, reactions and votes; %d polls
  listening  %d entries on %d subscriptions, caught up %d times, broken off %d times; all arrived in %s
  reading    %d pages; a member left and came back %d times
`, v.plan.engine, v.plan.seed, v.took.Round(100*time.Millisecond),
		c.kills.Load(), c.stops.Load(), c.databaseKills.Load(),
		c.answers.Load(), v.logs, c.retries.Load(), c.replays.Load(), c.reused.Load(),
		c.deeds.Load(), c.polls.Load(),
		c.entries.Load(), c.subscriptions.Load(), c.seams.Load(), c.broken.Load(), v.arrival.Round(10*time.Millisecond),
		c.pages.Load(), c.comings.Load())
	if len(v.violations) == 0 {
		fmt.Fprintln(out, "  verdict    nothing is wrong")
		return
	}
	fmt.Fprintf(out, "  verdict    %d violations\n", len(v.violations))
	kinds := v.kinds()
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		texts := kinds[kind]
		fmt.Fprintf(out, "\n  %s (%d)\n", kind, len(texts))
		for _, text := range texts[:min(shown, len(texts))] {
			fmt.Fprintf(out, "    %s\n", strings.ReplaceAll(text, "\n", "\n    "))
		}
	}
}

// kinds gives the violations by their kind.
func (v verdict) kinds() map[string][]string {
	kinds := map[string][]string{}
	for _, w := range v.violations {
		kinds[w.kind] = append(kinds[w.kind], w.text)
	}
	return kinds
}
