package service

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// Codes that are asked for are counted by who asks and where from: each is a mail, or a
// message that an operator pays for. Codes that are guessed are counted beside the tries
// of each, since who guesses can ask for another.
var (
	codesByPerson    = omarty.Rate{Name: "code by person", Burst: 5, Every: time.Minute}
	codesByPlace     = omarty.Rate{Name: "code by place", Burst: 60, Every: 15 * time.Second}
	guessesByPerson  = omarty.Rate{Name: "code guessed by person", Burst: 20, Every: 5 * time.Minute}
	guessesByPlace   = omarty.Rate{Name: "code guessed by place", Burst: 60, Every: 15 * time.Second}
	errInvalidCode   = omarty.Errorf(omarty.CodeInvalidCode, "The code is unknown, used up or too old.")
	errNoSuchContact = omarty.Errorf(omarty.CodeNotFound, "The account has none.")
)

// takeTwo counts an attempt twice, by place and by whom it is for.
func (s *Service) takeTwo(ctx context.Context, byPlace, byPerson omarty.Rate, by Asker, person string) (giveBack func(), err error) {
	taken, err := s.takeOf(ctx, s.bucket(byPlace, by.place()), s.bucket(byPerson, person))
	return func() { _ = s.Rates.GiveBack(context.WithoutCancel(ctx), taken...) }, err
}

// sendCode stores a new code for somebody whose account is locked, and has it sent.
func (s *Service) sendCode(ctx context.Context, tx Tx, to omarty.Account, p omarty.Purpose, by omarty.Contact, at string, expiresAt time.Time) error {
	code := omarty.NewCode()
	now := s.now()
	sent := omarty.SentCode{
		ID: omarty.NewID(omarty.KindCode), User: to.User.ID, Purpose: p, To: at,
		Mark: s.markOf(to.User.ID, p, at, code), CreatedAt: now, ExpiresAt: expiresAt,
	}
	if err := tx.PutCode(ctx, sent); err != nil {
		return err
	}
	l := omarty.CodeLetter(at, to.Locale, code, p == omarty.ResetPurpose(by))
	return s.sendLetter(ctx, tx, by, l, expiresAt)
}

// markOf is what a code is kept as.
func (s *Service) markOf(of omarty.ID, p omarty.Purpose, at, code string) []byte {
	return s.Secrets.Mark("code", of.String(), string(p), at, code)
}

// sendLetter has a letter sent once the transaction has committed.
func (s *Service) sendLetter(ctx context.Context, tx Tx, by omarty.Contact, l omarty.Letter, expiresAt time.Time) error {
	kind := omarty.TaskMail
	if by == omarty.ContactPhone {
		kind = omarty.TaskPhone
	}
	return s.addTask(ctx, tx, kind, l, expiresAt)
}

// addTask has something done once the transaction has committed.
func (s *Service) addTask(ctx context.Context, tx Tx, kind omarty.TaskKind, what any, expiresAt time.Time) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	now := s.now()
	return tx.AddTask(ctx, omarty.Task{
		ID: omarty.NewID(omarty.KindTask), Kind: kind, Sealed: s.Secrets.Seal(text),
		CreatedAt: now, DueAt: now, ExpiresAt: expiresAt,
	})
}

// guess tells whether a code is the one that somebody has for a purpose, and counts the
// guess where it is not. It takes the same work whether they have one or not. In use,
// which is called for the right one, the code is used up.
func (s *Service) guess(ctx context.Context, tx Tx, of omarty.ID, code string, purposes []omarty.Purpose, use func(omarty.SentCode) error) (right bool, err error) {
	for _, p := range purposes {
		sent, err := tx.CodeOf(ctx, of, p)
		if unlessAbsent(err) != nil {
			return false, err
		}
		mark := s.markOf(of, p, sent.To, code)
		equal := hmac.Equal(mark, sent.Mark)
		if equal && err == nil && code != "" && sent.Good(s.now()) {
			if err := tx.DropCode(ctx, sent.ID); err != nil {
				return false, err
			}
			return true, use(sent)
		}
		// Of nobody's code nothing is counted; so that the commit has something to write
		// there too, something else is written each time.
		if err := tx.CountTry(ctx, sent.ID); err != nil {
			return false, err
		}
		if err := s.pretend(ctx, tx); err != nil {
			return false, err
		}
	}
	return false, nil
}

