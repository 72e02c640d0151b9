package postgres

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// worker is a process of the server's; begun tells it from a later one of the same number.
type worker struct {
	pid   int
	begun string
}

// Freeze stops all processes of the server where they are: connections stay, and nobody
// answers. It gives what lets them go on, which is called once, before Stop and Restart.
func (c *Cluster) Freeze() (thaw func()) {
	first := c.server.cmd.Process
	_ = first.Signal(syscall.SIGSTOP)
	children := childrenOf(first.Pid)
	for _, one := range children {
		_ = syscall.Kill(one.pid, syscall.SIGSTOP)
	}
	return func() {
		for _, one := range children {
			if _, begun, ok := status(one.pid); ok && begun == one.begun {
				_ = syscall.Kill(one.pid, syscall.SIGCONT)
			}
		}
		_ = first.Signal(syscall.SIGCONT)
	}
}

// childrenOf gives the processes that one has started.
func childrenOf(pid int) []worker {
	var children []worker
	paths, _ := filepath.Glob("/proc/[0-9]*")
	for _, path := range paths {
		n, _ := strconv.Atoi(filepath.Base(path))
		if parent, begun, ok := status(n); ok && parent == pid {
			children = append(children, worker{n, begun})
		}
	}
	return children
}

// status gives who started a process, and when; false where there is none.
func status(pid int) (parent int, begun string, ok bool) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, "", false
	}
	// The name, in parentheses, may have anything in it.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 20 {
		return 0, "", false
	}
	parent, err = strconv.Atoi(fields[1])
	return parent, fields[19], err == nil
}
