package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/store"
	"github.com/omarty/chat/internal/testkit"
)

// crowd is people who are in rooms of a building.
type crowd struct {
	*store.Store
	building omarty.ID
	people   []omarty.ID
	sessions []omarty.ID
	rooms    []omarty.ID
}

// newCrowd makes a building; the first of its people is its manager, and lives in
// no apartment, as the others.
func newCrowd(t testing.TB, s *store.Store, people, rooms int) crowd {
	t.Helper()
	c := crowd{Store: s, building: omarty.NewID(omarty.KindBuilding)}
	at := moment
	must(t, s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		must(t, tx.CreateBuilding(ctx, omarty.Building{ID: c.building, Name: "The house", CreatedAt: &at}))
		for range rooms {
			r := omarty.Room{
				ID: omarty.NewID(omarty.KindRoom), Kind: omarty.RoomCommunity, Name: "All", Building: c.building,
				CreatedAt: moment, LogID: omarty.NewID(omarty.KindLog),
			}
			c.rooms = append(c.rooms, r.ID)
			must(t, tx.CreateRoom(ctx, r))
		}
		return nil
	}))
	// Each in a transaction of their own: all in one would take longer than one may.
	for i := range people {
		must(t, s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			a, e := newAccount(fmt.Sprintf("p%d@example.com", i), fmt.Sprintf("+20101%07d", i))
			must(t, tx.CreateAccount(ctx, a, e, "hash"))
			session := omarty.Session{
				ID: omarty.NewID(omarty.KindSession), User: a.User.ID,
				CreatedAt: moment, LastUsedAt: moment, ExpiresAt: moment.Add(24 * time.Hour),
			}
			must(t, tx.CreateSession(ctx, session, omarty.NewToken().Hash()))
			c.people, c.sessions = append(c.people, a.User.ID), append(c.sessions, session.ID)
			member := omarty.Membership{
				ID: omarty.NewID(omarty.KindMembership), Building: c.building, User: a.User.ID,
				Role: omarty.RoleResident, Status: omarty.StatusActive, CreatedAt: moment,
			}
			if i == 0 {
				member.Role = omarty.RoleManager
			}
			must(t, tx.CreateMembership(ctx, member))
			for _, room := range c.rooms {
				must(t, tx.Join(ctx, room, a.User.ID, moment))
			}
			return nil
		}))
	}
	return c
}

// draft is what one of the people would say in one of the rooms.
func (c crowd) draft(person, room int, key string) omarty.Draft {
	return omarty.Draft{
		ID: omarty.NewID(omarty.KindMessage), Room: c.rooms[room], Author: c.people[person], Session: c.sessions[person],
		Key: key, Text: "It says " + key, At: moment.Add(time.Hour),
	}
}

var (
	errNoSession = errors.New("the session is not good")
	errAbsent    = errors.New("the author is not in the room")
	errReused    = errors.New("the key was used for something else")
)

// replayed says that a draft was posted before.
type replayed struct{ omarty.Message }

func (replayed) Error() string { return "it was posted before" }

func admit(st omarty.Standing) error {
	switch {
	case !st.SessionGood:
		return errNoSession
	case !st.Present:
		return errAbsent
	case st.Earlier != nil && st.Same:
		return replayed{*st.Earlier}
	case st.Earlier != nil:
		return errReused
	}
	return nil
}

// insist reads again what could not be read: a pool has connections that broke.
func insist[T any](t *testing.T, read func() (T, error)) T {
	t.Helper()
	for range 50 {
		if found, err := read(); omarty.CodeOf(err) != omarty.CodeUnavailable {
			must(t, err)
			return found
		}
	}
	found, err := read()
	must(t, err)
	return found
}

