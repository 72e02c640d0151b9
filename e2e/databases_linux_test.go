package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// awayTime is how soon /readyz says that the database is away: a second, and some for
	// a machine that has other work.
	awayTime = time.Second + 500*time.Millisecond
	// lookTime bounds how long it thinks about that.
	lookTime = 800 * time.Millisecond
	// callTime bounds how long a call waits for a database: five seconds, and as many again
	// and again for a machine that has other work.
	callTime = 15 * time.Second
)

// looks are looks at /readyz, over and over, several at a time.
type looks struct {
	mu   sync.Mutex
	all  []look
	quit chan struct{}
	done sync.WaitGroup
}

// look is one of them.
type look struct {
	begun, ended time.Time
	status       int
}

func (s *server) lookAtReadiness() *looks {
	l := &looks{quit: make(chan struct{})}
	l.done.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-l.quit:
				return
			case <-tick.C:
			}
			l.done.Go(func() {
				one := look{begun: time.Now()}
				if a, err := s.try(http.MethodGet, "/readyz", nil); err == nil {
					one.status = a.status
				}
				one.ended = time.Now()
				l.mu.Lock()
				defer l.mu.Unlock()
				l.all = append(l.all, one)
			})
		}
	})
	return l
}

// stop ends the looks, and demands that between two moments all said no that were not
// early, and that none took long: it gives those that did not, and did.
func (l *looks) stop(t *testing.T, lost, back time.Time) (late []string) {
	t.Helper()
	close(l.quit)
	l.done.Wait()
	no := 0
	for _, one := range l.all {
		if took := one.ended.Sub(one.begun); took > lookTime || one.status == 0 {
			late = append(late, fmt.Sprintf("a look at /readyz took %v, and gave %d", took, one.status))
		}
		if one.begun.After(lost.Add(awayTime)) && one.ended.Before(back) {
			if no++; one.status != http.StatusServiceUnavailable {
				late = append(late, fmt.Sprintf("%v after the database was lost, /readyz is %d", one.begun.Sub(lost), one.status))
			}
		}
	}
	if no == 0 {
		late = append(late, "nobody looked while the database was away")
	}
	return late
}

// callsThatFail calls what needs the database, all at once, and demands UNAVAILABLE of
// each before long.
func (s *server) callsThatFail(t *testing.T, h *house, each int) {
	t.Helper()
	var calls sync.WaitGroup
	var mu sync.Mutex
	for range each {
		for name, call := range map[string]func() (result, error){
			"send":  func() (result, error) { return s.trySend(h.manager.token, h.community, newKey(), "Salam") },
			"query": func() (result, error) { return s.tryRun(h.manager.token, `{ viewer { id sessions { id } } }`, nil) },
			"room": func() (result, error) {
				return s.tryRun(h.manager.token, `query($id: ID!) { room(id: $id) { id } }`, variables{"id": h.community})
			},
		} {
			calls.Go(func() {
				begun := time.Now()
				r, err := call()
				code := codeOrError(r, err)
				mu.Lock()
				defer mu.Unlock()
				if took := time.Since(begun); code != "UNAVAILABLE" || took > callTime {
					t.Errorf("%s: %q after %v", name, code, took)
				}
			})
		}
	}
	calls.Wait()
}

