package live

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/omarty/chat/internal/omarty"
)

// nowhere is a connection that takes everything at once.
type nowhere struct{ net.Conn }

func (nowhere) Write(b []byte) (int, error)      { return len(b), nil }
func (nowhere) SetWriteDeadline(time.Time) error { return nil }
func (nowhere) Close() error                     { return nil }

// theSame is a selection that reads the same of each entry.
type theSame struct{ text string }

func (s theSame) Key() string { return s.text }

func (theSame) Alone() bool { return false }

func (s theSame) Render(_ context.Context, entries []omarty.Event, _ map[omarty.ID]omarty.Entry) []Rendered {
	made := make([]Rendered, len(entries))
	for i := range made {
		made[i].Value = []byte(s.text)
	}
	return made
}

var aValue = theSame{fmt.Sprintf(`{"seq":1234,"message":{"text":"%0110d","id":"%030d","author":{"id":"%031d","name":"Mona Adel"}}}`, 1, 2, 3)}

// shortLog is a log that keeps its last entries.
type shortLog struct {
	*fakeLog
}

func (l shortLog) Follow(room omarty.ID, heard func([]omarty.Entry)) Log {
	l.fakeLog.Follow(room, heard)
	return l
}

func benchmarkFollower(to receiver) *follower {
	return &follower{
		Following: Following{
			Wants: func(omarty.Event) bool { return true },
		},
		to: to, frames: true, translate: func(errs gqlerror.List) gqlerror.List { return errs },
		before: []byte(`{"type":"next","id":"1","payload":{"data":{"roomEvents":`), behind: []byte("}}"),
	}
}

// BenchmarkFanOut delivers entries to a thousand sockets whose other end takes all:
// what a delivery costs beside the network. So many come at once.
func BenchmarkFanOut(b *testing.B) {
	for _, batch := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			const sockets = 1000
			null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
			if err != nil {
				b.Fatal(err)
			}
			defer null.Close()
			raw, err := null.SyscallConn()
			if err != nil {
				b.Fatal(err)
			}
			log := shortLog{newFakeLog()}
			log.tail = 1 << 30
			v, told := newViews(log), &counts{}
			var followers []*follower
			for range sockets {
				w := &writer{conn: nowhere{}, raw: raw, limits: &defaults, told: told.tally()}
				f := benchmarkFollower(w)
				f.Room, f.Selection = log.room, aValue
				followers = append(followers, f)
				v.follow(followers[len(followers)-1])
			}
			entries := make([]omarty.Entry, batch)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				log.mu.Lock()
				for i := range entries {
					entries[i].Event = omarty.Event{Room: log.room, Seq: len(log.entries) + 1, Kind: omarty.EventMessagePosted}
					log.entries = append(log.entries, entries[i].Event)
				}
				log.told, log.tail = len(log.entries), len(log.entries)
				log.mu.Unlock()
				log.heard(entries)
				for _, f := range followers {
					for f.position.Load() < int64(log.told) {
						runtime.Gosched()
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch*sockets), "ns/delivery")
			b.StopTimer()
			for _, f := range followers {
				v.unfollow(f)
			}
		})
	}
}

// BenchmarkSplice puts an entry between what belongs to a subscription.
func BenchmarkSplice(b *testing.B) {
	for name, errs := range map[string]gqlerror.List{"data": nil, "errors": {{Message: "It is gone.", Extensions: map[string]any{"code": "NOT_FOUND"}}}} {
		b.Run(name, func(b *testing.B) {
			f, r := benchmarkFollower(nil), Rendered{Value: []byte(aValue.text), Errors: errs}
			var frame []byte
			b.ReportAllocs()
			for range b.N {
				frame = f.append(frame[:0], r)
			}
			b.SetBytes(int64(len(frame)))
		})
	}
}
