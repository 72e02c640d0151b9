package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/store"
	"github.com/omarty/chat/internal/testkit"
	"github.com/omarty/chat/internal/testkit/postgres"
)

func TestMain(m *testing.M) {
	status := postgres.Main(m)
	if status == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
	}
	os.Exit(status)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open opens a store. On PostgreSQL a transaction may think for a minute: some tests hold one
// until others wait behind it, on a machine that may be busy.
func open(t testing.TB, db testkit.Database) *store.Store {
	t.Helper()
	url := db.URL
	if db.Engine == "postgres" {
		separator := "?"
		if strings.Contains(url, "?") {
			separator = "&"
		}
		url += separator + "idle_in_transaction_session_timeout=60000"
	}
	return openAt(t, url)
}

func openAt(t testing.TB, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url, slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// eachStore runs a test over an open store of each engine.
func eachStore(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	testkit.EachEngine(t, func(t *testing.T, db testkit.Database) { test(t, open(t, db)) })
}

// moment is a time as the program makes it: in UTC, to the microsecond.
var moment = time.Date(2026, 11, 23, 8, 15, 30, 123456000, time.UTC)

func newAccount(email, phone string) (omarty.Account, omarty.Email) {
	p := omarty.Phone(phone)
	return omarty.Account{
		User:           omarty.User{ID: omarty.NewID(omarty.KindUser), Name: "Mona Adel"},
		CreatedAt:      moment,
		Email:          &email,
		Phone:          &p,
		Locale:         "ar-EG",
		ShareReadMarks: true,
	}, omarty.Email{Address: email, Key: strings.ToLower(email)}
}

func create(t *testing.T, s *store.Store, email, phone string) (omarty.Account, error) {
	t.Helper()
	a, e := newAccount(email, phone)
	return a, s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		return tx.CreateAccount(ctx, a, e, "hash of "+email)
	})
}

func mustCreate(t *testing.T, s *store.Store, email, phone string) omarty.Account {
	t.Helper()
	a, err := create(t, s, email, phone)
	must(t, err)
	return a
}

func TestAccountReadsAsItWasWritten(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		want := mustCreate(t, s, "Mona@Example.com", "+201011223344")
		got, err := s.Account(t.Context(), want.User.ID)
		must(t, err)
		if got.User != want.User || *got.Email != *want.Email || *got.Phone != *want.Phone || got.Locale != want.Locale ||
			!got.CreatedAt.Equal(want.CreatedAt) || !got.ShareReadMarks || got.SharePresence || got.EmailVerified || got.PhoneVerified {
			t.Errorf("got %+v; want %+v", got, want)
		}
		for name, find := range map[string]func() (omarty.Credentials, error){
			"by e-mail": func() (omarty.Credentials, error) {
				return s.CredentialsByEmail(t.Context(), omarty.Email{Key: "mona@example.com"})
			},
			"by phone": func() (omarty.Credentials, error) { return s.CredentialsByPhone(t.Context(), "+201011223344") },
			"by id":    func() (omarty.Credentials, error) { return s.CredentialsOf(t.Context(), want.User.ID) },
		} {
			c, err := find()
			if err != nil || c.User != want.User.ID || c.PasswordHash != "hash of Mona@Example.com" {
				t.Errorf("%s: %+v, %v", name, c, err)
			}
		}
	})
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		if _, err := s.Account(t.Context(), omarty.NewID(omarty.KindUser)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("an account: %v", err)
		}
		if _, err := s.CredentialsByPhone(t.Context(), ""); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("credentials: %v", err)
		}
		if _, err := s.SessionByToken(t.Context(), omarty.NewToken().Hash()); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a session: %v", err)
		}
	})
}

func TestAddressesAndNumbersAreOnePersons(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		mustCreate(t, s, "mona@example.com", "+201011223344")
		if _, err := create(t, s, "MONA@example.com", "+201011223345"); !errors.Is(err, store.ErrTaken) {
			t.Errorf("the same address: %v", err)
		}
		if _, err := create(t, s, "nour@example.com", "+201011223344"); !errors.Is(err, store.ErrTaken) {
			t.Errorf("the same number: %v", err)
		}
		for email, want := range map[string]bool{"mona@example.com": true, "nour@example.com": false} {
			if taken, err := s.EmailTaken(t.Context(), omarty.Email{Key: email}); err != nil || taken != want {
				t.Errorf("%s is taken: %v, %v", email, taken, err)
			}
		}
		for phone, want := range map[omarty.Phone]bool{"+201011223344": true, "+201011223345": false} {
			if taken, err := s.PhoneTaken(t.Context(), phone); err != nil || taken != want {
				t.Errorf("%s is taken: %v, %v", phone, taken, err)
			}
		}
	})
}

func TestOfRegistrationsAtOnceOneIsStored(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		const people = 40
		results := make([]error, people)
		var group sync.WaitGroup
		for i := range people {
			group.Go(func() { _, results[i] = create(t, s, "mona@example.com", fmt.Sprintf("+2010112233%02d", i)) })
		}
		group.Wait()
		stored := 0
		for _, err := range results {
			switch {
			case err == nil:
				stored++
			case !errors.Is(err, store.ErrTaken):
				t.Error(err)
			}
		}
		if stored != 1 {
			t.Errorf("%d were stored", stored)
		}
	})
}

