package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated/migrate"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/store"
	"github.com/omarty/chat/internal/testkit"
)

// erase erases one of a crowd, as the verb does.
func (c crowd) erase(t *testing.T, person int) {
	t.Helper()
	who := c.people[person]
	must(t, c.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		good, err := tx.HoldSessions(ctx, who, moment)
		must(t, err)
		if len(good) != 1 || good[0] != c.sessions[person] {
			t.Errorf("the sessions are %v, want %v", good, c.sessions[person])
		}
		memberships, err := tx.MembershipsOf(ctx, who)
		must(t, err)
		for _, m := range memberships {
			_, err := tx.LockBuilding(ctx, m.Building)
			must(t, err)
		}
		if erased, err := tx.Erase(ctx, omarty.Credentials{User: who, PasswordHash: "another"}, moment); erased || err != nil {
			t.Errorf("with another password: %v %v", erased, err)
		}
		erased, err := tx.Erase(ctx, omarty.Credentials{User: who, PasswordHash: "hash"}, moment)
		must(t, err)
		if !erased {
			t.Error("nobody was erased")
		}
		for _, m := range memberships {
			must(t, tx.LetGo(ctx, m.ID))
		}
		left, err := tx.LeaveAll(ctx, who, moment)
		for _, room := range left {
			tx.Append(omarty.Event{Room: room, At: moment, Kind: omarty.EventMemberLeft, Actor: who, Member: who})
		}
		return err
	}))
}

// forget clears what points at who was erased, and tells in how many steps.
func (c crowd) forget(t *testing.T, who omarty.ID) (steps int) {
	t.Helper()
	for more := true; more; steps++ {
		must(t, c.Write(t.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
			more, err = tx.ForgetSome(ctx, who, moment)
			return err
		}))
	}
	return steps
}

// pointing gives where a database has an id, as table.column.
func pointing(t *testing.T, db *sql.DB, id omarty.ID) map[string]int {
	t.Helper()
	found := map[string]int{}
	look := func(table string) {
		rows, err := db.QueryContext(t.Context(), `SELECT * FROM `+table)
		must(t, err)
		defer rows.Close()
		columns, err := rows.Columns()
		must(t, err)
		for rows.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			must(t, rows.Scan(into...))
			for i, v := range values {
				text := fmt.Sprint(v)
				switch v := v.(type) {
				case [16]byte:
					text = uuid.UUID(v).String()
				case []byte:
					text = string(v)
				}
				if strings.Contains(text, id.Row.String()) || strings.Contains(text, id.String()) {
					found[table+"."+columns[i]]++
				}
			}
		}
		must(t, rows.Err())
	}
	for _, table := range migrate.Tables {
		look(table.Name)
	}
	return found
}

