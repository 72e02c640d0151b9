package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/omarty/chat/internal/testkit/process"
)

const (
	startTime = time.Minute
	stopTime  = 10 * time.Second
	// settleTime is how long the heap may take to be what it was, once nobody asks for
	// anything: what is kept for a while goes.
	settleTime = 20 * time.Second
	// share is how much larger the heap may be afterwards.
	share = 0.10
)

// program is the server that is attacked.
type program struct {
	url, admin string
	root       string // of the repository

	folder  string
	command *exec.Cmd
	exited  chan struct{}
	out     *output
}

// output keeps what a program prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// startProgram builds the program and starts it in a folder of its own.
func startProgram(ctx context.Context, race bool) (p *program, err error) {
	where, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return nil, fmt.Errorf("go list: run it within the repository: %w", err)
	}
	p = &program{root: strings.TrimSpace(string(where)), out: &output{}, exited: make(chan struct{})}
	if p.folder, err = os.MkdirTemp("", "omarty-hostile-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(p.folder)
		}
	}()
	binary := filepath.Join(p.folder, "omarty-chat")
	arguments := []string{"build", "-buildvcs=false", "-o", binary}
	if race {
		arguments = append(arguments, "-race")
	}
	build := exec.CommandContext(ctx, "go", append(arguments, ".")...)
	build.Dir = p.root
	if text, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the program: %w\n%s", err, text)
	}
	p.command = exec.Command(binary)
	p.command.Dir = p.folder
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "OMARTY_") {
			p.command.Env = append(p.command.Env, v)
		}
	}
	p.command.Env = append(p.command.Env, "OMARTY_LISTEN=127.0.0.1:0", "OMARTY_ADMIN_LISTEN=127.0.0.1:0", "OMARTY_DATA_DIR="+filepath.Join(p.folder, "data"),
		"OMARTY_RATE_LIMITS=off", "OMARTY_LOG=warn,text")
	p.command.Stdout, p.command.Stderr = p.out, p.out
	p.command.SysProcAttr = process.Tied(syscall.SIGKILL)
	// How it ended, its state tells.
	if err := process.Start(p.command, func(error) { close(p.exited) }); err != nil {
		return nil, err
	}
	return p, p.awaitStart(ctx)
}

var (
	printedURL   = regexp.MustCompile(`(http://\S+)/playground`)
	printedAdmin = regexp.MustCompile(`(http://\S+)/metrics`)
)

func (p *program) awaitStart(ctx context.Context) error {
	for deadline := time.Now().Add(startTime); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		text := p.out.String()
		if at, admin := printedURL.FindStringSubmatch(text), printedAdmin.FindStringSubmatch(text); at != nil && admin != nil && strings.Contains(text, "Ctrl-C") {
			p.url, p.admin = at[1], admin[1]
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("the program ended at its start: %v\n%s", p.command.ProcessState, text)
		default:
		}
	}
	_ = p.command.Process.Kill()
	return fmt.Errorf("the program has not started\n%s", p.out)
}

// close stops the program as operators do, and tells what it wrote of faults.
func (p *program) close() error {
	defer os.RemoveAll(p.folder)
	_ = p.command.Process.Signal(syscall.SIGTERM) // fails where it has ended
	var problem error
	select {
	case <-p.exited:
		if code := p.command.ProcessState.ExitCode(); code != 0 {
			problem = fmt.Errorf("the program ended by itself, or badly: %v", p.command.ProcessState)
		}
	case <-time.After(stopTime):
		_ = p.command.Process.Kill()
		<-p.exited
		problem = fmt.Errorf("the program did not stop within %v", stopTime)
	}
	return errors.Join(problem, p.faults())
}

// faults gives what the program wrote of faults.
func (p *program) faults() error {
	text := p.out.String()
	for _, mark := range []string{"DATA RACE", "panic", "fatal error", "level=ERROR"} {
		if at := strings.Index(text, mark); at >= 0 {
			at = strings.LastIndexByte(text[:at], '\n') + 1
			return fmt.Errorf("the program wrote:\n%s", text[at:min(len(text), at+4000)])
		}
	}
	return nil
}

// alive demands that the program serves.
func (p *program) alive(ctx context.Context) error {
	if text, err := get(ctx, p.url+"/readyz"); err != nil || text != "ready\n" {
		return fmt.Errorf("the program is not ready: %s %w", text, err)
	}
	return nil
}

func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return string(text), err
}

var heapAlloc = regexp.MustCompile(`# HeapAlloc = (\d+)`)

// liveHeap gives how many bytes the program holds after its garbage was collected. The
// least of a few looks: what is under way just then is not held.
func (p *program) liveHeap(ctx context.Context) (least int64, err error) {
	for range 4 {
		text, err := get(ctx, p.admin+"/debug/pprof/heap?gc=1&debug=1")
		if err != nil {
			return 0, err
		}
		found := heapAlloc.FindStringSubmatch(text)
		if found == nil {
			return 0, errors.New("the profile of the heap does not tell its size")
		}
		bytes, err := strconv.ParseInt(found[1], 10, 64)
		if err != nil {
			return 0, err
		}
		if least == 0 || bytes < least {
			least = bytes
		}
	}
	return least, nil
}

// heapComesBack waits until the heap is what it was.
func (p *program) heapComesBack(ctx context.Context, before int64) (after int64, err error) {
	for deadline := time.Now().Add(settleTime); ; time.Sleep(time.Second) {
		if after, err = p.liveHeap(ctx); err != nil {
			return after, err
		}
		if float64(after) <= float64(before)*(1+share) {
			return after, nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return after, fmt.Errorf("the live heap grew by %.0f %%", 100*(float64(after)/float64(before)-1))
		}
	}
}

// profile gives a profile of the live heap.
func (p *program) profile(ctx context.Context) (string, error) {
	return get(ctx, p.admin+"/debug/pprof/heap?gc=1")
}

// keepProfiles leaves the profiles of before and of now, to see what has grown.
func (p *program) keepProfiles(ctx context.Context, before string) error {
	after, err := p.profile(ctx)
	if err != nil {
		return err
	}
	folder := filepath.Join(p.root, "bin")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for name, text := range map[string]string{"hostile-before.pb.gz": before, "hostile-after.pb.gz": after} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	progress("what has grown: go tool pprof -sample_index=inuse_space -top -base bin/hostile-before.pb.gz bin/hostile-after.pb.gz")
	return nil
}
