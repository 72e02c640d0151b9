package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	testkit "github.com/omarty/chat/internal/testkit/process"
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
	return buildPackage(ctx, root, ".", target, overlay, race)
}

func buildPackage(ctx context.Context, root, name, target, overlay string, race bool) error {
	arguments := []string{"build", "-buildvcs=false", "-ldflags=-s -w", "-o", target}
	if overlay != "" {
		arguments = append(arguments, "-overlay", overlay)
	}
	if race {
		arguments = append(arguments, "-race")
	}
	command := exec.CommandContext(ctx, "go", append(arguments, name)...)
	command.Dir = root
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("building "+name+": %w\n%s", err, out)
	}
	return nil
}

// program is a server, a node of the installation, on the same port and the same data
// whenever it is started.
type program struct {
	*process
	host net.IP
	port int
	took time.Duration // of the last start
}

// newProgram prepares a server at an address, with a data folder and a log in a folder.
func newProgram(name, binary string, host net.IP, folder, data string, settings ...string) (*program, error) {
	port, err := testkit.QuietPort()
	if err != nil {
		return nil, err
	}
	one, err := newProcess(name, binary, folder)
	if err != nil {
		return nil, err
	}
	p := &program{process: one, host: host, port: port}
	one.settings = append([]string{
		"OMARTY_LISTEN=" + p.address(),
		"OMARTY_DATA_DIR=" + data,
		"OMARTY_RATE_LIMITS=off",
		"OMARTY_LOG=warn,text",
	}, settings...)
	return p, nil
}

// command runs the program once for an operator, with the settings of the node and others.
func (p *program) command(ctx context.Context, more []string, arguments ...string) (said string, err error) {
	c := exec.CommandContext(ctx, p.binary, arguments...)
	c.Dir, c.Env = p.folder, slices.Concat(p.environment(), more)
	out, err := c.CombinedOutput()
	return string(out), err
}

func (p *program) address() string { return net.JoinHostPort(p.host.String(), strconv.Itoa(p.port)) }

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

// awaitReady waits until the server can serve.
func (p *program) awaitReady(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	c := newClient("http://" + p.address())
	defer c.http.CloseIdleConnections()
	_, exited := p.running()
	for {
		if c.ready(ctx) {
			return nil
		}
		select {
		case <-exited:
			return p.endedByItself()
		case <-ctx.Done():
			return fmt.Errorf("%s was not ready within %v", p.name, within)
		case <-time.After(5 * time.Millisecond):
		}
	}
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
