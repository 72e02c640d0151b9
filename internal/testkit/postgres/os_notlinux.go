//go:build !linux

package postgres

import "syscall"

// dieWithParent does nothing where the system cannot tie a child's life to its
// parent's: the sweep of the next start ends what was left.
func dieWithParent(*syscall.SysProcAttr) {}
