package service

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

const (
	// watchPage is how many entries are read at once of what a listener has missed.
	watchPage = 100
	// logCheck is how often the heads of logs are read that somebody listens to: so
	// late, at most, is heard what this node was not told of.
	logCheck = 2 * time.Second
	// logCheckTime bounds one such reading.
	logCheckTime = 2 * time.Second
	// watchRetry is how long a listener waits before it reads again from a database
	// that could not answer.
	watchRetry = 500 * time.Millisecond
)

// Logs tells where the logs of rooms stand, and what they said last; see
// internal/realtime.
type Logs interface {
	// Listen listens to a room's log; heard, where it is not nil, is called with what
	// is heard of it, and waits for nobody.
	Listen(room omarty.ID, heard func([]omarty.Entry)) LogListener
	Advance(heads map[omarty.ID]int)
	// Forget drops what is kept of all logs, and of what their entries read as.
	Forget()
	// Rooms gives those that somebody listens to.
	Rooms() []omarty.ID
}

// LogListener listens to one room's log.
type LogListener interface {
	// Head gives the newest position that is known here.
	Head() int
	// Moved gives what is closed when the log moves on from where it is.
	Moved() <-chan struct{}
	// Since gives the entries after a position that are known here; kept is false
	// where the log has to be read for them.
	Since(after int) (entries []omarty.Event, kept bool)
	Close()
}

// Position is where a listener stands in a room's log.
type Position struct {
	// After is the newest entry that it has; nil for all there are by now.
	After *int
	// Log names the log that After is of; nil where the listener does not say.
	Log *omarty.ID
}

// RoomWatch gives the entries of a room's log to one listener: each once and in
// order, whatever fails. It is a position in the log, and holds no entries. It is
// for one goroutine.
type RoomWatch struct {
	log  *RoomLog
	room omarty.Room
	user omarty.ID
	// position is the newest entry that was given.
	position int
	// began is where the log stood when the listener was found to be in the room: the
	// listener has caught up when that is given. An entry up to there that tells of
	// their leaving is of another time: they have come back since.
	began    int
	caughtUp bool
	ended    bool
}

// WatchRoom listens to a room for who is in it. UNAUTHENTICATED without a session,
// NOT_FOUND to all others, INVALID_INPUT for a position that cannot be, LOG_MISMATCH
// for one that is not of this log. The caller closes the watch.
func (s *Service) WatchRoom(ctx context.Context, by Asker, room omarty.ID, from Position) (*RoomWatch, error) {
	if err := by.SignedIn(); err != nil {
		return nil, err
	}
	if err := checkPosition(from.After); err != nil {
		return nil, err
	}
	// First listen, then read where the log stands: what is written in between is
	// heard of.
	log := s.FollowLog(room, nil)
	r, err := s.Room(ctx, by, room)
	if omarty.CodeOf(err) == omarty.CodeNotFound {
		err = notThere().At("room")
	}
	if err == nil {
		err = checkLog(r, from)
	}
	if err != nil {
		log.Close()
		return nil, err
	}
	s.Logs.Advance(map[omarty.ID]int{room: r.LastSeq})
	w := &RoomWatch{log: log, room: r, user: by.User, position: r.LastSeq, began: r.LastSeq}
	if from.After != nil {
		w.position = *from.After
	}
	return w, nil
}

// Close ends the watch.
func (w *RoomWatch) Close() { w.log.Close() }

// Room gives the room as it was when the watch began.
func (w *RoomWatch) Room() omarty.Room { return w.room }

// Began gives where the log stood when the watch began: what is after it happens
// from then on.
func (w *RoomWatch) Began() int { return w.began }

// Reader gives who listens: an entry after Began by which they leave is the last one.
func (w *RoomWatch) Reader() omarty.ID { return w.user }

// Gone is what a watch ends with, after the entry at a position: NOT_FOUND with Seq.
func Gone(position int) error {
	gone := notThere()
	gone.Seq = position
	return gone
}

