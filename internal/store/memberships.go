package store

import (
	"context"

	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/membership"
	"github.com/omarty/chat/ent/generated/predicate"
	"github.com/omarty/chat/ent/generated/residency"
	"github.com/omarty/chat/ent/generated/user"
	"github.com/omarty/chat/internal/omarty"
)

// Membership gives a membership.
func (s *Store) Membership(ctx context.Context, id omarty.ID) (omarty.Membership, error) {
	return s.membership(ctx, membership.ID(id.Row))
}

// MembershipIn gives a person's membership in a building.
func (s *Store) MembershipIn(ctx context.Context, building, of omarty.ID) (omarty.Membership, error) {
	return s.membership(ctx, membership.BuildingID(building.Row), membership.UserID(of.Row))
}

func (s *Store) membership(ctx context.Context, which ...predicate.Membership) (omarty.Membership, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Membership, error) {
		row, err := db.Membership.Query().Where(which...).Only(ctx)
		if err != nil {
			return omarty.Membership{}, err
		}
		return member(row), nil
	})
}

// MembershipsOf gives all memberships of a person, in the order in which they
// began.
func (s *Store) MembershipsOf(ctx context.Context, of omarty.ID) ([]omarty.Membership, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) ([]omarty.Membership, error) {
		rows, err := db.Membership.Query().Where(membership.UserID(of.Row)).Order(membership.ByID()).All(ctx)
		found := make([]omarty.Membership, len(rows))
		for i, row := range rows {
			found[i] = member(row)
		}
		return found, err
	})
}

// Members gives a page of a building's memberships that stand so, in the order in
// which they began.
func (s *Store) Members(ctx context.Context, of omarty.ID, status omarty.MembershipStatus, page omarty.Page) (omarty.Slice[omarty.Membership], error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Slice[omarty.Membership], error) {
		rows, err := db.Membership.Query().
			Where(membership.BuildingID(of.Row), membership.Status(string(status)), afterRow(page.After, false)).
			Order(membership.ByID()).Limit(page.First + 1).All(ctx)
		return slice(rows, page.First, member, func(m *generated.Membership) uuid.UUID { return m.ID }), err
	})
}

// Residents gives a page of the active members who live in an apartment.
func (s *Store) Residents(ctx context.Context, of omarty.ID, page omarty.Page) (omarty.Slice[omarty.User], error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Slice[omarty.User], error) {
		rows, err := db.User.Query().
			Where(user.HasMembershipsWith(
				membership.Status(string(omarty.StatusActive)),
				membership.HasResidenciesWith(residency.ApartmentID(of.Row)),
			), afterRow(page.After, false)).
			Order(user.ByID()).Limit(page.First + 1).All(ctx)
		return slice(rows, page.First, person, func(u *generated.User) uuid.UUID { return u.ID }), err
	})
}

// Users gives those of the people that there are, and were not erased.
func (s *Store) Users(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.User, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID]omarty.User, error) {
		rows, err := db.User.Query().Where(user.IDIn(rows(ids, omarty.KindUser)...), unerased).All(ctx)
		return byID(rows, person, func(u omarty.User) omarty.ID { return u.ID }), err
	})
}

// Membership gives a membership, as this transaction sees it.
func (tx *Tx) Membership(ctx context.Context, id omarty.ID) (omarty.Membership, error) {
	return tx.membership(ctx, membership.ID(id.Row))
}

// MembershipIn gives a person's membership in a building, as this transaction
// sees it.
func (tx *Tx) MembershipIn(ctx context.Context, building, of omarty.ID) (omarty.Membership, error) {
	return tx.membership(ctx, membership.BuildingID(building.Row), membership.UserID(of.Row))
}

func (tx *Tx) membership(ctx context.Context, which ...predicate.Membership) (omarty.Membership, error) {
	row, err := tx.tx.Membership.Query().Where(which...).Only(ctx)
	if err != nil {
		return omarty.Membership{}, absent(err)
	}
	return member(row), nil
}

// Managers counts a building's managers.
func (tx *Tx) Managers(ctx context.Context, of omarty.ID) (int, error) {
	return tx.tx.Membership.Query().Where(
		membership.BuildingID(of.Row),
		membership.Status(string(omarty.StatusActive)),
		membership.Role(string(omarty.RoleManager)),
	).Count(ctx)
}

// CreateMembership stores a new membership.
func (tx *Tx) CreateMembership(ctx context.Context, m omarty.Membership) error {
	return tx.tx.Membership.Create().
		SetID(m.ID.Row).SetBuildingID(m.Building.Row).SetUserID(m.User.Row).
		SetRole(string(m.Role)).SetStatus(string(m.Status)).
		SetNillableClaimedApartmentID(rowOf(m.Claimed)).SetCreatedAt(m.CreatedAt).
		Exec(ctx)
}

// ChangeMembership stores a membership's role, status, claim and mute.
func (tx *Tx) ChangeMembership(ctx context.Context, m omarty.Membership) error {
	change := tx.tx.Membership.UpdateOneID(m.ID.Row).SetRole(string(m.Role)).SetStatus(string(m.Status))
	if m.MutedUntil == nil {
		change.ClearMutedUntil()
	} else {
		change.SetMutedUntil(*m.MutedUntil)
	}
	if m.Claimed.IsZero() {
		change.ClearClaimedApartmentID()
	} else {
		change.SetClaimedApartmentID(m.Claimed.Row)
	}
	return change.Exec(ctx)
}

// ResidenciesOf gives the ids of the apartments that a member lives in, in the
// order in which they were added.
func (tx *Tx) ResidenciesOf(ctx context.Context, membership omarty.ID) ([]omarty.ID, error) {
	found, err := tx.tx.Residency.Query().
		Where(residency.MembershipID(membership.Row)).Order(residency.ByApartmentID()).All(ctx)
	ids := make([]omarty.ID, len(found))
	for i, row := range found {
		ids[i] = omarty.ID{Kind: omarty.KindApartment, Row: row.ApartmentID}
	}
	return ids, err
}

// SetResidencies makes a member live in these apartments and in no others.
func (tx *Tx) SetResidencies(ctx context.Context, membership omarty.ID, apartments []omarty.ID) error {
	_, err := tx.tx.Residency.Delete().Where(residency.MembershipID(membership.Row)).Exec(ctx)
	if err != nil || len(apartments) == 0 {
		return err
	}
	return tx.tx.Residency.MapCreateBulk(apartments, func(create *generated.ResidencyCreate, i int) {
		create.SetID(uuid.Must(uuid.NewV7())).SetMembershipID(membership.Row).SetApartmentID(apartments[i].Row)
	}).Exec(ctx)
}

func member(row *generated.Membership) omarty.Membership {
	return omarty.Membership{
		ID:         omarty.ID{Kind: omarty.KindMembership, Row: row.ID},
		Building:   omarty.ID{Kind: omarty.KindBuilding, Row: row.BuildingID},
		User:       idOf(omarty.KindUser, row.UserID),
		Role:       omarty.MembershipRole(row.Role),
		Status:     omarty.MembershipStatus(row.Status),
		Claimed:    idOf(omarty.KindApartment, row.ClaimedApartmentID),
		CreatedAt:  row.CreatedAt.UTC(),
		MutedUntil: inUTC(row.MutedUntil),
	}
}
