package store

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/apartment"
	"github.com/omarty/chat/ent/generated/message"
	"github.com/omarty/chat/ent/generated/participant"
	"github.com/omarty/chat/ent/generated/residency"
	"github.com/omarty/chat/internal/omarty"
)

// What BenchmarkPost compares Post with.

// PostAlone posts a message in a transaction of its own, a statement for each thing
// that is to be known.
func (s *Store) PostAlone(ctx context.Context, d omarty.Draft, admit func(omarty.Standing) error) (m omarty.Message, err error) {
	err = s.Write(ctx, func(ctx context.Context, tx *Tx) error {
		st, count, err := tx.standing(ctx, d)
		if err != nil {
			return err
		}
		if err := admit(st); err != nil {
			return err
		}
		h := head{st.Room, count, d.At}
		p := post{Draft: d}
		h.next(&p, nil)
		m = p.message
		err = tx.tx.Message.Create().SetID(m.ID.Row).SetRoomID(m.Room.Row).SetSeq(int64(m.Seq)).SetOrdinal(p.ordinal).
			SetChangedSeq(int64(m.ChangedSeq)).SetTextSeq(int64(m.TextSeq)).SetAuthorID(m.Author.Row).SetKey(m.Key).
			SetFingerprint(d.Fingerprint()).SetText(m.Text).SetCreatedAt(m.CreatedAt).Exec(ctx)
		if err != nil {
			return err
		}
		tx.Append(p.event())
		return tx.tx.Room.UpdateOneID(d.Room.Row).SetMessageCount(p.ordinal).SetLastMessageID(m.ID.Row).Exec(ctx)
	})
	return m, err
}

func (tx *Tx) standing(ctx context.Context, d omarty.Draft) (st omarty.Standing, messages int64, err error) {
	if st.SessionGood, err = tx.SessionGood(ctx, d.Session, d.At); err != nil {
		return st, 0, err
	}
	row, err := tx.lockRoom(ctx, d.Room.Row)
	if err != nil {
		return st, 0, err
	}
	st.Room = chamber(row)
	st.Present, err = tx.tx.Participant.Query().
		Where(append(present(d.Author), participant.RoomID(d.Room.Row))...).Exist(ctx)
	if err != nil {
		return st, 0, err
	}
	m, err := tx.MembershipIn(ctx, st.Room.Building, d.Author)
	if err != nil {
		return st, 0, err
	}
	st.Manages = m.Manages()
	if !d.Apartment.IsZero() {
		st.KnowsApartment, err = tx.tx.Apartment.Query().
			Where(apartment.ID(d.Apartment.Row), apartment.BuildingID(st.Room.Building.Row)).Exist(ctx)
		if err != nil {
			return st, 0, err
		}
		st.LivesThere, err = tx.tx.Residency.Query().
			Where(residency.ApartmentID(d.Apartment.Row), residency.MembershipID(m.ID.Row)).Exist(ctx)
		if err != nil {
			return st, 0, err
		}
	}
	_, err = tx.tx.Message.Query().
		Where(message.RoomID(d.Room.Row), message.AuthorID(d.Author.Row), message.Key(d.Key)).Exist(ctx)
	return st, row.MessageCount, err
}

// PostBare stores messages of one room in one transaction, numbered and not checked.
func (s *Store) PostBare(ctx context.Context, drafts []omarty.Draft) error {
	batch := make([]*post, len(drafts))
	for i, d := range drafts {
		batch[i] = &post{Draft: d, fingerprint: d.Fingerprint(), words: draftWords(d)}
	}
	f := newFinding(batch)
	room := drafts[0].Room.Row
	var tx postTx
	switch e := s.engine.(type) {
	case *postgresEngine:
		conn, err := e.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		tx = postgresPosts{conn}
		var b pgx.Batch
		b.Queue(pgBegin)
		b.Queue(pgPlanOnce)
		b.Queue(pgLockRooms, []uuid.UUID{room}).Query(func(rows pgx.Rows) error { return f.lockedRooms(rows) })
		if err := conn.SendBatch(ctx, &b).Close(); err != nil {
			return err
		}
	case *sqliteEngine:
		begun, err := e.writer.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		of := sqlitePosts{begun, e.posting}
		tx = of
		if err := of.query(ctx, of.rooms, `["`+room.String()+`"]`, f.lockedRooms); err != nil {
			return err
		}
	}
	defer tx.rollback()
	h := f.heads[room]
	for _, p := range batch {
		h.next(p, nil)
	}
	return tx.commit(ctx, batch, []*head{h})
}

