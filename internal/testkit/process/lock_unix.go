//go:build unix

package process

import (
	"errors"
	"os"
	"syscall"
)

// TryLock locks a file until it is closed, or this process ends. It gives false
// where another process has locked it.
func TryLock(f *os.File) (bool, error) {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		default:
			return err == nil, err
		}
	}
}
