package main

import (
	"context"
	"slices"
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
			overs = append(overs, f.history.trouble(trouble{of: n.index}))
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
		if err := n.start(ctx); err != nil {
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

// restart stops a node as operators do and starts it again.
func (f *faults) restart(ctx context.Context) error {
	f.calm(ctx)
	n := f.anyNode()
	f.say("stop %s", n.name)
	f.counts.stops.Add(1)
	defer f.history.trouble(trouble{of: n.index})()
	if err := n.stop(stopTime); err != nil {
		f.history.blame(violation{"program: stop", err.Error()})
	}
	return n.start(ctx)
}

// loseDatabase kills the database, perhaps all nodes with it, and starts them again.
func (f *faults) loseDatabase(ctx context.Context) error {
	f.calm(ctx)
	both := f.random.IntN(5) == 0
	f.say("kill PostgreSQL%s", map[bool]string{true: ", and all nodes"}[both])
	var failed error
	var over func()
	f.await(func() {
		over = f.history.trouble(trouble{of: everything})
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
	if err := f.site.database.restart(ctx); err != nil {
		return err
	}
	if !both {
		return f.becomeReady(ctx, f.site.nodes, "with its database back")
	}
	f.buried(f.site.nodes)
	for _, n := range f.site.nodes {
		if err := n.start(ctx); err != nil {
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
	f.site.bus.kill()
	if err := f.site.bus.gone(); err != nil {
		return err
	}
	f.beside(ctx, trouble{of: onlyBus, mends: refindTime}, lasts, func() error { return f.site.bus.start(context.WithoutCancel(ctx)) })
	return nil
}

// freeze stops something where it is, for a while.
func (f *faults) freeze(ctx context.Context) error {
	f.calm(ctx)
	lasts := f.spell()
	n := f.anyNode()
	of, name, stop := trouble{of: n.index}, n.name, n.freeze
	if len(f.site.nodes) > 1 && f.random.IntN(4) == 0 {
		of, name, stop = trouble{of: onlyBus, mends: missTime}, "NATS", f.site.bus.freeze
	} else if f.site.database != nil && f.random.IntN(3) == 0 {
		of, name, stop = trouble{of: everything}, "PostgreSQL", f.site.database.freeze
	}
	f.say("freeze %s, for %v", name, lasts.Round(10*time.Millisecond))
	f.counts.freezes.Add(1)
	thaw := stop()
	f.beside(ctx, of, lasts, func() error { thaw(); return nil })
	return nil
}

// spoilLink has a link cut, or begin a bad weather.
func (f *faults) spoilLink(ctx context.Context) error {
	f.calm(ctx)
	n := f.anyNode()
	links := slices.DeleteFunc([]*link{n.fromClients, n.toData, n.toBus}, func(l *link) bool { return l == nil })
	l := links[f.random.IntN(len(links))]
	lasts, of := f.spell(), trouble{of: n.index}
	if l == n.toBus {
		of.of, of.mends = onlyBus, missTime
	}
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
		w.delay = time.Duration(5+f.random.IntN(300)) * time.Millisecond
		what = "delay by " + w.delay.String()
	case 5:
		w.trickle, what = true, "trickle"
	}
	f.say("%s, %s, for %v", l.name, what, lasts.Round(10*time.Millisecond))
	f.counts.weathers.Add(1)
	forgets, rudely := f.random.IntN(2) == 0, f.random.IntN(2) == 0
	end := l.spoil(w)
	f.beside(ctx, of, lasts, func() error {
		if forgets {
			l.cut(rudely) // before anything that was kept back gets through
		}
		end()
		return nil
	})
	return nil
}

// fillDisk makes the disk of the data full for a while.
func (f *faults) fillDisk(ctx context.Context) error {
	f.calm(ctx)
	lasts := min(f.spell(), 3*time.Second)
	f.say("fill the disk, for %v", lasts.Round(10*time.Millisecond))
	f.counts.disks.Add(1)
	defer f.history.trouble(trouble{of: everything})()
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
