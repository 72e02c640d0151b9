package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// restoreTime bounds putting back a copy, and reading it.
const restoreTime = 2 * time.Minute

// judgeCopy puts back the last copy that was made, starts a node over it, and gives what is
// wrong with it: what was acknowledged before it was begun is there once and as it was, each
// room has a new log, and who has stored the old one is told so.
func (s *stage) judgeCopy(ctx context.Context, binary, folder string) ([]violation, error) {
	ctx, cancel := context.WithTimeout(ctx, restoreTime)
	defer cancel()
	one := s.copies.last
	n, err := s.site.restore(ctx, binary, folder, one)
	if n != nil {
		defer n.close()
	}
	if err != nil {
		return []violation{{"restored: failed", err.Error()}}, nil
	}
	again := &restored{copied: one, was: s.history, to: newBalance("http://" + n.address()), history: newHistory()}
	again.history.asked, again.history.homes, again.history.furthest = s.history.asked, s.history.homes, s.history.furthest
	again.history.marks = one.marks
	for _, r := range s.world.played() {
		if err := again.read(ctx, s.world, r); err != nil {
			return nil, fmt.Errorf("reading what was restored: %w", err)
		}
	}
	again.judge()
	again.readFiles(ctx)
	again.writeOn(ctx, s.world)
	for i := range again.wrong {
		again.wrong[i].text = fmt.Sprintf("of the copy begun at %.2f s: %s", one.began.Seconds(), again.wrong[i].text)
	}
	return again.wrong, n.stop()
}

// restored is what there is after a restore.
type restored struct {
	*copied
	was *history // what there was before
	to  *balance
	// history is of what was read.
	history *history
	wrong   []violation
}

func (a *restored) blame(kind, format string, v ...any) {
	a.wrong = append(a.wrong, violation{"restored: " + kind, fmt.Sprintf(format, v...)})
}

// at gives a person's client of the node.
func (a *restored) at(p *person) *client {
	return &client{to: a.to, token: p.client.token, http: p.client.http}
}

// read reads all of a room, and what its people have read of it.
func (a *restored) read(ctx context.Context, w *world, r *room) error {
	again := &room{id: r.id, logID: r.logID, name: r.name, settled: make(chan struct{})}
	l, err := survey(ctx, a.at(w.manager), again)
	if err != nil {
		return err
	}
	if l.logID == r.logID {
		a.blame("the same logId", "%s: it is %s again", r.name, l.logID)
	}
	again.logID = l.logID
	a.history.rooms[r.id], a.history.logs[r.id] = again, l
	for _, p := range w.steady() {
		as := *p
		as.client = a.at(p)
		one, err := surveyMarks(ctx, &as, again)
		if err != nil {
			return err
		}
		a.history.readings = append(a.history.readings, one)
	}
	a.mismatch(ctx, w.residents[0], r, l)
	return nil
}

// mismatch demands that who has stored the old log is told so, by every way.
func (a *restored) mismatch(ctx context.Context, p *person, old *room, now *roomLog) {
	probe := &prober{person: &person{client: a.at(p)}}
	positions := []variables{{"room": old.id, "after": 0, "log": old.logID}, {"room": old.id, "after": now.lastSeq, "log": old.logID}}
	if lost := a.was.logs[old.id].lastSeq; lost > now.lastSeq {
		positions = append(positions, variables{"room": old.id, "after": lost}, variables{"room": old.id, "after": lost, "log": old.logID})
	}
	for _, v := range positions {
		for _, source := range []string{roomEventsSource, messagesSource} {
			if code := codeOf(probe.hear(ctx, newSocketDoor(a.to, p.client.token), source, v)); code != "LOG_MISMATCH" {
				a.blame("an old position is taken", "%s: who asks for %v is answered %q", old.name, v, code)
			}
		}
	}
	door := newSocketDoor(a.to, p.client.token)
	defer door.close()
	s, err := door.subscribe(ctx, inboxSource, variables{"after": []variables{{"room": old.id, "seq": 1, "logId": old.logID}}})
	if err != nil {
		a.blame("inbox", "%v", err)
		return
	}
	var first struct{ Update inboxUpdate }
	data, err := s.next(ctx)
	if err == nil {
		err = json.Unmarshal(data, &first)
	}
	if err != nil || first.Update.Typename != "RoomClosed" || first.Update.RoomID != old.id {
		a.blame("an old position is taken", "%s: an inbox that has stored the old log is told %s, %v", old.name, data, err)
	}
}

// judge compares the logs with those that there were, and each with what it leads to.
func (a *restored) judge() {
	for _, id := range sortedKeys(a.history.logs) {
		now, was := a.history.logs[id], a.was.logs[id]
		if floor := a.floors[id]; now.lastSeq < floor {
			a.blame("lacks what was acknowledged", "%s: it ends at %d, and %d was known before", now.room.name, now.lastSeq, floor)
		}
		for _, e := range now.entries {
			if in := was.at(e.seq); in == nil || in.same() != e.same() {
				a.blame("not the log", "%s: it has %v, and the log had %v", now.room.name, e.entry, in)
				break
			}
		}
	}
	c := &checker{history: a.history, lives: livesOf(a.history), checked: map[*entry]bool{}}
	for _, id := range sortedKeys(a.history.logs) {
		c.checkLog(a.history.logs[id])
	}
	c.learnAll()
	for _, id := range sortedKeys(c.lives) {
		c.checkReplay(c.lives[id])
	}
	c.checkBesides()
	c.checkMarks()
	for _, v := range c.found {
		a.blame(v.kind, "%s", v.text)
	}
}

// writeOn demands that people go on where the copy ends, and that their keys are known.
func (a *restored) writeOn(ctx context.Context, w *world) {
	l := a.history.logs[w.community.id]
	p := w.residents[1]
	writer := writer{name: p.name, person: &person{id: p.id, client: a.at(p)}, history: a.history, faults: &faults{}, counts: &counts{}}
	for _, e := range l.entries {
		k := sendKey{p.id, l.room.id, e.key}
		if asked := a.history.asked[k]; asked != nil && e.kind == messagePosted && e.author == p.id {
			got, err := writer.try(ctx, k, asked.text, asked.more, callTime)
			if err != nil || !got.replayed || got.id != e.message {
				a.blame("a key is not known", "%s was posted at %d, and %v: replayed %t, as %s", k.key, e.seq, err, got.replayed, got.id)
			}
			break
		}
	}
	got, err := writer.try(ctx, sendKey{p.id, l.room.id, "after the restore"}, "And on it goes", nil, callTime)
	if err != nil || got.seq != l.lastSeq+1 {
		a.blame("does not go on", "%v: the next message is at %d, after %d", err, got.seq, l.lastSeq)
	}
}
