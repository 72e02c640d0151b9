package store

import (
	"context"
	"slices"
	"time"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/participant"
	"github.com/omarty/chat/ent/generated/predicate"
	"github.com/omarty/chat/ent/generated/user"
	"github.com/omarty/chat/internal/omarty"
)

// soughtAtOnce is how many people, and rooms, a statement names at most.
const soughtAtOnce = 2000

// PresentPeople gives those of the people who are in the rooms, by room.
func (s *Store) PresentPeople(ctx context.Context, rooms, people []omarty.ID) (map[omarty.ID][]omarty.ID, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID][]omarty.ID, error) {
		found := map[omarty.ID][]omarty.ID{}
		for someRooms := range slices.Chunk(rows(rooms, omarty.KindRoom), soughtAtOnce) {
			for some := range slices.Chunk(rows(people, omarty.KindUser), soughtAtOnce) {
				present, err := db.Participant.Query().
					Where(participant.UserIDIn(some...), amongRooms(someRooms), participant.LeftAtIsNil()).
					Select(participant.FieldRoomID, participant.FieldUserID).All(ctx)
				if err != nil {
					return nil, err
				}
				for _, row := range present {
					p := attendee(row)
					found[p.Room] = append(found[p.Room], p.User)
				}
			}
		}
		return found, nil
	})
}

// amongRooms keeps the participations in rooms, once they were found by another index:
// SQLite would look up each person in each room.
func amongRooms(rooms []uuid.UUID) predicate.Participant {
	ids := make([]any, len(rooms))
	for i, id := range rooms {
		ids[i] = id
	}
	return func(s *sql.Selector) {
		s.Where(sql.P(func(b *sql.Builder) {
			if s.Dialect() == dialect.SQLite {
				b.WriteString("+") // which no index is of
			}
			b.Ident(s.C(participant.FieldRoomID)).WriteString(" IN (").Args(ids...).WriteString(")")
		}))
	}
}

// SetLastSeen says when people were seen last: it moves forward only.
func (tx *Tx) SetLastSeen(ctx context.Context, people []omarty.ID, at time.Time) error {
	return tx.tx.User.Update().
		Where(user.IDIn(rows(people, omarty.KindUser)...), unerased, user.Or(user.LastSeenAtIsNil(), user.LastSeenAtLT(at))).
		SetLastSeenAt(at).Exec(ctx)
}