// InsertOne is the least that a durable change takes: BEGIN, one INSERT, COMMIT.
func (s *Store) InsertOne(ctx context.Context) error {
	id := uuid.Must(uuid.NewV7())
	switch e := s.engine.(type) {
	case *postgresEngine:
		return pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO audit_entries (id, at, action) VALUES ($1, $2, 'bench')", id, time.Now())
			return err
		})
	case *sqliteEngine:
		tx, err := e.writer.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO audit_entries (id, at, action) VALUES (?, ?, 'bench')", id, time.Now()); err != nil {
			return err
		}
		return tx.Commit()
	}
	return nil
}

// Median is for figures of rounds.
func Median(of []float64) float64 {
	return slices.Sorted(slices.Values(of))[len(of)/2]
}

// WriteWords stores what a million messages are found by, and, of those in the first few
// rooms, the messages: others are never read. They come from the rooms in turns, by
// chance; say gives the text of the i-th.
func (s *Store) WriteWords(ctx context.Context, rooms []omarty.ID, author omarty.ID, messages int, room func(i int) (n int, whole bool), say func(i int) string) error {
	const atOnce = 10_000
	e, isPostgres := s.engine.(*postgresEngine)
	if isPostgres {
		if _, err := e.pool.Exec(ctx, "DROP INDEX message_words_words"); err != nil {
			return err
		}
	}
	seqs := make([]int64, len(rooms))
	for from := 0; from < messages; from += atOnce {
		posted := make([]*post, atOnce)
		var whole []*post
		for k := range posted {
			n, isWhole := room(from + k)
			seqs[n]++
			d := omarty.Draft{
				ID: omarty.NewID(omarty.KindMessage), Room: rooms[n], Author: author, Text: say(from + k),
				Key: omarty.NewID(omarty.KindMessage).String(), At: time.Now(),
			}
			h := head{Room: omarty.Room{ID: d.Room, LastSeq: int(seqs[n]) - 1}, messages: seqs[n] - 1}
			posted[k] = &post{Draft: d, fingerprint: []byte{1}, words: draftWords(d)}
			h.next(posted[k], nil)
			if isWhole {
				whole = append(whole, posted[k])
			}
		}
		if err := s.writeWhole(ctx, whole); err != nil {
			return err
		}
		if isPostgres {
			_, err := e.pool.Exec(ctx, `INSERT INTO message_words (message_id, room_id, words)
				SELECT message, room, words::tsvector FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS w (message, room, words)`,
				column(posted, func(p *post) uuid.UUID { return p.ID.Row }),
				column(posted, func(p *post) uuid.UUID { return p.Room.Row }),
				column(posted, func(p *post) string { return p.words }))
			if err != nil {
				return err
			}
			continue
		}
		l := s.engine.(*sqliteEngine)
		begun, err := l.writer.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		number, words := begun.StmtContext(ctx, l.posting.number), begun.StmtContext(ctx, l.posting.writeWords) //nolint:sqlclosecheck // the transaction closes them
		for _, p := range posted {
			numbered, err := number.ExecContext(ctx, p.ID.Row, p.Room.Row)
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
		if err := begun.Commit(); err != nil {
			return err
		}
	}
	if isPostgres {
		c, err := e.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer c.Release()
		for _, statement := range []string{
			"SET statement_timeout = 0", // they take as long as they take
			`CREATE INDEX message_words_words ON message_words USING gin (words) WITH (gin_pending_list_limit = 64)`, "VACUUM ANALYZE", "RESET statement_timeout",
		} {
			if _, err := c.Exec(ctx, statement); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeWhole stores messages alone.
func (s *Store) writeWhole(ctx context.Context, posted []*post) error {
	_, err := s.write(ctx, func(ctx context.Context, tx *Tx) error {
		for part := range slices.Chunk(posted, 100) {
			err := tx.tx.Message.MapCreateBulk(part, func(create *generated.MessageCreate, i int) {
				m := part[i].message
				create.SetID(m.ID.Row).SetRoomID(m.Room.Row).SetSeq(int64(m.Seq)).SetOrdinal(part[i].ordinal).
					SetChangedSeq(int64(m.Seq)).SetTextSeq(int64(m.Seq)).SetAuthorID(m.Author.Row).SetKey(m.Key).
					SetFingerprint([]byte{1}).SetText(m.Text).SetCreatedAt(m.CreatedAt)
			}).Exec(ctx)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return err
}
