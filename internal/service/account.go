package service

import (
	"context"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// passwordChanges bounds how often a session that was stolen guesses the password, whatever
// it is asked for.
var passwordChanges = omarty.Rate{Name: "changePassword", Burst: 10, Every: time.Minute}

// Account gives the asker's account.
func (s *Service) Account(ctx context.Context, by Asker) (omarty.Account, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.Account{}, err
	}
	account, err := s.Store.Account(ctx, by.User)
	account.Session = by.Session
	return account, err
}

// ChangeProfile changes what is given of the asker's profile: INVALID_INPUT where
// it cannot be so.
func (s *Service) ChangeProfile(ctx context.Context, by Asker, c omarty.ProfileChange) (omarty.Account, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.Account{}, err
	}
	if c.Name != nil {
		name, err := omarty.NormalizeName(*c.Name, omarty.MaxNameLength)
		if err != nil {
			return omarty.Account{}, omarty.At(err, "input.name")
		}
		c.Name = &name
	}
	if c.Locale != nil {
		locale, err := omarty.NormalizeLocale(*c.Locale)
		if err != nil {
			return omarty.Account{}, omarty.At(err, "input.locale")
		}
		c.Locale = &locale
	}
	if c != (omarty.ProfileChange{}) {
		err := s.writeAs(ctx, by, func(ctx context.Context, tx Tx) error {
			if c.Avatar != nil {
				if err := s.setAvatar(ctx, tx, by, *c.Avatar); err != nil {
					return err
				}
			}
			return tx.ChangeProfile(ctx, by.User, c)
		})
		if err != nil {
			return omarty.Account{}, err
		}
		s.viewerChanged(by.User, false)
		if c.Avatar != nil {
			s.dropped()
		}
		if c.SharePresence != nil {
			s.presences.share(by.User)
		}
	}
	return s.Account(ctx, by)
}

// setAvatar makes a file the asker's avatar: NOT_FOUND where it is none that they uploaded
// and did not use, INVALID_INPUT where it has no thumbnail, which is what others see.
func (s *Service) setAvatar(ctx context.Context, tx Tx, by Asker, id omarty.ID) error {
	now := s.now()
	if !id.IsZero() {
		f, err := tx.UnusedFile(ctx, ofKind(id, omarty.KindFile), by.User, now.Add(-omarty.FileKept))
		if err != nil {
			return omarty.At(err, "input.avatar")
		}
		if !f.Thumbnail {
			return omarty.Errorf(omarty.CodeInvalidInput, "It is no image.").At("input.avatar")
		}
	}
	return tx.SetAvatar(ctx, by.User, id, now)
}

// ChangePassword replaces the asker's password and ends their other sessions.
// REQUIRED, INVALID_INPUT and PASSWORD_TOO_WEAK for input.newPassword;
// INVALID_CREDENTIALS for input.currentPassword; RATE_LIMITED; CONFLICT where
// another change of it came first.
func (s *Service) ChangePassword(ctx context.Context, by Asker, current, next string) (omarty.Account, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.Account{}, err
	}
	password, err := omarty.NormalizePassword(next)
	if err != nil {
		return omarty.Account{}, omarty.At(err, "input.newPassword")
	}
	if err := omarty.CheckPasswordStrength(password); err != nil {
		return omarty.Account{}, omarty.At(err, "input.newPassword")
	}
	giveBack, err := s.count(ctx, passwordChanges, by.User.String())
	if err != nil {
		return omarty.Account{}, err
	}
	old, err := s.Store.CredentialsOf(ctx, by.User)
	if err != nil {
		return omarty.Account{}, err
	}
	if err := s.prove(ctx, old, current); err != nil {
		return omarty.Account{}, omarty.At(err, "input.currentPassword")
	}
	giveBack()
	hash, err := s.hash(ctx, password)
	if err != nil {
		return omarty.Account{}, err
	}
	now := s.now()
	err = s.writeAs(ctx, by, func(ctx context.Context, tx Tx) error {
		changed, err := tx.ChangePassword(ctx, old, hash)
		if err != nil {
			return err
		}
		if !changed {
			return omarty.Errorf(omarty.CodeConflict, "The password was changed meanwhile.")
		}
		if _, err := tx.EndOtherSessions(ctx, by.User, by.Session, now); err != nil {
			return err
		}
		return tx.Record(ctx, omarty.AuditRecord{
			ID:      omarty.NewID(omarty.KindAuditEntry),
			At:      now,
			Action:  omarty.ActionChangePassword,
			Actor:   by.User,
			Subject: by.User,
		})
	})
	if err != nil {
		return omarty.Account{}, err
	}
	s.sessionsEnded(by.others())
	s.viewerChanged(by.User, false)
	return s.Account(ctx, by)
}

func (s *Service) hash(ctx context.Context, password string) (string, error) {
	done, err := s.Passwords.Turn(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	return s.Passwords.Hash(password)
}
