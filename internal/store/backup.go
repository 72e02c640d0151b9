package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/omarty/chat/ent/generated/room"
	"github.com/omarty/chat/internal/omarty"
)

// renewedAtOnce is how many rooms are given new logs in one transaction.
const renewedAtOnce = 1000

// PathOf gives the file of a database that is SQLite's; false for another.
func PathOf(url string) (path string, ok bool) {
	if path, ok = strings.CutPrefix(url, "sqlite:"); ok {
		if whole, err := filepath.Abs(path); err == nil {
			path = whole
		}
	}
	return path, ok
}

// Snapshot writes what a SQLite file holds into a new one, as one transaction sees it: all
// that was committed before, and nothing of what is under way. Whoever uses the file goes on
// meanwhile. It neither migrates the file nor needs to know its schema.
func Snapshot(ctx context.Context, path, into string) error {
	db, err := openThere(path)
	if err != nil {
		return err
	}
	defer db.Close()
	// Only who runs the program may read it, also while it is being written.
	file, err := os.OpenFile(into, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator's own file
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", into); err != nil {
		return fmt.Errorf("copying %s: %w", path, err)
	}
	return file.Sync()
}

// Check reads all of a SQLite file that nobody else uses, and tells what is wrong with it.
func Check(ctx context.Context, path string) error {
	db, err := openThere(path)
	if err != nil {
		return err
	}
	defer db.Close()
	var said string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&said); err != nil {
		return fmt.Errorf("checking %s: %w", path, err)
	}
	if said != "ok" {
		return fmt.Errorf("%s is damaged: %s", path, said)
	}
	return nil
}

// Retire brings a SQLite file into a state in which it can be moved, with all that was
// committed in it and nothing beside it. It fails while anybody else has it open.
func Retire(ctx context.Context, path string) error {
	db, err := openThere(path)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	var mode string
	err = db.QueryRowContext(ctx, "PRAGMA journal_mode=DELETE").Scan(&mode)
	var failure *sqlite.Error
	if errors.As(err, &failure) && failure.Code()&0xff == sqlite3.SQLITE_BUSY || err == nil && mode != "delete" {
		return fmt.Errorf("%s is in use; stop the program first", path)
	}
	return err
}

// openThere opens a file that is there: SQLite would make one where there is none.
func openThere(path string) (*sql.DB, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", path)
	}
	return sql.Open("sqlite", sqliteDSN(path))
}

// RenewLogs gives each room a log of another id, as after a loss of its last entries: who
// has stored some of them is told so, and reads anew. It gives how many rooms there are.
func (s *Store) RenewLogs(ctx context.Context) (rooms int, err error) {
	last := omarty.ID{}
	for {
		var ids []omarty.ID
		err := s.Write(ctx, func(ctx context.Context, tx *Tx) error {
			found, err := tx.tx.Room.Query().Where(room.IDGT(last.Row)).Order(room.ByID()).Limit(renewedAtOnce).IDs(ctx)
			if err != nil {
				return err
			}
			ids = roomIDs(found)
			return tx.renewLogs(ctx, ids)
		})
		if err != nil || len(ids) == 0 {
			return rooms, err
		}
		rooms += len(ids)
		last = ids[len(ids)-1]
	}
}

func (tx *Tx) renewLogs(ctx context.Context, ids []omarty.ID) error {
	for _, id := range ids {
		if err := tx.tx.Room.UpdateOneID(id.Row).SetLogID(omarty.NewID(omarty.KindLog).Row).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}
