package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/omarty/chat/internal/load"
)

// The test binary run with this variable is the command itself.
const selfVariable = "OMARTY_TEST_CLUSTER"

// testTime bounds a start with all that it builds, and all that is done with it.
const testTime = 4 * time.Minute

func TestMain(m *testing.M) {
	if os.Getenv(selfVariable) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// trial is a cluster that was started as people start it.
type trial struct {
	command *exec.Cmd
	said    string
	urls    []string
	pids    []int
	rest    chan error // what it ended with
}

func start(t *testing.T, arguments ...string) trial {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTime)
	t.Cleanup(cancel)
	c := trial{command: exec.CommandContext(ctx, os.Args[0], arguments...), rest: make(chan error, 1)}
	c.command.Env = append(os.Environ(), selfVariable+"=1")
	var problems bytes.Buffer
	c.command.Stderr = &problems
	out, err := c.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.command.Process.Kill() })
	lines := bufio.NewScanner(out)
	for !strings.Contains(c.said, "All is ready") {
		if !lines.Scan() {
			t.Fatalf("it did not start: %s%s", c.said, &problems)
		}
		c.said += lines.Text() + "\n"
	}
	go func() {
		for lines.Scan() {
		}
		c.rest <- c.command.Wait()
	}()
	for _, found := range regexp.MustCompile(`(http://\S+)/playground`).FindAllStringSubmatch(c.said, -1) {
		c.urls = append(c.urls, found[1])
	}
	for _, found := range regexp.MustCompile(`pid (\d+)`).FindAllStringSubmatch(c.said, -1) {
		pid, err := strconv.Atoi(found[1])
		if err != nil {
			t.Fatal(err)
		}
		c.pids = append(c.pids, pid)
	}
	if len(c.urls) != 3 || len(c.pids) != 5 {
		t.Fatalf("three nodes, PostgreSQL and NATS: %s", c.said)
	}
	return c
}

// expectNothingLeft fails where a process lives on.
func (c trial) expectNothingLeft(t *testing.T) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		var left []int
		for _, pid := range c.pids {
			if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) && !zombie(pid) {
				left = append(left, pid)
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Since(began) > 30*time.Second {
			t.Fatalf("left: %v", left)
		}
	}
}

// linux tells whether the system ends children with their parent.
func linux() bool { return runtime.GOOS == "linux" }

// endAll ends what the system does not.
func (c trial) endAll() {
	for _, pid := range c.pids {
		_ = syscall.Kill(pid, syscall.SIGTERM) // fails where it has ended
	}
}

// zombie tells whether a process has ended, and nobody has asked yet how.
func zombie(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && bytes.Contains(stat, []byte(") Z "))
}

// reachable gives a folder that PostgreSQL's own user can reach.
func reachable(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for _, f := range []string{folder, filepath.Dir(folder)} {
		if err := os.Chmod(f, 0o755); err != nil { //nolint:gosec // as the comment says
			t.Fatal(err)
		}
	}
	return folder
}

// What is posted on one node is heard on another, and doctor finds all well. Where it is
// killed all ends with it; what was said in a folder of the user's own is there the next
// time; and when it is stopped nothing is left running, either.
func TestThreeNodes(t *testing.T) {
	t.Parallel()
	kept := filepath.Join(reachable(t), "kept")
	c := start(t, "-data", kept)
	ctx, cancel := context.WithTimeout(t.Context(), testTime)
	defer cancel()
	here := load.NewClient(c.urls[0], 2)
	place, err := load.Furnish(ctx, here, load.Size{Rooms: 1, Publishers: 1})
	if err != nil {
		t.Fatal(err)
	}
	post := func() error {
		return here.Ask(ctx, place.Publishers[0], `mutation($input: SendMessageInput!) { sendMessage(input: $input) { message { seq } } }`,
			map[string]any{"input": map[string]any{"room": place.Rooms[0].ID, "key": "1", "text": greeting}}, nil)
	}
	expectHeard(t, ctx, c.urls[2], place, post)
	c.expectAsIntroduced(t, ctx)
	if err := c.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-c.rest
	if linux() {
		c.expectNothingLeft(t)
	} else {
		c.endAll()
	}

	c = start(t, "-data", kept)
	expectHeard(t, ctx, c.urls[1], place, nil)
	if err := c.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-c.rest; err != nil {
		t.Errorf("it was stopped, and ended with %v", err)
	}
	c.expectNothingLeft(t)
}

