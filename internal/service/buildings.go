package service

import (
	"context"

	"github.com/omarty/chat/internal/omarty"
)

// NewBuilding is a building to be, as somebody typed it.
type NewBuilding struct {
	Name       string
	Address    string
	Apartments []omarty.NewApartment
}

// BuildingChange is what a manager changes of a building; nil stays as it is.
type BuildingChange struct {
	Name    *string
	Address *string
}

// CreateBuilding opens a building with its two rooms and makes the asker its
// manager. FORBIDDEN where that is for an operator alone; REQUIRED, INVALID_INPUT or TOO_LARGE for what cannot be.
func (s *Service) CreateBuilding(ctx context.Context, by Asker, in NewBuilding) (omarty.Building, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.Building{}, err
	}
	if s.ByOperator {
		return omarty.Building{}, omarty.Errorf(omarty.CodeForbidden, "Ask the operator of this service for a building.")
	}
	return s.createBuilding(by, in, func(change func(context.Context, Tx) error) error { return s.writeAs(ctx, by, change) })
}

// CreateBuildingFor is CreateBuilding by an operator, for who is to manage it.
func (s *Service) CreateBuildingFor(ctx context.Context, manager omarty.ID, in NewBuilding) (omarty.Building, error) {
	return s.createBuilding(Asker{User: manager}, in, func(change func(context.Context, Tx) error) error { return s.Write(ctx, change) })
}

func (s *Service) createBuilding(by Asker, in NewBuilding, write func(func(context.Context, Tx) error) error) (omarty.Building, error) {
	now := s.now()
	b := omarty.Building{ID: omarty.NewID(omarty.KindBuilding), CreatedAt: &now}
	var err error
	if b.Name, err = omarty.NormalizeName(in.Name, omarty.MaxBuildingNameLength); err != nil {
		return b, omarty.At(err, "input.name")
	}
	if b.Address, err = omarty.NormalizeOptional(in.Address, omarty.MaxAddressLength); err != nil {
		return b, omarty.At(err, "input.address")
	}
	apartments, err := newApartments(b.ID, in.Apartments)
	if err != nil {
		return b, omarty.Within(err, "input")
	}
	founder := omarty.Membership{
		ID: omarty.NewID(omarty.KindMembership), Building: b.ID, User: by.User,
		Role: omarty.RoleManager, Status: omarty.StatusActive, CreatedAt: now,
	}
	err = write(func(ctx context.Context, tx Tx) error {
		if err := tx.CreateBuilding(ctx, b); err != nil {
			return err
		}
		if err := tx.CreateApartments(ctx, apartments); err != nil {
			return err
		}
		for _, kind := range []omarty.RoomKind{omarty.RoomCommunity, omarty.RoomAnnouncements} {
			room := omarty.Room{
				ID: omarty.NewID(omarty.KindRoom), Kind: kind, Name: b.Name, Building: b.ID,
				CreatedAt: now, LogID: omarty.NewID(omarty.KindLog),
			}
			if err := tx.CreateRoom(ctx, room); err != nil {
				return err
			}
		}
		if err := tx.CreateMembership(ctx, founder); err != nil {
			return err
		}
		if err := s.enterRooms(ctx, tx, founder, by.User); err != nil {
			return err
		}
		return s.record(ctx, tx, by, omarty.ActionCreateBuilding, b.ID, b.ID)
	})
	if err == nil {
		s.viewerChanged(by.User, true)
	}
	return b, err
}

// UpdateBuilding changes what is given of a building, for its managers. Its rooms
// keep their names.
func (s *Service) UpdateBuilding(ctx context.Context, by Asker, id omarty.ID, c BuildingChange) (omarty.Building, error) {
	err := by.SignedIn()
	if err != nil {
		return omarty.Building{}, err
	}
	if c.Name != nil {
		if *c.Name, err = omarty.NormalizeName(*c.Name, omarty.MaxBuildingNameLength); err != nil {
			return omarty.Building{}, omarty.At(err, "input.name")
		}
	}
	if c.Address != nil {
		if *c.Address, err = omarty.NormalizeOptional(*c.Address, omarty.MaxAddressLength); err != nil {
			return omarty.Building{}, omarty.At(err, "input.address")
		}
	}
	var changed omarty.Building
	err = s.manage(ctx, by, id, "input.building", func(ctx context.Context, tx Tx, b omarty.Building) error {
		changed = b
		same := (c.Name == nil || *c.Name == b.Name) && (c.Address == nil || *c.Address == b.Address)
		if same {
			return nil
		}
		if c.Name != nil {
			changed.Name = *c.Name
		}
		if c.Address != nil {
			changed.Address = *c.Address
		}
		if err := tx.ChangeBuilding(ctx, id, changed.Name, changed.Address); err != nil {
			return err
		}
		return s.record(ctx, tx, by, omarty.ActionUpdateBuilding, id, id)
	})
	return changed, err
}

