// Command torture plays with the built program while it kills it, and judges by
// the contract what came of it. It knows the program from outside alone.
//
//	go run ./cmd/torture -engine both -for 2m
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
	"syscall"
	"time"
)

const usage = `Torture plays with the built program while it kills it, and judges what came of it.

Writers send messages and retry by key; people edit and delete them, react and vote;
listeners come and go, and resume by position; a member leaves, or is put out, and
joins again. Meanwhile the server is killed again and again, and PostgreSQL too. In the
end every acknowledged message and change must be there once, every message be what its
entries make of it, every log dense, and every stream contiguous and the same for all.
It exits with 1 where that is not so, and says what is wrong.

With -prove it builds the program with each of the bugs that lie beside it, and has
to find every one.

`

// options are the command's flags.
type options struct {
	engine    string
	length    time.Duration
	seed      uint64
	writers   int
	pace      time.Duration
	listeners int
	race      bool
	prove     bool
	bug       string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	o, err := readOptions(os.Args[1:], os.Stderr)
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

func readOptions(args []string, out io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("torture", flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&o.engine, "engine", "both", "the database: sqlite, postgres or both")
	f.DurationVar(&o.length, "for", 30*time.Second, "how long to play, for each engine")
	f.Uint64Var(&o.seed, "seed", 0, "what the players' choices come from; 0 takes a new one, which the report names")
	f.IntVar(&o.writers, "writers", 6, "devices that write, 1 to 100")
	f.DurationVar(&o.pace, "pace", 20*time.Millisecond, "the time between two messages of a device, on average")
	f.IntVar(&o.listeners, "listeners", 18, "listeners beside those of the member that comes and goes, 0 to 500")
	f.BoolVar(&o.race, "race", false, "build the program with the race detector")
	f.BoolVar(&o.prove, "prove", false, "find the bugs that are planted, each in a program of its own, and nothing in the unbroken one")
	f.StringVar(&o.bug, "bug", "", "play with the program that has one planted bug, such as publish-early")
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

// arriveTime is for a machine that is busy with other things.
const arriveTime = 30 * time.Second

func (o options) plan(engine string) plan {
	return plan{engine: engine, length: o.length, seed: o.seed, writers: o.writers, pace: o.pace, listeners: o.listeners, arrive: arriveTime}
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
	if o.prove {
		return prove(ctx, o, root, folder, out)
	}
	binary := filepath.Join(folder, "omarty-chat")
	if o.bug != "" {
		b, err := findBug(o.bug)
		if err != nil {
			return false, err
		}
		err = b.build(ctx, root, folder, binary, o.race)
		if err != nil {
			return false, err
		}
	} else if err := build(ctx, root, binary, "", o.race); err != nil {
		return false, err
	}
	ok = true
	for _, engine := range o.engines() {
		v, err := play(ctx, o.plan(engine), binary, out)
		if err != nil {
			return false, err
		}
		v.write(out)
		ok = ok && len(v.violations) == 0
	}
	return ok, nil
}
