package graph

import (
	"context"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/internal/omarty"
)

func (m mutations) JoinBuilding(ctx context.Context, in generated.JoinBuildingInput) (*generated.JoinBuildingPayload, error) {
	membership, err := m.verbs.JoinBuilding(ctx, asker(ctx), in.Code, orZero(in.Apartment))
	if err != nil {
		return nil, err
	}
	account, err := m.verbs.Account(ctx, asker(ctx))
	if err != nil {
		return nil, err
	}
	return &generated.JoinBuildingPayload{Membership: &membership, Viewer: &account}, nil
}

func (m mutations) ApproveMembership(ctx context.Context, id omarty.ID, apartments []omarty.ID) (*generated.ApproveMembershipPayload, error) {
	membership, err := m.verbs.ApproveMembership(ctx, asker(ctx), id, apartments)
	if err != nil {
		return nil, err
	}
	return &generated.ApproveMembershipPayload{Membership: &membership}, nil
}

func (m mutations) SetMemberApartments(ctx context.Context, id omarty.ID, apartments []omarty.ID) (*generated.SetMemberApartmentsPayload, error) {
	membership, err := m.verbs.SetMemberApartments(ctx, asker(ctx), id, apartments)
	if err != nil {
		return nil, err
	}
	return &generated.SetMemberApartmentsPayload{Membership: &membership}, nil
}

func (m mutations) SetMemberRole(ctx context.Context, id omarty.ID, role omarty.MembershipRole) (*generated.SetMemberRolePayload, error) {
	membership, err := m.verbs.SetMemberRole(ctx, asker(ctx), id, role)
	if err != nil {
		return nil, err
	}
	return &generated.SetMemberRolePayload{Membership: &membership}, nil
}

func (m mutations) EndMembership(ctx context.Context, id omarty.ID) (*generated.EndMembershipPayload, error) {
	membership, err := m.verbs.EndMembership(ctx, asker(ctx), id)
	if err != nil {
		return nil, err
	}
	return &generated.EndMembershipPayload{Membership: &membership}, nil
}

func (m mutations) BanMember(ctx context.Context, id omarty.ID) (*generated.BanMemberPayload, error) {
	membership, err := m.verbs.BanMember(ctx, asker(ctx), id)
	if err != nil {
		return nil, err
	}
	return &generated.BanMemberPayload{Membership: &membership}, nil
}

func (m mutations) UnbanMember(ctx context.Context, id omarty.ID) (*generated.UnbanMemberPayload, error) {
	membership, err := m.verbs.UnbanMember(ctx, asker(ctx), id)
	if err != nil {
		return nil, err
	}
	return &generated.UnbanMemberPayload{Membership: &membership}, nil
}

func (r *resolver) Membership() generated.MembershipResolver { return memberships{r} }

type memberships struct{ *resolver }

func (memberships) Building(ctx context.Context, of *omarty.Membership) (*omarty.Building, error) {
	return byID(ctx, load(ctx).buildings, of.Building)
}

func (memberships) User(ctx context.Context, of *omarty.Membership) (*omarty.User, error) {
	return byID(ctx, load(ctx).users, of.User)
}

func (memberships) Apartments(ctx context.Context, of *omarty.Membership) ([]omarty.Apartment, error) {
	found, err := byID(ctx, load(ctx).apartmentsOf, of.ID)
	if err != nil || found == nil {
		return []omarty.Apartment{}, err
	}
	return *found, nil
}

func (memberships) ClaimedApartment(ctx context.Context, of *omarty.Membership) (*omarty.Apartment, error) {
	return byID(ctx, load(ctx).apartments, of.Claimed)
}
