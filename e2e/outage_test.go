package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The contract's bounds.
const (
	unreadyTime = 3 * time.Second
	readyTime   = 5 * time.Second
)

// waitReady waits until /readyz has a status. Each look is bounded, so that one
// that hangs does not count as many; and the time in which the machine ran others is not
// the program's.
func (s *server) waitReady(t *testing.T, within time.Duration, want int) {
	t.Helper()
	lost, stop := watchStalls()
	defer stop()
	for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		a, err := s.try(http.MethodGet, "/readyz", nil)
		took := time.Since(begin)
		switch {
		case took > within+lost():
			t.Fatalf("/readyz is not %d within %v, but %v, %v", want, within, a, err)
		case err == nil && a.status == want:
			return
		}
	}
}

// watchStalls measures for how long the machine lets wait who is to run: 0 where it is idle.
func watchStalls() (lost func() time.Duration, stop func()) {
	const nap = 5 * time.Millisecond
	var sum atomic.Int64
	quit := make(chan struct{})
	go func() {
		for {
			begun := time.Now()
			select {
			case <-quit:
				return
			case <-time.After(nap):
				if late := time.Since(begun) - nap; late > nap {
					sum.Add(int64(late))
				}
			}
		}
	}()
	return func() time.Duration { return time.Duration(sum.Load()) }, sync.OnceFunc(func() { close(quit) })
}

// callEverything calls what needs the database, at the same time, and gives what
// came back of each: the code of GraphQL's, the status of the form's.
func (s *server) callEverything(known person, mine session) map[string]string {
	var mu sync.Mutex
	codes := map[string]string{}
	var all sync.WaitGroup
	note := func(name, code string, err error) {
		mu.Lock()
		defer mu.Unlock()
		if codes[name] = code; err != nil {
			codes[name] = err.Error()
		}
	}
	for name, call := range map[string]struct {
		token, document string
		variables       variables
	}{
		"viewer":        {mine.token, `{ viewer { id sessions { id } } }`, nil},
		"node":          {mine.token, `query($id: ID!) { node(id: $id) { id } }`, variables{"id": known.id}},
		"updateProfile": {mine.token, `mutation { updateProfile(input: {name: "Nour"}) { viewer { id } } }`, nil},
		"revoke":        {mine.token, `mutation { revokeSession(session: "session_0") { sessionId } }`, nil},
		"logIn":         {"", logInDocument, variables{"input": variables{"login": known.email, "password": known.password}}},
		"guess":         {"", logInDocument, variables{"input": variables{"login": known.email, "password": "not-the-password"}}},
		"register":      {"", registerDocument, variables{"input": stranger().input()}},
		"registerAgain": {"", registerDocument, variables{"input": known.input()}},
	} {
		all.Go(func() {
			r, err := s.tryRun(call.token, call.document, call.variables)
			note(name, r.code(), err)
		})
	}
	all.Go(func() {
		a, err := s.try(http.MethodPost, formPath, strings.NewReader(stranger().form().Encode()),
			"Content-Type", "application/x-www-form-urlencoded")
		note("form", fmt.Sprint(a.status), err)
	})
	all.Wait()
	return codes
}

// whenUp is what callEverything gives with the database there.
var whenUp = map[string]string{
	"viewer": "", "node": "", "updateProfile": "", "revoke": "NOT_FOUND", "logIn": "", "guess": "INVALID_CREDENTIALS",
	"register": "", "registerAgain": "EMAIL_TAKEN", "form": "200",
}

// expectUp demands that everything works; what a busy machine had no time for for long is
// asked for again.
func (s *server) expectUp(t *testing.T, known person, mine session) {
	t.Helper()
	for tries := 0; ; tries++ {
		begun := time.Now()
		codes := s.callEverything(known, mine)
		busy := false
		for name, code := range codes {
			busy = busy || code != whenUp[name] && (code == "UNAVAILABLE" || code == "503")
		}
		if busy && time.Since(begun) > busyTime && tries < 5 {
			continue
		}
		for name, code := range codes {
			if code != whenUp[name] {
				t.Errorf("with the database there, %s: got %q, want %q", name, code, whenUp[name])
			}
		}
		return
	}
}

// expectAway demands what the contract says for a database that is away.
func (s *server) expectAway(t *testing.T, known person, mine session) {
	t.Helper()
	for name, code := range s.callEverything(known, mine) {
		if want := map[bool]string{true: "503", false: "UNAVAILABLE"}[name == "form"]; code != want {
			t.Errorf("with the database away, %s: got %q, want %q", name, code, want)
		}
	}
	if a := s.get(t, "/healthz"); a.status != http.StatusOK {
		t.Errorf("the program lives, and /healthz is %v", a)
	}
}