// Whatever becomes of PostgreSQL, the program lives, and says within a second that it
// cannot serve; what is open stays open, what is asked fails before long, and nothing that
// was acknowledged is lost. With PostgreSQL back all is well, at once as a rule.
func TestPostgresThatIsLost(t *testing.T) {
	t.Parallel()
	type fault struct {
		name       string
		away, back func(*testing.T)
	}
	for name, prepare := range map[string]func(*testing.T) (address string, faults []fault){
		"the server": func(t *testing.T) (string, []fault) {
			own := startPostgres(t)
			told := func(order string) func(*testing.T) { return func(t *testing.T) { t.Helper(); own.tell(t, order) } }
			return own.url, []fault{
				{"stops", told("shut"), told("start")},
				{"crashes", told("crash"), told("start")},
				{"is frozen", told("freeze"), told("thaw")},
			}
		},
		// Where a network has forgotten connections, nobody says so to those who have them.
		"the network": func(t *testing.T) (string, []fault) {
			door, address := startProxy(t, mustCreateDatabase(t))
			return address, []fault{{"forgets", func(*testing.T) { door.freeze() }, func(*testing.T) { door.abandon() }}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := newPlace(t, sqlite)
			var faults []fault
			home.databaseURL, faults = prepare(t)
			s := home.start(t, "OMARTY_RATE_LIMITS=off")
			h := s.mustOpenHouse(t, s.mustArrive(t), s.mustArrive(t))
			c := s.openSocket(t, h.residents[0].token)
			streams := []*stream{
				c.subscribe(t, followDocument, from(h.community, 2)),
				s.openEvents(t, h.residents[0].token, followDocument, from(h.community, 2)),
			}
			for _, st := range streams {
				st.expect(t, caughtUp(2))
			}
			heard := 2
			// play gives what came too late.
			play := func(f fault) (late []string) {
				// Connections that were in use, and are not in use now.
				s.callsAtOnce(t, h, 30)
				looks, talk := s.lookAtReadiness(), s.talkInsistently(h.residents[0], h.community)
				time.Sleep(200 * time.Millisecond)
				f.away(t)
				lost := time.Now()
				s.callsThatFail(t, h, 10)
				time.Sleep(time.Until(lost.Add(awayTime + 500*time.Millisecond)))
				c.expectAlive(t)
				if a := s.get(t, "/healthz"); a.status != http.StatusOK {
					t.Errorf("%s: the program lives, and /healthz is %v", f.name, a)
				}
				about := time.Now()
				f.back(t)
				back := time.Now()
				s.waitReady(t, hearTime, http.StatusOK)
				eventually(t, hearTime, "somebody can send", func() bool {
					r, err := s.trySend(h.manager.token, h.community, newKey(), "Salam")
					return codeOrError(r, err) == ""
				})
				took := time.Since(back)
				t.Logf("%s: all is well after %v", f.name, took)
				late = looks.stop(t, lost, about)
				if took > readyTime {
					late = append(late, fmt.Sprintf("all is well after %v", took))
				}
				talk.stop(t)
				talk.expectKept(t)
				_, last := s.mustStand(t, h.manager.token, h.community)
				for _, st := range streams {
					st.expectPosts(t, heard+1, last)
				}
				heard = last
				eventually(t, hearTime, "the program has 21 connections at the most", func() bool {
					return s.connections(t, home.databaseURL) <= 21
				})
				return late
			}
			for _, f := range faults {
				// What is too late twice is so not because the machine has other work.
				late := play(f)
				if len(late) > 0 {
					t.Logf("%s, and once more, since: %q", f.name, late)
					late = play(f)
				}
				for _, what := range late {
					t.Errorf("%s: %s", f.name, what)
				}
			}
		})
	}
}

// callsAtOnce reads something often at the same time.
func (s *server) callsAtOnce(t *testing.T, h *house, n int) {
	t.Helper()
	var calls sync.WaitGroup
	for range n {
		calls.Go(func() {
			if r, err := s.tryRun(h.manager.token, `{ viewer { id sessions { id } } }`, nil); codeOrError(r, err) != "" {
				t.Errorf("a query: %v, %v", r, err)
			}
		})
	}
	calls.Wait()
}

