package store_test

import (
	"log/slog"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/omarty/chat/internal/store"
	"github.com/omarty/chat/internal/testkit"
)

// Whoever connects asks at the start for nothing that PgBouncer refuses: it knows some
// settings itself, and docs/operations.md says which others it has to be told to ignore.
func TestPgBouncerIsAskedForWhatItKnows(t *testing.T) {
	t.Parallel()
	docs, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	ignored := regexp.MustCompile(`\nignore_startup_parameters = (.*)\n`).FindSubmatch(docs)
	if ignored == nil {
		t.Fatal("docs/operations.md does not say what PgBouncer has to ignore")
	}
	known := append(strings.Split(string(ignored[1]), ", "), "user", "database", "client_encoding", "datestyle", "timezone", "standard_conforming_strings", "application_name")
	for name, open := range map[string]func(url string) error{
		"a node": func(url string) error {
			_, err := store.Open(t.Context(), url, slog.New(slog.DiscardHandler))
			return err
		},
		"the doctor": func(url string) error { _, err := store.Examine(t.Context(), url); return err },
	} {
		t.Run(name, func(t *testing.T) {
			url, asked := listenForStart(t)
			if err := open(url); err == nil {
				t.Fatal("it was let in")
			}
			for _, setting := range <-asked {
				if !slices.Contains(known, setting) {
					t.Errorf("it asks for %s", setting)
				}
			}
		})
	}
}

// listenForStart refuses who connects, and gives for what settings the first of them asked.
func listenForStart(t *testing.T) (url string, asked <-chan []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	settings := make(chan []string, 1)
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			server := pgproto3.NewBackend(conn, conn)
			message, err := server.ReceiveStartupMessage()
			if start, ok := message.(*pgproto3.StartupMessage); err == nil && ok {
				var names []string
				for name := range start.Parameters {
					names = append(names, name)
				}
				select {
				case settings <- names:
				default:
				}
				server.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "28000", Message: "nobody comes in"})
				_ = server.Flush() // who does not hear it goes, too
			}
			conn.Close()
		}
	}()
	return "postgres://omarty@" + l.Addr().String() + "/omarty?sslmode=disable", settings
}

// The doctor has its own limits all the same, and changes nothing.
func TestTheDoctorOnlyReads(t *testing.T) {
	t.Parallel()
	e, err := store.Examine(t.Context(), testkit.Postgres(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for setting, want := range map[string]string{"default_transaction_read_only": "on", "TimeZone": "UTC", "statement_timeout": "10min"} {
		if got, err := e.Shown(t.Context(), setting); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", setting, got, err, want)
		}
	}
}
