package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/migrations"
)

// sqliteEngine is a file with one connection that writes and a pool that reads,
// which in WAL mode do not wait for each other.
type sqliteEngine struct {
	path   string
	file   os.FileInfo
	writer *sql.DB
	reader *sql.DB
	// posting are the statements that post messages.
	posting sqliteStatements
}

func checkSQLitePath(path string) error {
	switch {
	case path == "":
		return errors.New("sqlite: needs the path of a file after it")
	case strings.HasPrefix(path, ":memory:"):
		return errors.New("sqlite: needs a file; what is kept in memory alone is lost with the process")
	case strings.ContainsRune(path, 0):
		return errors.New("sqlite: takes no path with a NUL")
	}
	return nil
}

func openSQLite(ctx context.Context, path string, watch func(driver.Driver) driver.Driver) (engine, error) {
	// The name that a person reads, and that stays true wherever the program goes.
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	// The file is made here alone: a connection that made it, where somebody has
	// moved it away meanwhile, would talk to an empty database.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator's own file
	if err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	writer, err := openFile(sqliteDSN(path, writing...), watch)
	if err != nil {
		return nil, err
	}
	writer.SetMaxOpenConns(1)
	reader, err := openFile(sqliteDSN(path, "_pragma=query_only(1)"), watch)
	if err != nil {
		writer.Close()
		return nil, err
	}
	readers := max(4, 2*runtime.GOMAXPROCS(0))
	reader.SetMaxOpenConns(readers)
	reader.SetMaxIdleConns(readers)

	e := &sqliteEngine{path: path, writer: writer, reader: reader}
	// The first connection switches the file to WAL, which fails beside another that
	// does.
	lock := e.lock()
	if err := lock.Lock(ctx, nil); err != nil {
		e.Close()
		return nil, err
	}
	err = writer.PingContext(ctx)
	if err := errors.Join(err, lock.Unlock(ctx, nil)); err != nil {
		e.Close()
		return nil, fmt.Errorf("opening %s: %w", path, roomless(err))
	}
	if e.file, err = os.Stat(path); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// roomless says of what SQLite fails with where the disk has no room that it is that.
func roomless(err error) error {
	var failure *sqlite.Error
	if errors.As(err, &failure) && (failure.Code() == sqlite3.SQLITE_FULL || failure.Code() == sqlite3.SQLITE_IOERR_SHMSIZE) {
		return fmt.Errorf("the disk is full: %w", err)
	}
	return err
}

// writing are the options of the connection that writes. It comes back to the same
// pages, the last of each index, with every batch of messages: so it keeps 16 MB of
// them, and lets 16 MB gather in the log before it copies them to the file, each once.
// What is removed it overwrites, so that the file does not keep what people took back.
var writing = []string{"_txlock=immediate", "_pragma=cache_size(-16000)", "_pragma=wal_autocheckpoint(4000)", "_pragma=secure_delete(1)"}

// openFile opens a pool of connections, through the driver that watches where there
// is one.
func openFile(dsn string, watch func(driver.Driver) driver.Driver) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil || watch == nil {
		return db, err
	}
	return sql.OpenDB(connector{dsn, watch(db.Driver())}), db.Close()
}

// connector connects to one file.
type connector struct {
	dsn    string
	driver driver.Driver
}

// Connect is for database/sql.
func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }

// Driver is for database/sql.
func (c connector) Driver() driver.Driver { return c.driver }

// sqliteDSN names the file as a URI, since a path may hold any character. What is
// acknowledged outlives a power cut only with WAL and synchronous=FULL. Without
// the time options, a moment outside UTC cannot be read back.
func sqliteDSN(path string, options ...string) string {
	options = append(options,
		"mode=rw",
		"_pragma=busy_timeout(5000)",
		"_pragma=journal_mode(WAL)",
		"_pragma=synchronous(FULL)",
		"_pragma=foreign_keys(1)",
		"_time_format=sqlite",
		"_timezone=UTC",
	)
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + strings.Join(options, "&")
}

func (e *sqliteEngine) String() string { return "SQLite, " + e.path }

func (e *sqliteEngine) clients() (reads, writes *generated.Client) {
	client := func(db entsql.ExecQuerier) *generated.Client {
		return generated.NewClient(generated.Driver(entsql.NewDriver(dialect.SQLite, entsql.Conn{ExecQuerier: db})))
	}
	return client(newPrepared(e.reader, maxPrepared)), client(e.writer)
}

func (e *sqliteEngine) migrate(ctx context.Context, log *slog.Logger) error {
	err := migrate(ctx, e.writer, goose.DialectSQLite3, migrations.SQLite(), log, goose.WithLocker(e.lock()))
	if err != nil {
		return err
	}
	e.posting, err = prepareSQLite(ctx, e.writer)
	return err
}

// lock is what one process at a time holds while it opens or migrates the file.
func (e *sqliteEngine) lock() fileLock { return fileLock{flock.New(e.path + ".lock")} }

// fileLock lets one process at a time migrate a file: SQLite's own locks last
// for a transaction, and a migration is many.
type fileLock struct{ *flock.Flock }

func (l fileLock) Lock(ctx context.Context, _ *sql.DB) error {
	_, err := l.TryLockContext(ctx, lockRetry)
	return err
}

func (l fileLock) Unlock(context.Context, *sql.DB) error { return l.Flock.Unlock() }

// present tells whether the file is still there: an open one outlives its name,
// and what is written to it then is lost.
func (e *sqliteEngine) present() error {
	file, err := os.Stat(e.path)
	if err != nil {
		return err
	}
	if !os.SameFile(e.file, file) {
		return errors.New("the database file was replaced")
	}
	return nil
}

func (e *sqliteEngine) ping(ctx context.Context) error {
	if err := e.present(); err != nil {
		return err
	}
	var one int
	return e.reader.QueryRowContext(ctx, "SELECT 1").Scan(&one)
}

func (e *sqliteEngine) lightly(ctx context.Context, change func(context.Context, *sql.Tx) error) (err error) {
	c, err := e.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.ExecContext(ctx, "PRAGMA synchronous=NORMAL"); err != nil {
		return err
	}
	defer func() {
		if _, failed := c.ExecContext(context.WithoutCancel(ctx), "PRAGMA synchronous=FULL"); failed != nil {
			// No other transaction may go by it.
			_ = c.Raw(func(any) error { return driver.ErrBadConn })
		}
	}()
	tx, err := c.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := change(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// scrub empties the log, which has pages as they were before: a truncated one is nothing.
func (e *sqliteEngine) scrub(ctx context.Context) error {
	c, err := e.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	// Who reads what is older is waited for; so does everybody who writes.
	for _, pragma := range []string{"busy_timeout(200)", "wal_checkpoint(TRUNCATE)", "busy_timeout(5000)"} {
		if _, e := c.ExecContext(context.WithoutCancel(ctx), "PRAGMA "+pragma); e != nil {
			err = e
		}
	}
	return err
}

func (e *sqliteEngine) unavailable(err error) bool {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return errors.Is(err, sql.ErrConnDone) || errors.Is(err, sql.ErrTxDone)
	}
	switch failure.Code() & 0xff { // the low byte is the primary code
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOMEM:
		return true
	}
	return false
}

func (e *sqliteEngine) Close() error {
	return errors.Join(e.reader.Close(), e.writer.Close())
}
