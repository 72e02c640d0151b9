package main

import (
	"fmt"
	"slices"
	"testing"
)

// scene is a history in which all is well: a room whose log has the messages of two
// people and a guest who leaves at 6 and is back at 8.
//
//	1 joined a, 2 joined guest, 3–5 messages, 6 left guest, 7 message, 8 joined guest, 9–10 messages
type scene struct {
	*history
	room *room
	log  *roomLog
}

const (
	ann   = "user_ann"
	bob   = "user_bob"
	visit = "user_guest"
)

func newScene() scene {
	h := newHistory()
	s := scene{history: h, room: h.addRoom("room_1", "log_1", "the room")}
	s.log = &roomLog{room: s.room, logID: "log_1", lastSeq: 10}
	h.logs["room_1"] = s.log
	for seq := 1; seq <= 10; seq++ {
		e := logEntry{entry: entry{seq: seq, at: instant(seq), kind: messagePosted}}
		switch seq {
		case 1, 2, 8:
			e.kind, e.member = memberJoined, map[bool]string{true: ann, false: visit}[seq == 1]
		case 6:
			e.kind, e.member = memberLeft, visit
		default:
			e.author = []string{ann, bob}[seq%2]
			e.key = fmt.Sprint(seq / 2)
			e.message = fmt.Sprintf("msg_%d", seq)
			e.state = state{text: fmt.Sprintf("text %d", seq), changedSeq: seq, textSeq: seq, created: e.at}
			m := message{e.message, e.key, seq, e.state}
			s.log.forward, s.log.backward = append(s.log.forward, m), append(s.log.backward, m)
			k := sendKey{e.author, "room_1", e.key}
			h.asked[k] = &asked{text: e.text, times: 1}
			s.log.lastMessage = e.message
			h.answers = append(h.answers, answer{
				sendKey: k, sent: e.text, state: state{text: e.text}, id: e.message, seq: seq, began: h.now(), ended: h.now(), alone: true,
			})
		}
		s.log.entries = append(s.log.entries, e)
	}
	return s
}

// told gives steps with these entries of the log; 0 is CaughtUp after the one before.
func (s scene) told(after int, seqs ...int) []step {
	var steps []step
	for _, seq := range seqs {
		if seq == 0 {
			steps = append(steps, step{position: after})
			continue
		}
		after = seq
		steps = append(steps, step{entry: s.room.told(s.log.entries[seq-1].entry)})
	}
	return steps
}

// stream adds a stream of ann's.
func (s scene) stream(all bool, after, floor int, steps []step) *stream {
	one := &stream{listener: "a listener", person: ann, room: "room_1", all: all, after: after, floor: floor, opened: floor, steps: steps, end: end{seq: noPosition}}
	s.streams = append(s.streams, one)
	return one
}

// guest adds a stream of the guest's, who was there when 5 was known.
func (s scene) guest(all bool, after int, e end, steps []step) *stream {
	one := s.stream(all, after, 3, steps)
	one.person, one.opened, one.end = visit, 5, e
	return one
}

func (s scene) page(after, first, floor int, more bool, seqs ...int) *page {
	p := page{reader: "a reader", room: "room_1", after: after, first: first, floor: floor, endSeq: after, more: more}
	for _, seq := range seqs {
		p.entries = append(p.entries, s.room.told(s.log.entries[seq-1].entry))
		p.endSeq = seq
	}
	s.pages = append(s.pages, p)
	return &s.pages[len(s.pages)-1]
}

func (s scene) again(i int, change func(*answer)) {
	a := s.answers[i]
	a.began, a.ended, a.replayed, a.alone = s.now(), s.now(), true, false
	if change != nil {
		change(&a)
	}
	s.answers = append(s.answers, a)
}

