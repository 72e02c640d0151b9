package store_test

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"
	"github.com/pressly/goose/v3"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/migrations"
	"github.com/omarty/chat/internal/store"
	"github.com/omarty/chat/internal/testkit"
)

// Each step leaves what the dump beside it says, what was made by hand included.
func TestEachStepLeavesWhatItsDumpSays(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db testkit.Database) {
		dialect, steps := goose.DialectSQLite3, migrations.SQLite()
		if db.Engine == "postgres" {
			dialect, steps = goose.DialectPostgres, migrations.Postgres()
		}
		handle := db.Open(t)
		p, err := goose.NewProvider(dialect, handle, steps,
			goose.WithDisableGlobalRegistry(true), goose.WithTableName("schema_migrations"))
		must(t, err)
		sources := p.ListSources()
		if len(sources) == 0 {
			t.Fatal("there are no steps")
		}
		for _, step := range sources {
			_, err := p.UpTo(t.Context(), step.Version)
			must(t, err)
			dump := strings.TrimSuffix(step.Path, ".sql") + ".dump"
			want, err := os.ReadFile(filepath.Join("../../ent/migrations", db.Engine, dump))
			must(t, err)
			if got := db.Dump(t); got != string(want) {
				t.Errorf("after %s the database is not what %s says:\n%s", step.Path, dump, got)
			}
		}
	})
}

// What ent would still change, or drop, in a database that has had all steps.
func TestMigratedDatabaseIsWhatTheSchemaSays(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db testkit.Database) {
		open(t, db).Close()
		name := dialect.SQLite
		if db.Engine == "postgres" {
			name = dialect.Postgres
		}
		handle := db.Open(t)
		// goose's own table is none of ent's, nor are those that messages are found by.
		byHand := []string{"schema_migrations", "message_words"}
		if db.Engine == "sqlite" {
			byHand = append(byHand, "message_search")
		}
		for _, table := range byHand {
			_, err := handle.ExecContext(t.Context(), "DROP TABLE "+table)
			must(t, err)
		}
		client := generated.NewClient(generated.Driver(entsql.OpenDB(name, handle)))
		var changes bytes.Buffer
		must(t, client.Schema.WriteTo(t.Context(), &changes, schema.WithDropColumn(true), schema.WithDropIndex(true)))
		if changes.Len() > 0 {
			t.Errorf("ent/schema says otherwise than the steps; draft a step for:\n%s", changes.String())
		}
	})
}

// Nodes that start together migrate once, and all can serve.
func TestNodesThatStartTogetherMigrateOnce(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db testkit.Database) {
		const nodes = 5
		var logs syncBuffer
		log := slog.New(slog.NewTextHandler(&logs, nil))
		var group sync.WaitGroup
		for range nodes {
			group.Go(func() {
				s, err := store.Open(t.Context(), db.URL, log)
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				if err := s.Ping(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		files, err := fs.Glob(migrations.SQLite(), "*.sql")
		must(t, err)
		if got := strings.Count(logs.String(), "msg=migrated"); got != len(files) {
			t.Errorf("%d steps were applied by %d nodes; there are %d", got, nodes, len(files))
		}
	})
}

// Both engines have the same steps.
func TestEnginesHaveTheSameSteps(t *testing.T) {
	names := func(f fs.FS) string {
		files, err := fs.Glob(f, "*.sql")
		must(t, err)
		return strings.Join(files, " ")
	}
	if s, p := names(migrations.SQLite()), names(migrations.Postgres()); s != p {
		t.Errorf("SQLite has %s, PostgreSQL %s", s, p)
	}
}

// syncBuffer is a buffer for several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
