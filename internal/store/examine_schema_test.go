package store_test

import (
	"context"
	"crypto/rand"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/omarty/chat/internal/store"
	"github.com/omarty/chat/internal/testkit"
)

// What somebody took out of a database beside the steps is named; what they added is theirs.
func TestExaminesTheSchema(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, on testkit.Database) {
		open(t, on)
		e, err := store.Examine(t.Context(), on.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		beside := on.Open(t)
		expect := func(usable bool, want string) {
			t.Helper()
			is, flaws, err := e.Schema(t.Context())
			var found []string
			for _, f := range flaws {
				found = append(found, strings.TrimPrefix(strings.TrimSuffix(f.What, " is missing"), "the "))
			}
			if got := strings.Join(found, ", "); err != nil || got != want || is != usable {
				t.Errorf("it found %q, usable %v, %v; want %q, %v", got, is, err, want, usable)
			}
		}
		change := func(statement string) {
			t.Helper()
			if _, err := beside.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		expect(true, "")
		change("CREATE INDEX an_operators_own ON rooms (topic)")
		expect(true, "")
		change("DROP INDEX message_reply_to_id_seq")
		expect(true, "index message_reply_to_id_seq")
		if on.Engine == "postgres" {
			change("ALTER TABLE audit_entries DISABLE TRIGGER audit_entries_stay")
			change("ALTER TABLE rooms RENAME COLUMN topic TO about")
			expect(false, "trigger audit_entries_stay, index message_reply_to_id_seq, column rooms.topic")
			change("ALTER TABLE rooms RENAME COLUMN about TO topic")
			change("ALTER TABLE apartments DROP CONSTRAINT apartments_buildings_apartments")
			change("ALTER TABLE apartments ALTER number TYPE varchar(20)")
			change("ALTER TABLE apartments ALTER number_key DROP NOT NULL")
			change("ALTER TABLE apartments ALTER floor SET DEFAULT 4")
			expect(true, "column apartments.number is not character varying NOT NULL, column apartments.number_key is not character varying NOT NULL, "+
				"constraint apartments_buildings_apartments, trigger audit_entries_stay, index message_reply_to_id_seq")
			return
		}
		change("DROP TRIGGER audit_entries_stay")
		change("ALTER TABLE blocks RENAME TO blocked")
		expect(false, "trigger audit_entries_stay, table blocks, index message_reply_to_id_seq")
	})
}

// What is there, but not for the program's user, is not called missing.
func TestExaminesWhatItsUserMay(t *testing.T) {
	t.Parallel()
	on := testkit.Postgres(t)
	open(t, on)
	beside := on.Open(t)
	user := "barred_" + strings.ToLower(rand.Text())
	change := func(statement string) {
		t.Helper()
		if _, err := beside.ExecContext(context.WithoutCancel(t.Context()), statement); err != nil {
			t.Fatal(err)
		}
	}
	change("CREATE ROLE " + user)
	t.Cleanup(func() { change("DROP OWNED BY " + user + "; DROP ROLE " + user) })
	change("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO " + user)
	e, err := store.Examine(t.Context(), on.URL+"&role="+user)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	expect := func(want ...string) {
		t.Helper()
		_, usable, flaws, err := e.Migrations(t.Context())
		if err == nil && len(flaws) == 0 {
			usable, flaws, err = e.Schema(t.Context())
		}
		var found []string
		for _, f := range flaws {
			found = append(found, f.What)
		}
		if err != nil || !slices.Equal(found, want) || usable != (len(want) == 0) {
			t.Errorf("it found %q, usable %v, %v; want %q", found, usable, err, want)
		}
	}
	expect()
	change("REVOKE UPDATE ON messages FROM " + user)
	expect("this user may not use the table messages")
	change("REVOKE SELECT ON schema_migrations FROM " + user)
	expect("this user may not use the table schema_migrations")
}

// A server that takes no writing is no place for nodes.
func TestExaminesWhetherItIsWritten(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, on testkit.Database) {
		open(t, on)
		for _, readOnly := range []bool{false, true} {
			url := on.URL
			if readOnly {
				if on.Engine != "postgres" {
					return
				}
				url += "&default_transaction_read_only=on"
			}
			e, err := store.Examine(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			if e.ReadOnly() != readOnly {
				t.Errorf("it is %v, want %v", e.ReadOnly(), readOnly)
			}
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// Of several servers it is told by its name which one was looked at.
func TestExaminesTheServerThatLetsItIn(t *testing.T) {
	t.Parallel()
	on := testkit.Postgres(t)
	u, err := url.Parse(on.URL)
	if err != nil {
		t.Fatal(err)
	}
	at := net.JoinHostPort(u.Hostname(), u.Port())
	u.Host = "127.0.0.1:1," + at
	e, err := store.Examine(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if want := at + u.Path; e.String() != want {
		t.Errorf("it was %s, want %s", e, want)
	}
}
