package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// moment is what can set off a fault.
type moment int32

const (
	anyTime moment = iota
	// anAnswer is the moment when a writer is told that its message is there.
	anAnswer
	// anEntry is the moment when a listener is told of an entry.
	anEntry
)

// faults break what serves, and mend it, on and on.
type faults struct {
	site    *site
	kinds   []*fault
	longest time.Duration // of a freeze or a bad weather
	// first are those that were not chosen yet; dealt says that they were put in order.
	first []*fault
	dealt bool
	// outlasted says that one trouble was longer than any call may take.
	outlasted bool

	random  *rand.Rand
	history *history
	counts  *counts
	tell    io.Writer // what happens, as it happens

	armed  atomic.Int32
	strike func()
	struck chan struct{}
	// quiet is closed when there shall be no more of them.
	quiet <-chan struct{}
	// under is closed when no trouble is under way any more that goes on beside others.
	under chan struct{}
}

// fault is a kind of fault.
type fault struct {
	kind   string
	weight int
	// there tells whether a site has what it breaks.
	there func(*site) bool
	make  func(*faults, context.Context) error
}

func always(*site) bool      { return true }
func hasData(s *site) bool   { return s.database != nil }
func hasBus(s *site) bool    { return s.bus != nil }
func canFillUp(s *site) bool { return s.disk != nil }
func hasCables(s *site) bool { return s.network != nil }

// allFaults are all there are.
var allFaults = []*fault{
	{"kill", 16, always, (*faults).crash},
	{"stop", 2, always, (*faults).restart},
	{"database", 8, hasData, (*faults).loseDatabase},
	{"nats", 6, hasBus, (*faults).loseBus},
	{"freeze", 4, always, (*faults).freezeNode},
	{"freeze", 2, hasData, (*faults).freezeData},
	{"freeze", 2, hasBus, (*faults).freezeBus},
	{"network", 3, always, (*faults).spoilClients},
	{"network", 3, hasData, (*faults).spoilData},
	{"network", 2, hasBus, (*faults).spoilBus},
	{"cable", 4, hasCables, (*faults).pullCable},
	{"disk", 2, canFillUp, (*faults).fillDisk},
}

// faultKinds names them.
func faultKinds() []string {
	var kinds []string
	for _, one := range allFaults {
		if !slices.Contains(kinds, one.kind) {
			kinds = append(kinds, one.kind)
		}
	}
	return kinds
}

// chooseFaults gives those of a site that are asked for by their kinds: all for none.
func chooseFaults(s *site, kinds []string) []*fault {
	var chosen []*fault
	for _, one := range allFaults {
		if one.there(s) && (len(kinds) == 0 || slices.Contains(kinds, one.kind)) {
			chosen = append(chosen, one)
		}
	}
	return chosen
}

// saw sets off the fault that waits for this moment, if one does: at once, before
// whoever saw it goes on.
func (f *faults) saw(m moment) {
	if f.armed.CompareAndSwap(int32(m), int32(anyTime)) {
		f.strike()
		close(f.struck)
	}
}

