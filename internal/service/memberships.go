package service

import (
	"context"
	"fmt"
	"slices"

	"github.com/omarty/chat/internal/omarty"
)

// ApproveMembership lets a person in who asked, or gives a member the apartment
// that was claimed beside those they have; or exactly the given apartments, where
// these are not nil. Where there is nothing left to approve, nothing happens.
// CONFLICT where the membership has ended, or was banned.
func (s *Service) ApproveMembership(ctx context.Context, by Asker, id omarty.ID, apartments []omarty.ID) (omarty.Membership, error) {
	if err := checkApartments(by, apartments); err != nil {
		return omarty.Membership{}, err
	}
	return s.manageMember(ctx, by, id, func(ctx context.Context, tx Tx, m omarty.Membership) (omarty.Membership, error) {
		if m.Status != omarty.StatusPending && !m.Active() {
			return m, conflict("The membership has ended.")
		}
		claimed, enters, lives := m.Claimed, !m.Active(), apartments
		m.Status, m.Claimed = omarty.StatusActive, omarty.ID{}
		if lives == nil {
			var err error
			if lives, err = tx.ResidenciesOf(ctx, m.ID); err != nil {
				return m, err
			}
			if !claimed.IsZero() {
				lives = append(lives, claimed)
			}
		}
		moved, err := s.settle(ctx, tx, m, lives)
		if err != nil || !moved && !enters && claimed.IsZero() {
			return m, err
		}
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
	if err := checkApartments(by, apartments); err != nil {
		return omarty.Membership{}, err
	}
	return s.manageMember(ctx, by, id, func(ctx context.Context, tx Tx, m omarty.Membership) (omarty.Membership, error) {
		if !m.Active() {
			return m, conflict("The person is no active member.")
		}
		moved, err := s.settle(ctx, tx, m, apartments)
		if err != nil || !moved && m.Claimed.IsZero() {
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
		if role == omarty.RoleManager {
			m.MutedUntil = nil
		}
		if err := s.holdRooms(ctx, tx, m); err != nil {
			return m, err
		}
		if err := tx.ChangeMembership(ctx, m); err != nil {
			return m, err
		}
		return m, s.record(ctx, tx, by, omarty.ActionSetMemberRole, m.Building, m.ID)
	})
}

// EndMembership ends a membership or turns a request down: one's own, or as a
// manager. One that has ended stays as it is. CONFLICT for the last manager, and for
// who is banned.
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
// to join again. Who has left, or asks, can be banned too. CONFLICT for the last
// manager.
func (s *Service) BanMember(ctx context.Context, by Asker, id omarty.ID) (omarty.Membership, error) {
	return s.manageMember(ctx, by, id, func(ctx context.Context, tx Tx, m omarty.Membership) (omarty.Membership, error) {
		if m.Status == omarty.StatusBanned {
			return m, nil
		}
		return s.exclude(ctx, tx, by, m, omarty.StatusBanned, omarty.ActionBanMember)
	})
}

// UnbanMember lets a person who was banned ask to join again; nothing happens to
// others.
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
	return &omarty.Error{Code: omarty.CodeConflict, Message: message, Field: "membership"}
}

// settle makes a member live in apartments of the building, in each once, and tells
// whether that is another state than before. NOT_FOUND for an apartment that the
// building does not have.
func (s *Service) settle(ctx context.Context, tx Tx, m omarty.Membership, apartments []omarty.ID) (moved bool, err error) {
	found, err := tx.ApartmentsIn(ctx, m.Building, apartments)
	if err != nil {
		return false, err
	}
	for i, id := range apartments {
		if !slices.Contains(found, id) {
			return false, notThere().At(fmt.Sprintf("apartments.%d", i))
		}
	}
	lives, err := tx.ResidenciesOf(ctx, m.ID)
	if err != nil || len(lives) == len(found) && !slices.ContainsFunc(lives, func(id omarty.ID) bool { return !slices.Contains(found, id) }) {
		return false, err
	}
	return true, tx.SetResidencies(ctx, m.ID, found)
}

// checkApartments is TOO_LARGE for more apartments than a list in an input has, to
// who is signed in.
func checkApartments(by Asker, ids []omarty.ID) error {
	if err := by.SignedIn(); err != nil {
		return err
	}
	if len(ids) > omarty.MaxPage {
		return omarty.Errorf(omarty.CodeTooLarge, "At most %d apartments.", omarty.MaxPage).At("apartments")
	}
	return nil
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
// else changes the building; one's own also when it has ended. To all others it is
// NOT_FOUND.
func (s *Service) ofMember(ctx context.Context, by Asker, id omarty.ID, change func(ctx context.Context, tx Tx, m, own omarty.Membership) (omarty.Membership, error)) (omarty.Membership, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.Membership{}, err
	}
	id = ofKind(id, omarty.KindMembership)
	// Which building to lock. It tells the asker nothing: what is not theirs to see
	// is refused below as if it were not there.
	target, err := s.Store.Membership(ctx, id)
	if unlessAbsent(err) != nil {
		return omarty.Membership{}, err
	}
	var changed omarty.Membership
	var recorded recording
	err = s.writeAs(ctx, by, func(ctx context.Context, tx Tx) error {
		// Strangers lock nothing: they are told before.
		if _, err := tx.MembershipIn(ctx, target.Building, by.User); err != nil {
			return omarty.At(err, "membership")
		}
		if _, err := tx.LockBuilding(ctx, target.Building); err != nil {
			return omarty.At(err, "membership")
		}
		own, err := tx.MembershipIn(ctx, target.Building, by.User)
		if err != nil {
			return omarty.At(err, "membership")
		}
		m, err := tx.Membership(ctx, id)
		if err != nil {
			return omarty.At(err, "membership")
		}
		if !own.Sees(m) {
			return notThere().At("membership")
		}
		recorded = recording{Tx: tx}
		changed, err = change(ctx, &recorded, m, own)
		return err
	})
	if err == nil && recorded.any {
		s.viewerChanged(changed.User, changed.Active())
	}
	return changed, err
}

// recording is a transaction that knows whether it records anything, as each change
// of a membership does.
type recording struct {
	Tx
	any bool
}

// Record is Tx's.
func (r *recording) Record(ctx context.Context, line omarty.AuditRecord) error {
	r.any = true
	return r.Tx.Record(ctx, line)
}
