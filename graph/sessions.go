package graph

import (
	"context"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

func (m mutations) LogIn(ctx context.Context, in generated.LogInInput) (*generated.LogInPayload, error) {
	signedIn, err := m.verbs.LogIn(ctx, asker(ctx), service.LogIn(in))
	if err != nil {
		return nil, err
	}
	service.SignIn(ctx, signedIn)
	return &generated.LogInPayload{
		Token:   string(signedIn.Token),
		Session: &signedIn.Session,
		Viewer:  &signedIn.Account,
	}, nil
}

func (m mutations) LogOut(ctx context.Context) (*generated.LogOutPayload, error) {
	id, err := m.verbs.LogOut(ctx, asker(ctx))
	if err != nil {
		return nil, err
	}
	service.SignOut(ctx)
	return &generated.LogOutPayload{SessionID: id}, nil
}

func (m mutations) RevokeSession(ctx context.Context, id omarty.ID) (*generated.RevokeSessionPayload, error) {
	by := asker(ctx)
	if err := m.verbs.RevokeSession(ctx, by, id); err != nil {
		return nil, err
	}
	if id == by.Session {
		service.SignOut(ctx)
	}
	account, err := m.verbs.Account(ctx, by)
	if err != nil {
		return nil, err
	}
	return &generated.RevokeSessionPayload{SessionID: id, Viewer: &account}, nil
}

func (m mutations) RevokeOtherSessions(ctx context.Context) (*generated.RevokeOtherSessionsPayload, error) {
	ended, err := m.verbs.RevokeOtherSessions(ctx, asker(ctx))
	if err != nil {
		return nil, err
	}
	account, err := m.verbs.Account(ctx, asker(ctx))
	if err != nil {
		return nil, err
	}
	return &generated.RevokeOtherSessionsPayload{RevokedCount: ended, Viewer: &account}, nil
}
