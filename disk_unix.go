//go:build unix && !netbsd && !solaris && !illumos && !aix && !openbsd

package main

import "golang.org/x/sys/unix"

// diskSpace gives how many bytes of the disk that a folder is on are free to this user, and
// how many there are.
func diskSpace(path string) (free, all uint64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, 0, err
	}
	size := uint64(s.Bsize)                              //nolint:gosec,unconvert,nolintlint // its type differs by system
	return uint64(s.Bavail) * size, s.Blocks * size, nil //nolint:gosec,unconvert,nolintlint // and so do these
}
