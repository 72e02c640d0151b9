package store

import (
	"context"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/membership"
	"github.com/omarty/chat/ent/generated/participant"
	"github.com/omarty/chat/ent/generated/room"
	"github.com/omarty/chat/internal/omarty"
)

// RoomOfPair gives the direct room of two people.
func (s *Store) RoomOfPair(ctx context.Context, pair string) (omarty.Room, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Room, error) {
		row, err := db.Room.Query().Where(room.Pair(pair)).Only(ctx)
		if err != nil {
			return omarty.Room{}, err
		}
		return chamber(row), nil
	})
}

// together, between which the one person stands, tells whether a participation's person
// shares an active building with them, and neither blocked the other.
const together, togetherWith = `EXISTS (SELECT 1 FROM memberships AS theirs
	JOIN memberships AS own ON own.building_id = theirs.building_id AND own.status = 'ACTIVE'
	WHERE theirs.user_id = participants.user_id AND theirs.status = 'ACTIVE' AND ` + unblocked + ` AND own.user_id = `, `)`

// Counterparts gives the other person of each direct room among rooms that a person is
// in.
func (s *Store) Counterparts(ctx context.Context, ids []omarty.ID, of omarty.ID) (map[omarty.ID]omarty.Counterpart, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID]omarty.Counterpart, error) {
		var others []struct {
			Room     uuid.UUID  `sql:"room_id"`
			User     *uuid.UUID `sql:"user_id"`
			Together bool       `sql:"together"`
		}
		err := db.Participant.Query().
			Where(participant.RoomIDIn(rows(ids, omarty.KindRoom)...), participant.HasRoomWith(room.Kind(string(omarty.RoomDirect))),
				participant.Or(participant.UserIDNEQ(of.Row), participant.UserIDIsNil()),
				giving("together", func(b *sql.Builder) { b.WriteString(together).Arg(of.Row).WriteString(togetherWith) })).
			Select(participant.FieldRoomID, participant.FieldUserID).Scan(ctx, &others)
		found := make(map[omarty.ID]omarty.Counterpart, len(others))
		for _, o := range others {
			found[omarty.ID{Kind: omarty.KindRoom, Row: o.Room}] = omarty.Counterpart{User: idOf(omarty.KindUser, o.User), Together: o.Together}
		}
		return found, err
	})
}

// ChangeRoom stores a room's name, topic, slow mode and archive.
func (tx *Tx) ChangeRoom(ctx context.Context, r omarty.Room) error {
	return tx.tx.Room.UpdateOneID(r.ID.Row).SetName(r.Name).SetTopic(r.Topic).SetSlowMode(r.SlowMode).SetNillableArchivedAt(r.ArchivedAt).Exec(ctx)
}

// ActiveMembers gives those of the people who are active members of a building.
func (tx *Tx) ActiveMembers(ctx context.Context, building omarty.ID, people []omarty.ID) ([]omarty.ID, error) {
	found, err := tx.tx.Membership.Query().
		Where(membership.BuildingID(building.Row), membership.Status(string(omarty.StatusActive)),
			membership.UserIDIn(rows(people, omarty.KindUser)...)).
		Select(membership.FieldUserID).All(ctx)
	return each(found, func(m *generated.Membership) omarty.ID { return idOf(omarty.KindUser, m.UserID) }), err
}

// PresentIn gives those of the people who are in a room.
func (tx *Tx) PresentIn(ctx context.Context, id omarty.ID, people []omarty.ID) ([]omarty.ID, error) {
	found, err := tx.tx.Participant.Query().
		Where(participant.RoomID(id.Row), participant.LeftAtIsNil(), participant.UserIDIn(rows(people, omarty.KindUser)...)).
		Select(participant.FieldUserID).All(ctx)
	return each(found, func(p *generated.Participant) omarty.ID { return idOf(omarty.KindUser, p.UserID) }), err
}

// Neighbours tells whether two people share an active building, and neither blocked the
// other.
func (tx *Tx) Neighbours(ctx context.Context, a, b omarty.ID) (bool, error) {
	if apart, err := tx.apart(ctx, a, b); err != nil || apart {
		return false, err
	}
	return tx.tx.Building.Query().Where(housing(a.Row), housing(b.Row)).Exist(ctx)
}

// SetNotifications sets a person's level in a room, and tells whether it was another.
func (tx *Tx) SetNotifications(ctx context.Context, id, of omarty.ID, level omarty.NotificationLevel) (bool, error) {
	here, err := tx.tx.Participant.Query().Where(present(of)...).Where(participant.RoomID(id.Row), forUpdate).Only(ctx)
	if err != nil || here.Notifications == string(level) {
		return false, absent(err)
	}
	return true, here.Update().SetNotifications(string(level)).Exec(ctx)
}

// each gives what rows say, in their order.
func each[R, T any](rows []R, item func(R) T) []T {
	items := make([]T, len(rows))
	for i, row := range rows {
		items[i] = item(row)
	}
	return items
}
