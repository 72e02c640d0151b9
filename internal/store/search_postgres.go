package store

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/omarty/chat/ent/generated"
)

// How PostgreSQL finds messages, in two ways. Its index gives all that match, in no
// order, and each is read: dear where there are thousands, and needless, since the
// newest are wanted. So the newest messages of the rooms are looked through first: where
// a word is common, they have a page of it. Where they have next to nothing, the word
// is rare there, and the index has little.

const (
	// For each room: how many messages were looked through, back to which; and the hits.
	pgLookThrough = `
		SELECT r.i - 1, count(*), min(w.n),
			coalesce(array_agg(w.n ORDER BY w.n DESC) FILTER (WHERE w.hit), '{}'),
			coalesce(array_agg(w.message_id ORDER BY w.n DESC) FILTER (WHERE w.hit), '{}')
		FROM (SELECT room, before, query::tsquery, i
			FROM unnest($1::uuid[], $2::bigint[], $3::text[]) WITH ORDINALITY AS d (room, before, query, i)) r
		CROSS JOIN LATERAL (SELECT n, message_id, coalesce(words @@ r.query, false) AS hit FROM message_words
			WHERE room_id = r.room AND n < r.before ORDER BY n DESC LIMIT $4) w
		GROUP BY r.i`

	// That the room is the one is looked at behind the index of words, and not by that
	// of rooms, which the planner would go through as a whole.
	pgLookUp = `
		SELECT h.n, h.message_id FROM unnest($1::uuid[], $2::text[]) AS r (room, query)
		CROSS JOIN LATERAL (SELECT n, message_id FROM message_words
			WHERE words @@ r.query::tsquery AND n < $3 AND room_id IS NOT DISTINCT FROM r.room
			ORDER BY n DESC LIMIT $4) h
		ORDER BY h.n DESC LIMIT $4`
)

const (
	// looking is how many messages are looked through at once, in all rooms, and most
	// how many in all.
	looking, most = 256, 1024
	// leastOfRoom is how many of a room are looked through at once, at the least.
	leastOfRoom = 4
)

func (e *postgresEngine) hits(ctx context.Context, q hunt) ([]hit, error) {
	found, done, err := e.lookThrough(ctx, q)
	if err != nil || done {
		return found, err
	}
	rooms := make([]uuid.UUID, len(q.rooms))
	queries := make([]string, len(q.rooms))
	for i, r := range q.rooms {
		rooms[i], queries[i] = r.room, asked(r)
	}
	rows, err := e.pool.Query(ctx, pgLookUp, rooms, queries, q.before, q.count)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (h hit, err error) {
		return h, row.Scan(&h.n, &h.message)
	})
}

// lookThrough looks through the newest messages of the rooms, as long as there is hope
// that they have a page of hits, and tells whether they did, or were all there are.
func (e *postgresEngine) lookThrough(ctx context.Context, q hunt) (found []hit, done bool, err error) {
	type place struct {
		hunted
		before int64
	}
	open := make([]place, len(q.rooms))
	for i, r := range q.rooms {
		open[i] = place{r, q.before}
	}
	for looked, each := 0, max(looking/len(open), leastOfRoom); len(open) > 0; each *= 2 {
		if looked > 0 && (looked+each*len(open) > most || len(found)*most < q.count*looked) {
			return nil, false, nil
		}
		rows, err := e.pool.Query(ctx, pgLookThrough,
			column(open, func(p place) uuid.UUID { return p.room }),
			column(open, func(p place) int64 { return p.before }),
			column(open, func(p place) string { return asked(p.hunted) }), each)
		if err != nil {
			return nil, false, err
		}
		var next []place
		var i, n int
		var back int64
		var ns []int64
		var messages []uuid.UUID
		_, err = pgx.ForEachRow(rows, []any{&i, &n, &back, &ns, &messages}, func() error {
			looked += n
			for k := range ns {
				found = append(found, hit{ns[k], messages[k]})
			}
			if n == each {
				next = append(next, place{open[i].hunted, back})
			}
			return nil
		})
		if err != nil {
			return nil, false, err
		}
		slices.SortFunc(found, func(a, b hit) int { return cmp.Compare(b.n, a.n) })
		open = next
		if len(found) >= q.count {
			found = found[:q.count]
			last := found[q.count-1].n
			// A room is gone on with while it may have something newer than the page's last.
			open = slices.DeleteFunc(next, func(p place) bool { return p.before < last })
		}
	}
	return found, true, nil
}

// asked is the tsquery for what is looked for in a room.
func asked(r hunted) string {
	all := make([]string, len(r.words))
	for i, w := range r.words {
		all[i] = "'" + w.Token + "'"
		if w.Prefix {
			all[i] += ":*"
		}
	}
	return strings.Join(all, " & ")
}

func (e *postgresEngine) setWords(ctx context.Context, tx *generated.Tx, m *generated.Message, words string) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO message_words (message_id, room_id, words) VALUES ($1, $2, $3::text::tsvector)
		ON CONFLICT (message_id) DO UPDATE SET words = excluded.words`, m.ID, m.RoomID, words)
	return err
}

func (e *postgresEngine) waiting(lock bool) string {
	query := `SELECT message_id FROM message_words WHERE words IS NULL ORDER BY n DESC LIMIT $1`
	if lock {
		query += ` FOR UPDATE SKIP LOCKED`
	}
	return query
}
