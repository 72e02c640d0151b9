package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
)

func newPool(t *testing.T, size int) *prepared {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "pool.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return newPrepared(db, size)
}

// number asks for a number, and reads on after something else happened.
func (p *prepared) number(ctx context.Context, n int, meanwhile func()) error {
	rows, err := p.QueryContext(ctx, fmt.Sprintf("SELECT ? + %d", n), 1000)
	if err != nil {
		return err
	}
	defer rows.Close()
	meanwhile()
	var found int
	if !rows.Next() {
		return fmt.Errorf("no row: %w", rows.Err())
	}
	if err := rows.Scan(&found); err != nil || found != 1000+n {
		return fmt.Errorf("found %d of %d: %w", found, n, err)
	}
	return nil
}

// A pool that keeps few statements runs many more, by many at once.
func TestPreparedForgets(t *testing.T) {
	t.Parallel()
	p := newPool(t, 3)
	var crowd sync.WaitGroup
	for one := range 8 {
		crowd.Go(func() {
			for n := range 300 {
				if err := p.number(t.Context(), (n*(one+1))%7, func() {}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	crowd.Wait()
	if kept, left := p.kept.Len(), len(p.forgotten); kept != 3 || left != 0 {
		t.Errorf("it keeps %d statements, and %d that it forgot", kept, left)
	}
}

// What is read when its statement is forgotten is read to its end.
func TestPreparedRowsOutliveTheirStatement(t *testing.T) {
	t.Parallel()
	p := newPool(t, 1)
	err := p.number(t.Context(), 1, func() {
		for n := range 3 {
			if err := p.number(t.Context(), 2+n, func() {}); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// A statement sees a schema that changed after it was prepared, and one that cannot be
// prepared says why each time.
func TestPreparedAfterAChange(t *testing.T) {
	t.Parallel()
	p := newPool(t, 3)
	for range 2 {
		if _, err := p.QueryContext(t.Context(), "SELECT n FROM things"); err == nil { //nolint:rowserrcheck,sqlclosecheck // it fails
			t.Fatal("there is no table")
		}
	}
	for _, change := range []string{"CREATE TABLE things (n)", "INSERT INTO things VALUES (1)", "ALTER TABLE things ADD COLUMN m"} {
		if _, err := p.ExecContext(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		rows, err := p.QueryContext(t.Context(), "SELECT * FROM things WHERE n > 0")
		if err != nil {
			t.Fatalf("after %s: %v", change, err)
		}
		columns, err := rows.Columns()
		if err := errors.Join(err, rows.Err(), rows.Close()); err != nil || len(columns) == 0 { //nolint:sqlclosecheck // at once
			t.Errorf("after %s: %v, %v", change, columns, err)
		}
	}
}
