// Package process starts programs that end when the process that started them does, in
// whatever way that happens, where the system can see to it.
package process

import (
	"errors"
	"math/rand/v2"
	"net"
	"os/exec"
	"runtime"
	"strconv"
)

// Start starts a command, which should have the attributes that Tied gives, and calls
// ended with what waiting for it gave, once it has ended. It calls it no more where the
// command cannot be started.
func Start(cmd *exec.Cmd, ended func(error)) error { return StartFrom(nil, cmd, ended) }

// StartFrom is Start from a thread that prepare, where it is not nil, has changed for the
// command alone, such as by putting it into another namespace. Its error is that of the
// start.
func StartFrom(prepare func() error, cmd *exec.Cmd, ended func(error)) error {
	started := make(chan error)
	go func() {
		// Linux ends the child with the thread that started it rather than with
		// the process. The runtime ends a thread only when a goroutine that is
		// locked to it returns, and runs no other goroutine on it until then: so
		// this one keeps the thread for itself for as long as the child lives.
		runtime.LockOSThread()
		if prepare == nil {
			defer runtime.UnlockOSThread()
		} else if err := prepare(); err != nil {
			started <- err
			return
		}

		err := cmd.Start()
		started <- err
		if err == nil {
			ended(cmd.Wait())
		}
	}()
	return <-started
}

// QuietPort gives a free port of the loopback interface that the system gives to nobody
// by itself: who serves there finds it free again when it comes back.
func QuietPort() (int, error) {
	for range 1000 {
		port := 20000 + rand.IntN(12000)
		l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no port is free")
}
