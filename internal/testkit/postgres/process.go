package postgres

import (
	"os/exec"

	children "github.com/omarty/chat/internal/testkit/process"
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
	return p, children.Start(cmd, func(err error) {
		p.err = err
		close(p.done)
	})
}
