package store_test

import (
	"bytes"
	"database/sql"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/omarty/chat/internal/store"
	"github.com/omarty/chat/internal/testkit"
)

func mustExamine(t *testing.T, url string) *store.Examiner {
	t.Helper()
	e, err := store.Examine(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { e.Close() })
	return e
}

// expectFlaw sees what is told to be wrong with a database as such; "" for nothing.
func expectFlaw(t *testing.T, url, says string) {
	t.Helper()
	flaws, err := mustExamine(t, url).Sound(t.Context())
	must(t, err)
	if (says != "") != (len(flaws) == 1) || says != "" && (!strings.Contains(flaws[0].What, says) || flaws[0].Advice == "") {
		t.Errorf("it is told %q, want one that says %q", flaws, says)
	}
}

// A page that a disk has spoiled is found, be it of a table that nobody reads now.
func TestExaminesTheFile(t *testing.T) {
	t.Parallel()
	on := testkit.SQLite(t)
	s := open(t, on)
	must(t, s.Close())
	expectFlaw(t, on.URL, "")
	path := strings.TrimPrefix(on.URL, "sqlite:")
	db, err := sql.Open("sqlite", path)
	must(t, err)
	var page, size int64
	must(t, db.QueryRowContext(t.Context(), "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_master WHERE name = 'audit_entries'").Scan(&page, &size))
	must(t, db.Close())
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = file.WriteAt(bytes.Repeat([]byte("spoiled!"), int(size/8)), (page-1)*size)
	must(t, err)
	must(t, file.Close())
	expectFlaw(t, on.URL, "is damaged: ")
}

// An encoding that cannot hold what people write is told of, and what makes a server say that
// it has kept what it has not.
func TestExaminesTheServer(t *testing.T) {
	t.Parallel()
	on := testkit.Postgres(t)
	expectFlaw(t, on.URL, "")
	u, err := url.Parse(on.URL)
	must(t, err)
	ascii := strings.TrimPrefix(u.Path, "/") + "_ascii"
	db := on.Open(t)
	_, err = db.ExecContext(t.Context(), `CREATE DATABASE "`+ascii+`" TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'`)
	must(t, err)
	t.Cleanup(func() {
		if _, err := db.Exec(`DROP DATABASE "` + ascii + `" WITH (FORCE)`); err != nil {
			t.Error(err)
		}
	})
	u.Path = "/" + ascii
	expectFlaw(t, u.String(), "SQL_ASCII")
	for value, lax := range map[string]bool{"on": false, "off": true} {
		settings, err := mustExamine(t, on.URL+"&synchronous_commit="+value).Lax(t.Context())
		if err != nil || slices.Contains(settings, "synchronous_commit") != lax {
			t.Errorf("with synchronous_commit %s lax are %v, %v", value, settings, err)
		}
	}
}
