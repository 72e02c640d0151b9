package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"time"
)

// plan is what a run is to be.
type plan struct {
	engine string // "sqlite" or "postgres"
	nodes  int
	length time.Duration
	// kills and sends end it earlier, where they are not 0 and both are reached.
	kills, sends int64
	// calm is the end of it, without faults.
	calm      time.Duration
	faults    []string // kinds; none for all
	seed      uint64
	writers   int
	pace      time.Duration
	listeners int // beside the guest's
	floods    int
	depth     int // how many messages of a flood are under way
	// arrive is how long listeners may take to the end of the logs when all is up.
	arrive time.Duration
	// enough, when it is closed, ends it early, too.
	enough <-chan struct{}
	// copies says that the database is copied meanwhile, and put back in the end.
	copies bool
	// quiet says nothing while it lasts.
	quiet bool
	// first ends it as soon as something is wrong: it is judged no further.
	first bool
}

const (
	// answerTime bounds how long writers may take to their answers when all is up.
	answerTime = 40 * time.Second
	// surveyTime bounds the reading of everything, and surveyMore that of each further
	// hundred thousand messages.
	surveyTime = time.Minute
	surveyMore = 2 * time.Minute
)

// stage is a run under way.
type stage struct {
	plan    plan
	site    *site
	to      *balance
	history *history
	counts  *counts
	faults  *faults
	world   *world
	copies  *copies // nil where none are made
	actors  uint64
	out     io.Writer
	// arrival is how long the last listener took to the end of its log, once that was
	// known.
	arrival time.Duration
}

// play is one run of a plan, with binaries, from an empty database to the verdict.
func play(ctx context.Context, p plan, b binaries, out io.Writer) (v verdict, err error) {
	began := time.Now()
	folder, err := os.MkdirTemp("", "omarty-torture-")
	if err != nil {
		return v, err
	}
	defer os.RemoveAll(folder)
	s := &stage{plan: p, history: newHistory(), counts: &counts{}, out: out}
	s.history.saturated = p.floods > 0 && p.depth == floodDepth
	if p.quiet {
		s.out = io.Discard
	}
	s.site, err = newSite(ctx, p, b, folder)
	defer s.site.close()
	if err != nil {
		return v, s.told(ctx, err)
	}
	quit := make(chan struct{})
	defer close(quit)
	go s.history.watchClock(quit)
	s.to = newBalance(s.site.urls()...)
	s.faults = &faults{
		site: s.site, kinds: chooseFaults(s.site, p.faults), longest: min(longestSpell, max(p.length/3, 200*time.Millisecond)),
		random: s.random(), history: s.history, counts: s.counts, tell: s.out,
	}
	if s.world, err = newWorld(ctx, s.to, s.history, s.random()); err != nil {
		return v, s.told(ctx, err)
	}
	for i := range p.floods {
		if err := s.world.addFlooded(ctx, s.history, i); err != nil {
			return v, s.told(ctx, err)
		}
	}
	if p.copies {
		s.copies = &copies{
			site: s.site, folder: folder, lasts: p.length - p.calm, random: s.random(), history: s.history, counts: s.counts,
		}
	}
	if err := s.act(ctx); err != nil {
		return v, s.told(ctx, err)
	}
	if p.first && s.history.isWrong() {
		return verdict{plan: p, counts: s.counts, heard: &times{}, violations: s.history.wrong, took: time.Since(began)}, nil
	}
	for _, n := range s.site.nodes {
		if err := n.stop(); err != nil {
			s.history.blame(violation{"program: stop", err.Error()})
		}
		if text := n.faults(); text != "" {
			s.history.blame(violation{"program: a fault in its log", n.name + ": " + text})
		}
	}
	v = verdict{plan: p, counts: s.counts, arrival: s.arrival, fills: s.site.disk != nil, cables: s.site.network != nil}
	v.violations, v.heard = check(s.history)
	if s.copies != nil && s.copies.last != nil && len(v.violations) == 0 {
		if v.violations, err = s.judgeCopy(ctx, b.program, folder); err != nil {
			return v, err
		}
	}
	for _, l := range s.history.logs {
		v.logs += len(l.entries)
	}
	v.took = time.Since(began)
	return v, nil
}

