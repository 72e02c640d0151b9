package store_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/store"
)

func TestGoodSessions(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		owner := mustCreate(t, s, "mona@example.com", "+201011223344").User.ID
		session := func(expires time.Time) omarty.ID {
			id := omarty.NewID(omarty.KindSession)
			must(t, s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				return tx.CreateSession(ctx, omarty.Session{
					ID: id, User: owner, CreatedAt: moment, LastUsedAt: moment, ExpiresAt: expires,
				}, omarty.NewToken().Hash())
			}))
			return id
		}
		good, expired, revoked, notAsked := session(moment.Add(time.Hour)), session(moment), session(moment.Add(time.Hour)), session(moment.Add(time.Hour))
		must(t, s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.EndSession(ctx, owner, revoked, moment)
			return err
		}))
		asked := []omarty.ID{expired, good, revoked}
		for range 31_000 { // more than one statement may ask for
			asked = append(asked, omarty.NewID(omarty.KindSession))
		}
		got, err := s.GoodSessions(t.Context(), asked, moment)
		if err != nil || !slices.Equal(got, []omarty.ID{good}) {
			t.Errorf("got %v, %v; want %v, and not %v", got, err, good, notAsked)
		}
		if none, err := s.GoodSessions(t.Context(), nil, moment); err != nil || len(none) != 0 {
			t.Errorf("of none: %v, %v", none, err)
		}
	})
}