// callMeanwhile calls on and on until it is told to stop, and then demands that
// each call got what it gets with the database there, or UNAVAILABLE; in the
// moments of change, too.
func (s *server) callMeanwhile(t *testing.T, known person, mine session) (stop func()) {
	t.Helper()
	quit, done := make(chan struct{}), make(chan struct{})
	seen := map[string]map[string]int{}
	go func() {
		defer close(done)
		for {
			select {
			case <-quit:
				return
			default:
			}
			for name, code := range s.callEverything(known, mine) {
				if seen[name] == nil {
					seen[name] = map[string]int{}
				}
				seen[name][code]++
			}
		}
	}()
	return func() {
		t.Helper()
		close(quit)
		<-done
		for name, codes := range seen {
			for code := range codes {
				if code != whenUp[name] && code != "UNAVAILABLE" && code != "503" {
					t.Errorf("%s: got %v", name, codes)
				}
			}
		}
	}
}

func TestPostgresThatDiesAndComesBack(t *testing.T) {
	t.Parallel()
	home := newPlace(t, postgres)
	door, address := startProxy(t, home.databaseURL)
	home.databaseURL = address
	s := home.start(t, "OMARTY_RATE_LIMITS=off")
	p, mine := s.mustSignIn(t)
	s.expectUp(t, p, mine)
	for range 2 {
		stop := s.callMeanwhile(t, p, mine)
		door.cut()
		s.waitReady(t, unreadyTime, http.StatusServiceUnavailable)
		s.expectAway(t, p, mine)
		door.restore(t)
		s.waitReady(t, readyTime, http.StatusOK)
		stop()
		s.expectUp(t, p, mine)
	}
}

// A network that loses everything is worse than a database that dies: nothing
// says so.
func TestPostgresThatFallsSilent(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"comes back", "comes back having forgotten its connections"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			home := newPlace(t, postgres)
			door, address := startProxy(t, home.databaseURL)
			home.databaseURL = address
			s := home.start(t, "OMARTY_RATE_LIMITS=off")
			p, mine := s.mustSignIn(t)
			s.expectUp(t, p, mine)
			door.freeze()
			s.waitReady(t, unreadyTime, http.StatusServiceUnavailable)
			s.expectAway(t, p, mine)
			if end == "comes back" {
				door.thaw()
			} else {
				door.cut()
				door.restore(t)
			}
			s.waitReady(t, readyTime, http.StatusOK)
			s.expectUp(t, p, mine)
		})
	}
}

// A program whose database is away can still be stopped.
func TestStoppingWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*proxy){"dead": (*proxy).cut, "silent": (*proxy).freeze} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := newPlace(t, postgres)
			door, address := startProxy(t, home.databaseURL)
			home.databaseURL = address
			s := home.start(t)
			p, mine := s.mustSignIn(t)
			lose(door)
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				s.callEverything(p, mine)
			}()
			s.waitReady(t, unreadyTime, http.StatusServiceUnavailable)
			s.mustStop(t)
			<-gone
		})
	}
}

// A database file that was moved away is a database that is away: what would be
// written to it then would be lost. Back in its place, it is as it was.
func TestSQLiteFileThatIsMovedAway(t *testing.T) {
	t.Parallel()
	for name, what := range map[string]string{"the file": "omarty.db", "the folder": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := newPlace(t, sqlite)
			s := home.start(t, "OMARTY_RATE_LIMITS=off")
			p, mine := s.mustSignIn(t)
			path := filepath.Join(s.dataDir, what)
			for _, busy := range []bool{false, true} {
				// A quiet server has few files open, and would open more now.
				stop := func() {}
				if busy {
					stop = s.callMeanwhile(t, p, mine)
				}
				if err := os.Rename(path, path+".away"); err != nil {
					t.Fatal(err)
				}
				s.waitReady(t, unreadyTime, http.StatusServiceUnavailable)
				if a := s.get(t, "/healthz"); a.status != http.StatusOK {
					t.Errorf("the program lives, and /healthz is %v", a)
				}
				for name, code := range s.callEverything(p, mine) {
					if code != "UNAVAILABLE" && code != "503" && code != whenUp[name] {
						t.Errorf("with the file away, %s: got %q", name, code)
					}
				}
				if err := os.Rename(path+".away", path); err != nil {
					t.Fatal(err)
				}
				s.waitReady(t, readyTime, http.StatusOK)
				stop()
				s.expectUp(t, p, mine)
			}
			s.mustStop(t)
			if !home.start(t).signedIn(t, mine.token) {
				t.Error("after a restart, the session is lost")
			}
		})
	}
}
