package service

import (
	"context"
	"crypto/rand"

	"github.com/omarty/chat/internal/omarty"
)

// What an operator does, who has the database and so needs no session.

// Person gives who has a login, an e-mail address or a phone number, or an id, to an
// operator: NOT_FOUND where nobody has.
func (s *Service) Person(ctx context.Context, raw string) (omarty.Account, error) {
	if id, ok := omarty.ParseID(raw); ok && id.Kind == omarty.KindUser {
		return s.Store.Account(ctx, id)
	}
	l := s.parseLogin(raw)
	return s.Store.Person(ctx, l.email, l.phone)
}

// Belongings gives what an operator is told of a person beside their account: how many
// sessions they have, and their memberships.
func (s *Service) Belongings(ctx context.Context, of omarty.ID) (sessions int, memberships []omarty.Membership, err error) {
	all, err := s.Store.Sessions(ctx, of, s.now())
	if err != nil {
		return 0, nil, err
	}
	memberships, err = s.Store.MembershipsOf(ctx, of)
	return len(all), memberships, err
}

// DisableUser keeps a person from signing in, and ends their sessions; EnableUser lets
// them sign in again.
func (s *Service) DisableUser(ctx context.Context, id omarty.ID) error {
	now := s.now()
	err := s.Write(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := tx.LockAccount(ctx, id); err != nil {
			return err
		}
		if err := tx.SetDisabled(ctx, id, &now); err != nil {
			return err
		}
		if err := tx.DropCodes(ctx, id); err != nil {
			return err
		}
		if _, err := tx.EndOtherSessions(ctx, id, omarty.ID{}, now); err != nil {
			return err
		}
		return s.recordOf(ctx, tx, omarty.ActionDisableUser, id)
	})
	if err == nil {
		s.allSessionsEnded(id)
	}
	return err
}

// EnableUser is beside DisableUser.
func (s *Service) EnableUser(ctx context.Context, id omarty.ID) error {
	return s.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := tx.SetDisabled(ctx, id, nil); err != nil {
			return err
		}
		return s.recordOf(ctx, tx, omarty.ActionEnableUser, id)
	})
}

// GivePassword gives a person a new random password, ends their sessions, and tells the
// password, which is kept nowhere.
func (s *Service) GivePassword(ctx context.Context, id omarty.ID) (string, error) {
	password := rand.Text()[:20]
	hash, err := s.hash(ctx, password)
	if err != nil {
		return "", err
	}
	now := s.now()
	err = s.Write(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := tx.LockAccount(ctx, id); err != nil {
			return err
		}
		if err := tx.SetPassword(ctx, id, hash); err != nil {
			return err
		}
		// A code that somebody else has asked for shall not undo it.
		if err := tx.DropCodes(ctx, id); err != nil {
			return err
		}
		if _, err := tx.EndOtherSessions(ctx, id, omarty.ID{}, now); err != nil {
			return err
		}
		return s.recordOf(ctx, tx, omarty.ActionResetPassword, id)
	})
	if err == nil {
		s.allSessionsEnded(id)
	}
	return password, err
}

// recordOf writes a line of the audit log about what an operator did to a person.
func (s *Service) recordOf(ctx context.Context, tx Tx, action omarty.Action, to omarty.ID) error {
	return tx.Record(ctx, omarty.AuditRecord{ID: omarty.NewID(omarty.KindAuditEntry), At: s.now(), Action: action, Subject: to})
}
