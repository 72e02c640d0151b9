package live

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/omarty/chat/internal/omarty"
)

// fakeRooms are the logs of many rooms.
type fakeRooms struct {
	mu   sync.Mutex
	logs map[omarty.ID]*fakeLog
}

func (r *fakeRooms) Follow(room omarty.ID, heard func([]omarty.Entry)) Log {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.logs[room].Follow(room, heard)
}

// fakeUpdates are the updates of one inbox: those that a test gives.
type fakeUpdates struct {
	mu      sync.Mutex
	changed func()
	due     []Update
	given   int32
	fault   error
	ended   []omarty.ID
	closed  atomic.Int32
	// left is called when a room has ended.
	left func(omarty.ID)
}

func (u *fakeUpdates) Changed(f func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.changed = f
}

func (u *fakeUpdates) Next(context.Context) ([]Update, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	due := u.due
	u.due = nil
	u.given += int32(len(due))
	return due, u.fault
}

func (u *fakeUpdates) Ended(room omarty.ID) {
	u.mu.Lock()
	u.ended = append(u.ended, room)
	u.mu.Unlock()
	if u.left != nil {
		u.left(room)
	}
}

func (u *fakeUpdates) Close() { u.closed.Add(1) }

func (u *fakeUpdates) add(updates ...Update) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.due = append(u.due, updates...)
	if u.changed != nil {
		u.changed()
	}
}

// say gives an update that is told, and no more.
func say(text string) Update {
	data, _ := json.Marshal(map[string]string{"own": text})
	return Update{Response: &graphql.Response{Data: data}}
}

// opens gives an update that tells that a room is open at a position, and follows it.
func (u *fakeUpdates) opens(name string, l *fakeLog, at int, released *atomic.Int32) Update {
	told := say(fmt.Sprintf("open %s %d", name, at))
	told.Follow = &Following{
		Room: l.room, Selection: namedLog{l, name}, After: at, Began: at,
		Wants:   func(omarty.Event) bool { return true },
		Release: func() { released.Add(1) },
	}
	return told
}

// namedLog is a selection that tells of which room an entry is.
type namedLog struct {
	*fakeLog
	name string
}

func (l namedLog) Render(_ context.Context, entries []omarty.Event, _ map[omarty.ID]omarty.Entry) []Rendered {
	made := make([]Rendered, len(entries))
	for i, e := range entries {
		made[i].Value = fmt.Appendf(nil, `"%s %d %s"`, l.name, e.Seq, e.Kind)
	}
	return made
}

// serveInbox serves an inbox of these updates as "inbox".
func serveInbox(rooms *fakeRooms, u *fakeUpdates) *Server {
	s, _ := newServer(executor{"inbox": func(ctx context.Context) graphql.ResponseHandler {
		if !Merge(ctx, Inbox{Field: "inbox", Updates: u}) {
			panic("nobody merges")
		}
		return func(context.Context) *graphql.Response { return nil }
	}})
	s.views = newViews(rooms)
	return s
}

// eachLine runs a test over a socket and over events; next gives what comes next, in
// short.
func eachLine(t *testing.T, s func() *Server, test func(t *testing.T, next func() string, leave func())) {
	short := func(text string) string {
		text = strings.NewReplacer("next ", "", `{"id":"1","payload":`, "", `{"type":"next","id":"1","payload":`, "", `{"data":{"inbox":"`, "", `{"data":{"own":"`, "").Replace(text)
		return strings.TrimRight(text, `"}`)
	}
	t.Run("socket", func(t *testing.T) {
		h := serve(t, s())
		c := dial(t, h).open("good")
		c.say(`{"id":"1","type":"subscribe","payload":{"query":"subscription { inbox }"}}`)
		test(t, func() string { return short(c.next()) }, func() { c.say(`{"id":"1","type":"complete"}`) })
	})
	t.Run("events", func(t *testing.T) {
		h := serve(t, s())
		response, all := events(t, h, "GET", "subscription { inbox }")
		test(t, func() string {
			for {
				if one := <-all; one != ":" {
					return short(one)
				}
			}
		}, func() { response.Body.Close() })
	})
}

