package postgres

import "syscall"

// dieWithParent makes the system end the child when the thread that starts it
// ends, and so also when this process is killed. SIGQUIT is PostgreSQL's
// immediate shutdown.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGQUIT }
