package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/store"
)

// block is a building with two rooms, and somebody who is in both with a session.
type block struct {
	building omarty.ID
	rooms    []omarty.ID
	flat     omarty.ID // where the author lives
	other    omarty.ID // another apartment of the building
	author   omarty.ID
	session  omarty.ID
	member   omarty.Membership
}

func mustBuild(t *testing.T, s *store.Store) block {
	t.Helper()
	b := block{
		building: omarty.NewID(omarty.KindBuilding), flat: omarty.NewID(omarty.KindApartment), other: omarty.NewID(omarty.KindApartment),
		author: mustCreate(t, s, "mona@example.com", "+201011223344").User.ID, session: omarty.NewID(omarty.KindSession),
	}
	b.member = omarty.Membership{
		ID: omarty.NewID(omarty.KindMembership), Building: b.building, User: b.author,
		Role: omarty.RoleResident, Status: omarty.StatusActive, CreatedAt: moment,
	}
	created := moment
	must(t, s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		must(t, tx.CreateSession(ctx, omarty.Session{
			ID: b.session, User: b.author, CreatedAt: moment, LastUsedAt: moment, ExpiresAt: moment.Add(24 * time.Hour),
		}, omarty.NewToken().Hash()))
		must(t, tx.CreateBuilding(ctx, omarty.Building{ID: b.building, Name: "Nile View", CreatedAt: &created}))
		must(t, tx.CreateApartments(ctx, []omarty.Apartment{
			{ID: b.flat, Building: b.building, Number: "1"}, {ID: b.other, Building: b.building, Number: "2"},
		}))
		must(t, tx.CreateMembership(ctx, b.member))
		must(t, tx.SetResidencies(ctx, b.member.ID, []omarty.ID{b.flat}))
		for _, kind := range []omarty.RoomKind{omarty.RoomCommunity, omarty.RoomAnnouncements} {
			room := omarty.NewID(omarty.KindRoom)
			b.rooms = append(b.rooms, room)
			must(t, tx.CreateRoom(ctx, omarty.Room{
				ID: room, Kind: kind, Name: string(kind), Building: b.building, CreatedAt: moment, LogID: omarty.NewID(omarty.KindLog),
			}))
			must(t, tx.Join(ctx, room, b.author, moment))
		}
		return nil
	}))
	return b
}

// draft is a message of the author's to one of the rooms.
func (b block) draft(room int, key, text string) omarty.Draft {
	return omarty.Draft{
		ID: omarty.NewID(omarty.KindMessage), Room: b.rooms[room], Author: b.author, Session: b.session,
		Key: key, Text: text, At: moment,
	}
}

func admitted(omarty.Standing) error { return nil }

// mustReadLog gives a room's log, and demands that it is 1, 2, 3, … in time's order.
func mustReadLog(t *testing.T, s *store.Store, room omarty.ID) []omarty.Event {
	t.Helper()
	events, err := s.Events(t.Context(), room, omarty.Reader{Anyone: true}, 0, 10_000)
	must(t, err)
	for i, e := range events {
		if e.Seq != i+1 || e.Room != room || i > 0 && e.At.Before(events[i-1].At) {
			t.Fatalf("entry %d is %+v", i+1, e)
		}
	}
	heads, err := s.Heads(t.Context(), []omarty.ID{room, omarty.NewID(omarty.KindRoom)})
	must(t, err)
	if len(heads) != 1 || heads[room] != len(events) {
		t.Errorf("the heads are %v, and the log has %d entries", heads, len(events))
	}
	return events
}

