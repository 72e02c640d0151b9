//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/omarty/chat/internal/testkit/postgres"
)

// The test binary run with this variable is the command itself.
const selfVariable = "OMARTY_TEST_WITHPOSTGRES"

func TestMain(m *testing.M) {
	if os.Getenv(selfVariable) != "" {
		main()
	}
	os.Exit(m.Run())
}

// withPostgres is the command, with further variables set.
func withPostgres(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), selfVariable+"=1", postgres.URLVariable+"=")
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

func status(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	t.Fatal(err)
	return 0
}

func TestStatusAndStreams(t *testing.T) {
	t.Parallel()
	cmd := withPostgres(t, nil, "sh", "-c", `cat; echo "$OMARTY_TEST_POSTGRES_URL"; echo oops >&2; exit 7`)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("in\n"), &stdout, &stderr
	if got := status(t, cmd.Run()); got != 7 {
		t.Errorf("status %d, want 7", got)
	}
	lines := strings.Split(stdout.String(), "\n")
	if len(lines) != 3 || lines[0] != "in" || stderr.String() != "oops\n" {
		t.Fatalf("standard output %q, standard error %q", &stdout, &stderr)
	}
	assertStopped(t, lines[1])
}

func TestDatabase(t *testing.T) {
	t.Parallel()
	// The inner one has the server of the outer one; each read waits for the test.
	cmd := withPostgres(t, []string{databaseVariable + "=sqlite:elsewhere"}, "sh", "-c",
		`"$0" -database sh -c 'echo "$OMARTY_DATABASE_URL"; read _; exit 3'; echo $?; read _; exit 7`, os.Args[0])
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	lines.Scan()
	address := lines.Text()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatalf("the database at %q: %v", address, err)
	}
	var tables int
	if err := conn.QueryRow(ctx, `SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`).Scan(&tables); err != nil || tables > 0 {
		t.Errorf("%d tables, %v", tables, err)
	}
	// The connection stays open: the database goes all the same.
	if _, err := stdin.Write([]byte("\n")); err != nil {
		t.Error(err)
	}
	lines.Scan()
	if lines.Text() != "3" {
		t.Errorf("status %q, want 3", lines.Text())
	}
	var failure *pgconn.PgError
	if _, err := pgx.Connect(ctx, address); !errors.As(err, &failure) || failure.Code != "3D000" {
		t.Errorf("the database is still there: %v", err)
	}
	conn.Close(ctx)
	stdin.Close()
	if got := status(t, cmd.Wait()); got != 7 {
		t.Errorf("status %d, want 7", got)
	}
}

func TestServerThatIsThere(t *testing.T) {
	t.Parallel()
	env := []string{postgres.URLVariable + "=postgres://elsewhere/db", postgres.BinVariable + "=/nowhere"}
	out, err := withPostgres(t, env, "sh", "-c", `echo "$OMARTY_TEST_POSTGRES_URL"`).CombinedOutput()
	if got := status(t, err); got != 0 || string(out) != "postgres://elsewhere/db\n" {
		t.Errorf("status %d, output %q", got, out)
	}
}

func TestNoServer(t *testing.T) {
	t.Parallel()
	out, err := withPostgres(t, []string{postgres.BinVariable + "=/nowhere"}, "echo", "ran").CombinedOutput()
	if got := status(t, err); got != 1 || bytes.Count(out, []byte("\n")) != 1 || !bytes.HasPrefix(out, []byte("withpostgres: ")) {
		t.Errorf("status %d, output %q", got, out)
	}
}

func TestCommandsThatCannotRun(t *testing.T) {
	t.Parallel()
	env := []string{postgres.URLVariable + "=postgres://elsewhere/db"}
	for want, args := range map[int][]string{
		2:       nil,
		126:     {"/dev/null"},
		127:     {"a-command-that-nobody-has"},
		128 + 9: {"sh", "-c", "kill -9 $$"},
	} {
		out, err := withPostgres(t, env, args...).CombinedOutput()
		if got := status(t, err); got != want {
			t.Errorf("%v: status %d, want %d; output %q", args, got, want, out)
		}
	}
	if got := status(t, withPostgres(t, env, "/a/file/that/is/not/there").Run()); got != 127 {
		t.Errorf("a file that is not there: status %d, want 127", got)
	}
}

func TestSignals(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		cmd := withPostgres(t, nil, "sh", "-c",
			`trap 'echo INT; exit 8' INT; trap 'echo TERM; exit 9' TERM; echo "$OMARTY_TEST_POSTGRES_URL"; while :; do sleep 0.05; done`)
		// Without a terminal: in a session of its own.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(stdout)
		lines.Scan()
		url := lines.Text()
		if err := cmd.Process.Signal(s); err != nil {
			t.Error(err)
		}
		lines.Scan()
		got := lines.Text()
		want, wantStatus := "INT", 8
		if s == syscall.SIGTERM {
			want, wantStatus = "TERM", 9
		}
		if code := status(t, cmd.Wait()); got != want || code != wantStatus {
			t.Errorf("%v: the command told %q, status %d", s, got, code)
		}
		assertStopped(t, url)
	}
}

func TestSignalWhileTheServerStarts(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	bin, temp := filepath.Join(root, "bin"), filepath.Join(root, "tmp")
	// Root runs the programs as another user, who has to reach them.
	if err := errors.Join(
		os.Chmod(root, 0o755), os.Chmod(filepath.Dir(root), 0o755),
		os.Mkdir(bin, 0o755), os.Mkdir(temp, 0o755),
		os.WriteFile(filepath.Join(bin, "postgres"), []byte("#!/bin/sh\necho '(PostgreSQL) 1'\n"), 0o755),
		os.WriteFile(filepath.Join(bin, "initdb"), []byte("#!/bin/sh\n[ $1 = --version ] && echo '(PostgreSQL) 1' && exit\n>started; exec sleep 100\n"), 0o755),
	); err != nil {
		t.Fatal(err)
	}
	cmd := withPostgres(t, []string{postgres.BinVariable + "=" + bin, "TMPDIR=" + temp}, "echo", "ran")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if started, _ := filepath.Glob(filepath.Join(temp, "*", "started")); len(started) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Error("initdb was not started")
			break
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := status(t, cmd.Wait()); got != 128+15 || out.Len() > 0 {
		t.Errorf("status %d, output %q", got, &out)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func assertStopped(t *testing.T, url string) {
	t.Helper()
	if !strings.HasPrefix(url, "postgres://postgres@127.0.0.1:") {
		t.Fatalf("the address is %q", url)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if conn, err := pgx.Connect(ctx, url); err == nil {
		conn.Close(ctx)
		t.Errorf("the server still answers at %s", url)
	}
}