// checkLog holds a room's log to its promise: no gap, every message where its entry
// says, counted, and no moment before the one before it. It gives the log.
func (c crowd) checkLog(t *testing.T, room int) []omarty.Event {
	t.Helper()
	id := c.rooms[room]
	log := insist(t, func() ([]omarty.Event, error) {
		return c.Events(t.Context(), id, omarty.Reader{Anyone: true}, 0, 100_000)
	})
	page := insist(t, func() (omarty.Slice[omarty.Message], error) {
		return c.MessagesIn(t.Context(), id, omarty.Reader{Anyone: true}, omarty.MessageWindow{Count: 100_000})
	})
	messages := page.Items
	for i, e := range log {
		if e.Seq != i+1 {
			t.Fatalf("the entry behind %d has %d", i, e.Seq)
		}
		if i > 0 && e.At.Before(log[i-1].At) {
			t.Fatalf("entry %d is from before entry %d: %v, %v", e.Seq, i, e.At, log[i-1].At)
		}
		if e.Kind != omarty.EventMessagePosted {
			continue
		}
		if len(messages) == 0 {
			t.Fatalf("entry %d has no message", e.Seq)
		}
		m := messages[0]
		messages = messages[1:]
		if m.Seq != e.Seq || m.ChangedSeq != e.Seq || m.TextSeq != e.Seq || m.ID != e.Message || m.Author != e.Actor || !m.CreatedAt.Equal(e.At) {
			t.Fatalf("entry %+v is of message %+v", e, m)
		}
	}
	if len(messages) > 0 {
		t.Fatalf("%d messages have no entry", len(messages))
	}
	found, err := c.Rooms(t.Context(), []omarty.ID{id})
	must(t, err)
	if r := found[id]; r.LastSeq != len(log) || len(page.Items) > 0 && r.LastMessage != page.Items[len(page.Items)-1].ID {
		t.Fatalf("the room stands at %d with %v; its log has %d entries", r.LastSeq, r.LastMessage, len(log))
	}
	return log
}

func eachCrowd(t *testing.T, people, rooms int, test func(t *testing.T, c crowd, db testkit.Database)) {
	t.Helper()
	testkit.EachEngine(t, func(t *testing.T, db testkit.Database) {
		test(t, newCrowd(t, open(t, db), people, rooms), db)
	})
}

func TestAMessageReadsAsItWasPosted(t *testing.T) {
	eachCrowd(t, 2, 1, func(t *testing.T, c crowd, db testkit.Database) {
		flat := omarty.Apartment{ID: omarty.NewID(omarty.KindApartment), Building: c.building, Number: "4"}
		must(t, c.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			tx.Append(omarty.Event{Room: c.rooms[0], At: moment.Add(time.Hour), Kind: omarty.EventMemberJoined, Member: c.people[0]})
			return tx.CreateApartments(ctx, []omarty.Apartment{flat})
		}))
		d := c.draft(1, 0, "مفتاح")
		d.Apartment, d.Text, d.At = flat.ID, "سطر\n\"second\" \\ line 👩‍👩‍👧", moment // from before the entry before it
		want, err := c.Post(t.Context(), d, admit)
		must(t, err)
		if want.Seq != 2 || !want.CreatedAt.Equal(moment.Add(time.Hour)) || want.Text != d.Text || want.Key != d.Key ||
			want.Apartment != flat.ID || want.Author != d.Author {
			t.Errorf("answered %+v", want)
		}
		found, err := c.Messages(t.Context(), []omarty.ID{d.ID}, omarty.Reader{Anyone: true})
		must(t, err)
		if found[d.ID] != want {
			t.Errorf("read %+v; answered %+v", found[d.ID], want)
		}
		_, err = c.Post(t.Context(), d, admit)
		if again, ok := errors.AsType[replayed](err); !ok || again.Message != want {
			t.Errorf("again: %v, %+v; want %+v", err, again, want)
		}
		c.checkLog(t, 0)
		// What ent wrote and what it did not looks the same in the database.
		var kinds int
		must(t, db.Open(t).QueryRowContext(t.Context(), `SELECT count(DISTINCT CAST(at AS text)) FROM room_events`).Scan(&kinds))
		if kinds != 1 {
			t.Error("one moment was written in two ways")
		}
		ordinals(t, c, db, 1)
	})
}

