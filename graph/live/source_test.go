package live

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// log is a subscription as resolvers and gqlgen make one: a goroutine says where
// each event stands, and gives it; the executor takes it, and makes a response of
// up to a size. Everything takes a random time. Some positions have no event.
func log(r *rand.Rand, size int) func(context.Context) graphql.ResponseHandler {
	seed := r.Uint64()
	return func(ctx context.Context) graphql.ResponseHandler {
		Begin(ctx, 0)
		events := make(chan int)
		gives := rand.New(rand.NewPCG(seed, 1))
		go func() {
			defer close(events)
			for n := 1; ctx.Err() == nil; n += 1 + gives.IntN(2) {
				At(ctx, n)
				select {
				case events <- n:
				case <-ctx.Done():
				}
			}
		}()
		takes := rand.New(rand.NewPCG(seed, 2))
		return func(ctx context.Context) *graphql.Response {
			pause(ctx, takes)
			n, ok := <-events
			if !ok {
				return nil
			}
			pause(ctx, takes)
			return &graphql.Response{Data: json.RawMessage(fmt.Sprintf(`{"n":%d,"x":"%s"}`, n, strings.Repeat("x", takes.IntN(size))))}
		}
	}
}

// pause waits for up to a millisecond, now and then.
func pause(ctx context.Context, r *rand.Rand) {
	if r.IntN(3) > 0 {
		return
	}
	select {
	case <-time.After(time.Duration(r.Int64N(int64(time.Millisecond)))):
	case <-ctx.Done():
	}
}

var (
	toldNext    = regexp.MustCompile(`^{"type":"next","id":"(\w+)","payload":{"data":{"n":(\d+),`)
	toldTooSlow = regexp.MustCompile(`^{"type":"error","id":"(\w+)","payload":\[{.*"code":"TOO_SLOW","seq":(\d+)}`)
)

// Where a subscription stands that is ended for taking nothing is where the last
// event stands that its client got before it is told so: not one further, which
// would lose events, and not one back, which would bring them twice.
func TestTooSlowTellsWhereItStands(t *testing.T) {
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			s, _ := newServer(executor{
				"small": log(rand.New(rand.NewPCG(seed, 3)), 50),
				"large": log(rand.New(rand.NewPCG(seed, 4)), 40_000),
				"quiet": func(ctx context.Context) graphql.ResponseHandler { Begin(ctx, 7); return endless(ctx) },
				"none":  endless,
			})
			c := pipe(t, s).open("")
			for _, name := range []string{"small", "large", "quiet", "none"} {
				c.say(fmt.Sprintf(`{"id":"%s","type":"subscribe","payload":{"query":"subscription { %s }"}}`, name, name))
			}
			stands := map[string]int{"small": 0, "large": 0, "quiet": 7}
			hear := func() (m string, over bool) {
				m = c.next()
				if found := toldNext.FindStringSubmatch(m); found != nil {
					stands[found[1]], _ = strconv.Atoi(found[2])
					return m, false
				}
				return m, true
			}
			for range r.IntN(60) {
				if m, over := hear(); over {
					t.Fatalf("heard %.200s", m)
				}
			}
			time.Sleep(34*time.Second + time.Duration(r.IntN(4000))*time.Millisecond)
			var m string
			for over := false; !over; {
				m, over = hear()
			}
			for told := 0; ; told++ {
				if m == "1013 Too slow" {
					if told != 4 {
						t.Errorf("%d subscriptions were told", told)
					}
					break
				}
				if strings.HasPrefix(m, `{"type":"error","id":"none"`) && !strings.Contains(m, `"seq"`) {
					m = c.next()
					continue
				}
				found := toldTooSlow.FindStringSubmatch(m)
				if found == nil {
					t.Fatalf("heard %.200s", m)
				}
				if found[2] != strconv.Itoa(stands[found[1]]) {
					t.Errorf("seed %d: %s was told that it stands at %s, and got %d", seed, found[1], found[2], stands[found[1]])
				}
				m = c.next()
			}
			c.bye()
		})
	}
}
