package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/omarty/chat/internal/testkit"
)

// BenchmarkHistory answers a request for 50 messages with their authors, without the
// network.
func BenchmarkHistory(b *testing.B) {
	for _, on := range []struct {
		engine string
		open   func(testing.TB) testkit.Database
	}{{"sqlite", testkit.SQLite}, {"postgres", testkit.Postgres}} {
		b.Run(on.engine, func(b *testing.B) {
			api := mustServe(b, on.open(b))
			w := api.mustBuild(b, []string{api.mustEnter(b), api.mustEnter(b), api.mustEnter(b)}, 1, 60)
			body, err := json.Marshal(map[string]any{"query": historyPage, "variables": map[string]any{"id": w.room}})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/graphql", strings.NewReader(string(body)))
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Authorization", "Bearer "+w.reader)
				answer := httptest.NewRecorder()
				api.ServeHTTP(answer, r)
				if answer.Code != http.StatusOK || strings.Count(answer.Body.String(), "Salam") != 50 {
					b.Fatal(answer.Body)
				}
			}
		})
	}
}

const historyPage = `query($id: ID!) { room(id: $id) { messages(last: 50) {
	nodes { id seq text createdAt author { id name } } pageInfo { hasPreviousPage startCursor }
} } }`
