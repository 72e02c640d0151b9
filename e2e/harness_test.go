// Package e2e tests the built program from outside, as its clients and its
// operators meet it: it starts the binary and talks to it over the network, and
// imports nothing of the module. What it demands, the contract or the program's own
// papers promise.
//
// Both engines are tested. SQLite needs nothing; PostgreSQL is the server that
// OMARTY_TEST_POSTGRES_URL names, so run the suite through `make test`.
package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// startTime bounds how long a server may take to say where it listens. It is
	// for a busy machine with the race detector on.
	startTime = 60 * time.Second
	// parallel is how many tests run at once unless -parallel says otherwise. Most
	// wait: for a server that starts, drains, or has lost its database.
	parallel = 6
	// stopTime is the contract's.
	stopTime = 10 * time.Second
)

// binary is the program under test, with the race detector in it where the
// machine can build that.
var binary string

func TestMain(m *testing.M) {
	if os.Getenv(asCrowd) != "" {
		os.Exit(playCrowd(os.Stdin, os.Stdout))
	}
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	folder, err := os.MkdirTemp("", "omarty-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	binary = filepath.Join(folder, "omarty-chat")
	if err := build(binary); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	flag.Parse()
	if !isSet("test.parallel") {
		if err := flag.Set("test.parallel", fmt.Sprint(parallel)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	status := m.Run()
	if err := stopShared(); err != nil {
		fmt.Fprintln(os.Stderr, "FAIL: a server that tests shared:", err)
		return 1
	}
	return status
}

func isSet(name string) bool {
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

// unraced is what the race detector does not look at, as in the Makefile: C that a machine
// wrote in Go, with locks of its own, and the arithmetic of passwords. It would take most of
// the tests' time.
var unraced = []string{"modernc.org/sqlite/lib", "modernc.org/libc", "modernc.org/memory", "golang.org/x/crypto/argon2"}

// build builds the program from the module that this package lies in.
func build(target string) error {
	arguments := []string{"build", "-buildvcs=false", "-ldflags=-s -w", "-o", target}
	if raceDetectorWorks() {
		arguments = append(arguments, "-race")
		for _, name := range unraced {
			arguments = append(arguments, "-gcflags="+name+"=-race=false")
		}
	} else {
		fmt.Fprintln(os.Stderr, "e2e: the program is built without the race detector: CGO or a C compiler is missing")
	}
	command := exec.Command("go", append(arguments, ".")...)
	command.Dir = ".."
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return nil
}

// raceDetectorWorks tells whether go build -race would: it needs CGO, which is
// off by default where the C compiler is missing, and can be off by choice.
func raceDetectorWorks() bool {
	out, err := exec.Command("go", "env", "CGO_ENABLED", "CC").Output()
	words := strings.Fields(string(out))
	if err != nil || len(words) < 2 || words[0] != "1" {
		return false
	}
	_, err = exec.LookPath(words[1])
	return err == nil
}

// engine is one of the databases that the program runs on.
type engine string

const (
	sqlite   engine = "sqlite"
	postgres engine = "postgres"
)

// eachEngine runs a test on both engines, at the same time.
func eachEngine(t *testing.T, test func(*testing.T, engine)) {
	t.Helper()
	for _, e := range []engine{sqlite, postgres} {
		t.Run(string(e), func(t *testing.T) {
			t.Parallel()
			test(t, e)
		})
	}
}

// eachEngineAlone runs a test on both engines with nothing beside it, for what is
// measured.
func eachEngineAlone(t *testing.T, test func(*testing.T, engine)) {
	t.Helper()
	for _, e := range []engine{sqlite, postgres} {
		t.Run(string(e), func(t *testing.T) { test(t, e) })
	}
}

// server is a running program.
type server struct {
	url string
	// dataDir is its data folder, and with SQLite its database's.
	dataDir string
	pid     int

	command *exec.Cmd
	out     *transcript
	log     *transcript
	exited  chan struct{} // closed when it has
	stopped sync.Once
	stopErr error
}

// place is where a server keeps its data, so that others can be started on it.
type place struct {
	dataDir     string
	databaseURL string // "" for the default
	natsURL     string // of commands; "" for none
	workingDir  string // "" for the folder that the data folder is in
	command     string // "" to serve
	logFile     string // "" for the test to read
}

// newPlace gives an empty place, which goes with the test.
func newPlace(t *testing.T, e engine) place {
	t.Helper()
	p := place{dataDir: filepath.Join(t.TempDir(), "data")}
	if e == postgres {
		p.databaseURL = mustCreateDatabase(t)
	}
	return p
}

func (p place) environment() []string {
	env := []string{"OMARTY_DATA_DIR=" + p.dataDir}
	if p.databaseURL != "" {
		env = append(env, "OMARTY_DATABASE_URL="+p.databaseURL)
	}
	return env
}

// start starts a server on the place, with further environment. The test ends it
// as an operator would, and looks at what it left in its log.
func (p place) start(t *testing.T, env ...string) *server {
	t.Helper()
	s, err := launch(p, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		t.Helper()
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the server's log, without its requests:\n%s", s.logWithoutRequests())
		}
	})
	return s
}

// start starts a server of a test's own, on an empty database.
func start(t *testing.T, e engine, env ...string) *server {
	t.Helper()
	return newPlace(t, e).start(t, env...)
}

// environment is what a server gets beside its settings: nothing of ours that it
// could take for one.
func environment(settings ...string) []string {
	var env []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "OMARTY_") {
			env = append(env, entry)
		}
	}
	return append(env, settings...)
}

