package store_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/store"
	"github.com/omarty/chat/internal/testkit"
)

// BenchmarkSearch looks for words among a million messages of a hundred rooms, of which
// the asker may read 1 %, in one room and in ten; and reads the last page of one of those
// rooms. They take turns; the figures are medians, of the time in the store, and their
// ratios to the page's. OMARTY_BENCH_MESSAGES is another number of messages.
func BenchmarkSearch(b *testing.B) {
	messages := 1_000_000
	if n, err := strconv.Atoi(os.Getenv("OMARTY_BENCH_MESSAGES")); err == nil {
		messages = n
	}
	for engine, database := range map[string]func(testing.TB) testkit.Database{"sqlite": testkit.SQLite, "postgres": testkit.Postgres} {
		for _, own := range []int{1, 10} {
			b.Run(fmt.Sprintf("%s/%d", engine, own), func(b *testing.B) {
				c := newLibrary(b, open(b, database(b)), messages, own)
				for b.Loop() {
					c.compareSearches(b)
				}
			})
		}
	}
}

// newLibrary is a crowd of one, in the first few of its rooms, who may read 1 % of the
// messages; the others are in 99 rooms that nobody is in.
func newLibrary(b *testing.B, s *store.Store, messages, own int) crowd {
	c := newCrowd(b, s, 1, own)
	rooms := slices.Clone(c.rooms)
	for range 99 {
		rooms = append(rooms, omarty.NewID(omarty.KindRoom))
	}
	r := rand.New(rand.NewPCG(1, 2))
	must(b, s.WriteWords(b.Context(), rooms, c.people[0], messages,
		func(int) (int, bool) {
			if r.IntN(100) == 0 {
				return r.IntN(own), true
			}
			return own + r.IntN(99), false
		},
		func(int) string {
			var text strings.Builder
			for range 10 {
				// Few words are common, as in any language.
				fmt.Fprintf(&text, "w%x ", int(5000*r.Float64()*r.Float64()*r.Float64()))
			}
			for word, share := range map[string]float64{"often": 0.3, "atimes": 0.03, "seldom": 0.0005} {
				if r.Float64() < share {
					text.WriteString(word + " ")
				}
			}
			return text.String()
		}))
	return c
}

func (c crowd) compareSearches(b *testing.B) {
	const rounds = 200
	search := func(query string) func() {
		terms, err := omarty.ParseQuery(query)
		must(b, err)
		return func() {
			_, err := c.SearchMessages(b.Context(), omarty.Search{Of: c.people[0], Terms: terms, Page: omarty.Page{First: 20}})
			must(b, err)
		}
	}
	reader := omarty.Reader{User: c.people[0]}
	names := []string{"history", "often", "atimes", "seldom", "nothing"}
	asks := []func(){
		func() {
			_, err := c.MessagesIn(b.Context(), c.rooms[0], reader, omarty.MessageWindow{Count: 50, Back: true})
			must(b, err)
		},
		search("often"), search("atimes"), search("seldom"), search("nothing"),
	}
	took := make([][]float64, len(asks))
	for range rounds {
		for i, ask := range asks {
			start := time.Now()
			ask()
			took[i] = append(took[i], float64(time.Since(start).Microseconds()))
		}
	}
	page := store.Median(took[0])
	for i, name := range names {
		b.ReportMetric(store.Median(took[i]), name+"-µs")
		if i > 0 {
			b.ReportMetric(store.Median(took[i])/page, name+"/history")
		}
	}
}
