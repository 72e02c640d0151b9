package main

import (
	"context"
	"fmt"
	"os"
)

// search is words among a million messages, of which the asker may read 1 %, beside a
// page of history: BenchmarkSearch of the store, which has the database to itself.
func search(ctx context.Context, b *bench) ([]line, error) {
	var lines []line
	for _, engine := range []struct{ name, sub string }{{"SQLite", "sqlite"}, {"PostgreSQL", "postgres"}} {
		if engine.sub == "postgres" && os.Getenv("OMARTY_TEST_POSTGRES_URL") == "" {
			lines = append(lines, line{
				what: "a search on PostgreSQL / a page of history", target: 10,
				detail: "not measured: OMARTY_TEST_POSTGRES_URL names no PostgreSQL (make bench finds one)",
			})
			continue
		}
		var besides []string
		if b.quick {
			besides = []string{"OMARTY_BENCH_MESSAGES=50000"}
		}
		found, err := benchmark(ctx, "./internal/store", "BenchmarkSearch/"+engine.sub+"/10$", besides...)
		if err != nil {
			return nil, err
		}
		for _, word := range []struct{ name, what string }{{"often", "30 %"}, {"seldom", "0.05 %"}} {
			lines = append(lines, line{
				what:  fmt.Sprintf("a search on %s for a word in %s of 1,000,000 messages, of which the asker may read 1 %% / a page of history", engine.name, word.what),
				value: found[word.name+"/history"], target: 10,
				detail: fmt.Sprintf("%.0f / %.0f µs in the store, medians of 200", found[word.name+"-µs"], found["history-µs"]),
			})
		}
	}
	return lines, nil
}
