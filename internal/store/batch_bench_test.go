package store_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/testkit"
)

// BenchmarkBatch posts batches of a size, one after the other: what a message takes of
// the processor in them (cpu-µs/message, in this program alone).
func BenchmarkBatch(b *testing.B) {
	for engine, database := range map[string]func(testing.TB) testkit.Database{"sqlite": testkit.SQLite, "postgres": testkit.Postgres} {
		b.Run(engine, func(b *testing.B) {
			for _, size := range []int{1, 16, 64} {
				b.Run(fmt.Sprint(size), func(b *testing.B) {
					c := newCrowd(b, open(b, database(b)), 64, 1)
					drafts := make([]omarty.Draft, size)
					b.ReportAllocs()
					b.ResetTimer()
					before := used()
					for range b.N {
						for i := range drafts {
							drafts[i] = c.draft(i, 0, omarty.NewID(omarty.KindMessage).String())
						}
						must(b, c.PostBatch(b.Context(), drafts, admit))
					}
					b.ReportMetric(float64((used()-before).Nanoseconds())/1000/float64(b.N*size), "cpu-µs/message")
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1000/float64(b.N*size), "µs/message")
				})
			}
		})
	}
}

// used is the processor's time that this program has used.
func used() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
