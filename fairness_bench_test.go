//go:build bench

package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omarty/chat/internal/ratelimit"
	"github.com/omarty/chat/internal/testkit"
)

// One who floods, as large and as fast as they can, does not slow another. What the
// other waits for is told; the test itself allows for a machine that others use, and
// for the flood's own clients, which run on the same cores.
func TestWhoFloodsSlowsNobody(t *testing.T) {
	if raced {
		t.Skip("the race detector has costs of its own")
	}
	api := mustServeCheaply(t, testkit.SQLite(t))
	api.verbs.Budgets = ratelimit.New()
	c := mustCrowd(t, api)
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	t.Cleanup(client.CloseIdleConnections)
	ask := func(ctx context.Context, token, document string) (string, error) {
		body, err := json.Marshal(map[string]any{"query": document})
		if err != nil {
			return "", err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/graphql", strings.NewReader(string(body)))
		if err != nil {
			return "", err
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		w, err := client.Do(r)
		if err != nil {
			return "", err
		}
		defer w.Body.Close()
		said, err := io.ReadAll(w.Body)
		return string(said), err
	}
	const other = `{ viewer { rooms(first: 3) { nodes { id name viewerUnreadCount lastMessage { id author { name } } } } } }`
	p99 := func(n int) time.Duration {
		took := make([]time.Duration, n)
		for i := range took {
			start := time.Now()
			said, err := ask(t.Context(), c.reader, other)
			if took[i] = time.Since(start); err != nil || strings.Contains(said, `"errors"`) {
				t.Fatalf("%v: %.200s", err, said)
			}
		}
		slices.Sort(took)
		return took[n*99/100]
	}
	p99(200) // it is warm
	for name, document := range map[string]string{
		"large operations": expensive(c)["pages of messages with everything"](1),
		"small operations": `{__typename}`,
		"no operations":    "{" + strings.Repeat("viewer{rooms(first:1){nodes{id}}}", 60) + "nothing}",
	} {
		var alone, beside []time.Duration
		var answered, limited atomic.Int64
		for range 2 {
			alone = append(alone, p99(300))
			ctx, stop := context.WithCancel(t.Context())
			var flood sync.WaitGroup
			for range 16 {
				flood.Go(func() {
					for ctx.Err() == nil {
						said, err := ask(ctx, c.manager, document)
						if err == nil && strings.Contains(said, "RATE_LIMITED") {
							limited.Add(1)
						} else if err == nil {
							answered.Add(1)
						}
					}
				})
			}
			time.Sleep(200 * time.Millisecond)
			beside = append(beside, p99(300))
			stop()
			flood.Wait()
		}
		a, b := slices.Min(alone), slices.Min(beside)
		t.Logf("%s: p99 of another %v, without the flood %v: %.2f times; of the flood %d were answered, %d refused",
			name, b, a, float64(b)/float64(a), answered.Load(), limited.Load())
		if b > 4*a+20*time.Millisecond {
			t.Errorf("%s: another waits %v, and %v without them", name, b, a)
		}
	}
}
