package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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
	// ReplyTo is the message that it answers; zero for none.
	ReplyTo omarty.ID
	// Mentions name people in Text, as it was typed.
	Mentions []omarty.Mention
	// Poll is nil for none.
	Poll *omarty.NewPoll
	// Notice tells whether it asks every apartment to confirm it.
	Notice bool
	// Attachments are files that the author uploaded.
	Attachments []omarty.ID
}

// SendMessage posts a message, which is stored when it answers. A key that the
// author has used in the room gives the message that was posted with it, and
// replayed is true: nothing is posted again. KEY_REUSED where the input was
// another; REQUIRED, INVALID_INPUT or TOO_LARGE for what cannot be; NOT_FOUND for who
// may not read the room, and for what it answers that is not there; FORBIDDEN for who
// may read the room, but not write this there; RATE_LIMITED where too many came in a row,
// but for a key of before.
func (s *Service) SendMessage(ctx context.Context, by Asker, in NewMessage) (m omarty.Message, replayed bool, err error) {
	if err := by.SignedIn(); err != nil {
		return m, false, err
	}
	if err := omarty.CheckKey(in.Key); err != nil {
		return m, false, omarty.At(err, "input.key")
	}
	given := people(in.Mentions)
	draft := omarty.Draft{
		ID: omarty.NewID(omarty.KindMessage), Room: ofKind(in.Room, omarty.KindRoom), Author: by.User, Session: by.Session,
		Key: in.Key, Text: in.Text, Mentions: given, Apartment: in.Apartment, Poll: in.Poll, Notice: in.Notice, At: s.now(),
		ReplyTo: in.ReplyTo, Attachments: in.Attachments,
	}
	if err := checkAttachments(in.Attachments); err != nil {
		return m, false, err
	}
	if !in.ReplyTo.IsZero() && in.ReplyTo.Kind != omarty.KindMessage {
		draft.ReplyTo = omarty.Nothing
	}
	if draft, err = normalized(draft); err != nil {
		return m, false, omarty.Within(err, "input")
	}
	decide := admit(draft, given)
	giveBack, limited := s.take(sends, by.User.String())
	if limited != nil {
		if giveBack, err = s.take(resends, by.User.String()); err != nil {
			return m, false, limited
		}
		decide = func(st omarty.Standing) error { return cmp.Or(admit(draft, given)(st), limited) }
	}
	m, err = s.Post(ctx, draft, decide)
	if earlier, ok := errors.AsType[alreadyPosted](err); ok {
		giveBack()
		return earlier.message, true, nil
	}
	return m, false, err
}

// normalized gives a draft's text, mentions and poll as they are kept.
func normalized(d omarty.Draft) (omarty.Draft, error) {
	if d.Poll != nil {
		poll, err := d.Poll.Normalize()
		if err != nil {
			return d, omarty.Within(err, "poll")
		}
		d.Poll = &poll
	}
	normalize := omarty.NormalizeMarked
	if (d.Poll != nil || len(d.Attachments) > 0) && !d.Notice {
		normalize = omarty.NormalizeOptionalMarked
	}
	var err error
	d.Text, d.Mentions, err = normalize(d.Text, d.Mentions)
	return d, err
}

// people gives mentions that name people, or nobody where an id is of something else.
func people(mentions []omarty.Mention) []omarty.Mention {
	named := slices.Clone(mentions)
	for i := range named {
		if named[i].User.Kind != omarty.KindUser {
			named[i].User = omarty.Nothing
		}
	}
	return named
}

// alreadyPosted says that a draft was posted before.
type alreadyPosted struct{ message omarty.Message }

func (alreadyPosted) Error() string { return "it was posted before" }

// admit decides whether a draft is posted, as things stand. It is asked under the
// lock of the draft's room, so it waits for nothing. given are the draft's mentions in
// the order in which the client has them.
func admit(d omarty.Draft, given []omarty.Mention) func(omarty.Standing) error {
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
		}
		may := posting(omarty.RoomStanding{
			Room: st.Room, Manages: st.Manages, MutedUntil: st.MutedUntil, LastOwn: st.LastOwn, Together: st.Together,
		}, d.At)
		switch {
		case !may.Allowed && *may.Reason == omarty.PostingSlowMode:
			// Which those who keep a queue of what they mean to send understand.
			return omarty.At(tooMany(may.Until.Sub(d.At)), "input.room")
		case !may.Allowed:
			return forbidden("input.room")
		case !d.Apartment.IsZero() && !st.KnowsApartment:
			return notThere().At("input.apartment")
		case !d.Apartment.IsZero() && !st.LivesThere:
			return forbidden("input.apartment")
		case !d.ReplyTo.IsZero() && !st.KnowsReply:
			return notThere().At("input.replyTo")
		}
		return cmp.Or(
			checkMentioned(given, st.Absent),
			checkPoll(d, st.Room),
			checkNotice(d, st),
			checkUsable(d, st),
		)
	}
}

