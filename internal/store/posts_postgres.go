package store

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/omarty/chat/internal/omarty"
)

// How PostgreSQL posts a batch: in two round trips, one that begins, locks and looks,
// and one that writes and commits. Each column of a batch travels as one array.

const (
	// What is read under the locks must be younger than they are, so each statement is
	// to see what is committed when it begins.
	pgBegin = `BEGIN ISOLATION LEVEL READ COMMITTED`
	// One plan is as good for one draft as for many. Left to itself, PostgreSQL makes
	// a new one for each batch, which takes longer than all the rest of a small one. A
	// plan that is kept is not to go through tables that were small when it was made.
	pgPlanOnce = `SELECT set_config('plan_cache_mode', 'force_generic_plan', true),
		set_config('enable_seqscan', 'off', true)`

	pgLockSessions = `SELECT id FROM sessions WHERE id = ANY ($1) ORDER BY id FOR SHARE`
	pgLockRooms    = `SELECT ` + headColumns + ` FROM rooms WHERE id = ANY ($1) ORDER BY id FOR UPDATE`
	pgSkip         = ` SKIP LOCKED`

	// Each table is looked up by an index, once for a draft. The planner, which takes
	// a new table for an empty one, would read it as a whole and keep to that, were it
	// not for LATERAL and LIMIT. What a draft answers is looked up by its id alone: beside
	// the room, the planner would go through all that was said there. An author's last
	// message is the one before the end of theirs in the room, in the only index that is
	// in this order; it is looked for in rooms with a slow mode alone.
	pgStandings = `
		SELECT d.n - 1, s.id IS NOT NULL, r.id IS NOT NULL, p.id IS NOT NULL,
			u.name, u.avatar_id, m.role, m.status, m.muted_until, w.created_at, a.id IS NOT NULL, l.id IS NOT NULL, t.yes IS NOT NULL, q.id IS NOT NULL, e.id IS NOT NULL
		FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[], $6::uuid[], $7::text[])
			WITH ORDINALITY AS d (session, room, author, apartment, at, answers, key, n)
		LEFT JOIN LATERAL (SELECT id FROM sessions
			WHERE id = d.session AND ended_at IS NULL AND expires_at > d.at LIMIT 1) s ON true
		LEFT JOIN LATERAL (SELECT name, avatar_id FROM users
			WHERE id = d.author LIMIT 1) u ON true
		LEFT JOIN LATERAL (SELECT id, building_id, slow_mode FROM rooms
			WHERE id = d.room LIMIT 1) r ON true
		LEFT JOIN LATERAL (SELECT id FROM participants
			WHERE room_id = d.room AND user_id = d.author AND left_at IS NULL LIMIT 1) p ON true
		LEFT JOIN LATERAL (SELECT id, building_id, role, status, muted_until FROM memberships
			WHERE building_id = r.building_id AND user_id = d.author LIMIT 1) m ON true
		LEFT JOIN LATERAL (SELECT author_id, room_id, created_at FROM messages
			WHERE r.slow_mode > 0 AND (author_id, room_id, seq) <= (d.author, d.room, 9223372036854775807)
			ORDER BY author_id DESC, room_id DESC, seq DESC LIMIT 1) w ON w.author_id = d.author AND w.room_id = d.room
		LEFT JOIN LATERAL (SELECT id FROM apartments
			WHERE id = d.apartment AND building_id = m.building_id LIMIT 1) a ON true
		LEFT JOIN LATERAL (SELECT id FROM residencies
			WHERE membership_id = m.id AND apartment_id = a.id LIMIT 1) l ON true
		LEFT JOIN LATERAL (SELECT true AS yes FROM participants other
			JOIN memberships theirs ON theirs.user_id = other.user_id AND theirs.status = 'ACTIVE'
			JOIN memberships own ON own.building_id = theirs.building_id AND own.user_id = d.author AND own.status = 'ACTIVE'
			WHERE r.building_id IS NULL AND other.room_id = r.id AND other.user_id <> d.author AND ` + unblocked + ` LIMIT 1) t ON true
		LEFT JOIN LATERAL (SELECT id, room_id FROM messages
			WHERE id = d.answers LIMIT 1) q ON q.room_id = d.room
		LEFT JOIN LATERAL (SELECT id FROM messages ` + pgKeyUsed + `) e ON true`

	pgEarlier = `
		SELECT d.n - 1, e.*
		FROM unnest($1::uuid[], $2::uuid[], $3::text[]) WITH ORDINALITY AS d (room, author, key, n)
		CROSS JOIN LATERAL (SELECT ` + earlierColumns + ` FROM messages ` + pgKeyUsed + `) e`

	// Of the index of room, author and key nothing is read but what is sought. To the
	// planner that of author and room looks as good, where it would go through all that
	// the author has said there: but that one is not in the order of keys. The key alone
	// is between two bounds: of bounds for author and key together, as rows, an index
	// scan heeds the upper one's author alone, and goes through all greater keys.
	pgKeyUsed = `
			WHERE room_id = d.room AND author_id = d.author AND key >= d.key AND key <= d.key
			ORDER BY key LIMIT 1`

	// All that is written of each message is one statement, to which each column of it
	// goes once: four of them take this program a tenth longer for a large batch.
	pgWrite = `
		WITH p AS MATERIALIZED (
			SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::uuid[], $6::text[], $7::bytea[],
				$8::uuid[], $9::text[], $10::uuid[], $11::boolean[], $12::boolean[], $13::timestamptz[], $14::text[], $15::uuid[])
				AS p (id, room, seq, ordinal, author, key, fingerprint, apartment, text, answers, poll, notice, at, words, entry)
		), message AS (
			INSERT INTO messages (id, room_id, seq, ordinal, changed_seq, text_seq, author_id, key, fingerprint,
				apartment_id, text, reply_to_id, poll, notice, created_at)
			SELECT id, room, seq, ordinal, seq, seq, author, key, fingerprint, apartment, text, answers, poll, notice, at FROM p
		), found AS (
			INSERT INTO message_words (message_id, room_id, words) SELECT id, room, words::tsvector FROM p
		), entry AS (
			INSERT INTO room_events (id, room_id, seq, at, kind, actor_id, message_id)
			SELECT entry, room, seq, at, $16, author, id FROM p
		)
		UPDATE rooms SET last_seq = h.seq, message_count = h.messages, last_message_id = h.message, moved_at = h.at
		FROM unnest($17::uuid[], $18::bigint[], $19::bigint[], $20::uuid[], $21::timestamptz[])
			AS h (room, seq, messages, message, at)
		WHERE rooms.id = h.room`
)

