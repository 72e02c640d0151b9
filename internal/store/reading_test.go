package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/store"
	"github.com/omarty/chat/internal/testkit"
)

// A hall is a room with people in it, for the tests of what they have read.
type hall struct {
	store *store.Store
	room  omarty.ID
	said  int
}

// mustOpenHall gives a room of a kind with people in it.
func mustOpenHall(t testing.TB, s *store.Store, kind omarty.RoomKind, people ...omarty.ID) *hall {
	t.Helper()
	h := &hall{store: s, room: omarty.NewID(omarty.KindRoom)}
	mustWrite(t, s, func(ctx context.Context, tx *store.Tx) error {
		err := tx.CreateRoom(ctx, omarty.Room{ID: h.room, Kind: kind, CreatedAt: moment, LogID: omarty.NewID(omarty.KindLog)})
		for _, who := range people {
			if err == nil {
				err = h.enter(ctx, tx, who)
			}
		}
		return err
	})
	return h
}

func mustWrite(t testing.TB, s *store.Store, change func(context.Context, *store.Tx) error) {
	t.Helper()
	if err := s.Write(t.Context(), change); err != nil {
		t.Fatal(err)
	}
}

func (h *hall) enter(ctx context.Context, tx *store.Tx, who omarty.ID) error {
	err := tx.Join(ctx, h.room, who, moment)
	tx.Append(omarty.Event{Room: h.room, At: moment, Kind: omarty.EventMemberJoined, Member: who})
	return err
}

func (h *hall) leave(ctx context.Context, tx *store.Tx, who omarty.ID) error {
	err := tx.Leave(ctx, h.room, who, moment)
	tx.Append(omarty.Event{Room: h.room, At: moment, Kind: omarty.EventMemberLeft, Member: who})
	return err
}

// mustSay posts messages of an author, and gives the last.
func (h *hall) mustSay(t testing.TB, author omarty.ID, messages int) omarty.Message {
	t.Helper()
	var last omarty.Message
	for range messages {
		h.said++
		var err error
		last, err = h.store.Post(t.Context(), omarty.Draft{
			ID: omarty.NewID(omarty.KindMessage), Room: h.room, Author: author, Key: fmt.Sprint(h.said), Text: "Salam", At: moment,
		}, func(omarty.Standing) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	return last
}

// mustRead says that somebody has read up to a position, and gives whether their
// mark moved.
func (h *hall) mustRead(t testing.TB, who omarty.ID, seq int) (moved bool) {
	t.Helper()
	mark, err := h.store.MarkAt(t.Context(), h.room, who, seq)
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, h.store, func(ctx context.Context, tx *store.Tx) error {
		moved, err = tx.MarkRead(ctx, mark)
		return err
	})
	if mark.Ahead != moved {
		t.Errorf("a mark at %d that is ahead: %v, moved: %v", seq, mark.Ahead, moved)
	}
	return moved
}

func (h *hall) expectReading(t testing.TB, who omarty.ID, seq, unread int) {
	t.Helper()
	got, err := h.store.Readings(t.Context(), []omarty.ID{h.room, omarty.NewID(omarty.KindRoom)}, who)
	if err != nil || len(got) != 1 || got[h.room] != (omarty.Reading{Seq: seq, Unread: unread, Level: omarty.NotifyAll}) {
		t.Errorf("got %v, %v; want read up to %d, and %d unread", got, err, seq, unread)
	}
}

func TestReadings(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		mona := mustCreate(t, s, "mona@example.com", "+201011223344").User.ID
		nour := mustCreate(t, s, "nour@example.com", "+201011223345").User.ID
		omar := mustCreate(t, s, "omar@example.com", "+201011223346").User.ID
		h := mustOpenHall(t, s, omarty.RoomGroup, mona, nour)
		h.expectReading(t, mona, 0, 0)
		h.expectReading(t, nour, 1, 0) // who came in the same transaction has read that another came
		h.mustSay(t, mona, 2)          // 3, 4
		first := h.mustSay(t, nour, 1) // 5
		h.mustSay(t, nour, 2)          // 6, 7
		h.mustSay(t, mona, 1)          // 8
		h.expectReading(t, mona, 0, 3)
		h.expectReading(t, nour, 1, 3)
		expectFirst := func(who omarty.ID, want omarty.Message) {
			t.Helper()
			got, err := s.FirstUnread(t.Context(), []omarty.ID{h.room}, who)
			if err != nil || got[h.room].ID != want.ID {
				t.Errorf("the first unread message: %v, %v; want %v", got, err, want)
			}
		}
		expectFirst(mona, first)
		for _, c := range []struct {
			seq        int
			moved      bool
			unread, at int
		}{{0, false, 3, 0}, {2, true, 3, 2}, {5, true, 2, 5}, {4, false, 2, 5}, {5, false, 2, 5}, {1 << 30, true, 0, 8}, {8, false, 0, 8}} {
			if moved := h.mustRead(t, mona, c.seq); moved != c.moved {
				t.Errorf("a mark at %d moved: %v", c.seq, moved)
			}
			h.expectReading(t, mona, c.at, c.unread)
		}
		expectFirst(mona, omarty.Message{})

		// Who is not in the room, or no longer, has read nothing of it.
		mustWrite(t, s, func(ctx context.Context, tx *store.Tx) error { return h.leave(ctx, tx, nour) })
		for _, who := range []omarty.ID{nour, omar} {
			if _, err := s.MarkAt(t.Context(), h.room, who, 3); omarty.CodeOf(err) != omarty.CodeNotFound {
				t.Errorf("a mark: %v", err)
			}
			if got, err := s.Readings(t.Context(), []omarty.ID{h.room}, who); err != nil || len(got) > 0 {
				t.Errorf("readings: %v, %v", got, err)
			}
			expectFirst(who, omarty.Message{})
		}
		// Who comes back has read what was said meanwhile.
		h.mustSay(t, mona, 3)
		mustWrite(t, s, func(ctx context.Context, tx *store.Tx) error { return h.enter(ctx, tx, nour) })
		h.expectReading(t, nour, 12, 0)

		// Over all rooms.
		other := mustOpenHall(t, s, omarty.RoomGroup, mona, nour)
		other.mustSay(t, mona, 4)
		h.mustSay(t, mona, 1)
		for who, want := range map[omarty.ID]int{nour: 5, mona: 0, omar: 0} {
			if n, err := s.Unread(t.Context(), who); err != nil || n != want {
				t.Errorf("unread in all rooms: %d, %v; want %d", n, err, want)
			}
		}
	})
}

