package store

import (
	"context"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/apartment"
	"github.com/omarty/chat/ent/generated/membership"
	"github.com/omarty/chat/ent/generated/notice"
	"github.com/omarty/chat/ent/generated/noticeapartment"
	"github.com/omarty/chat/ent/generated/predicate"
	"github.com/omarty/chat/ent/generated/residency"
	"github.com/omarty/chat/internal/omarty"
)

// Notices gives those of the notices that there are.
func (s *Store) Notices(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Notice, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID]omarty.Notice, error) {
		rows, err := db.Notice.Query().Where(notice.IDIn(rows(ids, omarty.KindNotice)...)).All(ctx)
		return byID(rows, announced, func(n omarty.Notice) omarty.ID { return n.ID }), err
	})
}

// Outstanding gives, by notice, a page of the apartments that are asked and have not
// confirmed, in the order in which they were added: all of them to a manager, and to
// others those that they live in. It is two statements, however many notices there are.
func (s *Store) Outstanding(ctx context.Context, notices []omarty.ID, to omarty.ID, page omarty.Page) (map[omarty.ID]omarty.Slice[omarty.Apartment], error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID]omarty.Slice[omarty.Apartment], error) {
		asked, err := db.NoticeApartment.Query().Where(pageOfEach(rows(notices, omarty.KindNotice), to, page)).
			Order(noticeapartment.ByApartmentID()).All(ctx)
		if err != nil || len(asked) == 0 {
			return nil, err
		}
		of := make([]uuid.UUID, len(asked))
		for i, row := range asked {
			of[i] = row.ApartmentID
		}
		doors, err := db.Apartment.Query().Where(apartment.IDIn(of...)).All(ctx)
		if err != nil {
			return nil, err
		}
		known := make(map[uuid.UUID]*generated.Apartment, len(doors))
		for _, row := range doors {
			known[row.ID] = row
		}
		outstanding := map[omarty.ID][]*generated.Apartment{}
		for _, row := range asked {
			if a := known[row.ApartmentID]; a != nil {
				id := omarty.ID{Kind: omarty.KindNotice, Row: row.NoticeID}
				outstanding[id] = append(outstanding[id], a)
			}
		}
		found := make(map[omarty.ID]omarty.Slice[omarty.Apartment], len(outstanding))
		for id, rows := range outstanding {
			found[id] = slice(rows, page.First, door, func(a *generated.Apartment) uuid.UUID { return a.ID })
		}
		return found, nil
	})
}

// pageOfEach keeps, of each notice, the first outstanding apartments that somebody may
// know of, one more than the page has.
func pageOfEach(notices []uuid.UUID, to omarty.ID, page omarty.Page) predicate.NoticeApartment {
	return func(s *sql.Selector) {
		on := sql.Dialect(s.Dialect())
		asked, doors := sql.Table(noticeapartment.Table), sql.Table(apartment.Table)
		of := make([]any, len(notices))
		for i, id := range notices {
			of[i] = id
		}
		ranked := on.Select(asked.C(noticeapartment.FieldID)).From(asked).
			Join(doors).On(asked.C(noticeapartment.FieldApartmentID), doors.C(apartment.FieldID)).
			Where(sql.And(
				sql.In(asked.C(noticeapartment.FieldNoticeID), of...),
				sql.IsNull(asked.C(noticeapartment.FieldAcknowledgedAt)),
				sql.Exists(knowing(on, doors, to)),
			))
		if page.After != nil {
			ranked.Where(sql.GT(asked.C(noticeapartment.FieldApartmentID), page.After.Row))
		}
		ranked.AppendSelectExprAs(sql.RowNumber().
			PartitionBy(asked.C(noticeapartment.FieldNoticeID)).OrderBy(asked.C(noticeapartment.FieldApartmentID)), "place")
		within := ranked.As("ranked")
		s.Where(sql.In(s.C(noticeapartment.FieldID),
			on.Select(within.C(noticeapartment.FieldID)).From(within).Where(sql.LTE(within.C("place"), page.First+1))))
	}
}

// knowing selects a person's membership in the building of an apartment, where they
// manage it or live in the apartment.
func knowing(on *sql.DialectBuilder, doors *sql.SelectTable, to omarty.ID) *sql.Selector {
	members, lives := sql.Table(membership.Table).As("own"), sql.Table(residency.Table).As("lives")
	return on.Select(members.C(membership.FieldID)).From(members).Where(sql.And(
		sql.ColumnsEQ(members.C(membership.FieldBuildingID), doors.C(apartment.FieldBuildingID)),
		sql.EQ(members.C(membership.FieldUserID), to.Row),
		sql.EQ(members.C(membership.FieldStatus), string(omarty.StatusActive)),
		sql.Or(
			sql.EQ(members.C(membership.FieldRole), string(omarty.RoleManager)),
			sql.Exists(on.Select(lives.C(residency.FieldID)).From(lives).Where(sql.And(
				sql.ColumnsEQ(lives.C(residency.FieldMembershipID), members.C(membership.FieldID)),
				sql.ColumnsEQ(lives.C(residency.FieldApartmentID), doors.C(apartment.FieldID)),
			))),
		),
	))
}

// Acknowledge says of a notice that a person has confirmed it for those of their
// apartments that are asked, and tells how many of them are, and how many of those had
// not confirmed it yet. The lock of the notice's room is held.
func (tx *Tx) Acknowledge(ctx context.Context, id, by omarty.ID, at time.Time) (asked, confirmed int, err error) {
	theirs, err := tx.tx.NoticeApartment.Query().Where(noticeapartment.NoticeID(id.Row), func(s *sql.Selector) {
		s.Where(sql.In(s.C(noticeapartment.FieldApartmentID), homes(s.Dialect(), by)))
	}).All(ctx)
	if err != nil {
		return 0, 0, err
	}
	var outstanding []uuid.UUID
	for _, row := range theirs {
		if row.AcknowledgedAt == nil {
			outstanding = append(outstanding, row.ID)
		}
	}
	if len(outstanding) == 0 {
		return len(theirs), 0, nil
	}
	err = tx.tx.NoticeApartment.Update().Where(noticeapartment.IDIn(outstanding...)).
		SetAcknowledgedAt(at).SetAcknowledgedByID(by.Row).Exec(ctx)
	if err != nil {
		return 0, 0, err
	}
	return len(theirs), len(outstanding), tx.tx.Notice.UpdateOneID(id.Row).AddAcknowledgedCount(int64(len(outstanding))).Exec(ctx)
}

func announced(row *generated.Notice) omarty.Notice {
	return omarty.Notice{
		ID:                omarty.ID{Kind: omarty.KindNotice, Row: row.ID},
		Room:              omarty.ID{Kind: omarty.KindRoom, Row: row.RoomID},
		ApartmentCount:    int(row.ApartmentCount),
		AcknowledgedCount: int(row.AcknowledgedCount),
	}
}
