//go:build !unix

package process

import "syscall"

// Tied is nothing where there are no signals.
func Tied(syscall.Signal) *syscall.SysProcAttr { return nil }
