package service

import (
	"context"
	"fmt"
	"slices"

	"github.com/omarty/chat/internal/omarty"
)

// ApproveMembership lets a person in who asked, or gives a member the apartment
// that was claimed; with other apartments than asked for, where these are not
// nil. CONFLICT where the membership has ended, or was banned.
func (s *Service) ApproveMembership(ctx context.Context, by Asker, id omarty.ID, apartments []omarty.ID) (omarty.Membership, error) {
	return s.manageMember(ctx, by, id, func(ctx context.Context, tx Tx, m omarty.Membership) (omarty.Membership, error) {
		if m.Status != omarty.StatusPending && m.Status != omarty.StatusActive {
			return m, conflict("The membership has ended.")
		}
		if m.Active() && m.Claimed.IsZero() && apartments == nil {
			return m, nil // there is nothing to approve
		}
		lives, err := tx.ResidenciesOf(ctx, m.ID)
		if err != nil {
			return m, err
		}
		switch {
		case apartments != nil:
			lives = apartments
		case !m.Claimed.IsZero() && !slices.Contains(lives, m.Claimed):
			lives = append(lives, m.Claimed)
		}
		if err := s.setApartments(ctx, tx, m, lives); err != nil {
			return m, err
		}
		enters := !m.Active()
		m.Status, m.Claimed = omarty.StatusActive, omarty.ID{}
		if err := tx.ChangeMembership(ctx, m); err != nil {
			return m, err
		}
		if enters {
			if err := s.enterRooms(ctx, tx, m, by.User); err != nil {
				return m, err
			}
		}
		return m, s.record(ctx, tx, by, omarty.ActionApproveMembership, m.Building, m.ID)
	})
}

// SetMemberApartments makes a member live in these apartments and in no others;
// what was claimed is decided with it. CONFLICT for who is no active member.
func (s *Service) SetMemberApartments(ctx context.Context, by Asker, id omarty.ID, apartments []omarty.ID) (omarty.Membership, error) {
	return s.manageMember(ctx, by, id, func(ctx context.Context, tx Tx, m omarty.Membership) (omarty.Membership, error) {
		if !m.Active() {
			return m, conflict("The person is no active member.")
		}
		lives, err := tx.ResidenciesOf(ctx, m.ID)
		if err != nil {
			return m, err
		}
		if m.Claimed.IsZero() && sameSet(lives, apartments) {
			return m, nil
		}
		if err := s.setApartments(ctx, tx, m, apartments); err != nil {
			return m, err
		}
		m.Claimed = omarty.ID{}
		if err := tx.ChangeMembership(ctx, m); err != nil {
			return m, err
		}
		return m, s.record(ctx, tx, by, omarty.ActionSetMemberApartments, m.Building, m.ID)
	})
}

// SetMemberRole makes a member a manager, or a resident again. CONFLICT for who is
// no active member, and for the last manager.
func (s *Service) SetMemberRole(ctx context.Context, by Asker, id omarty.ID, role omarty.MembershipRole) (omarty.Membership, error) {
	return s.manageMember(ctx, by, id, func(ctx context.Context, tx Tx, m omarty.Membership) (omarty.Membership, error) {
		if !m.Active() {
			return m, conflict("The person is no active member.")
		}
		if m.Role == role {
			return m, nil
		}
		if err := s.keepManager(ctx, tx, m); err != nil {
			return m, err
		}
		m.Role = role
		if err := tx.ChangeMembership(ctx, m); err != nil {
			return m, err
		}
		return m, s.record(ctx, tx, by, omarty.ActionSetMemberRole, m.Building, m.ID)
	})
}

// EndMembership ends a membership or turns a request down: one's own, or as a
// manager. CONFLICT for the last manager, and for who is banned.
func (s *Service) EndMembership(ctx context.Context, by Asker, id omarty.ID) (omarty.Membership, error) {
	return s.ofMember(ctx, by, id, func(ctx context.Context, tx Tx, m, own omarty.Membership) (omarty.Membership, error) {
		if m.ID != own.ID && !own.Manages() {
			return m, forbidden("membership")
		}
		switch m.Status {
		case omarty.StatusEnded:
			return m, nil
		case omarty.StatusBanned:
			return m, conflict("The person is banned.")
		}
		return s.exclude(ctx, tx, by, m, omarty.StatusEnded, omarty.ActionEndMembership)
	})
}

// BanMember ends a membership for good: the person can neither read, write nor ask
// to join again. CONFLICT for the last manager.
func (s *Service) BanMember(ctx context.Context, by Asker, id omarty.ID) (omarty.Membership, error) {
	return s.manageMember(ctx, by, id, func(ctx context.Context, tx Tx, m omarty.Membership) (omarty.Membership, error) {
		if m.Status == omarty.StatusBanned {
			return m, nil
		}
		return s.exclude(ctx, tx, by, m, omarty.StatusBanned, omarty.ActionBanMember)
	})
}

