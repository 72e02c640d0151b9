//go:build !linux

package main

import "errors"

// disk is a file system that can be made full; there is none here.
type disk struct{ path string }

func newDisk(string, int64) *disk { return nil }

func (d *disk) fill() error { return errors.ErrUnsupported }

func (d *disk) free() error { return errors.ErrUnsupported }

func (d *disk) close() {}