// postgresPosts is a transaction that posts, on a connection of the pool.
type postgresPosts struct{ conn *pgxpool.Conn }

func (e *postgresEngine) beginPosts(ctx context.Context, batch []*post, wait bool) (postTx, []standing, error) {
	conn, err := e.acquire(ctx)
	if err != nil {
		return nil, nil, err
	}
	tx := postgresPosts{conn}
	found, err := tx.begin(ctx, batch, wait)
	if err != nil {
		tx.rollback()
		return nil, nil, err
	}
	return tx, found, nil
}

func (tx postgresPosts) begin(ctx context.Context, batch []*post, wait bool) ([]standing, error) {
	skip := pgSkip
	if wait {
		skip = ""
	}
	sessions := column(batch, func(p *post) pgtype.UUID { return pgID(p.Session) })
	rooms := column(batch, func(p *post) pgtype.UUID { return pgID(p.Room) })
	authors := column(batch, func(p *post) pgtype.UUID { return pgID(p.Author) })
	apartments := column(batch, func(p *post) pgtype.UUID { return pgID(p.apartment()) })
	keys := column(batch, func(p *post) string { return p.Key })
	moments := column(batch, func(p *post) time.Time { return p.At })
	answers := column(batch, func(p *post) pgtype.UUID { return pgID(p.ReplyTo) })

	f := newFinding(batch)
	f.holding = " FOR UPDATE"
	var b pgx.Batch
	b.Queue(pgBegin)
	b.Queue(pgPlanOnce)
	b.Queue(pgLockSessions+skip, sessions).Query(func(rows pgx.Rows) error { return f.lockedSessions(rows) })
	b.Queue(pgLockRooms+skip, rooms).Query(func(rows pgx.Rows) error { return f.lockedRooms(rows) })
	b.Queue(pgStandings, sessions, rooms, authors, apartments, moments, answers, keys).Query(func(rows pgx.Rows) error { return f.standings(rows) })
	for _, look := range f.looks() {
		b.Queue(look.text, look.args...).Query(func(rows pgx.Rows) error { return look.take(rows) })
	}
	if err := tx.conn.SendBatch(ctx, &b).Close(); err != nil || !f.used {
		return f.found, err
	}
	// Messages are changed under the locks of their rooms alone.
	var again pgx.Batch
	again.Queue(pgEarlier, rooms, authors, keys).Query(func(rows pgx.Rows) error { return f.earlier(rows) })
	return f.found, tx.conn.SendBatch(ctx, &again).Close()
}