func TestWhatFailsLeavesNothing(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		a, e := newAccount("mona@example.com", "+201011223344")
		refused := errors.New("the verb thought better of it")
		err := s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			must(t, tx.CreateAccount(ctx, a, e, "hash"))
			return refused
		})
		if !errors.Is(err, refused) {
			t.Errorf("got %v", err)
		}
		if _, err := s.Account(t.Context(), a.User.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the account: %v", err)
		}
		func() {
			defer func() { recover() }()
			_ = s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				must(t, tx.CreateAccount(ctx, a, e, "hash"))
				panic("a fault")
			})
		}()
		// A transaction that a panic left open would keep SQLite's one writer.
		mustCreate(t, s, "mona@example.com", "+201011223344")
	})
}

func TestPasswordChangesOnceFromWhatItWas(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		a := mustCreate(t, s, "mona@example.com", "+201011223344")
		old, err := s.CredentialsOf(t.Context(), a.User.ID)
		must(t, err)
		for i, want := range []bool{true, false} {
			err := s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				changed, err := tx.ChangePassword(ctx, old, fmt.Sprint("new hash ", i))
				if changed != want {
					t.Errorf("change %d: %v", i, changed)
				}
				return err
			})
			must(t, err)
		}
	})
}

func TestSessions(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		mona := mustCreate(t, s, "mona@example.com", "+201011223344").User.ID
		nour := mustCreate(t, s, "nour@example.com", "+201011223345").User.ID
		token := omarty.NewToken()
		session := func(owner omarty.ID, used time.Duration) omarty.Session {
			return omarty.Session{
				ID: omarty.NewID(omarty.KindSession), User: owner, Device: "Mona's هاتف",
				CreatedAt: moment, LastUsedAt: moment.Add(used), ExpiresAt: moment.Add(used + time.Hour),
			}
		}
		old, new, others := session(mona, 0), session(mona, time.Minute), session(nour, 0)
		write := func(change func(ctx context.Context, tx *store.Tx) error) {
			t.Helper()
			must(t, s.Write(t.Context(), change))
		}
		write(func(ctx context.Context, tx *store.Tx) error {
			must(t, tx.CreateSession(ctx, old, token.Hash()))
			must(t, tx.CreateSession(ctx, new, omarty.NewToken().Hash()))
			return tx.CreateSession(ctx, others, omarty.NewToken().Hash())
		})
		if got, err := s.SessionByToken(t.Context(), token.Hash()); err != nil || got != old {
			t.Errorf("by token: %+v, %v; want %+v", got, err, old)
		}
		list := func(now time.Time) string {
			t.Helper()
			sessions, err := s.Sessions(t.Context(), mona, now)
			must(t, err)
			names := map[omarty.ID]string{old.ID: "old", new.ID: "new", others.ID: "others"}
			var got []string
			for _, s := range sessions {
				got = append(got, names[s.ID])
			}
			return strings.Join(got, " ")
		}
		for now, want := range map[time.Duration]string{
			0: "new old", time.Hour - time.Microsecond: "new old", time.Hour: "new", 2 * time.Hour: "",
		} {
			if got := list(moment.Add(now)); got != want {
				t.Errorf("after %v: %q; want %q", now, got, want)
			}
		}

		write(func(ctx context.Context, tx *store.Tx) error {
			return tx.TouchSessions(ctx, []omarty.ID{old.ID}, moment.Add(2*time.Minute), moment.Add(3*time.Hour))
		})
		if got := list(moment.Add(2 * time.Hour)); got != "old" {
			t.Errorf("after a use: %q", got)
		}
		write(func(ctx context.Context, tx *store.Tx) error {
			for who, want := range map[omarty.ID]bool{nour: false, mona: true} {
				ended, err := tx.EndSession(ctx, who, new.ID, moment)
				must(t, err)
				if ended != want {
					t.Errorf("ended: %v; want %v", ended, want)
				}
			}
			ended, err := tx.EndSession(ctx, mona, new.ID, moment)
			must(t, err)
			if ended {
				t.Error("ended twice")
			}
			for id, want := range map[omarty.ID]bool{new.ID: false, old.ID: true} {
				good, err := tx.SessionGood(ctx, id, moment)
				must(t, err)
				if good != want {
					t.Errorf("good: %v; want %v", good, want)
				}
			}
			n, err := tx.EndOtherSessions(ctx, mona, old.ID, moment)
			must(t, err)
			if n != 0 {
				t.Errorf("%d others were left", n)
			}
			n, err = tx.EndOtherSessions(ctx, mona, omarty.ID{}, moment)
			must(t, err)
			if n != 1 {
				t.Errorf("%d were left", n)
			}
			return nil
		})
		if got := list(moment); got != "" {
			t.Errorf("left: %q", got)
		}
		if _, err := s.SessionByToken(t.Context(), token.Hash()); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a revoked one by its token: %v", err)
		}
	})
}

