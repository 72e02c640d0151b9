package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

func (q queries) Viewer(ctx context.Context) (*omarty.Account, error) {
	by := asker(ctx)
	if by.SignedIn() != nil {
		return nil, nil
	}
	return orNull(q.verbs.Account(ctx, by))
}

func (q queries) Node(ctx context.Context, id omarty.ID) (omarty.Node, error) {
	node, err := orNull(q.verbs.Node(ctx, asker(ctx), id))
	if node == nil {
		return nil, err
	}
	return *node, nil
}

func (m mutations) Register(ctx context.Context, in generated.RegisterInput) (*generated.RegisterPayload, error) {
	user, err := m.verbs.Register(ctx, asker(ctx), service.Registration(in))
	if err != nil {
		return nil, err
	}
	return &generated.RegisterPayload{User: &user}, nil
}

func (m mutations) ChangePassword(ctx context.Context, in generated.ChangePasswordInput) (*generated.ChangePasswordPayload, error) {
	account, err := m.verbs.ChangePassword(ctx, asker(ctx), in.CurrentPassword, in.NewPassword)
	if err != nil {
		return nil, err
	}
	return &generated.ChangePasswordPayload{Viewer: &account}, nil
}

func (m mutations) UpdateProfile(ctx context.Context, in generated.UpdateProfileInput) (*generated.UpdateProfilePayload, error) {
	if err := asker(ctx).SignedIn(); err != nil {
		return nil, err
	}
	var change omarty.ProfileChange
	if avatar, given := in.Avatar.ValueOK(); given {
		id := orZero(avatar)
		change.Avatar = &id
	}
	for _, err := range []error{
		given(&change.Name, in.Name, "input.name"),
		given(&change.Locale, in.Locale, "input.locale"),
		given(&change.ShareReadMarks, in.ShareReadMarks, "input.shareReadMarks"),
		given(&change.SharePresence, in.SharePresence, "input.sharePresence"),
	} {
		if err != nil {
			return nil, err
		}
	}
	account, err := m.verbs.ChangeProfile(ctx, asker(ctx), change)
	if err != nil {
		return nil, err
	}
	return &generated.UpdateProfilePayload{Viewer: &account}, nil
}

// given takes over what an update gives for a value that cannot be empty: left
// out it stays as it is, and null is INVALID_INPUT.
func given[T any](target **T, in graphql.Omittable[*T], field string) error {
	value, set := in.ValueOK()
	if set && value == nil {
		return omarty.Errorf(omarty.CodeInvalidInput, "It cannot be empty.").At(field)
	}
	*target = value
	return nil
}

// cleared gives what an update gives for a text that may be empty: nil where it was left
// out, and null is the empty one.
func cleared(in graphql.Omittable[*string]) *string {
	text, set := in.ValueOK()
	if set && text == nil {
		return new(string)
	}
	return text
}

func (v viewers) Sessions(ctx context.Context, of *omarty.Account) ([]omarty.Session, error) {
	return v.verbs.Sessions(ctx, owner(of))
}

// owner is who reads an account: who asked for it, or who just logged in with it.
func owner(of *omarty.Account) service.Asker {
	return service.Asker{User: of.User.ID, Session: of.Session}
}

func (v viewers) Memberships(ctx context.Context, of *omarty.Account) ([]omarty.Membership, error) {
	memberships, err := v.verbs.Memberships(ctx, owner(of))
	load(ctx).foreseeMemberships(memberships)
	return memberships, err
}
