// Command draft writes the next migration of both engines: what brings a
// database that has had all the steps before to what ent/schema says today.
//
//	go run ./ent/migrations/draft add_rooms
//
// A draft is a proposal. Read it: what ent cannot know (data to carry over,
// full-text indexes, triggers) is added to it by hand. Then run the command
// without a name: it writes beside the newest step what a database holds after
// it, which the tests compare for ever.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"ariga.io/atlas/sql/migrate"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/internal/store"
	"github.com/omarty/chat/internal/testkit"
	"github.com/omarty/chat/internal/testkit/postgres"
)

const root = "ent/migrations"

// engine is one of the two databases, each in a new and empty copy when asked.
type engine struct {
	name    string
	dialect string
	driver  string
	// fresh makes a new database: its url for the store, its dsn for database/sql.
	fresh func(name string) (url, dsn string, err error)
	dump  func(context.Context, *sql.DB) (string, error)
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("draft: ")
	if len(os.Args) > 2 {
		log.Fatal("usage: go run ./ent/migrations/draft [NAME]")
	}
	if _, err := os.Stat(root); err != nil {
		log.Fatal("run it at the top of the repository: ", err)
	}
	if err := run(context.Background(), os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, name []string) (err error) {
	cluster, err := postgres.Start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	temp, err := os.MkdirTemp("", "omarty-draft-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)

	engines := []engine{
		{
			name: "sqlite", dialect: dialect.SQLite, driver: "sqlite", dump: testkit.DumpSQLite,
			fresh: func(n string) (string, string, error) {
				path := filepath.Join(temp, n+".db")
				return "sqlite:" + path, "file:" + path + "?_pragma=foreign_keys(1)", nil
			},
		},
		{
			name: "postgres", dialect: dialect.Postgres, driver: "pgx", dump: testkit.DumpPostgres,
			fresh: func(n string) (string, string, error) {
				db, err := sql.Open("pgx", cluster.URL("postgres"))
				if err != nil {
					return "", "", err
				}
				defer db.Close()
				_, err = db.ExecContext(ctx, "CREATE DATABASE "+n)
				return cluster.URL(n), cluster.URL(n), err
			},
		},
	}
	for _, e := range engines {
		if len(name) == 1 {
			err = e.draft(ctx, temp, name[0])
		} else {
			err = e.writeDump(ctx)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	return nil
}

// draft lets ent compare a database that has had all steps with its schema.
// Nothing is ever dropped by a draft: what is not in ent's schema may be made by
// hand.
func (e engine) draft(ctx context.Context, temp, name string) error {
	db, err := e.migrated(ctx, "drafted")
	if err != nil {
		return err
	}
	defer db.Close()
	steps, err := e.steps()
	if err != nil {
		return err
	}
	file := fmt.Sprintf("%05d_%s.sql", len(steps)+1, name)
	format, err := migrate.NewTemplateFormatter(
		template.Must(template.New("name").Parse(file)),
		template.Must(template.New("step").Parse("-- +goose Up\n{{ range .Changes }}{{ with .Comment }}-- {{ . }}\n{{ end }}{{ .Cmd }};\n{{ end }}")),
	)
	if err != nil {
		return err
	}
	// ent keeps a sum of the folder it writes to; ours are guarded by the dumps.
	dir, err := migrate.NewLocalDir(temp)
	if err != nil {
		return err
	}
	client := generated.NewClient(generated.Driver(entsql.OpenDB(e.dialect, db)))
	err = client.Schema.NamedDiff(ctx, name,
		schema.WithDir(dir), schema.WithFormatter(format),
		schema.WithMigrationMode(schema.ModeInspect), schema.WithErrNoPlan(true), schema.WithIndent("  "))
	if errors.Is(err, migrate.ErrNoPlan) {
		log.Printf("%s: nothing to change", e.name)
		return nil
	}
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(temp, file))
	if err != nil {
		return err
	}
	log.Printf("%s: drafted %s", e.name, file)
	return os.WriteFile(filepath.Join(root, e.name, file), text, 0o644)
}

// writeDump writes beside the newest step what a database holds after it.
func (e engine) writeDump(ctx context.Context) error {
	db, err := e.migrated(ctx, "dumped")
	if err != nil {
		return err
	}
	defer db.Close()
	text, err := e.dump(ctx, db)
	if err != nil {
		return err
	}
	steps, err := e.steps()
	if err != nil {
		return err
	}
	newest := filepath.Join(root, steps[len(steps)-1])
	return os.WriteFile(strings.TrimSuffix(newest, ".sql")+".dump", []byte(text), 0o644)
}

// migrated gives a new database to which the program has applied its steps.
func (e engine) migrated(ctx context.Context, name string) (*sql.DB, error) {
	url, dsn, err := e.fresh(name)
	if err != nil {
		return nil, err
	}
	s, err := store.Open(ctx, url, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return sql.Open(e.driver, dsn)
}

// steps gives the files of the engine's steps, oldest first.
func (e engine) steps() ([]string, error) {
	return fs.Glob(os.DirFS(root), e.name+"/*.sql")
}
