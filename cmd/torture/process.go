package main

import (
	"os/exec"
	"runtime"
)

// wait starts a command and waits for its end. Linux ends what is tied to us with
// the thread that started it, so this goroutine keeps its thread until then.
func wait(command *exec.Cmd, started chan<- error, exited chan<- struct{}) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := command.Start()
	started <- err
	if err == nil {
		_ = command.Wait() // the state tells all there is to know
		close(exited)
	}
}
