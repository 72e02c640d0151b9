package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/google/uuid"

	"github.com/omarty/chat/internal/omarty"
)

// examineRooms reads for each room what its row says of its log and its messages, and what
// there is: all of one moment, so that who posts meanwhile makes no difference.
const examineRooms = `SELECT r.id, r.last_seq, r.message_count,
	(SELECT count(*) FROM room_events e WHERE e.room_id = r.id),
	(SELECT coalesce(min(e.seq), 0) FROM room_events e WHERE e.room_id = r.id),
	(SELECT coalesce(max(e.seq), 0) FROM room_events e WHERE e.room_id = r.id),
	(SELECT count(*) FROM messages m WHERE m.room_id = r.id),
	(SELECT count(*) FROM (
		SELECT m.ordinal, row_number() OVER (ORDER BY m.seq) AS place FROM messages m WHERE m.room_id = r.id
	) counted WHERE counted.ordinal <> counted.place),
	(SELECT count(*) FROM messages m WHERE m.room_id = r.id AND NOT EXISTS (
		SELECT 1 FROM room_events e WHERE e.room_id = m.room_id AND e.seq = m.seq AND e.message_id = m.id))
FROM rooms r WHERE r.id > $1 ORDER BY r.id LIMIT $2`

// firstGap is the first entry that a room's log has not, though it has the one after it.
const firstGap = `SELECT coalesce(min(e.seq) - 1, 0) FROM room_events e
	WHERE e.room_id = $1 AND e.seq > 1 AND NOT EXISTS (SELECT 1 FROM room_events b WHERE b.room_id = e.room_id AND b.seq = e.seq - 1)`

const (
	adviceLog     = "restore the latest backup that doctor finds well: clients that have seen more are told LOG_MISMATCH and read anew"
	adviceCounter = "nothing that omarty-chat writes does this: find out who changed the database, and restore a backup or correct the row"
)

// Logs tells of each room whose log is not 1, 2, 3, … up to where its row says that it ends,
// or whose messages are not counted right; and gives how many rooms there are.
func (e *Examiner) Logs(ctx context.Context, found func(omarty.Flaw)) (rooms int, err error) {
	var broken []omarty.ID
	rooms, err = e.pages(ctx, examineRooms, examinedAtOnce, func(rows *sql.Rows) (uuid.UUID, error) {
		var row uuid.UUID
		var head, counted, entries, first, last, messages, misplaced, unposted int64
		if err := rows.Scan(&row, &head, &counted, &entries, &first, &last, &messages, &misplaced, &unposted); err != nil {
			return row, err
		}
		room := omarty.ID{Kind: omarty.KindRoom, Row: row}
		wrong := func(advice, format string, a ...any) {
			found(omarty.Flaw{What: fmt.Sprintf("the log of "+room.String()+" "+format, a...), Advice: advice})
		}
		switch {
		case entries > 0 && (first != 1 || last != entries):
			broken = append(broken, room)
			wrong(adviceLog, "has %d entries numbered %d to %d, and so not 1 to %d without a gap", entries, first, last, last)
		case last < head:
			wrong(adviceLog, "ends with entry %d, and its room says %d: the newest are missing", last, head)
		case last > head:
			wrong(adviceCounter, "has an entry %d beyond its head, which is %d", last, head)
		}
		if messages != counted || misplaced > 0 {
			wrong(adviceCounter, "has %d messages, of which %d have a wrong ordinal, and its room counts %d: what is unread is told wrong", messages, misplaced, counted)
		}
		if unposted > 0 {
			wrong(adviceLog, "has no entry for %d of its messages", unposted)
		}
		return row, nil
	})
	if err != nil {
		return rooms, err
	}
	// Where the first gap is takes long to find, and is of use for a few.
	for _, room := range broken[:min(len(broken), 3)] {
		var gap int64
		if err := e.db.QueryRowContext(ctx, firstGap, room.Row).Scan(&gap); err != nil {
			return rooms, err
		}
		found(omarty.Flaw{What: fmt.Sprintf("the log of %s misses entry %d", room, gap), Advice: adviceLog})
	}
	return rooms, nil
}

// examineMarks reads for each participation its mark, and what it should count: the ordinal of
// the last message up to it, which Logs has compared with a recount.
const examineMarks = `SELECT p.id, p.room_id, p.read_seq, p.read_ordinal, r.last_seq, coalesce((
	SELECT m.ordinal FROM messages m WHERE m.room_id = p.room_id AND m.seq <= p.read_seq ORDER BY m.seq DESC LIMIT 1), 0)
FROM participants p JOIN rooms r ON r.id = p.room_id WHERE p.id > $1 ORDER BY p.id LIMIT $2`