// ordinals checks that the messages of the first room are counted.
func ordinals(t *testing.T, c crowd, db testkit.Database, want int) {
	t.Helper()
	var counted, last, distinct int
	must(t, db.Open(t).QueryRowContext(t.Context(), fmt.Sprintf(`
		SELECT message_count, (SELECT coalesce(max(ordinal), 0) FROM messages WHERE room_id = rooms.id),
			(SELECT count(DISTINCT ordinal) FROM messages WHERE room_id = rooms.id)
		FROM rooms WHERE id = '%s'`, c.rooms[0].Row)).Scan(&counted, &last, &distinct))
	if counted != want || last != want || distinct != want {
		t.Errorf("counted %d, the last is the %d-th of %d; want %d", counted, last, distinct, want)
	}
}

func TestStandings(t *testing.T) {
	eachCrowd(t, 3, 2, func(t *testing.T, c crowd, db testkit.Database) {
		const manager, resident, gone = 0, 1, 2
		flats := []omarty.Apartment{
			{ID: omarty.NewID(omarty.KindApartment), Building: c.building, Number: "1"},
			{ID: omarty.NewID(omarty.KindApartment), Building: c.building, Number: "2"},
		}
		home, empty := flats[0].ID, flats[1].ID
		direct := omarty.NewID(omarty.KindRoom)
		must(t, c.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			must(t, tx.CreateApartments(ctx, flats))
			m, err := tx.MembershipIn(ctx, c.building, c.people[resident])
			must(t, err)
			must(t, tx.SetResidencies(ctx, m.ID, []omarty.ID{home}))
			must(t, tx.CreateRoom(ctx, omarty.Room{
				ID: direct, Kind: omarty.RoomDirect, CreatedAt: moment, LogID: omarty.NewID(omarty.KindLog),
			}))
			must(t, tx.Join(ctx, direct, c.people[resident], moment))
			_, err = tx.EndSession(ctx, c.people[gone], c.sessions[gone], moment)
			must(t, err)
			return tx.Leave(ctx, c.rooms[0], c.people[resident], moment)
		}))
		must(t, c.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			return tx.Join(ctx, c.rooms[0], c.people[resident], moment)
		}))
		d := func(person int, room, apartment omarty.ID) omarty.Draft {
			d := c.draft(person, 0, "k")
			d.Room, d.Apartment = room, apartment
			return d
		}
		late := d(manager, c.rooms[0], omarty.ID{})
		late.At = moment.Add(24 * time.Hour)
		for name, it := range map[string]struct {
			draft omarty.Draft
			want  string
		}{
			"a manager":                  {d(manager, c.rooms[0], omarty.ID{}), "good present manages"},
			"a resident":                 {d(resident, c.rooms[0], omarty.ID{}), "good present"},
			"from home":                  {d(resident, c.rooms[0], home), "good present known lives"},
			"from another's":             {d(resident, c.rooms[0], empty), "good present known"},
			"from nowhere":               {d(resident, c.rooms[0], omarty.NewID(omarty.KindApartment)), "good present"},
			"from what is no apartment":  {d(resident, c.rooms[0], omarty.ID{Kind: omarty.KindUser, Row: home.Row}), "good present"},
			"in a direct room":           {d(resident, direct, home), "good present"},
			"in another's room":          {d(manager, direct, omarty.ID{}), "good"},
			"in no room":                 {d(manager, omarty.NewID(omarty.KindRoom), omarty.ID{}), "good"},
			"in none at all":             {d(manager, omarty.ID{}, omarty.ID{}), "good"},
			"with a session that ended":  {d(gone, c.rooms[0], omarty.ID{}), ""},
			"with one that has expired":  {late, ""},
			"with another's to be there": {d(resident, c.rooms[1], home), "good present known lives"},
		} {
			var got omarty.Standing
			refused := errors.New("only asking")
			_, err := c.Post(t.Context(), it.draft, func(st omarty.Standing) error { got = st; return refused })
			if !errors.Is(err, refused) {
				t.Fatalf("%s: %v", name, err)
			}
			var words []string
			for _, is := range []struct {
				so   bool
				word string
			}{
				{got.SessionGood, "good"},
				{got.Present, "present"},
				{got.Manages, "manages"},
				{got.KnowsApartment, "known"},
				{got.LivesThere, "lives"},
				{got.Earlier != nil, "earlier"},
			} {
				if is.so {
					words = append(words, is.word)
				}
			}
			if said := strings.Join(words, " "); said != it.want {
				t.Errorf("%s: %q; want %q", name, said, it.want)
			}
			if got.Present && got.Room.ID != it.draft.Room || !got.Present && !got.Room.ID.IsZero() {
				t.Errorf("%s: the room is %+v", name, got.Room)
			}
		}
	})
}

