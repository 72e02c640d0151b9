package service

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// sessionStore has one person's sessions, by token; the rest of a Store is not
// asked.
type sessionStore struct {
	Store
	mu    sync.Mutex
	known map[omarty.Token]omarty.Session
	away  bool
	// found is called when a session was looked up by its token.
	found func(omarty.Token)
}

func (s *sessionStore) SessionByToken(_ context.Context, hash []byte) (omarty.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for token, session := range s.known {
		if slices.Equal(token.Hash(), hash) {
			if s.found != nil {
				s.found(token)
			}
			return session, nil
		}
	}
	return omarty.Session{}, omarty.Errorf(omarty.CodeNotFound, "It does not exist.")
}

func (s *sessionStore) GoodSessions(_ context.Context, ids []omarty.ID, _ time.Time) (good []omarty.ID, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return nil, errors.New("away")
	}
	for _, session := range s.known {
		if slices.Contains(ids, session.ID) {
			good = append(good, session.ID)
		}
	}
	return good, nil
}

// revoke ends a session as another node does.
func (s *sessionStore) revoke(token omarty.Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, token)
}

func (s *sessionStore) setAway(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

func newSessions(tokens ...omarty.Token) (*Service, *sessionStore) {
	store := &sessionStore{known: map[omarty.Token]omarty.Session{}}
	user := omarty.NewID(omarty.KindUser)
	for _, token := range tokens {
		store.known[token] = omarty.Session{
			ID: omarty.NewID(omarty.KindSession), User: user,
			LastUsedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour),
		}
	}
	return New(Parts{
		Limiter: crowds{},
		Store:   store, Region: "EG", Now: time.Now,
		Write: func(context.Context, func(context.Context, Tx) error) error { return nil },
	}), store
}

// connected connects and tells when the session has ended.
func connected(t *testing.T, s *Service, token omarty.Token) (by Asker, ended chan struct{}, release func()) {
	t.Helper()
	ended = make(chan struct{})
	by, release, err := s.Connect(t.Context(), token, func() { close(ended) })
	if err != nil || by.SignedIn() != nil {
		t.Fatalf("connecting gave %v, %v", by, err)
	}
	return by, ended, release
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestConnectionsEndBeforeTheAnswer(t *testing.T) {
	s, _ := newSessions("a", "b", "c")
	a, endedA, _ := connected(t, s, "a")
	_, endedB, release := connected(t, s, "b")
	_, endedC, _ := connected(t, s, "c")
	release()
	if _, err := s.RevokeOtherSessions(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if isClosed(endedA) || isClosed(endedB) || !isClosed(endedC) {
		t.Errorf("ended: own %v, released %v, other %v", isClosed(endedA), isClosed(endedB), isClosed(endedC))
	}
}

func TestBadTokenConnectsNobody(t *testing.T) {
	s, _ := newSessions("a")
	by, release, err := s.Connect(t.Context(), "b", func() { t.Error("ended") })
	if err != nil || by != (Asker{}) {
		t.Errorf("%v, %v", by, err)
	}
	release()
}

// A session that ends between being found and being listened to is noticed: at once where
// it was ended on this node, or is heard of, or was not looked up just now.
func TestSessionThatEndsWhileItConnects(t *testing.T) {
	over := func(s *Service) {
		t.Helper()
		by, _, err := s.Connect(t.Context(), "a", func() { t.Error("ended") })
		if err != nil || by != (Asker{}) {
			t.Errorf("%v, %v", by, err)
		}
		if n := len(s.connections.open); n != 0 {
			t.Errorf("%d connections are left", n)
		}
	}
	s, store := newSessions("a")
	store.found = func(token omarty.Token) {
		gone := store.known[token].ID
		delete(store.known, token)
		s.HearEnded(omarty.Ended{Sessions: []omarty.ID{gone}})
	}
	over(s)

	s, store = newSessions("a")
	if _, err := s.Authenticate(t.Context(), "a"); err != nil { // and so it is known
		t.Fatal(err)
	}
	store.revoke("a")
	over(s)
}

// Where a session ends on another node at that moment, and nobody says so, the next look
// finds it.
func TestSessionThatEndsElsewhereWhileItConnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newSessions("a")
		store.found = func(token omarty.Token) { delete(store.known, token) }
		_, ended, _ := connected(t, s, "a")
		ctx, cancel := context.WithCancel(t.Context())
		go s.WatchConnections(ctx, func(err error) { t.Error(err) })
		began := time.Now()
		<-ended
		if took := time.Since(began); took > connectionCheck {
			t.Errorf("it took %v", took)
		}
		cancel()
		synctest.Wait()
	})
}

// Who comes is looked up once.
func TestWhoConnectsIsLookedUpOnce(t *testing.T) {
	s, store := newSessions("a")
	store.setAway(true) // for any other look
	_, _, release := connected(t, s, "a")
	release()
}

func TestSessionsEndedElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newSessions("a", "b")
		_, endedA, _ := connected(t, s, "a")
		_, endedB, _ := connected(t, s, "b")
		ctx, cancel := context.WithCancel(t.Context())
		var failures atomic.Int32
		go s.WatchConnections(ctx, func(error) { failures.Add(1) })

		store.setAway(true)
		store.revoke("a")
		time.Sleep(5500 * time.Millisecond)
		if isClosed(endedA) || failures.Load() != 5 {
			t.Errorf("with the database away: ended %v, %d failures", isClosed(endedA), failures.Load())
		}
		store.setAway(false)
		start := time.Now()
		<-endedA
		if took := time.Since(start); took > time.Second {
			t.Errorf("it took %v", took)
		}
		time.Sleep(10 * time.Second)
		if isClosed(endedB) {
			t.Error("the other session ended, too")
		}
		cancel()
		synctest.Wait()
	})
}

// touches notes which sessions a transaction says are used.
type touches struct {
	Tx
	noted chan []omarty.ID
}

func (t touches) TouchSessions(_ context.Context, ids []omarty.ID, usedAt, expiresAt time.Time) error {
	if expiresAt.Sub(usedAt) == omarty.SessionLifetime {
		t.noted <- ids
	}
	return nil
}

// A session does not expire under a connection that stays open.
func TestOpenConnectionsUseTheirSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newSessions("a", "b")
		noted := make(chan []omarty.ID, 1)
		s.Write = func(ctx context.Context, change func(context.Context, Tx) error) error {
			return change(ctx, touches{noted: noted})
		}
		a, _, _ := connected(t, s, "a")
		_, _, release := connected(t, s, "b")
		release()
		ctx, cancel := context.WithCancel(t.Context())
		go s.WatchConnections(ctx, func(err error) { t.Error(err) })
		time.Sleep(connectionTouch + time.Second)
		cancel()
		synctest.Wait()
		if ids := <-noted; len(ids) != 1 || ids[0] != a.Session {
			t.Errorf("%v are noted as used, not %v", ids, a.Session)
		}
	})
}
