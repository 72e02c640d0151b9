package graph

import (
	"context"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

func (m mutations) EditMessage(ctx context.Context, in generated.EditMessageInput) (*generated.EditMessagePayload, error) {
	edited, err := m.verbs.EditMessage(ctx, asker(ctx), service.Edit{
		Message: in.Message, Text: in.Text, Mentions: mentioned(in.Mentions), TextSeq: in.TextSeq,
	})
	if err != nil {
		return nil, err
	}
	return &generated.EditMessagePayload{Message: &edited}, nil
}

func (m mutations) DeleteMessage(ctx context.Context, id omarty.ID) (*generated.DeleteMessagePayload, error) {
	deleted, err := m.verbs.DeleteMessage(ctx, asker(ctx), id)
	if err != nil {
		return nil, err
	}
	return &generated.DeleteMessagePayload{Message: &deleted}, nil
}

func (m mutations) AddReaction(ctx context.Context, message omarty.ID, emoji string) (*generated.AddReactionPayload, error) {
	changed, err := m.verbs.AddReaction(ctx, asker(ctx), message, emoji)
	if err != nil {
		return nil, err
	}
	return &generated.AddReactionPayload{Message: &changed}, nil
}

func (m mutations) RemoveReaction(ctx context.Context, message omarty.ID, emoji string) (*generated.RemoveReactionPayload, error) {
	changed, err := m.verbs.RemoveReaction(ctx, asker(ctx), message, emoji)
	if err != nil {
		return nil, err
	}
	return &generated.RemoveReactionPayload{Message: &changed}, nil
}

func (m mutations) PinMessage(ctx context.Context, id omarty.ID) (*generated.PinMessagePayload, error) {
	pinned, err := m.verbs.PinMessage(ctx, asker(ctx), id)
	if err != nil {
		return nil, err
	}
	return &generated.PinMessagePayload{Message: &pinned}, nil
}

func (m mutations) UnpinMessage(ctx context.Context, id omarty.ID) (*generated.UnpinMessagePayload, error) {
	unpinned, err := m.verbs.UnpinMessage(ctx, asker(ctx), id)
	if err != nil {
		return nil, err
	}
	return &generated.UnpinMessagePayload{Message: &unpinned}, nil
}

// mentioned reads the mentions of an input.
func mentioned(in []generated.MentionInput) []omarty.Mention {
	mentions := make([]omarty.Mention, len(in))
	for i, m := range in {
		mentions[i] = omarty.Mention{User: m.User, Start: m.Start, Length: m.Length}
	}
	return mentions
}
