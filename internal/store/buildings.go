package store

import (
	"context"

	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/apartment"
	"github.com/omarty/chat/ent/generated/building"
	"github.com/omarty/chat/ent/generated/residency"
	"github.com/omarty/chat/internal/omarty"
)

// Buildings gives those of the buildings that there are.
func (s *Store) Buildings(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Building, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID]omarty.Building, error) {
		rows, err := db.Building.Query().Where(building.IDIn(rows(ids, omarty.KindBuilding)...)).All(ctx)
		return byID(rows, house, func(b omarty.Building) omarty.ID { return b.ID }), err
	})
}

// Apartments gives those of the apartments that there are.
func (s *Store) Apartments(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Apartment, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID]omarty.Apartment, error) {
		rows, err := db.Apartment.Query().Where(apartment.IDIn(rows(ids, omarty.KindApartment)...)).All(ctx)
		return byID(rows, door, func(a omarty.Apartment) omarty.ID { return a.ID }), err
	})
}

// ApartmentsIn gives a page of a building's apartments, in the order in which they
// were added.
func (s *Store) ApartmentsIn(ctx context.Context, of omarty.ID, page omarty.Page) (omarty.Slice[omarty.Apartment], error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Slice[omarty.Apartment], error) {
		rows, err := db.Apartment.Query().
			Where(apartment.BuildingID(of.Row), afterRow(page.After, false)).
			Order(apartment.ByID()).Limit(page.First + 1).All(ctx)
		return slice(rows, page.First, door, func(a *generated.Apartment) uuid.UUID { return a.ID }), err
	})
}

// ApartmentsOf gives the apartments that members live in, by membership, in the
// order in which they were added.
func (s *Store) ApartmentsOf(ctx context.Context, memberships []omarty.ID) (map[omarty.ID][]omarty.Apartment, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID][]omarty.Apartment, error) {
		rows, err := db.Residency.Query().
			Where(residency.MembershipIDIn(rows(memberships, omarty.KindMembership)...)).
			Order(residency.ByApartmentID()).WithApartment().All(ctx)
		found := make(map[omarty.ID][]omarty.Apartment, len(memberships))
		for _, row := range rows {
			id := omarty.ID{Kind: omarty.KindMembership, Row: row.MembershipID}
			found[id] = append(found[id], door(row.Edges.Apartment))
		}
		return found, err
	})
}

// LockBuilding gives a building and lets nobody else change it, its apartments or
// its memberships until the transaction ends.
func (tx *Tx) LockBuilding(ctx context.Context, id omarty.ID) (omarty.Building, error) {
	row, err := tx.tx.Building.Query().Where(building.ID(id.Row), forChange).Only(ctx)
	if err != nil {
		return omarty.Building{}, absent(err)
	}
	return house(row), nil
}

// CreateBuilding stores a new building, which has a moment of its making.
func (tx *Tx) CreateBuilding(ctx context.Context, b omarty.Building) error {
	return tx.tx.Building.Create().
		SetID(b.ID.Row).SetCreatedAt(*b.CreatedAt).SetName(b.Name).SetAddress(b.Address).
		Exec(ctx)
}

// ChangeBuilding stores a building's name and address.
func (tx *Tx) ChangeBuilding(ctx context.Context, id omarty.ID, name, address string) error {
	return tx.tx.Building.UpdateOneID(id.Row).SetName(name).SetAddress(address).Exec(ctx)
}

// ApartmentsIn gives those of the apartments that the building has.
func (tx *Tx) ApartmentsIn(ctx context.Context, of omarty.ID, ids []omarty.ID) ([]omarty.ID, error) {
	rows, err := tx.tx.Apartment.Query().
		Where(apartment.BuildingID(of.Row), apartment.IDIn(rows(ids, omarty.KindApartment)...)).IDs(ctx)
	found := make([]omarty.ID, len(rows))
	for i, row := range rows {
		found[i] = omarty.ID{Kind: omarty.KindApartment, Row: row}
	}
	return found, err
}

// ApartmentKeys gives those of the canonical numbers that the building has.
func (tx *Tx) ApartmentKeys(ctx context.Context, of omarty.ID, keys []string) ([]string, error) {
	return tx.tx.Apartment.Query().
		Where(apartment.BuildingID(of.Row), apartment.NumberKeyIn(keys...)).
		Select(apartment.FieldNumberKey).Strings(ctx)
}

// CreateApartments stores new apartments: ErrTaken where the building has one of
// the numbers.
func (tx *Tx) CreateApartments(ctx context.Context, apartments []omarty.Apartment) error {
	if len(apartments) == 0 {
		return nil
	}
	return tx.tx.Apartment.MapCreateBulk(apartments, func(create *generated.ApartmentCreate, i int) {
		a := apartments[i]
		create.SetID(a.ID.Row).SetBuildingID(a.Building.Row).
			SetNumber(a.Number).SetNumberKey(omarty.ApartmentKey(a.Number)).SetNillableFloor(a.Floor)
	}).Exec(ctx)
}

// Inhabited tells whether somebody lives in an apartment.
func (tx *Tx) Inhabited(ctx context.Context, id omarty.ID) (bool, error) {
	return tx.tx.Residency.Query().Where(residency.ApartmentID(id.Row)).Exist(ctx)
}

// RemoveApartment removes an apartment in which nobody lives, and with it the
// invitations to it.
func (tx *Tx) RemoveApartment(ctx context.Context, id omarty.ID) error {
	return absent(tx.tx.Apartment.DeleteOneID(id.Row).Exec(ctx))
}

func house(row *generated.Building) omarty.Building {
	created := row.CreatedAt.UTC()
	return omarty.Building{
		ID:        omarty.ID{Kind: omarty.KindBuilding, Row: row.ID},
		Name:      row.Name,
		Address:   row.Address,
		CreatedAt: &created,
	}
}

func door(row *generated.Apartment) omarty.Apartment {
	return omarty.Apartment{
		ID:       omarty.ID{Kind: omarty.KindApartment, Row: row.ID},
		Building: omarty.ID{Kind: omarty.KindBuilding, Row: row.BuildingID},
		Number:   row.Number,
		Floor:    row.Floor,
	}
}
