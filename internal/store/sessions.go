package store

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/session"
	"github.com/omarty/chat/internal/omarty"
)

// SessionByToken gives the session whose token has the hash, where it was not
// revoked; it may have expired.
func (s *Store) SessionByToken(ctx context.Context, hash []byte) (omarty.Session, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Session, error) {
		row, err := db.Session.Query().Where(session.TokenHash(hash), session.EndedAtIsNil()).Only(ctx)
		if err != nil {
			return omarty.Session{}, err
		}
		return device(row), nil
	})
}

// maxSessions bounds how many sessions of a person are read.
const maxSessions = 100

// Sessions gives a person's sessions that are good at a moment, the one used
// last first: 100 at the most.
func (s *Store) Sessions(ctx context.Context, owner omarty.ID, now time.Time) ([]omarty.Session, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) ([]omarty.Session, error) {
		rows, err := db.Session.Query().
			Where(session.UserID(owner.Row), session.EndedAtIsNil(), session.ExpiresAtGT(now)).
			Order(generated.Desc(session.FieldLastUsedAt, session.FieldID)).
			Limit(maxSessions).All(ctx)
		if err != nil {
			return nil, err
		}
		sessions := make([]omarty.Session, len(rows))
		for i, row := range rows {
			sessions[i] = device(row)
		}
		return sessions, nil
	})
}

// goodSessionsAtOnce is how many sessions one statement asks for: engines bound
// how many parameters it may have.
const goodSessionsAtOnce = 30_000

// GoodSessions gives those of the sessions that are neither revoked nor expired
// at a moment, in no order.
func (s *Store) GoodSessions(ctx context.Context, ids []omarty.ID, now time.Time) ([]omarty.ID, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) ([]omarty.ID, error) {
		good := make([]omarty.ID, 0, len(ids))
		for some := range slices.Chunk(ids, goodSessionsAtOnce) {
			rows := make([]uuid.UUID, len(some))
			for i, id := range some {
				rows[i] = id.Row
			}
			found, err := db.Session.Query().
				Where(session.IDIn(rows...), session.EndedAtIsNil(), session.ExpiresAtGT(now)).
				IDs(ctx)
			if err != nil {
				return nil, err
			}
			for _, row := range found {
				good = append(good, omarty.ID{Kind: omarty.KindSession, Row: row})
			}
		}
		return good, nil
	})
}

// CreateSession stores a new session with the hash of its token.
func (tx *Tx) CreateSession(ctx context.Context, s omarty.Session, tokenHash []byte) error {
	create := tx.tx.Session.Create().
		SetID(s.ID.Row).
		SetUserID(s.User.Row).
		SetTokenHash(tokenHash).
		SetDevice(s.Device).
		SetCreatedAt(s.CreatedAt).
		SetLastUsedAt(s.LastUsedAt).
		SetExpiresAt(s.ExpiresAt)
	if s.Place != "" {
		create.SetPlace([]byte(s.Place))
	}
	return create.Exec(ctx)
}

// KnownDevice tells by what a person is known: by a session of theirs, ended or not, that
// is given or whose token has the hash; or by a place from which one was made after a
// moment.
func (s *Store) KnownDevice(ctx context.Context, of, id omarty.ID, tokenHash, place []byte, since time.Time) (omarty.KnownDevice, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (known omarty.KnownDevice, err error) {
		rows, err := db.Session.Query().
			Where(session.UserID(of.Row), session.Or(session.ID(id.Row), session.TokenHash(tokenHash),
				session.And(session.Place(place), session.CreatedAtGT(since)))).
			Select(session.FieldID, session.FieldTokenHash, session.FieldPlace, session.FieldCreatedAt).All(ctx)
		for _, row := range rows {
			if row.ID == id.Row || bytes.Equal(row.TokenHash, tokenHash) {
				known.Session = omarty.ID{Kind: omarty.KindSession, Row: row.ID}
			}
			if len(place) > 0 && row.Place != nil && bytes.Equal(*row.Place, place) && row.CreatedAt.After(since) {
				known.Place = true
			}
		}
		return known, err
	})
}

// SessionGood tells whether a session is neither revoked nor expired, and lets
// nobody revoke it until the transaction ends.
func (tx *Tx) SessionGood(ctx context.Context, id omarty.ID, now time.Time) (bool, error) {
	return tx.tx.Session.Query().
		Where(session.ID(id.Row), session.EndedAtIsNil(), session.ExpiresAtGT(now), forShare).
		Exist(ctx)
}

// TouchSessions moves the last use of sessions, and their end, forward.
func (tx *Tx) TouchSessions(ctx context.Context, ids []omarty.ID, usedAt, expiresAt time.Time) error {
	return tx.tx.Session.Update().
		Where(session.IDIn(rows(ids, omarty.KindSession)...), session.EndedAtIsNil(), session.LastUsedAtLT(usedAt)).
		SetLastUsedAt(usedAt).
		SetExpiresAt(expiresAt).
		Exec(ctx)
}

// EndSession revokes a person's session and tells whether there was such a one
// to revoke.
func (tx *Tx) EndSession(ctx context.Context, owner, id omarty.ID, at time.Time) (bool, error) {
	n, err := tx.tx.Session.Update().
		Where(session.ID(id.Row), session.UserID(owner.Row), session.EndedAtIsNil(), session.ExpiresAtGT(at)).
		SetEndedAt(at).
		Save(ctx)
	return n == 1, err
}

// EndOtherSessions revokes all sessions of a person but one and tells how many
// that were.
func (tx *Tx) EndOtherSessions(ctx context.Context, owner, but omarty.ID, at time.Time) (int, error) {
	return tx.tx.Session.Update().
		Where(session.UserID(owner.Row), session.IDNEQ(but.Row), session.EndedAtIsNil(), session.ExpiresAtGT(at)).
		SetEndedAt(at).
		Save(ctx)
}

func device(row *generated.Session) omarty.Session {
	return omarty.Session{
		ID:         omarty.ID{Kind: omarty.KindSession, Row: row.ID},
		User:       omarty.ID{Kind: omarty.KindUser, Row: row.UserID},
		Device:     row.Device,
		CreatedAt:  row.CreatedAt.UTC(),
		LastUsedAt: row.LastUsedAt.UTC(),
		ExpiresAt:  row.ExpiresAt.UTC(),
	}
}