// leaveTraces has the second of a crowd of three leave traces wherever one can, in 2,102
// messages, and gives the message in which the third named them.
func leaveTraces(t *testing.T, c crowd, db testkit.Database, raw *sql.DB) (named omarty.Message) {
	t.Helper()
	who, other := c.people[1], c.people[2]
	var drafts []omarty.Draft
	for i := range 2100 {
		drafts = append(drafts, c.draft(1, 0, fmt.Sprint(i)))
	}
	for len(drafts) > 0 {
		n := min(64, len(drafts))
		must(t, c.PostBatch(t.Context(), drafts[:n], admit))
		drafts = drafts[n:]
	}
	mention := c.draft(2, 1, "named")
	mention.Text, mention.Mentions = "Nour look", []omarty.Mention{{User: who, Start: 0, Length: 4}}
	named, err := c.Post(t.Context(), mention, admit)
	must(t, err)
	own, err := c.Post(t.Context(), c.draft(1, 1, "own"), admit)
	must(t, err)
	must(t, c.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		must(t, tx.AddReaction(ctx, named.ID, who, "👍"))
		must(t, tx.DeleteMessage(ctx, own.ID, who))
		tx.Append(omarty.Event{Room: c.rooms[1], At: moment, Kind: omarty.EventMessageDeleted, Actor: who, Message: own.ID})
		must(t, tx.Leave(ctx, c.rooms[1], who, moment))
		tx.Append(omarty.Event{Room: c.rooms[1], At: moment, Kind: omarty.EventMemberLeft, Actor: other, Member: who})
		for _, subject := range []omarty.ID{who, c.building} {
			must(t, tx.Record(ctx, omarty.AuditRecord{
				ID: omarty.NewID(omarty.KindAuditEntry), At: moment, Action: omarty.ActionLogIn, Actor: who, Subject: subject,
				Place: &omarty.Coordinates{Longitude: 31.2, Latitude: 30},
			}))
		}
		direct := omarty.Room{
			ID: omarty.NewID(omarty.KindRoom), Kind: omarty.RoomDirect, Pair: omarty.PairOf(who, other), Maker: who,
			CreatedAt: moment, LogID: omarty.NewID(omarty.KindLog),
		}
		must(t, tx.CreateRoom(ctx, direct))
		must(t, tx.Join(ctx, direct.ID, who, moment))
		must(t, tx.Join(ctx, direct.ID, other, moment))
		return tx.Record(ctx, omarty.AuditRecord{ID: omarty.NewID(omarty.KindAuditEntry), At: moment, Action: "disable", Subject: who})
	}))
	id := func() uuid.UUID { return uuid.Must(uuid.NewV7()) }
	for _, row := range []struct {
		text string
		args []any
	}{
		{`INSERT INTO codes (id, user_id, purpose, contact, mac, tries, created_at, expires_at) VALUES ($1, $2, 'RESET_EMAIL', 'a@example.com', $3, 0, $4, $4)`, []any{id(), who.Row, []byte("mac"), moment}},
		{`INSERT INTO blocks (id, blocker_id, blocked_id, created_at) VALUES ($1, $2, $3, $4)`, []any{id(), who.Row, other.Row, moment}},
		{`INSERT INTO blocks (id, blocker_id, blocked_id, created_at) VALUES ($1, $3, $2, $4)`, []any{id(), who.Row, other.Row, moment}},
		{`INSERT INTO data_exports (id, user_id, created_at, progress, expires_at) VALUES ($1, $2, $3, 0, $4)`, []any{id(), who.Row, moment, moment.Add(time.Hour)}},
		{`INSERT INTO ballots (id, poll_id, voter_id, choices) VALUES ($1, $1, $2, 1)`, []any{id(), who.Row}},
		{`INSERT INTO notice_apartments (id, notice_id, apartment_id, acknowledged_at, acknowledged_by_id) VALUES ($1, $1, $1, $3, $2)`, []any{id(), who.Row, moment}},
		{`INSERT INTO reports (id, building_id, message_id, room_id, author_id, reporter_id, resolved_by_id, text, reason, created_at, open)
			VALUES ($1, $3, $1, $1, $2, $2, $2, 'text', 'why', $4, true)`, []any{id(), who.Row, c.building.Row, moment}},
		{`INSERT INTO files (id, owner_id, name, content_type, size, thumbnail, created_at, position, avatar_of) VALUES ($1, $2, 'me.jpg', 'image/jpeg', 1, true, $3, 0, $2)`, []any{id(), who.Row, moment}},
		{`INSERT INTO files (id, owner_id, name, content_type, size, thumbnail, created_at, position, message_id) VALUES ($1, $2, 'lift.jpg', 'image/jpeg', 1, true, $3, 0, $4)`, []any{id(), who.Row, moment, named.ID.Row}},
		{`UPDATE rooms SET maker_id = $1 WHERE id = $2`, []any{who.Row, c.rooms[0].Row}},
	} {
		if db.Engine == "sqlite" {
			for i, a := range row.args {
				if at, ok := a.(time.Time); ok {
					row.args[i] = at.Format("2006-01-02 15:04:05.999999999-07:00")
				}
			}
		}
		_, err := raw.ExecContext(t.Context(), row.text, row.args...)
		must(t, err)
	}
	return named
}

