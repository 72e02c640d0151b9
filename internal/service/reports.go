package service

import (
	"context"
	"strings"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// reporting bounds how much work one person makes managers.
var reporting = omarty.Rate{Name: "reportMessage", Burst: 20, Every: time.Minute}

// NewReport is a report to be.
type NewReport struct {
	Message omarty.ID
	Reason  string
	// Building is whose managers shall look at a message of a direct room; zero elsewhere.
	Building omarty.ID
}

// ReportMessage asks a building's managers to look at a message, and keeps its text for
// them as it is now. A second report of it by the same person changes nothing. NOT_FOUND
// for who may not read it; CONFLICT where it was deleted; INVALID_INPUT for one's own, and
// for a building that is not the room's, or in direct rooms not of both; REQUIRED where
// none is named there; RATE_LIMITED. Nobody is told but the managers.
func (s *Service) ReportMessage(ctx context.Context, by Asker, in NewReport) error {
	if err := by.SignedIn(); err != nil {
		return err
	}
	reason, err := omarty.NormalizeReason(in.Reason)
	if err != nil {
		return omarty.At(err, "input.reason")
	}
	giveBack, err := s.take(reporting, by.User.String())
	if err != nil {
		return err
	}
	added := false
	err = s.writeAs(ctx, by, func(ctx context.Context, tx Tx) error {
		added = false
		st, err := tx.LockMessage(ctx, ofKind(in.Message, omarty.KindMessage), by.User)
		if err != nil {
			return missing(err, "input.message")
		}
		m := st.Message
		switch {
		case m.Author == by.User:
			return omarty.Errorf(omarty.CodeInvalidInput, "The message is your own.").At("input.message")
		case m.DeletedAt != nil:
			return deleted("input.message")
		}
		building, err := reportedTo(ctx, tx, by, st, in.Building)
		if err != nil {
			return err
		}
		text, err := asItReads(ctx, tx, m)
		if err != nil {
			return err
		}
		r := omarty.Report{
			ID: omarty.NewID(omarty.KindReport), Building: building, Message: m.ID, Room: m.Room, Author: m.Author,
			Reporter: by.User, Text: text, Reason: reason, CreatedAt: s.now(),
		}
		if added, err = tx.AddReport(ctx, r); err != nil || !added {
			return err
		}
		// For the operator alone: managers may be whom it is about.
		return s.record(ctx, tx, by, omarty.ActionReportMessage, omarty.ID{}, r.ID)
	})
	if !added {
		giveBack()
	}
	return err
}

// reportedTo gives the building whose managers look at a message.
func reportedTo(ctx context.Context, tx Tx, by Asker, st omarty.MessageStanding, named omarty.ID) (omarty.ID, error) {
	other := omarty.Errorf(omarty.CodeInvalidInput, "The two of you do not share this building.").At("input.building")
	switch {
	case st.Room.Kind != omarty.RoomDirect && (named.IsZero() || named == st.Room.Building):
		return st.Room.Building, nil
	case st.Room.Kind != omarty.RoomDirect:
		return omarty.ID{}, omarty.Errorf(omarty.CodeInvalidInput, "The message is not of this building.").At("input.building")
	case named.IsZero():
		return omarty.ID{}, omarty.Errorf(omarty.CodeRequired, "Say whose managers should look.").At("input.building")
	case st.Message.Author.IsZero():
		return omarty.ID{}, other
	}
	both, err := tx.ActiveMembers(ctx, ofKind(named, omarty.KindBuilding), []omarty.ID{by.User, st.Message.Author})
	if err == nil && len(both) < 2 {
		err = other
	}
	return named, err
}

// asItReads gives all that a message says: its text, and what its poll asks.
func asItReads(ctx context.Context, tx Tx, m omarty.Message) (string, error) {
	if !m.HasPoll {
		return m.Text, nil
	}
	poll, err := tx.Poll(ctx, m.ID.As(omarty.KindPoll))
	if err != nil {
		return "", err
	}
	lines := []string{poll.Question}
	if m.Text != "" {
		lines = []string{m.Text, poll.Question}
	}
	for _, option := range poll.Options {
		lines = append(lines, option.Text)
	}
	return strings.Join(lines, "\n"), nil
}

// ResolveReport says that a report was seen to, for the managers of its building:
// NOT_FOUND to others. One that is resolved stays as it is.
func (s *Service) ResolveReport(ctx context.Context, by Asker, id omarty.ID) (omarty.Report, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.Report{}, err
	}
	r, err := s.report(ctx, by, ofKind(id, omarty.KindReport))
	if err != nil {
		return omarty.Report{}, missing(err, "report")
	}
	// What kind of room it is never changes.
	rooms, err := s.Store.Rooms(ctx, []omarty.ID{r.Room})
	if err != nil {
		return omarty.Report{}, err
	}
	err = s.writeAs(ctx, by, func(ctx context.Context, tx Tx) error {
		// While nobody changes who manages.
		if _, err := tx.LockBuilding(ctx, r.Building); err != nil {
			return missing(err, "report")
		}
		own, err := tx.MembershipIn(ctx, r.Building, by.User)
		if err != nil || !own.Manages() {
			return unlessAbsentElse(err, notThere().At("report"))
		}
		if r, err = tx.LockReport(ctx, r.ID); err != nil || r.ResolvedAt != nil {
			return missing(err, "report")
		}
		now := s.now()
		r.ResolvedAt, r.ResolvedBy = &now, by.User
		if err := tx.ResolveReport(ctx, r.ID, by.User, now); err != nil {
			return err
		}
		// An entry about a report that a manager is not given would tell them of it.
		return s.recordIn(ctx, tx, by, omarty.ActionResolveReport, rooms[r.Room], r.ID)
	})
	return r, err
}

// unlessAbsentElse gives an error that is not NOT_FOUND; another in the place of that or
// of none.
func unlessAbsentElse(err, other error) error {
	if err := unlessAbsent(err); err != nil {
		return err
	}
	return other
}

// Reports gives a page of a building's reports to its managers, the open ones first, and
// the newest of them. Of what they wrote in a direct room or a group a manager is given
// none: where few are, it would tell who reported it.
func (s *Service) Reports(ctx context.Context, by Asker, building omarty.ID, page omarty.Page) (omarty.Slice[omarty.Report], error) {
	if err := s.CheckManages(ctx, by, building); err != nil {
		return omarty.Slice[omarty.Report]{}, err
	}
	return s.Store.Reports(ctx, building, by.User, page)
}

// report gives a report to who may read it.
func (s *Service) report(ctx context.Context, by Asker, id omarty.ID) (omarty.Report, error) {
	building, err := s.Store.BuildingOf(ctx, id)
	if err != nil {
		return omarty.Report{}, err
	}
	if err := s.CheckManages(ctx, by, building); err != nil {
		return omarty.Report{}, err
	}
	r, err := s.Store.Report(ctx, id)
	if err != nil || r.Author != by.User {
		return r, err
	}
	rooms, err := s.Store.Rooms(ctx, []omarty.ID{r.Room})
	if err == nil && !rooms[r.Room].IsBuildings() {
		return omarty.Report{}, notThere()
	}
	return r, err
}

// AuditLines gives a page of the audit log, with where devices were, to an operator: the
// oldest first.
func (s *Service) AuditLines(ctx context.Context, in omarty.AuditFilter, page omarty.Page) (omarty.Slice[omarty.AuditRecord], error) {
	return s.Store.AuditLines(ctx, in, page)
}
