package service

import (
	"context"

	"github.com/omarty/chat/internal/omarty"
)

// OpenDirectRoom gives the direct room of the asker and another person, which is made
// where there is none: the same one whoever of them opens it, also at once.
// INVALID_INPUT for oneself; NOT_FOUND for who the asker does not see, and FORBIDDEN for
// who they see but share no building with, unless they have a room from before.
func (s *Service) OpenDirectRoom(ctx context.Context, by Asker, with omarty.ID) (omarty.Room, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.Room{}, err
	}
	if with == by.User {
		return omarty.Room{}, omarty.Errorf(omarty.CodeInvalidInput, "A direct room is of two people.").At("user")
	}
	with = ofKind(with, omarty.KindUser)
	pair := omarty.PairOf(by.User, with)
	if r, err := s.Store.RoomOfPair(ctx, pair); err == nil || omarty.CodeOf(err) != omarty.CodeNotFound {
		return r, err
	}
	if _, err := s.user(ctx, by, with); err != nil {
		return omarty.Room{}, missing(err, "user")
	}
	err := s.writeAs(ctx, by, func(ctx context.Context, tx Tx) error {
		return s.openDirect(ctx, tx, by, with, pair)
	})
	switch omarty.CodeOf(err) {
	case "":
		s.cameIn([]omarty.ID{by.User, with})
	case omarty.CodeConflict: // the other one was faster
	default:
		return omarty.Room{}, err
	}
	return s.Store.RoomOfPair(ctx, pair)
}

func (s *Service) openDirect(ctx context.Context, tx Tx, by Asker, with omarty.ID, pair string) error {
	now := s.now()
	r := omarty.Room{
		ID: omarty.NewID(omarty.KindRoom), Kind: omarty.RoomDirect, Pair: pair,
		CreatedAt: now, LogID: omarty.NewID(omarty.KindLog),
	}
	if err := tx.CreateRoom(ctx, r); err != nil {
		return err
	}
	for _, who := range []omarty.ID{by.User, with} {
		if err := tx.Join(ctx, r.ID, who, now); err != nil {
			return err
		}
		tx.Append(omarty.Event{Room: r.ID, At: now, Kind: omarty.EventMemberJoined, Actor: by.User, Member: who})
	}
	// Only now: joining waits for who is erasing their account at this moment, or blocks
	// the other.
	neighbours, err := tx.Neighbours(ctx, by.User, with)
	if err == nil && !neighbours {
		err = forbidden("user")
	}
	return err
}

// Counterparts gives the other person of each of the direct rooms among rooms that the
// asker sees; of one who erased their account no User.
func (s *Service) Counterparts(ctx context.Context, by Asker, rooms []omarty.ID) (map[omarty.ID]omarty.Counterpart, error) {
	return s.Store.Counterparts(ctx, rooms, by.User)
}
