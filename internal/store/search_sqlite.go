package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"

	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated"
)

// How SQLite finds messages. FTS5 gives its hits in the order of their rows, so a page
// is read and no more; what it has for a word in a room is read as a whole, a byte or
// two for each message.

const (
	sqliteNumber     = `INSERT INTO message_words (message_id, room_id) VALUES (?, ?)`
	sqliteWriteWords = `INSERT INTO message_search (rowid, words) VALUES (?, ?)`

	sqliteHits = `
		SELECT w.n, w.message_id FROM message_search CROSS JOIN message_words w ON w.n = message_search.rowid
		WHERE message_search MATCH ? AND message_search.rowid < ? AND w.room_id IN (SELECT value FROM json_each (?))
		ORDER BY message_search.rowid DESC LIMIT ?`
)

func (e *sqliteEngine) hits(ctx context.Context, q hunt) ([]hit, error) {
	rooms := make([]uuid.UUID, len(q.rooms))
	match := make([]string, len(q.rooms))
	for i, r := range q.rooms {
		rooms[i], match[i] = r.room, matching(r)
	}
	in, err := json.Marshal(rooms)
	if err != nil {
		return nil, err
	}
	var found []hit
	rows, err := e.reader.QueryContext(ctx, sqliteHits, strings.Join(match, " OR "), q.before, string(in), q.count)
	return found, takeAll(rows, err, func(rows result) error { return hitsOf(rows, &found) })
}

func hitsOf(rows result, found *[]hit) error {
	for rows.Next() {
		var h hit
		if err := rows.Scan(&h.n, &h.message); err != nil {
			return err
		}
		*found = append(*found, h)
	}
	return nil
}

// matching is FTS5's expression for what is looked for in a room.
func matching(r hunted) string {
	all := make([]string, len(r.words))
	for i, w := range r.words {
		all[i] = `"` + w.Token + `"`
		if w.Prefix {
			all[i] += " *"
		}
	}
	return "(" + strings.Join(all, " AND ") + ")"
}

func (e *sqliteEngine) setWords(ctx context.Context, tx *generated.Tx, m *generated.Message, words string) error {
	var n int64
	rows, err := tx.QueryContext(ctx, `
		INSERT INTO message_words (message_id, room_id) VALUES (?, ?)
		ON CONFLICT (message_id) DO UPDATE SET waiting = false RETURNING n`, m.ID, m.RoomID)
	err = takeAll(rows, err, func(rows result) error {
		if !rows.Next() {
			return sql.ErrNoRows
		}
		return rows.Scan(&n)
	})
	if err != nil {
		return err
	}
	if words == "" {
		_, err = tx.ExecContext(ctx, "DELETE FROM message_search WHERE rowid = ?", n)
	} else {
		_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO message_search (rowid, words) VALUES (?, ?)", n, words)
	}
	return err
}

func (e *sqliteEngine) waiting(bool) string {
	return `SELECT message_id FROM message_words WHERE waiting ORDER BY n DESC LIMIT $1`
}
