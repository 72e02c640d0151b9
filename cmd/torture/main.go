// Command torture plays with the built program, on one node or many, while it breaks
// them and what they need, and judges by the contract what came of it. It knows the
// program from outside alone.
//
//	go run ./cmd/torture -engine both -for 2m
//	go run ./cmd/torture -engine postgres -nodes 3 -for 20m -kills 300 -sends 1000000 -flood 4
//	go run ./cmd/torture -prove
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const usage = `Torture plays with the built program while it breaks what serves, and judges what came of it.

Writers send messages and retry by key, by whichever node answers; people edit and
delete them, react and vote; listeners come and go, and resume by position; a member
leaves, or is put out, and joins again; sessions are ended while they listen. Meanwhile
nodes, PostgreSQL and NATS are killed, frozen and started again, the links between them
and from clients are cut, lose, delay and trickle, and the disk becomes full. In the end
every acknowledged message and change must be there once, every message be what its
entries make of it, every log dense, and every stream contiguous and the same for all;
who listened must have heard within 3 s of whatever was whole, and an ended session
nothing more. All the time nodes must say what they are, answer each call within its
time, keep their sockets, know who is there and pass on who types. It exits with 1 where that is not so, and says what is wrong, and how to
play it again: the seed gives the same faults, but not the same moments.

With -prove it builds the program with each of the bugs that lie beside it, and has
to find every one.

`

// options are the command's flags.
type options struct {
	engine    string
	nodes     int
	length    time.Duration
	kills     int64
	sends     int64
	faults    string
	floods    int
	seed      uint64
	writers   int
	pace      time.Duration
	listeners int
	race      bool
	prove     bool
	bug       string
	enough    <-chan struct{} // closed to end plays early
}