// What may be, is not blamed.
func TestNothingIsWrong(t *testing.T) {
	gone := end{"NOT_FOUND", 6}
	for name, play := range map[string]func(scene){
		"nothing but the log":      func(scene) {},
		"all":                      func(s scene) { s.stream(true, 0, 4, s.told(0, 1, 2, 3, 4, 5, 0, 6, 7, 8, 9, 10)) },
		"from the middle":          func(s scene) { s.stream(true, 4, 4, s.told(4, 0, 5, 6)) },
		"more than was known":      func(s scene) { s.stream(true, 4, 4, s.told(4, 5, 6, 0)) },
		"from now on":              func(s scene) { s.stream(true, fromNow, 4, s.told(5, 0, 6, 7)) },
		"left before anything":     func(s scene) { s.stream(true, 4, 8, nil) },
		"messages":                 func(s scene) { s.stream(false, 2, 4, s.told(2, 3, 4, 5, 7, 9, 10)) },
		"messages up to somewhere": func(s scene) { s.stream(false, 5, 6, s.told(5, 7)) },
		"messages from now on":     func(s scene) { s.stream(false, fromNow, 4, s.told(4, 7, 9)) },
		"a server that stops": func(s scene) {
			s.stream(true, 4, 4, s.told(4, 0)).end.code = "UNAVAILABLE"
			s.troubles = append(s.troubles, trouble{of: 0, breaks: stopsNode})
		},
		"a listener that is too slow": func(s scene) {
			s.stream(true, 4, 4, s.told(4, 5)).end = end{"TOO_SLOW", 5}
			s.troubles = append(s.troubles, trouble{of: 0, breaks: losesClients})
		},
		"a guest who leaves":              func(s scene) { s.guest(true, 4, gone, s.told(4, 5, 0, 6)) },
		"a guest's connection ends first": func(s scene) { s.guest(true, 4, end{"", noPosition}, s.told(4, 5, 0, 6)) },
		"a guest who is not there":        func(s scene) { s.guest(true, 6, end{"NOT_FOUND", noPosition}, nil) },
		"a guest to messages":             func(s scene) { s.guest(false, 3, gone, s.told(3, 4, 5)) },
		"a guest who is back":             func(s scene) { s.guest(true, 4, end{"", noPosition}, s.told(4, 5, 6, 7, 8, 0, 9)).opened = 8 },
		"a page":                          func(s scene) { s.page(2, 3, 9, true, 3, 4, 5) },
		"the last page":                   func(s scene) { s.page(7, 100, 9, false, 8, 9) },
		"an empty page":                   func(s scene) { s.page(10, 100, 10, false) },
		"a replay":                        func(s scene) { s.again(0, nil); s.again(0, nil) },
		"two at once, the second of which posted": func(s scene) {
			s.answers[0].alone = false
			s.again(0, func(a *answer) { a.began = 0; a.replayed = false })
			s.answers[0].replayed = true
		},
		"a message whose answer nobody got": func(s scene) { s.answers = s.answers[1:] },
		"a message that never came":         func(s scene) { s.asked[sendKey{bob, "room_1", "x"}] = &asked{text: "lost", times: 1} },
		"a head":                            func(s scene) { s.heads = append(s.heads, head{"a reader", "room_1", 4, 5}) },
	} {
		s := newScene()
		play(s)
		for _, v := range found(s.history) {
			t.Errorf("%s: %s: %s", name, v.kind, v.text)
		}
	}
}

