package graph

import (
	"context"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

func (m mutations) RequestVerification(ctx context.Context, c omarty.Contact) (*generated.RequestVerificationPayload, error) {
	expiresAt, err := m.verbs.RequestVerification(ctx, asker(ctx), c)
	if err != nil {
		return nil, err
	}
	return &generated.RequestVerificationPayload{ExpiresAt: expiresAt}, nil
}

func (m mutations) Verify(ctx context.Context, c omarty.Contact, code string) (*generated.VerifyPayload, error) {
	account, err := m.verbs.Verify(ctx, asker(ctx), c, code)
	if err != nil {
		return nil, err
	}
	return &generated.VerifyPayload{Viewer: &account}, nil
}

func (m mutations) ChangeContact(ctx context.Context, in generated.ChangeContactInput) (*generated.ChangeContactPayload, error) {
	account, err := m.verbs.ChangeContact(ctx, asker(ctx), service.ContactChange(in))
	if err != nil {
		return nil, err
	}
	return &generated.ChangeContactPayload{Viewer: &account}, nil
}

func (m mutations) RequestPasswordReset(ctx context.Context, login string) (*generated.RequestPasswordResetPayload, error) {
	expiresAt, err := m.verbs.RequestPasswordReset(ctx, asker(ctx), login)
	if err != nil {
		return nil, err
	}
	return &generated.RequestPasswordResetPayload{ExpiresAt: expiresAt}, nil
}

func (m mutations) ResetPassword(ctx context.Context, in generated.ResetPasswordInput) (*generated.ResetPasswordPayload, error) {
	of, err := m.verbs.ResetPassword(ctx, asker(ctx), in.Login, in.Code, in.NewPassword)
	if err != nil {
		return nil, err
	}
	if of == asker(ctx).User {
		service.SignOut(ctx)
	}
	return &generated.ResetPasswordPayload{Done: true}, nil
}
