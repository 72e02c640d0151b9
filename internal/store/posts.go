package store

import (
	"bytes"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/internal/omarty"
)

// How messages are posted: those that wait at the same time share one transaction,
// a batch (see writers.go for which). A batch locks the sessions and the rooms of its
// drafts, each in the order of their ids, and leaves over what others have locked.
// Under the locks it reads how things stand with all of its drafts, asks the admit of
// each, numbers those that are admitted, writes them and commits. Each step is as many
// statements for one draft as for many; posts_postgres.go and posts_sqlite.go have
// them.

// post is a draft that somebody wants posted, and the answer.
type post struct {
	omarty.Draft
	fingerprint []byte
	words       string // what it is found by
	admit       func(omarty.Standing) error
	// Nobody waits for the answer any more when ctx has ended, nor after until.
	ctx   context.Context
	until time.Time
	// tries is how many batches left it over. It is its writer's.
	tries int
	// left tells that the batch which has it left it over.
	left bool

	// message is what was posted, the ordinal-th of its room, unless err says why
	// nothing was. They are good when answered is closed.
	message  omarty.Message
	author   *omarty.User
	ordinal  int64
	asked    []omarty.ID // the apartments that a notice asks
	err      error
	answered chan struct{}
}

// Post stores a message where admit, which is told how things stand with the draft
// under the lock of its room, gives nil; else it stores nothing and answers admit's
// error. Admit waits for nothing, and may be asked more than once. An UNAVAILABLE may
// mean that the message was stored: the draft's key tells.
func (s *Store) Post(ctx context.Context, d omarty.Draft, admit func(omarty.Standing) error) (omarty.Message, error) {
	if err := ctx.Err(); err != nil {
		return omarty.Message{}, unavailable(err)
	}
	p := &post{
		Draft: d, fingerprint: d.Fingerprint(), words: draftWords(d), admit: admit,
		ctx: ctx, until: time.Now().Add(timeout), answered: make(chan struct{}),
	}
	late := time.NewTimer(timeout) // which costs a tenth of what a context with a timeout does
	defer late.Stop()
	s.posting.add(p)
	select {
	case <-p.answered:
		return p.message, p.err
	case <-late.C:
		// In a batch it may be stored all the same, some seconds later.
		s.posting.withdraw(p)
		return omarty.Message{}, unavailable(context.DeadlineExceeded)
	case <-ctx.Done():
	}
	if s.posting.withdraw(p) {
		return omarty.Message{}, unavailable(p.over())
	}
	<-p.answered
	return p.message, p.err
}

// over is why nobody waits for the answer any more; nil where somebody does.
func (p *post) over() error {
	if err := p.ctx.Err(); err != nil {
		return err
	}
	if time.Now().After(p.until) {
		return context.DeadlineExceeded
	}
	return nil
}

// answer tells who waits for a post what became of it: the message, or an error.
func (p *post) answer(err error) {
	if err != nil {
		p.message, p.err = omarty.Message{}, err
	}
	close(p.answered)
}

// writePosts writes a batch, answers the posts that it decided and gives those that it
// left over. Where one of them cannot be stored, that is no trouble of the others:
// each gets a transaction of its own. What the database could not answer is not tried
// again, since it may be stored.
func (s *Store) writePosts(ctx context.Context, batch []*post, wait bool) (left []*post) {
	joined, end := s.joined(ctx, batch)
	err := s.translate(s.post(joined, batch, wait))
	end()
	if err != nil && omarty.CodeOf(err) != omarty.CodeUnavailable && len(batch) > 1 {
		for i := range batch {
			left = append(left, s.writePosts(ctx, batch[i:i+1], wait)...)
		}
		return left
	}
	for _, p := range batch {
		if p.left {
			left = append(left, p)
		} else {
			p.answer(err)
		}
	}
	return left
}

// joined gives the context of a batch.
func (s *Store) joined(ctx context.Context, batch []*post) (joined context.Context, end func()) {
	if s.join == nil {
		return ctx, func() {}
	}
	theirs := make([]context.Context, len(batch))
	for i, p := range batch {
		theirs[i] = p.ctx
	}
	return s.join(ctx, theirs)
}

