package store

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/secret"
)

// secretLength is how many random bytes a secret has.
const secretLength = 32

// Secret gives the 32 random bytes of a name, which are the same for all who have the
// database; they are made by who asks first.
func (s *Store) Secret(ctx context.Context, name string) ([]byte, error) {
	find := func() ([]byte, error) {
		return read(ctx, s, func(ctx context.Context, db *generated.Client) ([]byte, error) {
			row, err := db.Secret.Query().Where(secret.Name(name)).Only(ctx)
			if err != nil {
				return nil, err
			}
			return row.Value, nil
		})
	}
	value, err := find()
	if !errors.Is(err, ErrNotFound) {
		return value, err
	}
	value = make([]byte, secretLength)
	rand.Read(value) // never fails: crypto/rand ends the program instead
	err = s.Write(ctx, func(ctx context.Context, tx *Tx) error {
		return tx.tx.Secret.Create().SetID(uuid.Must(uuid.NewV7())).
			SetName(name).SetValue(value).SetCreatedAt(time.Now().UTC()).Exec(ctx)
	})
	if errors.Is(err, ErrTaken) {
		return find()
	}
	return value, err
}