// What may not be, is found: each of these histories is wrong in one way.
func TestWrongsAreFound(t *testing.T) {
	for _, c := range []struct {
		kind string
		play func(scene)
	}{
		{"log: another id", func(s scene) { s.log.logID = "log_2" }},
		{"log: lastSeq", func(s scene) { s.log.lastSeq = 11 }},
		{"log: not dense", func(s scene) { s.log.entries = slices.Delete(s.log.entries, 7, 8) }},
		{"log: a key twice", func(s scene) { s.log.entries[4].key = s.log.entries[2].key }},
		{"log: a message twice", func(s scene) { s.log.entries[4].message = s.log.entries[2].message }},
		{"log: nobody sent it", func(s scene) { delete(s.asked, s.answers[0].sendKey) }},
		{"log: nobody sent it", func(s scene) { s.log.entries[2].author = "" }},
		{"log: another text", func(s scene) { s.log.entries[2].text = "other" }},
		{"messages: not the log's", func(s scene) { s.log.forward = s.log.forward[1:] }},
		{"messages: not the log's", func(s scene) { slices.Reverse(s.log.backward) }},

		{"answer: lost", func(s scene) { s.answers[0].seq = 11 }},
		{"answer: lost", func(s scene) { s.answers[0].id = "msg_other" }},
		{"answer: lost", func(s scene) { s.answers[0].seq = 1 }},
		{"answer: another text", func(s scene) { s.answers[0].text = "other" }},
		{"answer: not the same again", func(s scene) { s.again(0, func(a *answer) { a.seq = 4 }) }},
		{"answer: not the same again", func(s scene) { s.again(0, func(a *answer) { a.id = "msg_4" }) }},
		{"answer: not called replayed", func(s scene) { s.again(0, func(a *answer) { a.replayed = false }) }},
		{"answer: called replayed", func(s scene) { s.answers[0].replayed = true }},
		{"answer: posted twice", func(s scene) { s.again(0, func(a *answer) { a.began, a.replayed = 0, false }) }},

		{"page: not dense", func(s scene) { s.page(2, 3, 2, true, 3, 5) }},
		{"page: not dense", func(s scene) { s.page(2, 3, 2, true, 4, 5) }},
		{"page: endSeq", func(s scene) { s.page(2, 3, 2, true, 3, 4, 5).endSeq = 6 }},
		{"page: too long", func(s scene) { s.page(2, 2, 2, true, 3, 4, 5) }},
		{"page: not all", func(s scene) { s.page(2, 3, 9, true, 3, 4) }},
		{"page: called the last", func(s scene) { s.page(2, 3, 9, false, 3, 4, 5) }},
		{"lastSeq: went back", func(s scene) { s.heads = append(s.heads, head{"a reader", "room_1", 6, 5}) }},

		{"entry: not in the log", func(s scene) { s.stream(true, 10, 10, []step{{entry: &entry{seq: 11, kind: memberJoined}}}) }},
		{"entry: not the log's", func(s scene) {
			s.stream(true, 2, 2, []step{{entry: &entry{seq: 3, kind: messagePosted, message: "msg_4", state: state{text: "text 4"}}}})
		}},
		{"entry: not the log's", func(s scene) {
			p := s.page(2, 3, 2, true, 3)
			p.entries = []*entry{{seq: 3, kind: memberJoined}}
		}},

		{"stream: a gap", func(s scene) { s.stream(true, 2, 4, s.told(2, 3, 4, 0, 6)) }},
		{"stream: a gap", func(s scene) { s.stream(true, 2, 2, s.told(2, 4)) }},
		{"stream: a gap", func(s scene) { s.stream(true, fromNow, 4, s.told(5, 0, 7)) }},
		{"stream: a gap", func(s scene) { s.stream(false, 2, 4, s.told(2, 3, 5)) }},
		{"stream: a gap", func(s scene) { s.stream(false, 2, 4, s.told(2, 4)) }},
		{"stream: a gap", func(s scene) { s.stream(false, fromNow, 4, s.told(4, 5, 9)) }},
		{"stream: again", func(s scene) { s.stream(true, 2, 2, s.told(2, 3, 4, 0, 4)) }},
		{"stream: again", func(s scene) { s.stream(true, 2, 2, s.told(2, 2, 3)) }},
		{"stream: again", func(s scene) { s.stream(false, 2, 4, s.told(2, 3, 4, 4)) }},
		{"stream: again", func(s scene) { s.stream(false, fromNow, 4, s.told(4, 4)) }},
		{"stream: begins without CaughtUp", func(s scene) { s.stream(true, fromNow, 4, s.told(4, 5)) }},
		{"stream: not a message", func(s scene) { s.stream(false, 4, 4, s.told(4, 5, 6, 7)) }},
		{"stream: not a message", func(s scene) { s.stream(false, 4, 4, s.told(4, 0, 5)) }},
		{"caught up: twice", func(s scene) { s.stream(true, 2, 3, s.told(2, 3, 0, 4, 0)) }},
		{"caught up: too early", func(s scene) { s.stream(true, 2, 4, s.told(2, 3, 0, 4)) }},
		{"caught up: too early", func(s scene) { s.stream(true, fromNow, 4, s.told(3, 0)) }},
		{"caught up: elsewhere", func(s scene) { s.stream(true, 2, 2, s.told(3, 0)) }},
		{"caught up: elsewhere", func(s scene) { s.stream(true, 0, 0, []step{{position: noPosition}}) }},

		{"left: told on", func(s scene) { s.guest(true, 4, end{"", noPosition}, s.told(4, 5, 0, 6, 7)) }},
		{"left: told on", func(s scene) { s.guest(false, 4, end{"", noPosition}, s.told(4, 5, 7)) }},
		{"left: without a position", func(s scene) { s.guest(true, 4, end{"NOT_FOUND", noPosition}, s.told(4, 5, 0, 6)) }},
		{"left: elsewhere", func(s scene) { s.guest(true, 4, end{"NOT_FOUND", 6}, s.told(4, 5, 0)) }},
		{"left: for no reason", func(s scene) { s.guest(true, 4, end{"NOT_FOUND", 5}, s.told(4, 5, 0)) }},
		{"left: for no reason", func(s scene) { s.stream(true, 4, 4, s.told(4, 5, 0, 6)).end = end{"NOT_FOUND", 6} }},
		{"left: too early", func(s scene) { s.guest(false, 3, end{"NOT_FOUND", 6}, s.told(3, 4)) }},
		{"stream: ended for no reason", func(s scene) { s.stream(true, 4, 4, nil).end = end{"NOT_FOUND", noPosition} }},
		{"stream: ended for no reason", func(s scene) { s.stream(true, 4, 4, nil).end = end{"LOG_MISMATCH", noPosition} }},
		{"stream: ended for no reason", func(s scene) { s.stream(true, 4, 4, s.told(4, 5)).end = end{completed, noPosition} }},
		{"stream: INTERNAL", func(s scene) { s.stream(true, 4, 4, s.told(4, 5)).end = end{"INTERNAL", noPosition} }},
	} {
		s := newScene()
		c.play(s)
		found := found(s.history)
		if !slices.ContainsFunc(found, func(v violation) bool { return v.kind == c.kind }) {
			t.Errorf("%s was not found; found was %v", c.kind, found)
		}
	}
}

// What was seen to be wrong while the run lasted is in the verdict.
func TestBlamedIsFound(t *testing.T) {
	s := newScene()
	s.blame(violation{"program: ended", "by itself"})
	if found := found(s.history); len(found) != 1 || found[0].kind != "program: ended" {
		t.Errorf("found %v", found)
	}
}

func found(h *history) []violation {
	violations, _ := check(h)
	return violations
}
