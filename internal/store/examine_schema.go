package store

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/omarty/chat/ent/migrations"
	"github.com/omarty/chat/internal/omarty"
)

// thing is something that a schema is made of.
type thing struct{ kind, name string }

// Schema gives what of today's schema is missing, or cannot be used: tables and columns,
// indexes and triggers, and with PostgreSQL constraints, and what columns hold. The steps that were applied do not tell, as somebody may have
// changed the database since. usable tells that all that is read from is there.
func (e *Examiner) Schema(ctx context.Context) (usable bool, flaws []omarty.Flaw, err error) {
	wanted, query := ofSQLite(migrations.SQLiteDump()), `SELECT type, name FROM sqlite_master`
	if e.engine == "postgresql" {
		wanted, query = ofPostgres(migrations.PostgresDump()), postgresThings
	}
	rows, err := e.db.QueryContext(ctx, query)
	if err != nil {
		return false, nil, err
	}
	defer rows.Close()
	found := map[thing]bool{}
	for rows.Next() {
		var one thing
		if err := rows.Scan(&one.kind, &one.name); err != nil {
			return false, nil, err
		}
		found[one] = true
	}
	usable = true
	for _, one := range wanted {
		column, holds, _ := strings.Cut(one.name, " ")
		table, _, isColumn := strings.Cut(column, ".")
		if one.kind == "table" && found[thing{"barred", one.name}] {
			usable = false
			flaws = append(flaws, omarty.Flaw{What: "this user may not use the table " + one.name, Advice: barred})
		}
		if !found[one] && (!isColumn || found[thing{"table", table}]) && (holds == "" || found[thing{"column", column}]) {
			usable = usable && one.kind != "table" && one.kind != "column"
			what := fmt.Sprintf("the %s %s is missing", one.kind, one.name)
			if holds != "" {
				what = fmt.Sprintf("the column %s is not %s", column, holds)
			}
			flaws = append(flaws, omarty.Flaw{
				What:   what,
				Advice: "nothing that omarty-chat does removes it: find out who changed the database, and make it again as its step has it, or restore a backup",
			})
		}
	}
	return usable, flaws, rows.Err()
}

// barred is what to do where tables are there, but not for the program's user.
const barred = "make the user of the program the owner of all its tables, as who restores a copy with pg_restore as that user does"

// postgresThings has those that are there, and which tables this user may not use.
const postgresThings = `
	WITH tables AS (
		SELECT oid, relname FROM pg_class
		WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
	)
	SELECT 'table', relname FROM tables
	UNION ALL SELECT 'barred', relname FROM tables
		WHERE NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
			AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE'))
	UNION ALL SELECT 'column', relname || '.' || attname FROM tables JOIN pg_attribute ON attrelid = tables.oid WHERE attnum > 0 AND NOT attisdropped
	UNION ALL SELECT 'definition', relname || '.' || attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END
		FROM tables JOIN pg_attribute ON attrelid = tables.oid WHERE attnum > 0 AND NOT attisdropped
	UNION ALL SELECT 'constraint', conname FROM tables JOIN pg_constraint ON conrelid = tables.oid WHERE convalidated
	UNION ALL SELECT 'index', c.relname FROM tables JOIN pg_index ON indrelid = tables.oid JOIN pg_class c ON c.oid = indexrelid WHERE indisvalid
	UNION ALL SELECT 'trigger', tgname FROM tables JOIN pg_trigger ON tgrelid = tables.oid WHERE tgenabled IN ('O', 'A')`

var (
	postgresThing = regexp.MustCompile(`(?m)^(?:([a-z_]+)\."?([a-z_]+)"? (.*?)(?: DEFAULT .*)?;$|(?:CREATE (?:UNIQUE )?|[a-z_]+ )(INDEX|TRIGGER|CONSTRAINT) "?([a-z_]+)"? )`)
	sqliteThing   = regexp.MustCompile("(?m)^CREATE (?:UNIQUE |VIRTUAL )?(TABLE|INDEX|TRIGGER) `([a-z_]+)`")
	kindOf        = map[string]string{"TABLE": "table", "INDEX": "index", "TRIGGER": "trigger", "CONSTRAINT": "constraint"}
)

func ofPostgres(dump string) (things []thing) {
	for _, m := range postgresThing.FindAllStringSubmatch(dump, -1) {
		if m[1] == "" {
			things = append(things, thing{kindOf[m[4]], m[5]})
			continue
		}
		if table := (thing{"table", m[1]}); !slices.Contains(things, table) {
			things = append(things, table)
		}
		things = append(things, thing{"column", m[1] + "." + m[2]}, thing{"definition", m[1] + "." + m[2] + " " + m[3]})
	}
	return things
}

func ofSQLite(dump string) (things []thing) {
	for _, m := range sqliteThing.FindAllStringSubmatch(dump, -1) {
		things = append(things, thing{kindOf[m[1]], m[2]})
	}
	return things
}
