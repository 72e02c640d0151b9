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
	engine    string // "sqlite" or "postgres"
	length    time.Duration
	seed      uint64
	writers   int
	pace      time.Duration
	listeners int // beside the guest's
	// arrive is how long listeners may take to the end of the logs when all is up.
	arrive time.Duration
	// quiet says nothing while it lasts.
	quiet bool
}

const (
	// answerTime bounds how long writers may take to their answers when all is up.
	answerTime = 40 * time.Second
	// surveyTime bounds the reading of everything.
	surveyTime = time.Minute
)

// stage is a run under way.
type stage struct {
	plan    plan
	program *program
	history *history
	counts  *counts
	faults  *faults
	world   *world
	actors  uint64
	out     io.Writer
	// arrival is how long the last listener took to the end of its log, once that was
	// known.
	arrival time.Duration
}

// play is one run of a plan, with a binary, from an empty database to the verdict.
func play(ctx context.Context, p plan, binary string, out io.Writer) (v verdict, err error) {
	began := time.Now()
	folder, err := os.MkdirTemp("", "omarty-torture-")
	if err != nil {
		return v, err
	}
	defer os.RemoveAll(folder)
	s := &stage{plan: p, history: newHistory(), counts: &counts{}, out: out}
	databaseURL := ""
	var db *database
	if p.engine == "postgres" {
		if db, err = newDatabase(ctx); err != nil {
			return v, err
		}
		defer db.close()
		databaseURL = db.url()
	}
	if s.program, err = newProgram(binary, folder, databaseURL); err != nil {
		return v, err
	}
	defer s.program.close()
	if err := s.program.start(ctx); err != nil {
		return v, s.told(ctx, err)
	}
	s.faults = &faults{program: s.program, database: db, random: s.random(), history: s.history, counts: s.counts}
	if s.world, err = newWorld(ctx, s.program.url(), s.history, s.random()); err != nil {
		return v, s.told(ctx, err)
	}
	if err := s.act(ctx); err != nil {
		return v, s.told(ctx, err)
	}
	if err := s.program.stop(); err != nil {
		s.history.blame(violation{"program: stop", err.Error()})
	}
	if text := s.program.faults(); text != "" {
		s.history.blame(violation{"program: a fault in its log", text})
	}
	v = verdict{plan: p, counts: s.counts, arrival: s.arrival, violations: check(s.history)}
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
	text, _ := os.ReadFile(s.program.logPath())
	return fmt.Errorf("%w\nthe end of the program's log:\n%s", err, text[max(0, len(text)-2000):])
}

// act lets everybody play, then makes it quiet, waits for the listeners to hear
// all, and reads the logs.
func (s *stage) act(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	quiet := make(chan struct{})

	var writing, listening, others sync.WaitGroup
	defer func() { cancel(nil); writing.Wait(); listening.Wait(); others.Wait() }()
	for _, w := range s.writers() {
		writing.Go(func() { w.run(ctx, quiet) })
	}
	come := &comings{
		guest: s.world.guest, manager: s.world.manager, rooms: []*room{s.world.community, s.world.notices},
		random: s.random(), history: s.history, counts: s.counts,
	}
	writing.Go(func() { come.run(ctx, quiet) })
	for _, d := range s.doers() {
		writing.Go(func() { d.run(ctx, quiet) })
	}
	pollster := &asker{writer{
		name: "the pollster", person: s.world.manager, rooms: []*room{s.world.community, s.world.neighbours},
		poll: variables{"question": "Which?", "options": []string{"this", "that", "neither"}}, random: s.random(),
		history: s.history, faults: s.faults, counts: s.counts,
	}}
	writing.Go(func() { pollster.run(ctx, quiet) })
	listeners := s.listeners()
	for _, l := range listeners {
		listening.Go(func() { l.run(ctx, quiet) })
	}
	for i, r := range s.world.rooms() {
		reader := &reader{fmt.Sprintf("reader %d", i), s.world.manager, r, s.random(), s.history, s.counts}
		others.Go(func() { reader.run(ctx, quiet) })
	}
	others.Go(func() {
		if err := s.faults.run(ctx, quiet); err != nil {
			cancel(err)
		}
	})
	s.progress(ctx)
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
		for _, l := range listeners {
			if !l.arrived {
				s.history.blame(violation{"stream: stalled", fmt.Sprintf("%s: %s stands at %d, and the log has gone on to %d", l.room.name, l.name, l.seen, l.goal)})
			}
		}
	}
	return nil
}

