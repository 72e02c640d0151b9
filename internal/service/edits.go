package service

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// Edit is what a message shall say instead.
type Edit struct {
	Message omarty.ID
	Text    string
	// Mentions name people in Text, as it was typed.
	Mentions []omarty.Mention
	// TextSeq is that of the text that the person saw; nil where they do not say.
	TextSeq *int
}

// EditMessage gives a message another text, with other mentions, for its author. What it
// has besides stays; where it is a notice and the text is another one, everyone is asked
// again. The same text with the same mentions changes nothing. REQUIRED, INVALID_INPUT or
// TOO_LARGE for what cannot be; NOT_FOUND for who may not read it; FORBIDDEN for who is
// not its author, or may not post in its room; CONFLICT where it was deleted, or its text
// is another one than the person saw.
func (s *Service) EditMessage(ctx context.Context, by Asker, in Edit) (omarty.Message, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.Message{}, err
	}
	given := people(in.Mentions)
	// Whether it may be empty, the message will tell.
	text, mentions, err := omarty.NormalizeOptionalMarked(in.Text, given)
	if err != nil {
		return omarty.Message{}, omarty.Within(err, "input")
	}
	return s.changeMessage(ctx, by, in.Message, "input.message", func(ctx context.Context, tx Tx, st omarty.MessageStanding) error {
		if err := checkEdit(by, st, text, in.TextSeq, s.now()); err != nil {
			return err
		}
		now, err := tx.MentionsIn(ctx, in.Message)
		if err != nil || text == st.Message.Text && slices.Equal(mentions, now) {
			return err
		}
		absent, err := tx.Absent(ctx, st.Room.ID, mentions)
		if err = cmp.Or(err, checkMentioned(given, absent)); err != nil {
			return err
		}
		if err := tx.EditMessage(ctx, st.Message, text, mentions); err != nil {
			return err
		}
		if st.Message.IsNotice {
			if err := tx.AskAgain(ctx, in.Message.As(omarty.KindNotice)); err != nil {
				return err
			}
		}
		tx.Append(s.about(by, st, omarty.EventMessageEdited))
		return nil
	})
}

// checkEdit tells why somebody may not give a message a text.
func checkEdit(by Asker, st omarty.MessageStanding, text string, textSeq *int, now time.Time) error {
	switch m := st.Message; {
	case m.Author != by.User, m.DeletedAt == nil && !posting(st.RoomStanding, now).Allowed:
		return forbidden("input.message")
	case m.DeletedAt != nil:
		return deleted("input.message")
	case textSeq != nil && *textSeq != m.TextSeq:
		return omarty.Errorf(omarty.CodeConflict, "The text is another one by now.").At("input.textSeq")
	case text == "" && (!m.HasPoll && m.Attachments == 0 || m.IsNotice):
		return omarty.Errorf(omarty.CodeRequired, "It must not be empty.").At("input.text")
	}
	return nil
}

// DeleteMessage takes away all that a message says and has: what stays is its place. It
// may be deleted by its author, wherever it is, and in a building's rooms by managers who
// are there; FORBIDDEN to others. One that is deleted stays as it is.
func (s *Service) DeleteMessage(ctx context.Context, by Asker, id omarty.ID) (omarty.Message, error) {
	dropped := false
	m, err := s.changeMessage(ctx, by, id, "message", func(ctx context.Context, tx Tx, st omarty.MessageStanding) error {
		dropped = false
		switch {
		case st.Message.Author != by.User && !st.Manages:
			return forbidden("message")
		case st.Message.DeletedAt != nil:
			return nil
		}
		if err := tx.DeleteMessage(ctx, id, by.User); err != nil {
			return err
		}
		if dropped = st.Message.Attachments > 0; dropped {
			if err := tx.DropAttachments(ctx, id, s.now()); err != nil {
				return err
			}
		}
		if st.Message.HasPoll || st.Message.IsNotice {
			if err := tx.DropPollAndNotice(ctx, id); err != nil {
				return err
			}
		}
		tx.Append(s.about(by, st, omarty.EventMessageDeleted))
		if st.Message.Author == by.User {
			return nil
		}
		return s.recordIn(ctx, tx, by, omarty.ActionDeleteMessage, st.Room, id)
	})
	if err == nil && dropped {
		s.dropped()
	}
	return m, err
}

// about is the entry by which somebody changes a message.
func (s *Service) about(by Asker, st omarty.MessageStanding, kind omarty.EventKind) omarty.Event {
	return omarty.Event{Room: st.Room.ID, At: s.now(), Kind: kind, Actor: by.User, Message: st.Message.ID}
}

func deleted(field string) error {
	return omarty.Errorf(omarty.CodeConflict, "The message was deleted.").At(field)
}
