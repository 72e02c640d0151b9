package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/store"
	"github.com/omarty/chat/internal/testkit"
)

// lock takes a transaction that holds a row of a table, until the test rolls it back.
func lock(t *testing.T, db *sql.DB, table string, id omarty.ID) *sql.Tx {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	must(t, err)
	t.Cleanup(func() { tx.Rollback() })
	var one int
	must(t, tx.QueryRowContext(t.Context(), "SELECT 1 FROM "+table+" WHERE id = $1 FOR UPDATE", id.Row).Scan(&one))
	return tx
}

// A room that others have locked, be it one or many, is waited for by its own posts
// alone. So is a session.
func TestLockedElsewhere(t *testing.T) {
	const rooms = 7 // more than patient writers
	for _, what := range []string{"rooms", "sessions"} {
		t.Run(what, func(t *testing.T) {
			db := testkit.Postgres(t)
			c := newCrowd(t, open(t, db), 2*rooms, rooms)
			other := db.Open(t)
			var locks []*sql.Tx
			for i := range rooms - 1 {
				id := c.rooms[i]
				if what == "sessions" {
					id = c.sessions[i]
				}
				locks = append(locks, lock(t, other, what, id))
			}
			var stuck, free sync.WaitGroup
			// Each has five seconds, which a busy machine may need for the others: then it is sent
			// again. What is free never gets through where it waits for what is locked.
			post := func(d omarty.Draft) {
				var err error
				for range 10 {
					if _, err = c.Post(t.Context(), d, admit); omarty.CodeOf(err) != omarty.CodeUnavailable {
						break
					}
				}
				if err != nil {
					t.Error(err)
				}
			}
			for i := range rooms - 1 {
				stuck.Go(func() { post(c.draft(i, i, "k")) })
			}
			for i := range 50 {
				free.Go(func() { post(c.draft(rooms+i%rooms, rooms-1, fmt.Sprint(i))) })
			}
			free.Wait()
			// In the end as many wait for the locks as may; the others wait for them.
			waitFor(t, func() bool {
				var waiting int
				must(t, other.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_stat_activity
					WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting))
				return waiting == 4
			})
			for i := range rooms - 1 {
				if log := c.checkLog(t, i); len(log) != 0 {
					t.Errorf("room %d has %d entries while it is locked", i, len(log))
				}
			}
			for _, tx := range locks {
				must(t, tx.Rollback())
			}
			stuck.Wait()
			for i := range c.rooms {
				c.checkLog(t, i)
			}
		})
	}
}

// What is sent to a room that stays locked is answered, and not posted.
func TestARoomThatStaysLocked(t *testing.T) {
	db := testkit.Postgres(t)
	c := newCrowd(t, open(t, db), 2, 2)
	held := lock(t, db.Open(t), "rooms", c.rooms[0])
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := c.Post(ctx, c.draft(0, 0, "k"), admit); omarty.CodeOf(err) != omarty.CodeUnavailable {
		t.Errorf("got %v", err)
	}
	must(t, held.Rollback())
	if _, err := c.Post(t.Context(), c.draft(1, 0, "k"), admit); err != nil {
		t.Error(err)
	}
	if log := c.checkLog(t, 0); len(log) != 1 {
		t.Errorf("%d entries", len(log))
	}
}

// A revocation and a post of the same session have an order: the post waits for one
// that is under way, and holds up one that comes while it is under way itself.
func TestASessionThatIsBeingRevoked(t *testing.T) {
	db := testkit.Postgres(t)
	c := newCrowd(t, open(t, db), 2, 1)
	soon := 100 * time.Millisecond
	revoking, err := db.Open(t).BeginTx(t.Context(), nil)
	must(t, err)
	defer revoking.Rollback()
	_, err = revoking.ExecContext(t.Context(), "UPDATE sessions SET ended_at = now() WHERE id = $1", c.sessions[0].Row)
	must(t, err)
	answered := make(chan error)
	post := func(person int) {
		_, err := c.Post(t.Context(), c.draft(person, 0, "k"), admit)
		answered <- err
	}
	go post(0)
	select {
	case err := <-answered:
		t.Fatalf("decided before the revocation: %v", err)
	case <-time.After(soon):
	}
	must(t, revoking.Commit())
	if err := <-answered; !errors.Is(err, errNoSession) {
		t.Errorf("got %v", err)
	}

	g := hold(c)
	go post(1)
	<-g.reached
	revoked := make(chan error)
	go func() {
		revoked <- c.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.EndSession(ctx, c.people[1], c.sessions[1], moment)
			return err
		})
	}()
	select {
	case err := <-revoked:
		t.Fatalf("revoked before the post was decided: %v", err)
	case <-time.After(soon):
	}
	close(g.open)
	must(t, <-answered)
	must(t, <-revoked)
}

