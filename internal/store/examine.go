package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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
	// readOnly tells that the server took no writing when it was connected to.
	readOnly bool
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
		config.RuntimeParams["timezone"], config.RuntimeParams["application_name"] = "UTC", "omarty-chat doctor"
		for name := range config.RuntimeParams { // those of the pool are not PostgreSQL's
			if strings.HasPrefix(name, "pool_") {
				delete(config.RuntimeParams, name)
			}
		}
		if config.ConnectTimeout == 0 || config.ConnectTimeout > timeout {
			config.ConnectTimeout = timeout
		}
		e.engine, e.place, e.steps = "postgresql", servers(&config.Config)[0]+"/"+config.Database, migrations.Postgres()
		dialed := "" // the server that was tried last
		if len(servers(&config.Config)) > 1 {
			lookup, names, dial := config.LookupFunc, map[string]string{}, config.DialFunc
			config.LookupFunc = func(ctx context.Context, host string) ([]string, error) {
				found, err := lookup(ctx, host)
				for _, address := range found {
					names[address] = host
				}
				return found, err
			}
			config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
				host, port, _ := net.SplitHostPort(address) // of a socket in a folder there is none
				if dialed = address; names[host] != "" {
					dialed = net.JoinHostPort(names[host], port)
				}
				return dial(ctx, network, address)
			}
		}
		// Asked for when it is connected: PgBouncer refuses this, or does as if it heard nothing.
		limits := fmt.Sprintf("SET default_transaction_read_only = on; SET statement_timeout = %d", examineTime.Milliseconds())
		e.db = stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
			err := conn.QueryRow(ctx, "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean").Scan(&e.readOnly)
			if err == nil {
				_, err = conn.Exec(ctx, limits)
			}
			if dialed != "" {
				e.place = dialed + "/" + config.Database
			}
			return err
		}))
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

// ReadOnly tells that a server takes no writing: it is a standby, or told so.
func (e *Examiner) ReadOnly() bool { return e.readOnly }

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

// Sound tells what is wrong with the database as such: with SQLite, pages that cannot be what
// was written; with PostgreSQL, an encoding that cannot hold what people write. Of SQLite it
// reads all.
func (e *Examiner) Sound(ctx context.Context) (flaws []omarty.Flaw, err error) {
	ctx, cancel := context.WithTimeout(ctx, examineTime)
	defer cancel()
	if e.engine == "postgresql" {
		var encoding string
		err := e.db.QueryRowContext(ctx, "SELECT current_setting('server_encoding')").Scan(&encoding)
		if err == nil && encoding != "UTF8" {
			flaws = append(flaws, omarty.Flaw{
				What: "has the encoding " + encoding, Advice: "make another with ENCODING 'UTF8' and TEMPLATE template0, and move what is in this one there by pg_dump and pg_restore",
			})
		}
		return flaws, err
	}
	var said string
	// Where a page of the schema is damaged not even this can be asked.
	if err := e.db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&said); err != nil {
		said = err.Error()
	}
	if said != "ok" && ctx.Err() == nil {
		flaws = append(flaws, omarty.Flaw{
			What: "is damaged: " + said, Advice: "stop the program, keep a copy of the file and of those beside it, look after the disk, and restore the latest backup",
		})
	}
	return flaws, ctx.Err()
}

// Lax gives the settings by which PostgreSQL, or this user of it, says that it has kept what
// may be lost when its machine dies.
func (e *Examiner) Lax(ctx context.Context) (settings []string, err error) {
	if e.engine != "postgresql" {
		return nil, nil
	}
	for _, name := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		var value string
		if err := e.db.QueryRowContext(ctx, "SELECT current_setting($1)", name).Scan(&value); err != nil {
			return nil, err
		}
		if value == "off" {
			settings = append(settings, name)
		}
	}
	return settings, nil
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
	if refused := new(pgconn.PgError); errors.As(err, &refused) && refused.Code == "42501" { // insufficient_privilege
		return len(known), false, []omarty.Flaw{{What: "this user may not use the table schema_migrations", Advice: barred}}, nil
	}
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
