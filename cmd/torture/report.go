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
	kills, stops, databaseKills, busKills atomic.Int64
	freezes, cuts, weathers, disks, pulls atomic.Int64
	revocations, marks, visits            atomic.Int64
	mourned, together, signals            atomic.Int64
	mutes, probes, groups                 atomic.Int64
	newcomers, backups                    atomic.Int64

	takes times // from a message to its answer
}

// allKills are those by SIGKILL.
func (c *counts) allKills() int64 {
	return c.kills.Load() + c.databaseKills.Load() + c.busKills.Load()
}

// String is a line of progress.
func (c *counts) String() string {
	return fmt.Sprintf("%d kills, %d freezes, %d cuts, bad links and pulled cables, %d full disks; %d sends acknowledged (%d retries, %d replays); %d entries heard on %d subscriptions",
		c.allKills(), c.freezes.Load(), c.cuts.Load()+c.weathers.Load()+c.pulls.Load(), c.disks.Load(),
		c.answers.Load(), c.retries.Load(), c.replays.Load(), c.entries.Load(), c.subscriptions.Load())
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
	heard      *times
	fills      bool // whether there is a disk that can be made full
	cables     bool // whether nodes have cables of their own
	logs       int  // entries of all logs
	violations []violation
}

// shown is how many violations of a kind are written in words.
const shown = 4

// write writes the report.
func (v verdict) write(out io.Writer) {
	c := v.counts
	fmt.Fprintf(out, `
%s, %d nodes, seed %d, %s:
  faults     SIGKILL of nodes %d times, of PostgreSQL %d, of NATS %d; nodes stopped in good order %d times
             frozen %d times; links cut %d times, and lossy, late or slow %d times; cables pulled %s; disks full %s
  writing    %d answers for %d log entries; %d retries, %d replays, %d keys used for something else
  changing   %d edits, deletions, reactions and votes; %d polls; %d read marks
  listening  %d entries on %d subscriptions, caught up %d times, broken off %d times; all arrived in %s
  reading    %d pages; a member left and came back %d times; %d sessions were ended
  presence   somebody was there on one node %d times, on two %d times, on one that was killed, and was forgotten, %d times; %d signals
  besides    muted %d times; %d groups closed or slowed down; %d positions of no log; %d rounds of people who do things at once; %d copies of the database, the last put back
  times      a send p50 %s, p99 %s; from there to a listener p50 %s, p99 %s: outages included
`, v.plan.engine, v.plan.nodes, v.plan.seed, v.took.Round(100*time.Millisecond),
		c.kills.Load(), c.databaseKills.Load(), c.busKills.Load(), c.stops.Load(),
		c.freezes.Load(), c.cuts.Load(), c.weathers.Load(), v.pulls(), v.disks(),
		c.answers.Load(), v.logs, c.retries.Load(), c.replays.Load(), c.reused.Load(),
		c.deeds.Load(), c.polls.Load(), c.marks.Load(),
		c.entries.Load(), c.subscriptions.Load(), c.seams.Load(), c.broken.Load(), v.arrival.Round(10*time.Millisecond),
		c.pages.Load(), c.comings.Load(), c.revocations.Load(),
		c.visits.Load(), c.together.Load(), c.mourned.Load(), c.signals.Load(),
		c.mutes.Load(), c.groups.Load(), c.probes.Load(), c.newcomers.Load(), c.backups.Load(),
		short(c.takes.at(0.5)), short(c.takes.at(0.99)), short(v.heard.at(0.5)), short(v.heard.at(0.99)))
	fmt.Fprintf(out, "  again      %s\n", v.plan.command())
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

func short(d time.Duration) string { return d.Round(100 * time.Microsecond).String() }

func (v verdict) disks() string {
	if !v.fills {
		return "never: mounting one needs root, on Linux"
	}
	return fmt.Sprintf("%d times", v.counts.disks.Load())
}

func (v verdict) pulls() string {
	if !v.cables {
		return "never: network namespaces need root, on Linux"
	}
	return fmt.Sprintf("%d times", v.counts.pulls.Load())
}

// command is what plays the same again.
func (p plan) command() string {
	b := &strings.Builder{}
	fmt.Fprintf(b, "go run ./cmd/torture -engine %s -nodes %d -for %v -seed %d -writers %d -pace %v -listeners %d -flood %d",
		p.engine, p.nodes, p.length, p.seed, p.writers, p.pace, p.listeners, p.floods)
	if p.kills > 0 {
		fmt.Fprintf(b, " -kills %d", p.kills)
	}
	if p.sends > 0 {
		fmt.Fprintf(b, " -sends %d", p.sends)
	}
	if len(p.faults) > 0 {
		fmt.Fprintf(b, " -faults %s", strings.Join(p.faults, ","))
	}
	return b.String()
}

// kinds gives the violations by their kind.
func (v verdict) kinds() map[string][]string {
	kinds := map[string][]string{}
	for _, w := range v.violations {
		kinds[w.kind] = append(kinds[w.kind], w.text)
	}
	return kinds
}
