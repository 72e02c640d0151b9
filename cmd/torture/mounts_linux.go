package main

import (
	"os"
	"runtime"
	"syscall"
)

// ownMounts says that this process has mounts of its own.
const ownMounts = "OMARTY_TORTURE_MOUNTS"

// keepMounts begins this process again with mounts of its own, where it may: so they go
// with it and what it started, in whatever way it ends.
func keepMounts() {
	if os.Geteuid() != 0 || os.Getenv(ownMounts) != "" {
		return
	}
	runtime.LockOSThread() // unshare is for the thread that execs
	defer runtime.UnlockOSThread()
	if syscall.Unshare(syscall.CLONE_NEWNS) != nil || syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "") != nil {
		return
	}
	if program, err := os.Executable(); err == nil {
		_ = syscall.Exec(program, os.Args, append(os.Environ(), ownMounts+"=yes"))
	}
}
