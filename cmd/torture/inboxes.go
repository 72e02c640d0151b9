package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// inboxSource is what apps ask for: all rooms at once.
const inboxSource = `subscription($after: [RoomPosition!]!) { update: inboxEvents(after: $after) { __typename
	... on RoomEvent { room { id } ` + entryFields + ` } ... on CaughtUp { position } ... on RoomOpened { room { id lastSeq logId } }
	... on RoomClosed { roomId } ... on ViewerRoomChanged { room { id viewerUnreadCount } } } }`

// inboxer listens to all of a person's rooms at once, and comes back after every end.
type inboxer struct {
	name   string
	person *person
	// homes are the rooms in which they are when all is quiet; stays says that they are
	// there all the time.
	homes []*room
	stays bool

	door    door
	temper  temper
	random  *rand.Rand
	history *history
	counts  *counts

	// stored are the positions that they have, by rooms' ids.
	stored map[string]stored
	// arrived says that they have all there is in the end.
	arrived bool
}

// stored is how much of a room somebody has.
type stored struct {
	seq int
	log string
}

// inbox is one subscription of an inboxer's, from its request to its end.
type inbox struct {
	person string
	node   int
	steady bool
	// caught is when it was told that it had caught up; -1 for not yet.
	caught, over time.Duration
	// opened is when rooms were opened the first time.
	opened map[string]time.Duration

	streams map[string]*stream // of rooms that are followed
	wrong   map[string]bool    // rooms that were named with the id of another log
	floors  map[string]int
	began   int64
}

// run listens until ctx ends, or until it is quiet and all was heard.
func (l *inboxer) run(ctx context.Context, quiet <-chan struct{}) {
	defer l.door.close()
	l.stored = map[string]stored{}
	hurry, cancel := until(ctx, quiet)
	defer cancel()
	for hurry.Err() == nil && !l.temper.stays() {
		l.listen(hurry, l.temper)
	}
	for ctx.Err() == nil && !l.arrived {
		l.listen(ctx, steady)
	}
}

// listen is one subscription, and a pause after it where it failed.
func (l *inboxer) listen(ctx context.Context, t temper) {
	in := &inbox{
		person: l.person.id, steady: t.stays(), caught: -1, began: l.history.now(),
		opened: map[string]time.Duration{}, streams: map[string]*stream{}, wrong: map[string]bool{}, floors: map[string]int{},
	}
	for id, r := range l.history.rooms {
		in.floors[id] = r.head()
	}
	positions := l.positions(in, t)
	l.counts.subscriptions.Add(1)
	source, err := l.door.subscribe(ctx, inboxSource, variables{"after": positions})
	if err == nil {
		in.node = source.node()
		for _, s := range in.streams {
			s.node = in.node
		}
		err = l.follow(ctx, source, in, t)
		in.over = l.history.since()
		for _, s := range in.streams {
			l.streamed(s)
		}
		if in.steady {
			l.history.mu.Lock()
			l.history.inboxes = append(l.history.inboxes, in)
			l.history.mu.Unlock()
		}
	}
	if err != nil && ctx.Err() == nil {
		l.counts.broken.Add(1)
		switch code := codeOf(err); code {
		case "", "UNAVAILABLE", "TOO_SLOW":
		default:
			l.blame("inbox: ended for no reason", "it ended with %v", err)
		}
		sleep(ctx, time.Duration(20+l.random.IntN(100))*time.Millisecond)
	}
}

// positions names what is stored; who wanders names some rooms further back, some with the
// id of another log, and some not at all.
func (l *inboxer) positions(in *inbox, t temper) []variables {
	positions := []variables{}
	for _, id := range sortedKeys(l.stored) {
		at := l.stored[id]
		if t.wanders {
			switch l.random.IntN(4) {
			case 0:
				at.seq = l.random.IntN(at.seq + 1)
			case 1:
				delete(l.stored, id)
				continue
			case 2:
				if other := l.history.rooms[id]; other != nil {
					in.wrong[id] = true
					at.log = l.otherLog(id)
				}
			}
		}
		positions = append(positions, variables{"room": id, "seq": at.seq, "logId": at.log})
		l.begin(in, id, at.seq)
	}
	return positions
}

