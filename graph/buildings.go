package graph

import (
	"context"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

func (q queries) Building(ctx context.Context, id omarty.ID) (*omarty.Building, error) {
	return orNull(q.verbs.Building(ctx, asker(ctx), id))
}

func (q queries) Invitation(ctx context.Context, code string) (*generated.InvitationPreview, error) {
	p, err := orNull(q.verbs.PreviewInvitation(ctx, asker(ctx), code))
	if p == nil {
		return nil, err
	}
	preview := &generated.InvitationPreview{
		BuildingName: p.Building.Name, BuildingAddress: p.Building.Address,
		Apartments:  make([]generated.ApartmentPreview, len(p.Apartments)),
		Preapproved: p.Invitation.Preapproved, ExpiresAt: p.Invitation.ExpiresAt,
	}
	for i, a := range p.Apartments {
		preview.Apartments[i] = generated.ApartmentPreview{ID: a.ID, Number: a.Number, Floor: a.Floor}
	}
	if p.Apartment != nil {
		preview.Apartment = &generated.ApartmentPreview{ID: p.Apartment.ID, Number: p.Apartment.Number, Floor: p.Apartment.Floor}
	}
	return preview, nil
}

func (m mutations) CreateBuilding(ctx context.Context, in generated.CreateBuildingInput) (*generated.CreateBuildingPayload, error) {
	building, err := m.verbs.CreateBuilding(ctx, asker(ctx), service.NewBuilding{
		Name: in.Name, Address: in.Address, Apartments: newApartments(in.Apartments),
	})
	if err != nil {
		return nil, err
	}
	account, err := m.verbs.Account(ctx, asker(ctx))
	if err != nil {
		return nil, err
	}
	return &generated.CreateBuildingPayload{Building: &building, Viewer: &account}, nil
}

func newApartments(in []generated.ApartmentInput) []omarty.NewApartment {
	apartments := make([]omarty.NewApartment, len(in))
	for i, a := range in {
		apartments[i] = omarty.NewApartment(a)
	}
	return apartments
}

func (m mutations) UpdateBuilding(ctx context.Context, in generated.UpdateBuildingInput) (*generated.UpdateBuildingPayload, error) {
	if err := asker(ctx).SignedIn(); err != nil {
		return nil, err
	}
	change := service.BuildingChange{Address: cleared(in.Address)}
	if err := given(&change.Name, in.Name, "input.name"); err != nil {
		return nil, err
	}
	building, err := m.verbs.UpdateBuilding(ctx, asker(ctx), in.Building, change)
	if err != nil {
		return nil, err
	}
	return &generated.UpdateBuildingPayload{Building: &building}, nil
}

func (m mutations) AddApartments(ctx context.Context, id omarty.ID, in []generated.ApartmentInput) (*generated.AddApartmentsPayload, error) {
	building, apartments, err := m.verbs.AddApartments(ctx, asker(ctx), id, newApartments(in))
	if err != nil {
		return nil, err
	}
	return &generated.AddApartmentsPayload{Building: &building, Apartments: apartments}, nil
}

func (m mutations) RemoveApartment(ctx context.Context, id omarty.ID) (*generated.RemoveApartmentPayload, error) {
	building, err := m.verbs.RemoveApartment(ctx, asker(ctx), id)
	if err != nil {
		return nil, err
	}
	return &generated.RemoveApartmentPayload{ApartmentID: id, Building: &building}, nil
}

func (m mutations) CreateInvitation(ctx context.Context, in generated.CreateInvitationInput) (*generated.CreateInvitationPayload, error) {
	invitation, err := m.verbs.CreateInvitation(ctx, asker(ctx), service.NewInvitation{
		Building: in.Building, Apartment: orZero(in.Apartment), Preapproved: in.Preapproved,
		MaxUses: in.MaxUses, ExpiresAt: in.ExpiresAt,
	})
	if err != nil {
		return nil, err
	}
	return &generated.CreateInvitationPayload{Invitation: &invitation}, nil
}

// orZero gives an id that may be left out.
func orZero(id *omarty.ID) omarty.ID {
	if id == nil {
		return omarty.ID{}
	}
	return *id
}

func (m mutations) RevokeInvitation(ctx context.Context, id omarty.ID) (*generated.RevokeInvitationPayload, error) {
	if err := m.verbs.RevokeInvitation(ctx, asker(ctx), id); err != nil {
		return nil, err
	}
	return &generated.RevokeInvitationPayload{InvitationID: id}, nil
}

func (r *resolver) Building() generated.BuildingResolver               { return buildings{r} }
func (r *resolver) ManagedBuilding() generated.ManagedBuildingResolver { return managed{r} }
func (r *resolver) Apartment() generated.ApartmentResolver             { return apartments{r} }
func (r *resolver) Invitation() generated.InvitationResolver           { return invitations{r} }
func (r *resolver) AuditEntry() generated.AuditEntryResolver           { return auditEntries{r} }

type (
	buildings    struct{ *resolver }
	managed      struct{ *resolver }
	apartments   struct{ *resolver }
	invitations  struct{ *resolver }
	auditEntries struct{ *resolver }
)

func (b buildings) Apartments(ctx context.Context, of *omarty.Building, first int, after *string) (*generated.ApartmentConnection, error) {
	return apartmentPage(ctx, first, after, func(ctx context.Context, p omarty.Page) (omarty.Slice[omarty.Apartment], error) {
		return b.verbs.ApartmentsIn(ctx, asker(ctx), of.ID, p)
	})
}

func (b buildings) Members(ctx context.Context, of *omarty.Building, first int, after *string) (*generated.MembershipConnection, error) {
	return memberPage(ctx, first, after, func(ctx context.Context, p omarty.Page) (omarty.Slice[omarty.Membership], error) {
		return b.verbs.Members(ctx, asker(ctx), of.ID, p)
	})
}

func (b buildings) ViewerRooms(ctx context.Context, of *omarty.Building, first int, after *string) (*generated.RoomConnection, error) {
	return roomPage(ctx, first, after, func(ctx context.Context, p omarty.Page) (omarty.Slice[omarty.Room], error) {
		return b.verbs.RoomsIn(ctx, asker(ctx), of.ID, p)
	})
}

func (b buildings) ViewerMembership(ctx context.Context, of *omarty.Building) (*omarty.Membership, error) {
	return orNull(b.verbs.MembershipIn(ctx, asker(ctx), of.ID))
}

func (b buildings) ViewerManaged(ctx context.Context, of *omarty.Building) (*generated.ManagedBuilding, error) {
	return orNull(generated.ManagedBuilding{Building: of}, b.verbs.CheckManages(ctx, asker(ctx), of.ID))
}

func (m managed) Members(ctx context.Context, of *generated.ManagedBuilding, status omarty.MembershipStatus, first int, after *string) (*generated.MembershipConnection, error) {
	return memberPage(ctx, first, after, func(ctx context.Context, p omarty.Page) (omarty.Slice[omarty.Membership], error) {
		return m.verbs.ManagedMembers(ctx, asker(ctx), of.Building.ID, status, p)
	})
}

func (m managed) Invitations(ctx context.Context, of *generated.ManagedBuilding, first int, after *string) (*generated.InvitationConnection, error) {
	return invitationPage(ctx, first, after, func(ctx context.Context, p omarty.Page) (omarty.Slice[omarty.Invitation], error) {
		return m.verbs.Invitations(ctx, asker(ctx), of.Building.ID, p)
	})
}

func (m managed) AuditLog(ctx context.Context, of *generated.ManagedBuilding, first int, after *string) (*generated.AuditEntryConnection, error) {
	return auditPage(ctx, first, after, func(ctx context.Context, p omarty.Page) (omarty.Slice[omarty.AuditRecord], error) {
		return m.verbs.AuditLog(ctx, asker(ctx), of.Building.ID, p)
	})
}

func (a apartments) Building(ctx context.Context, of *omarty.Apartment) (*omarty.Building, error) {
	return byID(ctx, load(ctx).buildings, of.Building)
}

func (a apartments) Residents(ctx context.Context, of *omarty.Apartment, first int, after *string) (*generated.UserConnection, error) {
	return userPage(ctx, first, after, func(ctx context.Context, p omarty.Page) (omarty.Slice[omarty.User], error) {
		return a.verbs.Residents(ctx, asker(ctx), *of, p)
	})
}

func (i invitations) Building(ctx context.Context, of *omarty.Invitation) (*omarty.Building, error) {
	return byID(ctx, load(ctx).buildings, of.Building)
}

func (i invitations) Apartment(ctx context.Context, of *omarty.Invitation) (*omarty.Apartment, error) {
	return byID(ctx, load(ctx).apartments, of.Apartment)
}

func (auditEntries) Action(_ context.Context, of *omarty.AuditRecord) (string, error) {
	return string(of.Action), nil
}

func (auditEntries) Actor(ctx context.Context, of *omarty.AuditRecord) (*omarty.User, error) {
	return byID(ctx, load(ctx).users, of.Actor)
}
