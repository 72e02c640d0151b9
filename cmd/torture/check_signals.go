package main

import (
	"slices"
	"time"
)

// fewestSignals is of how many of a kind it is told that most were lost.
const fewestSignals = 3

// checkSignals demands that most of what is signalled while all is whole comes to who looks
// on: on the same node, and on others. Some of it may be lost.
func (c *checker) checkSignals() {
	type way struct {
		what string
		own  bool
	}
	tries, heard := map[way]int{}, map[way]int{}
	// What keeps the harness itself for a moment keeps no signal for long.
	troubles := slices.DeleteFunc(slices.Clone(c.history.troubles), func(t trouble) bool {
		return t.breaks == anything && t.to-t.from < time.Second
	})
	for _, t := range c.history.signals {
		broken := excused(troubles, t.from, anything, t.asked, t.until) || excused(troubles, t.at, anything, t.asked, t.until) ||
			excused(troubles, onlyBus, anything, t.asked, t.until)
		if broken {
			continue
		}
		w := way{t.what, t.from == t.at}
		tries[w]++
		if t.heard != 0 {
			heard[w]++
		}
	}
	for w, n := range tries {
		fewest := fewestSignals
		if w.what == fallsOff {
			fewest-- // it takes long
		}
		if n >= fewest && 2*heard[w] < n {
			where := "another node"
			if w.own {
				where = "the same node"
			}
			c.blame("signals: not told", "%s was told %d times of %d to who looked on at %s, while nothing was broken", w.what, heard[w], n, where)
		}
	}
}
