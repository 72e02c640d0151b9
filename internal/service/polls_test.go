package service

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// pollStore has polls that close; one room's cannot be locked.
type pollStore struct {
	Store

	mu      sync.Mutex
	polls   map[omarty.ID]omarty.Poll
	stuck   omarty.ID
	entries []omarty.Event
}

func (s *pollStore) DuePolls(_ context.Context, now time.Time, most int) ([]omarty.Poll, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []omarty.Poll
	for _, p := range s.polls {
		if !p.Closed() && !p.Open(now) && len(due) < most {
			due = append(due, p)
		}
	}
	return due, nil
}

func (s *pollStore) write(ctx context.Context, change func(context.Context, Tx) error) error {
	tx := &pollTx{of: s}
	if err := change(ctx, tx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = append(s.entries, tx.entries...)
	return nil
}

type pollTx struct {
	Tx
	of      *pollStore
	entries []omarty.Event
}

var errLocked = errors.New("others have locked it")

func (tx *pollTx) ClosePoll(_ context.Context, id, room omarty.ID, at time.Time) (bool, error) {
	tx.of.mu.Lock()
	defer tx.of.mu.Unlock()
	p, ok := tx.of.polls[id]
	switch {
	case room == tx.of.stuck:
		return false, errLocked
	case !ok || p.Closed() || p.Open(at):
		return false, nil
	}
	p.ClosedAt = &at
	tx.of.polls[id] = p
	return true, nil
}

func (tx *pollTx) Append(e omarty.Event) { tx.entries = append(tx.entries, e) }

// Two nodes look for what is due. Each poll is closed once, within a second of its end;
// what keeps one room's from it keeps no other's.
func TestPollsAreClosedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		rooms := []omarty.ID{omarty.NewID(omarty.KindRoom), omarty.NewID(omarty.KindRoom), omarty.NewID(omarty.KindRoom)}
		store := &pollStore{polls: map[omarty.ID]omarty.Poll{}, stuck: rooms[2]}
		ends := map[omarty.ID]time.Time{}
		for i := range 30 {
			end := begin.Add(time.Duration(i) * 700 * time.Millisecond)
			id := omarty.NewID(omarty.KindPoll)
			store.polls[id] = omarty.Poll{ID: id, Room: rooms[i%3], ClosesAt: &end}
			if i%3 != 2 {
				ends[id.As(omarty.KindMessage)] = end
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		var failures sync.Map
		for node := range 2 {
			s := New(Parts{Limiter: crowds{}, Store: store, Write: store.write, Now: time.Now, Region: "EG"})
			go s.WatchPolls(ctx, func(err error) { failures.Store(node, err) })
		}
		time.Sleep(30 * time.Second)
		cancel()
		synctest.Wait()
		for _, e := range store.entries {
			end, expected := ends[e.Message]
			if late := e.At.Sub(end); !expected || late < 0 || late > pollCheck || e.Kind != omarty.EventPollClosed || !e.Actor.IsZero() {
				t.Errorf("%v after its end came %+v", late, e)
			}
			delete(ends, e.Message)
		}
		if len(ends) != 0 || len(store.entries) != 20 {
			t.Errorf("%d were not closed, by %d entries", len(ends), len(store.entries))
		}
		for node := range 2 {
			if err, _ := failures.Load(node); !errors.Is(err.(error), errLocked) {
				t.Errorf("node %d was told of %v", node, err)
			}
		}
	})
}
