package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
)

// disk is a file system in memory that can be made full. It is for one goroutine.
type disk struct {
	path string
	size int64
}

// newDisk mounts a disk in a folder, which it makes; nil where that is not allowed.
func newDisk(path string, size int64) *disk {
	if os.Getenv(ownMounts) == "" || os.Mkdir(path, 0o755) != nil {
		return nil
	}
	d := &disk{path, size}
	if syscall.Mount("tmpfs", path, "tmpfs", 0, d.option(size)+",mode=0777") != nil {
		return nil
	}
	return d
}

func (d *disk) option(size int64) string { return fmt.Sprintf("size=%d", size) }

// fill leaves a disk a little room, or none.
func (d *disk) fill() error {
	var err error
	for range 20 { // others write meanwhile
		var s syscall.Statfs_t
		if err = syscall.Statfs(d.path, &s); err != nil {
			return err
		}
		used := int64(s.Blocks-s.Bfree) * s.Bsize
		if err = d.resize(used + rand.Int64N(256<<10)); err == nil {
			return nil
		}
	}
	return err
}

// free gives all room back.
func (d *disk) free() error { return d.resize(d.size) }

func (d *disk) resize(size int64) error {
	return syscall.Mount("tmpfs", d.path, "tmpfs", syscall.MS_REMOUNT, d.option(size))
}

func (d *disk) close() {
	if d != nil {
		_ = syscall.Unmount(d.path, syscall.MNT_DETACH)
	}
}
