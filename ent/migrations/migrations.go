// Package migrations holds the steps that bring an empty or older database to
// today's schema: a folder of SQL files for each engine, drafted from ent/schema
// by the command in draft, reviewed, and never changed once released. Beside
// each stands what a database holds after it, as a .dump.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed postgres/*.sql sqlite/*.sql postgres/*.dump sqlite/*.dump
var files embed.FS

// SQLite gives the steps for SQLite, in files of goose's format.
func SQLite() fs.FS { return sub("sqlite") }

// Postgres gives the steps for PostgreSQL, in files of goose's format.
func Postgres() fs.FS { return sub("postgres") }

// SQLiteDump gives what a SQLite database holds after the last step.
func SQLiteDump() string { return lastDump(SQLite()) }

// PostgresDump gives what a PostgreSQL database holds after the last step.
func PostgresDump() string { return lastDump(Postgres()) }

func lastDump(steps fs.FS) string {
	dumps, err := fs.Glob(steps, "*.dump") // in order
	if err != nil || len(dumps) == 0 {
		panic("no dump is embedded")
	}
	dump, err := fs.ReadFile(steps, dumps[len(dumps)-1])
	if err != nil {
		panic(err) // it is embedded above
	}
	return string(dump)
}

func sub(dir string) fs.FS {
	f, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // the folders are embedded above
	}
	return f
}
