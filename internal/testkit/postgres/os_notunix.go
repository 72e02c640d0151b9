//go:build !unix

package postgres

import "syscall"

// account is an unprivileged user of the system; there is none to change to.
type account struct {
	name     string
	uid, gid int
}

func unprivileged() (*account, error) { return nil, nil }

func (*account) canEnter(string) error { return nil }

func attributes(*account) *syscall.SysProcAttr { return nil }
