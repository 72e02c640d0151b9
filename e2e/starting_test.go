package e2e

import (
	"bufio"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// Who stops the program while it is still made ready, which takes longer than all else before
// it can do anything, has it end in good order.
func TestSignalBeforeMain(t *testing.T) {
	t.Parallel()
	command := exec.Command(binary)
	command.Dir = t.TempDir()
	// Go says then which packages it has made ready.
	command.Env = environment("OMARTY_LISTEN=127.0.0.1:0", "GODEBUG=inittrace=1")
	said, err := command.StderrPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	ready, told := 0, -1
	for lines := bufio.NewScanner(said); lines.Scan(); {
		if told < 0 && strings.HasPrefix(lines.Text(), "init github.com/omarty/chat/internal/early ") {
			told = ready
			_ = command.Process.Signal(syscall.SIGTERM) // fails where it has ended, which is told below
		}
		if strings.HasPrefix(lines.Text(), "init ") {
			ready++
		}
	}
	if err := command.Wait(); err != nil {
		t.Errorf("it was told to stop, and ended with %v", err)
	}
	if told < 0 || told > ready/3 {
		t.Errorf("it can be told to stop after %d packages of %d are ready", told, ready)
	}
}
