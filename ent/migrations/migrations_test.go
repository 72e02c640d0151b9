package migrations

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

// expanding are the statements of a step beside which the version before it goes on: they
// add, and what they add nobody has to know. What is taken away, or made stricter, is a
// step of a later version, which says so in a line that begins with "-- contract: ", and
// since which version nobody needs it.
var expanding = regexp.MustCompile(`(?is)^(` +
	`CREATE (VIRTUAL )?TABLE |CREATE (UNIQUE )?INDEX |CREATE TRIGGER |CREATE FUNCTION |INSERT INTO |SELECT setval\(` +
	`|ALTER TABLE \S+ ADD COLUMN [^;]*$)`)

var (
	added    = regexp.MustCompile(`(?i)ADD COLUMN \S+ [^,]*`)
	required = regexp.MustCompile(`(?i)NOT NULL`)
	standard = regexp.MustCompile(`(?i)DEFAULT`)
)

// Nodes are upgraded one by one: so for a while those of the version before work on the
// database as the next one has made it.
func TestStepsOnlyExpand(t *testing.T) {
	steps := 0
	for engine, folder := range map[string]fs.FS{"sqlite": SQLite(), "postgres": Postgres()} {
		names, err := fs.Glob(folder, "*.sql")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := fs.ReadFile(folder, name)
			if err != nil {
				t.Fatal(err)
			}
			if regexp.MustCompile(`(?m)^-- contract: \S`).Match(text) {
				continue
			}
			for _, s := range statements(string(text)) {
				steps++
				if wrong := narrowing(s); wrong != "" {
					t.Errorf("%s/%s: %s: %.100s", engine, name, wrong, s)
				}
			}
		}
	}
	if steps < 100 {
		t.Errorf("%d statements were read", steps)
	}
}

// narrowing tells why the version before does not go on beside a statement.
func narrowing(statement string) string {
	if !expanding.MatchString(statement) {
		return "it does more than add"
	}
	for _, column := range added.FindAllString(statement, -1) {
		if required.MatchString(column) && !standard.MatchString(column) {
			return "who does not know the column cannot write a row"
		}
	}
	return ""
}

func TestNarrowingStepsAreSeen(t *testing.T) {
	for statement, narrows := range map[string]bool{
		`DROP TABLE "a"`:                                                     true,
		`ALTER TABLE "a" DROP COLUMN "b"`:                                    true,
		`ALTER TABLE "a" RENAME TO "b"`:                                      true,
		`ALTER TABLE "a" ALTER COLUMN "b" SET NOT NULL`:                      true,
		`ALTER TABLE "a" ADD COLUMN "b" bigint NOT NULL`:                     true,
		`UPDATE "a" SET "b" = 1`:                                             true,
		`ALTER TABLE "a" ADD COLUMN "b" bigint NOT NULL DEFAULT 0`:           false,
		`ALTER TABLE "a" ADD COLUMN "b" uuid NULL, ADD COLUMN "c" uuid NULL`: false,
	} {
		if got := narrowing(statement) != ""; got != narrows {
			t.Errorf("%s: %t", statement, got)
		}
	}
}

// statements gives those of a step, without comments. The bodies of functions and triggers
// belong to theirs.
func statements(text string) (all []string) {
	whole := false
	var current strings.Builder
	for line := range strings.Lines(text) {
		switch trimmed := strings.TrimSpace(line); {
		case trimmed == "-- +goose StatementBegin":
			whole = true
			continue
		case trimmed == "-- +goose StatementEnd":
			whole = false
		case strings.HasPrefix(trimmed, "--"), trimmed == "":
			continue
		default:
			current.WriteString(line)
		}
		if s := strings.TrimSpace(current.String()); s != "" && !whole && (strings.HasSuffix(s, ";") || strings.HasPrefix(strings.TrimSpace(line), "--")) {
			all = append(all, strings.TrimSuffix(s, ";"))
			current.Reset()
		}
	}
	return all
}
