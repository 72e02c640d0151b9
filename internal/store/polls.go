package store

import (
	"context"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/ballot"
	"github.com/omarty/chat/ent/generated/membership"
	"github.com/omarty/chat/ent/generated/poll"
	"github.com/omarty/chat/ent/generated/predicate"
	"github.com/omarty/chat/ent/generated/residency"
	"github.com/omarty/chat/ent/schema"
	"github.com/omarty/chat/internal/omarty"
)

// How votes are counted. A poll has its counts beside its options; a vote is a ballot,
// and the difference between what it chose and what it chooses now is what the counts
// change by. Both are read and written under the lock of the poll's room, so no vote is
// counted twice and none is lost.

// Polls gives those of the polls that there are.
func (s *Store) Polls(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Poll, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID]omarty.Poll, error) {
		rows, err := db.Poll.Query().Where(poll.IDIn(rows(ids, omarty.KindPoll)...)).All(ctx)
		return byID(rows, question, func(p omarty.Poll) omarty.ID { return p.ID }), err
	})
}

// Ballots gives, by poll, a person's own votes and, where apartments vote, those of the
// apartments that they live in, in the order in which these were added.
func (s *Store) Ballots(ctx context.Context, polls []omarty.ID, of omarty.ID) (map[omarty.ID][]omarty.Ballot, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID][]omarty.Ballot, error) {
		in := ballot.PollIDIn(rows(polls, omarty.KindPoll)...)
		found := map[omarty.ID][]omarty.Ballot{}
		// Each by an index of its own.
		for _, whose := range []predicate.Ballot{
			ballot.And(ballot.VoterID(of.Row), ballot.ApartmentIDIsNil()),
			ballot.And(ballot.ApartmentIDNotNil(), ofHomes(of)),
		} {
			rows, err := db.Ballot.Query().Where(in, whose).Order(ballot.ByApartmentID()).All(ctx)
			if err != nil {
				return nil, err
			}
			for _, row := range rows {
				b := vote(row)
				found[b.Poll] = append(found[b.Poll], b)
			}
		}
		return found, nil
	})
}

// ofHomes keeps the votes of the apartments that a person lives in.
func ofHomes(of omarty.ID) predicate.Ballot {
	return func(s *sql.Selector) {
		s.Where(sql.In(s.C(ballot.FieldApartmentID), homes(s.Dialect(), of)))
	}
}

// homes selects the apartments that a person lives in.
func homes(dialect string, of omarty.ID) *sql.Selector {
	lives, members := sql.Table(residency.Table), sql.Table(membership.Table)
	return sql.Dialect(dialect).Select(lives.C(residency.FieldApartmentID)).From(lives).
		Join(members).On(lives.C(residency.FieldMembershipID), members.C(membership.FieldID)).
		Where(sql.And(
			sql.EQ(members.C(membership.FieldUserID), of.Row),
			sql.EQ(members.C(membership.FieldStatus), string(omarty.StatusActive)),
		))
}

// DuePolls gives polls that are open beyond their end, those first that ended first.
func (s *Store) DuePolls(ctx context.Context, now time.Time, most int) ([]omarty.Poll, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) ([]omarty.Poll, error) {
		rows, err := db.Poll.Query().Where(poll.ClosedAtIsNil(), poll.ClosesAtLTE(now)).
			Order(poll.ByClosesAt()).Limit(most).All(ctx)
		due := make([]omarty.Poll, len(rows))
		for i, row := range rows {
			due[i] = question(row)
		}
		return due, err
	})
}

// Poll gives a poll as this transaction sees it.
func (tx *Tx) Poll(ctx context.Context, id omarty.ID) (omarty.Poll, error) {
	row, err := tx.tx.Poll.Get(ctx, id.Row)
	if err != nil {
		return omarty.Poll{}, absent(err)
	}
	return question(row), nil
}

