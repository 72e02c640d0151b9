package graph

import (
	"context"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/internal/service"
)

func (m mutations) EraseAccount(ctx context.Context, password string) (*generated.EraseAccountPayload, error) {
	id, err := m.verbs.EraseAccount(ctx, asker(ctx), password)
	if err != nil {
		return nil, err
	}
	service.SignOut(ctx)
	return &generated.EraseAccountPayload{UserID: id}, nil
}
