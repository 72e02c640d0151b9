package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// startTime bounds how long a server may take until it is ready, on a machine
	// that is busy with the rest of the run.
	startTime = 30 * time.Second
	// stopTime is the contract's.
	stopTime = 10 * time.Second
)

// repository gives the top of the module, which is built.
func repository(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("go list: run it within the repository: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// build builds the program, with an overlay for the compiler where that is not "".
func build(ctx context.Context, root, target, overlay string, race bool) error {
	arguments := []string{"build", "-buildvcs=false", "-ldflags=-s -w", "-o", target}
	if overlay != "" {
		arguments = append(arguments, "-overlay", overlay)
	}
	if race {
		arguments = append(arguments, "-race")
	}
	command := exec.CommandContext(ctx, "go", append(arguments, ".")...)
	command.Dir = root
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return nil
}

// program is a server that is killed and started again, on the same port and the
// same data. Its methods are for one goroutine, but for kill.
type program struct {
	binary   string
	folder   string
	port     int
	settings []string
	log      *os.File

	command *exec.Cmd
	exited  chan struct{} // closed when it has
	took    time.Duration // of the last start
}

// newProgram prepares a server with a data folder and a log in a folder.
func newProgram(binary, folder, databaseURL string) (*program, error) {
	port, err := quietPort()
	if err != nil {
		return nil, err
	}
	p := &program{binary: binary, folder: folder, port: port}
	p.settings = []string{
		"OMARTY_LISTEN=127.0.0.1:" + strconv.Itoa(port),
		"OMARTY_DATA_DIR=" + filepath.Join(folder, "data"),
		"OMARTY_RATE_LIMITS=off",
		"OMARTY_LOG=warn,text",
	}
	if databaseURL != "" {
		p.settings = append(p.settings, "OMARTY_DATABASE_URL="+databaseURL)
	}
	p.log, err = os.OpenFile(p.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	return p, err
}

func (p *program) logPath() string { return filepath.Join(p.folder, "log") }

func (p *program) url() string { return "http://127.0.0.1:" + strconv.Itoa(p.port) }

// start starts the server and waits until it is ready.
func (p *program) start(ctx context.Context) error {
	began := time.Now()
	if err := p.launch(); err != nil {
		return err
	}
	err := p.awaitReady(ctx, startTime)
	p.took = time.Since(began)
	return err
}

// launch starts the server.
func (p *program) launch() error {
	p.command = exec.Command(p.binary)
	p.command.Dir = p.folder
	p.command.Stdout, p.command.Stderr = p.log, p.log
	p.command.SysProcAttr = tied()
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "OMARTY_") {
			p.command.Env = append(p.command.Env, v)
		}
	}
	p.command.Env = append(p.command.Env, p.settings...)
	started := make(chan error)
	exited := make(chan struct{})
	go wait(p.command, started, exited)
	if err := <-started; err != nil {
		return err
	}
	p.exited = exited
	return nil
}

// awaitReady waits until the server can serve.
func (p *program) awaitReady(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	c := newClient(p.url())
	defer c.http.CloseIdleConnections()
	for {
		if c.ready(ctx) {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("the server ended by itself: %v", p.command.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("the server was not ready within %v", within)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// kill ends the server by SIGKILL. It does not wait, and does nothing to one that
// has ended.
func (p *program) kill() { _ = p.command.Process.Kill() }

// gone waits until the server that was killed has ended, and tells where it had
// ended in another way before.
func (p *program) gone() error {
	<-p.exited
	status, ok := p.command.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
		return nil
	}
	return fmt.Errorf("the server ended by itself: %v", p.command.ProcessState)
}

// stop ends the server as operators do.
func (p *program) stop() error {
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("the server ended by itself: %w", err)
	}
	select {
	case <-p.exited:
		if code := p.command.ProcessState.ExitCode(); code != 0 {
			return fmt.Errorf("the server that was to stop ended with status %d", code)
		}
		return nil
	case <-time.After(stopTime):
		p.kill()
		<-p.exited
		return fmt.Errorf("the server did not stop within %v", stopTime)
	}
}

// close ends the server if it runs.
func (p *program) close() {
	if p.exited != nil {
		p.kill()
		<-p.exited
	}
	_ = p.log.Close()
}

// faults gives what the server wrote of panics and races, if it did.
func (p *program) faults() string {
	text, err := os.ReadFile(p.logPath())
	if err != nil {
		return err.Error()
	}
	for _, mark := range []string{"WARNING: DATA RACE", "panic: ", "fatal error: "} {
		if at := strings.Index(string(text), mark); at >= 0 {
			return string(text[at:min(len(text), at+2000)])
		}
	}
	return ""
}

// quietPort gives a free port that the system gives to nobody by itself: while the
// server is away nobody else may get it, least of all a client that calls it.
func quietPort() (int, error) {
	for range 1000 {
		port := 20000 + rand.IntN(12000)
		l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no port is free")
}
