package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	testkit "github.com/omarty/chat/internal/testkit/process"
)

// process is a program of the run that is killed, frozen and started again. One
// goroutine starts and ends it; kill, freeze and thaw are for any.
type process struct {
	// name is for people who read the report.
	name      string
	binary    string
	arguments []string
	folder    string
	settings  []string
	log       *os.File
	// from, where it is not nil, prepares the thread that it is started from.
	from func() error

	mu      sync.Mutex
	command *exec.Cmd
	exited  chan struct{} // closed when it has; nil before the first start
}

// newProcess prepares a process with a log in a folder, which it makes.
func newProcess(name, binary, folder string) (*process, error) {
	p := &process{name: name, binary: binary, folder: folder}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	var err error
	p.log, err = os.OpenFile(p.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	return p, err
}

func (p *process) logPath() string { return filepath.Join(p.folder, "log") }

// launch starts it.
func (p *process) launch() error {
	command := exec.Command(p.binary, p.arguments...)
	command.Dir = p.folder
	command.Stdout, command.Stderr = p.log, p.log
	command.SysProcAttr = testkit.Tied(syscall.SIGKILL)
	command.Env = p.environment()
	exited := make(chan struct{})
	// How it ended, its state tells.
	if err := testkit.StartFrom(p.from, command, func(error) { close(exited) }); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.command, p.exited = command, exited
	return nil
}

// environment is ours with its settings, and none of ours.
func (p *process) environment() (all []string) {
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "OMARTY_") {
			all = append(all, v)
		}
	}
	return append(all, p.settings...)
}

func (p *process) running() (*exec.Cmd, chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.command, p.exited
}

// kill ends it by SIGKILL. It does not wait, and does nothing to one that has ended.
func (p *process) kill() {
	command, _ := p.running()
	_ = command.Process.Kill()
}

// freeze stops it where it is, and gives what lets it go on. The system itself sees to
// it that what has ended meanwhile gets no signal.
func (p *process) freeze() (thaw func()) {
	command, _ := p.running()
	_ = command.Process.Signal(syscall.SIGSTOP)
	return func() { _ = command.Process.Signal(syscall.SIGCONT) }
}

// gone waits until it has ended that was killed, and tells where it had ended in another
// way before.
func (p *process) gone() error {
	command, exited := p.running()
	<-exited
	status, ok := command.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
		return nil
	}
	return p.endedByItself()
}

func (p *process) endedByItself() error {
	command, _ := p.running()
	return fmt.Errorf("%s ended by itself: %v", p.name, command.ProcessState)
}

// stop ends it as operators do, for which it has as long as the contract says.
func (p *process) stop() error {
	command, exited := p.running()
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		if errors.Is(err, os.ErrProcessDone) {
			<-exited
		}
		return p.endedByItself()
	}
	select {
	case <-exited:
		if code := command.ProcessState.ExitCode(); code != 0 {
			return fmt.Errorf("%s that was to stop ended with status %d", p.name, code)
		}
		return nil
	case <-time.After(stopTime):
		p.kill()
		<-exited
		return fmt.Errorf("%s did not stop within %v", p.name, stopTime)
	}
}

// close ends it if it runs.
func (p *process) close() {
	if _, exited := p.running(); exited != nil {
		p.kill()
		<-exited
	}
	_ = p.log.Close()
}