// Whoever sends at once with whom, logs have no gaps, refusals are nobody else's
// trouble, and everything is told of once.
func TestManySendAtOnce(t *testing.T) {
	for _, rooms := range []int{1, 2, 16} {
		t.Run(fmt.Sprint(rooms, " rooms"), func(t *testing.T) {
			eachCrowd(t, 64, rooms, func(t *testing.T, c crowd, db testkit.Database) {
				const each = 8
				var told sync.Map
				c.OnCommit(func(_ context.Context, events []omarty.Entry) {
					for _, e := range events {
						if _, twice := told.LoadOrStore(e.Event.Message, e.Seq); twice {
							t.Errorf("told twice of %v", e.Event.Message)
						}
					}
				})
				refused := errors.New("not this one")
				var posted atomic.Int64
				var group sync.WaitGroup
				for person := range c.people {
					group.Go(func() {
						for i := range each {
							d := c.draft(person, (person+i)%rooms, fmt.Sprint(i))
							want, judge := error(nil), admit
							switch (person + i) % 4 {
							case 1:
								want, judge = refused, func(omarty.Standing) error { return refused }
							case 2:
								d.Session = omarty.NewID(omarty.KindSession)
								want = errNoSession
							}
							m, err := c.Post(t.Context(), d, judge)
							if !errors.Is(err, want) {
								t.Errorf("%v; want %v", err, want)
							}
							if err != nil {
								continue
							}
							posted.Add(1)
							if seq, ok := told.Load(m.ID); !ok || seq != m.Seq {
								t.Errorf("answered %d, told %v", m.Seq, seq)
							}
						}
					})
				}
				group.Wait()
				entries := 0
				for room := range c.rooms {
					entries += len(c.checkLog(t, room))
				}
				if entries != int(posted.Load()) || entries != 64*each/2 {
					t.Errorf("%d entries of %d answers", entries, posted.Load())
				}
				if rooms == 1 {
					ordinals(t, c, db, entries)
				}
			})
		})
	}
}

// gate lets a test hold batches before their commits.
type gate struct {
	held    atomic.Int32
	reached chan struct{}
	open    chan struct{}
}

// hold makes the next batch wait before its commit; others pass.
func hold(c crowd) *gate {
	g := &gate{reached: make(chan struct{}), open: make(chan struct{})}
	c.AroundCommits(func(commit func() error) error {
		if g.held.Add(1) == 1 {
			close(g.reached)
			<-g.open
		}
		return commit()
	})
	return g
}

