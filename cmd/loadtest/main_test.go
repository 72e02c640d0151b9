package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// build builds a program of the module.
func build(t *testing.T, folder, name, path string) string {
	t.Helper()
	target := filepath.Join(folder, name)
	command := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", target, path)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", path, err, out)
	}
	return target
}

// serve starts a server until the test ends, and gives its URL.
func serve(t *testing.T, program string, settings ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), program)
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "OMARTY_") {
			command.Env = append(command.Env, entry)
		}
	}
	command.Env = append(command.Env, append(settings, "OMARTY_LISTEN=127.0.0.1:0", "OMARTY_DATA_DIR="+t.TempDir())...)
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	})
	var said bytes.Buffer
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		part := make([]byte, 4096)
		n, err := out.Read(part)
		said.Write(part[:n])
		if url := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(said.String()); url != "" {
			return url
		}
		if err != nil {
			break
		}
	}
	t.Fatalf("the server does not say where it listens: %s", &said)
	return ""
}

// Each mode measures a server of this machine, and says what it found.
func TestModes(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	server, tool := build(t, folder, "omarty-chat", "../.."), build(t, folder, "loadtest", ".")
	url := serve(t, server, "OMARTY_RATE_LIMITS=off")
	for name, c := range map[string]struct{ arguments, want string }{
		"talk":         {"-duration=300ms -warmup=100ms", `(?s)30 listeners of 1 room.*\ndelivered +[1-9].*server CPU.*once and in order`},
		"many rooms":   {"-rooms=3 -rate=50 -by=socket -duration=500ms -warmup=0s", `(?s)of 3 rooms.*by socket, 50 a second.*\ndelivered +[1-9]`},
		"two selected": {"-duration=300ms -selection=kind|at", `once and in order`},
		"idle":         {"-mode=idle -duration=100ms", `KiB a socket`},
		"storm":        {"-mode=storm -away=20 -missed=70 -duration=300ms", `(?s)20 of 30 listeners missed 70 entries.*all caught up after`},
		"replay":       {"-mode=replay -missed=150", `one listener heard 15\d entries`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			arguments := append([]string{"-server=" + url, "-listeners=30", "-publishers=2"}, strings.Fields(c.arguments)...)
			out, err := exec.CommandContext(t.Context(), tool, arguments...).CombinedOutput()
			if err != nil || !regexp.MustCompile(c.want).Match(out) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// What cannot be measured is said in words, with the status 1.
func TestRefusals(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	tool := build(t, folder, "loadtest", ".")
	for arguments, want := range map[string]string{
		"-server=http://127.0.0.1:1": "connection refused",
		"-mode=other":                "-mode is talk, idle, storm or replay",
		"-inflight=0":                "-inflight is a number from 1 to 4096",
		"-mode=storm -away=1000":     "-away is fewer than -listeners",
		"-pid=999999999":             "-pid:",
	} {
		out, err := exec.CommandContext(t.Context(), tool, strings.Fields(arguments)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v\n%s", arguments, err, out)
		}
	}
}