// survey reads the logs, and tells the listeners how far they have to get.
func (s *stage) survey(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, surveyTime)
	defer cancel()
	for _, r := range s.world.rooms() {
		l, err := survey(ctx, s.world.manager.client, r)
		if err != nil {
			return err
		}
		s.history.logs[r.id] = l
		r.settle(l.last())
	}
	return nil
}

// progress tells now and then how the run gets on, until it is time to end it.
func (s *stage) progress(ctx context.Context) {
	began := time.Now()
	end := time.After(s.plan.length)
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if !s.plan.quiet {
				fmt.Fprintf(s.out, "%s %3.0f s: %v\n", s.plan.engine, time.Since(began).Seconds(), s.counts)
			}
		case <-end:
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

// writers spreads the writing devices over the people.
func (s *stage) writers() []*writer {
	w := s.world
	roles := []struct {
		person *person
		rooms  []*room
	}{
		{w.manager, []*room{w.notices, w.community}},
		{w.residents[0], []*room{w.community, w.neighbours}},
		{w.residents[1], []*room{w.community, w.neighbours}},
		{w.residents[2], []*room{w.community}},
	}
	var writers []*writer
	for i := range s.plan.writers {
		role := roles[i%len(roles)]
		writers = append(writers, &writer{
			name: fmt.Sprintf("%s on device %d", role.person.name, role.person.devices), person: role.person, device: role.person.devices,
			rooms: role.rooms, pace: s.plan.pace, random: s.random(), history: s.history, faults: s.faults, counts: s.counts,
		})
		role.person.devices++
	}
	return writers
}

// listeners spreads the tempers, the ways to listen and the subscriptions over the
// people and rooms; all that the guest does is beside it.
func (s *stage) listeners() []*listener {
	var listeners []*listener
	add := func(p *person, r *room, t temper, all, socket, alone bool) {
		l := &listener{
			person: p, room: r, all: all, alone: alone, temper: t, random: s.random(),
			history: s.history, faults: s.faults, counts: s.counts, goal: noPosition,
		}
		way, what := "event streams", "messages"
		if l.door = newEventsDoor(s.program.url(), p.client.token); socket {
			l.door, way = newSocketDoor(s.program.url(), p.client.token), "a socket"
		}
		if all {
			what = "all"
		}
		if alone {
			what += " and its own"
		}
		l.name = fmt.Sprintf("listener %d (%s, %s, to %s by %s)", len(listeners), p.name, t.name, what, way)
		listeners = append(listeners, l)
	}
	w := s.world
	tempers := []temper{steady, flapper, wanderer, slow, flapper, fresh}
	people := append([]*person{w.manager}, w.residents...)
	rooms := []*room{w.community, w.neighbours, w.community, w.notices}
	for i := range s.plan.listeners {
		// Each temper meets both ways and both subscriptions; sockets and roomEvents
		// are what clients use most. A fifth shares nothing with others.
		round := i / len(tempers)
		add(people[i%len(people)], rooms[i%len(rooms)], tempers[i%len(tempers)], (i+round)%3 != 2, (i+round)%4 != 3, i%5 == 3)
	}
	guest := &w.guest.person
	add(guest, w.community, steady, true, true, false)
	add(guest, w.community, steady, false, true, false)
	add(guest, w.notices, steady, true, false, false)
	add(guest, w.community, flapper, true, true, false)
	add(guest, w.community, steady, true, true, true)
	add(guest, w.notices, steady, false, false, true)
	return listeners
}
