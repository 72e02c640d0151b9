package e2e

import (
	"database/sql"
	"encoding/base32"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"
)

// mustChange does to a database what nobody should, beside the program.
func (p place) mustChange(t *testing.T, statement string, arguments ...any) {
	t.Helper()
	driver, at := "pgx", p.databaseURL
	if p.databaseURL == "" {
		driver, at = "sqlite", "file:"+filepath.Join(p.dataDir, "omarty.db")+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, at)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	result, err := db.ExecContext(t.Context(), statement, arguments...)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		t.Fatalf("%s: %d rows, %v", statement, n, err)
	}
}

// rowOf gives the id of a thing as the database has it.
func rowOf(t *testing.T, id string) string {
	t.Helper()
	_, text, _ := strings.Cut(id, "_")
	row, err := base32.HexEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(text))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", row[:4], row[4:6], row[6:8], row[8:10], row[10:])
}

// The doctor finds nothing wrong with an installation that runs, and whatever is broken in it
// afterwards, one after the other, in words that name it.
func TestDoctor(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		home := newPlace(t, e)
		env := []string{"OMARTY_ADMIN_LISTEN=127.0.0.1:0", "OMARTY_RATE_LIMITS=off"}
		stopNATS := func() {}
		if e == postgres {
			stop, url, _ := startNATS(t, 0)
			stopNATS = stop
			env = append(env, "OMARTY_NATS_URL="+url)
		}
		s := home.start(t, env...)
		h := s.mustSettle(t, 1)
		last := s.mustChat(t, h.manager, h.community, 5)
		s.mustMark(t, h.residents[0], h.community, last-2)
		file, _ := s.mustUpload(t, h.manager.token, "a.txt", []byte("hello"))
		s.mustExport(t, h.manager.token)

		examine := func(more ...string) ended {
			t.Helper()
			settings := append(home.environment(), env...)
			settings = append(settings, "OMARTY_LISTEN="+mustParseURL(s.url).Host, "OMARTY_ADMIN_LISTEN="+mustParseURL(s.admin(t).url).Host)
			return runProgram(t, t.TempDir(), settings, append([]string{"doctor"}, more...)...)
		}
		well := examine("--public", s.url)
		// A machine that tests are run on may have a disk that is nearly full.
		full := strings.Count(well.out, "WRONG  disk ")
		for _, check := range []string{"settings", "database", "migrations", "clock", "disk", "logs", "unread", "files", "nats", "certificate", "program", "public"} {
			if !strings.Contains(well.out, "ok     "+check+" ") && (check != "disk" || full == 0) {
				t.Errorf("it says nothing of %s", check)
			}
		}
		if (well.status != 0 || !strings.Contains(well.out, "All is well.")) && full == 0 || strings.Count(well.out, "WRONG") != full {
			t.Fatalf("of what is well it says, with status %d:\n%s%s", well.status, well.out, well.log)
		}

		room, other := rowOf(t, h.community), rowOf(t, h.announcements)
		contents := filepath.Join(home.dataDir, "files")
		for _, broken := range []struct {
			what  string
			do    func()
			check string
			says  []string
		}{
			{"an entry is deleted", func() {
				home.mustChange(t, `DELETE FROM room_events WHERE room_id = $1 AND seq = 2`, room)
			}, "logs", []string{h.community, "misses entry 2"}},
			{"a head is shifted", func() {
				home.mustChange(t, `UPDATE rooms SET last_seq = last_seq + 1 WHERE id = $1`, other)
			}, "logs", []string{h.announcements, "the newest are missing"}},
			{"an entry is beyond the head", func() {
				home.mustChange(t, `UPDATE rooms SET last_seq = last_seq - 2 WHERE id = $1`, other)
			}, "logs", []string{h.announcements, "beyond its head"}},
			{"an ordinal is wrong", func() {
				home.mustChange(t, `UPDATE messages SET ordinal = ordinal + 1 WHERE room_id = $1 AND seq = $2`, room, last)
			}, "logs", []string{h.community, "1 have a wrong ordinal"}},
			{"a read mark counts wrong", func() {
				home.mustChange(t, `UPDATE participants SET read_ordinal = read_ordinal + 1 WHERE room_id = $1 AND read_seq = $2`, room, last-2)
			}, "unread", []string{h.community, "what is unread is told wrong"}},
			{"a file is gone", func() {
				if err := os.Remove(filepath.Join(contents, file)); err != nil {
					t.Fatal(err)
				}
			}, "files", []string{file, "is not there"}},
			{"a content is left over", func() {
				orphan := filepath.Join(contents, "file_"+strings.Repeat("0", 25)+"4")
				if err := os.WriteFile(orphan, []byte("x"), 0o600); err != nil {
					t.Fatal(err)
				}
				before := time.Now().Add(-48 * time.Hour)
				if err := os.Chtimes(orphan, before, before); err != nil {
					t.Fatal(err)
				}
			}, "files", []string{"belongs to nothing"}},
			{"a migration is unknown", func() {
				home.mustChange(t, `INSERT INTO schema_migrations (version_id, is_applied) VALUES (4711, true)`)
			}, "migrations", []string{"4711", "does not know"}},
			{"a migration is missing", func() {
				home.mustChange(t, `DELETE FROM schema_migrations WHERE version_id = 2`)
			}, "migrations", []string{"00002", "is not applied"}},
		} {
			broken.do()
			r := examine()
			found := false
			for line := range strings.SplitSeq(r.out, "\n") {
				all := strings.HasPrefix(line, "WRONG  "+broken.check+" ") && strings.Contains(line, "What to do: ")
				for _, says := range broken.says {
					all = all && strings.Contains(line, says)
				}
				found = found || all
			}
			if r.status != 1 || !found || strings.Contains(r.out, "All is well") {
				t.Errorf("%s, and it says with status %d:\n%s%s", broken.what, r.status, r.out, r.log)
			}
		}
		if e == postgres {
			stopNATS()
			if r := examine(); r.status != 1 || !strings.Contains(r.out, "WRONG  nats ") {
				t.Errorf("NATS is stopped, and it says with status %d:\n%s", r.status, r.out)
			}
		}
		s.mustStop(t)
		if r := examine(); !strings.Contains(r.out, "ok     program ") || !strings.Contains(r.out, "it does not run there") {
			t.Errorf("of a program that does not run it says:\n%s", r.out)
		}
	})
}

// An empty place, and a database that is away, are told in words; nothing is made of them.
func TestDoctorOfNothing(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	r := runProgram(t, folder, []string{"OMARTY_LISTEN=127.0.0.1:0"}, "doctor")
	if r.status != 1 || !strings.Contains(r.out, "WRONG  database ") {
		t.Errorf("without a database it says, with status %d:\n%s", r.status, r.out)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	password := secret("swordfish-of-the-doctor")
	r = runProgram(t, folder, []string{"OMARTY_DATABASE_URL=postgres://chat:" + password + "@127.0.0.1:1/chat"}, "doctor", "--json")
	if r.status != 1 || !strings.Contains(r.out, `"check":"database","ok":false`) || strings.Contains(r.out+r.log, password) {
		t.Errorf("with the database away it says, with status %d:\n%s", r.status, r.out)
	}
}
