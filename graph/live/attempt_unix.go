//go:build unix

package live

import "syscall"

// writeOnce writes to a file descriptor that does not block.
func writeOnce(fd uintptr, b []byte) (int, error) { return syscall.Write(int(fd), b) }
