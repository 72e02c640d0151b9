package store

import (
	"context"

	"github.com/omarty/chat/internal/omarty"
)

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