func (l *inboxer) otherLog(id string) string {
	for _, other := range sortedKeys(l.history.rooms) {
		if other != id {
			return l.history.rooms[other].logID
		}
	}
	return ""
}

// begin says that a room is followed from a position on.
func (l *inboxer) begin(in *inbox, id string, after int) *stream {
	s := &stream{
		listener: l.name, person: l.person.id, room: id, all: true, after: after, floor: in.floors[id], opened: in.floors[id],
		began: in.began, node: in.node, steady: in.steady, end: end{seq: noPosition},
	}
	in.streams[id] = s
	return s
}

func (l *inboxer) blame(kind, format string, a ...any) {
	l.history.blame(violation{kind, l.name + ": " + fmt.Sprintf(format, a...)})
}

// follow takes updates until the subscription ends, or the listener wants no more of it:
// then its error is nil.
func (l *inboxer) follow(ctx context.Context, source subscription, in *inbox, t temper) error {
	stay, cancel := ctx, context.CancelFunc(func() {})
	if t.leavesWithin > 0 {
		stay, cancel = context.WithTimeout(ctx, time.Duration(l.random.Int64N(int64(t.leavesWithin))))
	}
	defer cancel()
	for n := 1; ; n++ {
		if l.arrived = l.arrived || in.caught >= 0 && t.stays() && l.hasAll(in); l.arrived {
			source.leave()
			return nil
		}
		data, err := l.next(stay, source, t)
		if errors.Is(err, errLook) {
			continue
		}
		if err != nil {
			if stay.Err() != nil && errors.Is(err, stay.Err()) {
				source.leave()
				return nil
			}
			return err
		}
		var got struct {
			Update inboxUpdate `json:"update"`
		}
		if err := json.Unmarshal(data, &got); err != nil {
			l.blame("stream: not understood", "%v", err)
			source.leave()
			return err
		}
		l.take(in, got.Update)
		if t.leavesAfter > 0 && n == t.leavesAfter {
			source.leave()
			return nil
		}
	}
}

// errLook says that it is time to look whether all is there.
var errLook = errors.New("look")

// next waits for an update; who stays looks up now and then.
func (*inboxer) next(stay context.Context, source subscription, t temper) (json.RawMessage, error) {
	if !t.stays() {
		return source.next(stay)
	}
	brief, cancel := context.WithTimeout(stay, 200*time.Millisecond)
	defer cancel()
	data, err := source.next(brief)
	if err != nil && stay.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return nil, errLook
	}
	return data, err
}

// hasAll tells whether all of the rooms were heard to their ends, which are known, and the
// last group was opened.
func (l *inboxer) hasAll(in *inbox) bool {
	l.history.mu.Lock()
	finale := l.history.finale
	l.history.mu.Unlock()
	if l.stays && in.streams[finale] == nil {
		return false
	}
	for _, r := range l.homes {
		select {
		case <-r.settled:
		default:
			return false
		}
		if in.streams[r.id] == nil || l.stored[r.id].seq < r.last {
			return false
		}
	}
	return true
}

// stands says how far they are.
func (l *inboxer) stands() string {
	text := ""
	for _, r := range l.homes {
		text += fmt.Sprintf("%s: at %d of %d; ", r.name, l.stored[r.id].seq, r.last)
	}
	return text + fmt.Sprintf("%d rooms are open", len(l.stored))
}

// inboxUpdate is an InboxUpdate as it comes.
type inboxUpdate struct {
	eventJSON
	Room *struct {
		ID      string `json:"id"`
		LastSeq int    `json:"lastSeq"`
		LogID   string `json:"logId"`
	} `json:"room"`
	RoomID string `json:"roomId"`
}

