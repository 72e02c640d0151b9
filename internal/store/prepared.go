package store

import (
	"context"
	"database/sql"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// maxPrepared is how many statements are kept of SQLite's readers, on each connection
// that ran them.
const maxPrepared = 256

// prepared is a pool of SQLite's connections that keeps the queries it ran last
// prepared: SQLite parses and plans most of ours for longer than it runs them. pgx does
// so by itself. It is safe for concurrent use.
type prepared struct {
	*sql.DB

	mu   sync.Mutex
	kept *simplelru.LRU[string, *preparedQuery]
	// forgotten are those that are kept no longer, to be closed once nobody uses them.
	forgotten []*preparedQuery
}

type preparedQuery struct {
	*sql.Stmt
	// users are how many begin it at this moment.
	users int
}

func newPrepared(db *sql.DB, size int) *prepared {
	p := &prepared{DB: db}
	var err error
	p.kept, err = simplelru.NewLRU(size, func(_ string, s *preparedQuery) { p.forgotten = append(p.forgotten, s) })
	if err != nil {
		panic(err) // only a size below one fails
	}
	return p
}

// QueryContext runs a query as a prepared statement.
func (p *prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s := p.find(query)
	if s == nil {
		made, err := p.PrepareContext(ctx, query)
		if err != nil {
			return nil, err
		}
		s = p.keep(query, made)
	}
	defer p.leave(s)
	return s.QueryContext(ctx, args...) //nolint:sqlclosecheck // leave closes what is kept no longer
}

func (p *prepared) find(query string) *preparedQuery {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.kept.Get(query)
	if ok {
		s.users++
	}
	return s
}

func (p *prepared) keep(query string, made *sql.Stmt) *preparedQuery {
	s := &preparedQuery{Stmt: made, users: 1}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept.Remove(query) // another may have prepared it meanwhile
	p.kept.Add(query, s)
	return s
}

// leave tells that a statement was begun, and closes those that nobody wants. Rows that
// are not at their end outlive their statement.
func (p *prepared) leave(s *preparedQuery) {
	var idle []*preparedQuery
	p.mu.Lock()
	s.users--
	rest := p.forgotten[:0]
	for _, f := range p.forgotten {
		if f.users == 0 {
			idle = append(idle, f)
		} else {
			rest = append(rest, f)
		}
	}
	p.forgotten = rest
	p.mu.Unlock()
	for _, f := range idle {
		_ = f.Close() // of a connection that is broken
	}
}
