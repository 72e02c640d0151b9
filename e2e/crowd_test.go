package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// crowd is phones in a process of their own.
type crowd struct {
	orders  *json.Encoder
	reports *json.Decoder
}

// order is what a crowd is told: to listen as these people, from an entry of a room on,
// and then one thing after the other.
type order struct {
	Tokens []string
	Room   string
	After  int64
	// Nodes are where the server is from now on.
	Nodes []string
	// CaughtUp waits until all have caught up since a moment, in nanoseconds, and Heard
	// until they have heard an entry.
	CaughtUp, Heard int64
}

// crowdReport is what a crowd answers to each order.
type crowdReport struct {
	Took   time.Duration // since the moment that all had to catch up from
	Late   bool          // not all did within a minute
	Wrong  string        // the first thing that one of them heard and must not hear
	Turned []ending      // since the report before
}

// asCrowd says to a process of the tests that it is one.
const asCrowd = "OMARTY_E2E_CROWD"

// crowdTime bounds how long an order may take.
const crowdTime = manyTime

// mustGather makes a crowd of phones. Where it is polite, everything else on the machine
// goes before it: those of others are not on the server's machine either.
func mustGather(t *testing.T, all phones, polite bool, nodes ...string) crowd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(self)
	if polite {
		command = exec.Command("nice", "-n", "19", self)
	}
	command.Env = append(os.Environ(), asCrowd+"=yes")
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = command.Process.Kill()
		_ = command.Wait() // it was killed
	})
	c := crowd{json.NewEncoder(in), json.NewDecoder(out)}
	first := order{Room: all[0].room, After: all[0].last.Load(), Nodes: nodes}
	for _, p := range all {
		first.Tokens = append(first.Tokens, p.token)
	}
	c.must(t, first)
	return c
}

// must has the crowd do something.
func (c crowd) must(t *testing.T, o order) crowdReport {
	t.Helper()
	var r crowdReport
	if err := c.orders.Encode(o); err != nil {
		t.Fatal(err)
	}
	if err := c.reports.Decode(&r); err != nil {
		t.Fatal(err)
	}
	if r.Late || r.Wrong != "" {
		t.Fatalf("of the crowd not all were done in time: %v; and wrong was %q", r.Late, r.Wrong)
	}
	return r
}

// playCrowd is the crowd's own process.
func playCrowd(orders io.Reader, reports io.Writer) int {
	in, out := json.NewDecoder(orders), json.NewEncoder(reports)
	var all phones
	var nodes atomic.Pointer[[]string]
	ctx, cancel := context.WithCancel(context.Background())
	var listening sync.WaitGroup
	defer func() { cancel(); listening.Wait() }()
	for {
		var o order
		if err := in.Decode(&o); err != nil {
			return 0 // nobody wants anything any more
		}
		if o.Tokens != nil || o.Nodes != nil {
			nodes.Store(&o.Nodes)
		}
		for _, token := range o.Tokens {
			p := &phone{token: token, room: o.Room}
			p.last.Store(o.After)
			all = append(all, p)
			listening.Go(func() { p.listen(ctx, func() []string { return *nodes.Load() }) })
		}
		if err := out.Encode(all.obey(o)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
}

// obey waits for what an order waits for.
func (all phones) obey(o order) (r crowdReport) {
	behind := func(p *phone) bool {
		return o.CaughtUp > 0 && p.back.Load() <= o.CaughtUp || p.last.Load() < o.Heard
	}
	for begun := time.Now(); slices.ContainsFunc(all, behind) && !r.Late; time.Sleep(5 * time.Millisecond) {
		r.Late = time.Since(begun) > crowdTime
	}
	for _, p := range all {
		if o.CaughtUp > 0 {
			r.Took = max(r.Took, time.Duration(p.back.Load()-o.CaughtUp))
		}
		p.mu.Lock()
		if p.wrong != nil && r.Wrong == "" {
			r.Wrong = p.wrong.Error()
		}
		p.mu.Unlock()
	}
	r.Turned = take(all, turned)
	return r
}
