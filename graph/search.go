package graph

import (
	"context"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

func (q queries) SearchMessages(ctx context.Context, query string, building, room, author *omarty.ID, first int, after *string) (*generated.MessageConnection, error) {
	by := asker(ctx)
	if err := by.SignedIn(); err != nil {
		return nil, err
	}
	return foundPage(ctx, first, after, func(ctx context.Context, p omarty.Page) (omarty.Slice[omarty.Message], error) {
		return q.verbs.SearchMessages(ctx, by, service.Search{Query: query, Building: building, Room: room, Author: author}, p)
	})
}
