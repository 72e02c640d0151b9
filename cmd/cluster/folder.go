package main

import (
	"os"
	"path/filepath"

	"github.com/omarty/chat/internal/testkit/process"
)

const (
	prefix   = "omarty-cluster-"
	lockFile = "cluster.lock"
)

// folder gives the folder of all files: the one of a path, which is kept, or for "" one
// that goes with leave. Other users may pass through it: root's PostgreSQL is run by one.
func folder(path string) (made string, leave func() error, err error) {
	if path != "" {
		if path, err = filepath.Abs(path); err != nil {
			return "", nil, err
		}
		return path, func() error { return nil }, os.MkdirAll(path, 0o711) //nolint:gosec // as the comment says
	}
	sweep()
	if path, err = os.MkdirTemp("", prefix); err != nil {
		return "", nil, err
	}
	if err := os.Chmod(path, 0o711); err != nil { //nolint:gosec // as the comment says
		return "", nil, err
	}
	// Until it is locked it has another name: it does not look as if it were left behind.
	lock, err := os.Create(filepath.Join(path, lockFile+".new"))
	if err != nil {
		return "", nil, err
	}
	if _, err := process.TryLock(lock); err != nil {
		return "", nil, err
	}
	if err := os.Rename(lock.Name(), filepath.Join(path, lockFile)); err != nil {
		return "", nil, err
	}
	return path, func() error { defer lock.Close(); return os.RemoveAll(path) }, nil
}

// sweep removes the folders of those that were killed before they could do so.
func sweep() {
	paths, _ := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*", lockFile)) // the pattern is a good one
	for _, path := range paths {
		lock, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if locked, err := process.TryLock(lock); err == nil && locked {
			_ = os.RemoveAll(filepath.Dir(path)) // it is for tidiness
		}
		lock.Close()
	}
}