// Many write to two logs at once, some to both, some in vain. Each log is dense, and
// never looks otherwise to who reads it meanwhile: what is committed later has the
// greater number.
func TestLogsAreNumberedInTheOrderOfCommits(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		const writers, each = 8, 15
		var mu sync.Mutex
		told := map[omarty.ID][]int{}
		s.OnCommit(func(_ context.Context, events []omarty.Entry) {
			mu.Lock()
			defer mu.Unlock()
			for _, e := range events {
				told[e.Room] = append(told[e.Room], e.Seq)
			}
		})
		b := mustBuild(t, s)
		refused := errors.New("the verb thought better of it")
		var writing, reading sync.WaitGroup
		quit := make(chan struct{})
		for _, room := range b.rooms {
			reading.Go(func() {
				position := 0
				for {
					events, err := s.Events(t.Context(), room, omarty.Reader{Anyone: true}, position, 1000)
					if err != nil {
						t.Error(err)
						return
					}
					for _, e := range events {
						position++
						if e.Seq != position {
							t.Errorf("after %d came %d", position-1, e.Seq)
							return
						}
					}
					select {
					case <-quit:
						return
					default:
					}
				}
			})
		}
		for w := range writers {
			writing.Go(func() {
				for i := range each {
					var err error
					switch (w + i) % 4 {
					case 0:
						_, err = s.Post(t.Context(), b.draft(i%2, fmt.Sprint(w, " ", i), "Salam"), admitted)
					case 1: // both rooms, in either order
						err = s.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
							for k := range 2 {
								tx.Append(omarty.Event{Room: b.rooms[(w+k)%2], At: moment.Add(time.Duration(w*i) * time.Second), Kind: omarty.EventRoomChanged})
							}
							return nil
						})
					case 2: // several in one
						err = s.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
							for range 3 {
								tx.Append(omarty.Event{Room: b.rooms[i%2], At: moment.Add(-time.Hour), Kind: omarty.EventRoomChanged})
							}
							return nil
						})
					case 3:
						if _, err := s.Post(t.Context(), b.draft(i%2, "never", "Salam"), func(omarty.Standing) error { return refused }); !errors.Is(err, refused) {
							t.Errorf("got %v", err)
						}
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		writing.Wait()
		close(quit)
		reading.Wait()
		total := 0
		for _, room := range b.rooms {
			events := mustReadLog(t, s, room)
			total += len(events)
			slices.Sort(told[room])
			if len(told[room]) != len(events) || len(slices.Compact(told[room])) != len(events) {
				t.Errorf("%d entries were told of, of %d", len(told[room]), len(events))
			}
		}
		if want := writers * each / 4 * (1 + 2 + 3); total != want {
			t.Errorf("the logs have %d entries, want %d", total, want)
		}
	})
}

// What fails takes no number, and nobody is told of it.
func TestWhatFailsIsNoGap(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		b := mustBuild(t, s)
		told := 0
		s.OnCommit(func(_ context.Context, events []omarty.Entry) { told += len(events) })
		room := b.rooms[0]
		change := omarty.Event{Room: room, At: moment, Kind: omarty.EventRoomChanged}
		first, err := s.Post(t.Context(), b.draft(0, "a", "Salam"), admitted)
		must(t, err)
		refused := errors.New("the verb thought better of it")
		for name, fail := range map[string]func(context.Context, *store.Tx, context.CancelFunc) error{
			"refused": func(context.Context, *store.Tx, context.CancelFunc) error { return refused },
			"gone":    func(_ context.Context, _ *store.Tx, cancel context.CancelFunc) error { cancel(); return nil },
			"panics":  func(context.Context, *store.Tx, context.CancelFunc) error { panic("a fault") },
			"a room that never was": func(_ context.Context, tx *store.Tx, _ context.CancelFunc) error {
				tx.Append(omarty.Event{Room: omarty.NewID(omarty.KindRoom), At: moment, Kind: omarty.EventRoomChanged})
				return nil
			},
			"a kind that is taken": func(ctx context.Context, tx *store.Tx, _ context.CancelFunc) error {
				return tx.CreateMembership(ctx, b.member)
			},
		} {
			func() {
				defer func() { recover() }()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				err := s.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
					tx.Append(change)
					return fail(ctx, tx, cancel)
				})
				if err == nil {
					t.Errorf("%s: it was written", name)
				}
			}()
		}
		// The same key again is the database's to refuse, where a verb would not.
		if _, err := s.Post(t.Context(), b.draft(0, "a", "Salam"), admitted); !errors.Is(err, store.ErrTaken) {
			t.Errorf("a key twice: %v", err)
		}
		second, err := s.Post(t.Context(), b.draft(0, "b", "Salam"), admitted)
		must(t, err)
		if first.Seq != 1 || second.Seq != 2 || len(mustReadLog(t, s, room)) != 2 || told != 2 {
			t.Errorf("at %d and %d; %d were told of", first.Seq, second.Seq, told)
		}
	})
}

// An entry's time is not before that of the one before it, whatever a clock says.
func TestTimeNeverGoesBackInALog(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		b := mustBuild(t, s)
		for i, offset := range []time.Duration{time.Hour, -time.Hour, 0, 2 * time.Hour} {
			d := b.draft(0, fmt.Sprint(i), "Salam")
			d.At = moment.Add(offset)
			m, err := s.Post(t.Context(), d, admitted)
			must(t, err)
			want := []time.Duration{time.Hour, time.Hour, time.Hour, 2 * time.Hour}[i]
			if !m.CreatedAt.Equal(moment.Add(want)) {
				t.Errorf("message %d was posted at %v, want %v later", i+1, m.CreatedAt, want)
			}
			read, err := s.MessageFor(t.Context(), m.ID, b.author)
			must(t, err)
			if read != m {
				t.Errorf("it reads as %+v, and was %+v", read, m)
			}
		}
		mustReadLog(t, s, b.rooms[0])
	})
}