func (tx postgresPosts) commit(ctx context.Context, posted []*post, moved []*head) error {
	var b pgx.Batch
	b.Queue(pgWrite,
		column(posted, func(p *post) pgtype.UUID { return pgID(p.ID) }),
		column(posted, func(p *post) pgtype.UUID { return pgID(p.Room) }),
		column(posted, func(p *post) int { return p.message.Seq }),
		column(posted, func(p *post) int64 { return p.ordinal }),
		column(posted, func(p *post) pgtype.UUID { return pgID(p.Author) }),
		column(posted, func(p *post) string { return p.Key }),
		column(posted, func(p *post) []byte { return p.fingerprint }),
		column(posted, func(p *post) pgtype.UUID { return pgID(p.Apartment) }),
		column(posted, func(p *post) string { return p.Text }),
		column(posted, func(p *post) pgtype.UUID { return pgID(p.ReplyTo) }),
		column(posted, func(p *post) bool { return p.Poll != nil }),
		column(posted, func(p *post) bool { return p.Notice }),
		column(posted, func(p *post) time.Time { return p.message.CreatedAt }),
		column(posted, func(p *post) string { return p.words }),
		column(posted, func(*post) pgtype.UUID { return pgtype.UUID{Bytes: uuid.Must(uuid.NewV7()), Valid: true} }),
		string(omarty.EventMessagePosted),
		column(moved, func(h *head) pgtype.UUID { return pgID(h.ID) }),
		column(moved, func(h *head) int { return h.LastSeq }),
		column(moved, func(h *head) int64 { return h.messages }),
		column(moved, func(h *head) pgtype.UUID { return pgID(h.LastMessage) }),
		column(moved, func(h *head) time.Time { return h.movedAt }))
	for _, more := range besides(posted) {
		b.Queue(more.text, more.args...)
	}
	b.Queue("COMMIT")
	err := tx.conn.SendBatch(ctx, &b).Close()
	// Only PostgreSQL itself can say that nothing was stored.
	if refused := new(pgconn.PgError); err != nil && !errors.As(err, &refused) {
		return unavailable(err)
	}
	return err
}

// rollbackTime bounds how long a connection may take to say that it is free again.
const rollbackTime = time.Second

func (tx postgresPosts) rollback() {
	defer tx.conn.Release() // which closes a connection that is still in a transaction
	if tx.conn.Conn().PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), rollbackTime)
	defer cancel()
	_, _ = tx.conn.Exec(ctx, "ROLLBACK")
}

// column gives what each element has of one thing, as an array.
func column[E, T any](elements []E, of func(E) T) pgtype.FlatArray[T] {
	values := make(pgtype.FlatArray[T], len(elements))
	for i, e := range elements {
		values[i] = of(e)
	}
	return values
}

// pgID gives an id as pgx encodes it fastest; NULL for the zero id.
func pgID(id omarty.ID) pgtype.UUID { return pgtype.UUID{Bytes: id.Row, Valid: !id.IsZero()} }
