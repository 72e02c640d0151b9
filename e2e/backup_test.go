package e2e

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// writing posts to a room until it is ended, and knows what was acknowledged.
type writing struct {
	mu   sync.Mutex
	said []string
	stop atomic.Bool
	done sync.WaitGroup
}

// begin has a person write by several devices.
func (s *server) write(who dweller, room string) *writing {
	w := &writing{}
	for range 4 {
		w.done.Go(func() {
			for !w.stop.Load() {
				key := newKey()
				if r, err := s.trySend(who.token, room, key, "Salam "+key); err == nil && r.code() == "" {
					w.mu.Lock()
					w.said = append(w.said, "Salam "+key)
					w.mu.Unlock()
				}
				time.Sleep(5 * time.Millisecond) // others have work, too
			}
		})
	}
	return w
}

// soFar gives the texts that were acknowledged.
func (w *writing) soFar() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.said)
}

func (w *writing) end() {
	w.stop.Store(true)
	w.done.Wait()
}

// estate is a house with what its people have, before it is copied and after it is restored.
type estate struct {
	h         *house
	oldLog    string
	picture   []byte
	url       string
	before    []string // what was acknowledged before the copy was begun
	lostSeq   int      // the last entry, which is not in it
	lostWords string
}

// mustFurnish makes a house, and has its copy made while somebody writes.
func (s *server) mustFurnish(t *testing.T, copyIt func()) *estate {
	t.Helper()
	e := &estate{h: s.mustSettle(t, 1), picture: bytes.Repeat([]byte("a file "), 20_000)}
	who := e.h.residents[0]
	id, url := s.mustUpload(t, who.token, "notes.txt", e.picture)
	e.url = url
	s.run(t, who.token, sendFiles, variables{"in": variables{"room": e.h.community, "key": "with a file", "text": "", "attachments": []string{id}}}).mustSucceed(t)
	writer := s.write(who, e.h.community)
	defer writer.end()
	eventually(t, hearTime, "somebody writes", func() bool { return len(writer.soFar()) > 20 })
	e.before = writer.soFar()
	copyIt()
	copied := len(writer.soFar())
	eventually(t, hearTime, "they go on", func() bool { return len(writer.soFar()) > copied+20 })
	writer.end()
	e.lostWords = "This is lost"
	e.lostSeq = s.mustSay(t, who, e.h.community, e.lostWords).seq
	e.oldLog, _ = s.mustStand(t, who.token, e.h.community)
	return e
}

// expectRestored looks at what there is after a restore.
func (s *server) expectRestored(t *testing.T, e *estate) {
	t.Helper()
	who := e.h.residents[0]
	log, last := s.mustStand(t, who.token, e.h.community)
	if log == e.oldLog || last >= e.lostSeq {
		t.Errorf("the log is %s and ends at %d; it was %s, and ended at %d", log, last, e.oldLog, e.lostSeq)
	}
	eachLine(t, func(t *testing.T, l line) {
		for name, position := range map[string]variables{
			"who has stored the lost part":            {"after": e.lostSeq, "log": e.oldLog},
			"who has stored less":                     {"after": 3, "log": e.oldLog},
			"who has stored it and kept no id of it":  {"after": e.lostSeq},
			"who has stored what is there, and an id": {"after": last, "log": e.oldLog},
		} {
			st := s.listen(t, l, who.token, followDocument, position.with(variables{"room": e.h.community}))
			if h, err := st.next(hearTime); err != nil || !strings.HasPrefix(h.String(), "LOG_MISMATCH") {
				t.Errorf("%s hears %v, %v", name, h, err)
			}
		}
	})
	texts := map[string]int{}
	seq := 0
	for after := 0; after < last; {
		r := s.run(t, who.token, `query($id: ID!, $after: Int!) { room(id: $id) { events(after: $after, first: 200) { nodes { seq message { text } } } } }`,
			variables{"id": e.h.community, "after": after}).mustSucceed(t)
		for _, n := range objects(r.lookup("room.events.nodes")) {
			if seq++; n["seq"] != float64(seq) {
				t.Fatalf("entry %v is where %d should be", n["seq"], seq)
			}
			if m, ok := n["message"].(map[string]any); ok {
				texts[fmt.Sprint(m["text"])]++
			}
		}
		after = seq
	}
	for _, text := range e.before {
		if texts[text] != 1 {
			t.Errorf("what was acknowledged before the copy is there %d times", texts[text])
		}
	}
	if texts[e.lostWords] != 0 {
		t.Error("it is the database from before")
	}
	if got := s.get(t, e.url, bearer(who.token)...); got.status != 200 || !bytes.Equal(got.body, e.picture) {
		t.Errorf("the file is %d, %d bytes", got.status, len(got.body))
	}
	st := s.listen(t, overSocket, who.token, followDocument, variables{"room": e.h.community, "after": last, "log": log})
	if said := s.mustSay(t, who, e.h.community, "And on it goes"); said.seq != last+1 {
		t.Errorf("the next entry is %d, after %d", said.seq, last)
	}
	eventually(t, hearTime, "it is heard", func() bool {
		h, err := st.next(hearTime)
		return err == nil && strings.Contains(string(h.payload), "And on it goes")
	})
}

