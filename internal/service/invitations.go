package service

import (
	"context"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// invitationGuesses bounds how often a person tries codes that let nobody in.
var invitationGuesses = omarty.Rate{Name: "invitation", Burst: 30, Every: 30 * time.Second}

// NewInvitation is an invitation to be, as somebody asked for it.
type NewInvitation struct {
	Building omarty.ID
	// Apartment is the one that the code is for; zero for any.
	Apartment   omarty.ID
	Preapproved bool
	MaxUses     *int
	ExpiresAt   *time.Time
}

// CreateInvitation makes a code that lets people into a building: any active member
// one whose users a manager approves, and managers alone one that needs no approval.
// FORBIDDEN to others who see the building, INVALID_INPUT for a number of uses or a
// moment that cannot be, NOT_FOUND for an apartment that the building does not have.
func (s *Service) CreateInvitation(ctx context.Context, by Asker, in NewInvitation) (omarty.Invitation, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.Invitation{}, err
	}
	i := omarty.Invitation{
		ID: omarty.NewID(omarty.KindInvitation), Building: in.Building, Code: omarty.NewInvitationCode(),
		Apartment: in.Apartment, Preapproved: in.Preapproved, UsesLeft: in.MaxUses, ExpiresAt: in.ExpiresAt,
	}
	switch {
	case in.MaxUses != nil && (*in.MaxUses < 1 || *in.MaxUses > omarty.MaxInvitationUses):
		return i, omarty.Errorf(omarty.CodeInvalidInput, "From 1 to %d.", omarty.MaxInvitationUses).At("input.maxUses")
	case in.ExpiresAt != nil && !in.ExpiresAt.After(s.now()):
		return i, omarty.Errorf(omarty.CodeInvalidInput, "It has passed.").At("input.expiresAt")
	}
	err := s.asMember(ctx, by, in.Building, "input.building", func(ctx context.Context, tx Tx, _ omarty.Building, m omarty.Membership) error {
		if !m.Active() {
			return forbidden("input.building")
		}
		if in.Preapproved && !m.Manages() {
			return forbidden("input.preapproved")
		}
		if err := s.checkApartment(ctx, tx, in.Building, in.Apartment, "input.apartment"); err != nil {
			return err
		}
		if err := tx.CreateInvitation(ctx, i); err != nil {
			return err
		}
		return s.record(ctx, tx, by, omarty.ActionCreateInvitation, in.Building, i.ID)
	})
	return i, err
}

// RevokeInvitation ends an invitation, for the building's managers; to all others
// it is NOT_FOUND, as it is to everyone once it was revoked.
func (s *Service) RevokeInvitation(ctx context.Context, by Asker, id omarty.ID) error {
	if err := by.SignedIn(); err != nil {
		return err
	}
	absent := notThere().At("invitation")
	id = ofKind(id, omarty.KindInvitation)
	found, err := s.Store.Invitation(ctx, id)
	if unlessAbsent(err) != nil {
		return err
	}
	return s.asMember(ctx, by, found.Building, "invitation", func(ctx context.Context, tx Tx, _ omarty.Building, m omarty.Membership) error {
		if !m.Manages() {
			return absent
		}
		revoked, err := tx.RevokeInvitation(ctx, id, s.now())
		if err != nil {
			return err
		}
		if !revoked {
			return absent
		}
		return s.record(ctx, tx, by, omarty.ActionRevokeInvitation, found.Building, id)
	})
}

// InvitationPreview is what a code leads to.
type InvitationPreview struct {
	Invitation omarty.Invitation
	Building   omarty.Building
	// Apartment is the one that the code is for; nil where it is for any.
	Apartment *omarty.Apartment
	// Apartments are those to choose from, where the code is for any.
	Apartments []omarty.Apartment
}

// PreviewInvitation gives what a code leads to, for who is signed in and holds it:
// NOT_FOUND for a code that lets nobody in; RATE_LIMITED.
func (s *Service) PreviewInvitation(ctx context.Context, by Asker, code string) (InvitationPreview, error) {
	if err := by.SignedIn(); err != nil {
		return InvitationPreview{}, err
	}
	giveBack, err := s.count(ctx, invitationGuesses, by.User.String())
	if err != nil {
		return InvitationPreview{}, err
	}
	i, err := s.Store.InvitationByCode(ctx, omarty.ParseInvitationCode(code))
	if err != nil {
		return InvitationPreview{}, err
	}
	if !i.Good(s.now()) {
		return InvitationPreview{}, notThere()
	}
	giveBack()
	found, err := s.Store.Buildings(ctx, []omarty.ID{i.Building})
	if err != nil {
		return InvitationPreview{}, err
	}
	p := InvitationPreview{Invitation: i, Building: found[i.Building]}
	if i.Apartment.IsZero() {
		all, err := s.Store.ApartmentsIn(ctx, i.Building, omarty.Page{First: omarty.MaxApartmentsAtOnce})
		p.Apartments = all.Items
		return p, err
	}
	apartments, err := s.Store.Apartments(ctx, []omarty.ID{i.Apartment})
	if a, ok := apartments[i.Apartment]; ok {
		p.Apartment = &a
	}
	return p, err
}

