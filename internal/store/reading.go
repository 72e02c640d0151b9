package store

import (
	"cmp"
	"context"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/message"
	"github.com/omarty/chat/ent/generated/participant"
	"github.com/omarty/chat/ent/generated/predicate"
	"github.com/omarty/chat/ent/generated/room"
	"github.com/omarty/chat/ent/generated/user"
	"github.com/omarty/chat/internal/omarty"
)

// How unread messages are counted. Messages have ordinals, 1, 2, 3, … in their
// room, and a read mark has the ordinal at its position: what lies between the mark
// and the room's last message is a difference, whatever the room's size. From that
// are taken those that do not count, each kind by an index of its own: the reader's,
// and those of others that were deleted. Mentions and notices have indexes, too. It is
// one statement, so all of it is of one moment, and nothing is kept that could drift.

// unread is how many messages of others follow a participation's mark, in a
// statement over participants that withRoom joins.
const unread = `rooms.message_count - participants.read_ordinal - (
	SELECT count(*) FROM messages AS own
	WHERE own.author_id = participants.user_id AND own.room_id = participants.room_id AND own.seq > participants.read_seq) - (
	SELECT count(*) FROM messages AS gone
	WHERE gone.room_id = participants.room_id AND gone.seq > participants.read_seq AND gone.deleted_at IS NOT NULL
		AND (gone.author_id IS NULL OR gone.author_id <> participants.user_id))`

// mentioning is how many of them mention the reader or are notices. What is deleted does
// neither, and whom the reader blocked mentions nobody to them.
const mentioning = `(
	SELECT count(DISTINCT named.message_id) FROM mentions AS named JOIN messages AS naming ON naming.id = named.message_id
	WHERE named.user_id = participants.user_id AND named.room_id = participants.room_id AND named.seq > participants.read_seq
		AND (naming.author_id IS NULL OR naming.author_id <> participants.user_id)
		AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocks.blocker_id = participants.user_id AND blocks.blocked_id = naming.author_id)) + (
	SELECT count(*) FROM messages AS official
	WHERE official.room_id = participants.room_id AND official.seq > participants.read_seq AND official.notice
		AND (official.author_id IS NULL OR official.author_id <> participants.user_id)
		AND (NOT EXISTS (SELECT 1 FROM mentions AS twice
			WHERE twice.user_id = participants.user_id AND twice.room_id = official.room_id AND twice.seq = official.seq)
			OR EXISTS (SELECT 1 FROM blocks WHERE blocks.blocker_id = participants.user_id AND blocks.blocked_id = official.author_id)))`

// firstUnread is the id of the first of them.
const firstUnread = `(
	SELECT theirs.id FROM messages AS theirs
	WHERE theirs.room_id = participants.room_id AND theirs.seq > participants.read_seq AND theirs.deleted_at IS NULL
		AND (theirs.author_id IS NULL OR theirs.author_id <> participants.user_id)
	ORDER BY theirs.seq LIMIT 1)`

// ordinalAt is how many messages a participation's room has up to a position, which
// stands between the two.
const ordinalAt, ordinalThen = `COALESCE((
	SELECT upto.ordinal FROM messages AS upto
	WHERE upto.room_id = participants.room_id AND upto.seq <= `, `
	ORDER BY upto.seq DESC LIMIT 1), 0)`

// withRoom, as one of a query's predicates, joins each participation's room.
func withRoom(s *sql.Selector) {
	rooms := sql.Table(room.Table).As(room.Table)
	s.Join(rooms).On(s.C(participant.FieldRoomID), rooms.C(room.FieldID))
}

// giving, as one of a query's predicates, reads an expression besides.
func giving(name string, write func(*sql.Builder)) predicate.Participant {
	return func(s *sql.Selector) { s.AppendSelectExprAs(sql.ExprFunc(write), name) }
}

// expression writes one that has no arguments.
func expression(text string) func(*sql.Builder) {
	return func(b *sql.Builder) { b.WriteString(text) }
}

