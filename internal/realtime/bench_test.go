package realtime

import (
	"fmt"
	"testing"

	"github.com/omarty/chat/internal/omarty"
)

// BenchmarkPublish tells one who follows, and so many who wait, of an entry.
func BenchmarkPublish(b *testing.B) {
	for _, waiting := range []int{0, 1, 100} {
		b.Run(fmt.Sprintf("waiting=%d", waiting), func(b *testing.B) {
			logs, room := &Logs{}, omarty.NewID(omarty.KindRoom)
			defer logs.Listen(room, func([]omarty.Entry) {}).Close()
			var listeners []*Listener
			for range waiting {
				listeners = append(listeners, logs.Listen(room, nil))
			}
			entry := []omarty.Entry{{Event: omarty.Event{Room: room, Kind: omarty.EventMessagePosted}}}
			b.ReportAllocs()
			for i := range b.N {
				for _, l := range listeners {
					l.Moved()
				}
				entry[0].Seq = i + 1
				logs.Publish(entry)
			}
			for _, l := range listeners {
				l.Close()
			}
		})
	}
}
