//go:build unix

package postgres

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	children "github.com/omarty/chat/internal/testkit/process"
)

// account is an unprivileged user of the system.
type account struct {
	name     string
	uid, gid int
}

// unprivileged gives the user that the server runs as: nil for our own, and
// another one if we are root, as whom PostgreSQL refuses to run.
func unprivileged() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root: %w", err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, fmt.Errorf("the user %s: %w", u.Username, err)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, fmt.Errorf("the user %s: %w", u.Username, err)
	}
	return &account{name: u.Username, uid: uid, gid: gid}, nil
}

// canEnter fails where the user cannot reach what is in a folder.
func (a *account) canEnter(folder string) error {
	folder, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return err
	}
	if folder, err = filepath.Abs(folder); err != nil {
		return err
	}
	for f := folder; ; f = filepath.Dir(f) {
		info, err := os.Stat(f)
		if err != nil {
			return err
		}
		enter := info.Mode().Perm() & 0o001
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			switch {
			case int(s.Uid) == a.uid:
				enter = info.Mode().Perm() & 0o100
			case int(s.Gid) == a.gid:
				enter = info.Mode().Perm() & 0o010
			}
		}
		if enter == 0 {
			return fmt.Errorf("the user %s, as whom PostgreSQL runs here, cannot enter %s: set TMPDIR to a folder that all users can reach", a.name, f)
		}
		if f == filepath.Dir(f) {
			return nil
		}
	}
}

// attributes are those of a child that runs as the account, or as our own user
// where that is nil.
func attributes(as *account) *syscall.SysProcAttr {
	attr := children.Tied(syscall.SIGQUIT) // PostgreSQL's immediate shutdown
	if as != nil {
		attr.Credential = &syscall.Credential{Uid: uint32(as.uid), Gid: uint32(as.gid)}
	}
	return attr
}
