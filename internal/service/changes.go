package service

import (
	"context"

	"github.com/omarty/chat/internal/omarty"
)

// changeMessage runs a change of a message for somebody who is in its room, while nobody
// else writes to the room's log, and gives the message as it is then. NOT_FOUND for one
// that they cannot read.
func (s *Service) changeMessage(ctx context.Context, by Asker, id omarty.ID, field string, change func(context.Context, Tx, omarty.MessageStanding) error) (omarty.Message, error) {
	err := s.writeAs(ctx, by, func(ctx context.Context, tx Tx) error {
		st, err := tx.LockMessage(ctx, ofKind(id, omarty.KindMessage), by.User)
		if err != nil {
			return missing(err, field)
		}
		return change(ctx, tx, st)
	})
	if err != nil {
		return omarty.Message{}, err
	}
	// Whoever leaves the room at this moment has made the change all the same.
	found, err := s.Store.Messages(ctx, []omarty.ID{id}, omarty.Reader{Anyone: true})
	return found[id], err
}

// changeRoom is changeMessage for a room.
func (s *Service) changeRoom(ctx context.Context, by Asker, id omarty.ID, field string, change func(context.Context, Tx, omarty.RoomStanding) error) (omarty.Room, error) {
	err := s.writeAs(ctx, by, func(ctx context.Context, tx Tx) error {
		st, err := tx.LockRoom(ctx, ofKind(id, omarty.KindRoom), by.User)
		if err != nil {
			return missing(err, field)
		}
		return change(ctx, tx, st)
	})
	if err != nil {
		return omarty.Room{}, err
	}
	return s.roomNow(ctx, id)
}
