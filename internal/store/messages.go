package store

import (
	"context"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/message"
	"github.com/omarty/chat/ent/generated/predicate"
	"github.com/omarty/chat/internal/omarty"
)

// Messages gives those of the messages that there are, to who may read their rooms.
func (s *Store) Messages(ctx context.Context, ids []omarty.ID, to omarty.Reader) (map[omarty.ID]omarty.Message, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID]omarty.Message, error) {
		query := db.Message.Query().Where(message.IDIn(rows(ids, omarty.KindMessage)...))
		if !to.Anyone {
			query.Where(message.HasRoomWith(readable(to)))
		}
		rows, err := query.All(ctx)
		return byID(rows, said, func(m omarty.Message) omarty.ID { return m.ID }), err
	})
}

// MessageFor gives a message of a room that a person is in.
func (s *Store) MessageFor(ctx context.Context, id, of omarty.ID) (omarty.Message, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Message, error) {
		row, err := db.Message.Query().
			Where(message.ID(id.Row), message.HasRoomWith(readable(omarty.Reader{User: of}))).Only(ctx)
		if err != nil {
			return omarty.Message{}, err
		}
		return said(row), nil
	})
}

// MessagesIn gives a page of a room's messages, the oldest first, to who may read
// the room. More tells of messages within the window that are beyond the page.
func (s *Store) MessagesIn(ctx context.Context, id omarty.ID, to omarty.Reader, w omarty.MessageWindow) (omarty.Slice[omarty.Message], error) {
	return s.window(ctx, message.RoomID(id.Row), to, w)
}

// Replies is MessagesIn for the answers to a message.
func (s *Store) Replies(ctx context.Context, id omarty.ID, to omarty.Reader, w omarty.MessageWindow) (omarty.Slice[omarty.Message], error) {
	return s.window(ctx, message.ReplyToID(id.Row), to, w)
}

func (s *Store) window(ctx context.Context, of predicate.Message, to omarty.Reader, w omarty.MessageWindow) (omarty.Slice[omarty.Message], error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Slice[omarty.Message], error) {
		query := db.Message.Query().Where(of, message.HasRoomWith(readable(to)))
		if w.After != nil {
			query.Where(message.SeqGT(int64(*w.After)))
		}
		if w.Before != nil {
			query.Where(message.SeqLT(int64(*w.Before)))
		}
		order := message.BySeq()
		if w.Back {
			order = message.BySeq(sql.OrderDesc())
		}
		rows, err := query.Order(order).Limit(w.Count + 1).All(ctx)
		page := sliceBy(rows, w.Count, said, func(m *generated.Message) omarty.Cursor { return omarty.Cursor{Number: m.Seq} })
		if w.Back {
			slices.Reverse(page.Items)
			slices.Reverse(page.Cursors)
		}
		return page, err
	})
}

// Pinned gives the messages that are pinned in rooms, by room, the newest pin first, to
// who may read the rooms.
func (s *Store) Pinned(ctx context.Context, ids []omarty.ID, to omarty.Reader) (map[omarty.ID][]omarty.Message, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID][]omarty.Message, error) {
		rows, err := db.Message.Query().
			Where(message.RoomIDIn(rows(ids, omarty.KindRoom)...), message.PinnedAtNotNil(), message.HasRoomWith(readable(to))).
			Order(message.ByPinnedAt(sql.OrderDesc()), message.BySeq(sql.OrderDesc())).All(ctx)
		return listsBy(rows, said, func(m omarty.Message) omarty.ID { return m.Room }), err
	})
}

// SeqAt gives the position of the last message of a room that was posted at a
// moment or before it; 0 where none was.
func (s *Store) SeqAt(ctx context.Context, id omarty.ID, at time.Time) (int, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (int, error) {
		found, err := db.Message.Query().Where(message.RoomID(id.Row), message.CreatedAtLTE(at)).
			Order(message.ByCreatedAt(sql.OrderDesc()), message.BySeq(sql.OrderDesc())).Limit(1).
			Select(message.FieldSeq).Ints(ctx)
		if err != nil || len(found) == 0 {
			return 0, err
		}
		return found[0], nil
	})
}

// LockMessage lets nobody else write to the log of a message's room until the
// transaction ends, and gives how things stand with the message for somebody who is in
// the room: NOT_FOUND to others.
func (tx *Tx) LockMessage(ctx context.Context, id, of omarty.ID) (omarty.MessageStanding, error) {
	var st omarty.MessageStanding
	row, err := tx.tx.Message.Query().
		Where(message.ID(id.Row), message.HasRoomWith(readable(omarty.Reader{User: of}))).Only(ctx)
	if err != nil {
		return st, absent(err) // strangers lock nothing
	}
	if st.RoomStanding, err = tx.LockRoom(ctx, omarty.ID{Kind: omarty.KindRoom, Row: row.RoomID}, of); err != nil {
		return st, err
	}
	// Under the lock, since it may have been another before.
	row, err = tx.tx.Message.Get(ctx, id.Row)
	if err != nil {
		return st, absent(err)
	}
	st.Message = said(row)
	return st, nil
}

func said(row *generated.Message) omarty.Message {
	return omarty.Message{
		ID:          omarty.ID{Kind: omarty.KindMessage, Row: row.ID},
		Room:        omarty.ID{Kind: omarty.KindRoom, Row: row.RoomID},
		Seq:         int(row.Seq),
		ChangedSeq:  int(row.ChangedSeq),
		TextSeq:     int(row.TextSeq),
		Key:         row.Key,
		Author:      idOf(omarty.KindUser, row.AuthorID),
		Apartment:   idOf(omarty.KindApartment, row.ApartmentID),
		Text:        row.Text,
		ReplyTo:     idOf(omarty.KindMessage, row.ReplyToID),
		ReplyCount:  int(row.ReplyCount),
		HasPoll:     row.Poll,
		IsNotice:    row.Notice,
		Attachments: row.Attachments,
		CreatedAt:   row.CreatedAt.UTC(),
		EditedAt:    inUTC(row.EditedAt),
		DeletedAt:   inUTC(row.DeletedAt),
		DeletedBy:   idOf(omarty.KindUser, row.DeletedByID),
		PinnedAt:    inUTC(row.PinnedAt),
	}
}

// inUTC gives a moment in UTC; nil for nil.
func inUTC(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	utc := t.UTC()
	return &utc
}

// PinnedIn counts the messages that are pinned in a room.
func (tx *Tx) PinnedIn(ctx context.Context, id omarty.ID) (int, error) {
	return tx.tx.Message.Query().Where(message.RoomID(id.Row), message.PinnedAtNotNil()).Count(ctx)
}