// Of devices that race, the farthest mark stays, with its own ordinal; and whoever
// has left meanwhile has marked nothing.
func TestReadMarksRace(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		mona := mustCreate(t, s, "mona@example.com", "+201011223344").User.ID
		nour := mustCreate(t, s, "nour@example.com", "+201011223345").User.ID
		h := mustOpenHall(t, s, omarty.RoomGroup, mona, nour)
		h.mustSay(t, mona, 20) // 3 to 22
		mark := func(seq int) (moved bool) {
			m, err := s.MarkAt(t.Context(), h.room, nour, seq)
			if err == nil {
				err = s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
					moved, err = tx.MarkRead(ctx, m)
					return err
				})
			}
			if err != nil {
				t.Error(err)
			}
			return moved
		}
		for farthest := 7; farthest <= 22; farthest += 5 {
			var group sync.WaitGroup
			for seq := farthest - 4; seq <= farthest; seq++ {
				group.Go(func() { mark(seq) })
			}
			group.Wait()
			h.expectReading(t, nour, farthest, 22-farthest)
		}
		h.mustSay(t, mona, 1)
		late, err := s.MarkAt(t.Context(), h.room, nour, 23)
		must(t, err)
		mustWrite(t, s, func(ctx context.Context, tx *store.Tx) error { return h.leave(ctx, tx, nour) })
		mustWrite(t, s, func(ctx context.Context, tx *store.Tx) error {
			if moved, err := tx.MarkRead(ctx, late); moved || err != nil {
				t.Errorf("who has left: %v, %v", moved, err)
			}
			return nil
		})
	})
}

func TestReadMarks(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		mona := mustCreate(t, s, "mona@example.com", "+201011223344").User.ID
		nour := mustCreate(t, s, "nour@example.com", "+201011223345").User.ID
		no := false
		mustWrite(t, s, func(ctx context.Context, tx *store.Tx) error {
			return tx.ChangeProfile(ctx, nour, omarty.ProfileChange{ShareReadMarks: &no})
		})
		for _, kind := range []omarty.RoomKind{omarty.RoomGroup, omarty.RoomAnnouncements} {
			h := mustOpenHall(t, s, kind, mona, nour)
			h.mustRead(t, mona, 2)
			for who, shared := range map[omarty.ID]bool{mona: true, nour: false} {
				mark, err := s.MarkAt(t.Context(), h.room, who, 2)
				if p := mark.Participant; err != nil || mark.Told != (shared && kind == omarty.RoomGroup) || mark.Reader.ID != who || mark.Reader.Name != "Mona Adel" ||
					p.Room != h.room || p.User != who || !p.JoinedAt.Equal(moment) || mark.Reader.LastSeenAt != nil {
					t.Errorf("the mark is %v, %v", mark, err)
				}
			}
			people, err := s.Participants(t.Context(), h.room, omarty.Reader{User: mona}, omarty.Page{First: 10})
			must(t, err)
			ids := []omarty.ID{people.Items[0].ID, people.Items[1].ID, omarty.NewID(omarty.KindParticipant)}
			got, err := s.ReadMarks(t.Context(), ids)
			if err != nil || len(got) != 2 || got[ids[0]] != (omarty.ReadPosition{Seq: 2, Shared: true, Room: kind}) ||
				got[ids[1]] != (omarty.ReadPosition{Seq: 1, Room: kind}) {
				t.Errorf("got %v, %v", got, err)
			}
			h.mustRead(t, nour, 2)
			for seq, want := range map[int]int{2: 1, 3: 0} { // Nour does not share it
				readers, err := s.Readers(t.Context(), h.room, seq, omarty.Reader{User: nour}, omarty.Page{First: 1})
				if err != nil || len(readers.Items) != want || readers.More || want == 1 && readers.Items[0].ID != mona {
					t.Errorf("readers of %d: %v, %v", seq, readers, err)
				}
			}
			mustWrite(t, s, func(ctx context.Context, tx *store.Tx) error { return h.leave(ctx, tx, mona) })
			for _, who := range []omarty.ID{mona, nour} {
				if readers, err := s.Readers(t.Context(), h.room, 1, omarty.Reader{User: who}, omarty.Page{First: 1}); err != nil || len(readers.Items) != 0 {
					t.Errorf("readers, of which one has left: %v, %v", readers, err)
				}
			}
			if got, err := s.ReadMarks(t.Context(), ids[:1]); err != nil || len(got) != 0 {
				t.Errorf("who has left: %v, %v", got, err)
			}
		}
	})
}

