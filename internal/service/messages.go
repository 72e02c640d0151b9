package service

import (
	"context"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// Message gives a message of a room that the asker is in: NOT_FOUND to all others.
func (s *Service) Message(ctx context.Context, by Asker, id omarty.ID) (omarty.Message, error) {
	if by.User.IsZero() || id.Kind != omarty.KindMessage {
		return omarty.Message{}, notThere()
	}
	return s.Store.MessageFor(ctx, id, by.User)
}

// MessagesByID gives the messages that are named by what the asker sees already.
func (s *Service) MessagesByID(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Message, error) {
	return s.Store.Messages(ctx, ids, omarty.Reader{Anyone: true})
}

// MessagePage is a page of a room's messages, the oldest first.
type MessagePage struct {
	Messages []omarty.Message
	// Earlier and Later tell whether there are messages before and after these.
	Earlier, Later bool
}

// MessagesFor gives those of the messages whose rooms the asker is in.
func (s *Service) MessagesFor(ctx context.Context, by Asker, ids []omarty.ID) (map[omarty.ID]omarty.Message, error) {
	return s.Store.Messages(ctx, ids, omarty.Reader{User: by.User})
}

// Messages gives a page of the messages of a room to who is in it; to others none.
func (s *Service) Messages(ctx context.Context, by Asker, room omarty.ID, w omarty.MessageWindow) (MessagePage, error) {
	found, err := s.Store.MessagesIn(ctx, room, omarty.Reader{User: by.User}, w)
	return pageOf(found, w), err
}

// Replies gives a page of the answers to a message to who is in its room; to others none.
func (s *Service) Replies(ctx context.Context, by Asker, to omarty.ID, w omarty.MessageWindow) (MessagePage, error) {
	found, err := s.Store.Replies(ctx, to, omarty.Reader{User: by.User}, w)
	return pageOf(found, w), err
}

// Revisions gives a page of the earlier texts of a message that the asker sees, the
// oldest first.
func (s *Service) Revisions(ctx context.Context, of omarty.ID, page omarty.Page) (omarty.Slice[omarty.Revision], error) {
	return s.Store.Revisions(ctx, of, page)
}

// Mentions gives who is mentioned in messages that the asker sees, in the order of their
// places.
func (s *Service) Mentions(ctx context.Context, messages []omarty.ID) (map[omarty.ID][]omarty.Mention, error) {
	return s.Store.Mentions(ctx, messages)
}

// pageOf makes what was found in a window a page.
func pageOf(found omarty.Slice[omarty.Message], w omarty.MessageWindow) MessagePage {
	page := MessagePage{Messages: found.Items, Earlier: w.After != nil, Later: w.Before != nil}
	if w.Back {
		page.Earlier = page.Earlier || found.More
	} else {
		page.Later = page.Later || found.More
	}
	return page
}

// MessagesAround gives count messages of a room to who is in it, to others none: about
// half of them up to a position, or posted up to a moment, and the rest after it;
// more of one side where the other has fewer. Exactly one of seq and at is given:
// else INVALID_INPUT, as for a negative position.
func (s *Service) MessagesAround(ctx context.Context, by Asker, room omarty.ID, seq *int, at *time.Time, count int) (MessagePage, error) {
	if err := omarty.CheckPageSize(count, omarty.MaxPage); err != nil {
		return MessagePage{}, omarty.At(err, "count")
	}
	if (seq == nil) == (at == nil) {
		return MessagePage{}, omarty.Errorf(omarty.CodeInvalidInput, "Exactly one of seq and at is given.").At("seq")
	}
	if err := checkPosition(seq); err != nil {
		return MessagePage{}, omarty.At(err, "seq")
	}
	if at != nil {
		found, err := s.Store.SeqAt(ctx, room, *at)
		if err != nil {
			return MessagePage{}, err
		}
		seq = &found
	}
	behind := *seq + 1
	reader := omarty.Reader{User: by.User}
	upTo, err := s.Store.MessagesIn(ctx, room, reader, omarty.MessageWindow{Before: &behind, Count: count, Back: true})
	if err != nil {
		return MessagePage{}, err
	}
	after, err := s.Store.MessagesIn(ctx, room, reader, omarty.MessageWindow{After: seq, Count: count})
	if err != nil {
		return MessagePage{}, err
	}
	m, n := share(len(upTo.Items), len(after.Items), count)
	return MessagePage{
		Messages: append(upTo.Items[len(upTo.Items)-m:], after.Items[:n]...),
		Earlier:  upTo.More || m < len(upTo.Items),
		Later:    after.More || n < len(after.Items),
	}, nil
}

// share gives how many of two sides make up count: half of each, as far as there
// are that many.
func share(before, after, count int) (m, n int) {
	m = min(before, max((count+1)/2, count-after))
	return m, min(after, count-m)
}
