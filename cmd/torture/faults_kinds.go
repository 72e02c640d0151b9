package main

import (
	"context"
	"fmt"
	"time"
)

// crash kills a node, or two where others are left, and starts them again; perhaps they
// are killed once more while they start.
func (f *faults) crash(ctx context.Context) error {
	again := f.random.IntN(5) == 0
	nodes := []*node{f.anyNode()}
	if other := f.anyNode(); len(f.site.nodes) > 2 && other != nodes[0] && f.random.IntN(2) == 0 {
		nodes = append(nodes, other)
	}
	var overs []func()
	for _, n := range nodes {
		f.say("kill %s", n.name)
	}
	f.await(func() {
		for _, n := range nodes {
			overs = append(overs, f.history.trouble(trouble{of: n.index, breaks: stopsNode}))
			f.history.died(n.index)
			n.kill()
		}
	})
	f.buried(nodes)
	f.rest(ctx)
	f.calm(ctx)
	if again {
		for _, n := range nodes {
			if err := n.launch(); err != nil {
				return err
			}
		}
		sleep(ctx, time.Duration(f.random.IntN(60))*time.Millisecond)
		for _, n := range nodes {
			n.kill()
		}
		f.buried(nodes)
	}
	for i, n := range nodes {
		if err := f.begin(ctx, n); err != nil {
			return err
		}
		overs[i]()
	}
	return nil
}

// buried waits for the end of nodes that were killed.
func (f *faults) buried(nodes []*node) {
	for _, n := range nodes {
		f.counts.kills.Add(1)
		if err := n.gone(); err != nil {
			f.history.blame(violation{"program: ended", err.Error()})
		}
	}
}

