package service

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

const (
	// pollCheck is how often it is looked which polls are to be closed: so late, at most,
	// the log tells of the end of one. Votes are refused from the end on.
	pollCheck = time.Second
	// duePolls is how many polls are closed between two looks.
	duePolls = 1000
	// closers is in how many rooms polls are closed at once: one that is locked by others
	// holds up few.
	closers = 4
)

// Vote makes the asker's vote in a message's poll choose these options and no others;
// none takes it back. Where apartments vote, it is that of the apartment, which is named
// by who lives in several, and may have been cast by others who live there. What changes
// nothing is told to nobody, and who has voted for what never.
//
// NOT_FOUND for a message that the asker cannot read, for options that are not of the
// poll and for apartments that are not of the building; INVALID_INPUT for a message
// without a poll, for several options where one may be chosen, and for an apartment where
// people vote; REQUIRED where it is missing; FORBIDDEN in a room in which nothing new is
// said, for other people's apartments, and for who lives in none; CONFLICT where the
// message was deleted or the poll has ended; TOO_LARGE for too many options.
func (s *Service) Vote(ctx context.Context, by Asker, message omarty.ID, options []omarty.ID, apartment omarty.ID) (omarty.Message, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.Message{}, err
	}
	if len(options) > omarty.MaxChosen {
		return omarty.Message{}, omarty.Errorf(omarty.CodeTooLarge, "At most %d options are named at once.", omarty.MaxChosen).At("options")
	}
	return s.changeMessage(ctx, by, message, "message", func(ctx context.Context, tx Tx, st omarty.MessageStanding) error {
		now := s.now()
		poll, err := openPoll(ctx, tx, st, now)
		if err != nil {
			return err
		}
		choices, err := poll.Choose(options)
		if err != nil {
			return err
		}
		ballot := omarty.Ballot{Poll: poll.ID, Choices: choices}
		if ballot.Apartment, err = voting(ctx, tx, by, st.Room, poll, apartment); err != nil {
			return err
		}
		changed, err := tx.Cast(ctx, ballot, by.User)
		if err == nil && changed {
			tx.Append(omarty.Event{Room: st.Room.ID, At: now, Kind: omarty.EventPollVoted, Message: st.Message.ID})
		}
		return err
	})
}

// openPoll gives the poll of a message in which votes are taken.
func openPoll(ctx context.Context, tx Tx, st omarty.MessageStanding, now time.Time) (omarty.Poll, error) {
	switch {
	case st.Message.DeletedAt != nil:
		return omarty.Poll{}, deleted("message")
	case !st.Message.HasPoll:
		return omarty.Poll{}, omarty.Errorf(omarty.CodeInvalidInput, "The message has no poll.").At("message")
	case !takesNew(st.RoomStanding, now):
		return omarty.Poll{}, forbidden("message")
	}
	poll, err := tx.Poll(ctx, st.Message.ID.As(omarty.KindPoll))
	if err == nil && !poll.Open(now) {
		err = omarty.Errorf(omarty.CodeConflict, "The poll has ended.").At("message")
	}
	return poll, err
}

// voting gives the apartment whose vote it is: the one that was named, or the only one of
// who names none; zero where people vote.
func voting(ctx context.Context, tx Tx, by Asker, room omarty.Room, poll omarty.Poll, named omarty.ID) (omarty.ID, error) {
	if !poll.PerApartment {
		if !named.IsZero() {
			return omarty.ID{}, omarty.Errorf(omarty.CodeInvalidInput, "In this poll people vote, not apartments.").At("apartment")
		}
		return omarty.ID{}, nil
	}
	homes, err := homesIn(ctx, tx, room.Building, by.User)
	switch {
	case err != nil:
		return omarty.ID{}, err
	case slices.Contains(homes, named):
		return named, nil
	case !named.IsZero():
		found, err := tx.ApartmentsIn(ctx, room.Building, []omarty.ID{named})
		if err == nil && len(found) == 0 {
			return omarty.ID{}, notThere().At("apartment")
		}
		return omarty.ID{}, cmp.Or(err, forbidden("apartment"))
	case len(homes) == 0:
		return omarty.ID{}, forbidden("message")
	case len(homes) > 1:
		return omarty.ID{}, omarty.Errorf(omarty.CodeRequired, "You have several apartments; say which one votes.").At("apartment")
	}
	return homes[0], nil
}

// homesIn gives the apartments of a building that somebody lives in.
func homesIn(ctx context.Context, tx Tx, building, who omarty.ID) ([]omarty.ID, error) {
	m, err := tx.MembershipIn(ctx, building, who)
	if err != nil || !m.Active() {
		return nil, unlessAbsent(err)
	}
	return tx.ResidenciesOf(ctx, m.ID)
}

// PollsByID gives the polls of messages that the asker sees already.
func (s *Service) PollsByID(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Poll, error) {
	return s.Store.Polls(ctx, ids)
}

// Ballots gives the asker's votes in polls that they see already: where apartments vote,
// those of the apartments that they live in, whoever cast them.
func (s *Service) Ballots(ctx context.Context, by Asker, polls []omarty.ID) (map[omarty.ID][]omarty.Ballot, error) {
	return s.Store.Ballots(ctx, polls, by.User)
}

// poll gives the poll of a message to who may read it.
func (s *Service) poll(ctx context.Context, by Asker, id omarty.ID) (omarty.Poll, error) {
	if _, err := s.Message(ctx, by, id.As(omarty.KindMessage)); err != nil {
		return omarty.Poll{}, err
	}
	found, err := s.Store.Polls(ctx, []omarty.ID{id})
	return named(found, id, err)
}

// named gives what an id names, of what was read: NOT_FOUND where that is nothing.
func named[T any](found map[omarty.ID]T, id omarty.ID, err error) (T, error) {
	it, ok := found[id]
	if err == nil && !ok {
		err = notThere()
	}
	return it, err
}

// WatchPolls closes each pollCheck the polls whose end has come, until ctx ends. Any node
// may, and several at once close each once. What keeps it from one goes to failed, and it
// tries again.
func (s *Service) WatchPolls(ctx context.Context, failed func(error)) {
	every(ctx, pollCheck, s.closePolls, failed)
}

// closePolls closes what is due: the polls of a room in one transaction, some rooms at
// the same time.
func (s *Service) closePolls(ctx context.Context) error {
	due, err := s.Store.DuePolls(ctx, s.now(), duePolls)
	if err != nil {
		return err
	}
	byRoom := map[omarty.ID][]omarty.ID{}
	for _, p := range due {
		byRoom[p.Room] = append(byRoom[p.Room], p.ID)
	}
	var closing sync.WaitGroup
	var mu sync.Mutex
	var failures []error
	places := make(chan struct{}, closers)
	for room, polls := range byRoom {
		places <- struct{}{}
		closing.Go(func() {
			defer func() { <-places }()
			if err := s.closePollsOf(ctx, room, polls); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failures = append(failures, err)
			}
		})
	}
	closing.Wait()
	return errors.Join(failures...)
}

// closePollsOf closes the polls of one room that nobody else has closed yet.
func (s *Service) closePollsOf(ctx context.Context, room omarty.ID, polls []omarty.ID) error {
	return s.Write(ctx, func(ctx context.Context, tx Tx) error {
		now := s.now()
		for _, id := range polls {
			closed, err := tx.ClosePoll(ctx, id, room, now)
			if err != nil {
				return err
			}
			if closed {
				tx.Append(omarty.Event{Room: room, At: now, Kind: omarty.EventPollClosed, Message: id.As(omarty.KindMessage)})
			}
		}
		return nil
	})
}
