package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// garbageRoom is how much garbage may gather before it is collected, in bytes, where
// what is in use is less: else a small program, which uses 6 MB, collects it dozens of
// times a second under load, and that is a tenth of all that it does. More would be
// seen in what a few thousand idle sockets take.
const garbageRoom = 16 << 20

// makeGarbageRoom makes that room, unless the operator has decided (GOGC). A program that
// uses more than garbageRoom is as without it: there may be as much garbage as is in
// use.
func makeGarbageRoom() {
	if os.Getenv("GOGC") == "" {
		(&collection{percent: 100}).ended()
	}
}

// collection is a value that nobody refers to, so it goes with each collection.
type collection struct {
	// percent is how much garbage may gather, of what is in use.
	percent int
	// A value without pointers may share its memory with others, and go with them.
	_ *byte
}

// ended sets when the next collection is to be, from what the last one found in use, and
// waits for that.
func (c *collection) ended() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	inUse := max(live[0].Value.Uint64(), 1<<20)
	if percent := max(100, int(garbageRoom*100/inUse)); percent != c.percent { //nolint:gosec // 1,600 at the most
		debug.SetGCPercent(percent)
		c.percent = percent
	}
	runtime.SetFinalizer(c, (*collection).ended)
}