// pretend writes something, and changes nothing.
func (s *Service) pretend(ctx context.Context, tx Tx) error {
	now := s.now()
	t := omarty.Task{ID: omarty.NewID(omarty.KindTask), Sealed: []byte{0}, CreatedAt: now, DueAt: now, ExpiresAt: now}
	if err := tx.AddTask(ctx, t); err != nil {
		return err
	}
	return tx.RemoveTask(ctx, t.ID)
}

// contactOf gives where an account is reached; "" where it is not.
func contactOf(a omarty.Account, c omarty.Contact) string {
	switch {
	case c == omarty.ContactEmail && a.Email != nil:
		return *a.Email
	case c == omarty.ContactPhone && a.Phone != nil:
		return string(*a.Phone)
	}
	return ""
}

// RequestVerification sends a code to the asker's e-mail address or phone, and tells when
// it ends: NOT_FOUND where the account has none; RATE_LIMITED.
func (s *Service) RequestVerification(ctx context.Context, by Asker, c omarty.Contact) (time.Time, error) {
	account, err := s.Account(ctx, by)
	if err != nil {
		return time.Time{}, err
	}
	at := contactOf(account, c)
	if at == "" {
		return time.Time{}, omarty.At(errNoSuchContact, "contact")
	}
	if _, err := s.takeTwo(ctx, codesByPlace, codesByPerson, by, by.User.String()); err != nil {
		return time.Time{}, err
	}
	expiresAt := s.now().Add(omarty.CodeLifetime)
	err = s.writeAs(ctx, by, func(ctx context.Context, tx Tx) error {
		account, err := tx.LockAccount(ctx, by.User)
		if err != nil {
			return err
		}
		if at = contactOf(account, c); at == "" {
			return omarty.At(errNoSuchContact, "contact")
		}
		return s.sendCode(ctx, tx, account, omarty.VerifyPurpose(c), c, at, expiresAt)
	})
	s.outbox.wake()
	return expiresAt, err
}

// ContactChange is another e-mail address or phone number, of which one is given.
type ContactChange struct {
	Email, Phone *string
	Password     string
}

// ChangeContact sends a code to another e-mail address or phone number, which becomes the
// asker's when Verify is given that. INVALID_INPUT where not one of the two is given, or
// where it cannot be; EMAIL_TAKEN, PHONE_TAKEN; INVALID_CREDENTIALS for input.password;
// RATE_LIMITED.
func (s *Service) ChangeContact(ctx context.Context, by Asker, in ContactChange) (omarty.Account, error) {
	account, err := s.Account(ctx, by)
	if err != nil {
		return omarty.Account{}, err
	}
	c, at, err := s.newContact(in)
	if err != nil {
		return omarty.Account{}, err
	}
	if err := s.proveAgain(ctx, by, in.Password, passwordChanges); err != nil {
		return omarty.Account{}, omarty.At(err, "input.password")
	}
	// After the password: whose address it is, is nobody's business who stole a phone.
	if contactOf(account, c) != at {
		if err := s.checkContactFree(ctx, c, at); err != nil {
			return omarty.Account{}, err
		}
	}
	if _, err := s.takeTwo(ctx, codesByPlace, codesByPerson, by, by.User.String()); err != nil {
		return omarty.Account{}, err
	}
	err = s.writeAs(ctx, by, func(ctx context.Context, tx Tx) error {
		if _, err := tx.LockAccount(ctx, by.User); err != nil {
			return err
		}
		return s.sendCode(ctx, tx, account, omarty.ChangePurpose(c), c, at, s.now().Add(omarty.CodeLifetime))
	})
	s.outbox.wake()
	return account, err
}

// newContact reads which contact is to be changed, and to what.
func (s *Service) newContact(in ContactChange) (omarty.Contact, string, error) {
	switch {
	case (in.Email == nil) == (in.Phone == nil):
		return "", "", omarty.Errorf(omarty.CodeInvalidInput, "One of the two is given, an e-mail address or a phone number.").At("input")
	case in.Email != nil:
		email, err := omarty.ParseEmail(*in.Email)
		return omarty.ContactEmail, email.Address, omarty.At(err, "input.email")
	}
	phone, err := omarty.ParsePhone(*in.Phone, s.Region)
	return omarty.ContactPhone, string(phone), omarty.At(err, "input.phone")
}