// post decides a batch in one transaction, and tells of what was posted.
func (s *Store) post(ctx context.Context, batch []*post, wait bool) (err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	// A fault of one post ends neither the program nor its neighbours.
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("posting: %v\n%s", fault, debug.Stack())
		}
	}()
	for _, p := range batch {
		p.left, p.err = false, nil
	}
	if err := s.engine.present(); err != nil {
		return unavailable(err)
	}
	tx, found, err := s.engine.beginPosts(ctx, batch, wait)
	if err != nil {
		return err
	}
	defer tx.rollback()
	posted, moved := decide(batch, found)
	if len(posted) == 0 {
		return nil
	}
	if err := tx.commit(ctx, posted, moved); err != nil {
		return err
	}
	// What was committed to a file that is no longer there is lost with it.
	if err := s.engine.present(); err != nil {
		return unavailable(err)
	}
	s.posting.counts.batch(len(posted))
	entries := make([]omarty.Entry, len(posted))
	for i, p := range posted {
		entries[i] = omarty.Entry{Event: p.event(), Message: &p.message, Mentions: p.Mentions, Actor: p.author}
	}
	s.tell(ctx, entries)
	return nil
}

// postTx is a transaction that posts a batch.
type postTx interface {
	// commit writes messages, their entries and where the logs of their rooms end with
	// them, and commits. Where the outcome is unknown, the engine's unavailable knows
	// the error.
	commit(ctx context.Context, posted []*post, moved []*head) error
	// rollback ends the transaction where it was not committed.
	rollback()
}

// standing is how things stand with a draft, as a batch finds it.
type standing struct {
	omarty.Standing
	// left is true where the session or the room is locked by others, so that nothing
	// can be decided.
	left bool
	// head is the end of the room's log; nil where there is no such room.
	head *head
}

// head is a room under a batch's lock, and where its log ends.
type head struct {
	omarty.Room
	messages int64
	movedAt  time.Time
}

// decide asks the admit of each post, in their order, and numbers those that are
// admitted as the next in the logs of their rooms. Of two with one key, the later
// sees the other as its earlier message.
func decide(batch []*post, found []standing) (posted []*post, moved []*head) {
	type name struct {
		room, author uuid.UUID
		key          string
	}
	named := map[name]*post{}
	last := map[[2]uuid.UUID]time.Time{} // by room and author
	attached := map[omarty.ID]bool{}
	for i, p := range batch {
		st, head := found[i].Standing, found[i].head
		if found[i].left {
			p.left = true
			continue
		}
		as := name{p.Room.Row, p.Author.Row, p.Key}
		if st.Present {
			st.Room = head.Room
			if twin := named[as]; twin != nil {
				earlier := twin.message
				st.Earlier, st.Same = &earlier, bytes.Equal(twin.fingerprint, p.fingerprint)
			}
			if at, ok := last[[2]uuid.UUID{p.Room.Row, p.Author.Row}]; ok {
				st.LastOwn = &at
			}
		}
		st.Unusable = slices.Clone(st.Unusable)
		for _, id := range p.Attachments {
			if attached[id] {
				st.Unusable = append(st.Unusable, id)
			}
		}
		if p.err = p.admit(st); p.err != nil {
			continue
		}
		if head == nil {
			p.err = ErrNotFound
			continue
		}
		head.next(p, st.Asked)
		named[as] = p
		if head.SlowMode > 0 {
			last[[2]uuid.UUID{p.Room.Row, p.Author.Row}] = p.message.CreatedAt
		}
		for _, id := range p.Attachments {
			attached[id] = true
		}
		posted = append(posted, p)
		if !slices.Contains(moved, head) {
			moved = append(moved, head)
		}
	}
	return posted, moved
}

// next makes a post the next entry of a room's log. Its moment is not before that of
// the entry before it.
func (h *head) next(p *post, asked []omarty.ID) {
	h.LastSeq++
	h.messages++
	h.movedAt = latest(h.movedAt, p.At)
	h.LastMessage = p.ID
	p.ordinal = h.messages
	p.asked = asked
	p.message = omarty.Message{
		ID: p.ID, Room: p.Room, Seq: h.LastSeq, ChangedSeq: h.LastSeq, TextSeq: h.LastSeq,
		Key: p.Key, Author: p.Author, Apartment: p.Apartment, Text: p.Text,
		ReplyTo: p.ReplyTo, HasPoll: p.Poll != nil, IsNotice: p.Notice, Attachments: len(p.Attachments), CreatedAt: h.movedAt,
	}
}

// apartment is the one that the draft names; zero where it names none.
func (p *post) apartment() omarty.ID {
	if p.Apartment.Kind != omarty.KindApartment {
		return omarty.ID{}
	}
	return p.Apartment
}

// event is the entry that posts the message.
func (p *post) event() omarty.Event {
	return omarty.Event{
		Room: p.Room, Seq: p.message.Seq, At: p.message.CreatedAt, Kind: omarty.EventMessagePosted,
		Actor: p.Author, Message: p.ID,
	}
}

