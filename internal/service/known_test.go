package service

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// counted counts how often a session is looked up.
func counted(store *sessionStore) *atomic.Int32 {
	var n atomic.Int32
	store.found = func(omarty.Token) { n.Add(1) }
	return &n
}

func (s *Service) signedIn(t *testing.T, token omarty.Token) bool {
	t.Helper()
	by, err := s.Authenticate(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return by.SignedIn() == nil
}

func TestSessionIsLookedUpOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newSessions("a")
		lookUps := counted(store)
		for range 3 {
			start := time.Now()
			for time.Since(start) < knownFor {
				if !s.signedIn(t, "a") || s.signedIn(t, "b") {
					t.Fatal("a token is not who has it")
				}
				time.Sleep(100 * time.Millisecond)
			}
		}
		if n := lookUps.Load(); n != 3 {
			t.Errorf("it was looked up %d times in three seconds", n)
		}
	})
}

// What another node ended is refused a second later, however often it is used.
func TestKnownSessionThatAnotherNodeEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newSessions("a")
		s.signedIn(t, "a")
		store.revoke("a")
		ended := time.Now()
		for s.signedIn(t, "a") {
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(ended); took > knownFor {
			t.Errorf("it was good for %v", took)
		}
	})
}

// A session that expires does so also while it is known, and a clock that is put back
// makes nothing known for longer.
func TestKnownSessionAndTheClock(t *testing.T) {
	s, store := newSessions("a")
	now := time.Now().Truncate(time.Microsecond)
	s.Now = func() time.Time { return now }
	session := store.known["a"]
	session.ExpiresAt = now.Add(knownFor / 2)
	store.known["a"] = session
	if !s.signedIn(t, "a") {
		t.Error("it is not good yet")
	}
	now = session.ExpiresAt
	if s.signedIn(t, "a") {
		t.Error("it has expired")
	}
	now = now.Add(-time.Hour)
	s.signedIn(t, "a")
	lookUps := counted(store)
	now = now.Add(-time.Millisecond)
	s.signedIn(t, "a")
	if lookUps.Load() != 1 {
		t.Error("it is known from before it was read")
	}
}

// revoking gives a service whose transactions end the sessions of tokens.
func revoking(tokens ...omarty.Token) (*Service, *sessionStore) {
	s, store := newSessions("a", "b", "c")
	s.Write = func(context.Context, func(context.Context, Tx) error) error {
		for _, token := range tokens {
			store.revoke(token)
		}
		return nil
	}
	return s, store
}

func TestEndedSessionIsForgottenBeforeTheAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		ends []omarty.Token
		end  func(s *Service, by Asker, other omarty.ID) error
	}{
		"revokeSession": {[]omarty.Token{"b"}, func(s *Service, by Asker, other omarty.ID) error {
			return s.RevokeSession(t.Context(), by, other)
		}},
		"revokeOtherSessions": {[]omarty.Token{"b", "c"}, func(s *Service, by Asker, _ omarty.ID) error {
			_, err := s.RevokeOtherSessions(t.Context(), by)
			return err
		}},
		"logOut": {[]omarty.Token{"a"}, func(s *Service, by Asker, _ omarty.ID) error {
			_, err := s.LogOut(t.Context(), by)
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s, store := revoking(test.ends...)
			s.People = nobody{}
			ends := map[omarty.Token]bool{}
			for _, token := range test.ends {
				ends[token] = true
			}
			lookUps := counted(store)
			for _, token := range []omarty.Token{"a", "b", "c"} {
				s.signedIn(t, token)
			}
			by, err := s.Authenticate(t.Context(), "a")
			if err != nil {
				t.Fatal(err)
			}
			if err := test.end(s, by, store.known["b"].ID); err != nil {
				t.Fatal(err)
			}
			for _, token := range []omarty.Token{"a", "b", "c"} {
				if s.signedIn(t, token) == ends[token] {
					t.Errorf("%q is signed in: %v", string(token), !ends[token])
				}
			}
			if n := lookUps.Load(); n != 3 {
				t.Errorf("the others were forgotten, too: %d look-ups", n)
			}
		})
	}
}

// A reading that began before a session was ended is not kept after it.
func TestSessionThatEndsWhileItIsRead(t *testing.T) {
	s, store := revoking("b")
	s.People = nobody{}
	a, err := s.Authenticate(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	id := store.known["b"].ID
	read, goOn := make(chan struct{}), make(chan struct{})
	s.Store = slowStore{store, func() { close(read); <-goOn }}
	done := make(chan bool)
	go func() {
		by, err := s.Authenticate(context.WithoutCancel(t.Context()), "b")
		done <- err == nil && by.SignedIn() == nil
	}()
	<-read
	s.Store = store
	if err := s.RevokeSession(t.Context(), a, id); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	if !<-done {
		t.Error("who asked before the end was refused: the test shows nothing")
	}
	if s.signedIn(t, "b") {
		t.Error("the session is good after its end was answered")
	}
}

// slowStore is a store whose look-ups are held up after they read.
type slowStore struct {
	*sessionStore
	read func()
}

func (s slowStore) SessionByToken(ctx context.Context, hash []byte) (omarty.Session, error) {
	found, err := s.sessionStore.SessionByToken(ctx, hash)
	s.read()
	return found, err
}

func TestKnownSessionsAreBounded(t *testing.T) {
	var k known
	now := time.Now()
	session := omarty.Session{ExpiresAt: now.Add(time.Hour)}
	for i := range maxKnown + 10 {
		if _, _, keep := k.get(omarty.Token(fmt.Sprint(i)).Hash(), now); keep != nil {
			keep(session)
		}
	}
	if n := k.sessions.Len(); n != maxKnown {
		t.Errorf("%d are known", n)
	}
	if _, ok, _ := k.get(omarty.Token(fmt.Sprint(maxKnown+9)).Hash(), now); !ok {
		t.Error("the last one is not")
	}
}

// nobody listens to what is theirs.
type nobody struct{ People }

func (nobody) Tell(omarty.ID, omarty.Change) {}
