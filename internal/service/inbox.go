package service

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

const (
	// joinCheck is how often it is read who came into rooms: so late, at most, is heard
	// of what this node was not told of.
	joinCheck = 2 * time.Second
	// joinMargin is how long after its moment a join may become visible: the time of a
	// transaction, and what clocks of nodes may differ by.
	joinMargin = 15 * time.Second
)

// People are those who listen to what is theirs alone; see internal/realtime.
type People interface {
	// Listen listens for a person; heard is called with what changes, and waits for
	// nobody.
	Listen(of omarty.ID, heard func(omarty.Change)) Ear
	// Tell tells those on this node who listen for a person. It is called after the
	// change was committed, and before who made it is answered.
	Tell(of omarty.ID, c omarty.Change)
	// Anyone tells whether somebody listens.
	Anyone() bool
}

// Ear listens for a person.
type Ear interface{ Close() }

// Inbox tells one listener of all their rooms: which there are, from when on each is
// theirs to follow, and what is theirs alone. The entries it leaves to who follows the
// logs, who says in turn where one has ended.
//
// It is a set of rooms, and what it was told of that is not looked at yet: never a
// queue. Next is for one goroutine at a time, the other methods for any.
type Inbox struct {
	service *Service
	by      Asker
	ear     Ear
	// begin is what the listener is told first, nil once they were given it, and begun
	// is true once they were sent it; both of who calls Next.
	begin []InboxUpdate
	begun bool

	mu      sync.Mutex
	changed func() // called, under mu, when there is something for Next
	// followed are the rooms that were given as opened, or to go on in, and not as closed.
	followed map[omarty.ID]struct{}
	// What Next is to look at: rooms whose logs have ended for the listener, those
	// whose marks moved, whether they came into others, whether they have changed
	// themselves, and whether all was sent that was missed.
	ended    []omarty.ID
	marked   []omarty.ID
	joined   bool
	viewer   bool
	caughtUp bool
	// behind are the rooms of whose entries some were missed that are not sent yet; one
	// more until what comes first was sent.
	behind int
}

// InboxUpdate is what a listener is told beside entries: one of the first five, or
// none where a room is followed without a word. What comes first in a list is told
// first.
type InboxUpdate struct {
	Opened   *omarty.Room
	Closed   *omarty.RoomClosed
	Marked   *omarty.Room
	Viewer   *omarty.Account
	CaughtUp bool
	// Follow is the log to follow once it was told; nil for none.
	Follow *InboxLog
}

// InboxLog is a room's log that a listener is to follow.
type InboxLog struct {
	Room omarty.ID
	// After is the newest entry that the listener has, and Began where the log stood
	// when they were found to be in the room.
	After, Began int
	// Release is called once the log is followed, or will not be: until then it is
	// listened to, so that nothing is missed.
	Release func()
}

// WatchInbox listens to all rooms of the asker, who names those that they have stored.
// INVALID_INPUT for a position that cannot be, and for a room that is named twice: who
// keeps two copies has a fault to find. TOO_LARGE for more than MaxPositions. Rooms that
// are not theirs, and positions that are of another log, are told of and are no error.
// The caller closes the inbox.
func (s *Service) WatchInbox(ctx context.Context, by Asker, after []omarty.RoomPosition) (*Inbox, error) {
	if err := by.SignedIn(); err != nil {
		return nil, err
	}
	if err := checkPositions(after); err != nil {
		return nil, err
	}
	in := &Inbox{service: s, by: by, changed: func() {}, behind: 1, followed: map[omarty.ID]struct{}{}}
	// First listen, then read which rooms there are: who comes into one in between is
	// heard of.
	in.ear = s.People.Listen(by.User, in.hear)
	rooms, err := in.unfollowed(ctx, s.Store)
	if err != nil {
		in.Close()
		return nil, err
	}
	in.begin = in.start(rooms, after)
	for _, u := range in.begin {
		if u.Follow != nil && u.Follow.After < u.Follow.Began {
			in.behind++
		}
	}
	return in, nil
}

func checkPositions(after []omarty.RoomPosition) error {
	if len(after) > omarty.MaxPositions {
		return omarty.Errorf(omarty.CodeTooLarge, "At most %d rooms.", omarty.MaxPositions).At("after")
	}
	named := make(map[string]struct{}, len(after))
	for i, p := range after {
		if err := checkPosition(&p.Seq); err != nil {
			return omarty.At(err, fmt.Sprintf("after.%d.seq", i))
		}
		if _, twice := named[p.Room]; twice {
			return omarty.Errorf(omarty.CodeInvalidInput, "A room is named once.").At(fmt.Sprintf("after.%d.room", i))
		}
		named[p.Room] = struct{}{}
	}
	return nil
}

