package graph

import (
	"context"
	"time"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

func (m mutations) MuteMember(ctx context.Context, id omarty.ID, until time.Time) (*generated.MuteMemberPayload, error) {
	membership, err := m.verbs.MuteMember(ctx, asker(ctx), id, until)
	if err != nil {
		return nil, err
	}
	return &generated.MuteMemberPayload{Membership: &membership}, nil
}

func (m mutations) UnmuteMember(ctx context.Context, id omarty.ID) (*generated.UnmuteMemberPayload, error) {
	membership, err := m.verbs.UnmuteMember(ctx, asker(ctx), id)
	if err != nil {
		return nil, err
	}
	return &generated.UnmuteMemberPayload{Membership: &membership}, nil
}

// ViewerMutedUntil looks in any case whether the asker manages the building: how long it
// takes tells others nothing.
func (memberships) ViewerMutedUntil(ctx context.Context, of *omarty.Membership) (*time.Time, error) {
	manages, err := byID(ctx, load(ctx).manages, of.Building)
	if err != nil || of.User != asker(ctx).User && (manages == nil || !*manages) || !of.Muted(time.Now()) {
		return nil, err
	}
	return of.MutedUntil, nil
}

func (m mutations) SetSlowMode(ctx context.Context, id omarty.ID, seconds int) (*generated.SetSlowModePayload, error) {
	room, err := m.verbs.SetSlowMode(ctx, asker(ctx), id, seconds)
	if err != nil {
		return nil, err
	}
	return &generated.SetSlowModePayload{Room: &room}, nil
}

func (m mutations) BlockUser(ctx context.Context, id omarty.ID) (*generated.BlockUserPayload, error) {
	user, err := m.verbs.BlockUser(ctx, asker(ctx), id)
	if err != nil {
		return nil, err
	}
	account, err := m.verbs.Account(ctx, asker(ctx))
	if err != nil {
		return nil, err
	}
	return &generated.BlockUserPayload{User: &user, Viewer: &account}, nil
}

func (m mutations) UnblockUser(ctx context.Context, id omarty.ID) (*generated.UnblockUserPayload, error) {
	if err := m.verbs.UnblockUser(ctx, asker(ctx), id); err != nil {
		return nil, err
	}
	account, err := m.verbs.Account(ctx, asker(ctx))
	if err != nil {
		return nil, err
	}
	return &generated.UnblockUserPayload{UserID: id, Viewer: &account}, nil
}

func (v viewers) BlockedUsers(ctx context.Context, of *omarty.Account, first int, after *string) (*generated.UserConnection, error) {
	return userPage(ctx, first, after, func(ctx context.Context, p omarty.Page) (omarty.Slice[omarty.User], error) {
		return v.verbs.BlockedUsers(ctx, owner(of), p)
	})
}

func (m mutations) ReportMessage(ctx context.Context, in generated.ReportMessageInput) (*generated.ReportMessagePayload, error) {
	err := m.verbs.ReportMessage(ctx, asker(ctx), service.NewReport{Message: in.Message, Reason: in.Reason, Building: orZero(in.Building)})
	if err != nil {
		return nil, err
	}
	return &generated.ReportMessagePayload{MessageID: in.Message}, nil
}

func (m mutations) ResolveReport(ctx context.Context, id omarty.ID) (*generated.ResolveReportPayload, error) {
	report, err := m.verbs.ResolveReport(ctx, asker(ctx), id)
	if err != nil {
		return nil, err
	}
	return &generated.ResolveReportPayload{Report: &report}, nil
}

func (m managed) Reports(ctx context.Context, of *generated.ManagedBuilding, first int, after *string) (*generated.ReportConnection, error) {
	return reportPage(ctx, first, after, func(ctx context.Context, p omarty.Page) (omarty.Slice[omarty.Report], error) {
		return m.verbs.Reports(ctx, asker(ctx), of.Building.ID, p)
	})
}

func (r *resolver) Report() generated.ReportResolver { return reports{r} }

type reports struct{ *resolver }

func (reports) Author(ctx context.Context, of *omarty.Report) (*omarty.User, error) {
	return byID(ctx, load(ctx).users, of.Author)
}

// Message is for who is in its room.
func (reports) Message(ctx context.Context, of *omarty.Report) (*omarty.Message, error) {
	return byID(ctx, load(ctx).newest, of.Message)
}

// Reporter is for all who read the report but whom it is about.
func (reports) Reporter(ctx context.Context, of *omarty.Report) (*omarty.User, error) {
	if of.Author == asker(ctx).User {
		return nil, nil
	}
	return byID(ctx, load(ctx).users, of.Reporter)
}

func (reports) ResolvedBy(ctx context.Context, of *omarty.Report) (*omarty.User, error) {
	return byID(ctx, load(ctx).users, of.ResolvedBy)
}