// UnbanMember lets a person who was banned ask to join again.
func (s *Service) UnbanMember(ctx context.Context, by Asker, id omarty.ID) (omarty.Membership, error) {
	return s.manageMember(ctx, by, id, func(ctx context.Context, tx Tx, m omarty.Membership) (omarty.Membership, error) {
		if m.Status != omarty.StatusBanned {
			return m, nil
		}
		m.Status = omarty.StatusEnded
		if err := tx.ChangeMembership(ctx, m); err != nil {
			return m, err
		}
		return m, s.record(ctx, tx, by, omarty.ActionUnbanMember, m.Building, m.ID)
	})
}

// exclude ends what a member has in a building: the rooms, the apartments, the
// role and the claim.
func (s *Service) exclude(ctx context.Context, tx Tx, by Asker, m omarty.Membership, status omarty.MembershipStatus, action omarty.Action) (omarty.Membership, error) {
	if err := s.keepManager(ctx, tx, m); err != nil {
		return m, err
	}
	leaves := m.Active()
	m.Status, m.Role, m.Claimed = status, omarty.RoleResident, omarty.ID{}
	if err := tx.ChangeMembership(ctx, m); err != nil {
		return m, err
	}
	if err := tx.SetResidencies(ctx, m.ID, nil); err != nil {
		return m, err
	}
	if leaves {
		if err := s.leaveRooms(ctx, tx, m, by.User); err != nil {
			return m, err
		}
	}
	return m, s.record(ctx, tx, by, action, m.Building, m.ID)
}

// keepManager is CONFLICT where a member is the building's last manager, before
// they cease to be one.
func (s *Service) keepManager(ctx context.Context, tx Tx, m omarty.Membership) error {
	if !m.Manages() {
		return nil
	}
	managers, err := tx.Managers(ctx, m.Building)
	if err == nil && managers < 2 {
		return conflict("The building would have no manager.")
	}
	return err
}

func conflict(message string) error {
	return omarty.Errorf(omarty.CodeConflict, "%s", message).At("membership")
}

// setApartments makes a member live in apartments of the building: INVALID_INPUT
// for one that it does not have.
func (s *Service) setApartments(ctx context.Context, tx Tx, m omarty.Membership, apartments []omarty.ID) error {
	if len(apartments) > omarty.MaxPage {
		return omarty.Errorf(omarty.CodeTooLarge, "At most %d apartments.", omarty.MaxPage).At("apartments")
	}
	unique := slices.Clone(apartments)
	slices.SortFunc(unique, func(a, b omarty.ID) int { return slices.Compare(a.Row[:], b.Row[:]) })
	unique = slices.Compact(unique)
	found, err := tx.ApartmentsIn(ctx, m.Building, unique)
	if err != nil {
		return err
	}
	for i, id := range apartments {
		if !slices.Contains(found, id) {
			return omarty.Errorf(omarty.CodeNotFound, "It does not exist.").At(fmt.Sprintf("apartments.%d", i))
		}
	}
	return tx.SetResidencies(ctx, m.ID, unique)
}

func sameSet(a, b []omarty.ID) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(id omarty.ID) bool { return !slices.Contains(b, id) })
}

// manageMember runs a change of a membership for a manager of its building.
func (s *Service) manageMember(ctx context.Context, by Asker, id omarty.ID, change func(context.Context, Tx, omarty.Membership) (omarty.Membership, error)) (omarty.Membership, error) {
	return s.ofMember(ctx, by, id, func(ctx context.Context, tx Tx, m, own omarty.Membership) (omarty.Membership, error) {
		if !own.Manages() {
			return m, forbidden("membership")
		}
		return change(ctx, tx, m)
	})
}

// ofMember runs a change of a membership for somebody who sees it, while nobody
// else changes the building: a manager sees all, a member the active ones, and
// everyone their own. To all others it is NOT_FOUND.
func (s *Service) ofMember(ctx context.Context, by Asker, id omarty.ID, change func(ctx context.Context, tx Tx, m, own omarty.Membership) (omarty.Membership, error)) (omarty.Membership, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.Membership{}, err
	}
	if id.Kind != omarty.KindMembership {
		id = omarty.ID{}
	}
	// Which building to lock. It tells the asker nothing: what is not theirs to see
	// is refused below as if it were not there.
	target, err := s.Store.Membership(ctx, id)
	if err != nil && omarty.CodeOf(err) != omarty.CodeNotFound {
		return omarty.Membership{}, err
	}
	var changed omarty.Membership
	err = s.asMember(ctx, by, target.Building, "membership", func(ctx context.Context, tx Tx, _ omarty.Building, own omarty.Membership) error {
		m, err := tx.Membership(ctx, id)
		if err != nil {
			return omarty.At(err, "membership")
		}
		if m.ID != own.ID && !own.Manages() && !(own.Active() && m.Active()) {
			return omarty.Errorf(omarty.CodeNotFound, "It does not exist.").At("membership")
		}
		changed, err = change(ctx, tx, m, own)
		return err
	})
	return changed, err
}