// finding is what a batch reads, from the rows that either engine gives: first what is
// locked, then what is so under the locks.
type finding struct {
	batch    []*post
	sessions map[uuid.UUID]bool
	heads    map[uuid.UUID]*head
	found    []standing
	// used tells that a draft's key was used, so that earlier messages are to be read.
	used bool
	// holding ends a statement that reads what it holds until the transaction ends.
	holding string
}

func newFinding(batch []*post) *finding {
	return &finding{batch: batch, sessions: map[uuid.UUID]bool{}, heads: map[uuid.UUID]*head{}, found: make([]standing, len(batch))}
}

// result is the rows of a query of either engine, which looks for its error itself.
type result interface {
	Next() bool
	Scan(into ...any) error
}

// lockedSessions takes the ids of the sessions that are locked.
func (f *finding) lockedSessions(rows result) error {
	for rows.Next() {
		var id uuid.UUID
		if err := rows.Scan(&id); err != nil {
			return err
		}
		f.sessions[id] = true
	}
	return nil
}

// headColumns are those of rooms that lockedRooms takes.
const headColumns = `id, kind, name, topic, building_id, created_at, archived_at, log_id,
	last_seq, message_count, last_message_id, moved_at, maker_id, pair, slow_mode`

// lockedRooms takes the rooms that are locked.
func (f *finding) lockedRooms(rows result) error {
	for rows.Next() {
		var r generated.Room
		err := rows.Scan(&r.ID, &r.Kind, &r.Name, &r.Topic, &r.BuildingID, &r.CreatedAt, &r.ArchivedAt, &r.LogID,
			&r.LastSeq, &r.MessageCount, &r.LastMessageID, &r.MovedAt, &r.MakerID, &r.Pair, &r.SlowMode)
		if err != nil {
			return err
		}
		f.heads[r.ID] = &head{chamber(&r), r.MessageCount, r.MovedAt.UTC()}
	}
	return nil
}

// standings takes, for the n-th draft: n; whether its session is good; whether its
// room is there, and its author in it; the author's name, avatar, role and status in the
// room's building, and until when they are muted there; when they posted last, if the room
// has a slow mode; whether the apartment is there, and the author lives in it; whether the two
// of a direct room share a building; whether what it answers is there; and whether the
// author has used its key in the room.
func (f *finding) standings(rows result) error {
	for rows.Next() {
		var n int
		var good, there, present, known, lived, together, answered, used bool
		var name, role, status *string
		var muted, last *time.Time
		var avatar *uuid.UUID
		if err := rows.Scan(&n, &good, &there, &present, &name, &avatar, &role, &status, &muted, &last, &known, &lived, &together, &answered, &used); err != nil {
			return err
		}
		f.used = f.used || used
		p, st := f.batch[n], &f.found[n]
		st.head = f.heads[p.Room.Row]
		st.left = good && (!f.sessions[p.Session.Row] || there && st.head == nil)
		st.SessionGood = good
		st.Present = good && present && st.head != nil
		if name != nil {
			p.author = &omarty.User{ID: p.Author, Name: *name, Avatar: idOf(omarty.KindFile, avatar)}
		}
		if st.Present {
			st.Together, st.KnowsReply = together, answered
			st.MutedUntil, st.LastOwn = inUTC(muted), inUTC(last)
		}
		if st.Present && role != nil {
			member := omarty.Membership{Role: omarty.MembershipRole(*role), Status: omarty.MembershipStatus(*status)}
			st.Manages, st.KnowsApartment, st.LivesThere = member.Manages(), known, lived
		}
	}
	return nil
}

// earlierColumns are those of messages that earlier takes, behind n.
const earlierColumns = `id, room_id, seq, changed_seq, text_seq, author_id, key, fingerprint,
	apartment_id, text, reply_to_id, reply_count, poll, notice, created_at, edited_at, deleted_at, deleted_by_id, pinned_at, attachments`

// earlier takes, for those n-th drafts whose keys were used, the message.
func (f *finding) earlier(rows result) error {
	for rows.Next() {
		var n int
		var m generated.Message
		err := rows.Scan(&n, &m.ID, &m.RoomID, &m.Seq, &m.ChangedSeq, &m.TextSeq, &m.AuthorID, &m.Key, &m.Fingerprint,
			&m.ApartmentID, &m.Text, &m.ReplyToID, &m.ReplyCount, &m.Poll, &m.Notice, &m.CreatedAt,
			&m.EditedAt, &m.DeletedAt, &m.DeletedByID, &m.PinnedAt, &m.Attachments)
		if err != nil {
			return err
		}
		if st := &f.found[n]; st.Present {
			posted := said(&m)
			st.Earlier, st.Same = &posted, bytes.Equal(m.Fingerprint, f.batch[n].fingerprint)
		}
	}
	return nil
}