// checkMentioned is INVALID_INPUT where a text mentions somebody who is not in its room.
func checkMentioned(given []omarty.Mention, absent []omarty.ID) error {
	for i, m := range given {
		if slices.Contains(absent, m.User) {
			return omarty.Errorf(omarty.CodeInvalidInput, "Who is mentioned is not in the room.").At(fmt.Sprintf("input.mentions.%d.user", i))
		}
	}
	return nil
}

// checkAttachments is TOO_LARGE for too many files, and INVALID_INPUT for one that is named
// twice.
func checkAttachments(files []omarty.ID) error {
	if len(files) > omarty.MaxAttachments {
		return omarty.Errorf(omarty.CodeTooLarge, "A message has at most %d attachments.", omarty.MaxAttachments).At("input.attachments")
	}
	for i, id := range files {
		if slices.Contains(files[:i], id) {
			return omarty.Errorf(omarty.CodeInvalidInput, "It is named twice.").At(fmt.Sprintf("input.attachments.%d", i))
		}
	}
	return nil
}

// checkUsable is NOT_FOUND for a file that is not the author's to attach.
func checkUsable(d omarty.Draft, st omarty.Standing) error {
	for i, id := range d.Attachments {
		if slices.Contains(st.Unusable, id) {
			return notThere().At(fmt.Sprintf("input.attachments.%d", i))
		}
	}
	return nil
}

// checkPoll is INVALID_INPUT for a poll that counts apartments where there are none:
// anywhere but in the rooms that a building's people are in by living there; and for one
// whose end is not to come. Who sends again what was posted may do so after its end.
func checkPoll(d omarty.Draft, room omarty.Room) error {
	switch {
	case d.Poll == nil:
		return nil
	case d.Poll.PerApartment && !room.IsBuildings():
		return omarty.Errorf(omarty.CodeInvalidInput, "Only in a building's own rooms do apartments vote.").At("input.poll.perApartment")
	case d.Poll.ClosesAt != nil && !d.Poll.ClosesAt.After(d.At):
		return omarty.Errorf(omarty.CodeInvalidInput, "It is not to come.").At("input.poll.closesAt")
	}
	return nil
}

// checkNotice is FORBIDDEN for a notice of who is no manager, and INVALID_INPUT for one
// in a room that not everyone in the building reads.
func checkNotice(d omarty.Draft, st omarty.Standing) error {
	switch {
	case !d.Notice:
		return nil
	case !st.Manages:
		return forbidden("input.notice")
	case !st.Room.IsBuildings():
		return omarty.Errorf(omarty.CodeInvalidInput, "Notices are posted in a building's own rooms.").At("input.notice")
	}
	return nil
}

// posting tells whether somebody who is in a room may post there at a moment.
func posting(st omarty.RoomStanding, now time.Time) omarty.Posting {
	not := func(reason omarty.PostingReason) omarty.Posting { return omarty.Posting{Reason: &reason} }
	until := func(reason omarty.PostingReason, end time.Time) omarty.Posting {
		return omarty.Posting{Reason: &reason, Until: &end}
	}
	switch {
	case st.Room.ArchivedAt != nil:
		return not(omarty.PostingArchived)
	case st.Room.Kind == omarty.RoomDirect && !st.Together:
		return not(omarty.PostingApart)
	case st.Room.Kind == omarty.RoomAnnouncements && !st.Manages:
		return not(omarty.PostingAnnouncements)
	case muted(st, now):
		return until(omarty.PostingMuted, *st.MutedUntil)
	}
	if st.LastOwn != nil && st.Room.SlowMode > 0 && !st.Manages {
		if next := st.LastOwn.Add(time.Duration(st.Room.SlowMode) * time.Second); next.After(now) {
			return until(omarty.PostingSlowMode, next)
		}
	}
	return omarty.Posting{Allowed: true}
}