func main() {
	keepMounts()
	o, err := readOptions(os.Args[1:], os.Stderr)
	ctx, enough, stop := untilTold()
	o.enough = enough
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case err != nil:
		os.Exit(2)
	}
	ok, err := run(ctx, o, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// untilTold gives a context that ends when somebody ends the command. A first interrupt
// closes enough alone: what was played until then is judged.
func untilTold() (ctx context.Context, enough <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	told, early := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(told, os.Interrupt, syscall.SIGTERM)
	go func() {
		if <-told == os.Interrupt {
			fmt.Fprintln(os.Stderr, "torture: ending early, to judge what there is; once more breaks it off")
			close(early)
			<-told
		}
		cancel()
	}()
	return ctx, early, cancel
}

func readOptions(args []string, out io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("torture", flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&o.engine, "engine", "both", "the database: sqlite, postgres or both")
	f.IntVar(&o.nodes, "nodes", 0, "how many nodes there are, 1 to 9; 0 is 3 with PostgreSQL and 1 with SQLite, which knows no more")
	f.DurationVar(&o.length, "for", 30*time.Second, "how long to play, for each engine")
	f.Int64Var(&o.kills, "kills", 0, "end earlier, after so many kills, and as many messages as -sends says")
	f.Int64Var(&o.sends, "sends", 0, "end earlier, when so many messages are acknowledged, and after as many kills as -kills says")
	f.StringVar(&o.faults, "faults", "", "only faults of these kinds, with commas between them: "+strings.Join(faultKinds(), ", ")+", or none")
	f.IntVar(&o.floods, "flood", 0, "devices that write as fast as they are answered, 32 messages at a time, each to a room of its own, 0 to 50")
	f.Uint64Var(&o.seed, "seed", 0, "what the players' choices come from; 0 takes a new one, which the report names")
	f.IntVar(&o.writers, "writers", 6, "devices that write, 1 to 100")
	f.DurationVar(&o.pace, "pace", 20*time.Millisecond, "the time between two messages of a device, on average")
	f.IntVar(&o.listeners, "listeners", 18, "listeners beside those of the member that comes and goes, 0 to 500")
	f.BoolVar(&o.race, "race", false, "build the program with the race detector")
	f.BoolVar(&o.prove, "prove", false, "find the bugs that are planted, each in a program of its own, and nothing in the unbroken one")
	f.StringVar(&o.bug, "bug", "", "play with the program that has one planted bug, such as publish-early; with -prove, look for these alone, with commas between them")
	f.Usage = func() {
		fmt.Fprint(out, usage)
		f.PrintDefaults()
	}
	if err := f.Parse(args); err != nil {
		return o, err
	}
	var wrong string
	switch {
	case f.NArg() > 0:
		wrong = "there are no arguments beside the flags"
	case o.engine != "sqlite" && o.engine != "postgres" && o.engine != "both":
		wrong = "-engine is sqlite, postgres or both"
	case o.writers < 1 || o.writers > 100 || o.listeners < 0 || o.listeners > 500:
		wrong = "-writers goes from 1 to 100, -listeners from 0 to 500"
	case o.nodes < 0 || o.nodes > 9 || o.nodes > 1 && o.engine != "postgres":
		wrong = "-nodes goes from 1 to 9, and is for -engine postgres"
	case o.kills < 0 || o.sends < 0 || o.floods < 0 || o.floods > 50:
		wrong = "-kills and -sends are 0 or more, and -flood goes to 50"
	case !allKnown(o.faults):
		wrong = "-faults has kinds that there are not"
	case o.length <= 0 || o.pace < time.Millisecond:
		wrong = "-for is more than nothing, and -pace at least 1ms"
	}
	if wrong != "" {
		fmt.Fprintln(out, "torture:", wrong)
		return o, errors.New(wrong)
	}
	if o.seed == 0 {
		o.seed = uint64(rand.IntN(1e9)) + 1
	}
	return o, nil
}

// allKnown tells whether all of a list are kinds of faults.
func allKnown(list string) bool {
	for _, kind := range kindsOf(list) {
		if kind != noFaults && !slices.Contains(faultKinds(), kind) {
			return false
		}
	}
	return true
}

// noFaults is a kind that no fault is of.
const noFaults = "none"

func kindsOf(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// arriveTime is for a machine that is busy with other things.
const arriveTime = 30 * time.Second

// manyNodes is how many there are with PostgreSQL where nobody says.
const manyNodes = 3

// floodDepth is how many messages of a flood are under way at most.
const floodDepth = 32

// longestCalm is the end of a run, without faults.
const longestCalm = 8 * time.Second

// calmIn is how much of a run that is.
func calmIn(length time.Duration) time.Duration { return min(longestCalm, length/4) }

func (o options) plan(engine string) plan {
	nodes := max(o.nodes, 1)
	if o.nodes == 0 && engine == "postgres" {
		nodes = manyNodes
	}
	return plan{
		engine: engine, nodes: nodes, length: o.length, kills: o.kills, sends: o.sends, calm: calmIn(o.length),
		faults: kindsOf(o.faults), seed: o.seed, writers: o.writers, pace: o.pace, listeners: o.listeners, floods: o.floods, depth: floodDepth,
		arrive: arriveTime, enough: o.enough, copies: true,
	}
}

func (o options) engines() []string {
	if o.engine == "both" {
		return []string{"sqlite", "postgres"}
	}
	return []string{o.engine}
}

// run is the whole command; false where something is wrong with the program, or
// where a planted bug was not found.
func run(ctx context.Context, o options, out io.Writer) (ok bool, err error) {
	root, err := repository(ctx)
	if err != nil {
		return false, err
	}
	folder, err := os.MkdirTemp("", "omarty-torture-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(folder)
	b := binaries{program: filepath.Join(folder, "omarty-chat"), bus: filepath.Join(folder, "nats-server")}
	if o.prove || o.engine != "sqlite" && o.nodes != 1 {
		if err := buildPackage(ctx, root, natsPackage, b.bus, "", false); err != nil {
			return false, err
		}
	}
	if o.prove {
		return prove(ctx, o, root, folder, b, out)
	}
	if o.bug != "" {
		one, err := findBug(o.bug)
		if err != nil {
			return false, err
		}
		err = one.build(ctx, root, folder, b.program, o.race)
		if err != nil {
			return false, err
		}
	} else if err := build(ctx, root, b.program, "", o.race); err != nil {
		return false, err
	}
	ok = true
	for _, engine := range o.engines() {
		v, err := play(ctx, o.plan(engine), b, out)
		if err != nil {
			return false, err
		}
		v.write(out)
		ok = ok && len(v.violations) == 0
	}
	return ok, nil
}