// loseDatabase kills the database, perhaps all nodes with it, and starts them again.
func (f *faults) loseDatabase(ctx context.Context) error {
	f.calm(ctx)
	both := f.random.IntN(5) == 0
	f.say("kill PostgreSQL%s", map[bool]string{true: ", and all nodes"}[both])
	var failed error
	var over, back func()
	f.await(func() {
		of := trouble{of: everything, breaks: losesData}
		if both {
			of.breaks |= stopsNode
		}
		over, back = f.history.trouble(of), f.history.absent(everything)
		failed = f.site.database.kill()
		for _, n := range f.site.nodes {
			if both {
				n.kill()
			}
		}
	})
	defer func() { over() }()
	f.counts.databaseKills.Add(1)
	if failed != nil {
		return failed
	}
	f.rest(ctx)
	if !both && f.random.IntN(3) == 0 {
		sleep(ctx, f.longSpell())
	}
	back()
	if err := f.site.database.restart(ctx); err != nil {
		return err
	}
	if !both {
		return f.becomeReady(ctx, f.site.nodes, "with its database back")
	}
	f.buried(f.site.nodes)
	for _, n := range f.site.nodes {
		if err := f.begin(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// loseBus kills NATS and starts it again a while later.
func (f *faults) loseBus(ctx context.Context) error {
	f.calm(ctx)
	lasts := f.spell()
	f.say("kill NATS, for %v", lasts.Round(10*time.Millisecond))
	f.counts.busKills.Add(1)
	return f.beside(ctx, trouble{of: onlyBus, breaks: losesBus, mends: refindTime}, lasts, func() (end func() error, err error) {
		f.site.bus.kill()
		return func() error { return f.site.bus.start(context.WithoutCancel(ctx)) }, f.site.bus.gone()
	})
}

// freezeNode stops a node where it is, for a while.
func (f *faults) freezeNode(ctx context.Context) error {
	n := f.anyNode()
	return f.freeze(ctx, trouble{of: n.index, breaks: stopsNode}, n.name, f.spell(), n.freeze)
}

func (f *faults) freezeBus(ctx context.Context) error {
	return f.freeze(ctx, trouble{of: onlyBus, breaks: losesBus, mends: missTime}, "NATS", f.spell(), f.site.bus.freeze)
}

func (f *faults) freezeData(ctx context.Context) error {
	return f.freeze(ctx, trouble{of: everything, breaks: losesData}, "PostgreSQL", f.longSpell(), func() (thaw func()) {
		goOn, back := f.site.database.freeze(), f.history.absent(everything)
		return func() { back(); goOn() }
	})
}

func (f *faults) freeze(ctx context.Context, of trouble, name string, lasts time.Duration, stop func() (thaw func())) error {
	f.calm(ctx)
	if f.isQuiet() {
		return nil
	}
	f.say("freeze %s, for %v", name, lasts.Round(10*time.Millisecond))
	f.counts.freezes.Add(1)
	return f.beside(ctx, of, lasts, func() (end func() error, err error) {
		thaw := stop()
		return func() error { thaw(); return nil }, nil
	})
}

// spoilClients, spoilData and spoilBus have a link cut, or begin a bad weather.
func (f *faults) spoilClients(ctx context.Context) error {
	n := f.anyNode()
	return f.spoilLink(ctx, n.fromClients, trouble{of: n.index, breaks: losesClients})
}

func (f *faults) spoilData(ctx context.Context) error {
	n := f.anyNode()
	return f.spoilLink(ctx, n.toData, trouble{of: n.index, breaks: losesData})
}

func (f *faults) spoilBus(ctx context.Context) error {
	n := f.anyNode()
	return f.spoilLink(ctx, n.toBus, trouble{of: onlyBus, breaks: losesBus, mends: missTime, link: n.index + 1})
}

func (f *faults) spoilLink(ctx context.Context, l *link, of trouble) error {
	f.calm(ctx)
	if f.isQuiet() {
		return nil
	}
	lasts, absent := f.spell(), of.breaks == losesData
	w := &weather{}
	var what string
	switch f.random.IntN(6) {
	case 0:
		f.say("cut %s", l.name)
		f.counts.cuts.Add(1)
		defer f.history.trouble(of)()
		f.await(func() { l.cut(f.random.IntN(2) == 0) })
		return nil
	case 1, 2:
		what, w.lost = "lose all", [2]bool{true, true}
	case 3:
		way := f.random.IntN(2)
		w.lost[way] = true
		what = []string{"lose what goes there", "lose what comes back"}[way]
	case 4:
		absent, w.delay = false, time.Duration(5+f.random.IntN(300))*time.Millisecond
		what = "delay by " + w.delay.String()
	case 5:
		absent, w.trickle, what = false, true, "trickle"
	}
	if absent {
		lasts = f.longSpell()
	}
	f.say("%s, %s, for %v", l.name, what, lasts.Round(10*time.Millisecond))
	f.counts.weathers.Add(1)
	forgets, rudely := f.random.IntN(2) == 0, f.random.IntN(2) == 0
	return f.beside(ctx, of, lasts, func() (over func() error, err error) {
		end, back := l.spoil(w), func() {}
		if absent {
			back = f.history.absent(of.of)
		}
		return func() error {
			back()
			if forgets {
				l.cut(rudely) // before anything that was kept back gets through
			}
			end()
			return nil
		}, nil
	})
}

// pullCable has a node's cable lose all for a while, and nobody be told. The kernel sends
// again what was lost after as long as it has waited for it already, at the longest; where
// that is lost, too, in the next pull, it has waited since the first.
func (f *faults) pullCable(ctx context.Context) error {
	f.calm(ctx)
	n, lasts := f.anyNode(), f.spell()
	now := f.history.since()
	if now > n.lost.to+(n.lost.to-n.lost.from) {
		n.lost.from = now
	}
	n.lost.to = now + lasts
	f.say("pull the cable of %s, for %v", n.name, lasts.Round(10*time.Millisecond))
	f.counts.pulls.Add(1)
	of := trouble{of: n.index, breaks: anything, mends: mendTime + n.lost.to - n.lost.from}
	return f.beside(ctx, of, lasts, n.cable.pull)
}

// fillDisk makes the disk of the data full for a while.
func (f *faults) fillDisk(ctx context.Context) error {
	f.calm(ctx)
	lasts := min(f.spell(), 3*time.Second)
	f.say("fill the disk, for %v", lasts.Round(10*time.Millisecond))
	f.counts.disks.Add(1)
	defer f.history.trouble(trouble{of: everything, breaks: losesData})()
	if err := f.site.disk.fill(); err != nil {
		return err
	}
	sleep(ctx, lasts)
	if err := f.site.disk.free(); err != nil {
		return err
	}
	// PostgreSQL ends where its log has no room, and is started again by its keeper.
	if db := f.site.database; db != nil {
		for began := time.Now(); !db.ended() && time.Since(began) < time.Second; {
			sleep(ctx, 50*time.Millisecond)
		}
		if db.ended() {
			f.say("PostgreSQL has ended for want of room, and is started again")
			if err := db.restart(ctx); err != nil {
				return err
			}
		}
	}
	return f.becomeReady(ctx, f.site.nodes, "with room on its disk again")
}

// begunWithin is within what a node gives its first answer: the contract's two seconds, and
// what a busy machine takes.
const begunWithin = 2*time.Second + 8*time.Second

// begin starts a node.
func (f *faults) begin(ctx context.Context, n *node) error {
	from := f.history.since()
	err := n.start(ctx)
	to := f.history.since()
	out := outagesOf(f.history.soFar(), func(t trouble) bool {
		return t.of == everything || t.of == n.index && t.breaks != stopsNode
	})
	if err == nil && out.without(from, to) > begunWithin {
		f.history.blame(violation{"program: slow to start", fmt.Sprintf("%s gave its first answer after %v", n.name, to-from)})
	}
	return err
}
