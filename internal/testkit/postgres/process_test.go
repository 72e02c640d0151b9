//go:build unix

package postgres

import (
	"os/exec"
	"runtime"
	"testing"
	"time"
)

// A child outlives the thread of the goroutine that started it.
func TestThreadsEnd(t *testing.T) {
	t.Parallel()
	processes := make(chan *process)
	// The main thread does not end, but only one of these can be on it.
	for range 4 {
		go func() {
			runtime.LockOSThread() // and never unlocked: the thread ends
			p, err := startProcess(exec.Command("sleep", "100"), nil)
			if err != nil {
				t.Error(err)
			}
			processes <- p
		}()
	}
	var all []*process
	for range 4 {
		if p := <-processes; p != nil {
			all = append(all, p)
		}
	}
	time.Sleep(200 * time.Millisecond)
	for _, p := range all {
		select {
		case <-p.done:
			t.Errorf("the child ended: %v", p.cmd.ProcessState)
		default:
			if err := p.cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
			<-p.done
		}
	}
}
