package postgres

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

func TestStartAndStop(t *testing.T) {
	t.Parallel()
	c, err := Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), c.URL("postgres"))
	if err != nil {
		t.Fatal(errors.Join(err, c.Stop()))
	}
	defer conn.Close(context.Background())
	for query, want := range map[string]string{
		"select 1::text":                  "1",
		"show server_encoding":            "UTF8",
		"show lc_collate":                 "C",
		"show listen_addresses":           "127.0.0.1",
		"show unix_socket_directories":    "",
		"show fsync":                      "off",
		"show max_connections":            "400",
		"show timezone":                   "UTC",
		"select current_user::text":       "postgres",
		"select inet_server_addr()::text": "127.0.0.1/32",
		"select current_database()::text": "postgres",
		"select rolsuper::text from pg_roles r where rolname = current_user": "true",
	} {
		var got string
		if err := conn.QueryRow(t.Context(), query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", query, got, err, want)
		}
	}
	if processes := processesOf(t, c.folder.path); len(processes) == 0 {
		t.Error("no process of the cluster was found, so that none can be missed below")
	}

	// A client that is still connected must not hold the server up.
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
	assertGone(t, c)
	if err := c.Stop(); err != nil {
		t.Error("the second Stop:", err)
	}
}

func TestKillAndRestart(t *testing.T) {
	t.Parallel()
	c, err := Start(t.Context(), Durable)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), c.URL("postgres"))
	if err != nil {
		t.Fatal(errors.Join(err, c.Stop()))
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "create table kept (n int)"); err != nil {
		t.Error(err)
	}
	for n := range 3 {
		// One connection is idle when the server is killed, and one at work.
		working := make(chan error, 1)
		go func() {
			busy, err := pgx.Connect(context.Background(), c.URL("postgres"))
			if err == nil {
				_, err = busy.Exec(context.Background(), "select pg_sleep(0.3)")
				busy.Close(context.Background())
			}
			working <- err
		}()
		if _, err := conn.Exec(t.Context(), "insert into kept values ($1)", n); err != nil {
			t.Error(err)
		}
		if err := c.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := c.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-working
		if conn, err = pgx.Connect(t.Context(), c.URL("postgres")); err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		var rows int
		if err := conn.QueryRow(t.Context(), "select count(*) from kept").Scan(&rows); err != nil || rows != n+1 {
			t.Errorf("%d rows after %d kills: %v", rows, n+1, err)
		}
	}
	if err := c.Kill(); err != nil {
		t.Error(err)
	}
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
	assertGone(t, c)
}

func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	type result struct {
		c   *Cluster
		err error
	}
	results := make(chan result)
	for range 2 {
		go func() {
			c, err := Start(context.Background())
			results <- result{c, err}
		}()
	}
	ports := map[int]bool{}
	var clusters []*Cluster
	for range 2 {
		r := <-results
		if r.err != nil {
			t.Error(r.err)
			continue
		}
		clusters = append(clusters, r.c)
		ports[r.c.port] = true
	}
	if len(ports) != 2 {
		t.Errorf("the ports of two clusters: %v", ports)
	}
	for _, c := range clusters {
		assertAnswers(t, c)
	}
	for _, c := range clusters {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
		assertGone(t, c)
	}
}

