package e2e

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// shipped is what a building has in testdata/shipped, which the first version with rooms
// wrote, at its step 00003: by whom, and what.
type shipped struct {
	People []struct {
		Login, Password, ID, Name string
	}
	Community, LogID string
	LastSeq          int
	Texts            []string
}

// mustShip puts the database of the first version with rooms into a place.
func mustShip(t *testing.T, p place, e engine) shipped {
	t.Helper()
	name := "sqlite.db.gz"
	if e == postgres {
		name = "postgres.sql.gz"
	}
	file, err := os.Open(filepath.Join("testdata", "shipped", name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	if e == postgres {
		err = tellPostgres(t.Context(), p.databaseURL, string(content))
	} else if err = os.MkdirAll(p.dataDir, 0o700); err == nil {
		err = os.WriteFile(filepath.Join(p.dataDir, "omarty.db"), content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	var all shipped
	about, err := os.ReadFile(filepath.Join("testdata", "shipped", string(e)+".json"))
	if err == nil {
		err = json.Unmarshal(about, &all)
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// expectShipped demands that all that there was is there, in its place, and goes on.
func (s *server) expectShipped(t *testing.T, was shipped) {
	t.Helper()
	for i, p := range was.People {
		unread := 0 // they wrote in turns, and nobody has read
		for n := range was.Texts {
			if n%len(was.People) != i {
				unread++
			}
		}
		mine := s.mustLogIn(t, p.Login, secret(p.Password))
		r := s.run(t, mine.token, `query($id: ID!) { room(id: $id) { logId lastSeq viewerUnreadCount
			messages(last: 50) { nodes { text author { id } } } } }`, variables{"id": was.Community}).mustSucceed(t)
		expectAt(t, r, "room", map[string]any{"logId": was.LogID, "lastSeq": float64(was.LastSeq), "viewerUnreadCount": float64(unread)})
		var texts []string
		for n, m := range objects(r.lookup("room.messages.nodes")) {
			texts = append(texts, m["text"].(string))
			if author := m["author"].(map[string]any)["id"]; author != was.People[n%len(was.People)].ID {
				t.Errorf("message %d is of %v", n, author)
			}
		}
		if !slices.Equal(texts, was.Texts) {
			t.Errorf("%s reads %q", p.Name, texts)
		}
	}
	who := s.mustLogIn(t, was.People[1].Login, secret(was.People[1].Password))
	st := s.listen(t, overSocket, who.token, followDocument, variables{"room": was.Community, "after": was.LastSeq - 3, "log": was.LogID})
	st.expect(t, posted(was.LastSeq-2), posted(was.LastSeq-1), posted(was.LastSeq), caughtUp(was.LastSeq))
	for word, want := range map[string]int{"lift": 8, "عليكم": 8} {
		eventually(t, hearTime, "what was said before is found", func() bool {
			r := s.run(t, who.token, `query($q: String!) { searchMessages(query: $q, first: 20) { nodes { __typename } } }`, variables{"q": word}).mustSucceed(t)
			return len(objects(r.lookup("searchMessages.nodes"))) == want
		})
	}
	// A key that was used in the old version is not used again.
	r := s.send(t, who.token, variables{"room": was.Community, "key": "key-1", "text": was.Texts[1]}).mustSucceed(t)
	if r.lookup("sendMessage.replayed") != true {
		t.Errorf("the old key gives %v", r)
	}
	if r = s.send(t, who.token, variables{"room": was.Community, "key": newKey(), "text": "New"}).mustSucceed(t); messageIn(t, r).seq != was.LastSeq+1 {
		t.Errorf("the next message is %v", r)
	}
	st.expect(t, posted(was.LastSeq+1))
}

// A building that ran the first version comes to today's with all that it had.
func TestUpgradeFromTheFirstVersion(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		home := newPlace(t, e)
		was := mustShip(t, home, e)
		home.start(t, "OMARTY_RATE_LIMITS=off").expectShipped(t, was)
	})
}

// An upgrade that is killed, again and again, goes on where it was.
func TestUpgradeThatIsKilled(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		home := newPlace(t, e)
		was := mustShip(t, home, e)
		if e == postgres {
			if err := tellPostgres(t.Context(), home.databaseURL, slowTables); err != nil {
				t.Fatal(err)
			}
		}
		const kills = 6
		for n := range kills {
			s, err := begin(home, nil)
			if err != nil {
				t.Fatal(err)
			}
			// It is to be killed anywhere, before and within its steps.
			select {
			case <-time.After(time.Duration(n+1) * 150 * time.Millisecond):
			case <-s.exited:
				t.Fatalf("it ended by itself: %s", s.log)
			}
			_ = s.command.Process.Kill()
			<-s.exited
		}
		if e == postgres {
			if err := tellPostgres(t.Context(), home.databaseURL, "DROP EVENT TRIGGER slow"); err != nil {
				t.Fatal(err)
			}
		}
		home.start(t, "OMARTY_RATE_LIMITS=off").expectShipped(t, was)
	})
}
