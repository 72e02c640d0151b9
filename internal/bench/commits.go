package main

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/omarty/chat/internal/load"
)

// ledger is a database with one table, where a row is inserted and committed: what a
// durable send costs at the least.
type ledger struct {
	db     *sql.DB
	conn   *sql.Conn
	insert *sql.Stmt
}

// openLedger opens one: a file as the product has it, or a table in PostgreSQL.
func (b *bench) openLedger(ctx context.Context, database string) (*ledger, error) {
	driver, dsn, statement := "pgx", database, "INSERT INTO ledger VALUES ($1, $2, $3)"
	if database == "" {
		driver, statement = "sqlite", "INSERT INTO ledger VALUES (?, ?, ?)"
		dsn = "file:" + filepath.Join(b.folder, "ledger.db") +
			"?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	l := &ledger{db: db}
	if l.conn, err = db.Conn(ctx); err != nil {
		return nil, err
	}
	if _, err = l.conn.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS ledger (id TEXT PRIMARY KEY, at TEXT, said TEXT)"); err != nil {
		return nil, err
	}
	l.insert, err = l.conn.PrepareContext(ctx, statement)
	return l, err
}

func (l *ledger) close() {
	_ = l.conn.Close()
	_ = l.db.Close()
}

// commit inserts a row in a transaction of its own.
func (l *ledger) commit(ctx context.Context) error {
	tx, err := l.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	insert := tx.StmtContext(ctx, l.insert)
	defer insert.Close()
	if _, err := insert.ExecContext(ctx, uuid.NewString(), "2026-11-23T10:00:00Z", strings.Repeat("x", text)); err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

// commits measures commits, at a rate or one after the other, where it is 0.
func (l *ledger) commits(ctx context.Context, rate float64, long time.Duration) (*load.Histogram, error) {
	h := &load.Histogram{}
	for start := time.Now(); time.Since(start) < long; {
		began := time.Now()
		if err := l.commit(ctx); err != nil {
			return nil, err
		}
		h.Add(time.Since(began))
		if rate > 0 {
			time.Sleep(time.Until(began.Add(time.Duration(float64(time.Second) / rate))))
		}
	}
	return h, nil
}