// Marks tells of each read mark by which unread messages are counted wrong, and gives how
// many there are.
func (e *Examiner) Marks(ctx context.Context, found func(omarty.Flaw)) (marks int, err error) {
	return e.pages(ctx, examineMarks, lookedAtOnce, func(rows *sql.Rows) (uuid.UUID, error) {
		var id, room uuid.UUID
		var seq, counted, head, recounted int64
		if err := rows.Scan(&id, &room, &seq, &counted, &head, &recounted); err != nil {
			return id, err
		}
		who := omarty.ID{Kind: omarty.KindParticipant, Row: id}
		where := omarty.ID{Kind: omarty.KindRoom, Row: room}
		if counted != recounted {
			found(omarty.Flaw{
				What:   fmt.Sprintf("the read mark of %s in %s counts %d messages up to entry %d, and there are %d: what is unread is told wrong", who, where, counted, seq, recounted),
				Advice: "it is right again once they read on; " + adviceCounter,
			})
		}
		if seq > head {
			found(omarty.Flaw{What: fmt.Sprintf("the read mark of %s in %s is at %d, beyond the log's head, %d", who, where, seq, head), Advice: adviceCounter})
		}
		return id, nil
	})
}

const (
	examineFiles   = `SELECT id, size, thumbnail FROM files WHERE dropped_at IS NULL AND id > $1 ORDER BY id LIMIT $2`
	examineExports = `SELECT id FROM data_exports WHERE finished_at IS NOT NULL AND id > $1 ORDER BY id LIMIT $2`
)

// Files tells of each file whose content should be there, and gives how many there are.
func (e *Examiner) Files(ctx context.Context, each func(omarty.File) error) (files int, err error) {
	return eachOf(ctx, e, examineFiles, func(rows *sql.Rows) (f omarty.File, err error) {
		f.ID.Kind = omarty.KindFile
		return f, rows.Scan(&f.ID.Row, &f.Size, &f.Thumbnail)
	}, func(f omarty.File) uuid.UUID { return f.ID.Row }, each)
}

// Exports tells of each export that is finished.
func (e *Examiner) Exports(ctx context.Context, each func(omarty.DataExport) error) (exports int, err error) {
	return eachOf(ctx, e, examineExports, func(rows *sql.Rows) (x omarty.DataExport, err error) {
		x.ID.Kind = omarty.KindDataExport
		return x, rows.Scan(&x.ID.Row)
	}, func(x omarty.DataExport) uuid.UUID { return x.ID.Row }, each)
}

// eachOf tells of what a query reads, a page at a time, while no statement is under way.
func eachOf[T any](ctx context.Context, e *Examiner, query string, scan func(*sql.Rows) (T, error), row func(T) uuid.UUID, each func(T) error) (n int, err error) {
	var after uuid.UUID
	for {
		var page []T
		read, err := e.page(ctx, query, after, lookedAtOnce, func(rows *sql.Rows) error {
			one, err := scan(rows)
			page = append(page, one)
			return err
		})
		for _, one := range page {
			if err == nil {
				err = each(one)
			}
			after = row(one)
		}
		if n += read; err != nil || read < lookedAtOnce {
			return n, err
		}
	}
}

// Known tells whether a content that is kept by an id belongs to something that is there,
// be it about to be removed.
func (e *Examiner) Known(ctx context.Context, id omarty.ID) (known bool, err error) {
	table := "files"
	if id.Kind == omarty.KindDataExport {
		table = "data_exports"
	}
	err = e.db.QueryRowContext(ctx, "SELECT count(*) > 0 FROM "+table+" WHERE id = $1", id.Row).Scan(&known) //nolint:gosec // one of two
	return known, err
}

// Needed tells whether the content of a file, or of an export, is needed now.
func (e *Examiner) Needed(ctx context.Context, id omarty.ID) (needed bool, err error) {
	query := "SELECT count(*) > 0 FROM files WHERE id = $1 AND dropped_at IS NULL"
	if id.Kind == omarty.KindDataExport {
		query = "SELECT count(*) > 0 FROM data_exports WHERE id = $1 AND finished_at IS NOT NULL"
	}
	err = e.db.QueryRowContext(ctx, query, id.Row).Scan(&needed)
	return needed, err
}
