//go:build bench

package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omarty/chat/graph"
	"github.com/omarty/chat/internal/store"
	"github.com/omarty/chat/internal/testkit"
)

// Screens are what clients show first, and what has to be on them.
var screens = []struct{ name, document, shows string }{
	{"screen", `{ viewer { rooms(first: 50) { nodes {
		id kind name viewerName viewerReadSeq viewerUnreadCount viewerMentionCount lastMessage { text author { name } }
	} } } }`, `"viewerUnreadCount":1`},
	{"page", `query($id: ID!) { room(id: $id) { messages(last: 50) { nodes {
		id seq text createdAt author { id name } reactions { emoji count viewerHasReacted }
		replyTo { id text author { name } } replyCount poll { question options { text voteCount } voterCount }
	} pageInfo { hasPreviousPage startCursor } } } }`, `"emoji":"❤️","count":2,"viewerHasReacted":true`},
}

// BenchmarkScreens measures a screen beside what it is made of: its statements alone, and
// gqlgen's stock server over the same objects in memory. The three take turns, one
// operation each; the figures are medians.
func BenchmarkScreens(b *testing.B) {
	for _, on := range []struct {
		engine string
		open   func(testing.TB) testkit.Database
	}{{"sqlite", testkit.SQLite}, {"postgres", testkit.Postgres}} {
		b.Run(on.engine, func(b *testing.B) {
			db := on.open(b)
			api := mustServe(b, db)
			neighbours := []string{api.mustEnter(b), api.mustEnter(b), api.mustEnter(b)}
			w := api.mustBuild(b, neighbours, 25, 1)
			api.mustTalk(b, neighbours, w)
			for _, s := range screens {
				b.Run(s.name, func(b *testing.B) { measureScreen(b, db, api, w, s.document, s.shows) })
			}
		})
	}
}

func measureScreen(b *testing.B, db testkit.Database, api http.Handler, w world, document, shows string) {
	told := &testkit.Statements{}
	body, err := json.Marshal(map[string]any{"query": document, "variables": map[string]any{"id": w.room}})
	if err != nil {
		b.Fatal(err)
	}
	answer := func(from http.Handler) string {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/graphql", strings.NewReader(string(body)))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+w.reader)
		recorded := httptest.NewRecorder()
		from.ServeHTTP(recorded, r)
		if recorded.Code != http.StatusOK {
			b.Fatal(recorded.Body)
		}
		return recorded.Body.String()
	}
	memory := graph.Stock(&remembering{Verbs: mustKnow(b, db, store.Watched(told.Driver, told)), kept: map[memoryOf]any{}})
	want := answer(api)
	if got := answer(memory); got != want || strings.Count(got, shows) < 10 {
		b.Fatalf("it shows\n%s\nand from memory\n%s", want, got)
	}
	calls := told.Calls()
	told.Reset()
	if answer(memory); len(told.Reset()) > 0 {
		b.Fatal("memory reads the database")
	}
	statements := mustPrepare(b, db, calls)

	took := map[string][]float64{}
	turns := []struct {
		name string
		take func()
	}{{"ours", func() { answer(api) }}, {"sql", statements}, {"memory", func() { answer(memory) }}}
	for b.Loop() {
		for n := range 300 {
			for i := range turns {
				turn := turns[(n+i)%len(turns)]
				start := time.Now()
				turn.take()
				took[turn.name] = append(took[turn.name], float64(time.Since(start))/1000)
			}
		}
	}
	of := map[string]float64{}
	for name, all := range took {
		of[name] = slices.Sorted(slices.Values(all))[len(all)/2]
		b.ReportMetric(of[name], name+"-µs")
	}
	b.ReportMetric(of["ours"]/(of["sql"]+of["memory"]), "ratio")
	b.ReportMetric(float64(len(calls)), "statements")
}

// mustKnow gives the verbs over a database.
func mustKnow(b *testing.B, on testkit.Database, options ...store.Option) graph.Verbs {
	b.Helper()
	db, err := store.Open(b.Context(), on.URL, slog.New(slog.DiscardHandler), options...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	verbs, err := newVerbs(b.Context(), config{region: "EG"}, db, nil, &nodes{}, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	return verbs
}

// mustPrepare gives what sends statements once more, on one connection, and reads what
// they find. A session is looked up once a second, so that is none of them.
func mustPrepare(b *testing.B, db testkit.Database, calls []testkit.Call) (send func()) {
	b.Helper()
	calls = slices.DeleteFunc(calls, func(c testkit.Call) bool { return strings.Contains(c.Text, "token_hash") })
	if db.Engine == "postgres" {
		conn, err := pgx.Connect(b.Context(), db.URL)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close(context.Background()) })
		return func() {
			for _, c := range calls {
				rows, err := conn.Query(b.Context(), c.Text, c.Args...)
				if err != nil {
					b.Fatal(err)
				}
				for rows.Next() {
				}
				if rows.Err() != nil {
					b.Fatal(rows.Err())
				}
			}
		}
	}
	pool := db.Open(b)
	pool.SetMaxOpenConns(1)
	var all []*sql.Stmt
	for _, c := range calls {
		s, err := pool.PrepareContext(b.Context(), c.Text)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { s.Close() })
		all = append(all, s)
	}
	return func() {
		for i, s := range all {
			rows, err := s.QueryContext(b.Context(), calls[i].Args...)
			if err != nil {
				b.Fatal(err)
			}
			readAll(b, rows)
		}
	}
}

func readAll(b *testing.B, rows *sql.Rows) {
	b.Helper()
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		b.Fatal(err)
	}
	into := make([]any, len(columns))
	for n := range into {
		into[n] = new(sql.RawBytes)
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			b.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
}

// mustTalk fills a room's page: of fifty messages every second has reactions, every fifth
// answers another, and every tenth asks.
func (s served) mustTalk(t testing.TB, neighbours []string, w world) {
	t.Helper()
	var before string
	for n := range 50 {
		input := map[string]any{"room": w.room, "key": fmt.Sprint("talk ", n), "text": "Salam, is the lift working again?"}
		if n%5 == 1 {
			input["replyTo"] = before
		}
		if n%10 == 3 {
			input["poll"] = map[string]any{"question": "Tea?", "options": []string{"Yes", "No"}}
		}
		var sent struct {
			Message struct {
				ID   string
				Poll *struct{ Options []struct{ ID string } }
			}
		}
		as(t, s.mustDo(t, neighbours[n%3], `mutation($input: SendMessageInput!) { sendMessage(input: $input) { message { id poll { options { id } } } } }`,
			map[string]any{"input": input})["sendMessage"], &sent)
		before = sent.Message.ID
		if n%2 == 0 {
			for i, who := range []string{neighbours[0], neighbours[1], w.reader} {
				for _, emoji := range []string{"👍", "❤️"}[:1+i%2+i/2] {
					s.mustDo(t, who, `mutation($m: ID!, $emoji: String!) { addReaction(message: $m, emoji: $emoji) { message { id } } }`,
						map[string]any{"m": before, "emoji": emoji})
				}
			}
		}
		if sent.Message.Poll != nil {
			s.mustDo(t, w.reader, `mutation($m: ID!, $option: ID!) { vote(message: $m, options: [$option]) { message { id } } }`,
				map[string]any{"m": before, "option": sent.Message.Poll.Options[0].ID})
		}
	}
}