func (s *Service) checkContactFree(ctx context.Context, c omarty.Contact, at string) error {
	if c == omarty.ContactEmail {
		email, err := omarty.ParseEmail(at)
		if err != nil {
			return err
		}
		return s.checkEmailTaken(ctx, email)
	}
	taken, err := s.Store.PhoneTaken(ctx, omarty.Phone(at))
	if err == nil && taken {
		return phoneTaken()
	}
	return err
}

// proveAgain is INVALID_CREDENTIALS unless the password is the asker's; RATE_LIMITED.
func (s *Service) proveAgain(ctx context.Context, by Asker, password string, r omarty.Rate) error {
	giveBack, err := s.count(ctx, r, by.User.String())
	if err != nil {
		return err
	}
	known, err := s.Store.CredentialsOf(ctx, by.User)
	if err != nil {
		return err
	}
	if err := s.prove(ctx, known, password); err != nil {
		return err
	}
	giveBack()
	return nil
}

// Verify proves by a code that an e-mail address or phone number is the asker's, which it
// becomes where it was that of ChangeContact. INVALID_CODE for a code that is not the one
// that was sent last, was used, is too old, or was guessed wrongly too often; EMAIL_TAKEN
// or PHONE_TAKEN where another came first; RATE_LIMITED.
func (s *Service) Verify(ctx context.Context, by Asker, c omarty.Contact, code string) (omarty.Account, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.Account{}, err
	}
	giveBack, err := s.takeTwo(ctx, guessesByPlace, guessesByPerson, by, by.User.String())
	if err != nil {
		return omarty.Account{}, err
	}
	right := false
	err = s.writeAs(ctx, by, func(ctx context.Context, tx Tx) error {
		account, err := tx.LockAccount(ctx, by.User)
		if err != nil {
			return err
		}
		right, err = s.guess(ctx, tx, by.User, omarty.ParseCode(code), []omarty.Purpose{omarty.ChangePurpose(c), omarty.VerifyPurpose(c)},
			func(sent omarty.SentCode) error { return s.verified(ctx, tx, account, c, sent) })
		return err
	})
	if omarty.CodeOf(err) == omarty.CodeConflict {
		err = omarty.Errorf(omarty.CodeEmailTaken, "An account has this e-mail address.")
		if c == omarty.ContactPhone {
			err = omarty.Errorf(omarty.CodePhoneTaken, "An account has this phone number.")
		}
	}
	if err == nil && !right {
		err = omarty.At(errInvalidCode, "code")
	}
	if err != nil {
		return omarty.Account{}, err
	}
	giveBack()
	s.outbox.wake()
	s.viewerChanged(by.User, false)
	return s.Account(ctx, by)
}

// verified makes a contact the account's where it is not, and notes that it is verified.
func (s *Service) verified(ctx context.Context, tx Tx, a omarty.Account, c omarty.Contact, sent omarty.SentCode) error {
	now := s.now()
	former, action := contactOf(a, c), omarty.ActionVerify
	if former != sent.To {
		if sent.Purpose != omarty.ChangePurpose(c) {
			return omarty.At(errInvalidCode, "code") // the address was changed since
		}
		action = omarty.ActionChangeContact
	}
	if err := setContact(ctx, tx, a.User.ID, c, sent.To, now); err != nil {
		return err
	}
	if former != "" && former != sent.To {
		if err := s.sendLetter(ctx, tx, c, omarty.ChangedLetter(former, a.Locale), now.Add(noticeLifetime)); err != nil {
			return err
		}
	}
	return s.recordOwn(ctx, tx, a.User.ID, action)
}

// noticeLifetime is for how long it is tried to tell somebody of what was changed.
const noticeLifetime = 24 * time.Hour

// setContact stores a verified contact.
func setContact(ctx context.Context, tx Tx, of omarty.ID, c omarty.Contact, at string, now time.Time) error {
	if c == omarty.ContactPhone {
		phone := omarty.Phone(at)
		return tx.SetPhone(ctx, of, &phone, &now)
	}
	email, err := omarty.ParseEmail(at)
	if err != nil {
		return err
	}
	return tx.SetEmail(ctx, of, &email, &now)
}

// recordOwn writes a line of the audit log about what somebody did to their account.
func (s *Service) recordOwn(ctx context.Context, tx Tx, who omarty.ID, action omarty.Action) error {
	return tx.Record(ctx, omarty.AuditRecord{ID: omarty.NewID(omarty.KindAuditEntry), At: s.now(), Action: action, Actor: who, Subject: who})
}