// BenchmarkFirstScreen reads the rooms of somebody who is in 50 of many, with the
// counts and the last messages.
func BenchmarkFirstScreen(b *testing.B) {
	for _, engine := range []string{"sqlite", "postgres"} {
		b.Run(engine, func(b *testing.B) {
			s, mona := mustFillHalls(b, engine)
			page := omarty.Page{First: 50}
			b.ResetTimer()
			for b.Loop() {
				rooms, err := s.RoomsWith(b.Context(), mona, omarty.ID{}, page)
				if err != nil || len(rooms.Items) != 50 {
					b.Fatal(len(rooms.Items), err)
				}
				var ids, last []omarty.ID
				for _, r := range rooms.Items {
					ids, last = append(ids, r.ID), append(last, r.LastMessage)
				}
				readings, err := s.Readings(b.Context(), ids, mona)
				if err != nil || len(readings) != 50 {
					b.Fatal(len(readings), err)
				}
				if messages, err := s.Messages(b.Context(), last, omarty.Reader{User: mona}); err != nil || len(messages) != 50 {
					b.Fatal(len(messages), err)
				}
			}
		})
	}
}

// mustFillHalls gives a database of 5,000 rooms, in 50 of which Mona is, each with
// 400 messages: she has read half of them, and one in ten is hers.
func mustFillHalls(b *testing.B, engine string) (*store.Store, omarty.ID) {
	b.Helper()
	db := testkit.Postgres
	if engine == "sqlite" {
		db = testkit.SQLite
	}
	on := db(b)
	s, err := store.Open(b.Context(), on.URL, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	people := make([]omarty.ID, 2)
	for i := range people {
		a, e := newAccount(fmt.Sprintf("mona.%d@example.com", i), fmt.Sprintf("+20101122334%d", i))
		mustWrite(b, s, func(ctx context.Context, tx *store.Tx) error { return tx.CreateAccount(ctx, a, e, "hash") })
		people[i] = a.User.ID
	}
	const rooms, hers, messages = 5000, 50, 400
	const at = "'2026-11-23 08:15:30.123456+00:00'"
	raw := on.Open(b)
	insert := func(into string, rows []string) {
		b.Helper()
		for batch := range slices.Chunk(rows, 500) {
			if _, err := raw.ExecContext(b.Context(), "INSERT INTO "+into+" VALUES "+strings.Join(batch, ",")); err != nil {
				b.Fatal(err)
			}
		}
	}
	id := func() string { return omarty.NewID(omarty.KindRoom).Row.String() }
	var roomRows, placeRows, messageRows []string
	for i := range rooms {
		room, last := id(), id()
		roomRows = append(roomRows, fmt.Sprintf("('%s','GROUP','','',%s,'%s',%d,%d,'%s',%s)", room, at, id(), messages, messages, last, at))
		placeRows = append(placeRows, fmt.Sprintf("('%s','%s','%s',%s,0,0)", id(), room, people[0].Row, at))
		if i%(rooms/hers) != 0 {
			continue
		}
		placeRows = append(placeRows, fmt.Sprintf("('%s','%s','%s',%s,%d,%d)", id(), room, people[1].Row, at, messages/2, messages/2))
		for n := 1; n <= messages; n++ {
			message, author := id(), people[0]
			if n == messages {
				message = last
			}
			if n%10 == 0 {
				author = people[1]
			}
			messageRows = append(messageRows, fmt.Sprintf("('%s','%s','%s',%d,%d,%d,%d,'%d',CAST('a' AS BYTEA),'Salam',%s)",
				message, room, author.Row, n, n, n, n, n, at))
		}
	}
	insert("rooms (id, kind, name, topic, created_at, log_id, last_seq, message_count, last_message_id, moved_at)", roomRows)
	insert("participants (id, room_id, user_id, joined_at, read_seq, read_ordinal)", placeRows)
	insert("messages (id, room_id, author_id, seq, ordinal, changed_seq, text_seq, key, fingerprint, text, created_at)", messageRows)
	if _, err := raw.ExecContext(b.Context(), "ANALYZE"); err != nil {
		b.Fatal(err)
	}
	return s, people[1]
}
