package service

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/omarty/chat/internal/omarty"
)

// registrations bounds how often an address opens accounts. It is wide, since the
// phones of a whole town may share the address of their carrier.
var registrations = omarty.Rate{Name: "register", Burst: 220, Every: 10 * time.Second}

// Registration is what somebody opens an account with, as they typed it.
type Registration struct {
	Phone           string
	Email           string
	Password        string
	ConfirmPassword string
	Name            string
	// Longitude and Latitude tell where the device is; nil where it does not say.
	Longitude *float64
	Latitude  *float64
}

type minPasswordKey struct{}

// WithMinPassword lets Register take passwords of that many characters or more,
// whatever they are, in the calls that carry the context. It is for the door that
// promised so long ago, and no argument of the API can ask for it.
func WithMinPassword(ctx context.Context, characters int) context.Context {
	return context.WithValue(ctx, minPasswordKey{}, characters)
}

func checkPasswordStrength(ctx context.Context, password string) error {
	least, exempt := ctx.Value(minPasswordKey{}).(int)
	if !exempt {
		return omarty.CheckPasswordStrength(password)
	}
	if utf8.RuneCountInString(password) < least {
		return omarty.Errorf(omarty.CodePasswordTooWeak, "A password has at least %d characters.", least)
	}
	return nil
}

// Register opens an account for anybody. The first of these is the answer, also
// where others register the same at that moment: REQUIRED, in the order of the
// fields of the API; PASSWORD_MISMATCH; INVALID_INPUT input.email; EMAIL_TAKEN;
// INVALID_INPUT input.phone; PHONE_TAKEN; PASSWORD_TOO_WEAK; INVALID_INPUT for the
// rest. RATE_LIMITED comes before all.
func (s *Service) Register(ctx context.Context, by Asker, in Registration) (omarty.User, error) {
	if _, err := s.count(ctx, registrations, by.place()); err != nil {
		return omarty.User{}, err
	}
	a, err := s.admissible(ctx, in)
	if err != nil {
		return omarty.User{}, err
	}
	done, err := s.Passwords.Turn(ctx)
	if err != nil {
		return omarty.User{}, err
	}
	defer done()
	// Whoever waited for a turn may have lost the race meanwhile: no need to hash.
	if err := s.checkTaken(ctx, a); err != nil {
		return omarty.User{}, err
	}
	hash, err := s.Passwords.Hash(a.password)
	if err != nil {
		return omarty.User{}, err
	}
	now := s.now()
	user := omarty.User{ID: omarty.NewID(omarty.KindUser), Name: a.name, SharesPresence: true}
	err = s.Write(ctx, func(ctx context.Context, tx Tx) error {
		account := omarty.Account{
			User:           user,
			CreatedAt:      now,
			Phone:          &a.phone,
			Locale:         s.locale,
			ShareReadMarks: true,
			SharePresence:  true,
		}
		if err := tx.CreateAccount(ctx, account, a.email, hash); err != nil {
			return err
		}
		return tx.Record(ctx, omarty.AuditRecord{
			ID:      omarty.NewID(omarty.KindAuditEntry),
			At:      now,
			Action:  omarty.ActionRegister,
			Actor:   user.ID,
			Subject: user.ID,
			Place:   a.place,
		})
	})
	if omarty.CodeOf(err) == omarty.CodeConflict {
		// Somebody came first between the check and the commit. Which of the two
		// values is theirs is for the order of checks to say, not for the database.
		if taken := s.checkTaken(ctx, a); taken != nil {
			return omarty.User{}, taken
		}
		err = omarty.Errorf(omarty.CodeUnavailable, "Others registered the same at that moment; try again.")
	}
	if err != nil {
		return omarty.User{}, err
	}
	return user, nil
}

// applicant is a Registration that may become an account.
type applicant struct {
	email    omarty.Email
	phone    omarty.Phone
	password string
	name     string
	place    *omarty.Coordinates
}

func (s *Service) admissible(ctx context.Context, in Registration) (applicant, error) {
	var a applicant
	for _, needed := range []struct{ field, value string }{
		{"input.phone", strings.TrimSpace(in.Phone)},
		{"input.email", strings.TrimSpace(in.Email)},
		{"input.password", in.Password},
		{"input.confirmPassword", in.ConfirmPassword},
		{"input.name", strings.TrimSpace(in.Name)},
	} {
		if needed.value == "" {
			return a, omarty.Errorf(omarty.CodeRequired, "It must not be empty.").At(needed.field)
		}
	}
	if norm.NFC.String(in.Password) != norm.NFC.String(in.ConfirmPassword) {
		return a, omarty.Errorf(omarty.CodePasswordMismatch, "The two passwords differ.").At("input.confirmPassword")
	}
	var err error
	if a.email, err = omarty.ParseEmail(in.Email); err != nil {
		return a, omarty.At(err, "input.email")
	}
	if err := s.checkEmailTaken(ctx, a.email); err != nil {
		return a, err
	}
	if a.phone, err = omarty.ParsePhone(in.Phone, s.Region); err != nil {
		return a, omarty.At(err, "input.phone")
	}
	if err := s.checkTaken(ctx, a); err != nil {
		return a, err
	}
	var malformed error
	if a.password, malformed = omarty.NormalizePassword(in.Password); malformed == nil {
		if err := checkPasswordStrength(ctx, a.password); err != nil {
			return a, omarty.At(err, "input.password")
		}
	}
	if malformed != nil {
		return a, omarty.At(malformed, "input.password")
	}
	if a.name, err = omarty.NormalizeName(in.Name, omarty.MaxNameLength); err != nil {
		return a, omarty.At(err, "input.name")
	}
	if a.place, err = omarty.NewCoordinates(in.Longitude, in.Latitude); err != nil {
		return a, omarty.Within(err, "input")
	}
	return a, nil
}

// checkTaken is EMAIL_TAKEN or PHONE_TAKEN where one of the two is; where both are,
// also where they became so at this moment, it is the first.
func (s *Service) checkTaken(ctx context.Context, a applicant) error {
	taken, err := s.Store.PhoneTaken(ctx, a.phone)
	if err != nil {
		return err
	}
	// The address after the number: who has taken both has taken the address too by
	// the time that the number is seen.
	if err := s.checkEmailTaken(ctx, a.email); err != nil {
		return err
	}
	if taken {
		return phoneTaken()
	}
	return nil
}

func phoneTaken() error {
	return omarty.Errorf(omarty.CodePhoneTaken, "An account has this phone number.").At("input.phone")
}

func (s *Service) checkEmailTaken(ctx context.Context, email omarty.Email) error {
	taken, err := s.Store.EmailTaken(ctx, email)
	if err == nil && taken {
		return omarty.Errorf(omarty.CodeEmailTaken, "An account has this e-mail address.").At("input.email")
	}
	return err
}