// An apartment that goes in the moment in which it is sent from is its sender's
// trouble alone.
func TestAnApartmentThatGoesMeanwhile(t *testing.T) {
	db := testkit.Postgres(t)
	c := newCrowd(t, open(t, db), 3, 2)
	flat := omarty.Apartment{ID: omarty.NewID(omarty.KindApartment), Building: c.building, Number: "4"}
	must(t, c.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		return tx.CreateApartments(ctx, []omarty.Apartment{flat})
	}))
	removing := lock(t, db.Open(t), "apartments", flat.ID)
	_, err := removing.ExecContext(t.Context(), "DELETE FROM apartments WHERE id = $1", flat.ID.Row)
	must(t, err)
	go func() {
		time.Sleep(200 * time.Millisecond) // the batch's insert waits for the row
		removing.Commit()
	}()
	drafts := []omarty.Draft{c.draft(0, 0, "k"), c.draft(1, 0, "k"), c.draft(2, 0, "k")}
	drafts[1].Apartment = flat.ID
	_, errs, _ := inOneBatch(t, c, drafts, admit)
	if errs[0] != nil || errs[1] == nil || errs[2] != nil {
		t.Errorf("got %v", errs)
	}
	c.checkLog(t, 0)
}

// Two nodes that write to the same rooms number them together.
func TestTwoNodesInOneRoom(t *testing.T) {
	db := testkit.Postgres(t)
	here := newCrowd(t, open(t, db), 32, 2)
	there := here
	there.Store = open(t, db)
	var group sync.WaitGroup
	for person := range here.people {
		node := []crowd{here, there}[person%2]
		group.Go(func() {
			for i := range 20 {
				if _, err := node.Post(t.Context(), node.draft(person, i%2, fmt.Sprint(i)), admit); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	for room := range here.rooms {
		if log := here.checkLog(t, room); len(log) != 320 {
			t.Errorf("%d entries", len(log))
		}
	}
}

// Where the connection breaks in the middle of it all, each message is posted or it
// is not: nothing twice, and no gap.
func TestConnectionsThatBreak(t *testing.T) {
	db := testkit.Postgres(t)
	c := newCrowd(t, open(t, db), 16, 2)
	ctx, stop := context.WithCancel(t.Context())
	breaking := make(chan struct{})
	admin := db.Open(t)
	// Connections break once for each message that is posted at the most, so that all
	// are in the end, however long a new connection takes here.
	posted := make(chan struct{}, 1)
	go func() {
		defer close(breaking)
		for range posted {
			time.Sleep(rand.N(5 * time.Millisecond)) // so that it is any moment of what follows
			admin.ExecContext(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE application_name = 'omarty-chat' AND datname = current_database()`)
		}
	}()
	var group sync.WaitGroup
	for person := range c.people {
		group.Go(func() {
			for i := range 20 {
				for again := true; again; {
					_, err := c.Post(t.Context(), c.draft(person, i%2, fmt.Sprint(i)), admit)
					_, replay := errors.AsType[replayed](err)
					again = err != nil && !replay
					if again && omarty.CodeOf(err) != omarty.CodeUnavailable {
						t.Error(err)
						return
					}
				}
				select {
				case posted <- struct{}{}:
				default:
				}
			}
		})
	}
	group.Wait()
	stop()
	close(posted)
	<-breaking
	// By connections that nobody broke: each that was says so to whoever asks first.
	c.Store = open(t, db)
	for room := range c.rooms {
		if log := c.checkLog(t, room); len(log) != 160 {
			t.Errorf("%d entries", len(log))
		}
	}
}
