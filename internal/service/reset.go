package service

import (
	"context"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// RequestPasswordReset has a code sent to who has a login, an e-mail address or a phone
// number, if anybody has; it tells when the code ends. Whether anybody does is found out
// afterwards, so that neither the answer nor its time tells. RATE_LIMITED.
func (s *Service) RequestPasswordReset(ctx context.Context, by Asker, raw string) (time.Time, error) {
	l := s.parseLogin(raw)
	if _, err := s.takeTwo(ctx, codesByPlace, codesByPerson, by, l.key()); err != nil {
		return time.Time{}, err
	}
	expiresAt := s.now().Add(omarty.CodeLifetime)
	err := s.Write(ctx, func(ctx context.Context, tx Tx) error {
		return s.addTask(ctx, tx, omarty.TaskReset, resetTask{Email: l.email.Address, Phone: l.phone}, expiresAt)
	})
	s.outbox.wake()
	return expiresAt, err
}

// resetTask says whose password is to be reset.
type resetTask struct {
	Email string       `json:",omitempty"`
	Phone omarty.Phone `json:",omitempty"`
}

// key names a login in buckets: what is neither an address nor a number has its own, too, as
// if somebody could have it.
func (l login) key() string { return l.email.Key + string(l.phone) + l.other }

// contact gives which contact a login is.
func (l login) contact() omarty.Contact {
	if l.email != (omarty.Email{}) {
		return omarty.ContactEmail
	}
	return omarty.ContactPhone
}

// doReset sends a code to who has a login, if anybody has.
func (s *Service) doReset(ctx context.Context, t omarty.Task, what resetTask) error {
	l := login{phone: what.Phone}
	if what.Email != "" {
		l.email, _ = omarty.ParseEmail(what.Email)
	}
	account, err := s.Store.Person(ctx, l.email, l.phone)
	if unlessAbsent(err) != nil {
		return err
	}
	known := err == nil && account.DisabledAt == nil
	err = s.Write(ctx, func(ctx context.Context, tx Tx) error {
		if known {
			// The account may have been erased since, or its address be another.
			now, err := tx.LockAccount(ctx, account.User.ID)
			if err != nil {
				return err
			}
			if at := contactOf(now, l.contact()); at != "" && now.DisabledAt == nil && at == contactOf(account, l.contact()) {
				if err := s.sendCode(ctx, tx, now, omarty.ResetPurpose(l.contact()), l.contact(), at, t.ExpiresAt); err != nil {
					return err
				}
			}
		}
		return tx.RemoveTask(ctx, t.ID)
	})
	s.outbox.wake()
	return err
}

// ResetPassword sets another password for who has a login and the code that was sent
// there, ends all of their sessions, and tells who it was. The login is proved by it: where the account's
// other contact never was, it goes, so that who squats on a number does not keep it.
// REQUIRED, INVALID_INPUT and PASSWORD_TOO_WEAK for input.newPassword; INVALID_CODE for
// input.code, and for a login that nobody has, after the same work; RATE_LIMITED.
func (s *Service) ResetPassword(ctx context.Context, by Asker, raw, code, next string) (omarty.ID, error) {
	password, err := omarty.NormalizePassword(next)
	if err == nil {
		err = omarty.CheckPasswordStrength(password)
	}
	if err != nil {
		return omarty.ID{}, omarty.At(err, "input.newPassword")
	}
	l := s.parseLogin(raw)
	giveBack, err := s.takeTwo(ctx, guessesByPlace, guessesByPerson, by, l.key())
	if err != nil {
		return omarty.ID{}, err
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return omarty.ID{}, err
	}
	account, err := s.Store.Person(ctx, l.email, l.phone)
	if unlessAbsent(err) != nil {
		return omarty.ID{}, err
	}
	if err != nil || account.DisabledAt != nil {
		account = omarty.Account{}
	}
	right := false
	err = s.Write(ctx, func(ctx context.Context, tx Tx) error {
		now, err := tx.LockAccount(ctx, account.User.ID)
		if unlessAbsent(err) != nil {
			return err
		}
		right, err = s.guess(ctx, tx, account.User.ID, omarty.ParseCode(code), []omarty.Purpose{omarty.ResetPurpose(l.contact())},
			func(sent omarty.SentCode) error { return s.reset(ctx, tx, now, l.contact(), sent, hash) })
		return err
	})
	if err == nil && !right {
		err = omarty.At(errInvalidCode, "input.code")
	}
	if err != nil {
		return omarty.ID{}, err
	}
	giveBack()
	s.allSessionsEnded(account.User.ID)
	return account.User.ID, nil
}

// reset sets a password's hash, and what follows from the code being right.
func (s *Service) reset(ctx context.Context, tx Tx, a omarty.Account, c omarty.Contact, sent omarty.SentCode, hash string) error {
	if contactOf(a, c) != sent.To || a.DisabledAt != nil {
		return omarty.At(errInvalidCode, "input.code") // the address was changed since
	}
	now := s.now()
	if err := tx.SetPassword(ctx, a.User.ID, hash); err != nil {
		return err
	}
	if err := setContact(ctx, tx, a.User.ID, c, sent.To, now); err != nil {
		return err
	}
	var err error
	switch {
	case c == omarty.ContactEmail && !a.PhoneVerified:
		err = tx.SetPhone(ctx, a.User.ID, nil, nil)
	case c == omarty.ContactPhone && !a.EmailVerified:
		err = tx.SetEmail(ctx, a.User.ID, nil, nil)
	}
	if err != nil {
		return err
	}
	// A code that was sent to somebody else's address is worth nothing any more.
	if err := tx.DropCodes(ctx, a.User.ID); err != nil {
		return err
	}
	if _, err := tx.EndOtherSessions(ctx, a.User.ID, omarty.ID{}, now); err != nil {
		return err
	}
	return s.recordOwn(ctx, tx, a.User.ID, omarty.ActionResetPassword)
}

// allSessionsEnded sees to it that nothing more is done on this node with the sessions of
// somebody, which have all ended.
func (s *Service) allSessionsEnded(of omarty.ID) {
	s.sessionsEnded(omarty.Ended{User: of})
	s.viewerChanged(of, false)
}
