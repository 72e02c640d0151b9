package graph

import (
	"context"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/internal/omarty"
)

func (m mutations) MarkRead(ctx context.Context, room omarty.ID, seq int) (*generated.MarkReadPayload, error) {
	marked, _, err := m.verbs.MarkRead(ctx, asker(ctx), room, seq)
	if err != nil {
		return nil, err
	}
	account, err := m.verbs.Account(ctx, asker(ctx))
	if err != nil {
		return nil, err
	}
	return &generated.MarkReadPayload{Room: &marked, Viewer: &account}, nil
}

func (m messages) Readers(ctx context.Context, of *omarty.Message, first int, after *string) (*generated.UserConnection, error) {
	return userPage(ctx, first, after, func(ctx context.Context, p omarty.Page) (omarty.Slice[omarty.User], error) {
		return m.verbs.Readers(ctx, asker(ctx), *of, p)
	})
}

func (v viewers) UnreadCount(ctx context.Context, of *omarty.Account) (int, error) {
	return v.verbs.Unread(ctx, owner(of))
}

func (rooms) ViewerReadSeq(ctx context.Context, of *omarty.Room) (int, error) {
	reading, err := readingOf(ctx, of)
	return reading.Seq, err
}

func (rooms) ViewerUnreadCount(ctx context.Context, of *omarty.Room) (int, error) {
	reading, err := readingOf(ctx, of)
	return reading.Unread, err
}

func (rooms) ViewerMentionCount(ctx context.Context, of *omarty.Room) (int, error) {
	reading, err := readingOf(ctx, of)
	return reading.Mentions, err
}

// readingOf gives what the asker has read of a room; nothing where they are not in
// it, as when they listened to it and have just left.
func readingOf(ctx context.Context, room *omarty.Room) (omarty.Reading, error) {
	reading, err := byID(ctx, load(ctx).readings, room.ID)
	if reading == nil {
		return omarty.Reading{}, err
	}
	return *reading, err
}

func (rooms) ViewerFirstUnread(ctx context.Context, of *omarty.Room) (*omarty.Message, error) {
	return byID(ctx, load(ctx).firstUnread, of.ID)
}

func (participants) ReadSeq(ctx context.Context, of *omarty.Participant) (*int, error) {
	return byID(ctx, load(ctx).readSeqs, of.ID)
}