// Nothing that a database has points at somebody who was erased, but their own row, and an
// export that is over.
func TestNothingPointsAtWhoWasErased(t *testing.T) {
	eachCrowd(t, 3, 2, func(t *testing.T, c crowd, db testkit.Database) {
		raw := db.Open(t)
		who, other := c.people[1], c.people[2]
		leaveTraces(t, c, db, raw)
		if got := len(pointing(t, raw, who)); got < 25 {
			t.Fatalf("only %d columns point at them: %v", got, pointing(t, raw, who))
		}
		c.erase(t, 1)
		erasures, err := c.Erasures(t.Context(), moment.Add(time.Hour))
		must(t, err)
		if len(erasures) != 1 || erasures[0] != (omarty.Erasure{User: who, At: moment}) {
			t.Errorf("the erasures are %v", erasures)
		}
		if steps := c.forget(t, who); steps < 20 {
			t.Errorf("it was %d steps: too much at once", steps)
		}
		found := pointing(t, raw, who)
		if found["users.id"] != 1 || found["data_exports.user_id"] != 1 || len(found) != 2 {
			t.Errorf("they are in %v", found)
		}
		erasures, err = c.Erasures(t.Context(), moment.Add(-time.Hour))
		must(t, err)
		if len(erasures) != 1 || !erasures[0].Forgotten {
			t.Errorf("the erasures are %v", erasures)
		}
		if erasures, err = c.Erasures(t.Context(), moment); err != nil || len(erasures) != 0 {
			t.Errorf("the erasures after it are %v, %v", erasures, err)
		}
		// What they said is found still, and as nobody's.
		search := omarty.Search{Of: other, Terms: []omarty.Term{{Token: "says"}}, Page: omarty.Page{First: 10}}
		page, err := c.SearchMessages(t.Context(), search)
		must(t, err)
		if len(page.Items) != 10 || !page.More || !page.Items[0].Author.IsZero() {
			t.Errorf("found %v", page)
		}
		search.Author = who
		if page, err = c.SearchMessages(t.Context(), search); err != nil || len(page.Items) != 0 || page.More {
			t.Errorf("by its author: found %v, %v", page, err)
		}
		var dropped, kept int
		must(t, raw.QueryRowContext(t.Context(), `SELECT count(dropped_at), count(*) FROM files`).Scan(&dropped, &kept))
		if dropped != 1 || kept != 2 {
			t.Errorf("%d of %d files are dropped, want 1 of 2", dropped, kept)
		}
		var person string
		must(t, raw.QueryRowContext(t.Context(), `SELECT name || coalesce(email, '') || coalesce(email_key, '') || coalesce(phone, '') || coalesce(password_hash, '')
			FROM users WHERE erased_at IS NOT NULL`).Scan(&person))
		if person != "" {
			t.Errorf("the row says %q", person)
		}
		var places int
		must(t, raw.QueryRowContext(t.Context(), `SELECT count(longitude) + count(latitude) FROM audit_entries`).Scan(&places))
		if places != 0 {
			t.Errorf("the audit log knows %d places", places)
		}
	})
}

// Whoever posts at that moment has done so before, with the rest, or has not.
func TestPostsBesideAnErasure(t *testing.T) {
	eachCrowd(t, 2, 2, func(t *testing.T, c crowd, db testkit.Database) {
		var posting sync.WaitGroup
		begun := make(chan struct{}, 1000)
		for i := range 4 {
			posting.Go(func() {
				for n := 0; ; n++ {
					_, err := c.Post(t.Context(), c.draft(1, i%2, fmt.Sprint(i, "-", n)), admit)
					if err != nil {
						if !errors.Is(err, errNoSession) {
							t.Errorf("posting ended with %v", err)
						}
						return
					}
					select {
					case begun <- struct{}{}:
					default:
					}
				}
			})
		}
		for range 50 {
			<-begun
		}
		c.erase(t, 1)
		posting.Wait()
		c.forget(t, c.people[1])
		if found := pointing(t, db.Open(t), c.people[1]); len(found) != 1 {
			t.Errorf("they are in %v", found)
		}
		for room := range c.rooms {
			c.checkLog(t, room)
		}
	})
}