// start tells of the rooms that the listener named, in their order, and opens the rest.
func (in *Inbox) start(rooms []listened, after []omarty.RoomPosition) []InboxUpdate {
	mine := make(map[omarty.ID]listened, len(rooms))
	for _, r := range rooms {
		mine[r.ID] = r
	}
	var updates []InboxUpdate
	for _, p := range after {
		id, _ := omarty.ParseID(p.Room)
		r, ok := mine[id]
		if ok && checkLog(r.Room, Position{After: &p.Seq, Log: p.LogID}) == nil {
			updates = append(updates, InboxUpdate{Follow: r.follow(p.Seq)})
			delete(mine, id)
			continue
		}
		updates = append(updates, InboxUpdate{Closed: &omarty.RoomClosed{RoomID: p.Room}})
		if ok {
			updates = append(updates, r.open())
			delete(mine, id)
		}
	}
	for _, r := range rooms {
		if _, left := mine[r.ID]; left {
			updates = append(updates, r.open())
		}
	}
	return updates
}

// listened is a room whose log is listened to since before it was read.
type listened struct {
	omarty.Room
	log *RoomLog
}

func (l listened) follow(after int) *InboxLog {
	return &InboxLog{Room: l.ID, After: after, Began: l.LastSeq, Release: l.log.Close}
}

func (l listened) open() InboxUpdate {
	return InboxUpdate{Opened: &l.Room, Follow: l.follow(l.LastSeq)}
}

// houseReader reads which rooms a person is in: at once, as the store does, or patiently.
type houseReader interface {
	RoomIDs(ctx context.Context, of omarty.ID) ([]omarty.ID, error)
	RoomsFor(ctx context.Context, ids []omarty.ID, of omarty.ID) ([]omarty.Room, error)
}

// patient reads as the store does, but waits, until ctx ends, while the database cannot
// answer.
type patient struct{ service *Service }

func (p patient) RoomIDs(ctx context.Context, of omarty.ID) ([]omarty.ID, error) {
	return untilAnswered(ctx, p.service, func() ([]omarty.ID, error) { return p.service.Store.RoomIDs(ctx, of) })
}

func (p patient) RoomsFor(ctx context.Context, ids []omarty.ID, of omarty.ID) ([]omarty.Room, error) {
	return untilAnswered(ctx, p.service, func() ([]omarty.Room, error) { return p.service.Store.RoomsFor(ctx, ids, of) })
}

// unfollowed gives the listener's rooms that are not followed, and counts them as such:
// two statements, however many there are. Where it fails nothing is listened to.
func (in *Inbox) unfollowed(ctx context.Context, from houseReader) ([]listened, error) {
	ids, err := from.RoomIDs(ctx, in.by.User)
	if err != nil {
		return nil, err
	}
	in.mu.Lock()
	ids = slices.DeleteFunc(ids, func(id omarty.ID) bool { _, ok := in.followed[id]; return ok })
	in.mu.Unlock()
	if len(ids) == 0 {
		return nil, nil
	}
	// First listen to the logs, then read where they stand, as WatchRoom does.
	logs := make(map[omarty.ID]*RoomLog, len(ids))
	for _, id := range ids {
		logs[id] = in.service.FollowLog(id, nil)
	}
	defer func() {
		for _, left := range logs { // in between, or all of them
			left.Close()
		}
	}()
	rooms, err := from.RoomsFor(ctx, ids, in.by.User)
	if err != nil {
		return nil, err
	}
	found := make([]listened, len(rooms))
	heads := make(map[omarty.ID]int, len(rooms))
	in.mu.Lock()
	for i, r := range rooms {
		found[i] = listened{r, logs[r.ID]}
		heads[r.ID] = r.LastSeq
		in.followed[r.ID] = struct{}{}
		delete(logs, r.ID)
	}
	in.mu.Unlock()
	in.service.Logs.Advance(heads)
	return found, nil
}

// Changed makes f be called when there is something for Next: from any goroutine,
// and without waiting. It is called once, before Next.
func (in *Inbox) Changed(f func()) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.changed = f
}

// Next gives what the listener is told next, once what it gave before was sent; nothing
// where there is nothing to tell by now. While the database cannot answer, it waits, until ctx ends.
func (in *Inbox) Next(ctx context.Context) ([]InboxUpdate, error) {
	if begin := in.begin; len(begin) > 0 {
		in.begin = nil
		return begin, nil
	}
	if !in.begun {
		in.begun = true
		in.CaughtUp()
	}
	in.mu.Lock()
	ended, marked, joined, viewer, caughtUp := in.ended, in.marked, in.joined, in.viewer, in.caughtUp
	in.ended, in.marked, in.joined, in.viewer, in.caughtUp = nil, nil, false, false, false
	for _, id := range ended {
		delete(in.followed, id)
	}
	in.mu.Unlock()

	var updates []InboxUpdate
	for _, id := range ended {
		updates = append(updates, InboxUpdate{Closed: &omarty.RoomClosed{RoomID: id.String()}})
	}
	// Who left a room may have come back to it before that was heard.
	if joined || len(ended) > 0 {
		rooms, err := in.unfollowed(ctx, patient{in.service})
		if err != nil {
			return nil, err
		}
		for _, r := range rooms {
			updates = append(updates, r.open())
		}
	}
	rest, err := in.changedSince(ctx, marked, viewer)
	if err != nil {
		ReleaseInbox(updates)
		return nil, err
	}
	updates = append(updates, rest...)
	if caughtUp {
		updates = append(updates, InboxUpdate{CaughtUp: true})
	}
	return updates, nil
}

