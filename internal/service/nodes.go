package service

import (
	"context"

	"github.com/omarty/chat/internal/omarty"
)

// Node gives what an id names, as far as the asker may see it; NOT_FOUND for all
// else.
func (s *Service) Node(ctx context.Context, by Asker, id omarty.ID) (omarty.Node, error) {
	if by.SignedIn() != nil {
		return nil, notThere()
	}
	switch id.Kind {
	case omarty.KindUser:
		return as(s.user(ctx, by, id))
	case omarty.KindViewer:
		if id != by.User.As(omarty.KindViewer) {
			return nil, notThere()
		}
		return as(s.Account(ctx, by))
	case omarty.KindSession:
		return as(s.session(ctx, by, id))
	case omarty.KindDataExport:
		return as(s.Export(ctx, by, id))
	case omarty.KindBuilding:
		return as(s.Building(ctx, by, id))
	case omarty.KindApartment:
		return as(s.apartment(ctx, by, id))
	case omarty.KindMembership:
		return as(s.membership(ctx, by, id))
	case omarty.KindInvitation:
		return as(s.invitation(ctx, by, id))
	case omarty.KindRoom:
		return as(s.Room(ctx, by, id))
	case omarty.KindMessage:
		return as(s.Message(ctx, by, id))
	case omarty.KindPoll:
		return as(s.poll(ctx, by, id))
	case omarty.KindNotice:
		return as(s.notice(ctx, by, id))
	case omarty.KindFile:
		return as(s.File(ctx, by, id))
	case omarty.KindParticipant:
		return as(s.participant(ctx, by, id))
	case omarty.KindAuditEntry:
		return as(s.auditEntry(ctx, by, id))
	case omarty.KindReport:
		return as(s.report(ctx, by, id))
	}
	return nil, notThere()
}

// as gives a noun as a Node.
func as[T omarty.Node](found T, err error) (omarty.Node, error) {
	if err != nil {
		return nil, err
	}
	return found, nil
}

func notThere() *omarty.Error {
	return omarty.Errorf(omarty.CodeNotFound, "It does not exist.")
}

// unlessAbsent gives an error that is not NOT_FOUND. What is not there is treated as
// what belongs to a building that is not there, so that an answer takes its time as
// if it were.
func unlessAbsent(err error) error {
	if omarty.CodeOf(err) == omarty.CodeNotFound {
		return nil
	}
	return err
}

// user gives a person to themselves and to those who share an active building or a
// room with them.
func (s *Service) user(ctx context.Context, by Asker, id omarty.ID) (omarty.User, error) {
	if id != by.User {
		meet, err := s.Store.Meet(ctx, by.User, id)
		if err != nil {
			return omarty.User{}, err
		}
		if !meet {
			return omarty.User{}, notThere()
		}
	}
	found, err := s.Store.Users(ctx, []omarty.ID{id})
	if err != nil {
		return omarty.User{}, err
	}
	return found[id], nil
}

func (s *Service) session(ctx context.Context, by Asker, id omarty.ID) (omarty.Session, error) {
	sessions, err := s.Sessions(ctx, by)
	if err != nil {
		return omarty.Session{}, err
	}
	for _, session := range sessions {
		if session.ID == id {
			return session, nil
		}
	}
	return omarty.Session{}, notThere()
}

// Where a thing is, is read first, and nothing else of it: whether it is there or not, who
// may not see it waits as long.

func (s *Service) apartment(ctx context.Context, by Asker, id omarty.ID) (omarty.Apartment, error) {
	building, err := s.Store.BuildingOf(ctx, id)
	if err != nil {
		return omarty.Apartment{}, err
	}
	if err := s.checkActive(ctx, by, building); err != nil {
		return omarty.Apartment{}, err
	}
	found, err := s.Store.Apartments(ctx, []omarty.ID{id})
	return found[id], err
}

// membership gives their own to everyone, and another's to who sees it.
func (s *Service) membership(ctx context.Context, by Asker, id omarty.ID) (omarty.Membership, error) {
	building, err := s.Store.BuildingOf(ctx, id)
	if err != nil {
		return omarty.Membership{}, err
	}
	own, err := s.Store.MembershipIn(ctx, building, by.User)
	switch {
	case err != nil, own.ID == id:
		return own, err
	case !own.Active():
		return own, notThere()
	}
	m, err := s.Store.Membership(ctx, id)
	if err == nil && !own.Sees(m) {
		return m, notThere()
	}
	return m, err
}

func (s *Service) invitation(ctx context.Context, by Asker, id omarty.ID) (omarty.Invitation, error) {
	building, err := s.Store.BuildingOf(ctx, id)
	if err != nil {
		return omarty.Invitation{}, err
	}
	if err := s.CheckManages(ctx, by, building); err != nil {
		return omarty.Invitation{}, err
	}
	return s.Store.Invitation(ctx, id)
}

func (s *Service) participant(ctx context.Context, by Asker, id omarty.ID) (omarty.Participant, error) {
	room, err := s.Store.RoomOf(ctx, id)
	if err != nil {
		return omarty.Participant{}, err
	}
	if _, err := s.Store.RoomFor(ctx, room, by.User); err != nil {
		return omarty.Participant{}, err
	}
	return s.Store.Participant(ctx, id)
}

func (s *Service) auditEntry(ctx context.Context, by Asker, id omarty.ID) (omarty.AuditRecord, error) {
	building, err := s.Store.BuildingOf(ctx, id)
	if err != nil {
		return omarty.AuditRecord{}, err
	}
	if err := s.CheckManages(ctx, by, building); err != nil {
		return omarty.AuditRecord{}, err
	}
	return s.Store.AuditRecord(ctx, id)
}