// inOneBatch posts drafts in the order given, in as few batches as that takes: behind
// one of the last room that is held until they wait. It gives their answers, and how
// many batches were to be committed.
func inOneBatch(t *testing.T, c crowd, drafts []omarty.Draft, judge func(omarty.Standing) error) ([]omarty.Message, []error, int) {
	t.Helper()
	g := hold(c)
	messages, errs := make([]omarty.Message, len(drafts)), make([]error, len(drafts))
	var group sync.WaitGroup
	group.Go(func() {
		if _, err := c.Post(t.Context(), c.draft(0, len(c.rooms)-1, "first "+omarty.NewID(omarty.KindMessage).String()), admit); err != nil {
			t.Error(err)
		}
	})
	<-g.reached
	for i, d := range drafts {
		group.Go(func() { messages[i], errs[i] = c.Post(t.Context(), d, judge) })
		waitFor(t, func() bool { return c.Waiting() == i+1 })
	}
	close(g.open)
	group.Wait()
	return messages, errs, int(g.held.Load()) - 1
}

func waitFor(t *testing.T, so func() bool) {
	t.Helper()
	for start := time.Now(); !so(); time.Sleep(100 * time.Microsecond) {
		if time.Since(start) > 30*time.Second {
			t.Fatal("it did not come to that")
		}
	}
}

// A batch takes as many statements, whatever is in it; but SQLite runs those that write
// a message, its entry and its words once for each, and for each room that moves one.
// Where a key was used, one more reads what was posted with it.
func TestStatementsOfABatch(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db testkit.Database) {
		told := &testkit.Statements{}
		s, err := store.Open(t.Context(), db.URL, slog.New(slog.DiscardHandler), store.Watched(told.Driver, told))
		must(t, err)
		t.Cleanup(func() { s.Close() })
		c := newCrowd(t, s, 64, 16)
		for _, of := range []struct{ messages, rooms int }{{1, 1}, {64, 1}, {64, 16}} {
			var drafts []omarty.Draft
			for person := range of.messages {
				drafts = append(drafts, c.draft(person, person%of.rooms, omarty.NewID(omarty.KindMessage).String()))
			}
			told.Reset()
			_, errs, _ := inOneBatch(t, c, drafts, admit)
			must(t, errors.Join(errs...))
			// The batch that holds the others up has one message.
			first, want := 7, 7
			if db.Engine == "sqlite" {
				first, want = 4+5, 4+4*of.messages+of.rooms
			}
			if sent := told.Reset(); len(sent) != first+want {
				t.Errorf("%+v: %d statements, want %d and %d: %v", of, len(sent), first, want, sent)
			}
		}
	})
}

func TestOneDraftsTroubleIsNotItsNeighbours(t *testing.T) {
	eachCrowd(t, 6, 2, func(t *testing.T, c crowd, db testkit.Database) {
		taken, err := c.Post(t.Context(), c.draft(0, 0, "taken"), admit)
		must(t, err)
		var drafts []omarty.Draft
		for person := range c.people {
			drafts = append(drafts, c.draft(person, 0, "k"))
		}
		drafts[1].Session = omarty.ID{}
		drafts[2].ID = taken.ID // a message has that id
		_, errs, _ := inOneBatch(t, c, drafts, admit)
		for i, want := range []error{nil, errNoSession, store.ErrTaken, nil, nil, nil} {
			if !errors.Is(errs[i], want) {
				t.Errorf("%d: %v; want %v", i, errs[i], want)
			}
		}
		if log := c.checkLog(t, 0); len(log) != 5 {
			t.Errorf("%d entries", len(log))
		}
		ordinals(t, c, db, 5)
	})
}

func TestAFaultOfAnAdmitIsNotItsNeighbours(t *testing.T) {
	eachCrowd(t, 3, 2, func(t *testing.T, c crowd, _ testkit.Database) {
		var drafts []omarty.Draft
		for person := range c.people {
			drafts = append(drafts, c.draft(person, 0, "k"))
		}
		asked := 0
		_, errs, _ := inOneBatch(t, c, drafts, func(omarty.Standing) error {
			asked++
			if asked == 2 || asked == 4 { // in the batch, and by itself
				panic("a fault")
			}
			return nil
		})
		if errs[0] != nil || errs[1] == nil || errs[2] != nil {
			t.Errorf("got %v", errs)
		}
		if log := c.checkLog(t, 0); len(log) != 2 {
			t.Errorf("%d entries", len(log))
		}
	})
}

