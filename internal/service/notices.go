package service

import (
	"context"

	"github.com/omarty/chat/internal/omarty"
)

// AcknowledgeNotice confirms, for each of the asker's apartments that a notice asks, that
// its text was read: the one that the entry textSeq wrote. Where all of them have
// confirmed it already, nothing changes. It says nothing, so it is possible in archived
// rooms, too.
//
// NOT_FOUND for a message that the asker cannot read; INVALID_INPUT for one that is no
// notice; CONFLICT where it was deleted or has another text by now; FORBIDDEN for who
// lives in no apartment that it asks, such as who moved in later.
func (s *Service) AcknowledgeNotice(ctx context.Context, by Asker, message omarty.ID, textSeq int) (omarty.Message, error) {
	return s.changeMessage(ctx, by, message, "message", func(ctx context.Context, tx Tx, st omarty.MessageStanding) error {
		switch {
		case st.Message.DeletedAt != nil:
			return deleted("message")
		case !st.Message.IsNotice:
			return omarty.Errorf(omarty.CodeInvalidInput, "The message asks nobody to confirm it.").At("message")
		case st.Message.TextSeq != textSeq:
			return omarty.Errorf(omarty.CodeConflict, "The text is another one by now.").At("textSeq")
		}
		now := s.now()
		asked, confirmed, err := tx.Acknowledge(ctx, st.Message.ID.As(omarty.KindNotice), by.User, now)
		switch {
		case err != nil:
			return err
		case asked == 0:
			return forbidden("message")
		case confirmed > 0:
			tx.Append(omarty.Event{Room: st.Room.ID, At: now, Kind: omarty.EventNoticeAcknowledged, Message: st.Message.ID})
		}
		return nil
	})
}

// NoticesByID gives the notices of messages that the asker sees already.
func (s *Service) NoticesByID(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Notice, error) {
	return s.Store.Notices(ctx, ids)
}

// Outstanding gives, of notices that the asker sees already, a page of the apartments
// that have not confirmed their present texts: the asker's own and, to managers of the
// building, all.
func (s *Service) Outstanding(ctx context.Context, by Asker, notices []omarty.ID, page omarty.Page) (map[omarty.ID]omarty.Slice[omarty.Apartment], error) {
	return s.Store.Outstanding(ctx, notices, by.User, page)
}

// notice gives the notice of a message to who may read it.
func (s *Service) notice(ctx context.Context, by Asker, id omarty.ID) (omarty.Notice, error) {
	if _, err := s.Message(ctx, by, id.As(omarty.KindMessage)); err != nil {
		return omarty.Notice{}, err
	}
	found, err := s.Store.Notices(ctx, []omarty.ID{id})
	return named(found, id, err)
}
