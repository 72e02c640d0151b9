package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// The query cache is bounded in bytes, not in entries, and what is refused does
// not stay in it.
//
// With the race detector on, 800 queries of 7 kB, each asked twice, took 174 MB in a cache
// without a bound, and 38 MB in the one that there is.
func TestQueryCacheIsBounded(t *testing.T) {
	const (
		queries = 800
		most    = 110 << 20
	)
	s := start(t, sqlite, "OMARTY_RATE_LIMITS=off")
	// 60 fields of different names and arguments: what is kept of one is not what
	// is kept of another.
	document := func(i int) string {
		var b strings.Builder
		fmt.Fprintf(&b, "query Q%d{", i)
		for field := range 60 {
			fmt.Fprintf(&b, `a%d_%d:node(id:"%s"){id}`, i, field, strings.Repeat("x", 95))
		}
		if i%4 == 1 {
			b.WriteString(" nothing") // and so it is refused
		}
		b.WriteString("}")
		return b.String()
	}
	if size := len(document(1)); size < 6_000 || size > 9_000 { // it is too heavy to be kept
		t.Fatalf("a query has %d bytes", size)
	}
	work := make(chan int)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for i := range work {
				for range 2 { // what comes once is not kept
					r, err := s.tryRun("", document(i), nil)
					if err != nil {
						t.Error(err)
					} else if want := map[bool]string{true: "BAD_REQUEST", false: ""}[i%4 == 1]; r.code() != want {
						t.Errorf("query %d: got %v", i, r)
					}
				}
			}
		})
	}
	var before int
	for i := range queries {
		if i == 100 { // the program is warm
			before = memory(t, s.pid)
		}
		work <- i
	}
	close(work)
	workers.Wait()
	grown := memory(t, s.pid) - before
	t.Logf("%d queries: %d MB, before %d MB", queries, grown>>20, before>>20)
	if grown > most {
		t.Errorf("%d queries take %d MB", queries, grown>>20)
	}
}

// Hashing a password takes 19 MB: a crowd that logs in at once must wait for its
// turn, and who waits too long is told so.
//
// 60 hashes at once take 1.1 GB. With two at a time, the race detector on and what
// the collector has not yet taken back, 220 MB were measured.
func TestACrowdThatLogsIn(t *testing.T) {
	const (
		crowd = 60
		most  = 600 << 20
	)
	s := start(t, sqlite, "OMARTY_RATE_LIMITS=off")
	p := s.mustRegister(t)
	before := memory(t, s.pid)
	codes := make([]string, crowd)
	var all sync.WaitGroup
	for i := range codes {
		all.Go(func() {
			r, err := s.tryRun("", logInDocument, variables{"input": variables{"login": p.email, "password": "not-the-password"}})
			codes[i] = r.code()
			if err != nil {
				codes[i] = err.Error()
			}
		})
	}
	// Who only reads does not wait for the crowd.
	s.run(t, "", `{ viewer { id } }`, nil).mustSucceed(t)
	all.Wait()
	grown := memory(t, s.pid) - before
	t.Logf("%d MB", grown>>20)
	if grown > most {
		t.Errorf("%d who log in at once take %d MB", crowd, grown>>20)
	}
	for _, code := range codes {
		if code != "INVALID_CREDENTIALS" && code != "UNAVAILABLE" {
			t.Errorf("got %q", code)
		}
	}
	s.mustLogIn(t, p.email, p.password)
}
