// Package testkit is what tests share: an empty database of either engine, and
// what one is made of. The product knows nothing of it.
package testkit

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/omarty/chat/internal/testkit/postgres"
)

// Database is an empty database of a test's own.
type Database struct {
	// Engine is "sqlite" or "postgres".
	Engine string
	// URL names it to the program.
	URL string

	driver string
	dsn    string
	dump   func(context.Context, *sql.DB) (string, error)
}

// EachEngine runs a test once for each engine, with an empty database. A package
// that calls it has postgres.Main called by its TestMain.
func EachEngine(t *testing.T, test func(t *testing.T, db Database)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
}

// SQLite gives an empty file.
func SQLite(t testing.TB) Database {
	t.Helper()
	path := filepath.Join(t.TempDir(), "omarty.db")
	return Database{Engine: "sqlite", URL: "sqlite:" + path, driver: "sqlite", dsn: "file:" + path + "?_pragma=foreign_keys(1)", dump: DumpSQLite}
}

// Postgres gives an empty database, which ends with the test. Without PostgreSQL
// the test fails.
func Postgres(t testing.TB) Database {
	t.Helper()
	server, err := postgres.URL(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	name := "test_" + strings.ToLower(rand.Text())
	onServer(t, server, "CREATE DATABASE "+name)
	t.Cleanup(func() { onServer(t, server, "DROP DATABASE "+name+" WITH (FORCE)") })
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return Database{Engine: "postgres", URL: u.String(), driver: "pgx", dsn: u.String(), dump: DumpPostgres}
}

func onServer(t testing.TB, server, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), statement); err != nil {
		t.Fatal(err)
	}
}

// Open opens the database behind the program's back, until the test ends.
func (d Database) Open(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open(d.driver, d.dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// Dump gives what the database is made of.
func (d Database) Dump(t *testing.T) string {
	t.Helper()
	text, err := d.dump(t.Context(), d.Open(t))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