// changedSince tells of rooms whose marks moved, and whether the listener has changed.
func (in *Inbox) changedSince(ctx context.Context, marked []omarty.ID, viewer bool) (updates []InboxUpdate, err error) {
	if len(marked) > 0 {
		rooms, err := patient{in.service}.RoomsFor(ctx, marked, in.by.User)
		if err != nil {
			return nil, err
		}
		for i := range rooms {
			updates = append(updates, InboxUpdate{Marked: &rooms[i]})
		}
	}
	if viewer {
		account, err := untilAnswered(ctx, in.service, func() (omarty.Account, error) { return in.service.Account(ctx, in.by) })
		if err != nil {
			return nil, err
		}
		updates = append(updates, InboxUpdate{Viewer: &account})
	}
	return updates, nil
}

// Ended says that the listener was given an entry after which a room is no longer
// theirs. Where they have come back, it is opened once it was given as closed.
func (in *Inbox) Ended(room omarty.ID) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ended = append(in.ended, room)
	in.changed()
}

// CaughtUp says that the listener was sent the entry at which a room stood when it was
// to be followed, where that was not the first to follow from.
func (in *Inbox) CaughtUp() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.behind--; in.behind == 0 {
		in.caughtUp = true
		in.changed()
	}
}

// Reader gives who listens: an entry by which they leave is the last one of its room that
// they may read, where it comes after those that were there when the room was to be
// followed.
func (in *Inbox) Reader() omarty.ID { return in.by.User }

// Close ends the inbox. It is called once, when Next is called no more.
func (in *Inbox) Close() {
	in.ear.Close()
	ReleaseInbox(in.begin)
}

// ReleaseInbox lets go of the logs of updates that nobody will be told.
func ReleaseInbox(updates []InboxUpdate) {
	for _, u := range updates {
		if u.Follow != nil {
			u.Follow.Release()
		}
	}
}

// hear is told of what has changed.
func (in *Inbox) hear(c omarty.Change) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.joined = in.joined || c.Rooms
	in.viewer = in.viewer || c.Viewer
	// A room that is not open yet reads anew when it is.
	if _, open := in.followed[c.Room]; open && !slices.Contains(in.marked, c.Room) {
		in.marked = append(in.marked, c.Room)
	}
	in.changed()
}

// viewerChanged tells a person's devices of a change of their profile, memberships or
// sessions, and that they may have come into rooms by it.
func (s *Service) viewerChanged(of omarty.ID, joined bool) {
	s.People.Tell(of, omarty.Change{Viewer: true, Rooms: joined})
}

// viewerRoomChanged tells a person's devices that their read mark in a room, or its
// notification level, was moved.
func (s *Service) viewerRoomChanged(of, room omarty.ID) {
	s.People.Tell(of, omarty.Change{Room: room})
}

// WatchJoins reads every joinCheck who came into rooms, until ctx ends, and tells
// those who listen: so they hear of what happened on other nodes, and of commits whose
// outcome was unknown. What keeps it from reading goes to failed, and it reads again.
func (s *Service) WatchJoins(ctx context.Context, failed func(error)) {
	looked, told := s.now(), map[omarty.Joined]struct{}{}
	every(ctx, joinCheck, func(ctx context.Context) (err error) {
		now := s.now()
		if s.People.Anyone() {
			told, err = s.checkJoins(ctx, looked.Add(-joinMargin), told)
		}
		if err == nil {
			looked = now
		}
		return err
	}, failed)
}

// checkJoins tells of the joins since a moment, in one statement, but of those that
// were told; it gives those that need not be told the next time.
func (s *Service) checkJoins(ctx context.Context, since time.Time, told map[omarty.Joined]struct{}) (map[omarty.Joined]struct{}, error) {
	ctx, cancel := context.WithTimeout(ctx, logCheckTime)
	defer cancel()
	if err := s.KnowSessions(ctx); err != nil {
		return told, err
	}
	joins, err := s.Store.JoinedSince(ctx, since)
	if err != nil {
		return told, err
	}
	found, tell := make(map[omarty.Joined]struct{}, len(joins)), map[omarty.ID]struct{}{}
	for _, j := range joins {
		found[j] = struct{}{}
		if _, known := told[j]; !known {
			tell[j.User] = struct{}{}
		}
	}
	for who := range tell {
		s.People.Tell(who, omarty.Change{Rooms: true})
	}
	return found, nil
}
