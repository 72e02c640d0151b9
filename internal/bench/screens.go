package main

import (
	"context"
	"fmt"
	"os"
)

// screen is the first thing that a client shows: BenchmarkScreens, which has the program
// without its network and both engines to itself.
func screen(ctx context.Context, b *bench) ([]line, error) {
	return b.screens(ctx, "screen", "the first screen, 50 rooms with their last messages and counts")
}

// page is a page of a room in which people answer, react and vote.
func page(ctx context.Context, b *bench) ([]line, error) {
	return b.screens(ctx, "page", "a page of 50 messages with authors, reactions, replies and polls")
}

func (b *bench) screens(ctx context.Context, name, what string) (lines []line, err error) {
	for _, engine := range []struct{ name, sub string }{{"SQLite", "sqlite"}, {"PostgreSQL", "postgres"}} {
		l := line{what: what + ", on " + engine.name + ": its time / (its SQL alone + gqlgen's stock server over the same in memory)", target: 1.5}
		if engine.sub == "postgres" && os.Getenv("OMARTY_TEST_POSTGRES_URL") == "" {
			l.detail = "not measured: OMARTY_TEST_POSTGRES_URL names no PostgreSQL (make bench finds one)"
			lines = append(lines, l)
			continue
		}
		var rounds []map[string]float64
		for range b.rounds {
			found, err := benchmark(ctx, ".", "BenchmarkScreens/"+engine.sub+"/"+name+"$")
			if err != nil {
				return nil, err
			}
			rounds = append(rounds, found)
		}
		of := func(unit string) float64 {
			return median(each(rounds, func(r map[string]float64) float64 { return r[unit] }))
		}
		l.value = of("ratio")
		l.detail = fmt.Sprintf("%.0f / (%.0f + %.0f) µs, medians of 300 that took turns; %.0f statements", of("ours-µs"), of("sql-µs"), of("memory-µs"), of("statements"))
		lines = append(lines, l)
	}
	return lines, nil
}
