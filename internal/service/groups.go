package service

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// NewGroup is a group to be, as somebody typed it.
type NewGroup struct {
	Building omarty.ID
	Name     string
	// Topic may be empty.
	Topic string
	// Participants are who is in it from the start, beside who makes it.
	Participants []omarty.ID
}

// RoomChange is what somebody changes of a room; nil stays as it is.
type RoomChange struct {
	Name  *string
	Topic *string
}

// CreateRoom makes a group of people of a building, for its active members. NOT_FOUND
// for people who are none; REQUIRED, INVALID_INPUT or TOO_LARGE for what cannot be.
func (s *Service) CreateRoom(ctx context.Context, by Asker, in NewGroup) (omarty.Room, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.Room{}, err
	}
	if err := checkPeople(in.Participants, "input.participants"); err != nil {
		return omarty.Room{}, err
	}
	change, err := RoomChange{&in.Name, &in.Topic}.normalize()
	if err != nil {
		return omarty.Room{}, err
	}
	r := omarty.Room{
		ID: omarty.NewID(omarty.KindRoom), Kind: omarty.RoomGroup, Name: *change.Name, Topic: *change.Topic,
		Building: in.Building, Maker: by.User, CreatedAt: s.now(), LogID: omarty.NewID(omarty.KindLog),
	}
	var joined []omarty.ID
	err = s.asMember(ctx, by, in.Building, "input.building", func(ctx context.Context, tx Tx, _ omarty.Building, m omarty.Membership) error {
		if !m.Active() || m.Muted(r.CreatedAt) {
			return forbidden("input.building")
		}
		if err := tx.CreateRoom(ctx, r); err != nil {
			return err
		}
		joined, err = s.bring(ctx, tx, by, r, append([]omarty.ID{by.User}, in.Participants...), func(i int) string {
			return fmt.Sprintf("input.participants.%d", i-1)
		})
		return err
	})
	if err != nil {
		return omarty.Room{}, err
	}
	s.cameIn(joined)
	return s.roomNow(ctx, r.ID)
}

// AddParticipants brings people of the building into a group, for who is in it; who is
// there already stays. NOT_FOUND for people who are no active members of the building.
func (s *Service) AddParticipants(ctx context.Context, by Asker, id omarty.ID, people []omarty.ID) (omarty.Room, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.Room{}, err
	}
	if err := checkPeople(people, "users"); err != nil {
		return omarty.Room{}, err
	}
	// Which building to lock, so that nobody leaves it meanwhile.
	r, err := s.Room(ctx, by, id)
	if err != nil {
		return omarty.Room{}, missing(err, "room")
	}
	if r.Kind != omarty.RoomGroup {
		return omarty.Room{}, forbidden("room")
	}
	var joined []omarty.ID
	err = s.asMember(ctx, by, r.Building, "room", func(ctx context.Context, tx Tx, _ omarty.Building, _ omarty.Membership) error {
		st, err := tx.LockRoom(ctx, id, by.User)
		if err != nil {
			return missing(err, "room")
		}
		if !takesNew(st, s.now()) {
			return forbidden("room")
		}
		joined, err = s.bring(ctx, tx, by, st.Room, people, func(i int) string { return fmt.Sprintf("users.%d", i) })
		return err
	})
	if err != nil {
		return omarty.Room{}, err
	}
	s.cameIn(joined)
	return s.roomNow(ctx, id)
}

// bring puts those of the people into a group who are not there, and gives them.
// NOT_FOUND, which names the field, for who is no active member of its building, or has
// blocked who brings them: a group of two would be the direct room that there is not.
func (s *Service) bring(ctx context.Context, tx Tx, by Asker, r omarty.Room, people []omarty.ID, field func(i int) string) ([]omarty.ID, error) {
	able, err := tx.ActiveMembers(ctx, r.Building, people)
	if err != nil {
		return nil, err
	}
	here, err := tx.PresentIn(ctx, r.ID, people)
	if err != nil {
		return nil, err
	}
	var joined []omarty.ID
	for i, who := range people {
		switch {
		case !slices.Contains(able, who):
			return nil, notThere().At(field(i))
		case slices.Contains(here, who), slices.Contains(joined, who):
			continue
		}
		now := s.now()
		if err := tx.Join(ctx, r.ID, who, now); err != nil {
			return nil, err
		}
		tx.Append(omarty.Event{Room: r.ID, At: now, Kind: omarty.EventMemberJoined, Actor: by.User, Member: who})
		joined = append(joined, who)
	}
	// Only now: joining waits for who blocks somebody at this moment.
	averse, err := tx.WhoBlocked(ctx, by.User, joined)
	for i, who := range people {
		if slices.Contains(averse, who) {
			return nil, notThere().At(field(i))
		}
	}
	return joined, err
}

// cameIn tells people's devices that they came into a room.
func (s *Service) cameIn(people []omarty.ID) {
	for _, who := range people {
		s.People.Tell(who, omarty.Change{Rooms: true})
	}
}

// RemoveParticipant takes somebody out of a group: who made it and is not muted, or a
// manager who is in it, takes out others, everyone themselves. Nothing happens to who is
// not there.
func (s *Service) RemoveParticipant(ctx context.Context, by Asker, id, who omarty.ID) (omarty.Room, error) {
	return s.changeRoom(ctx, by, id, "room", func(ctx context.Context, tx Tx, st omarty.RoomStanding) error {
		if st.Room.Kind != omarty.RoomGroup || who != by.User && !s.runsNow(st, by) {
			return forbidden("room")
		}
		here, err := tx.PresentIn(ctx, id, []omarty.ID{who})
		if err != nil || len(here) == 0 {
			return err
		}
		if who != by.User {
			if err := s.recordIn(ctx, tx, by, omarty.ActionRemoveParticipant, st.Room, who); err != nil {
				return err
			}
		}
		now := s.now()
		tx.Append(omarty.Event{Room: id, At: now, Kind: omarty.EventMemberLeft, Actor: by.User, Member: who})
		return tx.Leave(ctx, id, who, now)
	})
}