// JoinBuilding lets a person in by a code, at once where it needs no approval, or
// asks for it; apartment is the one that they claim where the code is not for one,
// zero for none. A second call gives the same membership as it stands, also once the
// code lets nobody else in, so that one whose answer was lost can be made again.
//
// INVALID_CODE for a code that lets nobody in, FORBIDDEN for who is banned, NOT_FOUND
// for an apartment that the building does not have; RATE_LIMITED for who tries many
// codes.
func (s *Service) JoinBuilding(ctx context.Context, by Asker, code string, apartment omarty.ID) (omarty.Membership, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.Membership{}, err
	}
	giveBack, err := s.count(ctx, invitationGuesses, by.User.String())
	if err != nil {
		return omarty.Membership{}, err
	}
	invalid := omarty.Errorf(omarty.CodeInvalidCode, "The code is unknown, used up or too old.").At("input.code")
	i, err := s.Store.InvitationByCode(ctx, omarty.ParseInvitationCode(code))
	if omarty.CodeOf(err) == omarty.CodeNotFound {
		return omarty.Membership{}, invalid
	}
	if err != nil {
		return omarty.Membership{}, err
	}
	var m omarty.Membership
	changes := false
	err = s.writeAs(ctx, by, func(ctx context.Context, tx Tx) error {
		if _, err := tx.LockBuilding(ctx, i.Building); err != nil {
			return err
		}
		m, err = tx.MembershipIn(ctx, i.Building, by.User)
		isNew := omarty.CodeOf(err) == omarty.CodeNotFound
		if err != nil && !isNew {
			return err
		}
		if m.Active() || m.Status == omarty.StatusPending && !i.Preapproved {
			return nil // a second call
		}
		good, err := tx.UseInvitation(ctx, i.ID, s.now())
		if err != nil {
			return err
		}
		switch {
		case !good:
			return invalid
		case m.Status == omarty.StatusBanned:
			return forbidden("input.code")
		case isNew:
			m = omarty.Membership{
				ID: omarty.NewID(omarty.KindMembership), Building: i.Building, User: by.User, CreatedAt: s.now(),
			}
		}
		changes = true
		return s.admit(ctx, tx, by, &m, isNew, i, apartment)
	})
	if err == nil && changes {
		s.viewerChanged(by.User, m.Active())
	}
	if omarty.CodeOf(err) != omarty.CodeInvalidCode {
		giveBack()
	}
	return m, err
}

// admit makes a membership what an invitation says. A claim that waits already is
// kept where no other takes its place.
func (s *Service) admit(ctx context.Context, tx Tx, by Asker, m *omarty.Membership, isNew bool, i omarty.Invitation, asked omarty.ID) error {
	m.Role, m.Status = omarty.RoleResident, omarty.StatusPending
	if i.Preapproved {
		m.Status = omarty.StatusActive
	}
	given := omarty.ID{}
	switch {
	case !i.Apartment.IsZero() && i.Preapproved:
		given, m.Claimed = i.Apartment, omarty.ID{}
	case !i.Apartment.IsZero():
		m.Claimed = i.Apartment
	case !asked.IsZero():
		if err := s.checkApartment(ctx, tx, i.Building, asked, "input.apartment"); err != nil {
			return err
		}
		m.Claimed = asked
	}
	store := tx.ChangeMembership
	if isNew {
		store = tx.CreateMembership
	}
	if err := store(ctx, *m); err != nil {
		return err
	}
	if !given.IsZero() {
		if err := tx.SetResidencies(ctx, m.ID, []omarty.ID{given}); err != nil {
			return err
		}
	}
	if m.Active() {
		if err := s.enterRooms(ctx, tx, *m, by.User); err != nil {
			return err
		}
	}
	return s.record(ctx, tx, by, omarty.ActionJoinBuilding, m.Building, m.ID)
}

// checkApartment is NOT_FOUND, which names the field, for an apartment that a
// building does not have; the zero id names none.
func (s *Service) checkApartment(ctx context.Context, tx Tx, building, apartment omarty.ID, field string) error {
	if apartment.IsZero() {
		return nil
	}
	found, err := tx.ApartmentsIn(ctx, building, []omarty.ID{apartment})
	if err == nil && len(found) == 0 {
		return notThere().At(field)
	}
	return err
}
