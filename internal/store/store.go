// Package store keeps the nouns of internal/omarty in a database: SQLite inside
// the process or PostgreSQL. It decides nothing; what may be stored, and who may
// ask, the callers know.
//
// Reads are methods of Store. What changes something goes through Store.Write,
// whose transaction has the writing methods. Where a row is not there, they
// answer ErrNotFound; where a unique value is taken, ErrTaken; where the
// database cannot answer now, an *omarty.Error UNAVAILABLE. Every other error is
// a fault.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/internal/omarty"
)

// timeout bounds each read and each transaction, so that a database that hangs
// costs a caller this long and no longer.
const timeout = 5 * time.Second

// Store is an open database. It is safe for concurrent use.
type Store struct {
	engine engine
	reads  *generated.Client
	writes *generated.Client
	closed atomic.Bool
	// posting are those who write messages.
	posting *writers
	// committed is told of entries; see OnCommit.
	committed func(context.Context, []omarty.Entry)
	// join has who follows what happens see which posts share a transaction; nil for nobody.
	join Join
}

// engine is what differs between the two databases.
type engine interface {
	fmt.Stringer
	// clients gives the handles for reading and for writing.
	clients() (reads, writes *generated.Client)
	// migrate brings the database to today's schema, under a lock that every
	// process that opens the same database takes.
	migrate(ctx context.Context, log *slog.Logger) error
	// present tells, at almost no cost, whether the database is where it was opened.
	present() error
	// ping tells whether the database can serve now, within ctx.
	ping(ctx context.Context) error
	// beginPosts begins a transaction that posts a batch, locks the sessions and the
	// rooms of its drafts, and reads how things stand with each. Where it does not wait
	// for locks, it leaves over what others have locked.
	beginPosts(ctx context.Context, batch []*post, wait bool) (postTx, []standing, error)
	// hits gives the newest messages that have what is looked for, the newest first.
	hits(ctx context.Context, q hunt) ([]hit, error)
	// setWords writes what a message is found by, in place of what it was; "" for nothing.
	setWords(ctx context.Context, tx *generated.Tx, m *generated.Message, words string) error
	// waiting is the query of the ids of up to $1 messages whose words were not written, the
	// newest first; where it is to lock them, but for those that others have locked.
	waiting(lock bool) string
	// lightly runs a change in a transaction that a power cut may undo, though it was
	// committed: nobody waits for the disk.
	lightly(ctx context.Context, change func(context.Context, *sql.Tx) error) error
	// scrub overwrites what was removed, as far as it can.
	scrub(ctx context.Context) error
	// stand says how the database's pools and files stand.
	stand(s *Stats)
	// about asks the database which it is.
	about(ctx context.Context) (About, error)
	// unavailable tells whether err says that the database cannot answer now.
	unavailable(err error) bool
	Close() error
}

// Open opens the database that url names, "sqlite:PATH" or "postgres://…", and
// brings it to today's schema, once it lets the program in, for which it waits five
// minutes at the most. It answers within ctx, and does not quote a password that the url
// holds.
func Open(ctx context.Context, url string, log *slog.Logger, options ...Option) (*Store, error) {
	var w watchers
	for _, option := range options {
		option(&w)
	}
	e, err := open(ctx, url, w, log)
	if err != nil {
		return nil, err
	}
	if err := e.migrate(ctx, log); err != nil {
		e.Close()
		return nil, fmt.Errorf("migrating: %w", err)
	}
	s := &Store{engine: e, join: w.join}
	s.reads, s.writes = e.clients()
	s.posting = newWriters(s.writePosts)
	return s, nil
}

// openTime bounds how long a database is waited for that lets nobody in yet. How long
// its migration takes nobody can say.
const openTime = 5 * time.Minute

func open(ctx context.Context, url string, w watchers, log *slog.Logger) (engine, error) {
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	if err := CheckURL(url); err != nil {
		return nil, err
	}
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		return openSQLite(ctx, path, w.sqlite)
	}
	return openPostgres(ctx, url, w.postgres, log)
}

// CheckURL tells what is wrong with a database's url, without opening it and
// without quoting it.
func CheckURL(url string) error {
	switch scheme, rest, _ := strings.Cut(url, ":"); scheme {
	case "sqlite":
		return checkSQLitePath(rest)
	case "postgres", "postgresql":
		return checkPostgresURL(url)
	}
	return errors.New("begins with sqlite: or postgres://")
}

