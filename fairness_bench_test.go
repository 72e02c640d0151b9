//go:build bench

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/omarty/chat/internal/ratelimit"
	"github.com/omarty/chat/internal/testkit"
)

// flooding is the environment's variable by which a process of this test floods: whom, as
// who, and by what, in lines.
const flooding = "OMARTY_TEST_FLOOD"

// asking asks a document of an API over HTTP, and gives what it says.
func asking(ctx context.Context, client *http.Client, url, token, document string) (string, error) {
	body, err := json.Marshal(map[string]any{"query": document})
	if err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
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

// TestFlood is no test: it is the flood of TestWhoFloodsSlowsNobody, in a process of its own
// and of the lowest priority, since a flood comes from other machines. It floods until its
// input ends.
func TestFlood(t *testing.T) {
	asked := strings.SplitN(os.Getenv(flooding), "\n", 3)
	if len(asked) != 3 {
		t.Skip("it is part of another test")
	}
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, 19)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	ctx, stop := context.WithCancel(t.Context())
	var answered, limited atomic.Int64
	var flood sync.WaitGroup
	for range 16 {
		flood.Go(func() {
			for ctx.Err() == nil {
				said, err := asking(ctx, client, asked[0], asked[1], asked[2])
				if err == nil && strings.Contains(said, "RATE_LIMITED") {
					limited.Add(1)
				} else if err == nil {
					answered.Add(1)
				}
			}
		})
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	stop()
	flood.Wait()
	client.CloseIdleConnections()
	fmt.Printf("%d were answered, %d refused\n", answered.Load(), limited.Load())
}

// flood floods until it is ended, which gives what came of it.
func flood(t *testing.T, url, token, document string) (end func() string) {
	t.Helper()
	p := exec.Command(os.Args[0], "-test.run=^TestFlood$")
	p.Env = append(os.Environ(), flooding+"="+strings.Join([]string{url, token, document}, "\n"))
	var out bytes.Buffer
	p.Stdout, p.Stderr = &out, os.Stderr
	stop, err := p.StdinPipe()
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() string {
		stop.Close()
		if err := p.Wait(); err != nil {
			t.Error(err)
		}
		first, _, _ := strings.Cut(out.String(), "\n")
		return first
	}
}

// One who floods, as large and as fast as they can, does not slow another. What the
// other waits for is told; the test itself allows for a machine that others use.
func TestWhoFloodsSlowsNobody(t *testing.T) {
	if raced {
		t.Skip("the race detector has costs of its own")
	}
	api := mustServeCheaply(t, testkit.SQLite(t))
	api.verbs.Budgets = ratelimit.New()
	c := mustCrowd(t, api)
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	client := &http.Client{}
	t.Cleanup(client.CloseIdleConnections)
	const other = `{ viewer { rooms(first: 3) { nodes { id name viewerUnreadCount lastMessage { id author { name } } } } } }`
	p99 := func(n int) time.Duration {
		took := make([]time.Duration, n)
		for i := range took {
			start := time.Now()
			said, err := asking(t.Context(), client, server.URL+"/graphql", c.reader, other)
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
		var came []string
		for range 3 {
			alone = append(alone, p99(500))
			end := flood(t, server.URL+"/graphql", c.manager, document)
			time.Sleep(500 * time.Millisecond)
			beside = append(beside, p99(500))
			came = append(came, end())
		}
		a, b := slices.Min(alone), slices.Min(beside)
		t.Logf("%s: p99 of another %v, without the flood %v: %.2f times; of the flood %s",
			name, b, a, float64(b)/float64(a), strings.Join(came, "; "))
		if b > 4*a+20*time.Millisecond {
			t.Errorf("%s: another waits %v, and %v without them", name, b, a)
		}
	}
}