var printedURL = regexp.MustCompile(`https?://127\.0\.0\.1:\d+`)

// begin starts a server.
func begin(p place, env []string) (*server, error) {
	s := &server{dataDir: p.dataDir, out: &transcript{}, log: &transcript{}, exited: make(chan struct{})}
	settings := append(p.environment(), "OMARTY_LISTEN=127.0.0.1:0")
	s.command = exec.Command(binary, strings.Fields(p.command)...)
	s.command.Env = environment(append(settings, env...)...)
	s.command.Dir = p.workingDir
	if p.workingDir == "" {
		s.command.Dir = filepath.Dir(p.dataDir)
	}
	s.command.Stdout, s.command.Stderr = s.out, s.log
	if p.logFile != "" {
		file, err := os.OpenFile(p.logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		s.command.Stderr = file
	}
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	s.pid = s.command.Process.Pid
	go func() {
		defer close(s.exited)
		_ = s.command.Wait() // the state tells all there is to know
	}()
	return s, nil
}

// launch starts a server and waits until it says where it listens.
func launch(p place, env []string) (*server, error) {
	s, err := begin(p, env)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(startTime); ; {
		// With JSON logs the address is in the log, for machines.
		if s.url = printedURL.FindString(s.out.String() + s.log.String()); s.url != "" {
			return s, nil
		}
		select {
		case <-s.exited:
			return nil, fmt.Errorf("the server ended at its start: %v\n%s", s.command.ProcessState, s.log)
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			_ = s.command.Process.Kill()
			return nil, fmt.Errorf("the server said nowhere where it listens in %v\n%s", startTime, s.log)
		}
	}
}

// signal sends a signal.
func (s *server) signal(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := s.command.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// waitExit waits for a server that was told to end, and gives its exit status.
func (s *server) waitExit() (int, error) {
	lost, stop := watchStalls()
	defer stop()
	for begun := time.Now(); time.Since(begun) < stopTime+lost(); {
		select {
		case <-s.exited:
			return s.command.ProcessState.ExitCode(), nil
		case <-time.After(50 * time.Millisecond):
		}
	}
	_ = s.command.Process.Kill()
	<-s.exited
	return -1, fmt.Errorf("the server did not end within %v of the signal", stopTime)
}

// stop ends a server as operators do, if it has not ended yet, and tells what was
// wrong with its life: another exit status than 0, a race, a panic, or a secret
// in its log.
func (s *server) stop() error {
	s.stopped.Do(func() {
		_ = s.command.Process.Signal(syscall.SIGTERM) // fails if it has ended
		status, err := s.waitExit()
		if err == nil && status != 0 {
			err = fmt.Errorf("the server ended with status %d", status)
		}
		s.stopErr = errors.Join(err, s.checkLog())
	})
	return s.stopErr
}

// mustStop is stop within a test, before another server takes the place.
func (s *server) mustStop(t *testing.T) {
	t.Helper()
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
}

// shared are the servers that tests share which need none of their own: one for
// each engine, started by the first who asks, and without rate limits.
var shared = struct {
	sync.Mutex
	servers map[engine]*server
	cleanup []func() error
}{servers: map[engine]*server{}}

// sharedServer gives the engine's shared server. Others use it at the same time.
func sharedServer(t *testing.T, e engine) *server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if s := shared.servers[e]; s != nil {
		return s
	}
	p := place{dataDir: filepath.Join(filepath.Dir(binary), "shared-"+string(e), "data")}
	if err := os.MkdirAll(filepath.Dir(p.dataDir), 0o700); err != nil {
		t.Fatal(err)
	}
	if e == postgres {
		var drop func() error
		var err error
		if p.databaseURL, drop, err = createDatabase(context.Background()); err != nil {
			t.Fatal(err)
		}
		shared.cleanup = append(shared.cleanup, drop)
	}
	s, err := launch(p, []string{"OMARTY_RATE_LIMITS=off"})
	if err != nil {
		t.Fatal(err)
	}
	shared.servers[e] = s
	return s
}

func stopShared() error {
	var problems []error
	for e, s := range shared.servers {
		if err := s.stop(); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", e, err))
		}
	}
	for _, clean := range shared.cleanup {
		problems = append(problems, clean())
	}
	return errors.Join(problems...)
}