// connections are how many the program has to a database.
func (s *server) connections(t *testing.T, address string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	err = conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'omarty-chat'`).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

var goroutines = regexp.MustCompile(`(?m)^go_goroutines (\d+)$`)

// Where all connections to the database are in use, who asks waits for a moment, and is
// then told so; and nobody is left waiting. It is no outage.
func TestExhaustedPool(t *testing.T) {
	t.Parallel()
	address := mustCreateDatabase(t)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("pool_max_conns", "3")
	u.RawQuery = q.Encode()
	home := newPlace(t, sqlite)
	home.databaseURL = u.String()
	s := home.start(t, "OMARTY_RATE_LIMITS=off", "OMARTY_ADMIN_LISTEN=127.0.0.1:0")
	h := s.mustOpenHouse(t, s.mustArrive(t))
	admin := regexp.MustCompile(`http://\S+/metrics`).FindString(s.out.String())
	running := func() int {
		t.Helper()
		a := (&server{url: strings.TrimSuffix(admin, "/metrics")}).get(t, "/metrics")
		found := goroutines.FindSubmatch(a.body)
		if found == nil {
			t.Fatalf("no goroutines in %v", a)
		}
		n, _ := strconv.Atoi(string(found[1]))
		return n
	}
	before := running()
	holder, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close(t.Context())
	if _, err := holder.Exec(t.Context(), "BEGIN; LOCK TABLE rooms, sessions, users IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	looks := s.lookAtReadiness()
	s.callsThatFail(t, h, 40)
	close(looks.quit)
	looks.done.Wait()
	no := 0
	for _, one := range looks.all {
		if one.status != http.StatusOK { // as it may be for a moment on a busy machine
			no++
		}
	}
	if no > len(looks.all)/2 {
		t.Errorf("with an exhausted pool, %d of %d looks at /readyz say no", no, len(looks.all))
	}
	if _, err := holder.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	eventually(t, hearTime, "all is well", func() bool {
		r, err := s.trySend(h.manager.token, h.community, newKey(), "Salam")
		return codeOrError(r, err) == ""
	})
	eventually(t, hearTime, fmt.Sprintf("about %d goroutines are left", before), func() bool {
		httpClient.CloseIdleConnections()
		return running() < before+40
	})
}

// smallPostgres gives a PostgreSQL a disk that is full while test_disk says so, as far as it
// tells its clients: all that writes is refused as PostgreSQL refuses it then. The triggers
// are made while nobody talks, since they lock all tables.
const smallPostgres = `
	CREATE TABLE test_disk AS SELECT false AS is_full;
	CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF (SELECT is_full FROM test_disk) THEN
			RAISE EXCEPTION 'could not extend file "base/1/1": No space left on device' USING ERRCODE = 'disk_full';
		END IF;
		RETURN NULL; END $$;
	DO $$ DECLARE name text; BEGIN FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'test_disk' LOOP
		EXECUTE format('CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE OR DELETE ON %I FOR EACH STATEMENT EXECUTE FUNCTION full_disk()', name);
	END LOOP; END $$`

// The disk of PostgreSQL is full, or that of the program beside it.
func TestFullDiskBesidePostgres(t *testing.T) {
	t.Parallel()
	home := newPlace(t, postgres)
	s := home.start(t, "OMARTY_RATE_LIMITS=off")
	h := s.mustOpenHouse(t, s.mustArrive(t), s.mustArrive(t))
	_, file := s.mustUpload(t, h.manager.token, "kept.txt", []byte("kept"))
	tell := func(statement string) {
		t.Helper()
		if err := tellPostgres(t.Context(), home.databaseURL, statement); err != nil {
			t.Fatal(err)
		}
	}
	tell(smallPostgres)
	talk := s.talkInsistently(h.residents[0], h.community)
	time.Sleep(100 * time.Millisecond)
	tell(`UPDATE test_disk SET is_full = true`)
	s.expectFull(t, h, file, databaseIsFull)
	tell(`UPDATE test_disk SET is_full = false`)
	eventually(t, hearTime, "there is room again", func() bool {
		r, err := s.trySend(h.manager.token, h.community, newKey(), "after")
		return codeOrError(r, err) == ""
	})
	talk.stop(t)
	talk.expectKept(t)
	s.mustUpload(t, h.manager.token, "photo.jpg", photo(t, 6))

	beside := stubbornDisk{s.dataDir}
	beside.fill(t, s)
	s.expectFull(t, h, file, folderIsFull)
	s.mustSay(t, h.manager, h.community, "all the same")
	s.mustAskCode(t, h.manager.token, "EMAIL")
	eventually(t, hearTime, "a letter cannot be written", func() bool { return strings.Contains(s.log.String(), "a letter cannot be sent") })
	if n := len(s.outbox(t)); n != 0 {
		t.Errorf("%d letters are written", n)
	}
	beside.free(t, s)
	eventually(t, hearTime, "the letter is written", func() bool { return len(s.outbox(t)) == 1 })
	s.mustReceive(t, h.manager.email, 1)
	s.mustUpload(t, h.manager.token, "photo.jpg", photo(t, 6))
	if log := s.log.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("the log has a fault: %s", s.logWithoutRequests())
	}
}
