package testkit

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// DumpSQLite gives what a SQLite database is made of, in a fixed order: tables,
// indexes, triggers and views, without goose's own table.
func DumpSQLite(ctx context.Context, db *sql.DB) (string, error) {
	return dump(ctx, db, `
		SELECT sql FROM sqlite_master
		WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND tbl_name <> 'schema_migrations'
		ORDER BY tbl_name, type = 'table' DESC, type, name`)
}

// DumpPostgres gives what the public schema of a PostgreSQL database is made of,
// in a fixed order: columns, constraints, indexes, triggers and functions,
// without goose's own table. PostgreSQL's catalog writes the definitions, so that
// they do not depend on how the steps spelled them.
func DumpPostgres(ctx context.Context, db *sql.DB) (string, error) {
	return dump(ctx, db, `
		WITH tables AS (
			SELECT c.oid, c.relname FROM pg_class c
			WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> 'schema_migrations'
		), lines AS (
			SELECT t.relname AS place, 1 AS part, lpad(a.attnum::text, 4, '0') AS rank,
				format('%I.%I %s%s%s', t.relname, a.attname, format_type(a.atttypid, a.atttypmod),
					CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END,
					coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '')) AS line
			FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
			LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
			UNION ALL
			SELECT t.relname, 2, c.conname, format('%I CONSTRAINT %I %s', t.relname, c.conname, pg_get_constraintdef(c.oid))
			FROM tables t JOIN pg_constraint c ON c.conrelid = t.oid
			UNION ALL
			SELECT t.relname, 3, i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
			FROM tables t JOIN pg_index i ON i.indrelid = t.oid
			UNION ALL
			SELECT t.relname, 4, g.tgname, pg_get_triggerdef(g.oid)
			FROM tables t JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
			UNION ALL
			SELECT '', 5, p.proname, pg_get_functiondef(p.oid)
			FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prokind = 'f'
				AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = p.oid AND e.deptype = 'e')
		)
		SELECT line FROM lines ORDER BY place COLLATE "C", part, rank COLLATE "C"`)
}

func dump(ctx context.Context, db *sql.DB, query string) (string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var b strings.Builder
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%s;\n", line)
	}
	return b.String(), rows.Err()
}
