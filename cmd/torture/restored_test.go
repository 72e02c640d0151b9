package main

import (
	"slices"
	"testing"
)

// What is put back is a beginning of the log that reaches as far as was known.
func TestRestored(t *testing.T) {
	for name, one := range map[string]struct {
		floor int
		play  func(*roomLog)
		want  []string
	}{
		"all that was known":    {7, func(*roomLog) {}, nil},
		"less than was known":   {8, func(*roomLog) {}, []string{"restored: lacks what was acknowledged"}},
		"another message":       {5, func(l *roomLog) { l.entries[3].message = "msg_x" }, []string{"restored: messages: not the log's", "restored: not the log"}},
		"a message of later on": {5, func(l *roomLog) { l.forward = append(l.forward, message{id: "msg_9"}) }, []string{"restored: messages: not the log's", "restored: room: lastMessage"}},
		"as it became later": {5, func(l *roomLog) { l.entries[3].changedSeq, l.entries[3].textSeq = 9, 9 }, []string{
			"restored: messages: not the log's", "restored: state: changedSeq", "restored: state: textSeq",
		}},
	} {
		was, now := newScene(), newScene()
		now.log.entries, now.log.lastSeq, now.log.lastMessage = slices.Clone(now.log.entries[:7]), 7, "msg_7"
		now.log.forward, now.log.backward = now.log.forward[:4:4], now.log.backward[:4:4]
		one.play(now.log)
		a := &restored{copied: &copied{floors: map[string]int{"room_1": one.floor}}, was: was.history, history: now.history}
		a.judge()
		var got []string
		for _, v := range a.wrong {
			if !slices.Contains(got, v.kind) {
				got = append(got, v.kind)
			}
		}
		if slices.Sort(got); !slices.Equal(got, one.want) {
			t.Errorf("%s: got %v, want %v", name, got, one.want)
		}
	}
}
