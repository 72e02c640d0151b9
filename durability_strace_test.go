//go:build strace

package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omarty/chat/internal/testkit/postgres"
)

// What is acknowledged outlives a power cut, if the log of its database was flushed
// before. These tests look at the system calls of everything that takes part, the
// database's processes and the program's, and see that each acknowledgement is written
// to its client after a flush has returned that began when its commit had been written.
//
//	go test -tags strace -run Durability .

// traced is the environment's variable by which a process of this test is the one that is
// looked at: for which log, with which program.
const traced = "OMARTY_TEST_TRACED"

// messages is how many are sent, one after the other.
const messages = 25

func TestDurability(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "omarty-chat")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, c := range map[string]struct {
		log  string // of which files a line of the trace is about the log
		safe bool
	}{
		"sqlite":   {`omarty\.db-wal`, true},
		"postgres": {`pg_wal/[0-9A-F]{24}`, true},
		// PostgreSQL that acknowledges before it flushes is seen to do so.
		"hasty": {`pg_wal/[0-9A-F]{24}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "trace")
			trace := exec.CommandContext(t.Context(), "strace", "-f", "-qq", "-y", "-s", "1000000",
				"-e", "trace=write,pwrite64,pwritev,writev,fsync,fdatasync", "-e", "signal=none", "-o", path,
				os.Args[0], "-test.run=^TestTraced$", "-test.v")
			trace.Env = append(os.Environ(), traced+"="+name+" "+binary)
			if out, err := trace.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			file, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			seen := readTrace(file, regexp.MustCompile(`<[^>]*`+c.log+`>`))
			early := seen.early()
			if len(seen.acknowledged) != messages || len(seen.written) < messages {
				t.Fatalf("%d acknowledgements and %d commits were seen, of %d", len(seen.acknowledged), len(seen.written), messages)
			}
			if c.safe && len(early) > 0 {
				t.Errorf("%d of %d were acknowledged before their commit was flushed", len(early), messages)
			}
			if !c.safe && len(early) == 0 {
				t.Error("nothing is seen of what is acknowledged too early")
			}
		})
	}
}

// calls are what a trace says, by the numbers of its lines.
type calls struct {
	written      map[string][]int // when a message's text was written to the log
	flushes      [][2]int         // when flushes of the log began and had returned
	acknowledged map[string]int   // when an answer with a message was about to be written
}

var (
	ownText = regexp.MustCompile(`flushed-[a-z0-9]{20}`)
	call    = regexp.MustCompile(`^(\d+)\s+(\w+)\(`)
	resumed = regexp.MustCompile(`^(\d+)\s+<\.\.\. (\w+) resumed>`)
)

// readTrace reads what strace has written. log finds the log's files.
func readTrace(from io.Reader, log *regexp.Regexp) calls {
	all := calls{written: map[string][]int{}, acknowledged: map[string]int{}}
	begun := map[string]int{} // flushes of the log that have not returned, by thread
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 64<<20)
	for n := 0; lines.Scan(); n++ {
		line := lines.Text()
		if m := resumed.FindStringSubmatch(line); m != nil {
			if at, ok := begun[m[1]]; ok && strings.HasSuffix(line, " = 0") {
				all.flushes = append(all.flushes, [2]int{at, n})
			}
			delete(begun, m[1])
			continue
		}
		m := call.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		ours := log.MatchString(line)
		switch m[2] {
		case "fsync", "fdatasync":
			if ours && strings.HasSuffix(line, "<unfinished ...>") {
				begun[m[1]] = n
			} else if ours && strings.HasSuffix(line, " = 0") {
				all.flushes = append(all.flushes, [2]int{n, n})
			}
		default:
			for _, text := range ownText.FindAllString(line, -1) {
				if ours {
					all.written[text] = append(all.written[text], n)
				} else if strings.Contains(line, `{\"data\":{\"sendMessage\"`) {
					all.acknowledged[text] = n
				}
			}
		}
	}
	return all
}

// early gives what was acknowledged before a flush of what had been written of it by then.
func (c calls) early() (texts []string) {
	for text, acknowledged := range c.acknowledged {
		last := -1
		for _, n := range c.written[text] {
			if n < acknowledged {
				last = n
			}
		}
		if last < 0 || !slices.ContainsFunc(c.flushes, func(f [2]int) bool { return last < f[0] && f[1] < acknowledged }) {
			texts = append(texts, text)
		}
	}
	return texts
}

// TestTraced is no test: it is what TestDurability looks at.
func TestTraced(t *testing.T) {
	name, binary, ok := strings.Cut(os.Getenv(traced), " ")
	if !ok {
		t.Skip("it is part of another test")
	}
	data := t.TempDir()
	environment := []string{"OMARTY_LISTEN=127.0.0.1:0", "OMARTY_DATA_DIR=" + data, "OMARTY_LOG=error", "PATH=" + os.Getenv("PATH")}
	if name != "sqlite" {
		settings := []string{"fsync=on", "full_page_writes=on", "synchronous_commit=on"}
		if name == "hasty" {
			settings[2] = "synchronous_commit=off"
		}
		cluster, err := postgres.Start(t.Context(), settings...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := cluster.Stop(); err != nil {
				t.Error(err)
			}
		})
		environment = append(environment, "OMARTY_DATABASE_URL="+cluster.URL("postgres"))
	}
	program := exec.CommandContext(t.Context(), binary)
	program.Env, program.Stderr, program.Dir = environment, os.Stderr, data
	program.Cancel = func() error { return program.Process.Signal(os.Interrupt) }
	program.WaitDelay = 20 * time.Second
	said, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = program.Process.Signal(os.Interrupt)
		_ = program.Wait()
	})
	url := ""
	for lines := bufio.NewScanner(said); url == "" && lines.Scan(); {
		url = regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(lines.Text())
	}
	go func() { _, _ = io.Copy(io.Discard, said) }()
	ask := func(token, document string, v map[string]any) map[string]any {
		t.Helper()
		return mustAsk(t, url+"/graphql", token, document, v)
	}
	ask("", `mutation($in: RegisterInput!) { register(input: $in) { user { id } } }`, map[string]any{"in": map[string]any{
		"phone": "+201011223344", "email": "mona@example.com", "password": "a long password", "confirmPassword": "a long password", "name": "Mona",
	}})
	in := ask("", `mutation { logIn(input: {login: "mona@example.com", password: "a long password"}) { token } }`, nil)
	token := in["logIn"].(map[string]any)["token"].(string)
	made := ask(token, `mutation { createBuilding(input: {name: "Nile View"}) { building { viewerRooms { nodes { id } } } } }`, nil)
	room := made["createBuilding"].(map[string]any)["building"].(map[string]any)["viewerRooms"].(map[string]any)["nodes"].([]any)[0].(map[string]any)["id"]
	for range messages {
		text := "flushed-" + strings.ToLower(rand.Text()[:20])
		ask(token, `mutation($room: ID!, $text: String!) { sendMessage(input: {room: $room, key: $text, text: $text}) { message { text } } }`,
			map[string]any{"room": room, "text": text})
	}
}

func mustAsk(t *testing.T, url, token, document string, v map[string]any) map[string]any {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": document, "variables": v})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var said struct {
		Data   map[string]any
		Errors []any
	}
	if err := json.NewDecoder(answer.Body).Decode(&said); err != nil || said.Errors != nil {
		t.Fatal(fmt.Errorf("%v: %v", err, said.Errors))
	}
	return said.Data
}
