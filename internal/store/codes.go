package store

import (
	"context"
	"time"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/code"
	"github.com/omarty/chat/ent/generated/session"
	"github.com/omarty/chat/ent/generated/user"
	"github.com/omarty/chat/internal/omarty"
)

// PutCode stores a code in the place of the one that the person had for its purpose.
func (tx *Tx) PutCode(ctx context.Context, c omarty.SentCode) error {
	if _, err := tx.tx.Code.Delete().Where(code.UserID(c.User.Row), code.Purpose(string(c.Purpose))).Exec(ctx); err != nil {
		return err
	}
	return tx.tx.Code.Create().
		SetID(c.ID.Row).
		SetUserID(c.User.Row).
		SetPurpose(string(c.Purpose)).
		SetContact(c.To).
		SetMAC(c.Mark).
		SetCreatedAt(c.CreatedAt).
		SetExpiresAt(c.ExpiresAt).
		Exec(ctx)
}

// CodeOf gives the code that a person has for a purpose, and lets nobody else guess it
// until the transaction ends: NOT_FOUND where there is none.
func (tx *Tx) CodeOf(ctx context.Context, of omarty.ID, p omarty.Purpose) (omarty.SentCode, error) {
	row, err := tx.tx.Code.Query().
		Where(code.UserID(of.Row), code.Purpose(string(p)), code.UsedAtIsNil(), forUpdate).Only(ctx)
	if err != nil {
		return omarty.SentCode{}, absent(err)
	}
	return omarty.SentCode{
		ID:        omarty.ID{Kind: omarty.KindCode, Row: row.ID},
		User:      of,
		Purpose:   p,
		To:        row.Contact,
		Mark:      row.MAC,
		Tries:     row.Tries,
		CreatedAt: row.CreatedAt.UTC(),
		ExpiresAt: row.ExpiresAt.UTC(),
	}, nil
}

// CountTry counts a wrong guess of a code, if there is one.
func (tx *Tx) CountTry(ctx context.Context, id omarty.ID) error {
	return tx.tx.Code.Update().Where(code.ID(id.Row)).AddTries(1).Exec(ctx)
}

// DropCodes removes all codes that a person has.
func (tx *Tx) DropCodes(ctx context.Context, of omarty.ID) error {
	_, err := tx.tx.Code.Delete().Where(code.UserID(of.Row)).Exec(ctx)
	return err
}

// DropCode removes a code.
func (tx *Tx) DropCode(ctx context.Context, id omarty.ID) error {
	_, err := tx.tx.Code.Delete().Where(code.ID(id.Row)).Exec(ctx)
	return err
}

// DropExpiredCodes removes the codes that had ended by a moment.
func (tx *Tx) DropExpiredCodes(ctx context.Context, by time.Time) error {
	_, err := tx.tx.Code.Delete().Where(code.ExpiresAtLT(by)).Exec(ctx)
	return err
}

// LockAccount gives an account, and lets nobody else change it until the transaction
// ends.
func (tx *Tx) LockAccount(ctx context.Context, id omarty.ID) (omarty.Account, error) {
	row, err := tx.tx.User.Query().Where(user.ID(id.Row), forChange).Only(ctx)
	if err != nil {
		return omarty.Account{}, absent(err)
	}
	return account(row), nil
}

// SetEmail gives an account an e-mail address, nil for none, and says whether it is
// verified: ErrTaken where it is another's.
func (tx *Tx) SetEmail(ctx context.Context, of omarty.ID, email *omarty.Email, verifiedAt *time.Time) error {
	change := tx.tx.User.UpdateOneID(of.Row)
	if email == nil {
		change.ClearEmail().ClearEmailKey()
	} else {
		change.SetEmail(email.Address).SetEmailKey(email.Key)
	}
	if verifiedAt == nil {
		change.ClearEmailVerifiedAt()
	} else {
		change.SetEmailVerifiedAt(*verifiedAt)
	}
	return change.Exec(ctx)
}

// SetPhone is SetEmail for a phone number.
func (tx *Tx) SetPhone(ctx context.Context, of omarty.ID, phone *omarty.Phone, verifiedAt *time.Time) error {
	change := tx.tx.User.UpdateOneID(of.Row)
	if phone == nil {
		change.ClearPhone()
	} else {
		change.SetPhone(string(*phone))
	}
	if verifiedAt == nil {
		change.ClearPhoneVerifiedAt()
	} else {
		change.SetPhoneVerifiedAt(*verifiedAt)
	}
	return change.Exec(ctx)
}

// SetPassword gives an account another password's hash, whatever it had.
func (tx *Tx) SetPassword(ctx context.Context, of omarty.ID, passwordHash string) error {
	return tx.tx.User.UpdateOneID(of.Row).SetPasswordHash(passwordHash).Exec(ctx)
}

// SetDisabled keeps a person from signing in since a moment; nil lets them again.
func (tx *Tx) SetDisabled(ctx context.Context, id omarty.ID, since *time.Time) error {
	change := tx.tx.User.UpdateOneID(id.Row)
	if since == nil {
		change.ClearDisabledAt()
	} else {
		change.SetDisabledAt(*since)
	}
	return change.Exec(ctx)
}

// EndOldestSessions revokes those of a person's good sessions that were used longest ago,
// but for the newest so many, and gives them.
func (tx *Tx) EndOldestSessions(ctx context.Context, of omarty.ID, keep int, at time.Time) ([]omarty.ID, error) {
	rows, err := tx.tx.Session.Query().
		Where(session.UserID(of.Row), session.EndedAtIsNil(), session.ExpiresAtGT(at)).
		Order(generated.Desc(session.FieldLastUsedAt, session.FieldID)).
		Offset(keep).Limit(maxSessions).IDs(ctx)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	ended := make([]omarty.ID, len(rows))
	for i, row := range rows {
		ended[i] = omarty.ID{Kind: omarty.KindSession, Row: row}
	}
	return ended, tx.tx.Session.Update().Where(session.IDIn(rows...)).SetEndedAt(at).Exec(ctx)
}
