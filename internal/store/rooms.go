package store

import (
	"cmp"
	"context"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/building"
	"github.com/omarty/chat/ent/generated/membership"
	"github.com/omarty/chat/ent/generated/message"
	"github.com/omarty/chat/ent/generated/participant"
	"github.com/omarty/chat/ent/generated/predicate"
	"github.com/omarty/chat/ent/generated/room"
	"github.com/omarty/chat/internal/omarty"
)

// RoomFor gives a room that a person is in.
func (s *Store) RoomFor(ctx context.Context, id, of omarty.ID) (omarty.Room, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Room, error) {
		row, err := db.Room.Query().Where(room.ID(id.Row), room.HasParticipantsWith(present(of)...)).Only(ctx)
		if err != nil {
			return omarty.Room{}, err
		}
		return chamber(row), nil
	})
}

// Rooms gives those of the rooms that there are.
func (s *Store) Rooms(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Room, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID]omarty.Room, error) {
		rows, err := db.Room.Query().Where(room.IDIn(rows(ids, omarty.KindRoom)...)).All(ctx)
		return byID(rows, chamber, func(r omarty.Room) omarty.ID { return r.ID }), err
	})
}

// RoomsWith gives a page of the rooms that a person is in, of one building or of
// all where it is zero, the one that moved last first.
func (s *Store) RoomsWith(ctx context.Context, of, building omarty.ID, page omarty.Page) (omarty.Slice[omarty.Room], error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Slice[omarty.Room], error) {
		query := db.Room.Query().Where(with(of), movedBefore(page.After))
		if !building.IsZero() {
			query.Where(room.BuildingID(building.Row))
		}
		rows, err := query.Order(room.ByMovedAt(sql.OrderDesc()), room.ByID(sql.OrderDesc())).Limit(page.First + 1).All(ctx)
		return sliceBy(rows, page.First, chamber, func(r *generated.Room) omarty.Cursor {
			return omarty.Cursor{Number: r.MovedAt.UnixMicro(), Row: r.ID}
		}), err
	})
}

// with keeps the rooms that a person is in, beginning with the person: a database
// that began with the rooms would look at all there are.
func with(of omarty.ID) predicate.Room {
	return func(s *sql.Selector) {
		places := sql.Table(participant.Table)
		s.Join(places).On(s.C(room.FieldID), places.C(participant.FieldRoomID)).
			Where(sql.And(sql.EQ(places.C(participant.FieldUserID), of.Row), sql.IsNull(places.C(participant.FieldLeftAt))))
	}
}

func movedBefore(after *omarty.Cursor) predicate.Room {
	return func(s *sql.Selector) {
		if after != nil {
			s.Where(sql.CompositeLT([]string{s.C(room.FieldMovedAt), s.C(room.FieldID)}, time.UnixMicro(after.Number).UTC(), after.Row))
		}
	}
}

// RoomIDs gives the ids of all rooms that a person is in.
func (s *Store) RoomIDs(ctx context.Context, of omarty.ID) ([]omarty.ID, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) ([]omarty.ID, error) {
		found, err := db.Participant.Query().Where(present(of)...).Select(participant.FieldRoomID).All(ctx)
		return each(found, func(p *generated.Participant) omarty.ID { return omarty.ID{Kind: omarty.KindRoom, Row: p.RoomID} }), err
	})
}

// RoomsFor gives those of the rooms that a person is in, the one that moved last
// first.
func (s *Store) RoomsFor(ctx context.Context, ids []omarty.ID, of omarty.ID) ([]omarty.Room, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) ([]omarty.Room, error) {
		rows, err := db.Room.Query().
			Where(room.IDIn(rows(ids, omarty.KindRoom)...), room.HasParticipantsWith(present(of)...)).
			Order(room.ByMovedAt(sql.OrderDesc()), room.ByID(sql.OrderDesc())).All(ctx)
		return each(rows, chamber), err
	})
}

// JoinedSince gives who came into which rooms after a moment, and is there still.
func (s *Store) JoinedSince(ctx context.Context, moment time.Time) ([]omarty.Joined, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) ([]omarty.Joined, error) {
		rows, err := db.Participant.Query().
			Where(participant.JoinedAtGT(moment), participant.LeftAtIsNil(), participant.UserIDNotNil()).All(ctx)
		found := make([]omarty.Joined, len(rows))
		for i, row := range rows {
			p := attendee(row)
			found[i] = omarty.Joined{Room: p.Room, User: p.User, At: p.JoinedAt}
		}
		return found, err
	})
}

// Participants gives a page of the people in a room, in the order in which they
// came first, to who is in it.
func (s *Store) Participants(ctx context.Context, id omarty.ID, to omarty.Reader, page omarty.Page) (omarty.Slice[omarty.Participant], error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Slice[omarty.Participant], error) {
		rows, err := db.Participant.Query().
			Where(participant.RoomID(id.Row), participant.LeftAtIsNil(), participant.HasRoomWith(readable(to)), afterRow(page.After, false)).
			Order(participant.ByID()).Limit(page.First + 1).All(ctx)
		return slice(rows, page.First, attendee, func(p *generated.Participant) uuid.UUID { return p.ID }), err
	})
}

