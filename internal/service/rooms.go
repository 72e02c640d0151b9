package service

import (
	"context"

	"github.com/omarty/chat/internal/omarty"
)

// Room gives a room that the asker is in: NOT_FOUND to all others.
func (s *Service) Room(ctx context.Context, by Asker, id omarty.ID) (omarty.Room, error) {
	if by.User.IsZero() || id.Kind != omarty.KindRoom {
		return omarty.Room{}, notThere()
	}
	return s.Store.RoomFor(ctx, id, by.User)
}

// Rooms gives a page of the asker's rooms, the one that moved last first.
func (s *Service) Rooms(ctx context.Context, by Asker, page omarty.Page) (omarty.Slice[omarty.Room], error) {
	return s.Store.RoomsWith(ctx, by.User, omarty.ID{}, page)
}

// RoomsIn gives a page of the asker's rooms of a building to its active members.
func (s *Service) RoomsIn(ctx context.Context, by Asker, building omarty.ID, page omarty.Page) (omarty.Slice[omarty.Room], error) {
	if err := s.checkActive(ctx, by, building); err != nil {
		return omarty.Slice[omarty.Room]{}, err
	}
	return s.Store.RoomsWith(ctx, by.User, building, page)
}

// Participants gives a page of the people in a room that the asker is in.
func (s *Service) Participants(ctx context.Context, by Asker, room omarty.ID, page omarty.Page) (omarty.Slice[omarty.Participant], error) {
	if _, err := s.Room(ctx, by, room); err != nil {
		return omarty.Slice[omarty.Participant]{}, err
	}
	return s.Store.Participants(ctx, room, page)
}

// ReadSeq gives how far the asker has read in a room; 0 for who is not in it.
func (s *Service) ReadSeq(ctx context.Context, by Asker, room omarty.ID) (int, error) {
	seq, err := s.Store.ReadSeq(ctx, room, by.User)
	if omarty.CodeOf(err) == omarty.CodeNotFound {
		return 0, nil
	}
	return seq, err
}

// Posting tells whether the asker may post in a room that they are in, and why
// not.
func (s *Service) Posting(ctx context.Context, by Asker, room omarty.Room) (omarty.Posting, error) {
	not := func(reason omarty.PostingReason) (omarty.Posting, error) {
		return omarty.Posting{Reason: &reason}, nil
	}
	if room.ArchivedAt != nil {
		return not(omarty.PostingArchived)
	}
	if room.Kind == omarty.RoomAnnouncements {
		err := s.CheckManages(ctx, by, room.Building)
		if omarty.CodeOf(err) == omarty.CodeNotFound {
			return not(omarty.PostingAnnouncements)
		}
		if err != nil {
			return omarty.Posting{}, err
		}
	}
	return omarty.Posting{Allowed: true}, nil
}

// EventPage is a page of a room's log.
type EventPage struct {
	Events []omarty.Event
	// EndSeq is what to ask on with as after.
	EndSeq int
	More   bool
}

// Events gives the entries of a room's log after a position, to who is in the
// room. INVALID_INPUT for a position or a page that cannot be, TOO_LARGE for too
// large a page, LOG_MISMATCH for a position that is not of this log.
func (s *Service) Events(ctx context.Context, by Asker, room omarty.ID, after int, log *omarty.ID, first int) (EventPage, error) {
	if after < 0 {
		return EventPage{}, omarty.Errorf(omarty.CodeInvalidInput, "A position is 0 or more.").At("after")
	}
	if err := omarty.CheckPageSize(first, omarty.MaxEvents); err != nil {
		return EventPage{}, omarty.At(err, "first")
	}
	r, err := s.Room(ctx, by, room)
	if err != nil {
		return EventPage{}, err
	}
	if after > r.LastSeq || log != nil && *log != r.LogID {
		return EventPage{}, omarty.Errorf(omarty.CodeLogMismatch, "The position is not of this log; read the room anew.")
	}
	events, err := s.Store.Events(ctx, room, after, first+1)
	if err != nil {
		return EventPage{}, err
	}
	page := EventPage{Events: events, EndSeq: after, More: len(events) > first}
	if page.More {
		page.Events = events[:first]
	}
	if n := len(page.Events); n > 0 {
		page.EndSeq = page.Events[n-1].Seq
	}
	return page, nil
}
