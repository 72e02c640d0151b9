package store

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/omarty/chat/ent/migrations"
	"github.com/omarty/chat/internal/omarty"
)

// Examiner looks at a database beside those who serve it. It changes nothing, brings it to no
// schema, and holds a page of it at a time. It is for one goroutine.
type Examiner struct {
	db     *sql.DB
	engine string
	place  string
	steps  fs.FS
}

const (
	// examinedAtOnce is how many rooms one statement looks at, and lookedAtOnce how
	// many read marks or files. Each is of one moment.
	examinedAtOnce, lookedAtOnce = 50, 500
	// examineTime bounds one statement: a room may have millions of entries.
	examineTime = 10 * time.Minute
)

// Examine opens the database that url names, which is there. It answers within ctx, and does
// not quote a password that the url holds.
func Examine(ctx context.Context, url string) (*Examiner, error) {
	if err := CheckURL(url); err != nil {
		return nil, err
	}
	e := &Examiner{}
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		path, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(path); err != nil {
			return nil, err
		}
		e.engine, e.place, e.steps = "sqlite", path, migrations.SQLite()
		if e.db, err = sql.Open("sqlite", sqliteDSN(path, "_pragma=query_only(1)")); err != nil {
			return nil, err
		}
	} else {
		config, err := pgx.ParseConfig(url)
		if err != nil {
			return nil, checkPostgresURL(url)
		}
		for name, value := range map[string]string{
			"timezone": "UTC", "application_name": "omarty-chat doctor", "default_transaction_read_only": "on",
			"statement_timeout": strconv.FormatInt(examineTime.Milliseconds(), 10),
		} {
			config.RuntimeParams[name] = value
		}
		for name := range config.RuntimeParams { // those of the pool are not PostgreSQL's
			if strings.HasPrefix(name, "pool_") {
				delete(config.RuntimeParams, name)
			}
		}
		if config.ConnectTimeout == 0 || config.ConnectTimeout > timeout {
			config.ConnectTimeout = timeout
		}
		e.engine, e.place, e.steps = "postgresql", fmt.Sprintf("%s:%d/%s", config.Host, config.Port, config.Database), migrations.Postgres()
		e.db = stdlib.OpenDB(*config)
	}
	e.db.SetMaxOpenConns(1)
	if err := e.db.PingContext(ctx); err != nil {
		e.db.Close()
		return nil, err
	}
	return e, nil
}

// Close ends it.
func (e *Examiner) Close() error { return e.db.Close() }

// String says where the database is, without a password.
func (e *Examiner) String() string { return e.place }

// Version gives the engine and what it says of itself.
func (e *Examiner) Version(ctx context.Context) (string, error) {
	name, query := "SQLite", "SELECT sqlite_version()"
	if e.engine == "postgresql" {
		name, query = "PostgreSQL", "SELECT current_setting('server_version')"
	}
	var version string
	err := e.db.QueryRowContext(ctx, query).Scan(&version)
	return name + " " + version, err
}

// Path is where an embedded database's file is; "" for a server.
func (e *Examiner) Path() string {
	if e.engine == "sqlite" {
		return e.place
	}
	return ""
}

// Ahead tells by how much the clock of a server is ahead of this machine's, and how exactly
// that is known; false for an embedded database.
func (e *Examiner) Ahead(ctx context.Context) (ahead, within time.Duration, ok bool, err error) {
	if e.engine != "postgresql" {
		return 0, 0, false, nil
	}
	for range 3 { // the first may have to wait for a connection
		var there time.Time
		before := time.Now()
		if err := e.db.QueryRowContext(ctx, "SELECT clock_timestamp()").Scan(&there); err != nil {
			return 0, 0, true, err
		}
		took := time.Since(before)
		if within == 0 || took/2 < within {
			ahead, within = there.Sub(before.Add(took/2)), took/2
		}
	}
	return ahead, within, true, nil
}

// Migrations gives how many steps this program has, and what is wrong with those that were
// applied; whole tells that none of them is missing, be there others.
func (e *Examiner) Migrations(ctx context.Context) (steps int, whole bool, flaws []omarty.Flaw, err error) {
	whole = true
	files, err := fs.Glob(e.steps, "*.sql")
	if err != nil {
		return 0, false, nil, err
	}
	known := map[int64]string{}
	for _, file := range files {
		n, err := goose.NumericComponent(file)
		if err != nil {
			return 0, false, nil, err
		}
		known[n] = file
	}
	rows, err := e.db.QueryContext(ctx, "SELECT version_id, is_applied FROM schema_migrations ORDER BY id")
	if err != nil {
		return len(known), false, []omarty.Flaw{{
			What: "the database has no record of its schema: " + err.Error(), Advice: "start omarty-chat on it once, or check that OMARTY_DATABASE_URL names the right one",
		}}, nil
	}
	defer rows.Close()
	applied := map[int64]bool{}
	for rows.Next() {
		var n int64
		var is bool
		if err := rows.Scan(&n, &is); err != nil {
			return 0, false, nil, err
		}
		applied[n] = is
	}
	for n, file := range known {
		if !applied[n] {
			whole = false
			flaws = append(flaws, omarty.Flaw{What: "the step " + file + " is not applied", Advice: "start this release of omarty-chat, which applies it"})
		}
	}
	for n, is := range applied {
		if is && n != 0 && known[n] == "" {
			flaws = append(flaws, omarty.Flaw{
				What:   fmt.Sprintf("a step %d is applied that this release does not know", n),
				Advice: "use the release that applied it, or restore the backup of before the upgrade",
			})
		}
	}
	slices.SortFunc(flaws, func(a, b omarty.Flaw) int { return strings.Compare(a.What, b.What) })
	return len(known), whole, flaws, rows.Err()
}

// pages reads a query by pages: its first column is the id after which the next page begins,
// $1 that id, and $2 how many there are in one.
func (e *Examiner) pages(ctx context.Context, query string, size int, each func(rows *sql.Rows) (uuid.UUID, error)) (n int, err error) {
	after := uuid.UUID{}
	for {
		read, err := e.page(ctx, query, after, size, func(rows *sql.Rows) error {
			after, err = each(rows)
			return err
		})
		if n += read; err != nil || read < size {
			return n, err
		}
	}
}

func (e *Examiner) page(ctx context.Context, query string, after uuid.UUID, size int, each func(rows *sql.Rows) error) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, examineTime)
	defer cancel()
	rows, err := e.db.QueryContext(ctx, query, after, size)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for ; rows.Next(); n++ {
		if err := each(rows); err != nil {
			return n, err
		}
	}
	return n, rows.Err()
}