// Close ends all connections; what is under way is cut off.
func (s *Store) Close() error {
	s.closed.Store(true)
	s.posting.close()
	return s.engine.Close()
}

// String says which database it is, without a password: "SQLite, /path", or
// "PostgreSQL, host:port/name".
func (s *Store) String() string { return s.engine.String() }

// Ping is nil when the database can serve now. It answers within ctx.
func (s *Store) Ping(ctx context.Context) error { return s.engine.ping(ctx) }

// ErrNotFound says that the row is not there.
var ErrNotFound = omarty.Errorf(omarty.CodeNotFound, "It does not exist.")

// ErrTaken says that a value that only one row may have is another's.
var ErrTaken = omarty.Errorf(omarty.CodeConflict, "It is taken.")

// translate gives an error of the database as the callers know it.
func (s *Store) translate(err error) error {
	var known *omarty.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case generated.IsNotFound(err), errors.Is(err, sql.ErrNoRows):
		return ErrNotFound
	case generated.IsConstraintError(err), sqlgraph.IsConstraintError(err):
		return ErrTaken
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		s.engine.unavailable(err), s.closed.Load():
		return unavailable(err)
	}
	return err
}

func unavailable(cause error) error {
	return &omarty.Error{
		Code:    omarty.CodeUnavailable,
		Message: "The service cannot answer now; try again.",
		Cause:   cause,
	}
}

// read runs one reading under the timeout.
func read[T any](ctx context.Context, s *Store, query func(context.Context, *generated.Client) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := s.engine.present(); err != nil {
		var none T
		return none, unavailable(err)
	}
	v, err := query(ctx, s.reads)
	return v, s.translate(err)
}

// Tx is a transaction that writes. It is good until the function that it was
// handed to returns, and for one goroutine.
type Tx struct {
	tx     *generated.Tx
	engine engine
	// entries are what the rooms' logs shall say, in the order of Append.
	entries []omarty.Event
}

// Write runs change in a transaction and commits it; where change fails, nothing
// of it stays. The context that change gets ends with the transaction's time. An
// UNAVAILABLE may mean that the commit's outcome is unknown.
func (s *Store) Write(ctx context.Context, change func(context.Context, *Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := s.engine.present(); err != nil {
		return unavailable(err)
	}
	written, err := s.write(ctx, change)
	if err != nil {
		return s.translate(err)
	}
	// What was committed to a file that is no longer there is lost with it.
	if err := s.engine.present(); err != nil {
		return unavailable(err)
	}
	entries := make([]omarty.Entry, len(written))
	for i, e := range written {
		entries[i].Event = e
	}
	s.tell(ctx, entries)
	return nil
}

// write commits a change, and gives what it wrote to logs.
func (s *Store) write(ctx context.Context, change func(context.Context, *Tx) error) ([]omarty.Event, error) {
	tx, err := s.writes.Tx(ctx)
	if err != nil {
		return nil, err
	}
	// After a commit this does nothing; after a failure or a panic it is needed.
	defer tx.Rollback()
	w := &Tx{tx: tx, engine: s.engine}
	if err := change(ctx, w); err != nil {
		return nil, err
	}
	if err := w.writeLogs(ctx); err != nil {
		return nil, err
	}
	return w.entries, tx.Commit()
}

// absent gives ErrNotFound for a row that is not there, to who decides by it
// within a transaction; any other error stays as it is until the transaction ends.
func absent(err error) error {
	if generated.IsNotFound(err) {
		return ErrNotFound
	}
	return err
}

// forUpdate, as one of a query's predicates, lets nobody else change or lock the
// rows until the transaction ends. On SQLite, who writes is alone in any case.
func forUpdate(s *entsql.Selector) {
	if s.Dialect() == dialect.Postgres {
		s.ForUpdate()
	}
}

// forChange is forUpdate for rows that others may name meanwhile: what is written with
// a foreign key to them does not wait.
func forChange(s *entsql.Selector) {
	if s.Dialect() == dialect.Postgres {
		s.For(entsql.LockNoKeyUpdate)
	}
}

// forShare, as one of a query's predicates, keeps others from changing the rows
// until the transaction ends. On SQLite, who writes is alone in any case.
func forShare(s *entsql.Selector) {
	if s.Dialect() == dialect.Postgres {
		s.ForShare()
	}
}
