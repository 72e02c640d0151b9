package store_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/store"
)

// It is found at once who of many people is in which of many rooms.
func TestPresentPeople(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		mona := mustCreate(t, s, "mona@example.com", "+201011223344").User.ID
		adel := mustCreate(t, s, "adel@example.com", "+201011223345").User.ID
		nour := mustCreate(t, s, "nour@example.com", "+201011223346").User.ID
		one, two := mustOpenHall(t, s, omarty.RoomGroup, mona, adel), mustOpenHall(t, s, omarty.RoomGroup, adel, nour)
		empty := mustOpenHall(t, s, omarty.RoomGroup, nour)
		mustWrite(t, s, func(ctx context.Context, tx *store.Tx) error { return two.leave(ctx, tx, adel) })
		people := []omarty.ID{mona, adel, omarty.NewID(omarty.KindUser)}
		rooms := []omarty.ID{one.room, two.room, empty.room}
		for range 2500 {
			people, rooms = append(people, omarty.NewID(omarty.KindUser)), append(rooms, omarty.NewID(omarty.KindRoom))
		}
		found, err := s.PresentPeople(t.Context(), rooms, people)
		if err != nil || len(found) != 1 || len(found[one.room]) != 2 || !slices.Contains(found[one.room], mona) || !slices.Contains(found[one.room], adel) {
			t.Errorf("found %v, %v", found, err)
		}
	})
}

// When somebody was seen last never goes back.
func TestLastSeen(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		mona := mustCreate(t, s, "mona@example.com", "+201011223344").User.ID
		adel := mustCreate(t, s, "adel@example.com", "+201011223345").User.ID
		for _, c := range []struct {
			at, want time.Duration
		}{{0, 0}, {time.Minute, time.Minute}, {-time.Hour, time.Minute}} {
			mustWrite(t, s, func(ctx context.Context, tx *store.Tx) error {
				return tx.SetLastSeen(ctx, []omarty.ID{mona, omarty.NewID(omarty.KindUser)}, moment.Add(c.at))
			})
			found, err := s.Users(t.Context(), []omarty.ID{mona, adel})
			if seen := found[mona].LastSeenAt; err != nil || seen == nil || !seen.Equal(moment.Add(c.want)) || found[adel].LastSeenAt != nil {
				t.Errorf("%v: %v, %v", c.at, found, err)
			}
		}
	})
}
