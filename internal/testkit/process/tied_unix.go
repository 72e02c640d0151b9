//go:build unix

package process

import "syscall"

// Tied are the attributes of a child that the system ends by a signal when this process
// ends. In a process group of its own it is spared the terminal's Ctrl-C, which is for
// us: we stop it in our turn.
func Tied(by syscall.Signal) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(attr, by)
	return attr
}
