package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
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
		found, err := benchmarkSearch(ctx, engine.sub, b.quick)
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

// benchmarkSearch runs the benchmark, and gives its figures by their units.
func benchmarkSearch(ctx context.Context, engine string, quick bool) (map[string]float64, error) {
	run := exec.CommandContext(ctx, "go", "test", "./internal/store", "-run", "^$", "-bench", "BenchmarkSearch/"+engine+"/10$", "-benchtime", "1x", "-timeout", "20m")
	run.Env = os.Environ()
	if quick {
		run.Env = append(run.Env, "OMARTY_BENCH_MESSAGES=50000")
	}
	out, err := run.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	found := map[string]float64{}
	for l := range strings.Lines(string(out)) {
		if !strings.HasPrefix(l, "BenchmarkSearch/") {
			continue
		}
		fields := strings.Fields(l)
		for i := 2; i+1 < len(fields); i += 2 {
			if found[fields[i+1]], err = strconv.ParseFloat(fields[i], 64); err != nil {
				return nil, err
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no figures in %s", out)
	}
	return found, nil
}
