package testkit

import (
	"context"
	"database/sql/driver"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// Statements are what goes to a database, of either engine, transactions' begins and
// ends among them.
type Statements struct {
	mu    sync.Mutex
	sent  []string
	calls []Call
}

// Call is a statement as it went, with its arguments.
type Call struct {
	Text string
	Args []any
}

// Reset forgets what went so far, and gives it.
func (s *Statements) Reset() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := s.sent
	s.sent, s.calls = nil, nil
	return sent
}

// Calls gives what went so far, to be sent once more.
func (s *Statements) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

func (s *Statements) add(statement string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, Call{statement, slices.Clone(args)})
	s.sent = append(s.sent, strings.Join(strings.Fields(statement), " "))
}

// TraceQueryStart is for pgx, as the methods that follow.
func (s *Statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	s.add(d.SQL, d.Args...)
	return ctx
}

// TraceQueryEnd is for pgx.
func (s *Statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart is for pgx.
func (s *Statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

// TraceBatchQuery is for pgx.
func (s *Statements) TraceBatchQuery(_ context.Context, _ *pgx.Conn, d pgx.TraceBatchQueryData) {
	s.add(d.SQL, d.Args...)
}

// TraceBatchEnd is for pgx.
func (s *Statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// TraceCopyFromStart is for pgx.
func (s *Statements) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceCopyFromStartData) context.Context {
	s.add("COPY " + d.TableName.Sanitize())
	return ctx
}

// TraceCopyFromEnd is for pgx.
func (s *Statements) TraceCopyFromEnd(context.Context, *pgx.Conn, pgx.TraceCopyFromEndData) {}

// Driver gives a driver of database/sql whose connections do as d's, which must be
// able to do all that modernc's are, and tell of it.
func (s *Statements) Driver(d driver.Driver) driver.Driver { return watchedDriver{d, s} }

type watchedDriver struct {
	driver.Driver
	told *Statements
}

// Open is for database/sql, as all methods below.
func (d watchedDriver) Open(name string) (driver.Conn, error) {
	c, err := d.Driver.Open(name)
	if err != nil {
		return nil, err
	}
	return watchedConn{c.(ableConn), d.told}, nil
}

// ableConn is what the connections of modernc's SQLite can do.
type ableConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type watchedConn struct {
	ableConn
	told *Statements
}

// BeginTx is for database/sql.
func (c watchedConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	c.told.add("begin")
	tx, err := c.ableConn.BeginTx(ctx, o)
	return watchedTx{tx, c.told}, err
}

// ExecContext is for database/sql.
func (c watchedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.told.add(query, values(args)...)
	return c.ableConn.ExecContext(ctx, query, args)
}

// QueryContext is for database/sql.
func (c watchedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.told.add(query, values(args)...)
	return c.ableConn.QueryContext(ctx, query, args)
}

// PrepareContext is for database/sql.
func (c watchedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.ableConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return watchedStmt{stmt.(ableStmt), query, c.told}, nil
}

// values are arguments as callers of database/sql give them.
func values(args []driver.NamedValue) []any {
	all := make([]any, len(args))
	for i, a := range args {
		all[i] = a.Value
	}
	return all
}

type watchedTx struct {
	driver.Tx
	told *Statements
}

// Commit is for database/sql.
func (t watchedTx) Commit() error {
	t.told.add("commit")
	return t.Tx.Commit()
}

// Rollback is for database/sql.
func (t watchedTx) Rollback() error {
	t.told.add("rollback")
	return t.Tx.Rollback()
}

// ableStmt is what its statements can do.
type ableStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type watchedStmt struct {
	ableStmt
	query string
	told  *Statements
}

// ExecContext is for database/sql.
func (s watchedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.told.add(s.query, values(args)...)
	return s.ableStmt.ExecContext(ctx, args)
}

// QueryContext is for database/sql.
func (s watchedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.told.add(s.query, values(args)...)
	return s.ableStmt.QueryContext(ctx, args)
}
