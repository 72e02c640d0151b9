package service

import (
	"context"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// Room gives a room to who is in it: NOT_FOUND to all others.
func (s *Service) Room(ctx context.Context, by Asker, id omarty.ID) (omarty.Room, error) {
	if by.User.IsZero() || id.Kind != omarty.KindRoom {
		return omarty.Room{}, notThere()
	}
	return s.Store.RoomFor(ctx, id, by.User)
}

// RoomsByID gives the rooms that are named by what the asker sees already.
func (s *Service) RoomsByID(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Room, error) {
	return s.Store.Rooms(ctx, ids)
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

// What is in a room now is read by who is in it at that very moment, whatever led
// there: an entry is told to people who have left since.

// Participants gives a page of the people in a room to who is in it; to others none.
func (s *Service) Participants(ctx context.Context, by Asker, room omarty.ID, page omarty.Page) (omarty.Slice[omarty.Participant], error) {
	return s.Store.Participants(ctx, room, omarty.Reader{User: by.User}, page)
}

// Postings tells of rooms that the asker sees whether they may post there, and why
// not.
func (s *Service) Postings(ctx context.Context, by Asker, ids []omarty.ID) (map[omarty.ID]omarty.Posting, error) {
	rooms, err := s.Store.Rooms(ctx, ids)
	if err != nil {
		return nil, err
	}
	return s.postings(ctx, by, rooms)
}

// postings is Postings for rooms as they are.
func (s *Service) postings(ctx context.Context, by Asker, rooms map[omarty.ID]omarty.Room) (map[omarty.ID]omarty.Posting, error) {
	own, err := s.membershipsByBuilding(ctx, by)
	if err != nil {
		return nil, err
	}
	var direct, slow []omarty.ID
	for id, room := range rooms {
		if room.Kind == omarty.RoomDirect {
			direct = append(direct, id)
		}
		if room.SlowMode > 0 && !own[room.Building].Manages() {
			slow = append(slow, id)
		}
	}
	others := map[omarty.ID]omarty.Counterpart{}
	if len(direct) > 0 {
		if others, err = s.Counterparts(ctx, by, direct); err != nil {
			return nil, err
		}
	}
	var last map[omarty.ID]time.Time
	if len(slow) > 0 {
		if last, err = s.Store.LastOwn(ctx, slow, by.User); err != nil {
			return nil, err
		}
	}
	now := s.now()
	found := make(map[omarty.ID]omarty.Posting, len(rooms))
	for id, room := range rooms {
		m := own[room.Building]
		st := omarty.RoomStanding{Room: room, Manages: m.Manages(), MutedUntil: m.MutedUntil, Together: others[id].Together}
		if at, ok := last[id]; ok {
			st.LastOwn = &at
		}
		found[id] = posting(st, now)
	}
	return found, nil
}

// membershipsByBuilding gives the asker's memberships.
func (s *Service) membershipsByBuilding(ctx context.Context, by Asker) (map[omarty.ID]omarty.Membership, error) {
	own, err := s.Store.MembershipsOf(ctx, by.User)
	found := make(map[omarty.ID]omarty.Membership, len(own))
	for _, m := range own {
		found[m.Building] = m
	}
	return found, err
}

// EventPage is a page of a room's log.
type EventPage struct {
	Events []omarty.Event
	// EndSeq is what to ask on with as after.
	EndSeq int
	More   bool
}

// Events gives a page of the log of a room that the asker was given, and none of it to
// who is no longer in the room. INVALID_INPUT
// for a position or a page that cannot be, TOO_LARGE for too large a page,
// LOG_MISMATCH for a position that is not of this log.
func (s *Service) Events(ctx context.Context, by Asker, room omarty.Room, from Position, first int) (EventPage, error) {
	if err := checkPosition(from.After); err != nil {
		return EventPage{}, err
	}
	if err := omarty.CheckPageSize(first, omarty.MaxEvents); err != nil {
		return EventPage{}, omarty.At(err, "first")
	}
	if err := checkLog(room, from); err != nil {
		return EventPage{}, err
	}
	page := EventPage{EndSeq: *from.After}
	events, err := s.Store.Events(ctx, room.ID, omarty.Reader{User: by.User}, page.EndSeq, first+1)
	if err != nil {
		return EventPage{}, err
	}
	page.Events, page.More = events, len(events) > first
	if page.More {
		page.Events = events[:first]
	}
	if n := len(page.Events); n > 0 {
		page.EndSeq = page.Events[n-1].Seq
	}
	return page, nil
}
