package store

import (
	"context"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/auditentry"
	"github.com/omarty/chat/internal/omarty"
)

// AuditOf gives a page of a building's part of the audit log, the newest first.
func (s *Store) AuditOf(ctx context.Context, building omarty.ID, page omarty.Page) (omarty.Slice[omarty.AuditRecord], error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Slice[omarty.AuditRecord], error) {
		rows, err := db.AuditEntry.Query().
			Where(auditentry.BuildingID(building.Row), afterRow(page.After, true)).
			Order(auditentry.ByID(sql.OrderDesc())).Limit(page.First + 1).All(ctx)
		return slice(rows, page.First, record, func(a *generated.AuditEntry) uuid.UUID { return a.ID }), err
	})
}

// AuditRecord gives a line of the audit log.
func (s *Store) AuditRecord(ctx context.Context, id omarty.ID) (omarty.AuditRecord, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.AuditRecord, error) {
		row, err := db.AuditEntry.Get(ctx, id.Row)
		if err != nil {
			return omarty.AuditRecord{}, err
		}
		return record(row), nil
	})
}

// Record writes a line of the audit log.
func (tx *Tx) Record(ctx context.Context, r omarty.AuditRecord) error {
	create := tx.tx.AuditEntry.Create().
		SetID(r.ID.Row).
		SetAt(r.At).
		SetAction(string(r.Action))
	if !r.Actor.IsZero() {
		create.SetActorID(r.Actor.Row)
	}
	if !r.Building.IsZero() {
		create.SetBuildingID(r.Building.Row)
	}
	if !r.Subject.IsZero() {
		create.SetSubject(r.Subject.String())
	}
	if r.Place != nil {
		create.SetLongitude(r.Place.Longitude).SetLatitude(r.Place.Latitude)
	}
	return create.Exec(ctx)
}

// record gives a line without its place, which is for the operator alone.
func record(row *generated.AuditEntry) omarty.AuditRecord {
	r := omarty.AuditRecord{
		ID:       omarty.ID{Kind: omarty.KindAuditEntry, Row: row.ID},
		At:       row.At.UTC(),
		Action:   omarty.Action(row.Action),
		Actor:    idOf(omarty.KindUser, row.ActorID),
		Building: idOf(omarty.KindBuilding, row.BuildingID),
	}
	if row.Subject != nil {
		r.Subject, _ = omarty.ParseID(*row.Subject)
	}
	return r
}

// AuditLines gives a page of the audit log with the places of the devices, which are for
// the operator alone, the oldest first.
func (s *Store) AuditLines(ctx context.Context, in omarty.AuditFilter, page omarty.Page) (omarty.Slice[omarty.AuditRecord], error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Slice[omarty.AuditRecord], error) {
		query := db.AuditEntry.Query().Where(afterRow(page.After, false))
		if !in.Building.IsZero() {
			query.Where(auditentry.BuildingID(in.Building.Row))
		}
		if !in.Since.IsZero() {
			query.Where(auditentry.AtGTE(in.Since))
		}
		rows, err := query.Order(auditentry.ByID()).Limit(page.First + 1).All(ctx)
		return slice(rows, page.First, func(row *generated.AuditEntry) omarty.AuditRecord {
			r := record(row)
			if row.Longitude != nil && row.Latitude != nil {
				r.Place = &omarty.Coordinates{Longitude: *row.Longitude, Latitude: *row.Latitude}
			}
			return r
		}, func(a *generated.AuditEntry) uuid.UUID { return a.ID }), err
	})
}