// take takes one update.
func (l *inboxer) take(in *inbox, u inboxUpdate) {
	at := l.history.since()
	switch u.Typename {
	case "RoomEvent":
		l.counts.entries.Add(1)
		l.takeEntry(in, u, at)
	case "CaughtUp":
		l.counts.seams.Add(1)
		l.takeCaughtUp(in, at)
	case "RoomOpened":
		id := u.Room.ID
		if in.streams[id] != nil {
			l.blame("inbox: opened again", "%s was opened at %d, and is followed", id, u.Room.LastSeq)
		}
		delete(in.wrong, id)
		s := l.begin(in, id, u.Room.LastSeq)
		s.steps = []step{{position: u.Room.LastSeq, at: at}}
		if r := l.history.rooms[id]; r != nil {
			s.opened = r.head()
			r.saw(u.Room.LastSeq)
			if u.Room.LogID != r.logID {
				l.blame("log: another id", "%s: it was %s, and is opened as %s", r.name, r.logID, u.Room.LogID)
			}
		}
		if _, known := in.opened[id]; !known {
			in.opened[id] = at
		}
		l.stored[id] = stored{u.Room.LastSeq, u.Room.LogID}
	case "RoomClosed":
		l.takeClosed(in, u.RoomID)
	case "ViewerRoomChanged", "ViewerChanged":
	default:
		l.blame("stream: not understood", "an update of type %q", u.Typename)
	}
}

func (l *inboxer) takeEntry(in *inbox, u inboxUpdate, at time.Duration) {
	s := in.streams[u.Room.ID]
	switch {
	case s == nil || in.wrong[u.Room.ID]:
		l.blame("inbox: of no open room", "it got %d of %s, which is not open", u.Seq, u.Room.ID)
		return
	case l.stored[u.Room.ID].seq+1 != u.Seq && s.after+1 != u.Seq:
		l.blame("inbox: not the next", "it got %d of %s, after %d", u.Seq, u.Room.ID, l.stored[u.Room.ID].seq)
	}
	l.stored[u.Room.ID] = stored{u.Seq, l.stored[u.Room.ID].log}
	r := l.history.rooms[u.Room.ID]
	if r == nil {
		return // a group, of which nothing more is known
	}
	if len(s.steps) == 0 {
		s.opened = r.head()
	}
	r.saw(u.Seq)
	s.steps = append(s.steps, step{entry: r.told(u.entry()), at: at})
}

// takeCaughtUp is told once, when all rooms are there in which they are.
func (l *inboxer) takeCaughtUp(in *inbox, at time.Duration) {
	if in.caught >= 0 {
		l.blame("caught up: twice", "it was told so again")
		return
	}
	in.caught = at
	for _, r := range l.homes {
		if l.stays && in.streams[r.id] == nil {
			l.blame("inbox: leaves out", "it has caught up, and nothing was said of %s", r.name)
		}
	}
	for id, s := range in.streams {
		if in.wrong[id] {
			l.blame("position: taken", "%s was named with another log's id, and is followed", id)
		}
		if r := l.history.rooms[id]; len(s.steps) == 0 && r != nil {
			s.opened = r.head()
		}
		if len(s.steps) == 0 || s.steps[0].entry != nil {
			s.steps = append(s.steps, step{position: max(s.after, lastOf(s)), at: at})
		}
	}
}

func lastOf(s *stream) int {
	for i := len(s.steps) - 1; i >= 0; i-- {
		if e := s.steps[i].entry; e != nil {
			return e.seq
		}
	}
	return 0
}

func (l *inboxer) takeClosed(in *inbox, id string) {
	s := in.streams[id]
	if s == nil {
		l.blame("inbox: closed", "%s was closed, and was not open", id)
		return
	}
	delete(in.streams, id)
	delete(l.stored, id)
	if in.wrong[id] {
		return // of which it comes anew
	}
	s.end.code = "NOT_FOUND"
	if at := lastOf(s); at > 0 {
		s.end.seq = at
	}
	l.streamed(s)
}

// streamed hands over what was heard of one room, where that is one of those in which all
// is known.
func (l *inboxer) streamed(s *stream) {
	if l.history.rooms[s.room] != nil {
		l.history.streamed(s)
	}
}
