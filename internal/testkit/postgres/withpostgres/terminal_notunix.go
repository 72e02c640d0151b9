//go:build !unix

package main

// inForeground tells whether the terminal gives its Ctrl-C to the command too,
// which it does where both share it.
func inForeground() bool { return true }