// A building's machine is copied while people write, and comes back elsewhere.
func TestBackup(t *testing.T) {
	t.Parallel()
	home := newPlace(t, sqlite)
	s := home.start(t, "OMARTY_RATE_LIMITS=off")
	archive := filepath.Join(t.TempDir(), "omarty.tar.zst")
	e := s.mustFurnish(t, func() {
		if out := s.mustCommand(t, home, "backup", archive); !strings.HasPrefix(out, "copied the database (") || !strings.Contains(out, " 1 files") {
			t.Errorf("it says %q", out)
		}
	})
	if info, err := os.Stat(archive); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v: the archive is for anybody: %v", err, info.Mode())
	}
	if beside, _ := filepath.Glob(archive + "?*"); len(beside) > 0 {
		t.Errorf("it left %v", beside)
	}
	refused := func(p place, want string, arguments ...string) {
		t.Helper()
		if out, err := p.run(arguments...); err == nil || !strings.Contains(out, want) {
			t.Errorf("%v: %v: %s", arguments, err, out)
		}
	}
	refused(home, "is there already", "backup", archive)
	refused(home, "is there already", "restore", archive)
	refused(home, "is in use; stop the program first", "restore", "--replace", archive)

	elsewhere := newPlace(t, sqlite)
	if out := s.mustCommand(t, elsewhere, "restore", archive); !strings.HasPrefix(out, "restored the database and 1 files") {
		t.Errorf("it says %q", out)
	}
	elsewhere.start(t, "OMARTY_RATE_LIMITS=off").expectRestored(t, e)

	// In its old place, which is kept.
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.mustCommand(t, home, "restore", "--replace", archive)
	home.start(t, "OMARTY_RATE_LIMITS=off").expectRestored(t, e)
	if aside, _ := filepath.Glob(filepath.Join(home.dataDir, "omarty.db.before-*")); len(aside) != 1 {
		t.Errorf("the database from before is %v", aside)
	}
}

// What is damaged, cut off or something else is not restored, and leaves nothing behind.
func TestBackupsThatAreNotWhole(t *testing.T) {
	t.Parallel()
	home := newPlace(t, sqlite)
	s := home.start(t)
	s.mustSettle(t, 0)
	random := make([]byte, 100_000) // of which nothing can be told by itself
	_, _ = rand.Read(random)
	s.mustUpload(t, s.mustArrive(t).token, "random", random)
	archive := filepath.Join(t.TempDir(), "omarty.tar.zst")
	s.mustCommand(t, home, "backup", archive)
	whole, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	damaged := map[string][]byte{
		"nothing": {}, "a text": []byte("It is no archive.\n"), "cut off": whole[:len(whole)/2], "without its end": whole[:len(whole)-40],
	}
	for i := 1; i < 8; i++ {
		flipped := slices.Clone(whole)
		flipped[len(flipped)*i/8] ^= 1 << i
		damaged[fmt.Sprintf("one bit is another, after %d of 8", i)] = flipped
	}
	good := newPlace(t, sqlite)
	s.mustCommand(t, good, "restore", archive)
	there := func(p place) map[string]string {
		found := map[string]string{}
		for _, pattern := range []string{"omarty.db*", "files/*"} {
			paths, _ := filepath.Glob(filepath.Join(p.dataDir, pattern))
			for _, path := range paths {
				content, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				found[filepath.Base(path)] = string(content)
			}
		}
		return found
	}
	before := there(good)
	for name, content := range damaged {
		path := filepath.Join(t.TempDir(), "damaged")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		p := newPlace(t, sqlite)
		if out, err := p.run("restore", path); err == nil {
			t.Errorf("%s: %s", name, out)
		}
		if left := slices.Collect(maps.Keys(there(p))); len(left) > 0 {
			t.Errorf("%s: it left %v", name, left)
		}
		if out, err := good.run("restore", "--replace", path); err == nil {
			t.Errorf("%s, over what is there: %s", name, out)
		}
		if !maps.Equal(there(good), before) {
			t.Errorf("%s: it changed what was there", name)
		}
	}
}

// PostgreSQL is copied by its own tools, and the program told of it afterwards.
func TestBackupOfPostgreSQL(t *testing.T) {
	t.Parallel()
	home := newPlace(t, postgres)
	s := home.start(t, "OMARTY_RATE_LIMITS=off")
	if out, err := home.run("backup", filepath.Join(t.TempDir(), "x")); err == nil || !strings.Contains(out, "pg_dump") {
		t.Errorf("backup: %v: %s", err, out)
	}
	dump := filepath.Join(t.TempDir(), "omarty.dump")
	e := s.mustFurnish(t, func() { mustRunTool(t, "pg_dump", "--format=custom", "--file="+dump, home.databaseURL) })
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	again := newPlace(t, postgres)
	again.dataDir = home.dataDir // the files, which are copied after the database
	mustRunTool(t, "pg_restore", "--no-owner", "--exit-on-error", "--dbname="+again.databaseURL, dump)
	if out := s.mustCommand(t, again, "restore"); !strings.Contains(out, "rooms have a new logId") {
		t.Errorf("it says %q", out)
	}
	again.start(t, "OMARTY_RATE_LIMITS=off").expectRestored(t, e)
}

// mustRunTool runs one of PostgreSQL's own programs, which are beside those of its server.
func mustRunTool(t *testing.T, name string, arguments ...string) {
	t.Helper()
	folders := append(filepath.SplitList(os.Getenv("OMARTY_TEST_PG_BIN")), filepath.SplitList(os.Getenv("PATH"))...)
	packaged, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.Reverse(packaged)
	for _, folder := range append(folders, packaged...) {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err != nil || info.IsDir() {
			continue
		}
		began := time.Now()
		out, err := exec.CommandContext(t.Context(), path, arguments...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s, after %v: %v\n%s", path, time.Since(began), err, out)
		}
		return
	}
	t.Fatalf("%s is missing: install PostgreSQL's programs", name)
}