func TestAKeyIsPostedOnce(t *testing.T) {
	eachCrowd(t, 2, 3, func(t *testing.T, c crowd, db testkit.Database) {
		drafts := []omarty.Draft{c.draft(0, 0, "k"), c.draft(0, 0, "k"), c.draft(0, 0, "k"), c.draft(1, 0, "k"), c.draft(0, 1, "k")}
		drafts[2].Text = "something else"
		messages, errs, batches := inOneBatch(t, c, drafts, admit)
		if batches != 1 || errs[0] != nil || errs[3] != nil || errs[4] != nil {
			t.Errorf("in %d batches: %v", batches, errs)
		}
		if again, ok := errors.AsType[replayed](errs[1]); !ok || again.Message != messages[0] {
			t.Errorf("again: %+v", errs[1])
		}
		if !errors.Is(errs[2], errReused) {
			t.Errorf("with another text: %v", errs[2])
		}
		// So it is in the next batch.
		_, errs, _ = inOneBatch(t, c, drafts[:3], admit)
		if again, ok := errors.AsType[replayed](errs[0]); !ok || again.Message != messages[0] || !errors.Is(errs[2], errReused) {
			t.Errorf("in the next batch: %v", errs)
		}
		c.checkLog(t, 0)
		ordinals(t, c, db, 2)
	})
}

func TestWhoLeavesWhileWaitingPostsNothing(t *testing.T) {
	eachCrowd(t, 3, 2, func(t *testing.T, c crowd, _ testkit.Database) {
		g := hold(c)
		var group sync.WaitGroup
		under, leave := context.WithCancel(t.Context())
		group.Go(func() {
			if _, err := c.Post(under, c.draft(0, 0, "under way"), admit); err != nil {
				t.Errorf("who is in a batch: %v", err)
			}
		})
		<-g.reached
		leave() // its batch is to be waited for
		waits, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := c.Post(waits, c.draft(1, 0, "waits"), admit)
			left <- err
		}()
		waitFor(t, func() bool { return c.Waiting() == 1 })
		leave()
		if err := <-left; omarty.CodeOf(err) != omarty.CodeUnavailable {
			t.Errorf("who waits: %v", err)
		}
		if _, err := c.Post(waits, c.draft(2, 0, "came too late"), admit); omarty.CodeOf(err) != omarty.CodeUnavailable {
			t.Errorf("who had left before: %v", err)
		}
		close(g.open)
		group.Wait()
		if log := c.checkLog(t, 0); len(log) != 1 {
			t.Errorf("%d entries", len(log))
		}
	})
}

func TestACommitOfUnknownOutcome(t *testing.T) {
	for name, happened := range map[string]bool{"it happened": true, "it did not": false} {
		t.Run(name, func(t *testing.T) {
			eachCrowd(t, 16, 2, func(t *testing.T, c crowd, db testkit.Database) {
				unknown := true
				var drafts []omarty.Draft
				for person := range c.people {
					drafts = append(drafts, c.draft(person, 0, "k"))
				}
				g := hold(c)
				var told atomic.Int32
				c.OnCommit(func(context.Context, []omarty.Entry) { told.Add(1) })
				c.AroundCommits(func(commit func() error) error {
					if g.held.Load() == 0 || !unknown {
						return commit() // the one that is held, and those after
					}
					unknown = false
					if happened {
						must(t, commit())
					}
					return context.DeadlineExceeded
				})
				errs := make([]error, len(drafts))
				var group sync.WaitGroup
				group.Go(func() { c.Post(t.Context(), c.draft(0, 1, "first"), admit) })
				<-g.reached
				for i, d := range drafts {
					group.Go(func() { _, errs[i] = c.Post(t.Context(), d, admit) })
				}
				waitFor(t, func() bool { return c.Waiting() == len(drafts) })
				close(g.open)
				group.Wait()
				for i, err := range errs {
					if omarty.CodeOf(err) != omarty.CodeUnavailable {
						t.Errorf("%d: %v", i, err)
					}
				}
				if told.Load() != 1 {
					t.Errorf("told %d times", told.Load())
				}
				want := 0
				if happened {
					want = len(drafts)
				}
				if log := c.checkLog(t, 0); len(log) != want {
					t.Errorf("%d entries; want %d", len(log), want)
				}
				// Who tries again gets what was posted, or posts it.
				for i, d := range drafts {
					d.ID = omarty.NewID(omarty.KindMessage)
					_, err := c.Post(t.Context(), d, admit)
					if _, again := errors.AsType[replayed](err); again != happened || !again && err != nil {
						t.Errorf("%d, again: %v", i, err)
					}
				}
				if log := c.checkLog(t, 0); len(log) != len(drafts) {
					t.Errorf("%d entries in the end", len(log))
				}
				ordinals(t, c, db, len(drafts))
			})
		})
	}
}

