package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // for database/sql

	"github.com/omarty/chat/internal/load"
	"github.com/omarty/chat/internal/testkit/postgres"
	"github.com/omarty/chat/internal/testkit/process"
)

// printSizes prints what tables take for each of so many messages, the largest first.
func printSizes(sizes map[string]int64, messages int64) {
	fmt.Printf("\n| table, with its indexes | bytes a message |\n|---|---|\n")
	all := int64(0)
	for _, name := range slices.SortedFunc(maps.Keys(sizes), func(a, b string) int { return int(sizes[b] - sizes[a]) }) {
		all += sizes[name]
		if each := sizes[name] / messages; each > 0 {
			fmt.Printf("| `%s` | %d |\n", name, each)
		}
	}
	fmt.Printf("| all | %d |\n", all/messages)
}

// sqlite does its work in the program's process.
type sqlite struct{ folder string }

func (*sqlite) name() string                            { return "sqlite" }
func (s *sqlite) path() string                          { return filepath.Join(s.folder, "scaling.sqlite") }
func (s *sqlite) start(context.Context) (string, error) { return "sqlite:" + s.path(), nil }
func (*sqlite) look(context.Context) (work, error)      { return work{}, nil }
func (*sqlite) stop() error                             { return nil }
func (s *sqlite) open() (*sql.DB, error)                { return sql.Open("sqlite", "file:"+s.path()+"?mode=ro") }

func (s *sqlite) indexed(ctx context.Context) (done bool, _ error) {
	db, err := s.open()
	if err != nil {
		return false, err
	}
	defer db.Close()
	return done, db.QueryRowContext(ctx, "SELECT NOT EXISTS (SELECT 1 FROM message_words WHERE waiting)").Scan(&done)
}

func (s *sqlite) sizes(ctx context.Context) (map[string]int64, error) {
	db, err := s.open()
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, `SELECT coalesce(m.tbl_name, d.name), sum(d.pgsize) FROM dbstat d LEFT JOIN sqlite_schema m ON m.name = d.name GROUP BY 1`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	sizes, err := scan(rows)
	return sizes, errors.Join(err, rows.Err())
}

func scan(rows interface {
	Next() bool
	Scan(...any) error
	Err() error
},
) (map[string]int64, error) {
	sizes := map[string]int64{}
	for rows.Next() {
		var name string
		var bytes int64
		if err := rows.Scan(&name, &bytes); err != nil {
			return nil, err
		}
		sizes[name] = bytes
	}
	return sizes, rows.Err()
}

// pg is a PostgreSQL that counts statements.
type pg struct {
	folder  string
	cluster *postgres.Cluster
	conn    *pgx.Conn
}

func (*pg) name() string { return "postgres" }

func (p *pg) start(ctx context.Context) (url string, err error) {
	p.cluster, err = postgres.Installing(ctx, os.Stderr, func(ctx context.Context) (*postgres.Cluster, error) {
		port, err := process.QuietPort()
		if err != nil {
			return nil, err
		}
		return postgres.Keep(ctx, filepath.Join(p.folder, "postgres"), port, "shared_buffers=512MB", "max_wal_size=4GB", "shared_preload_libraries=pg_stat_statements")
	})
	if err != nil {
		return "", err
	}
	url = p.cluster.URL("postgres")
	if p.conn, err = pgx.Connect(ctx, url); err != nil {
		return "", err
	}
	_, err = p.conn.Exec(ctx, "CREATE EXTENSION pg_stat_statements")
	return url, err
}

func (p *pg) stop() error {
	if p.cluster == nil {
		return nil
	}
	return p.cluster.Stop()
}

func (p *pg) look(ctx context.Context) (w work, err error) {
	// What looks when PostgreSQL is there is not of sends, nor are BEGIN and COMMIT
	// statements that anybody plans; they are counted all the same.
	err = p.conn.QueryRow(ctx, `SELECT (SELECT sum(calls)::bigint FROM pg_stat_statements), (SELECT wal_bytes::bigint FROM pg_stat_wal)`).Scan(&w.statements, &w.wal)
	if err != nil {
		return w, err
	}
	// The server's processes, and those of it that have ended.
	paths, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is a good one
	first := p.cluster.Process()
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		pid, _ := strconv.Atoi(strings.Split(path, "/")[2])
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		parent, _ := strconv.Atoi(fields[1])
		if pid != first && parent != first {
			continue
		}
		used, err := load.Process(pid).Usage()
		if err != nil {
			continue
		}
		w.cpu += used.CPU()
	}
	return w, nil
}

func (p *pg) indexed(ctx context.Context) (done bool, err error) {
	err = p.conn.QueryRow(ctx, "SELECT NOT EXISTS (SELECT FROM message_words WHERE words IS NULL)").Scan(&done)
	return done, err
}

func (p *pg) sizes(ctx context.Context) (map[string]int64, error) {
	rows, err := p.conn.Query(ctx, `SELECT relname::text, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return scan(rows)
}