func TestPortTakenByAnother(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	tries := 0
	c, err := start(t.Context(), "", systemSearch(), func() (int, error) {
		if tries++; tries < 3 {
			return taken, nil
		}
		return freePort()
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	if tries != 3 || c.port == taken {
		t.Errorf("port %d after %d tries; %d was taken", c.port, tries, taken)
	}
	assertAnswers(t, c)
}

func TestPortTakenByAnotherCluster(t *testing.T) {
	t.Parallel()
	shared, err := URL(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	config, err := pgx.ParseConfig(shared)
	if err != nil {
		t.Fatal(err)
	}
	if config.Host != loopback {
		t.Skip("the server for tests is on another machine")
	}
	tries := 0
	c, err := start(t.Context(), "", systemSearch(), func() (int, error) {
		if tries++; tries == 1 {
			return int(config.Port), nil
		}
		return freePort()
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	if c.port == int(config.Port) {
		t.Error("another server passed for ours")
	}
}

func TestStartGivesUp(t *testing.T) {
	folder := reachable(t)
	t.Setenv("TMPDIR", folder)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := start(ctx, "", systemSearch(), func() (int, error) {
		cancel()
		return freePort()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error of a start that was cancelled: %v", err)
	}
	assertEmpty(t, folder)
	if p := processesWith(t, folder); len(p) > 0 {
		t.Errorf("processes are left: %v", p)
	}
}

func TestStartTellsTheLog(t *testing.T) {
	t.Parallel()
	_, err := start(t.Context(), "", systemSearch(), func() (int, error) { return 1 << 20, nil })
	if err == nil || !strings.Contains(err.Error(), "1048576 is outside the valid range") {
		t.Errorf("the error of a server that does not start: %v", err)
	}
}

func TestStopOfAServerThatEndedByItself(t *testing.T) {
	t.Parallel()
	c, err := Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.server.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-c.server.done
	err = c.Stop()
	if err == nil || !strings.Contains(err.Error(), "had ended before it was stopped") {
		t.Errorf("Stop of a server that was killed: %v", err)
	}
	assertGone(t, c)
	if again := c.Stop(); !errors.Is(again, err) {
		t.Errorf("the second Stop: %v; the first: %v", again, err)
	}
}

func TestShared(t *testing.T) {
	t.Parallel()
	first, err := URL(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := URL(t.Context())
	if err != nil || second != first {
		t.Errorf("URL gave %q, then %q, %v", first, second, err)
	}
	conn, err := pgx.Connect(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close(t.Context())
}

func TestSharedFromEnvironment(t *testing.T) {
	t.Setenv(URLVariable, "postgres://elsewhere/db")
	if u, err := URL(t.Context()); u != "postgres://elsewhere/db" || err != nil {
		t.Errorf("URL gave %q, %v", u, err)
	}
}

// The test binary run with this variable is a process that uses a cluster: the
// tests below start it and look at what it leaves.
const childVariable = "OMARTY_TEST_POSTGRES_CHILD"

func TestChild(t *testing.T) {
	mode := os.Getenv(childVariable)
	if mode == "" {
		t.Skip("is a part of other tests")
	}
	if mode == "idle" {
		return
	}
	if _, err := URL(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := shared.cluster
	os.Stdout.WriteString("cluster " + strconv.Itoa(c.server.cmd.Process.Pid) + " " + c.folder.path + "\n")
	if mode == "wait" {
		select {}
	}
}

func child(t *testing.T, mode string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), childVariable+"="+mode, URLVariable+"=")
	cmd.Stderr = os.Stderr
	return cmd
}

func TestMainStopsTheSharedCluster(t *testing.T) {
	t.Parallel()
	out, err := child(t, "use").Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, folder := clusterIn(t, out)
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}
	if p := processesOf(t, folder); len(p) > 0 {
		t.Errorf("processes are left: %v", p)
	}
}

func TestMainStartsNothingByItself(t *testing.T) {
	t.Parallel()
	cmd := child(t, "idle")
	cmd.Env = append(cmd.Env, BinVariable+"=/nowhere")
	if out, err := cmd.Output(); err != nil || bytes.Contains(out, []byte("cluster")) {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestKilledParent(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends a child with its parent")
	}
	cmd := child(t, "wait")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var out []byte
	buffer := make([]byte, 1024)
	for !bytes.Contains(out, []byte("\n")) {
		n, err := stdout.Read(buffer)
		out = append(out, buffer[:n]...)
		if err != nil {
			_ = cmd.Process.Kill()
			t.Fatalf("%v, %v\n%s", err, cmd.Wait(), out)
		}
	}
	pid, folder := clusterIn(t, out)
	if _, err := os.Stat("/proc/" + pid); err != nil {
		t.Error("the server does not run:", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()

	deadline := time.Now().Add(time.Minute)
	for len(processesOf(t, folder)) > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("processes are left: %v", processesOf(t, folder))
		}
		time.Sleep(20 * time.Millisecond)
	}
	// Another start may have swept the folder by now; and a sweep may have met a
	// server that was about to end.
	for {
		sweep()
		_, err := os.Stat(folder)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the folder is left: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestSweepSparesWhatIsInUse(t *testing.T) {
	t.Parallel()
	as, err := unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	f, err := newFolder("", as)
	if err != nil {
		t.Fatal(err)
	}
	sweep()
	if _, err := os.Stat(f.path); err != nil {
		t.Error(err)
	}
	if err := f.remove(); err != nil {
		t.Error(err)
	}
}

func TestFolderOutOfReach(t *testing.T) {
	as, err := unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	if as == nil {
		t.Skip("only root starts the server as another user")
	}
	closed := t.TempDir()
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", closed)
	_, err = Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "cannot enter") {
		t.Errorf("Start in a folder that the server's user cannot reach: %v", err)
	}
	assertEmpty(t, closed)
}

// reachable gives an empty folder that the server's user can reach.
func reachable(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := errors.Join(os.Chmod(folder, 0o755), os.Chmod(filepath.Dir(folder), 0o755)); err != nil {
		t.Fatal(err)
	}
	return folder
}

func assertEmpty(t *testing.T, folder string) {
	t.Helper()
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left in %s: %v, %v", folder, left, err)
	}
}

func assertAnswers(t *testing.T, c *Cluster) {
	t.Helper()
	name, err := c.askName(t.Context())
	if err != nil || name != c.folder.name() {
		t.Errorf("the cluster gives the name %q, %v; want %q", name, err, c.folder.name())
	}
}

func assertGone(t *testing.T, c *Cluster) {
	t.Helper()
	if _, err := os.Stat(c.folder.path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}
	if !c.ended() {
		t.Error("the server was not waited for")
	}
	// The servers for single connections follow the one that we wait for.
	deadline := time.Now().Add(time.Minute)
	for len(processesOf(t, c.folder.path)) > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("processes are left: %v", processesOf(t, c.folder.path))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// clusterIn gives the server's process id and the cluster's folder out of what
// TestChild prints.
func clusterIn(t *testing.T, out []byte) (pid, folder string) {
	t.Helper()
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "cluster" {
			return f[1], f[2]
		}
	}
	t.Fatalf("no cluster in %q", out)
	return "", ""
}

// processesOf gives the command lines of a cluster's processes, where the
// system has them in /proc: the main one has the folder in its arguments, the
// others have its name in their titles.
func processesOf(t *testing.T, folder string) []string {
	t.Helper()
	return processesWith(t, filepath.Base(folder))
}

// processesWith gives the command lines that have a text in them.
func processesWith(t *testing.T, text string) []string {
	t.Helper()
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var found []string
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err == nil && bytes.Contains(line, []byte(text)) {
			found = append(found, file+": "+string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		}
	}
	if len(files) == 0 {
		t.Log("the system does not tell its processes in /proc")
	}
	return found
}
