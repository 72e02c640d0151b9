package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	children "github.com/omarty/chat/internal/testkit/process"
)

const (
	folderPrefix = "omarty-postgres-"
	lockFile     = "owner"
)

// folder is the temporary folder of a cluster. Its lock is held for as long as
// the process that made it lives, so that others can tell whether it is in use.
type folder struct {
	path string
	lock *os.File
	kept bool // it is not ours to remove
}

// newFolder makes a folder within a parent, the system's temporary one for "". It
// belongs to the account, or to this process's own user where that is nil.
func newFolder(parent string, as *account) (_ *folder, err error) {
	path, err := os.MkdirTemp(parent, folderPrefix)
	if err != nil {
		return nil, err
	}
	f := &folder{path: path}
	defer func() {
		if err != nil {
			_ = f.remove()
		}
	}()
	// The lock is taken under another name first: a folder that is not locked
	// yet must not look like one that was left behind.
	f.lock, err = os.OpenFile(filepath.Join(path, lockFile+".new"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err := children.TryLock(f.lock); err != nil {
		return nil, fmt.Errorf("locking %s: %w", f.lock.Name(), err)
	}
	if err := os.Rename(f.lock.Name(), filepath.Join(path, lockFile)); err != nil {
		return nil, err
	}
	if as != nil {
		if err := as.canEnter(filepath.Dir(path)); err != nil {
			return nil, err
		}
		if err := os.Chown(path, as.uid, as.gid); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *folder) data() string { return filepath.Join(f.path, "data") }
func (f *folder) log() string  { return filepath.Join(f.path, "log") }

// name tells this folder from all others on the machine.
func (f *folder) name() string { return filepath.Base(f.path) }

// remove removes the folder and all it holds.
func (f *folder) remove() error {
	if f.lock != nil {
		defer f.lock.Close()
	}
	if f.kept {
		return nil
	}
	// The processes of a server that had to be killed end a moment after it, and
	// may write until then.
	var err error
	for range 20 {
		if err = os.RemoveAll(f.path); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

// sweep removes the folders of clusters whose process was killed before it
// could do so. A server that still runs in one, as may be where the system does
// not end it with its parent, looks after its files now and then, and ends by
// itself within a minute or so of their removal.
func sweep() {
	paths, _ := filepath.Glob(filepath.Join(os.TempDir(), folderPrefix+"*"))
	for _, path := range paths {
		lock, err := os.OpenFile(filepath.Join(path, lockFile), os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if locked, err := children.TryLock(lock); err == nil && locked {
			f := folder{path: path}
			// The lock file goes last: without it nobody would look here again.
			if os.RemoveAll(f.data()) == nil {
				_ = os.RemoveAll(path)
			}
		}
		lock.Close()
	}
}
