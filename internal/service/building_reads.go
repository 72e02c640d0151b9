package service

import (
	"context"

	"github.com/omarty/chat/internal/omarty"
)

// Building gives a building that the asker sees, as they see it: its active
// members all of it, people whose membership is pending its id, name and address.
// NOT_FOUND to all others.
func (s *Service) Building(ctx context.Context, by Asker, id omarty.ID) (omarty.Building, error) {
	m, err := s.standingIn(ctx, by, id)
	if err != nil {
		return omarty.Building{}, err
	}
	found, err := s.Store.Buildings(ctx, []omarty.ID{id})
	return asSeen(found[id], m), err
}

// Buildings gives the buildings that are named by what the asker sees already,
// each as they see it. Of those where the asker was once, the name and the address
// remain.
func (s *Service) Buildings(ctx context.Context, by Asker, ids []omarty.ID) (map[omarty.ID]omarty.Building, error) {
	found, err := s.Store.Buildings(ctx, ids)
	if err != nil {
		return nil, err
	}
	var own []omarty.Membership
	if !by.User.IsZero() {
		if own, err = s.Store.MembershipsOf(ctx, by.User); err != nil {
			return nil, err
		}
	}
	in := map[omarty.ID]omarty.Membership{}
	for _, m := range own {
		in[m.Building] = m
	}
	for id, b := range found {
		found[id] = asSeen(b, in[id])
	}
	return found, nil
}

func asSeen(b omarty.Building, m omarty.Membership) omarty.Building {
	if !m.Active() {
		b.CreatedAt = nil
	}
	return b
}

// standingIn gives the asker's own membership in a building that they see: NOT_FOUND
// where it is neither active nor pending.
func (s *Service) standingIn(ctx context.Context, by Asker, building omarty.ID) (omarty.Membership, error) {
	if by.SignedIn() != nil {
		return omarty.Membership{}, notThere()
	}
	return seeing(s.Store.MembershipIn(ctx, ofKind(building, omarty.KindBuilding), by.User))
}

// MembershipIn gives the asker's own membership in a building to its active members.
func (s *Service) MembershipIn(ctx context.Context, by Asker, building omarty.ID) (omarty.Membership, error) {
	m, err := s.standingIn(ctx, by, building)
	if err == nil && !m.Active() {
		return omarty.Membership{}, notThere()
	}
	return m, err
}

// checkActive is NOT_FOUND unless the asker is an active member of the building.
func (s *Service) checkActive(ctx context.Context, by Asker, building omarty.ID) error {
	_, err := s.MembershipIn(ctx, by, building)
	return err
}

// CheckManages is NOT_FOUND unless the asker is a manager of the building.
func (s *Service) CheckManages(ctx context.Context, by Asker, building omarty.ID) error {
	m, err := s.MembershipIn(ctx, by, building)
	if err == nil && !m.Manages() {
		return notThere()
	}
	return err
}

// Apartments gives the apartments that are named by what the asker sees already.
func (s *Service) Apartments(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Apartment, error) {
	return s.Store.Apartments(ctx, ids)
}

// ApartmentsIn gives a page of a building's apartments to its active members.
func (s *Service) ApartmentsIn(ctx context.Context, by Asker, building omarty.ID, page omarty.Page) (omarty.Slice[omarty.Apartment], error) {
	if err := s.checkActive(ctx, by, building); err != nil {
		return omarty.Slice[omarty.Apartment]{}, err
	}
	return s.Store.ApartmentsIn(ctx, building, page)
}

// Residents gives a page of the people who live in an apartment to the active
// members of its building.
func (s *Service) Residents(ctx context.Context, by Asker, of omarty.Apartment, page omarty.Page) (omarty.Slice[omarty.User], error) {
	if err := s.checkActive(ctx, by, of.Building); err != nil {
		return omarty.Slice[omarty.User]{}, err
	}
	return s.Store.Residents(ctx, of.ID, page)
}

// Members gives a page of a building's active members to them.
func (s *Service) Members(ctx context.Context, by Asker, building omarty.ID, page omarty.Page) (omarty.Slice[omarty.Membership], error) {
	if err := s.checkActive(ctx, by, building); err != nil {
		return omarty.Slice[omarty.Membership]{}, err
	}
	return s.Store.Members(ctx, building, omarty.StatusActive, page)
}

// ManagedMembers gives a page of a building's memberships that stand so to its
// managers.
func (s *Service) ManagedMembers(ctx context.Context, by Asker, building omarty.ID, status omarty.MembershipStatus, page omarty.Page) (omarty.Slice[omarty.Membership], error) {
	if err := s.CheckManages(ctx, by, building); err != nil {
		return omarty.Slice[omarty.Membership]{}, err
	}
	return s.Store.Members(ctx, building, status, page)
}

// Invitations gives a page of a building's invitations that let people in to its
// managers, the newest first.
func (s *Service) Invitations(ctx context.Context, by Asker, building omarty.ID, page omarty.Page) (omarty.Slice[omarty.Invitation], error) {
	if err := s.CheckManages(ctx, by, building); err != nil {
		return omarty.Slice[omarty.Invitation]{}, err
	}
	return s.Store.InvitationsTo(ctx, building, s.now(), page)
}

// Memberships gives all memberships of the asker.
func (s *Service) Memberships(ctx context.Context, by Asker) ([]omarty.Membership, error) {
	if by.User.IsZero() {
		return nil, by.SignedIn()
	}
	return s.Store.MembershipsOf(ctx, by.User)
}

// ApartmentsOf gives the apartments of memberships that the asker sees already.
func (s *Service) ApartmentsOf(ctx context.Context, memberships []omarty.ID) (map[omarty.ID][]omarty.Apartment, error) {
	return s.Store.ApartmentsOf(ctx, memberships)
}

// Users gives the people who are named by what the asker sees already.
func (s *Service) Users(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.User, error) {
	return s.Store.Users(ctx, ids)
}

// AuditLog gives a page of a building's part of the audit log to its managers, the
// newest first.
func (s *Service) AuditLog(ctx context.Context, by Asker, building omarty.ID, page omarty.Page) (omarty.Slice[omarty.AuditRecord], error) {
	if err := s.CheckManages(ctx, by, building); err != nil {
		return omarty.Slice[omarty.AuditRecord]{}, err
	}
	return s.Store.AuditOf(ctx, building, page)
}
