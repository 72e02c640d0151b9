package postgres

import (
	"os/exec"
	"runtime"
)

// process is a child that ends, where the system can see to it, when this
// process does, in whatever way that happens.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed once the child has ended and was waited for
	err  error         // what the wait gave; to be read once done is closed
}

// startProcess starts a command as a child that runs as the account.
func startProcess(cmd *exec.Cmd, as *account) (*process, error) {
	cmd.SysProcAttr = attributes(as)
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// Linux ends the child with the thread that started it rather than with
		// the process. The runtime ends a thread only when a goroutine that is
		// locked to it returns, and runs no other goroutine on it until then: so
		// this one keeps the thread for itself for as long as the child lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()

		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}
