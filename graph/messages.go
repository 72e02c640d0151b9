package graph

import (
	"context"
	"slices"
	"time"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

func (q queries) Message(ctx context.Context, id omarty.ID) (*omarty.Message, error) {
	return orNull(q.verbs.Message(ctx, asker(ctx), id))
}

func (m mutations) SendMessage(ctx context.Context, in generated.SendMessageInput) (*generated.SendMessagePayload, error) {
	by := asker(ctx)
	if err := by.SignedIn(); err != nil {
		return nil, err
	}
	message, replayed, err := m.verbs.SendMessage(ctx, by, service.NewMessage{
		Room: in.Room, Key: in.Key, Text: in.Text, Apartment: orZero(in.Apartment),
		ReplyTo: orZero(in.ReplyTo), Mentions: mentioned(in.Mentions), Poll: newPoll(in.Poll), Notice: in.Notice,
		Attachments: in.Attachments,
	})
	if err != nil {
		return nil, err
	}
	return &generated.SendMessagePayload{Message: &message, Replayed: replayed}, nil
}

func (r *resolver) Message() generated.MessageResolver { return messages{r} }

type messages struct{ *resolver }

func (messages) Room(ctx context.Context, of *omarty.Message) (*omarty.Room, error) {
	return byID(ctx, load(ctx).rooms, of.Room)
}

func (messages) Author(ctx context.Context, of *omarty.Message) (*omarty.User, error) {
	return byID(ctx, load(ctx).users, of.Author)
}

func (messages) Apartment(ctx context.Context, of *omarty.Message) (*omarty.Apartment, error) {
	return byID(ctx, load(ctx).apartments, of.Apartment)
}

func (messages) ReplyTo(ctx context.Context, of *omarty.Message) (*omarty.Message, error) {
	return byID(ctx, load(ctx).messages, of.ReplyTo)
}

func (messages) DeletedBy(ctx context.Context, of *omarty.Message) (*omarty.User, error) {
	return byID(ctx, load(ctx).users, of.DeletedBy)
}

func (messages) Mentions(ctx context.Context, of *omarty.Message) ([]omarty.Mention, error) {
	return listOf(ctx, load(ctx).mentions, of.ID)
}

func (messages) Reactions(ctx context.Context, of *omarty.Message) ([]omarty.Reaction, error) {
	return listOf(ctx, load(ctx).reactions, of.ID)
}

func (m messages) Replies(ctx context.Context, of *omarty.Message, first *int, after *string, last *int, before *string) (*generated.MessageConnection, error) {
	window, err := windowOf(first, after, last, before)
	if err != nil {
		return nil, err
	}
	page, err := m.verbs.Replies(ctx, asker(ctx), of.ID, window)
	return messagePage(ctx, page, err)
}

func (m messages) Revisions(ctx context.Context, of *omarty.Message, first int, after *string) (*generated.MessageRevisionConnection, error) {
	return revisionPage(ctx, first, after, func(ctx context.Context, p omarty.Page) (omarty.Slice[omarty.Revision], error) {
		return m.verbs.Revisions(ctx, of.ID, p)
	})
}

func (r *resolver) Mention() generated.MentionResolver { return mentions{r} }

type mentions struct{ *resolver }

func (mentions) User(ctx context.Context, of *omarty.Mention) (*omarty.User, error) {
	return byID(ctx, load(ctx).users, of.User)
}

func (messages) Attachments(ctx context.Context, of *omarty.Message) ([]omarty.File, error) {
	return listOf(ctx, load(ctx).attachments, filesOf(*of))
}

// filesOf is a message's id where it has files; most have none, and nothing is read.
func filesOf(m omarty.Message) omarty.ID {
	if m.Attachments == 0 {
		return omarty.ID{}
	}
	return m.ID
}

func (r *resolver) Reaction() generated.ReactionResolver { return reactions{r} }

type reactions struct{ *resolver }

func (reactions) Emoji(_ context.Context, of *omarty.Reaction) (string, error) {
	return of.Emoji.String(), nil
}

func (r reactions) Users(ctx context.Context, of *omarty.Reaction, first int, after *string) (*generated.UserConnection, error) {
	return userPage(ctx, first, after, func(ctx context.Context, p omarty.Page) (omarty.Slice[omarty.User], error) {
		return r.verbs.Reactors(ctx, *of, p)
	})
}

func (reactions) ViewerHasReacted(ctx context.Context, of *omarty.Reaction) (bool, error) {
	own, err := listOf(ctx, load(ctx).ownReactions, of.Message)
	return slices.Contains(own, of.Emoji), err
}

func (rooms) PinnedMessages(ctx context.Context, of *omarty.Room) ([]omarty.Message, error) {
	return listOf(ctx, load(ctx).pinned, of.ID)
}

func (rooms) LastMessage(ctx context.Context, of *omarty.Room) (*omarty.Message, error) {
	return byID(ctx, load(ctx).newest, of.LastMessage)
}

func (r rooms) Messages(ctx context.Context, of *omarty.Room, first *int, after *string, last *int, before *string) (*generated.MessageConnection, error) {
	window, err := windowOf(first, after, last, before)
	if err != nil {
		return nil, err
	}
	page, err := r.verbs.Messages(ctx, asker(ctx), of.ID, window)
	return messagePage(ctx, page, err)
}

func (r rooms) MessagesAround(ctx context.Context, of *omarty.Room, seq *int, at *time.Time, count int) (*generated.MessageConnection, error) {
	page, err := r.verbs.MessagesAround(ctx, asker(ctx), of.ID, seq, at, count)
	return messagePage(ctx, page, err)
}

// defaultWindow is how many messages a page has where nobody says.
const defaultWindow = 50

// windowOf reads the arguments of a page of messages, which goes either way.
func windowOf(first *int, after *string, last *int, before *string) (omarty.MessageWindow, error) {
	w := omarty.MessageWindow{Count: defaultWindow, Back: first == nil && (last != nil || after == nil || before != nil)}
	var err error
	if w.After, err = positionOf(after, "after"); err != nil {
		return w, err
	}
	if w.Before, err = positionOf(before, "before"); err != nil {
		return w, err
	}
	count, name := first, "first"
	if last != nil {
		count, name = last, "last"
	}
	switch {
	case first != nil && last != nil:
		return w, omarty.Errorf(omarty.CodeInvalidInput, "A page has the first messages or the last ones.").At("last")
	case count != nil:
		w.Count = *count
	}
	return w, omarty.At(omarty.CheckPageSize(w.Count, omarty.MaxPage), name)
}

// positionOf reads a cursor of a list that is sorted by positions in a log.
func positionOf(cursor *string, argument string) (*int, error) {
	if cursor == nil {
		return nil, nil
	}
	c, err := omarty.ParseCursor(*cursor)
	if err != nil {
		return nil, omarty.At(err, argument)
	}
	seq := int(c.Number)
	return &seq, nil
}

func messagePage(ctx context.Context, p service.MessagePage, err error) (*generated.MessageConnection, error) {
	if err != nil {
		return nil, err
	}
	load(ctx).foreseeMessages(p.Messages)
	cursorOf := func(i int) omarty.Cursor { return omarty.Cursor{Number: int64(p.Messages[i].Seq)} }
	return connection[generated.MessageConnection](p.Messages, cursorOf, p.Earlier, p.Later), nil
}
