package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func mustWriteFile(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDatabaseURLFromAFile(t *testing.T) {
	t.Parallel()
	const url = "postgres://omarty:hunter2@db.example/chat"
	for _, end := range []string{"", "\n", "\r\n", "\n\n"} {
		c := mustRead(t, nil, []string{"OMARTY_DATABASE_URL_FILE=" + mustWriteFile(t, url+end)})
		if c.databaseURL != url {
			t.Errorf("%q after it: %q", end, c.databaseURL)
		}
	}
	file := "OMARTY_DATABASE_URL_FILE=" + mustWriteFile(t, url)
	if c := mustRead(t, nil, []string{file, "OMARTY_DATABASE_URL="}); c.databaseURL != url {
		t.Errorf("beside an empty variable: %q", c.databaseURL)
	}
	if c := mustRead(t, nil, []string{"OMARTY_DATABASE_URL_FILE=", "OMARTY_DATABASE_URL=" + url}); c.databaseURL != url {
		t.Errorf("beside an empty name of a file: %q", c.databaseURL)
	}
	if c := mustRead(t, []string{"--database-url=sqlite:x"}, []string{file}); c.databaseURL != "sqlite:x" {
		t.Errorf("beside a flag: %q", c.databaseURL)
	}
	for _, environ := range [][]string{
		{file, "OMARTY_DATABASE_URL=sqlite:x"},
		{"OMARTY_DATABASE_URL_FILE=" + filepath.Join(t.TempDir(), "missing")},
		{"OMARTY_DATABASE_URL_FILE=" + t.TempDir()},
		{"OMARTY_DATABASE_URL_FILE=" + mustWriteFile(t, "mysql://omarty:hunter2@db.example/chat")},
	} {
		message := mustRefuse(t, nil, environ)
		if !strings.Contains(message, "OMARTY_DATABASE_URL") || strings.Contains(message, "hunter2") {
			t.Errorf("%q: %s", environ, message)
		}
	}
}

// What a flag says, every user of the machine can read.
func TestPasswordByFlagIsRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--database-url=postgres://omarty:hunter2@db.example/chat"},
		{"--database-url", "postgres://omarty:hunter2@db.example/chat"},
		{"--database-url=postgresql://omarty:hunter2@db.example/chat"},
		{"--database-url=postgres://omarty@db.example/chat?password=hunter2"},
		{"--database-url=postgres://omarty@db.example/chat?sslmode=require&password=hunter2"},
		{"--database-url=postgres://omarty@db.example/chat?sslmode=disable&sslpassword=hunter2"},
		{"--database-url=postgres://omarty:hunter2@db.example/chat", "--database-url=sqlite:x"},
		{"--listen=:80", "--database-url", "postgres://omarty:hunter2@db.example/chat", "--log=json"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			message := mustRefuse(t, args, nil)
			if !strings.HasPrefix(message, "OMARTY_DATABASE_URL: ") || !strings.Contains(message, "OMARTY_DATABASE_URL_FILE") {
				t.Errorf("the way out is not told: %s", message)
			}
			if strings.Contains(message, "hunter2") {
				t.Errorf("the password is quoted: %s", message)
			}
		})
	}
	// By the environment it may come.
	mustRead(t, nil, []string{"OMARTY_DATABASE_URL=postgres://omarty:hunter2@db.example/chat"})
}

// Errors end in terminals, logs and tickets.
func TestNoErrorQuotesAPassword(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"postgres://omarty:hunter2@db.example:port/chat",
		"postgres://omarty:hunter2@db.example:99999/chat",
		"postgres://omarty:hunter2%zz@db.example/chat",
		"postgres://omarty:hunter2@[::1/chat",
		"postgres://omarty:hunter2@db.example/chat?sslmode=maybe",
		"postgres://omarty:hunter2@db.example/chat?connect_timeout=x",
		"postgres://omarty:hun\x01ter2@db.example/chat",
		"postgres://omarty:hunter2 @db.example/chat",
		"postgres:omarty:hunter2@db.example/chat",
		"POSTGRES://omarty:hunter2@db.example/chat",
		" postgres://omarty:hunter2@db.example/chat",
		"mysql://omarty:hunter2@db.example/chat",
		"omarty:hunter2@db.example/chat",
		"host=db.example user=omarty password=hunter2",
		"postgres://db.example/chat?password=hunter2&sslmode=maybe",
		"postgres://db.example/chat?sslpassword=hunter2&sslmode=maybe",
	} {
		for _, c := range []struct{ args, environ []string }{
			{[]string{"--database-url=" + url}, nil},
			{[]string{"--database-url", url}, nil},
			{nil, []string{"OMARTY_DATABASE_URL=" + url}},
			{nil, []string{"OMARTY_DATABASE_URL_FILE=" + mustWriteFile(t, url)}},
		} {
			_, err := readConfig(c.args, c.environ, io.Discard)
			if err == nil {
				continue // what pgx can read is another test's matter
			}
			if message := err.Error(); strings.Contains(message, "hunter2") || strings.Contains(message, "ter2@") {
				t.Errorf("%q %q is quoted: %s", c.args, c.environ, message)
			}
		}
	}
	// Nor where it came by a slip.
	const url = "postgres://omarty:hunter2@db.example/chat"
	for _, args := range [][]string{
		{url},
		{"--databaseurl=" + url},
		{"--database_url=" + url},
		{"--database-url", "--", url},
		{"-d" + url},
		{"OMARTY_DATABASE_URL=" + url},
	} {
		if message := mustRefuse(t, args, nil); strings.Contains(message, "hunter2") {
			t.Errorf("%q is quoted: %s", args, message)
		}
	}
}

// Nodes are many only over a database that they share, and a certificate has a key.
func TestNATSNeedsMore(t *testing.T) {
	t.Parallel()
	url := "OMARTY_NATS_URL=nats://nats.example:4222"
	for _, c := range []struct {
		args, environ []string
		setting       string
	}{
		{nil, []string{url}, "OMARTY_NATS_URL"},
		{nil, []string{url, "OMARTY_DATABASE_URL=sqlite:/srv/a.db"}, "OMARTY_NATS_URL"},
		{[]string{"demo"}, []string{url}, "OMARTY_NATS_URL"},
		{nil, append([]string{"OMARTY_NATS_CA=ca.pem"}, onPostgres...), "OMARTY_NATS_URL"},
		{nil, append([]string{url, "OMARTY_NATS_CERT=cert.pem"}, onPostgres...), "OMARTY_NATS_CERT"},
		{nil, append([]string{url, "OMARTY_NATS_KEY=key.pem"}, onPostgres...), "OMARTY_NATS_CERT"},
		{[]string{"--nats-url=nats://omarty:hunter2@nats.example:4222"}, onPostgres, "OMARTY_NATS_URL"},
	} {
		if message := mustRefuse(t, c.args, c.environ); !strings.HasPrefix(message, c.setting+": ") || strings.Contains(message, "hunter2") {
			t.Errorf("%q, %q: %s", c.args, c.environ, message)
		}
	}
}