// Readings gives what a person has read of those of the rooms that they are in.
func (s *Store) Readings(ctx context.Context, ids []omarty.ID, of omarty.ID) (map[omarty.ID]omarty.Reading, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID]omarty.Reading, error) {
		var rooms []struct {
			Room    uuid.UUID `sql:"room_id"`
			ReadSeq int       `sql:"read_seq"`
			Unread  int       `sql:"unread"`
			Calls   int       `sql:"calls"`
			Level   string    `sql:"notifications"`
		}
		err := db.Participant.Query().Where(present(of)...).
			Where(participant.RoomIDIn(rows(ids, omarty.KindRoom)...), withRoom,
				giving("unread", expression(unread)), giving("calls", expression(mentioning))).
			Select(participant.FieldRoomID, participant.FieldReadSeq, participant.FieldNotifications).Scan(ctx, &rooms)
		found := make(map[omarty.ID]omarty.Reading, len(rooms))
		for _, r := range rooms {
			found[omarty.ID{Kind: omarty.KindRoom, Row: r.Room}] = omarty.Reading{
				Seq: r.ReadSeq, Unread: r.Unread, Mentions: r.Calls, Level: omarty.NotificationLevel(r.Level),
			}
		}
		return found, err
	})
}

// Unread counts the messages of others that a person has not read, in all rooms
// that they are in and want to hear of.
func (s *Store) Unread(ctx context.Context, of omarty.ID) (int, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (int, error) {
		return db.Participant.Query().Where(present(of)...).
			Where(participant.NotificationsNEQ(string(omarty.NotifyNone)), withRoom).
			Aggregate(func(*sql.Selector) string { return "CAST(COALESCE(SUM(" + unread + "), 0) AS BIGINT)" }).Int(ctx)
	})
}

// FirstUnread gives the first message of another that a person has not read, of
// those of the rooms that they are in, by room.
func (s *Store) FirstUnread(ctx context.Context, ids []omarty.ID, of omarty.ID) (map[omarty.ID]omarty.Message, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID]omarty.Message, error) {
		first := func(s *sql.Selector) {
			theirs := sql.Dialect(s.Dialect()).Select().From(sql.Table(participant.Table))
			theirs.SelectExpr(sql.ExprFunc(expression(firstUnread)))
			for _, keep := range append(present(of), participant.RoomIDIn(rows(ids, omarty.KindRoom)...)) {
				keep(theirs)
			}
			s.Where(sql.In(s.C(message.FieldID), theirs))
		}
		rows, err := db.Message.Query().Where(first).All(ctx)
		return byID(rows, said, func(m omarty.Message) omarty.ID { return m.Room }), err
	})
}

// MarkAt gives what it is for a person to have read a room up to a position, or to
// the end of its log where that comes before. NOT_FOUND where they are not in it.
func (s *Store) MarkAt(ctx context.Context, id, of omarty.ID, seq int) (omarty.Mark, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Mark, error) {
		var found []struct {
			ID       uuid.UUID  `sql:"id"`
			JoinedAt time.Time  `sql:"joined_at"`
			ReadSeq  int        `sql:"read_seq"`
			LastSeq  int        `sql:"last_seq"`
			Kind     string     `sql:"kind"`
			Name     string     `sql:"name"`
			Shared   bool       `sql:"share_read_marks"`
			Presence bool       `sql:"share_presence"`
			Seen     *time.Time `sql:"last_seen_at"`
			Ordinal  int        `sql:"ordinal"`
		}
		err := db.Participant.Query().Where(present(of)...).
			Where(participant.RoomID(id.Row), withRoom, withUser,
				giving(room.FieldLastSeq, expression("rooms.last_seq")), giving(room.FieldKind, expression("rooms.kind")),
				giving(user.FieldName, expression("users.name")),
				giving(user.FieldShareReadMarks, expression("users.share_read_marks")),
				giving(user.FieldSharePresence, expression("users.share_presence")),
				giving(user.FieldLastSeenAt, expression("users.last_seen_at")),
				giving("ordinal", func(b *sql.Builder) { b.WriteString(ordinalAt).Arg(seq).WriteString(ordinalThen) })).
			Select(participant.FieldID, participant.FieldJoinedAt, participant.FieldReadSeq).Scan(ctx, &found)
		if err != nil || len(found) == 0 {
			return omarty.Mark{}, cmp.Or(err, error(ErrNotFound))
		}
		m := omarty.Mark{
			Participant: omarty.Participant{
				ID: omarty.ID{Kind: omarty.KindParticipant, Row: found[0].ID}, Room: id, User: of, JoinedAt: found[0].JoinedAt.UTC(),
			},
			Reader: omarty.User{ID: of, Name: found[0].Name, SharesPresence: found[0].Presence, LastSeenAt: inUTC(found[0].Seen)},
			Told:   omarty.ReadPosition{Shared: found[0].Shared, Room: omarty.RoomKind(found[0].Kind)}.Told(),
			Seq:    min(seq, found[0].LastSeq), Ordinal: found[0].Ordinal,
		}
		m.Ahead = m.Seq > found[0].ReadSeq
		return m, nil
	})
}