// Under the lock of the room, who decides is told how things stand.
func TestStandingOfADraft(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		b := mustBuild(t, s)
		stranger := mustCreate(t, s, "nour@example.com", "+201011223345").User.ID
		posted, err := s.Post(t.Context(), b.draft(0, "k", "Salam"), admitted)
		must(t, err)
		refused := errors.New("refused")
		standing := func(change func(*omarty.Draft)) (told omarty.Standing) {
			t.Helper()
			d := b.draft(0, "other", "Salam")
			change(&d)
			if _, err := s.Post(t.Context(), d, func(st omarty.Standing) error { told = st; return refused }); !errors.Is(err, refused) {
				t.Errorf("got %v", err)
			}
			return told
		}
		// flags are the answers in short, and what was posted with the key.
		flags := func(st omarty.Standing) string {
			text := ""
			for _, f := range []struct {
				is   bool
				name string
			}{
				{st.SessionGood, "session "},
				{st.Present, "present "},
				{st.Manages, "manages "},
				{st.Earlier != nil, "earlier "},
				{st.Same, "same "},
				{st.KnowsApartment, "knows "},
				{st.LivesThere, "lives "},
			} {
				if f.is {
					text += f.name
				}
			}
			return text
		}
		for _, c := range []struct {
			name   string
			change func(*omarty.Draft)
			want   string
		}{
			{"as it is", func(*omarty.Draft) {}, "session present "},
			{"the same key", func(d *omarty.Draft) { d.Key = "k" }, "session present earlier same "},
			{"the same key for another text", func(d *omarty.Draft) { d.Key, d.Text = "k", "salam" }, "session present earlier "},
			{"the same key with an apartment", func(d *omarty.Draft) { d.Key, d.Apartment = "k", b.flat }, "session present earlier knows lives "},
			{"the same key in another room", func(d *omarty.Draft) { d.Key, d.Room = "k", b.rooms[1] }, "session present "},
			{"one's apartment", func(d *omarty.Draft) { d.Apartment = b.flat }, "session present knows lives "},
			{"another's apartment", func(d *omarty.Draft) { d.Apartment = b.other }, "session present knows "},
			{"no apartment", func(d *omarty.Draft) { d.Apartment = omarty.NewID(omarty.KindApartment) }, "session present "},
			{"what is no apartment", func(d *omarty.Draft) { d.Apartment = b.flat.As(omarty.KindRoom) }, "session present "},
			{"a stranger", func(d *omarty.Draft) { d.Author = stranger; d.Key = "k" }, "session "},
			{"a room that never was", func(d *omarty.Draft) { d.Room = omarty.NewID(omarty.KindRoom) }, "session "},
			{"no session", func(d *omarty.Draft) { d.Session = omarty.NewID(omarty.KindSession) }, ""},
			{"a session that has expired", func(d *omarty.Draft) { d.At = moment.Add(24 * time.Hour) }, ""},
		} {
			st := standing(c.change)
			if got := flags(st); got != c.want {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
			if st.Earlier != nil && *st.Earlier != posted {
				t.Errorf("%s: earlier was %+v, want %+v", c.name, *st.Earlier, posted)
			}
			if st.Present && st.Room.LastSeq != map[omarty.ID]int{b.rooms[0]: 1}[st.Room.ID] {
				t.Errorf("%s: the room is %+v", c.name, st.Room)
			}
		}
		change := func(do func(ctx context.Context, tx *store.Tx) error) {
			t.Helper()
			must(t, s.Write(t.Context(), do))
		}
		change(func(ctx context.Context, tx *store.Tx) error {
			b.member.Role = omarty.RoleManager
			return tx.ChangeMembership(ctx, b.member)
		})
		if got := flags(standing(func(*omarty.Draft) {})); got != "session present manages " {
			t.Errorf("a manager: %q", got)
		}
		change(func(ctx context.Context, tx *store.Tx) error { return tx.Leave(ctx, b.rooms[0], b.author, moment) })
		if got := flags(standing(func(d *omarty.Draft) { d.Key = "k" })); got != "session " {
			t.Errorf("who left: %q", got)
		}
		change(func(ctx context.Context, tx *store.Tx) error { return tx.Join(ctx, b.rooms[0], b.author, moment) })
		if got := flags(standing(func(d *omarty.Draft) { d.Key = "k" })); got != "session present manages earlier same " {
			t.Errorf("who came back: %q", got)
		}
	})
}
