package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/internal/omarty"
)

func (m mutations) UploadAttachment(ctx context.Context, file graphql.Upload) (*generated.UploadAttachmentPayload, error) {
	kept, err := m.verbs.Upload(ctx, asker(ctx), file.Filename, file.File)
	if err != nil {
		return nil, err
	}
	return &generated.UploadAttachmentPayload{Attachment: &kept}, nil
}

func (v viewers) FileToken(_ context.Context, of *omarty.Account) (string, error) {
	return v.verbs.FileToken(owner(of)), nil
}