// Next waits for what comes next: entries, or once, when all that was missed has
// been given, none, which says that the listener has caught up. When the listener
// may no longer read the room, the entry that says so is the last one, and then it
// is NOT_FOUND with Seq; else the only error is that of ctx.
func (w *RoomWatch) Next(ctx context.Context) ([]omarty.Event, error) {
	if w.ended {
		return nil, Gone(w.position)
	}
	if !w.caughtUp && w.position >= w.began {
		w.caughtUp = true
		return nil, nil
	}
	for {
		moved := w.log.Moved()
		entries, kept := w.log.Since(w.position)
		if !kept {
			var err error
			if entries, err = w.log.Read(ctx, w.position, watchPage); err != nil {
				return nil, err
			}
		}
		if len(entries) > 0 {
			return w.pass(entries), nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Position gives the newest entry that was given.
func (w *RoomWatch) Position() int { return w.position }

// pass moves the watch behind the entries, and cuts off what comes after the one
// that ends it.
func (w *RoomWatch) pass(entries []omarty.Event) []omarty.Event {
	for i, e := range entries {
		if e.Seq > w.began && e.Ends(w.user) {
			w.ended = true
			entries = entries[:i+1]
			break
		}
	}
	w.position = entries[len(entries)-1].Seq
	return entries
}

// RoomLog is a room's log on this node, for those who were found to be in the room.
type RoomLog struct {
	LogListener
	service *Service
	room    omarty.ID
}

// FollowLog follows a room's log, whoever may read it: the caller finds out, for each
// whom it tells of it. See Logs.Listen for heard. The caller closes the log.
func (s *Service) FollowLog(room omarty.ID, heard func([]omarty.Entry)) *RoomLog {
	return &RoomLog{s.Logs.Listen(room, heard), s, room}
}

// Read reads the first entries of the log after a position from the database. While
// that cannot answer, it waits, until ctx ends.
func (l *RoomLog) Read(ctx context.Context, after, first int) ([]omarty.Event, error) {
	return untilAnswered(ctx, l.service, func() ([]omarty.Event, error) {
		return l.service.Store.Events(ctx, l.room, omarty.Reader{Anyone: true}, after, first)
	})
}

// untilAnswered reads again and again what the database cannot answer now, until ctx
// ends. Sessions that ended meanwhile are known then.
func untilAnswered[T any](ctx context.Context, s *Service, read func() (T, error)) (T, error) {
	for {
		v, err := read()
		if err == nil {
			err = s.KnowSessions(ctx)
		}
		if omarty.CodeOf(err) != omarty.CodeUnavailable || ctx.Err() != nil {
			return v, err
		}
		select {
		case <-time.After(watchRetry/2 + rand.N(watchRetry)): //nolint:gosec // so that not all do at once
		case <-ctx.Done():
			return v, ctx.Err()
		}
	}
}

// untilKnown waits until it is known which sessions have ended, or ctx ends.
func (s *Service) untilKnown(ctx context.Context) error {
	_, err := untilAnswered(ctx, s, func() (struct{}, error) { return struct{}{}, nil })
	return err
}

// WatchLogs reads every logCheck where the logs stand that somebody listens to,
// until ctx ends: what other nodes wrote, and commits whose outcome was unknown,
// are heard by that. What keeps it from reading goes to failed, and it reads again.
func (s *Service) WatchLogs(ctx context.Context, failed func(error)) {
	everyOr(ctx, logCheck, s.look, s.checkLogs, failed)
}

// LookAtLogs has WatchLogs look at once: for entries that were committed while nobody is
// told anything (KnowsSessions).
func (s *Service) LookAtLogs() {
	select {
	case s.look <- struct{}{}:
	default:
	}
}

// every looks at something each time that an interval has passed, until ctx ends. What
// keeps it from looking goes to failed.
func every(ctx context.Context, interval time.Duration, look func(context.Context) error, failed func(error)) {
	everyOr(ctx, interval, nil, look, failed)
}

// everyOr is every that looks, too, when it is woken.
func everyOr(ctx context.Context, interval time.Duration, woken <-chan struct{}, look func(context.Context) error, failed func(error)) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-woken:
		}
		if err := look(ctx); err != nil && ctx.Err() == nil {
			failed(err)
		}
	}
}

func (s *Service) checkLogs(ctx context.Context) error {
	rooms := s.Logs.Rooms()
	if len(rooms) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, logCheckTime)
	defer cancel()
	if err := s.KnowSessions(ctx); err != nil {
		return err
	}
	heads, err := s.Store.Heads(ctx, rooms)
	if err == nil {
		s.Logs.Advance(heads)
	}
	return err
}

// checkPosition is INVALID_INPUT for a position that no log has.
func checkPosition(after *int) error {
	if after != nil && *after < 0 {
		return omarty.Errorf(omarty.CodeInvalidInput, "A position is 0 or more.").At("after")
	}
	return nil
}

// checkLog is LOG_MISMATCH for a position that is not of the room's log.
func checkLog(r omarty.Room, p Position) error {
	mismatch := omarty.Errorf(omarty.CodeLogMismatch, "The position is not of this log; read the room anew.")
	switch {
	case p.Log != nil && *p.Log != r.LogID:
		return mismatch.At("logId")
	case p.After != nil && *p.After > r.LastSeq:
		return mismatch.At("after")
	}
	return nil
}