// MarkRead moves a participant's mark forward, and tells whether it was behind: not
// where another device was faster, nor for who has left the room.
func (tx *Tx) MarkRead(ctx context.Context, m omarty.Mark) (bool, error) {
	n, err := tx.tx.Participant.Update().
		Where(participant.ID(m.Participant.ID.Row), participant.LeftAtIsNil(), participant.ReadSeqLT(int64(m.Seq))).
		SetReadSeq(int64(m.Seq)).SetReadOrdinal(int64(m.Ordinal)).
		Save(ctx)
	return n == 1, err
}

// ReadMarks gives how far people have read, of those of the participations that
// have not ended.
func (s *Store) ReadMarks(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.ReadPosition, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID]omarty.ReadPosition, error) {
		var marks []struct {
			ID      uuid.UUID `sql:"id"`
			ReadSeq int       `sql:"read_seq"`
			Kind    string    `sql:"kind"`
			Shared  bool      `sql:"share_read_marks"`
		}
		err := db.Participant.Query().
			Where(participant.IDIn(rows(ids, omarty.KindParticipant)...), participant.LeftAtIsNil(), withRoom, withUser,
				giving(room.FieldKind, expression("rooms.kind")), giving(user.FieldShareReadMarks, expression("users.share_read_marks"))).
			Select(participant.FieldID, participant.FieldReadSeq).Scan(ctx, &marks)
		found := make(map[omarty.ID]omarty.ReadPosition, len(marks))
		for _, m := range marks {
			found[omarty.ID{Kind: omarty.KindParticipant, Row: m.ID}] = omarty.ReadPosition{
				Seq: m.ReadSeq, Shared: m.Shared, Room: omarty.RoomKind(m.Kind),
			}
		}
		return found, err
	})
}

// Readers gives a page of the people in a room who have read up to a position and
// share that, to who may read the room.
func (s *Store) Readers(ctx context.Context, id omarty.ID, seq int, to omarty.Reader, page omarty.Page) (omarty.Slice[omarty.User], error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Slice[omarty.User], error) {
		inRoom := func(s *sql.Selector) {
			places := sql.Dialect(s.Dialect()).Select(participant.FieldUserID).From(sql.Table(participant.Table))
			for _, keep := range []predicate.Participant{
				participant.RoomID(id.Row), participant.LeftAtIsNil(), participant.ReadSeqGTE(int64(seq)), participant.HasRoomWith(readable(to)),
			} {
				keep(places)
			}
			s.Where(sql.In(s.C(user.FieldID), places))
		}
		rows, err := db.User.Query().Where(inRoom, user.ShareReadMarks(true), afterRow(page.After, false)).
			Order(user.ByID()).Limit(page.First + 1).All(ctx)
		return slice(rows, page.First, person, func(u *generated.User) uuid.UUID { return u.ID }), err
	})
}

// withUser, as one of a query's predicates, joins the person of each participation.
func withUser(s *sql.Selector) {
	users := sql.Table(user.Table).As(user.Table)
	s.Join(users).On(s.C(participant.FieldUserID), users.C(user.FieldID))
}
