package main

import (
	"fmt"
	"time"
)

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
			rooms: role.rooms, neighbours: w.steady(), homes: w.homes[role.person.id], home: w.community, pace: s.plan.pace, random: s.random(), history: s.history, faults: s.faults, counts: s.counts,
		})
		role.person.devices++
	}
	return append(writers, &writer{
		name: "the manager in the hall", person: w.manager, device: w.manager.devices, rooms: []*room{w.hall}, pace: hallPace,
		random: s.random(), history: s.history, faults: s.faults, counts: s.counts,
	})
}

// hallPace is the time between two messages in the hall.
const hallPace = 150 * time.Millisecond

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
		if l.door = newEventsDoor(s.to, p.client.token); socket {
			l.door, way = newSocketDoor(s.to, p.client.token), "a socket"
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
	for node := range s.plan.nodes {
		add(w.manager, w.hall, steady, true, true, false)
		listeners[len(listeners)-1].door = newSocketDoor(s.to.only(node), w.manager.client.token)
	}
	for _, r := range s.world.flooded {
		for i := range min(2, s.plan.nodes) {
			add(w.manager, r, steady, true, i == 0, false)
		}
	}
	return listeners
}

// inboxers listen to all rooms at once. Where few are to come and go, these do not.
func (s *stage) inboxers() []*inboxer {
	w := s.world
	var all []*inboxer
	add := func(p *person, stays bool, t temper, socket bool, homes ...*room) {
		l := &inboxer{person: p, homes: homes, stays: stays, temper: t, random: s.random(), history: s.history, counts: s.counts}
		way := "event streams"
		if l.door = newEventsDoor(s.to, p.client.token); socket {
			l.door, way = newSocketDoor(s.to, p.client.token), "a socket"
		}
		l.name = fmt.Sprintf("inbox %d (%s, %s, by %s)", len(all), p.name, t.name, way)
		all = append(all, l)
	}
	add(w.residents[0], true, steady, true, w.played()...)
	add(&w.guest.person, false, steady, true, w.community, w.notices)
	if s.plan.listeners > crowdListeners {
		add(w.residents[1], true, steady, false, w.played()...)
		add(w.residents[2], true, flapper, true, w.played()...)
		add(w.residents[1], true, wanderer, true, w.played()...)
		add(&w.guest.person, false, flapper, false, w.community, w.notices)
	}
	return all
}

// floods are those that send as fast as they are answered.
func (s *stage) floods() []*flood {
	var floods []*flood
	for i, r := range s.world.flooded {
		floods = append(floods, &flood{
			person: s.world.manager, room: r, device: i, depth: s.plan.depth,
			history: s.history, faults: s.faults, counts: s.counts,
		})
	}
	return floods
}
