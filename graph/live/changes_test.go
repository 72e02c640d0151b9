package live

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/realtime"
)

// slowly is a room's log that takes its time, as what is asked of its entries does.
type slowly struct {
	*realtime.Listener
	of *chamber
}

func (l slowly) Read(_ context.Context, after, first int) ([]omarty.Event, error) {
	time.Sleep(5 * time.Millisecond)
	return l.of.read(after, first), nil
}

// slowLogs are those of one room.
type slowLogs struct {
	realtime.Logs
	room *chamber
}

func (l *slowLogs) Follow(room omarty.ID, heard func([]omarty.Entry)) Log {
	return slowly{l.Listen(room, heard), l.room}
}

// slowAsking takes a millisecond for each entry.
type slowAsking struct{ asking }

func (s slowAsking) Render(ctx context.Context, entries []omarty.Event, known map[omarty.ID]omarty.Entry) []Rendered {
	time.Sleep(time.Duration(len(entries)) * time.Millisecond)
	return s.asking.Render(ctx, entries, known)
}

// Who is behind catches up although something that was said in the room changes all the time,
// or may have, sooner each time than a page is rendered.
func TestChangesKeepNobodyBack(t *testing.T) {
	for name, c := range map[string]struct {
		kind  omarty.EventKind
		every time.Duration
		gap   bool // an entry is told without the one before
	}{
		"reactions": {omarty.EventReactionAdded, 10 * time.Millisecond, false},
		"edits":     {omarty.EventMessageEdited, 30 * time.Millisecond, false},
		"gaps":      {omarty.EventMessagePosted, 30 * time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{t: t}
				logs := &slowLogs{room: &chamber{id: omarty.NewID(omarty.KindRoom)}}
				w.views = newViews(logs)
				const missed = 5 * pageSize
				for range missed {
					logs.room.say(omarty.EventMessagePosted, omarty.NewID(omarty.KindMessage))
				}
				watch := logs.Listen(logs.room.id, nil)
				logs.Advance(map[omarty.ID]int{logs.room.id: missed})
				r := &taker{world: w, name: "who is behind", room: logs.room, gone: make(chan struct{}), limit: 1 << 20}
				r.f = &follower{
					Following: Following{Room: logs.room.id, Selection: slowAsking{asking{key: "all"}}, Wants: func(omarty.Event) bool { return true }},
					behind:    []byte("\n"),
				}
				r.follow()
				w.views.follow(r.f)
				watch.Close()
				newest := logs.room.say(omarty.EventMessagePosted, omarty.NewID(omarty.KindMessage))
				logs.Publish([]omarty.Entry{{Event: newest}})
				for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(c.every) {
					if c.gap {
						logs.room.say(c.kind, newest.Message)
					}
					logs.Publish([]omarty.Entry{{Event: logs.room.say(c.kind, newest.Message)}})
				}
				if at := r.stands(); at <= missed {
					t.Errorf("it stands at %d, having missed %d", at, missed)
				}
				time.Sleep(soon)
				if at := r.stands(); at != logs.room.head() {
					t.Errorf("in the end it stands at %d of %d", at, logs.room.head())
				}
				r.leave()
			})
		})
	}
}

// say writes an entry about a message.
func (c *chamber) say(kind omarty.EventKind, message omarty.ID) omarty.Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := omarty.Event{Room: c.id, Seq: len(c.entries) + 1, Kind: kind, Message: message}
	c.entries = append(c.entries, e)
	return e
}
