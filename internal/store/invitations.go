package store

import (
	"context"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/invitation"
	"github.com/omarty/chat/internal/omarty"
)

// InvitationByCode gives the invitation with a code, where it was not revoked; it
// may be used up or too old.
func (s *Store) InvitationByCode(ctx context.Context, code string) (omarty.Invitation, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Invitation, error) {
		row, err := db.Invitation.Query().Where(invitation.Code(code), invitation.RevokedAtIsNil()).Only(ctx)
		if err != nil {
			return omarty.Invitation{}, err
		}
		return invite(row), nil
	})
}

// Invitation gives an invitation that was not revoked; it may be used up or too
// old.
func (s *Store) Invitation(ctx context.Context, id omarty.ID) (omarty.Invitation, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Invitation, error) {
		row, err := db.Invitation.Query().Where(invitation.ID(id.Row), invitation.RevokedAtIsNil()).Only(ctx)
		if err != nil {
			return omarty.Invitation{}, err
		}
		return invite(row), nil
	})
}

// InvitationsTo gives a page of a building's invitations that let people in at a
// moment, the newest first.
func (s *Store) InvitationsTo(ctx context.Context, of omarty.ID, now time.Time, page omarty.Page) (omarty.Slice[omarty.Invitation], error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Slice[omarty.Invitation], error) {
		rows, err := db.Invitation.Query().
			Where(invitation.BuildingID(of.Row), good(now), afterRow(page.After, true)).
			Order(invitation.ByID(sql.OrderDesc())).Limit(page.First + 1).All(ctx)
		return slice(rows, page.First, invite, func(i *generated.Invitation) uuid.UUID { return i.ID }), err
	})
}

// good keeps the invitations that let people in at a moment.
func good(now time.Time) func(*sql.Selector) {
	return func(s *sql.Selector) {
		s.Where(sql.And(
			sql.IsNull(s.C(invitation.FieldRevokedAt)),
			sql.Or(sql.IsNull(s.C(invitation.FieldUsesLeft)), sql.GT(s.C(invitation.FieldUsesLeft), 0)),
			sql.Or(sql.IsNull(s.C(invitation.FieldExpiresAt)), sql.GT(s.C(invitation.FieldExpiresAt), now)),
		))
	}
}

// CreateInvitation stores a new invitation.
func (tx *Tx) CreateInvitation(ctx context.Context, i omarty.Invitation) error {
	return tx.tx.Invitation.Create().
		SetID(i.ID.Row).SetBuildingID(i.Building.Row).SetCode(i.Code).SetNillableApartmentID(rowOf(i.Apartment)).
		SetPreapproved(i.Preapproved).SetNillableUsesLeft(i.UsesLeft).SetNillableExpiresAt(i.ExpiresAt).
		Exec(ctx)
}

// UseInvitation takes one use of an invitation, and tells whether it lets people
// in at that moment.
func (tx *Tx) UseInvitation(ctx context.Context, id omarty.ID, now time.Time) (bool, error) {
	found, err := tx.tx.Invitation.Query().Where(invitation.ID(id.Row), good(now), forUpdate).All(ctx)
	if err != nil || len(found) == 0 {
		return false, err
	}
	if found[0].UsesLeft == nil {
		return true, nil
	}
	return true, tx.tx.Invitation.UpdateOneID(id.Row).AddUsesLeft(-1).Exec(ctx)
}

// RevokeInvitation ends an invitation and tells whether it had not been ended.
func (tx *Tx) RevokeInvitation(ctx context.Context, id omarty.ID, at time.Time) (bool, error) {
	n, err := tx.tx.Invitation.Update().
		Where(invitation.ID(id.Row), invitation.RevokedAtIsNil()).SetRevokedAt(at).Save(ctx)
	return n == 1, err
}

func invite(row *generated.Invitation) omarty.Invitation {
	i := omarty.Invitation{
		ID:          omarty.ID{Kind: omarty.KindInvitation, Row: row.ID},
		Building:    omarty.ID{Kind: omarty.KindBuilding, Row: row.BuildingID},
		Code:        row.Code,
		Apartment:   idOf(omarty.KindApartment, row.ApartmentID),
		Preapproved: row.Preapproved,
		UsesLeft:    row.UsesLeft,
	}
	if row.ExpiresAt != nil {
		expires := row.ExpiresAt.UTC()
		i.ExpiresAt = &expires
	}
	return i
}
