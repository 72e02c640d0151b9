package service

import (
	"context"
	"slices"

	"github.com/omarty/chat/internal/omarty"
)

// AddReaction says something about a message with an emoji. Saying it twice changes
// nothing. REQUIRED or INVALID_INPUT for what is no emoji; NOT_FOUND for who may not read the
// message; FORBIDDEN in a room that takes nothing new; CONFLICT where the message was
// deleted; TOO_LARGE where it has as many different ones as it may have.
func (s *Service) AddReaction(ctx context.Context, by Asker, id omarty.ID, emoji string) (omarty.Message, error) {
	return s.react(ctx, by, id, emoji, func(ctx context.Context, tx Tx, st omarty.MessageStanding, e omarty.Emoji) error {
		if st.Message.DeletedAt != nil {
			return deleted("message")
		}
		there, own, err := tx.ReactionsTo(ctx, id, by.User)
		switch {
		case err != nil || slices.Contains(own, e):
			return err
		case !slices.Contains(there, e) && len(there) >= omarty.MaxReactions:
			return omarty.Errorf(omarty.CodeTooLarge, "A message has %d different reactions at most.", omarty.MaxReactions).At("emoji")
		}
		if err := tx.AddReaction(ctx, id, by.User, e); err != nil {
			return err
		}
		added := s.about(by, st, omarty.EventReactionAdded)
		added.Emoji = e
		tx.Append(added)
		return nil
	})
}

// RemoveReaction takes back what AddReaction said; what was not said changes nothing.
// Errors as there, but for those of what the message has.
func (s *Service) RemoveReaction(ctx context.Context, by Asker, id omarty.ID, emoji string) (omarty.Message, error) {
	return s.react(ctx, by, id, emoji, func(ctx context.Context, tx Tx, st omarty.MessageStanding, e omarty.Emoji) error {
		removed, err := tx.RemoveReaction(ctx, id, by.User, e)
		if err == nil && removed {
			entry := s.about(by, st, omarty.EventReactionRemoved)
			entry.Emoji = e
			tx.Append(entry)
		}
		return err
	})
}

func (s *Service) react(ctx context.Context, by Asker, id omarty.ID, emoji string, change func(context.Context, Tx, omarty.MessageStanding, omarty.Emoji) error) (omarty.Message, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.Message{}, err
	}
	e, err := omarty.ParseEmoji(emoji)
	if err != nil {
		return omarty.Message{}, omarty.At(err, "emoji")
	}
	return s.changeMessage(ctx, by, id, "message", func(ctx context.Context, tx Tx, st omarty.MessageStanding) error {
		if !takesNew(st.RoomStanding, s.now()) {
			return forbidden("message")
		}
		return change(ctx, tx, st, e)
	})
}

// Reactions gives the reactions to messages that the asker sees, in the order in which
// each was used first.
func (s *Service) Reactions(ctx context.Context, messages []omarty.ID) (map[omarty.ID][]omarty.Reaction, error) {
	return s.Store.Reactions(ctx, messages)
}

// OwnReactions gives the asker's reactions to messages that they see.
func (s *Service) OwnReactions(ctx context.Context, by Asker, messages []omarty.ID) (map[omarty.ID][]omarty.Emoji, error) {
	return s.Store.OwnReactions(ctx, messages, by.User)
}

// Reactors gives a page of the people who reacted so to a message that the asker sees,
// in the order in which they did.
func (s *Service) Reactors(ctx context.Context, to omarty.Reaction, page omarty.Page) (omarty.Slice[omarty.User], error) {
	return s.Store.Reactors(ctx, to.Message, to.Emoji, page)
}
