package service

import (
	"context"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// MuteMember keeps a member from writing anything in a building's rooms and groups until a
// moment, for its managers. INVALID_INPUT for a moment that is not to come, or more than
// MaxMute ahead; FORBIDDEN against a manager; CONFLICT for who is no active member. When
// it answers, nothing that they sent comes any more.
func (s *Service) MuteMember(ctx context.Context, by Asker, id omarty.ID, until time.Time) (omarty.Membership, error) {
	until = until.UTC().Truncate(time.Microsecond)
	m, err := s.manageMember(ctx, by, id, func(ctx context.Context, tx Tx, m omarty.Membership) (omarty.Membership, error) {
		now := s.now()
		switch {
		case m.Manages():
			return m, forbidden("membership")
		case !m.Active():
			return m, conflict("The person is no active member.")
		case !until.After(now), until.Sub(now) > omarty.MaxMute:
			return m, omarty.Errorf(omarty.CodeInvalidInput, "A mute ends within a year from now.").At("until")
		case m.MutedUntil != nil && m.MutedUntil.Equal(until):
			return m, nil
		}
		m.MutedUntil = &until
		return m, s.changeMute(ctx, tx, by, m, omarty.ActionMuteMember)
	})
	if err == nil {
		s.stopTyping(m.User, true)
	}
	return m, err
}

// UnmuteMember lets a member write again, for the building's managers; who is not muted
// stays as they are.
func (s *Service) UnmuteMember(ctx context.Context, by Asker, id omarty.ID) (omarty.Membership, error) {
	return s.manageMember(ctx, by, id, func(ctx context.Context, tx Tx, m omarty.Membership) (omarty.Membership, error) {
		if !m.Muted(s.now()) {
			return m, nil
		}
		m.MutedUntil = nil
		return m, s.changeMute(ctx, tx, by, m, omarty.ActionUnmuteMember)
	})
}

func (s *Service) changeMute(ctx context.Context, tx Tx, by Asker, m omarty.Membership, action omarty.Action) error {
	if err := s.holdRooms(ctx, tx, m); err != nil {
		return err
	}
	if err := tx.ChangeMembership(ctx, m); err != nil {
		return err
	}
	return s.record(ctx, tx, by, action, m.Building, m.ID)
}

// holdRooms waits for what a member is doing at this moment in the building's rooms, and
// has them decide what comes next by what they may then.
func (s *Service) holdRooms(ctx context.Context, tx Tx, m omarty.Membership) error {
	rooms, err := tx.RoomsWith(ctx, m.Building, m.User)
	if err != nil {
		return err
	}
	return tx.HoldRooms(ctx, rooms)
}

// Manages tells of buildings whether the asker manages them.
func (s *Service) Manages(ctx context.Context, by Asker, _ []omarty.ID) (map[omarty.ID]bool, error) {
	own, err := s.membershipsByBuilding(ctx, by)
	manages := make(map[omarty.ID]bool, len(own))
	for id, m := range own {
		manages[id] = m.Manages()
	}
	return manages, err
}

// SetSlowMode sets how many seconds lie between two messages of a person in a room; 0 for
// none. It is for who may change the room: FORBIDDEN to others, for direct rooms, and for
// archived ones; INVALID_INPUT for what cannot be.
func (s *Service) SetSlowMode(ctx context.Context, by Asker, id omarty.ID, seconds int) (omarty.Room, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.Room{}, err
	}
	if seconds < 0 || seconds > omarty.MaxSlowMode {
		return omarty.Room{}, omarty.Errorf(omarty.CodeInvalidInput, "A slow mode has 0 to 21,600 seconds.").At("seconds")
	}
	return s.changeRoom(ctx, by, id, "room", func(ctx context.Context, tx Tx, st omarty.RoomStanding) error {
		if !s.runsNow(st, by) || !open(st) {
			return forbidden("room")
		}
		if st.Room.SlowMode == seconds {
			return nil
		}
		st.Room.SlowMode = seconds
		if err := s.recordIn(ctx, tx, by, omarty.ActionSetSlowMode, st.Room, st.Room.ID); err != nil {
			return err
		}
		return s.reshape(ctx, tx, by, st.Room)
	})
}

// recordIn is record for what was done in a room. Of groups and direct rooms the operator
// alone is told: not every manager is in them.
func (s *Service) recordIn(ctx context.Context, tx Tx, by Asker, action omarty.Action, in omarty.Room, subject omarty.ID) error {
	building := omarty.ID{}
	if in.IsBuildings() {
		building = in.Building
	}
	return s.record(ctx, tx, by, action, building, subject)
}
