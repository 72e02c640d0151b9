package service

import (
	"context"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// PinMessage puts a message among those that are pinned in its room: in a building's own
// rooms for managers, elsewhere for everyone. One that is pinned stays so. NOT_FOUND for
// who may not read it; FORBIDDEN for who may not pin there, and in a room that takes
// nothing new; CONFLICT where it was deleted; TOO_LARGE where as many are pinned as may.
func (s *Service) PinMessage(ctx context.Context, by Asker, id omarty.ID) (omarty.Message, error) {
	return s.changeMessage(ctx, by, id, "message", func(ctx context.Context, tx Tx, st omarty.MessageStanding) error {
		switch {
		case !mayPin(st.RoomStanding, s.now()):
			return forbidden("message")
		case st.Message.DeletedAt != nil:
			return deleted("message")
		case st.Message.PinnedAt != nil:
			return nil
		}
		pinned, err := tx.PinnedIn(ctx, st.Room.ID)
		if err != nil {
			return err
		}
		if pinned >= omarty.MaxPins {
			return omarty.Errorf(omarty.CodeTooLarge, "A room has %d pinned messages at most.", omarty.MaxPins).At("message")
		}
		tx.Append(s.about(by, st, omarty.EventMessagePinned))
		return nil
	})
}

// UnpinMessage undoes PinMessage, for the same people.
func (s *Service) UnpinMessage(ctx context.Context, by Asker, id omarty.ID) (omarty.Message, error) {
	return s.changeMessage(ctx, by, id, "message", func(_ context.Context, tx Tx, st omarty.MessageStanding) error {
		if !mayPin(st.RoomStanding, s.now()) {
			return forbidden("message")
		}
		if st.Message.PinnedAt != nil {
			tx.Append(s.about(by, st, omarty.EventMessageUnpinned))
		}
		return nil
	})
}

// mayPin tells whether somebody who is in a room may pin there.
func mayPin(st omarty.RoomStanding, now time.Time) bool {
	return takesNew(st, now) && (st.Manages || !st.Room.IsBuildings())
}

// Pinned gives the messages that are pinned in rooms, the newest pin first, to who is in
// them; none of others.
func (s *Service) Pinned(ctx context.Context, by Asker, rooms []omarty.ID) (map[omarty.ID][]omarty.Message, error) {
	return s.Store.Pinned(ctx, rooms, omarty.Reader{User: by.User})
}