// However rooms come, go and talk, each opens before its first entry, its entries come
// in order and once, and behind its last one it closes.
func TestInboxMerges(t *testing.T) {
	const rooms, rounds = 5, 30
	var all *fakeRooms
	var u *fakeUpdates
	var opened, released atomic.Int32
	eachLine(t, func() *Server {
		all, u = &fakeRooms{logs: map[omarty.ID]*fakeLog{}}, &fakeUpdates{}
		opened.Store(0)
		released.Store(0)
		return serveInbox(all, u)
	}, func(t *testing.T, next func() string, leave func()) {
		var writing sync.WaitGroup
		byID := map[omarty.ID]string{}
		var logs []*fakeLog
		for i := range rooms {
			l := newFakeLog()
			logs = append(logs, l)
			byID[l.room] = fmt.Sprint("r", i)
			all.mu.Lock()
			all.logs[l.room] = l
			all.mu.Unlock()
		}
		again := map[omarty.ID]chan int{}
		for _, l := range logs {
			again[l.room] = make(chan int, 1)
		}
		u.left = func(room omarty.ID) {
			u.add(say("close " + byID[room]))
			again[room] <- 1
		}
		for i, l := range logs {
			writing.Go(func() {
				r := rand.New(rand.NewPCG(uint64(i), 7))
				for range rounds {
					at := l.Head()
					opened.Add(1)
					u.add(u.opens(byID[l.room], l, at, &released))
					for range r.IntN(10) {
						l.write(omarty.EventMessagePosted, omarty.NewID(omarty.KindMessage), "", true)
						if r.IntN(4) == 0 {
							u.add(say("mine"))
						}
					}
					l.write(omarty.EventMemberLeft, omarty.ID{}, "", true)
					l.write(omarty.EventMessagePosted, omarty.NewID(omarty.KindMessage), "", true)
					<-again[l.room]
				}
			})
		}
		at := map[string]int{} // of open rooms
		gone := map[string]bool{}
		for closes := 0; closes < rooms*rounds; {
			text := next()
			var name, kind string
			var seq int
			switch {
			case text == "mine":
			case strings.HasPrefix(text, "open "):
				fmt.Sscanf(text, "open %s %d", &name, &seq)
				if _, open := at[name]; open || gone[name] {
					t.Fatalf("heard %s, of which %d was last", text, at[name])
				}
				at[name] = seq
			case strings.HasPrefix(text, "close "):
				name = strings.TrimPrefix(text, "close ")
				if !gone[name] {
					t.Fatalf("heard %s before its last entry", text)
				}
				delete(gone, name)
				closes++
			default:
				fmt.Sscanf(text, "%s %d %s", &name, &seq, &kind)
				last, open := at[name]
				if !open || seq != last+1 {
					t.Fatalf("heard %s after %d, open %v", text, last, open)
				}
				at[name] = seq
				if kind == string(omarty.EventMemberLeft) {
					delete(at, name)
					gone[name] = true
				}
			}
		}
		writing.Wait()
		leave()
		eventually(t, "the inbox is closed", func() bool { return u.closed.Load() == 1 })
		if opened.Load() != released.Load() {
			t.Errorf("%d rooms were opened, and %d released", opened.Load(), released.Load())
		}
		for _, l := range logs {
			if l.open != 0 {
				t.Errorf("%s is followed still", byID[l.room])
			}
		}
	})
}

// Who leaves in the middle of it leaves nothing behind.
func TestInboxIsLeft(t *testing.T) {
	for range 20 {
		var all *fakeRooms
		var u *fakeUpdates
		var released atomic.Int32
		eachLine(t, func() *Server {
			all, u = &fakeRooms{logs: map[omarty.ID]*fakeLog{}}, &fakeUpdates{}
			released.Store(0)
			return serveInbox(all, u)
		}, func(t *testing.T, next func() string, leave func()) {
			var logs []*fakeLog
			var updates []Update
			for i := range 50 {
				l := newFakeLog()
				logs = append(logs, l)
				all.mu.Lock()
				all.logs[l.room] = l
				all.mu.Unlock()
				updates = append(updates, u.opens(fmt.Sprint(i), l, 0, &released))
			}
			u.add(updates...)
			for range rand.IntN(50) {
				next()
			}
			leave()
			eventually(t, "the inbox is closed", func() bool { return u.closed.Load() == 1 })
			u.mu.Lock()
			defer u.mu.Unlock()
			if n := released.Load(); n != u.given {
				t.Errorf("%d of %d rooms were released", n, u.given)
			}
			for _, l := range logs {
				if l.open != 0 {
					t.Error("a room is followed still")
				}
			}
		})
	}
}

// What ends an inbox is told as what ends any subscription.
func TestInboxFails(t *testing.T) {
	for want, begin := range map[string]func(*fakeUpdates){
		"It broke.": func(u *fakeUpdates) { u.fault = gqlerror.Errorf("It broke.") },
		"No data.": func(u *fakeUpdates) {
			u.due = []Update{{Response: &graphql.Response{Errors: gqlerror.List{{Message: "No data."}}}}}
		},
	} {
		var u *fakeUpdates
		eachLine(t, func() *Server {
			u = &fakeUpdates{}
			begin(u)
			return serveInbox(&fakeRooms{}, u)
		}, func(t *testing.T, next func() string, _ func()) {
			if got := next(); !strings.Contains(got, want) {
				t.Errorf("heard %s, want %s", got, want)
			}
			eventually(t, "the inbox is closed", func() bool { return u.closed.Load() == 1 })
		})
	}
}
