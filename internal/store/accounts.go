package store

import (
	"context"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/predicate"
	"github.com/omarty/chat/ent/generated/user"
	"github.com/omarty/chat/internal/omarty"
)

// Account gives a person's account.
func (s *Store) Account(ctx context.Context, id omarty.ID) (omarty.Account, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Account, error) {
		row, err := db.User.Get(ctx, id.Row)
		if err != nil {
			return omarty.Account{}, err
		}
		return account(row), nil
	})
}

// EmailTaken tells whether an account has the e-mail address.
func (s *Store) EmailTaken(ctx context.Context, email omarty.Email) (bool, error) {
	return s.exists(ctx, user.EmailKey(email.Key))
}

// PhoneTaken tells whether an account has the phone number.
func (s *Store) PhoneTaken(ctx context.Context, phone omarty.Phone) (bool, error) {
	return s.exists(ctx, user.Phone(string(phone)))
}

func (s *Store) exists(ctx context.Context, which predicate.User) (bool, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (bool, error) {
		return db.User.Query().Where(which).Exist(ctx)
	})
}

// Person gives who has an e-mail address or, where that is the zero one, a phone number,
// disabled or not.
func (s *Store) Person(ctx context.Context, email omarty.Email, phone omarty.Phone) (omarty.Account, error) {
	which := user.Phone(string(phone))
	if email != (omarty.Email{}) {
		which = user.EmailKey(email.Key)
	}
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Account, error) {
		row, err := db.User.Query().Where(which).Only(ctx)
		if err != nil {
			return omarty.Account{}, err
		}
		return account(row), nil
	})
}

// CredentialsByEmail gives what the person with the e-mail address proves who
// they are with.
func (s *Store) CredentialsByEmail(ctx context.Context, email omarty.Email) (omarty.Credentials, error) {
	return s.credentials(ctx, user.EmailKey(email.Key))
}

// CredentialsByPhone gives what the person with the phone number proves who they
// are with.
func (s *Store) CredentialsByPhone(ctx context.Context, phone omarty.Phone) (omarty.Credentials, error) {
	return s.credentials(ctx, user.Phone(string(phone)))
}

// CredentialsOf gives what a person proves who they are with.
func (s *Store) CredentialsOf(ctx context.Context, id omarty.ID) (omarty.Credentials, error) {
	return s.credentials(ctx, user.ID(id.Row))
}

func (s *Store) credentials(ctx context.Context, which predicate.User) (omarty.Credentials, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Credentials, error) {
		row, err := db.User.Query().Where(which, user.PasswordHashNotNil(), user.DisabledAtIsNil()).Only(ctx)
		if err != nil {
			return omarty.Credentials{}, err
		}
		return omarty.Credentials{
			User:         omarty.ID{Kind: omarty.KindUser, Row: row.ID},
			PasswordHash: *row.PasswordHash,
		}, nil
	})
}

// CreateAccount stores a new account: ErrTaken where its e-mail address or its
// phone number is another's.
func (tx *Tx) CreateAccount(ctx context.Context, a omarty.Account, email omarty.Email, passwordHash string) error {
	return tx.tx.User.Create().
		SetID(a.User.ID.Row).
		SetCreatedAt(a.CreatedAt).
		SetName(a.User.Name).
		SetEmail(email.Address).
		SetEmailKey(email.Key).
		SetNillablePhone((*string)(a.Phone)).
		SetPasswordHash(passwordHash).
		SetLocale(a.Locale).
		SetShareReadMarks(a.ShareReadMarks).
		SetSharePresence(a.SharePresence).
		Exec(ctx)
}

// ChangeProfile changes what is given of a person's profile.
func (tx *Tx) ChangeProfile(ctx context.Context, id omarty.ID, c omarty.ProfileChange) error {
	return tx.tx.User.UpdateOneID(id.Row).
		SetNillableName(c.Name).
		SetNillableLocale(c.Locale).
		SetNillableShareReadMarks(c.ShareReadMarks).
		SetNillableSharePresence(c.SharePresence).
		Exec(ctx)
}

// CredentialsCurrent tells whether a person, who is not disabled, still proves who they
// are with these, and lets nobody change the account until the transaction ends.
func (tx *Tx) CredentialsCurrent(ctx context.Context, c omarty.Credentials) (bool, error) {
	return tx.tx.User.Query().Where(user.ID(c.User.Row), user.PasswordHash(c.PasswordHash), user.DisabledAtIsNil(), forChange).Exist(ctx)
}

// ChangePassword replaces a password's hash, where it is still old, and tells
// whether it was: of two changes at once, one is told that it came second.
func (tx *Tx) ChangePassword(ctx context.Context, old omarty.Credentials, passwordHash string) (bool, error) {
	n, err := tx.tx.User.Update().
		Where(user.ID(old.User.Row), user.PasswordHash(old.PasswordHash)).
		SetPasswordHash(passwordHash).
		Save(ctx)
	return n == 1, err
}

func account(row *generated.User) omarty.Account {
	return omarty.Account{
		User:           person(row),
		CreatedAt:      row.CreatedAt.UTC(),
		Email:          row.Email,
		EmailVerified:  row.EmailVerifiedAt != nil,
		Phone:          (*omarty.Phone)(row.Phone),
		PhoneVerified:  row.PhoneVerifiedAt != nil,
		Locale:         row.Locale,
		ShareReadMarks: row.ShareReadMarks,
		SharePresence:  row.SharePresence,
		DisabledAt:     inUTC(row.DisabledAt),
	}
}

func person(row *generated.User) omarty.User {
	return omarty.User{
		ID: omarty.ID{Kind: omarty.KindUser, Row: row.ID}, Name: row.Name,
		SharesPresence: row.SharePresence, LastSeenAt: inUTC(row.LastSeenAt),
		Avatar: idOf(omarty.KindFile, row.AvatarID),
	}
}