// LeaveRoom takes the asker out of a group. Others are left with the building, and
// direct rooms never: FORBIDDEN.
func (s *Service) LeaveRoom(ctx context.Context, by Asker, id omarty.ID) error {
	_, err := s.RemoveParticipant(ctx, by, id, by.User)
	return err
}

// UpdateRoom changes what is given of a room: of a building's own for its managers, of
// a group for who made it too. FORBIDDEN to others, for direct rooms, and for archived
// ones. REQUIRED or INVALID_INPUT for what cannot be.
func (s *Service) UpdateRoom(ctx context.Context, by Asker, id omarty.ID, c RoomChange) (omarty.Room, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.Room{}, err
	}
	c, err := c.normalize()
	if err != nil {
		return omarty.Room{}, err
	}
	return s.changeRoom(ctx, by, id, "input.room", func(ctx context.Context, tx Tx, st omarty.RoomStanding) error {
		if !s.runsNow(st, by) || !open(st) {
			return forbidden("input.room")
		}
		r := st.Room
		if c.Name != nil {
			r.Name = *c.Name
		}
		if c.Topic != nil {
			r.Topic = *c.Topic
		}
		if r == st.Room {
			return nil
		}
		return s.reshape(ctx, tx, by, r)
	})
}

// ArchiveRoom lets nobody write in a room any more, for those who may change it and are
// not muted. One that is archived stays as it is.
func (s *Service) ArchiveRoom(ctx context.Context, by Asker, id omarty.ID) (omarty.Room, error) {
	return s.changeRoom(ctx, by, id, "room", func(ctx context.Context, tx Tx, st omarty.RoomStanding) error {
		if !s.runsNow(st, by) {
			return forbidden("room")
		}
		if st.Room.ArchivedAt != nil {
			return nil
		}
		now := s.now()
		st.Room.ArchivedAt = &now
		if err := s.recordIn(ctx, tx, by, omarty.ActionArchiveRoom, st.Room, st.Room.ID); err != nil {
			return err
		}
		return s.reshape(ctx, tx, by, st.Room)
	})
}

// reshape stores a room's name, topic and archive, and has its log tell of it.
func (s *Service) reshape(ctx context.Context, tx Tx, by Asker, r omarty.Room) error {
	tx.Append(omarty.Event{Room: r.ID, At: s.now(), Kind: omarty.EventRoomChanged, Actor: by.User})
	return tx.ChangeRoom(ctx, r)
}

// SetNotifications sets of which messages of a room the asker wants to hear, and tells
// their devices. NOT_FOUND to who is not in it.
func (s *Service) SetNotifications(ctx context.Context, by Asker, id omarty.ID, level omarty.NotificationLevel) (omarty.Room, error) {
	var moved bool
	err := s.writeAs(ctx, by, func(ctx context.Context, tx Tx) (err error) {
		moved, err = tx.SetNotifications(ctx, ofKind(id, omarty.KindRoom), by.User, level)
		return missing(err, "room")
	})
	if err != nil {
		return omarty.Room{}, err
	}
	if moved {
		s.viewerRoomChanged(by.User, id)
	}
	return s.roomNow(ctx, id)
}

// roomNow gives a room to who has just changed it, and may have left it since.
func (s *Service) roomNow(ctx context.Context, id omarty.ID) (omarty.Room, error) {
	found, err := s.Store.Rooms(ctx, []omarty.ID{id})
	return found[id], err
}

// runs tells whether somebody who is in a room may name and archive it, and take others
// out.
func runs(st omarty.RoomStanding, by Asker) bool {
	return st.Manages || st.Room.Kind == omarty.RoomGroup && st.Room.Maker == by.User
}

// runsNow is runs for who is not muted.
func (s *Service) runsNow(st omarty.RoomStanding, by Asker) bool {
	return runs(st, by) && !muted(st, s.now())
}

// takesNew tells whether anything new comes into a room from somebody who is in it, at a
// moment.
func takesNew(st omarty.RoomStanding, now time.Time) bool {
	return !muted(st, now) && open(st)
}

// muted tells whether somebody is muted in a room's building.
func muted(st omarty.RoomStanding, now time.Time) bool {
	return st.MutedUntil != nil && st.MutedUntil.After(now)
}

// open tells whether anything new comes into a room from anybody.
func open(st omarty.RoomStanding) bool {
	return st.Room.ArchivedAt == nil && (st.Room.Kind != omarty.RoomDirect || st.Together)
}

func checkPeople(ids []omarty.ID, field string) error {
	if len(ids) > omarty.MaxPage {
		return omarty.Errorf(omarty.CodeTooLarge, "At most %d people.", omarty.MaxPage).At(field)
	}
	return nil
}

// normalize gives the texts of a change as they are kept.
func (c RoomChange) normalize() (RoomChange, error) {
	if c.Name != nil {
		name, err := omarty.NormalizeName(*c.Name, omarty.MaxRoomNameLength)
		if err != nil {
			return c, omarty.At(err, "input.name")
		}
		c.Name = &name
	}
	if c.Topic != nil {
		topic, err := omarty.NormalizeOptional(*c.Topic, omarty.MaxTopicLength)
		if err != nil {
			return c, omarty.At(err, "input.topic")
		}
		c.Topic = &topic
	}
	return c, nil
}
