//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// inForeground tells whether we are what the controlling terminal sends its
// Ctrl-C to.
func inForeground() bool {
	terminal, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer terminal.Close()
	group, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}
