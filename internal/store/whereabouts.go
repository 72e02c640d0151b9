package store

import (
	"context"

	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/apartment"
	"github.com/omarty/chat/ent/generated/auditentry"
	"github.com/omarty/chat/ent/generated/invitation"
	"github.com/omarty/chat/ent/generated/membership"
	"github.com/omarty/chat/ent/generated/participant"
	"github.com/omarty/chat/ent/generated/report"
	"github.com/omarty/chat/internal/omarty"
)

// BuildingOf gives the building of an apartment, a membership, an invitation, an
// audit entry or a report, and reads nothing else of it; the zero ID where there is none.
func (s *Store) BuildingOf(ctx context.Context, id omarty.ID) (omarty.ID, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.ID, error) {
		var found []*uuid.UUID
		var err error
		switch id.Kind {
		case omarty.KindApartment:
			err = db.Apartment.Query().Where(apartment.ID(id.Row)).Select(apartment.FieldBuildingID).Scan(ctx, &found)
		case omarty.KindMembership:
			err = db.Membership.Query().Where(membership.ID(id.Row)).Select(membership.FieldBuildingID).Scan(ctx, &found)
		case omarty.KindInvitation:
			err = db.Invitation.Query().Where(invitation.ID(id.Row)).Select(invitation.FieldBuildingID).Scan(ctx, &found)
		case omarty.KindAuditEntry:
			err = db.AuditEntry.Query().Where(auditentry.ID(id.Row)).Select(auditentry.FieldBuildingID).Scan(ctx, &found)
		case omarty.KindReport:
			err = db.Report.Query().Where(report.ID(id.Row)).Select(report.FieldBuildingID).Scan(ctx, &found)
		}
		return place(omarty.KindBuilding, found), err
	})
}

// RoomOf gives the room of a participant, and reads nothing else of it; the zero ID where
// there is none.
func (s *Store) RoomOf(ctx context.Context, id omarty.ID) (omarty.ID, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.ID, error) {
		var found []*uuid.UUID
		err := db.Participant.Query().Where(participant.ID(id.Row)).Select(participant.FieldRoomID).Scan(ctx, &found)
		return place(omarty.KindRoom, found), err
	})
}

func place(kind omarty.Kind, found []*uuid.UUID) omarty.ID {
	if len(found) == 0 {
		return omarty.ID{}
	}
	return idOf(kind, found[0])
}
