package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// AroundCommits puts a function around the commits of posts; it is called before any.
func (s *Store) AroundCommits(around func(commit func() error) error) {
	s.engine = hookedEngine{s.engine, around}
}

type hookedEngine struct {
	engine
	around func(commit func() error) error
}

func (e hookedEngine) beginPosts(ctx context.Context, batch []*post, wait bool) (postTx, []standing, error) {
	tx, found, err := e.engine.beginPosts(ctx, batch, wait)
	return hookedTx{tx, e.around}, found, err
}

type hookedTx struct {
	postTx
	around func(commit func() error) error
}

func (tx hookedTx) commit(ctx context.Context, posted []*post, moved []*head) error {
	return tx.around(func() error { return tx.postTx.commit(ctx, posted, moved) })
}

// Waiting is how many posts are in no batch.
func (s *Store) Waiting() int {
	all := s.posting
	all.mu.Lock()
	defer all.mu.Unlock()
	n := len(all.shared.waiting)
	for _, w := range all.patient {
		n += len(w.waiting)
	}
	return n
}

// Posting counts what the posts of a store take.
type Posting struct {
	// Prepared and Run are statements; Flushes are round trips of PostgreSQL.
	Prepared, Run, Flushes atomic.Int32
}

// CountPosting makes a store count what its posts take. It is called before any.
func (s *Store) CountPosting(t *testing.T) *Posting {
	t.Helper()
	n := &Posting{}
	var err error
	switch e := s.engine.(type) {
	case *postgresEngine:
		t.Cleanup(e.pool.Close)
		config := e.pool.Config()
		config.ConnConfig.Tracer = pgTracer{n}
		e.pool, err = pgxpool.NewWithConfig(t.Context(), config)
	case *sqliteEngine:
		was := e.writer
		t.Cleanup(func() { was.Close() })
		e.writer = sql.OpenDB(countingConnector{was.Driver(), sqliteDSN(e.path, "_txlock=immediate"), n})
		e.writer.SetMaxOpenConns(1)
		e.posting, err = prepareSQLite(t.Context(), e.writer)
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

type pgTracer struct{ n *Posting }

func (t pgTracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	t.n.Flushes.Add(1)
	return ctx
}

func (t pgTracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {
	t.n.Run.Add(1)
}
func (t pgTracer) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

func (t pgTracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	t.n.Run.Add(1)
	t.n.Flushes.Add(1)
	return ctx
}
func (t pgTracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

type countingConnector struct {
	of  driver.Driver
	dsn string
	n   *Posting
}

func (c countingConnector) Driver() driver.Driver { return c.of }

func (c countingConnector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.of.Open(c.dsn)
	return countingConn{conn, c.n}, err
}

// countingConn offers no more than the least, so that all statements go by Prepare.
type countingConn struct {
	driver.Conn
	n *Posting
}

func (c countingConn) Prepare(query string) (driver.Stmt, error) {
	c.n.Prepared.Add(1)
	stmt, err := c.Conn.Prepare(query)
	return countingStmt{stmt, c.n}, err
}

type countingStmt struct {
	driver.Stmt
	n *Posting
}

func (s countingStmt) Exec(args []driver.Value) (driver.Result, error) {
	s.n.Run.Add(1)
	return s.Stmt.Exec(args) //nolint:staticcheck // it is the least
}

func (s countingStmt) Query(args []driver.Value) (driver.Rows, error) {
	s.n.Run.Add(1)
	return s.Stmt.Query(args) //nolint:staticcheck // it is the least
}