// Participant gives a participation that has not ended.
func (s *Store) Participant(ctx context.Context, id omarty.ID) (omarty.Participant, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Participant, error) {
		row, err := db.Participant.Query().Where(participant.ID(id.Row), participant.LeftAtIsNil()).Only(ctx)
		if err != nil {
			return omarty.Participant{}, err
		}
		return attendee(row), nil
	})
}

// Meet tells whether two people share an active building or a room.
func (s *Store) Meet(ctx context.Context, a, b omarty.ID) (bool, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (bool, error) {
		neighbours, err := db.Building.Query().Where(housing(a.Row), housing(b.Row)).Exist(ctx)
		if err != nil || neighbours {
			return neighbours, err
		}
		return db.Room.Query().
			Where(room.HasParticipantsWith(present(a)...), room.HasParticipantsWith(present(b)...)).Exist(ctx)
	})
}

// CreateRoom stores a new room with an empty log. Where two people have a direct room,
// a second one of theirs is taken: the transaction fails.
func (tx *Tx) CreateRoom(ctx context.Context, r omarty.Room) error {
	create := tx.tx.Room.Create().
		SetID(r.ID.Row).SetNillableBuildingID(rowOf(r.Building)).SetKind(string(r.Kind)).SetNillableMakerID(rowOf(r.Maker)).
		SetName(r.Name).SetTopic(r.Topic).SetCreatedAt(r.CreatedAt).SetLogID(r.LogID.Row).SetLastSeq(0).SetMessageCount(0).SetMovedAt(r.CreatedAt)
	if r.Pair != "" {
		create.SetPair(r.Pair)
	}
	return create.Exec(ctx)
}

// RoomsOfBuilding gives the ids of the rooms of a building that hold all its
// members, in their order.
func (tx *Tx) RoomsOfBuilding(ctx context.Context, of omarty.ID) ([]omarty.ID, error) {
	found, err := tx.tx.Room.Query().
		Where(room.BuildingID(of.Row), room.KindIn(string(omarty.RoomCommunity), string(omarty.RoomAnnouncements))).
		Order(room.ByID()).IDs(ctx)
	return roomIDs(found), err
}

// RoomsWith gives the ids of the rooms of a building that a person is in, in
// their order.
func (tx *Tx) RoomsWith(ctx context.Context, building, of omarty.ID) ([]omarty.ID, error) {
	found, err := tx.tx.Room.Query().
		Where(room.BuildingID(building.Row), room.HasParticipantsWith(present(of)...)).
		Order(room.ByID()).IDs(ctx)
	return roomIDs(found), err
}

// Join puts a person into a room, for the first time or again, having read what
// its log says before the entry that tells of it: that is appended next.
func (tx *Tx) Join(ctx context.Context, id, who omarty.ID, at time.Time) error {
	r, err := tx.lockRoom(ctx, id.Row)
	if err != nil {
		return err
	}
	seq := r.LastSeq
	for _, e := range tx.entries {
		if e.Room == id {
			seq++
		}
	}
	was, err := tx.tx.Participant.Query().Where(participant.RoomID(id.Row), participant.UserID(who.Row)).Only(ctx)
	if generated.IsNotFound(err) {
		return tx.tx.Participant.Create().
			SetID(uuid.Must(uuid.NewV7())).SetRoomID(id.Row).SetUserID(who.Row).SetJoinedAt(at).
			SetReadSeq(seq).SetReadOrdinal(r.MessageCount).
			Exec(ctx)
	}
	if err != nil {
		return err
	}
	// Nobody has read beyond the end of the log, so no mark goes back by this.
	return was.Update().SetJoinedAt(at).ClearLeftAt().SetReadSeq(seq).SetReadOrdinal(r.MessageCount).Exec(ctx)
}

// Leave takes a person out of a room.
func (tx *Tx) Leave(ctx context.Context, id, who omarty.ID, at time.Time) error {
	if _, err := tx.lockRoom(ctx, id.Row); err != nil {
		return err
	}
	return tx.tx.Participant.Update().
		Where(participant.RoomID(id.Row), participant.UserID(who.Row), participant.LeftAtIsNil()).
		SetLeftAt(at).Exec(ctx)
}

