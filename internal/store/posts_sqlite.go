package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"

	"github.com/google/uuid"

	"github.com/omarty/chat/internal/omarty"
)

// How SQLite posts a batch, on the connection that writes, where every transaction is
// alone: there is nothing to lock, and nothing is left over. A batch is looked up as
// one JSON array; it is written row by row, which takes the driver a third less time
// than an array or an INSERT of many rows.

const (
	sqliteDrafts = `
		WITH d AS MATERIALIZED (SELECT key AS n, value ->> 0 AS session, value ->> 1 AS room, value ->> 2 AS author,
			value ->> 3 AS key, value ->> 4 AS apartment, value ->> 5 AS at, value ->> 6 AS answers FROM json_each (?))`

	sqliteRooms = `SELECT ` + headColumns + ` FROM rooms WHERE id IN (SELECT value FROM json_each (?))`

	sqliteStandings = sqliteDrafts + `
		SELECT d.n, s.id IS NOT NULL, r.id IS NOT NULL, p.id IS NOT NULL,
			u.name, u.avatar_id, m.role, m.status, m.muted_until, w.created_at, a.id IS NOT NULL, l.id IS NOT NULL,
			r.building_id IS NULL AND EXISTS (SELECT 1 FROM participants other
				JOIN memberships theirs ON theirs.user_id = other.user_id AND theirs.status = 'ACTIVE'
				JOIN memberships own ON own.building_id = theirs.building_id AND own.user_id = d.author AND own.status = 'ACTIVE'
				WHERE other.room_id = r.id AND other.user_id <> d.author AND ` + unblocked + `),
			q.id IS NOT NULL, e.id IS NOT NULL
		FROM d
		LEFT JOIN sessions s ON s.id = d.session AND s.ended_at IS NULL AND s.expires_at > d.at
		LEFT JOIN users u ON u.id = d.author
		LEFT JOIN rooms r ON r.id = d.room
		LEFT JOIN participants p ON p.room_id = d.room AND p.user_id = d.author AND p.left_at IS NULL
		LEFT JOIN memberships m ON m.building_id = r.building_id AND m.user_id = d.author
		LEFT JOIN messages w ON w.id = CASE WHEN r.slow_mode > 0 THEN (
			SELECT id FROM messages INDEXED BY message_author_id_room_id_seq
			WHERE author_id = d.author AND room_id = d.room ORDER BY seq DESC LIMIT 1) END
		LEFT JOIN apartments a ON a.id = d.apartment AND a.building_id = m.building_id
		LEFT JOIN residencies l ON l.membership_id = m.id AND l.apartment_id = a.id
		LEFT JOIN messages q ON q.id = d.answers AND q.room_id = d.room
		LEFT JOIN messages e ON ` + sqliteKeyUsed

	sqliteEarlier = sqliteDrafts + `
		SELECT d.n, e.*
		FROM d CROSS JOIN (SELECT ` + earlierColumns + ` FROM messages) e ON ` + sqliteKeyUsed

	sqliteKeyUsed = `e.room_id = d.room AND e.author_id = d.author AND e.key = d.key`

	sqliteWriteMessage = `
		INSERT INTO messages (id, room_id, seq, ordinal, changed_seq, text_seq, author_id, key, fingerprint,
			apartment_id, text, reply_to_id, poll, notice, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	sqliteWriteEntry = `
		INSERT INTO room_events (id, room_id, seq, at, kind, actor_id, message_id)
		VALUES (?, ?, ?, ?, ?, ?, ?)`

	sqliteMoveRoom = `
		UPDATE rooms SET last_seq = ?, message_count = ?, last_message_id = ?, moved_at = ? WHERE id = ?`
)

// sqliteStatements are those, prepared on the connection that writes.
type sqliteStatements struct {
	rooms, standings, earlier          *sql.Stmt
	writeMessage, writeEntry, moveRoom *sql.Stmt
	number, writeWords                 *sql.Stmt
}

func prepareSQLite(ctx context.Context, db *sql.DB) (s sqliteStatements, err error) {
	for query, into := range map[string]**sql.Stmt{
		sqliteRooms: &s.rooms, sqliteStandings: &s.standings, sqliteEarlier: &s.earlier,
		sqliteWriteMessage: &s.writeMessage, sqliteWriteEntry: &s.writeEntry, sqliteMoveRoom: &s.moveRoom,
		sqliteNumber: &s.number, sqliteWriteWords: &s.writeWords,
	} {
		*into, err = db.PrepareContext(ctx, query) //nolint:sqlclosecheck // it is closed with db
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

// sqlitePosts is a transaction that posts.
type sqlitePosts struct {
	tx *sql.Tx
	sqliteStatements
}

func (e *sqliteEngine) beginPosts(ctx context.Context, batch []*post, _ bool) (postTx, []standing, error) {
	begun, err := e.writer.BeginTx(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	tx := sqlitePosts{begun, e.posting}
	// From here on nothing waits but for the disk, whom nobody can hurry: so the driver
	// need not watch, for each statement, whether the time is up.
	found, err := tx.look(context.WithoutCancel(ctx), batch)
	if err != nil {
		tx.rollback()
		return nil, nil, err
	}
	return tx, found, nil
}

// look reads how things stand.
func (tx sqlitePosts) look(ctx context.Context, batch []*post) ([]standing, error) {
	f := newFinding(batch)
	for _, p := range batch {
		f.sessions[p.Session.Row] = true
	}
	drafts, err := json.Marshal(column(batch, func(p *post) []any {
		return []any{p.Session.Row, p.Room.Row, p.Author.Row, p.Key, rowOf(p.apartment()), p.At.UTC().Format(sqliteTime), rowOf(p.ReplyTo)}
	}))
	if err != nil {
		return nil, err
	}
	rooms, err := json.Marshal(f.rooms())
	if err != nil {
		return nil, err
	}
	if err := tx.query(ctx, tx.rooms, string(rooms), f.lockedRooms); err != nil {
		return nil, err
	}
	if err := tx.query(ctx, tx.standings, string(drafts), f.standings); err != nil {
		return nil, err
	}
	if f.used {
		if err := tx.query(ctx, tx.earlier, string(drafts), f.earlier); err != nil {
			return nil, err
		}
	}
	for _, look := range f.looks() {
		rows, err := tx.tx.QueryContext(ctx, look.text, look.args...)
		if err := takeAll(rows, err, look.take); err != nil {
			return nil, err
		}
	}
	return f.found, nil
}

// rooms gives the rooms of the batch, each once.
func (f *finding) rooms() []uuid.UUID {
	var rooms []uuid.UUID
	for _, p := range f.batch {
		if !slices.Contains(rooms, p.Room.Row) {
			rooms = append(rooms, p.Room.Row)
		}
	}
	return rooms
}

// sqliteTime is how the driver writes a moment, which SQLite compares as text.
const sqliteTime = "2006-01-02 15:04:05.999999999-07:00"

func (tx sqlitePosts) query(ctx context.Context, stmt *sql.Stmt, list string, take func(result) error) error {
	rows, err := tx.tx.StmtContext(ctx, stmt).QueryContext(ctx, list) //nolint:sqlclosecheck // the transaction closes it
	return takeAll(rows, err, take)
}

// takeAll takes the rows of a query that may have failed.
func takeAll(rows *sql.Rows, err error, take func(result) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	if err := take(rows); err != nil {
		return err
	}
	return rows.Err()
}

func (tx sqlitePosts) commit(ctx context.Context, posted []*post, moved []*head) error {
	ctx = context.WithoutCancel(ctx)
	message := tx.tx.StmtContext(ctx, tx.writeMessage) //nolint:sqlclosecheck // the transaction closes it
	entry := tx.tx.StmtContext(ctx, tx.writeEntry)     //nolint:sqlclosecheck // and these
	room := tx.tx.StmtContext(ctx, tx.moveRoom)        //nolint:sqlclosecheck
	number := tx.tx.StmtContext(ctx, tx.number)        //nolint:sqlclosecheck
	words := tx.tx.StmtContext(ctx, tx.writeWords)     //nolint:sqlclosecheck
	for _, p := range posted {
		m := p.message
		_, err := message.ExecContext(ctx, m.ID.Row, m.Room.Row, m.Seq, p.ordinal, m.ChangedSeq, m.TextSeq, m.Author.Row, m.Key,
			p.fingerprint, rowOf(m.Apartment), m.Text, rowOf(m.ReplyTo), m.HasPoll, m.IsNotice, m.CreatedAt)
		if err != nil {
			return err
		}
		_, err = entry.ExecContext(ctx, uuid.Must(uuid.NewV7()), m.Room.Row, m.Seq, m.CreatedAt,
			string(omarty.EventMessagePosted), m.Author.Row, m.ID.Row)
		if err != nil {
			return err
		}
		numbered, err := number.ExecContext(ctx, m.ID.Row, m.Room.Row)
		if err != nil {
			return err
		}
		n, err := numbered.LastInsertId()
		if err != nil {
			return err
		}
		if _, err := words.ExecContext(ctx, n, p.words); err != nil {
			return err
		}
	}
	for _, more := range besides(posted) {
		if _, err := tx.tx.ExecContext(ctx, more.text, more.args...); err != nil {
			return err
		}
	}
	for _, h := range moved {
		if _, err := room.ExecContext(ctx, h.LastSeq, h.messages, h.LastMessage.Row, h.movedAt, h.ID.Row); err != nil {
			return err
		}
	}
	return tx.tx.Commit()
}

func (tx sqlitePosts) rollback() { _ = tx.tx.Rollback() }