// manage runs a change of a building for one of its managers, while nobody else
// changes it. To those who see the building it is FORBIDDEN, to all others
// NOT_FOUND, which names the field.
func (s *Service) manage(ctx context.Context, by Asker, building omarty.ID, field string, change func(context.Context, Tx, omarty.Building) error) error {
	return s.asMember(ctx, by, building, field, func(ctx context.Context, tx Tx, b omarty.Building, m omarty.Membership) error {
		if !m.Manages() {
			return forbidden(field)
		}
		return change(ctx, tx, b)
	})
}

// asMember runs a change of a building for somebody who sees it, while nobody else
// changes it; to all others it is NOT_FOUND, which names the field.
func (s *Service) asMember(ctx context.Context, by Asker, building omarty.ID, field string, change func(context.Context, Tx, omarty.Building, omarty.Membership) error) error {
	building = ofKind(building, omarty.KindBuilding)
	return s.writeAs(ctx, by, func(ctx context.Context, tx Tx) error {
		// Strangers lock nothing: they are told before.
		if _, err := seeing(tx.MembershipIn(ctx, building, by.User)); err != nil {
			return omarty.At(err, field)
		}
		b, err := tx.LockBuilding(ctx, building)
		if err != nil {
			return omarty.At(err, field)
		}
		// Under the lock the membership is read again: it may have ended meanwhile.
		m, err := seeing(tx.MembershipIn(ctx, building, by.User))
		if err != nil {
			return omarty.At(err, field)
		}
		return change(ctx, tx, b, m)
	})
}

// seeing is NOT_FOUND for a membership with which one does not see the building:
// one that is neither active nor pending.
func seeing(m omarty.Membership, err error) (omarty.Membership, error) {
	if err == nil && !m.Active() && m.Status != omarty.StatusPending {
		return omarty.Membership{}, notThere()
	}
	return m, err
}

// ofKind gives an id that shall name a thing of a kind; one that names another
// thing becomes the zero id, which finds nothing.
func ofKind(id omarty.ID, kind omarty.Kind) omarty.ID {
	if id.Kind != kind {
		return omarty.ID{}
	}
	return id
}

func forbidden(field string) error {
	return omarty.Errorf(omarty.CodeForbidden, "You may not do that.").At(field)
}

// enterRooms puts a member who became active into the building's rooms.
func (s *Service) enterRooms(ctx context.Context, tx Tx, m omarty.Membership, actor omarty.ID) error {
	rooms, err := tx.RoomsOfBuilding(ctx, m.Building)
	if err != nil {
		return err
	}
	now := s.now()
	for _, room := range rooms {
		if err := tx.Join(ctx, room, m.User, now); err != nil {
			return err
		}
		tx.Append(omarty.Event{Room: room, At: now, Kind: omarty.EventMemberJoined, Actor: actor, Member: m.User})
	}
	return nil
}

// leaveRooms takes a member who is no longer active out of all the building's
// rooms.
func (s *Service) leaveRooms(ctx context.Context, tx Tx, m omarty.Membership, actor omarty.ID) error {
	rooms, err := tx.RoomsWith(ctx, m.Building, m.User)
	if err != nil {
		return err
	}
	now := s.now()
	for _, room := range rooms {
		if err := tx.Leave(ctx, room, m.User, now); err != nil {
			return err
		}
		tx.Append(omarty.Event{Room: room, At: now, Kind: omarty.EventMemberLeft, Actor: actor, Member: m.User})
	}
	return nil
}

// record writes what was done to a building into its log.
func (s *Service) record(ctx context.Context, tx Tx, by Asker, action omarty.Action, building, subject omarty.ID) error {
	return tx.Record(ctx, omarty.AuditRecord{
		ID: omarty.NewID(omarty.KindAuditEntry), At: s.now(), Action: action,
		Actor: by.User, Building: building, Subject: subject,
	})
}