// Cast makes what a vote in a poll chooses another, none to take it back, and counts it.
// It tells whether it was another. The vote is the apartment's, or the voter's where that
// is zero. The lock of the poll's room is held.
func (tx *Tx) Cast(ctx context.Context, b omarty.Ballot, voter omarty.ID) (changed bool, err error) {
	p, err := tx.Poll(ctx, b.Poll)
	if err != nil {
		return false, err
	}
	whose := ballot.And(ballot.ApartmentIDIsNil(), ballot.VoterID(voter.Row))
	if !b.Apartment.IsZero() {
		whose = ballot.ApartmentID(b.Apartment.Row)
	}
	var was omarty.Choices
	row, err := tx.tx.Ballot.Query().Where(ballot.PollID(b.Poll.Row), whose).Only(ctx)
	switch {
	case err == nil:
		was = omarty.Choices(row.Choices)
	case !generated.IsNotFound(err):
		return false, err
	}
	switch {
	case b.Choices == was:
		return false, nil
	case was == 0:
		err = tx.tx.Ballot.Create().SetID(uuid.Must(uuid.NewV7())).SetPollID(b.Poll.Row).
			SetNillableApartmentID(rowOf(b.Apartment)).SetVoterID(voter.Row).SetChoices(int64(b.Choices)).Exec(ctx)
	case b.Choices == 0:
		err = tx.tx.Ballot.DeleteOne(row).Exec(ctx)
	default:
		err = row.Update().SetVoterID(voter.Row).SetChoices(int64(b.Choices)).Exec(ctx)
	}
	if err != nil {
		return false, err
	}
	p = p.Count(was, b.Choices)
	return true, tx.tx.Poll.UpdateOneID(p.ID.Row).SetOptions(optionsOf(p)).SetVoterCount(int64(p.VoterCount)).Exec(ctx)
}

// ClosePoll closes a poll, where it is open at a moment beyond its end, and tells whether
// it was. It locks the poll's room: rooms come in the order of their ids.
func (tx *Tx) ClosePoll(ctx context.Context, id, room omarty.ID, at time.Time) (closed bool, err error) {
	if _, err := tx.lockRoom(ctx, room.Row); err != nil {
		return false, err
	}
	n, err := tx.tx.Poll.Update().Where(poll.ID(id.Row), poll.ClosedAtIsNil(), poll.ClosesAtLTE(at)).SetClosedAt(at).Save(ctx)
	return n == 1, err
}

func question(row *generated.Poll) omarty.Poll {
	p := omarty.Poll{
		ID:             omarty.ID{Kind: omarty.KindPoll, Row: row.ID},
		Room:           omarty.ID{Kind: omarty.KindRoom, Row: row.RoomID},
		Question:       row.Question,
		Options:        make([]omarty.PollOption, len(row.Options)),
		MultipleChoice: row.MultipleChoice,
		PerApartment:   row.PerApartment,
		ClosesAt:       inUTC(row.ClosesAt),
		ClosedAt:       inUTC(row.ClosedAt),
		VoterCount:     int(row.VoterCount),
	}
	for i, o := range row.Options {
		p.Options[i] = omarty.PollOption{ID: omarty.ID{Kind: omarty.KindOption, Row: o.ID}, Text: o.Text, VoteCount: o.Votes}
	}
	return p
}

func optionsOf(p omarty.Poll) []schema.PollOption {
	options := make([]schema.PollOption, len(p.Options))
	for i, o := range p.Options {
		options[i] = schema.PollOption{ID: o.ID.Row, Text: o.Text, Votes: o.VoteCount}
	}
	return options
}

func vote(row *generated.Ballot) omarty.Ballot {
	return omarty.Ballot{
		Poll:      omarty.ID{Kind: omarty.KindPoll, Row: row.PollID},
		Apartment: idOf(omarty.KindApartment, row.ApartmentID),
		Choices:   omarty.Choices(row.Choices),
	}
}
