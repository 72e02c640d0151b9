package store_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/store"
	"github.com/omarty/chat/internal/testkit"
)

// BenchmarkPost posts from 64 producers, in one hot room and in 16, and from a lone
// one: each message in a transaction of its own (alone), by Store.Post (batch), and in
// transactions of 64 that ask nothing (bare), which nothing can be faster than. Beside
// the lone one, insert is BEGIN, one INSERT and COMMIT. The ways take turns, round by
// round, since the machine is not always as fast; the figures are medians.
func BenchmarkPost(b *testing.B) {
	for engine, database := range map[string]func(testing.TB) testkit.Database{"sqlite": testkit.SQLite, "postgres": testkit.Postgres} {
		b.Run(engine, func(b *testing.B) {
			for name, of := range map[string]struct{ producers, rooms int }{
				"64 producers, 1 room": {64, 1}, "64 producers, 16 rooms": {64, 16}, "1 producer": {1, 1},
			} {
				b.Run(name, func(b *testing.B) {
					c := newCrowd(b, open(b, database(b)), of.producers, of.rooms)
					for b.Loop() {
						compare(b, c, of.producers, of.rooms)
					}
				})
			}
		})
	}
}

const (
	rounds    = 5
	roundTime = 400 * time.Millisecond
)

func compare(b *testing.B, c crowd, producers, rooms int) {
	one := func(post func(context.Context, omarty.Draft, func(omarty.Standing) error) (omarty.Message, error)) func(int) (int, error) {
		return func(person int) (int, error) {
			_, err := post(b.Context(), c.draft(person, person%rooms, omarty.NewID(omarty.KindMessage).String()), admit)
			return 1, err
		}
	}
	ways := []struct {
		name      string
		producers int
		step      func(person int) (messages int, err error)
	}{
		{"alone", producers, one(c.PostAlone)},
		{"batch", producers, one(c.Post)},
		{"bare", 1, func(int) (int, error) {
			drafts := make([]omarty.Draft, 64)
			for i := range drafts {
				drafts[i] = c.draft(i%producers, 0, omarty.NewID(omarty.KindMessage).String())
			}
			return len(drafts), c.PostBare(b.Context(), drafts)
		}},
	}
	if producers == 1 {
		ways[2].name = "insert"
		ways[2].step = func(int) (int, error) { return 1, c.InsertOne(b.Context()) }
	}
	figures := make([][]float64, len(ways))
	for range rounds {
		for i, way := range ways {
			figures[i] = append(figures[i], perSecond(b, way.producers, way.step))
		}
	}
	for i, way := range ways {
		b.ReportMetric(store.Median(figures[i]), way.name+"/s")
	}
	ratio := func(way int) float64 {
		ratios := make([]float64, rounds)
		for i := range ratios {
			ratios[i] = figures[1][i] / figures[way][i]
		}
		return store.Median(ratios)
	}
	b.ReportMetric(ratio(0), "batch/alone")
	b.ReportMetric(ratio(2), "batch/"+ways[2].name)
}

// perSecond tells how many messages producers post in a second, together.
func perSecond(b *testing.B, producers int, step func(person int) (int, error)) float64 {
	b.Helper()
	var group sync.WaitGroup
	var messages atomic.Int64
	start := time.Now()
	for person := range producers {
		group.Go(func() {
			for time.Since(start) < roundTime {
				n, err := step(person)
				if err != nil {
					b.Error(err)
					return
				}
				messages.Add(int64(n))
			}
		})
	}
	group.Wait()
	return float64(messages.Load()) / time.Since(start).Seconds()
}