// LockRoom lets nobody else write to a room's log, join it or leave it until the
// transaction ends, and gives how things stand for somebody who is in it: NOT_FOUND to
// others.
func (tx *Tx) LockRoom(ctx context.Context, id, of omarty.ID) (omarty.RoomStanding, error) {
	var st omarty.RoomStanding
	here := func() (bool, error) {
		return tx.tx.Participant.Query().Where(present(of)...).Where(participant.RoomID(id.Row)).Exist(ctx)
	}
	// Strangers lock nothing: they are told before.
	if there, err := here(); err != nil || !there {
		return st, cmp.Or(err, error(ErrNotFound))
	}
	row, err := tx.lockRoom(ctx, id.Row)
	if err != nil {
		return st, err
	}
	if there, err := here(); err != nil || !there {
		return st, cmp.Or(err, error(ErrNotFound))
	}
	st.Room = chamber(row)
	if st.Room.Kind == omarty.RoomDirect {
		st.Together, err = tx.together(ctx, id, of)
		return st, err
	}
	own, err := tx.MembershipIn(ctx, st.Room.Building, of)
	if omarty.CodeOf(err) == omarty.CodeNotFound {
		return st, nil
	}
	st.Manages, st.MutedUntil = own.Manages(), own.MutedUntil
	return st, err
}

// together tells whether the two people of a direct room share a building, as one of
// them sees it, and neither blocked the other.
func (tx *Tx) together(ctx context.Context, id, of omarty.ID) (bool, error) {
	others, err := tx.tx.Participant.Query().
		Where(participant.RoomID(id.Row), participant.UserIDNEQ(of.Row)).Select(participant.FieldUserID).All(ctx)
	if err != nil || len(others) == 0 {
		return false, err
	}
	return tx.Neighbours(ctx, of, idOf(omarty.KindUser, others[0].UserID))
}

// HoldRooms lets nobody else write to rooms' logs until the transaction ends, and waits
// for who does.
func (tx *Tx) HoldRooms(ctx context.Context, ids []omarty.ID) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.tx.Room.Query().Where(room.IDIn(rows(ids, omarty.KindRoom)...), forUpdate).Order(room.ByID()).IDs(ctx)
	return err
}

// LastOwn gives when a person posted last in each of the rooms; nothing of those where
// they never did.
func (s *Store) LastOwn(ctx context.Context, ids []omarty.ID, of omarty.ID) (map[omarty.ID]time.Time, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID]time.Time, error) {
		found := make(map[omarty.ID]time.Time, len(ids))
		for _, id := range ids {
			last, err := db.Message.Query().Where(message.AuthorID(of.Row), message.RoomID(id.Row)).
				Order(message.BySeq(sql.OrderDesc())).First(ctx)
			if err == nil {
				found[id] = last.CreatedAt.UTC()
			} else if !generated.IsNotFound(err) {
				return nil, err
			}
		}
		return found, nil
	})
}

// housing keeps the buildings that a person is an active member of.
func housing(who uuid.UUID) predicate.Building {
	return building.HasMembershipsWith(membership.UserID(who), membership.Status(string(omarty.StatusActive)))
}

// lockRoom gives a room and lets nobody else write to its log, join it or leave it
// until the transaction ends. Who locks several does so in the order of their ids.
func (tx *Tx) lockRoom(ctx context.Context, id uuid.UUID) (*generated.Room, error) {
	row, err := tx.tx.Room.Query().Where(room.ID(id), forUpdate).Only(ctx)
	return row, absent(err)
}

// readable keeps the rooms whose log a reader may read at this moment.
func readable(to omarty.Reader) predicate.Room {
	return func(s *sql.Selector) {
		if !to.Anyone {
			room.HasParticipantsWith(present(to.User)...)(s)
		}
	}
}

// present keeps a person's participations that have not ended.
func present(of omarty.ID) []predicate.Participant {
	return []predicate.Participant{participant.UserID(of.Row), participant.LeftAtIsNil()}
}

func attendee(row *generated.Participant) omarty.Participant {
	return omarty.Participant{
		ID:       omarty.ID{Kind: omarty.KindParticipant, Row: row.ID},
		Room:     omarty.ID{Kind: omarty.KindRoom, Row: row.RoomID},
		User:     idOf(omarty.KindUser, row.UserID),
		JoinedAt: row.JoinedAt.UTC(),
	}
}

func roomIDs(rows []uuid.UUID) []omarty.ID {
	return each(rows, func(row uuid.UUID) omarty.ID { return omarty.ID{Kind: omarty.KindRoom, Row: row} })
}

func chamber(row *generated.Room) omarty.Room {
	r := omarty.Room{
		ID:          omarty.ID{Kind: omarty.KindRoom, Row: row.ID},
		Kind:        omarty.RoomKind(row.Kind),
		Name:        row.Name,
		Topic:       row.Topic,
		Building:    idOf(omarty.KindBuilding, row.BuildingID),
		CreatedAt:   row.CreatedAt.UTC(),
		LogID:       omarty.ID{Kind: omarty.KindLog, Row: row.LogID},
		LastSeq:     int(row.LastSeq),
		LastMessage: idOf(omarty.KindMessage, row.LastMessageID),
		ArchivedAt:  inUTC(row.ArchivedAt),
		Maker:       idOf(omarty.KindUser, row.MakerID),
		SlowMode:    row.SlowMode,
	}
	if row.Pair != nil {
		r.Pair = *row.Pair
	}
	return r
}