func TestJoinsAndLeavesBetweenPosts(t *testing.T) {
	eachCrowd(t, 16, 3, func(t *testing.T, c crowd, db testkit.Database) {
		const each = 12
		var group sync.WaitGroup
		var posted atomic.Int64
		for person := range c.people {
			group.Go(func() {
				for i := range each {
					switch _, err := c.Post(t.Context(), c.draft(person, i%3, fmt.Sprint(i)), admit); {
					case err == nil:
						posted.Add(1)
					case !errors.Is(err, errAbsent):
						t.Error(err)
					}
				}
			})
		}
		for person := range 4 {
			group.Go(func() {
				for i := range each {
					must(t, c.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
						for _, room := range c.rooms {
							kind, change := omarty.EventMemberLeft, tx.Leave
							if i%2 == 1 {
								kind, change = omarty.EventMemberJoined, tx.Join
							}
							must(t, change(ctx, room, c.people[person], moment))
							tx.Append(omarty.Event{Room: room, At: moment, Kind: kind, Member: c.people[person]})
						}
						return nil
					}))
				}
			})
		}
		group.Wait()
		entries := 0
		for room := range c.rooms {
			present := map[omarty.ID]bool{}
			for _, person := range c.people {
				present[person] = true
			}
			log := c.checkLog(t, room)
			entries += len(log)
			for _, e := range log {
				switch {
				case e.Kind != omarty.EventMessagePosted:
					present[e.Member] = e.Kind == omarty.EventMemberJoined
				case !present[e.Actor]:
					t.Errorf("entry %d is of one who was not there", e.Seq)
				}
			}
		}
		if want := int(posted.Load()) + 4*each*3; entries != want {
			t.Errorf("%d entries; want %d", entries, want)
		}
	})
}

func TestCloseAnswersWhoWaits(t *testing.T) {
	eachCrowd(t, 4, 2, func(t *testing.T, c crowd, _ testkit.Database) {
		g := hold(c)
		errs := make([]error, len(c.people))
		var group sync.WaitGroup
		group.Go(func() { _, errs[0] = c.Post(t.Context(), c.draft(0, 1, "k"), admit) })
		<-g.reached
		for i := 1; i < len(errs); i++ {
			group.Go(func() { _, errs[i] = c.Post(t.Context(), c.draft(i, 0, "k"), admit) })
		}
		waitFor(t, func() bool { return c.Waiting() == len(errs)-1 })
		closed := make(chan error)
		go func() { closed <- c.Close() }()
		waitFor(t, func() bool { return c.Waiting() == 0 })
		close(g.open)
		group.Wait()
		for i, err := range errs {
			if omarty.CodeOf(err) != omarty.CodeUnavailable {
				t.Errorf("%d: %v", i, err)
			}
		}
		<-closed
		if _, err := c.Post(t.Context(), c.draft(0, 0, "late"), admit); omarty.CodeOf(err) != omarty.CodeUnavailable {
			t.Errorf("after the end: %v", err)
		}
	})
}