func TestAuditRecordsAreWritten(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db testkit.Database) {
		s := open(t, db)
		actor := omarty.NewID(omarty.KindUser)
		must(t, s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			must(t, tx.Record(ctx, omarty.AuditRecord{
				ID: omarty.NewID(omarty.KindAuditEntry), At: moment, Action: omarty.ActionLogIn, Actor: actor, Subject: actor,
				Place: &omarty.Coordinates{Longitude: 31.2900529, Latitude: 29.9453866},
			}))
			return tx.Record(ctx, omarty.AuditRecord{ID: omarty.NewID(omarty.KindAuditEntry), At: moment, Action: omarty.ActionRegister})
		}))
		var whole, bare int
		must(t, db.Open(t).QueryRowContext(t.Context(), `
			SELECT count(*) FILTER (WHERE action = 'logIn' AND longitude = 31.2900529 AND latitude = 29.9453866 AND subject = '`+actor.String()+`'),
				count(*) FILTER (WHERE action = 'register' AND actor_id IS NULL AND subject IS NULL AND longitude IS NULL)
			FROM audit_entries`).Scan(&whole, &bare))
		if whole != 1 || bare != 1 {
			t.Errorf("%d and %d rows", whole, bare)
		}
	})
}

func TestSQLiteFilesOfAnyName(t *testing.T) {
	for _, name := range []string{"a b.db", "50%.db", "what?.db", "a#b.db", "عمارتي.db", "new folder/below/it.db", "a&_pragma=x.db"} {
		path := filepath.Join(t.TempDir(), name)
		s, err := store.Open(t.Context(), "sqlite:"+path, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		s.Close()
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

// What was acknowledged must be on the disk: the settings that see to it hold on
// every connection.
func TestSQLiteIsDurable(t *testing.T) {
	db := testkit.SQLite(t)
	open(t, db)
	var mode string
	must(t, db.Open(t).QueryRowContext(t.Context(), "PRAGMA journal_mode").Scan(&mode))
	if mode != "wal" {
		t.Errorf("journal_mode is %s", mode)
	}
}

func TestADatabaseThatIsGoneIsUnavailable(t *testing.T) {
	db := testkit.Postgres(t)
	s := open(t, db)
	a := mustCreate(t, s, "mona@example.com", "+201011223344")
	name := strings.TrimPrefix(mustParse(t, db.URL).Path, "/")
	admin := testkit.Postgres(t).Open(t)
	kick := func(allow bool) {
		t.Helper()
		_, err := admin.ExecContext(t.Context(), fmt.Sprintf("ALTER DATABASE %s ALLOW_CONNECTIONS %v", name, allow))
		must(t, err)
		_, err = admin.ExecContext(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
		must(t, err)
	}
	// Who is in is thrown out, and nobody gets in.
	kick(false)
	if _, err := s.Account(t.Context(), a.User.ID); omarty.CodeOf(err) != omarty.CodeUnavailable {
		t.Errorf("a read: %v", err)
	}
	if _, err := create(t, s, "nour@example.com", "+201011223345"); omarty.CodeOf(err) != omarty.CodeUnavailable {
		t.Errorf("a write: %v", err)
	}
	for begun := time.Now(); s.Ping(t.Context()) == nil; time.Sleep(time.Millisecond) {
		if time.Since(begun) > 10*time.Second {
			t.Fatal("it is ready")
		}
	}
	kick(true)
	if _, err := s.Account(t.Context(), a.User.ID); err != nil {
		t.Errorf("after its return: %v", err)
	}
}

func mustParse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	must(t, err)
	return u
}

func TestSQLiteFileThatIsMovedAwayIsNotReady(t *testing.T) {
	db := testkit.SQLite(t)
	s := open(t, db)
	path := strings.TrimPrefix(db.URL, "sqlite:")
	must(t, s.Ping(t.Context()))
	must(t, os.Rename(path, path+".away"))
	if s.Ping(t.Context()) == nil {
		t.Error("it is ready without its file")
	}
	must(t, os.Rename(path+".away", path))
	must(t, s.Ping(t.Context()))
}

func TestCallersWhoLeaveAreUnavailable(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Account(ctx, omarty.NewID(omarty.KindUser)); omarty.CodeOf(err) != omarty.CodeUnavailable {
			t.Errorf("a read: %v", err)
		}
	})
}

func TestURLs(t *testing.T) {
	for url, good := range map[string]bool{
		"sqlite:data/omarty.db":               true,
		"sqlite:/var/lib/omarty.db":           true,
		"postgres://u@127.0.0.1:5432/d":       true,
		"postgresql://u:secret@127.0.0.1/d":   true,
		"sqlite:":                             false,
		"sqlite::memory:":                     false,
		"mysql://u@127.0.0.1/d":               false,
		"data/omarty.db":                      false,
		"":                                    false,
		"postgres://u:secret@127.0.0.1:x/d":   false,
		"postgres://u:secret@h/d?sslmode=wat": false,
	} {
		err := store.CheckURL(url)
		if (err == nil) != good {
			t.Errorf("%s: %v", url, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error quotes the url: %v", err)
		}
	}
}