// greeting is what is posted.
const greeting = "مساء الخير من البرج الآخر"

// expectHeard listens on a node from the beginning, posts once all is heard that was
// posted before, unless post is nil, and fails where the greeting is not heard.
func expectHeard(t *testing.T, ctx context.Context, url string, place *load.Place, post func() error) {
	t.Helper()
	socket, err := load.Dial(ctx, url, place.Listeners[0])
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	defer time.AfterFunc(time.Minute, socket.Close).Stop()
	if err := socket.Subscribe("1", load.Query(load.Selection), map[string]any{"room": place.Rooms[0].ID, "after": 0}); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("heard")
	err = socket.Each(func(heard []byte, _ time.Time) error {
		switch {
		case bytes.Contains(heard, []byte(greeting)):
			return enough
		case bytes.Contains(heard, []byte(`"position":`)) && post != nil:
			return post()
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Errorf("the node told %v", err)
	}
}

// expectAsIntroduced does what it said that people can do.
func (c trial) expectAsIntroduced(t *testing.T, ctx context.Context) {
	t.Helper()
	for _, found := range regexp.MustCompile(`http://\S+/metrics`).FindAllString(c.said, -1) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, found, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", found, response.Status)
		}
	}
	line := regexp.MustCompile(`\(.* doctor\)`).FindString(c.said)
	if out, err := exec.CommandContext(ctx, "sh", "-c", line).CombinedOutput(); err != nil { //nolint:gosec // what it said
		t.Errorf("%s: %v\n%s", line, err, out)
	}
}

// The temporary folder goes with who made it, or with the next one.
func TestTemporaryFolders(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	left := filepath.Join(os.TempDir(), prefix+"left")
	if err := errors.Join(os.Mkdir(left, 0o700), os.WriteFile(filepath.Join(left, lockFile), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	first, leaveFirst, err := folder("")
	if err != nil {
		t.Fatal(err)
	}
	_, leaveSecond, err := folder("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(first); err != nil {
		t.Errorf("the second one took the first one's folder: %v", err)
	}
	if err := errors.Join(leaveFirst(), leaveSecond()); err != nil {
		t.Fatal(err)
	}
	if all, err := os.ReadDir(os.TempDir()); err != nil || len(all) > 0 {
		t.Errorf("left: %v, %v", all, err)
	}
}

func TestSettingsAreReadByShells(t *testing.T) {
	t.Parallel()
	want := "it's $HOME and\n`more`"
	out, err := exec.CommandContext(t.Context(), "sh", "-c", shell([]string{"OMARTY_X=" + want})+`printf %s "$OMARTY_X"`).Output() //nolint:gosec // as above
	if err != nil || string(out) != want {
		t.Errorf("%q, %v", out, err)
	}
}

// Who killed a node is told how to start that one again, in a line that a shell understands.
func TestItSaysHowToStartANodeAgain(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "o'mara's house")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	c := &cluster{folder: folder, binary: filepath.Join(folder, "omarty-chat")}
	for _, name := range []string{"node 1", "node 2"} {
		c.nodes = append(c.nodes, &node{part: part{name: name}})
	}
	if err := os.WriteFile(c.environment(c.nodes[1]), []byte(shell([]string{"NAME=node 2"})), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.binary, []byte("#!/bin/sh\necho \"I am $NAME\"\n"), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	_, line, told := strings.Cut(c.again("node 2"), "\n")
	if out, err := exec.CommandContext(t.Context(), "sh", "-c", line).CombinedOutput(); !told || err != nil || string(out) != "I am node 2\n" { //nolint:gosec // what it said
		t.Errorf("%q: %v\n%s", line, err, out)
	}
	if again := c.again("PostgreSQL"); again != "" {
		t.Errorf("of PostgreSQL it says %q", again)
	}
}
