package service

import (
	"context"

	"github.com/omarty/chat/internal/omarty"
)

// MarkRead says that the asker has read a room up to a position, or to the end of
// its log where that comes before. It gives the room, and whether the asker's mark
// moved: it moves forward only. INVALID_INPUT for a position that no log has;
// NOT_FOUND to who is not in the room.
func (s *Service) MarkRead(ctx context.Context, by Asker, room omarty.ID, seq int) (r omarty.Room, moved bool, err error) {
	if err := by.SignedIn(); err != nil {
		return r, false, err
	}
	if err := checkPosition(&seq); err != nil {
		return r, false, omarty.At(err, "seq")
	}
	mark, err := s.Store.MarkAt(ctx, ofKind(room, omarty.KindRoom), by.User, seq)
	if err != nil {
		return r, false, missing(err, "room")
	}
	// Most calls come from a device that was not the first to say so: they write
	// nothing.
	if mark.Ahead {
		err = s.writeAs(ctx, by, func(ctx context.Context, tx Tx) error {
			moved, err = tx.MarkRead(ctx, mark)
			return err
		})
		if err != nil {
			return r, false, err
		}
	}
	if moved {
		s.marks.put(mark)
		s.viewerRoomChanged(by.User, room)
	}
	r, err = s.Room(ctx, by, room)
	return r, moved, missing(err, "room")
}

// missing names the input at fault where err is NOT_FOUND; any other stays as it is.
func missing(err error, field string) error {
	if omarty.CodeOf(err) == omarty.CodeNotFound {
		return notThere().At(field)
	}
	return err
}

// Readings gives what the asker has read of rooms, and what waits for them there;
// nothing of those that they are not in.
func (s *Service) Readings(ctx context.Context, by Asker, rooms []omarty.ID) (map[omarty.ID]omarty.Reading, error) {
	return s.Store.Readings(ctx, rooms, by.User)
}

// FirstUnread gives the first message of another that the asker has not read, by
// room; none of those that they are not in.
func (s *Service) FirstUnread(ctx context.Context, by Asker, rooms []omarty.ID) (map[omarty.ID]omarty.Message, error) {
	return s.Store.FirstUnread(ctx, rooms, by.User)
}

// Unread counts the messages of others that the asker has not read, in all their
// rooms.
func (s *Service) Unread(ctx context.Context, by Asker) (int, error) {
	return s.Store.Unread(ctx, by.User)
}

// ReadSeqs gives how far people have read in a room that the asker sees, as far as
// that is told.
func (s *Service) ReadSeqs(ctx context.Context, participants []omarty.ID) (map[omarty.ID]int, error) {
	marks, err := s.Store.ReadMarks(ctx, participants)
	seqs := make(map[omarty.ID]int, len(marks))
	for id, m := range marks {
		if m.Told() {
			seqs[id] = m.Seq
		}
	}
	return seqs, err
}

// Readers gives a page of the people in the room of a message who have read up to it,
// as far as that is told, to who is in the room; to others none.
func (s *Service) Readers(ctx context.Context, by Asker, of omarty.Message, page omarty.Page) (omarty.Slice[omarty.User], error) {
	rooms, err := s.Store.Rooms(ctx, []omarty.ID{of.Room})
	if err != nil {
		return omarty.Slice[omarty.User]{}, err
	}
	if mark := (omarty.ReadPosition{Shared: true, Room: rooms[of.Room].Kind}); !mark.Told() {
		return omarty.Slice[omarty.User]{}, nil
	}
	return s.Store.Readers(ctx, of.Room, of.Seq, omarty.Reader{User: by.User}, page)
}