// random gives an actor a stream of numbers of its own.
func (s *stage) random() *rand.Rand {
	s.actors++
	return rand.New(rand.NewPCG(s.plan.seed, s.actors))
}

// told adds to an error what the program wrote last, unless the run was broken off.
func (s *stage) told(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	for _, n := range s.site.nodes {
		text, _ := os.ReadFile(n.logPath())
		err = fmt.Errorf("%w\nthe end of the log of %s:\n%s", err, n.name, text[max(0, len(text)-2000):])
	}
	return err
}

// act lets everybody play, then makes it quiet, waits for the listeners to hear
// all, and reads the logs.
func (s *stage) act(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// First there are no more faults, then there is nothing more to write.
	whole, quiet := make(chan struct{}), make(chan struct{})

	var writing, listening, others sync.WaitGroup
	defer func() { cancel(nil); writing.Wait(); listening.Wait(); others.Wait() }()
	for _, w := range s.writers() {
		writing.Go(func() { w.run(ctx, quiet) })
	}
	come := &comings{
		guest: s.world.guest, manager: s.world.manager, rooms: []*room{s.world.community, s.world.notices}, gate: &gate{},
		random: s.random(), history: s.history, counts: s.counts,
	}
	writing.Go(func() { come.run(ctx, quiet) })
	mutes := &mutes{
		manager: s.world.manager, membership: s.world.talker.membership, gate: &gate{},
		random: s.random(), history: s.history, counts: s.counts,
	}
	writing.Go(func() { mutes.run(ctx, quiet) })
	for _, p := range []*pen{
		{writer: s.writerAs(&s.world.guest.person), gate: come.gate, refusal: "NOT_FOUND", gone: true},
		{writer: s.writerAs(&s.world.talker.person), gate: mutes.gate, refusal: "FORBIDDEN"},
	} {
		writing.Go(func() { p.run(ctx, quiet) })
	}
	prober := &prober{s.world.residents[0], s.world.played(), s.random(), s.history, s.counts}
	others.Go(func() { prober.run(ctx, quiet) })
	people := &newcomers{
		manager: s.world.manager, abroad: s.world.community, letters: &outboxes{nodes: s.site.nodes},
		random: s.random(), history: s.history, counts: s.counts,
	}
	if s.plan.copies { // it is of some length
		others.Go(func() { people.run(ctx, quiet) })
	}
	groups := &closings{s.world.manager, s.world.residents, s.world.building.id, s.random(), s.history, s.counts, s.plan.nodes > 1}
	others.Go(func() { groups.run(ctx, quiet) })
	for _, d := range s.doers() {
		writing.Go(func() { d.run(ctx, quiet) })
	}
	pollster := &asker{writer{
		name: "the pollster", person: s.world.manager, rooms: []*room{s.world.community, s.world.neighbours},
		random: s.random(), history: s.history, faults: s.faults, counts: s.counts,
	}, s.world.community}
	writing.Go(func() { pollster.run(ctx, quiet) })
	for _, f := range s.floods() {
		writing.Go(func() { f.run(ctx, quiet) })
	}
	guard := &guard{
		person: s.world.residents[2], login: s.world.residents[2].login, room: s.world.community,
		random: s.random(), history: s.history, counts: s.counts,
	}
	others.Go(func() { guard.run(ctx, quiet) })
	for _, n := range s.site.nodes {
		looks := &sentinel{node: n, token: s.world.manager.client.token, history: s.history}
		others.Go(func() { looks.run(ctx, quiet) })
	}
	if s.plan.nodes > 1 {
		v := &visitor{
			person: s.world.visitor, looks: s.world.manager, room: s.world.community,
			random: s.random(), history: s.history, counts: s.counts,
		}
		others.Go(func() { v.run(ctx, quiet) })
		m := &mourners{
			people: s.world.mourned, looks: s.world.manager, room: s.world.community,
			random: s.random(), history: s.history, counts: s.counts,
		}
		others.Go(func() { m.run(ctx, quiet) })
		c := &companion{
			person: s.world.companion, looks: s.world.manager,
			random: s.random(), history: s.history, counts: s.counts,
		}
		others.Go(func() { c.run(ctx, quiet) })
	}
	letters := &forgetful{person: s.world.companion, outboxes: &outboxes{nodes: s.site.nodes}, random: s.random(), history: s.history}
	others.Go(func() { letters.run(ctx, quiet) })
	signals := &signaller{
		typist: s.world.typist, leaver: s.world.leaver, manager: s.world.manager, code: s.world.guest.code, room: s.world.community,
		random: s.random(), history: s.history, counts: s.counts,
	}
	others.Go(func() { signals.run(ctx, quiet) })
	listeners := s.listeners()
	for _, l := range listeners {
		listening.Go(func() { l.run(ctx, quiet) })
	}
	inboxers := s.inboxers()
	for _, l := range inboxers {
		listening.Go(func() { l.run(ctx, quiet) })
	}
	for i, r := range s.world.rooms() {
		reader := &reader{fmt.Sprintf("reader %d", i), s.world.manager, r, s.random(), s.history, s.counts}
		others.Go(func() { reader.run(ctx, quiet) })
	}
	others.Go(func() {
		if err := s.faults.run(ctx, whole); err != nil {
			cancel(err)
		}
	})
	if s.copies != nil {
		others.Go(func() { s.copies.run(ctx, whole) })
	}
	s.progress(ctx)
	if s.plan.first && s.history.isWrong() {
		return nil
	}
	close(whole)
	sleep(ctx, s.plan.calm)
	close(quiet)
	others.Wait() // all is up now
	if err := context.Cause(ctx); err != nil {
		return err
	}
	patience := min(answerTime, 2*s.plan.arrive) // less where a bug is hunted
	if !finished(&writing, patience) {
		s.history.blame(violation{"answer: none", fmt.Sprintf("writers still had no answer %v after the last fault", patience)})
		cancel(nil)
		writing.Wait()
		return nil
	}
	if err := s.survey(ctx); err != nil {
		return err
	}
	began := time.Now()
	arrived := finished(&listening, s.plan.arrive)
	s.arrival = time.Since(began)
	if !arrived {
		cancel(nil)
		listening.Wait()
		for _, l := range inboxers {
			if !l.arrived {
				s.history.blame(violation{"stream: stalled", fmt.Sprintf("%s stands %s", l.name, l.stands())})
			}
		}
		for _, l := range listeners {
			if !l.arrived {
				s.history.blame(violation{"stream: stalled", fmt.Sprintf("%s: %s stands at %d, and the log has gone on to %d", l.room.name, l.name, l.seen, l.goal)})
			}
		}
	}
	return nil
}

