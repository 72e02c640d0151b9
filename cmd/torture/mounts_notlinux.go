//go:build !linux

package main

func keepMounts() {}
