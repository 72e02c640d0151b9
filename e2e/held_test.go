package e2e

import (
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// A node that is cut off from the database in the middle of a transaction has locked the
// room that it is about. Others write there again soon.
func TestNodeThatIsCutOffHoldsUpNoRoom(t *testing.T) {
	t.Parallel()
	home, here, there, door := twoNodes(t)
	h := here.mustOpenHouse(t, here.mustArrive(t), here.mustArrive(t), here.mustArrive(t))
	quit := make(chan struct{})
	var writing sync.WaitGroup
	defer func() { close(quit); writing.Wait() }()
	for _, who := range h.residents {
		for range 4 {
			writing.Go(func() {
				for {
					pause := time.Millisecond
					// What becomes of it is nothing to this test.
					if r, err := there.trySend(who.token, h.community, newKey(), "By the node that is cut off"); codeOrError(r, err) != "" {
						pause = 100 * time.Millisecond
					}
					select {
					case <-quit:
						return
					case <-time.After(pause):
					}
				}
			})
		}
	}
	// Most of the time some transaction has the room, but it is chance: a try that misses it is short.
	for range 40 {
		eventually(t, hearTime, "somebody writes by that node", func() bool {
			r, err := there.trySend(h.manager.token, h.community, newKey(), "There")
			return codeOrError(r, err) == ""
		})
		door.freeze()
		longest := time.Duration(0)
		for begun := time.Now(); home.holdsLocks(t) && time.Since(begun) < lockTime+time.Second; {
			key := newKey()
			sent := time.Now()
			eventually(t, hearTime, "somebody writes by the other node", func() bool {
				r, err := here.trySend(h.manager.token, h.community, key, "By the other")
				return codeOrError(r, err) == ""
			})
			longest = max(longest, time.Since(sent))
		}
		door.thaw()
		if longest > time.Second {
			t.Logf("for %v nobody could write", longest)
			return
		}
		// It was between two transactions, or in one that is about something else.
	}
	t.Error("the room was never locked as the node was cut off: the test sees nothing")
}

// holdsLocks tells whether a transaction has locked something and waits for who began it.
func (p place) holdsLocks(t *testing.T) bool {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var n int
	if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND state = 'idle in transaction' AND backend_xid IS NOT NULL`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n > 0
}

// lockTime is how long PostgreSQL lets a transaction say nothing.
const lockTime = 3 * time.Second
