package store

import (
	"context"
	"time"

	"entgo.io/ent/dialect/sql"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/report"
	"github.com/omarty/chat/ent/generated/room"
	"github.com/omarty/chat/internal/omarty"
)

// AddReport stores a report, and tells whether it is new: one of a message by the same
// person is enough.
func (tx *Tx) AddReport(ctx context.Context, r omarty.Report) (bool, error) {
	there, err := tx.tx.Report.Query().
		Where(report.MessageID(r.Message.Row), report.BuildingID(r.Building.Row), report.ReporterID(r.Reporter.Row)).Exist(ctx)
	if err != nil || there {
		return false, err
	}
	return true, tx.tx.Report.Create().
		SetID(r.ID.Row).SetBuildingID(r.Building.Row).SetMessageID(r.Message.Row).SetRoomID(r.Room.Row).
		SetNillableAuthorID(rowOf(r.Author)).SetReporterID(r.Reporter.Row).
		SetText(r.Text).SetReason(r.Reason).SetCreatedAt(r.CreatedAt).Exec(ctx)
}

// LockReport gives a report, and lets nobody else change it until the transaction ends.
func (tx *Tx) LockReport(ctx context.Context, id omarty.ID) (omarty.Report, error) {
	row, err := tx.tx.Report.Query().Where(report.ID(id.Row), forUpdate).Only(ctx)
	if err != nil {
		return omarty.Report{}, absent(err)
	}
	return complaint(row), nil
}

// ResolveReport says that a report was seen to.
func (tx *Tx) ResolveReport(ctx context.Context, id, by omarty.ID, at time.Time) error {
	return tx.tx.Report.UpdateOneID(id.Row).SetOpen(false).SetResolvedAt(at).SetResolvedByID(by.Row).Exec(ctx)
}

// Report gives a report.
func (s *Store) Report(ctx context.Context, id omarty.ID) (omarty.Report, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Report, error) {
		row, err := db.Report.Get(ctx, id.Row)
		if err != nil {
			return omarty.Report{}, err
		}
		return complaint(row), nil
	})
}

// Reports gives a page of a building's reports, the open ones first, and the newest of
// them; but of what the reader wrote, those in the building's own rooms alone.
func (s *Store) Reports(ctx context.Context, building, to omarty.ID, page omarty.Page) (omarty.Slice[omarty.Report], error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Slice[omarty.Report], error) {
		mine := func(s *sql.Selector) {
			few := sql.Dialect(s.Dialect()).Select(room.FieldID).From(sql.Table(room.Table))
			few.Where(sql.In(few.C(room.FieldKind), string(omarty.RoomDirect), string(omarty.RoomGroup)))
			s.Where(sql.Or(sql.IsNull(s.C(report.FieldAuthorID)), sql.NEQ(s.C(report.FieldAuthorID), to.Row),
				sql.NotIn(s.C(report.FieldRoomID), few)))
		}
		after := func(s *sql.Selector) {
			if page.After != nil {
				s.Where(sql.CompositeLT([]string{s.C(report.FieldOpen), s.C(report.FieldID)}, page.After.Number > 0, page.After.Row))
			}
		}
		rows, err := db.Report.Query().Where(report.BuildingID(building.Row), mine, after).
			Order(report.ByOpen(sql.OrderDesc()), report.ByID(sql.OrderDesc())).Limit(page.First + 1).All(ctx)
		return sliceBy(rows, page.First, complaint, func(r *generated.Report) omarty.Cursor {
			c := omarty.Cursor{Row: r.ID}
			if r.Open {
				c.Number = 1
			}
			return c
		}), err
	})
}

func complaint(row *generated.Report) omarty.Report {
	return omarty.Report{
		ID:         omarty.ID{Kind: omarty.KindReport, Row: row.ID},
		Building:   omarty.ID{Kind: omarty.KindBuilding, Row: row.BuildingID},
		Message:    omarty.ID{Kind: omarty.KindMessage, Row: row.MessageID},
		Room:       omarty.ID{Kind: omarty.KindRoom, Row: row.RoomID},
		Author:     idOf(omarty.KindUser, row.AuthorID),
		Reporter:   idOf(omarty.KindUser, row.ReporterID),
		Text:       row.Text,
		Reason:     row.Reason,
		CreatedAt:  row.CreatedAt.UTC(),
		ResolvedAt: inUTC(row.ResolvedAt),
		ResolvedBy: idOf(omarty.KindUser, row.ResolvedByID),
	}
}
