package process

import "syscall"

// dieWithParent makes the system end the child when the thread that starts it
// ends, and so also when this process is killed.
func dieWithParent(attr *syscall.SysProcAttr, by syscall.Signal) { attr.Pdeathsig = by }
