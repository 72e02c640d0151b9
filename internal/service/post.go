package service

import (
	"context"
	"errors"

	"github.com/omarty/chat/internal/omarty"
)

// NewMessage is a message to be, as somebody typed it.
type NewMessage struct {
	Room omarty.ID
	// Key is the client's own name for what it means to send.
	Key  string
	Text string
	// Apartment is the one that the author writes from; zero for none.
	Apartment omarty.ID
}

// SendMessage posts a message, which is stored when it answers. A key that the
// author has used in the room gives the message that was posted with it, and
// replayed is true: nothing is posted again. KEY_REUSED where the input was
// another; REQUIRED or INVALID_INPUT for what cannot be; NOT_FOUND for who may not
// read the room, FORBIDDEN for who may, but not write there.
func (s *Service) SendMessage(ctx context.Context, by Asker, in NewMessage) (m omarty.Message, replayed bool, err error) {
	if err := by.SignedIn(); err != nil {
		return m, false, err
	}
	if err := omarty.CheckKey(in.Key); err != nil {
		return m, false, omarty.At(err, "input.key")
	}
	text, err := omarty.NormalizeText(in.Text)
	if err != nil {
		return m, false, omarty.At(err, "input.text")
	}
	draft := omarty.Draft{
		ID: omarty.NewID(omarty.KindMessage), Room: ofKind(in.Room, omarty.KindRoom), Author: by.User, Session: by.Session,
		Key: in.Key, Text: text, Apartment: in.Apartment, At: s.now(),
	}
	m, err = s.Post(ctx, draft, admit(draft))
	if earlier, ok := errors.AsType[alreadyPosted](err); ok {
		return earlier.message, true, nil
	}
	return m, false, err
}

// alreadyPosted says that a draft was posted before.
type alreadyPosted struct{ message omarty.Message }

func (alreadyPosted) Error() string { return "it was posted before" }

// admit decides whether a draft is posted, as things stand. It is asked under the
// lock of the draft's room, so it waits for nothing.
func admit(d omarty.Draft) func(omarty.Standing) error {
	return func(st omarty.Standing) error {
		switch {
		case !st.SessionGood:
			return Asker{}.SignedIn()
		case !st.Present:
			return notThere().At("input.room")
		case st.Earlier != nil && st.Same:
			return alreadyPosted{*st.Earlier}
		case st.Earlier != nil:
			used := omarty.Errorf(omarty.CodeKeyReused, "The key was used for another message.").At("input.key")
			used.Posted = st.Earlier.ID
			return used
		case posting(st.Room, st.Manages).Reason != nil:
			return forbidden("input.room")
		case d.Apartment.IsZero(), st.LivesThere:
			return nil
		case st.KnowsApartment:
			return forbidden("input.apartment")
		}
		return notThere().At("input.apartment")
	}
}

// posting tells whether somebody who is in a room may post there.
func posting(room omarty.Room, manages bool) omarty.Posting {
	not := func(reason omarty.PostingReason) omarty.Posting { return omarty.Posting{Reason: &reason} }
	switch {
	case room.ArchivedAt != nil:
		return not(omarty.PostingArchived)
	case room.Kind == omarty.RoomAnnouncements && !manages:
		return not(omarty.PostingAnnouncements)
	}
	return omarty.Posting{Allowed: true}
}
