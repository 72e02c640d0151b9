package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/apartment"
	"github.com/omarty/chat/ent/generated/message"
	"github.com/omarty/chat/ent/generated/participant"
	"github.com/omarty/chat/ent/generated/residency"
	"github.com/omarty/chat/internal/omarty"
)

// Post stores a message where admit, which is told how things stand with the draft
// under the lock of its room, gives nil; else it stores nothing and answers admit's
// error. An UNAVAILABLE may mean that it was stored: the draft's key tells.
func (s *Store) Post(ctx context.Context, d omarty.Draft, admit func(omarty.Standing) error) (omarty.Message, error) {
	var posted omarty.Message
	err := s.Write(ctx, func(ctx context.Context, tx *Tx) error {
		standing, err := tx.standing(ctx, d)
		if err != nil {
			return err
		}
		if err := admit(standing); err != nil {
			return err
		}
		// Its place in the log is filled in as the transaction's last step.
		posted = omarty.Message{
			ID: d.ID, Room: d.Room, Key: d.Key, Author: d.Author, Apartment: d.Apartment, Text: d.Text,
		}
		tx.entries = append(tx.entries, entry{
			Event:   omarty.Event{Room: d.Room, At: d.At, Kind: omarty.EventMessagePosted, Actor: d.Author, Message: d.ID},
			message: &posted, fingerprint: d.Fingerprint(),
		})
		return nil
	})
	return posted, err
}

// standing reads how things stand with a draft, and locks its room.
func (tx *Tx) standing(ctx context.Context, d omarty.Draft) (omarty.Standing, error) {
	var st omarty.Standing
	var err error
	if st.SessionGood, err = tx.SessionGood(ctx, d.Session, d.At); err != nil || !st.SessionGood {
		return st, err
	}
	row, err := tx.lockRoom(ctx, d.Room.Row)
	if errors.Is(err, ErrNotFound) {
		return st, nil
	}
	if err != nil {
		return st, err
	}
	st.Present, err = tx.tx.Participant.Query().
		Where(append(present(d.Author), participant.RoomID(d.Room.Row))...).Exist(ctx)
	if err != nil || !st.Present {
		return st, err
	}
	st.Room = chamber(row)
	if err := tx.standingInBuilding(ctx, d, &st); err != nil {
		return st, err
	}
	earlier, err := tx.tx.Message.Query().
		Where(message.RoomID(d.Room.Row), message.AuthorID(d.Author.Row), message.Key(d.Key)).Only(ctx)
	if generated.IsNotFound(err) {
		return st, nil
	}
	if err != nil {
		return st, err
	}
	m := said(earlier)
	st.Earlier, st.Same = &m, slices.Equal(earlier.Fingerprint, d.Fingerprint())
	return st, nil
}

// standingInBuilding reads the author's standing in the room's building.
func (tx *Tx) standingInBuilding(ctx context.Context, d omarty.Draft, st *omarty.Standing) error {
	if st.Room.Building.IsZero() {
		return nil
	}
	m, err := tx.MembershipIn(ctx, st.Room.Building, d.Author)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	st.Manages = m.Manages()
	if d.Apartment.Kind != omarty.KindApartment {
		return nil
	}
	st.KnowsApartment, err = tx.tx.Apartment.Query().
		Where(apartment.ID(d.Apartment.Row), apartment.BuildingID(st.Room.Building.Row)).Exist(ctx)
	if err != nil || !st.KnowsApartment {
		return err
	}
	st.LivesThere, err = tx.tx.Residency.Query().
		Where(residency.ApartmentID(d.Apartment.Row), residency.MembershipID(m.ID.Row)).Exist(ctx)
	return err
}

// createMessages stores the messages of entries that have their numbers.
func (tx *Tx) createMessages(ctx context.Context, posts []*entry) error {
	if len(posts) == 0 {
		return nil
	}
	return tx.tx.Message.MapCreateBulk(posts, func(create *generated.MessageCreate, i int) {
		m := posts[i].message
		create.SetID(m.ID.Row).SetRoomID(m.Room.Row).SetSeq(int64(m.Seq)).SetOrdinal(posts[i].ordinal).SetChangedSeq(int64(m.ChangedSeq)).
			SetTextSeq(int64(m.TextSeq)).SetAuthorID(m.Author.Row).SetKey(m.Key).SetFingerprint(posts[i].fingerprint).
			SetNillableApartmentID(rowOf(m.Apartment)).SetText(m.Text).SetCreatedAt(m.CreatedAt)
	}).Exec(ctx)
}

// Messages gives those of the messages that there are, to who may read their rooms.
func (s *Store) Messages(ctx context.Context, ids []omarty.ID, to omarty.Reader) (map[omarty.ID]omarty.Message, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID]omarty.Message, error) {
		query := db.Message.Query().Where(message.IDIn(rows(ids, omarty.KindMessage)...))
		if !to.Anyone {
			query.Where(message.HasRoomWith(readable(to)))
		}
		rows, err := query.All(ctx)
		found := make(map[omarty.ID]omarty.Message, len(rows))
		for _, row := range rows {
			m := said(row)
			found[m.ID] = m
		}
		return found, err
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
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Slice[omarty.Message], error) {
		query := db.Message.Query().Where(message.RoomID(id.Row), message.HasRoomWith(readable(to)))
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

func said(row *generated.Message) omarty.Message {
	return omarty.Message{
		ID:         omarty.ID{Kind: omarty.KindMessage, Row: row.ID},
		Room:       omarty.ID{Kind: omarty.KindRoom, Row: row.RoomID},
		Seq:        int(row.Seq),
		ChangedSeq: int(row.ChangedSeq),
		TextSeq:    int(row.TextSeq),
		Key:        row.Key,
		Author:     idOf(omarty.KindUser, row.AuthorID),
		Apartment:  idOf(omarty.KindApartment, row.ApartmentID),
		Text:       row.Text,
		CreatedAt:  row.CreatedAt.UTC(),
	}
}
