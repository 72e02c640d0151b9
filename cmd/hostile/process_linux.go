package main

import "syscall"

// tied makes the system kill a server when the harness itself is killed.
func tied() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