// run makes faults until quiet is closed or ctx ends. What it broke is whole then.
func (f *faults) run(ctx context.Context, quiet <-chan struct{}) error {
	defer f.calm(ctx)
	f.quiet = quiet
	for len(f.kinds) > 0 {
		select {
		case <-quiet:
			return nil
		case <-ctx.Done():
			return nil
		case <-time.After(f.peace()):
		}
		if err := f.choose().make(f, ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// choose gives each of them once, in some order, and then any.
func (f *faults) choose() *fault {
	if !f.dealt {
		f.dealt, f.first = true, slices.Clone(f.kinds)
		f.random.Shuffle(len(f.first), func(i, j int) { f.first[i], f.first[j] = f.first[j], f.first[i] })
	}
	if n := len(f.first); n > 0 {
		one := f.first[n-1]
		f.first = f.first[:n-1]
		return one
	}
	sum := 0
	for _, one := range f.kinds {
		sum += one.weight
	}
	n := f.random.IntN(sum)
	for _, one := range f.kinds {
		if n -= one.weight; n < 0 {
			return one
		}
	}
	return nil
}

// peace is how long all stays up: mostly a second or so, but longer than a start
// takes on a machine that is busy.
func (f *faults) peace() time.Duration {
	took := time.Duration(0)
	for _, n := range f.site.nodes {
		took = max(took, n.took)
	}
	return time.Duration(200+f.random.IntN(1200))*time.Millisecond + took
}

// say tells of a fault.
func (f *faults) say(format string, a ...any) {
	fmt.Fprintf(f.tell, "%7.2f s  %s\n", f.history.since().Seconds(), fmt.Sprintf(format, a...))
}

// longestSpell is how long one lasts at the most, but for those that are to outlast calls.
const longestSpell = 8 * time.Second

// spell is how long a trouble lasts that ends by itself: from 0.2 s to 8 s, most of them
// short.
func (f *faults) spell() time.Duration {
	const shortest = 200 * time.Millisecond
	if f.longest <= shortest {
		return shortest
	}
	return time.Duration(float64(shortest) * math.Pow(float64(f.longest)/float64(shortest), f.random.Float64()))
}

// outlasting is longer than any call may wait for an answer.
const outlasting = answerWithin + 3*time.Second

// longSpell is how long one lasts that shows only after a while what comes of it; now and
// then, where there is the time for it, it outlasts all calls.
func (f *faults) longSpell() time.Duration {
	odds := 6
	if !f.outlasted {
		odds = 3
	}
	if f.longest >= longestSpell && f.random.IntN(odds) == 0 {
		f.outlasted = true
		return outlasting
	}
	return max(f.spell(), min(f.longest, 3*time.Second+time.Duration(f.random.Int64N(int64(time.Second)))))
}

// beside has a trouble begin, and end after a while; meanwhile other faults may come, but
// none of this sort.
func (f *faults) beside(ctx context.Context, of trouble, lasts time.Duration, begin func() (end func() error, err error)) error {
	over := f.history.trouble(of)
	end, err := begin()
	if err != nil {
		over()
		return err
	}
	done := make(chan struct{})
	f.under = done
	alone := f.random.IntN(2) == 0
	go func() {
		defer close(done)
		sleep(ctx, lasts)
		if err := end(); err != nil && ctx.Err() == nil {
			f.history.blame(violation{"program: ended", err.Error()})
		}
		over()
	}()
	if alone {
		<-done
	}
	return nil
}

// calm waits until no trouble is under way beside.
func (f *faults) calm(ctx context.Context) {
	if f.under == nil {
		return
	}
	select {
	case <-f.under:
	case <-ctx.Done():
		<-f.under // which ends, too
	}
}

// isQuiet tells whether there shall be no more of them.
func (f *faults) isQuiet() bool {
	select {
	case <-f.quiet:
		return true
	default:
		return false
	}
}

// await strikes at a moment of the seed's choice.
func (f *faults) await(strike func()) {
	m := moment(f.random.IntN(3))
	if m == anyTime {
		strike()
		return
	}
	f.strike, f.struck = strike, make(chan struct{})
	f.armed.Store(int32(m))
	select {
	case <-f.struck:
	case <-time.After(time.Second):
		if f.armed.CompareAndSwap(int32(m), int32(anyTime)) {
			strike()
		} else {
			<-f.struck
		}
	}
}

// rest leaves everybody alone with the outage for a moment.
func (f *faults) rest(ctx context.Context) {
	if f.random.IntN(2) == 0 {
		sleep(ctx, time.Duration(f.random.IntN(400))*time.Millisecond)
	}
}

// anyNode is one of the nodes.
func (f *faults) anyNode() *node { return f.site.nodes[f.random.IntN(len(f.site.nodes))] }

// readyTime is the contract's bound for /readyz after the database's return, and
// some more for a machine that is busy with the rest of the run.
const readyTime = 5*time.Second + 5*time.Second

// becomeReady demands that nodes are ready soon after what they need is back.
func (f *faults) becomeReady(ctx context.Context, nodes []*node, after string) error {
	f.calm(ctx)
	for _, n := range nodes {
		err := n.awaitReady(ctx, readyTime)
		if err == nil || ctx.Err() != nil {
			continue
		}
		f.history.blame(violation{"program: not ready", fmt.Sprintf("%s: %v", after, err)})
		if strings.Contains(err.Error(), "ended by itself") {
			err = n.start(ctx)
		} else {
			err = n.awaitReady(ctx, startTime)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
