package service

import (
	"context"
	"fmt"
	"slices"

	"github.com/omarty/chat/internal/omarty"
)

// AddApartments adds apartments to a building, all or none, for its managers.
// INVALID_INPUT for a number that the building has, or that is given twice.
func (s *Service) AddApartments(ctx context.Context, by Asker, id omarty.ID, in []omarty.NewApartment) (omarty.Building, []omarty.Apartment, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.Building{}, nil, err
	}
	apartments, err := newApartments(id, in)
	if err != nil {
		return omarty.Building{}, nil, err
	}
	var building omarty.Building
	err = s.manage(ctx, by, id, "building", func(ctx context.Context, tx Tx, b omarty.Building) error {
		building = b
		if len(apartments) == 0 {
			return nil
		}
		keys := make([]string, len(apartments))
		for i, a := range apartments {
			keys[i] = omarty.ApartmentKey(a.Number)
		}
		taken, err := tx.ApartmentKeys(ctx, id, keys)
		if err != nil {
			return err
		}
		for i, key := range keys {
			if slices.Contains(taken, key) {
				return numberTaken(i)
			}
		}
		if err := tx.CreateApartments(ctx, apartments); err != nil {
			return err
		}
		return s.record(ctx, tx, by, omarty.ActionAddApartments, id, id)
	})
	return building, apartments, err
}

// RemoveApartment removes an apartment, for its building's managers: CONFLICT
// while somebody lives there. The invitations to it go with it, and who claimed it
// claims none.
func (s *Service) RemoveApartment(ctx context.Context, by Asker, id omarty.ID) (omarty.Building, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.Building{}, err
	}
	found, err := s.Store.Apartments(ctx, []omarty.ID{id})
	if err != nil {
		return omarty.Building{}, err
	}
	// Of an apartment that is not there, the building is one that is not there.
	of := found[id].Building
	var building omarty.Building
	err = s.asMember(ctx, by, of, "apartment", func(ctx context.Context, tx Tx, b omarty.Building, m omarty.Membership) error {
		building = b
		if !m.Active() {
			return notThere().At("apartment") // pending people do not see apartments
		}
		if !m.Manages() {
			return forbidden("apartment")
		}
		inhabited, err := tx.Inhabited(ctx, id)
		if err != nil {
			return err
		}
		if inhabited {
			return omarty.Errorf(omarty.CodeConflict, "Somebody lives there.").At("apartment")
		}
		if err := tx.RemoveApartment(ctx, id); err != nil {
			return omarty.At(err, "apartment")
		}
		return s.record(ctx, tx, by, omarty.ActionRemoveApartment, of, id)
	})
	return building, err
}

// newApartments makes apartments of a building: REQUIRED, INVALID_INPUT or
// TOO_LARGE, with the place in the list, for what cannot be.
func newApartments(building omarty.ID, in []omarty.NewApartment) ([]omarty.Apartment, error) {
	if len(in) > omarty.MaxApartmentsAtOnce {
		return nil, omarty.Errorf(omarty.CodeTooLarge, "At most %d apartments are added at once.", omarty.MaxApartmentsAtOnce).At("apartments")
	}
	apartments := make([]omarty.Apartment, len(in))
	seen := map[string]bool{}
	for i, a := range in {
		a, err := a.Normalize()
		if err != nil {
			return nil, omarty.Within(err, fmt.Sprintf("apartments.%d", i))
		}
		key := omarty.ApartmentKey(a.Number)
		if seen[key] {
			return nil, numberTaken(i)
		}
		seen[key] = true
		apartments[i] = omarty.Apartment{ID: omarty.NewID(omarty.KindApartment), Building: building, Number: a.Number, Floor: a.Floor}
	}
	return apartments, nil
}

func numberTaken(i int) error {
	return omarty.Errorf(omarty.CodeInvalidInput, "The building has an apartment of this number.").At(fmt.Sprintf("apartments.%d.number", i))
}
