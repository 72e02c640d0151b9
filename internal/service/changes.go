package service

import (
	"context"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// Entries that somebody writes in a row. They are counted on this node: each that gets
// through costs a transaction of the database's.
var (
	sends = omarty.Rate{Name: "send", Burst: 120, Every: 250 * time.Millisecond}
	// resends are sends beyond those, which post nothing: who sends again what was posted
	// is answered with it.
	resends = omarty.Rate{Name: "send again", Burst: 20, Every: time.Second}
)

// changeMessage runs a change of a message for somebody who is in its room, while nobody
// else writes to the room's log, and gives the message as it is then. NOT_FOUND for one
// that they cannot read; RATE_LIMITED where there were too many.
func (s *Service) changeMessage(ctx context.Context, by Asker, id omarty.ID, field string, change func(context.Context, Tx, omarty.MessageStanding) error) (omarty.Message, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.Message{}, err
	}
	if _, err := s.take(sends, by.User.String()); err != nil {
		return omarty.Message{}, err
	}
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
	if err := by.SignedIn(); err != nil {
		return omarty.Room{}, err
	}
	if _, err := s.take(sends, by.User.String()); err != nil {
		return omarty.Room{}, err
	}
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
