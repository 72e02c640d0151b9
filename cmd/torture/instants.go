package main

import (
	"encoding/json"
	"strings"
	"time"
)

// instant is a time as the contract has it, in microseconds since 1970; 0 for none, and
// notUnderstood for what is no such time.
type instant int64

const notUnderstood instant = -1

// UnmarshalJSON reads a time of the contract: in UTC, with microseconds at the most.
func (i *instant) UnmarshalJSON(text []byte) error {
	*i = notUnderstood
	if string(text) == "null" {
		*i = 0
		return nil
	}
	var raw string
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	_, fraction, _ := strings.Cut(strings.TrimSuffix(raw, "Z"), ".")
	if t, err := time.Parse(time.RFC3339Nano, raw); err == nil && strings.HasSuffix(raw, "Z") && len(fraction) <= 6 {
		*i = instant(t.UnixMicro())
	}
	return nil
}

// String is the time of the day.
func (i instant) String() string {
	switch i {
	case 0:
		return "never"
	case notUnderstood:
		return "no time"
	}
	return time.UnixMicro(int64(i)).UTC().Format("15:04:05.000000")
}

// clockTime is by how much a server's clock, which is this machine's, may seem to differ.
const clockTime = 1500 * time.Millisecond

// wall gives a time of the history by the clock on the wall.
func (h *history) wall(at time.Duration) instant { return instant(h.began.Add(at).UnixMicro()) }

// checkTimes demands that a log does not go back in time, and that its messages are as old
// as the entries that post them.
func (c *checker) checkTimes(l *roomLog) {
	if l.room.flooded {
		return // of which it is not asked
	}
	before := instant(1)
	for _, e := range l.entries {
		if e.at < before {
			c.blame("time: goes back", "%s: %d is of %v, and the entry before it of %v", l.room.name, e.seq, e.at, before)
		}
		before = e.at
		if e.kind == messagePosted && e.created != e.at {
			c.blame("time: not its entry's", "%s: %s is of %v, and was posted at %v", l.room.name, e.message, e.created, e.at)
		}
	}
}

// checkMomentTimes demands that a message was edited and pinned when its log says so.
func (c *checker) checkMomentTimes(l *roomLog, who string, of *life, e entry) {
	if e.deleted || l.room.flooded {
		return
	}
	edited, pinned := instant(0), instant(0)
	for _, in := range of.entries {
		switch {
		case in.seq > e.changedSeq:
		case in.kind == messageEdited:
			edited = in.at
		case in.kind == messagePinned:
			pinned = in.at
		case in.kind == messageUnpinned:
			pinned = 0
		}
	}
	if e.edited != edited {
		c.blame("time: edited", "%s: %s was told that %s was edited at %v, and by its log it was at %v", l.room.name, who, e.message, e.edited, edited)
	}
	if e.pinned != pinned {
		c.blame("pins: not the log's", "%s: %s was told that %s was pinned at %v, and by its log it was at %v", l.room.name, who, e.message, e.pinned, pinned)
	}
}

// checkMade demands that a message is of a time between its sending and its answer.
func (c *checker) checkMade(a answer) {
	asked := c.history.asked[a.sendKey]
	if a.replayed || a.created == 0 || asked == nil {
		return
	}
	from, to := c.history.wall(asked.at-clockTime), c.history.wall(a.at+clockTime)
	if a.created < from || a.created > to {
		c.blame("time: not that of its sending", "%q is of %v, and was sent and answered between %v and %v", a.sent, a.created, from, to)
	}
}
