package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/internal/omarty"
)

// What the contract promises and this server does not have yet. A root field
// answers NOT_YET_AVAILABLE; a field of what there is reads as empty. This file
// only shrinks, and e2e/testdata/not-yet-available.txt with it.

func notYet(field string) error {
	return omarty.Errorf(omarty.CodeNotYetAvailable, "This server does not have it yet.").At(field)
}

func (users) AvatarURL(context.Context, *omarty.User) (*string, error) { return nil, nil }

// notYetOf gives the input of a message that this server does not know what to do
// with; "" where there is none.
func notYetOf(in generated.SendMessageInput) string {
	for _, of := range []struct {
		field string
		given bool
	}{
		{"input.attachments", len(in.Attachments) > 0},
	} {
		if of.given {
			return of.field
		}
	}
	return ""
}

func (r *resolver) Mention() generated.MentionResolver { return mentions{r} }

type mentions struct{ *resolver }

func (mentions) User(ctx context.Context, of *omarty.Mention) (*omarty.User, error) {
	return byID(ctx, load(ctx).users, of.User)
}

func (messages) Attachments(context.Context, *omarty.Message) ([]generated.Attachment, error) {
	return []generated.Attachment{}, nil
}

func (viewers) FileToken(context.Context, *omarty.Account) (string, error) { return "", nil }

func (mutations) UploadAttachment(context.Context, graphql.Upload) (*generated.UploadAttachmentPayload, error) {
	return nil, notYet("")
}