// writerAs gives what writes to the first community.
func (s *stage) writerAs(p *person) writer {
	return writer{
		name: p.name, person: p, rooms: []*room{s.world.community},
		random: s.random(), history: s.history, faults: s.faults, counts: s.counts,
	}
}

// progress tells now and then how the run gets on, until it is time to end it.
func (s *stage) progress(ctx context.Context) {
	end := time.After(s.plan.length - s.plan.calm)
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	often := time.NewTicker(100 * time.Millisecond)
	defer often.Stop()
	for {
		select {
		case <-tick.C:
			fmt.Fprintf(s.out, "%7.2f s  %s, seed %d: %v\n", s.history.since().Seconds(), s.plan.engine, s.plan.seed, s.counts)
		case <-often.C:
			if s.plan.first && s.history.isWrong() {
				return
			}
			if p := s.plan; p.kills+p.sends > 0 && s.counts.allKills() >= p.kills && s.counts.answers.Load() >= p.sends {
				return
			}
		case <-end:
			return
		case <-s.plan.enough:
			return
		case <-ctx.Done():
			return
		}
	}
}

// finished waits for a group, but no longer than a while.
func finished(group *sync.WaitGroup, within time.Duration) bool {
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	select {
	case <-done:
		return true
	case <-time.After(within):
		return false
	}
}
