package main

import (
	"slices"
	"testing"
	"time"
)

// deedScene is a scene after which the message at 3, which is bob's, is edited at 11 and
// 12, liked by both at 13 and 14, no more by ann at 15, and voted in by ann at 16; that
// at 4, which is ann's, is liked at 17 and deleted at 18.
func deedScene() scene {
	s := newScene()
	s.log.entries[9] = logEntry{entry: entry{seq: 10, at: 10, kind: memberJoined, member: bob}}
	s.log.lastMessage = "msg_9"
	s.answers = slices.DeleteFunc(s.answers, func(a answer) bool { return a.seq == 10 })
	s.log.details = map[string]detail{
		"msg_3": {
			texts: []string{"text 3", "first"}, reacted: map[string][]string{"👍": {bob}},
			votes: map[string]int{"option_1": 1, "option_2": 0}, ballots: map[string]string{ann: "option_1"},
		},
		"msg_4": {},
	}
	for i, e := range s.log.entries {
		if e.message != "" && s.log.details[e.message].texts == nil {
			s.log.details[e.message] = detail{}
		}
		switch e.seq {
		case 3:
			s.log.entries[i].state = state{text: "second", changedSeq: 16, textSeq: 12, created: 3, edited: 12, had: "👍 1, voted: 1"}
		case 4:
			s.log.entries[i].state = state{changedSeq: 18, textSeq: 18, created: 4, deleted: true}
		}
	}
	add := func(of int, d deed) {
		e := s.log.entries[of-1]
		d.room, d.message, d.ended, d.told = "room_1", e.message, s.now(), e.state
		s.log.lastSeq++
		e.seq, e.at, e.kind, e.actor, e.emoji = s.log.lastSeq, instant(s.log.lastSeq), d.kind, d.person, d.emoji
		s.log.entries = append(s.log.entries, e)
		s.deeds = append(s.deeds, d)
	}
	add(3, deed{person: bob, kind: messageEdited, text: "first", guard: 3})
	add(3, deed{person: bob, kind: messageEdited, text: "second", guard: 11})
	add(3, deed{person: ann, kind: reactionAdded, emoji: "👍"})
	add(3, deed{person: bob, kind: reactionAdded, emoji: "👍"})
	add(3, deed{person: ann, kind: reactionRemoved, emoji: "👍"})
	add(3, deed{person: ann, kind: pollVoted, option: "option_1"})
	add(4, deed{person: bob, kind: reactionAdded, emoji: "👍"})
	add(4, deed{person: ann, kind: messageDeleted})
	s.log.forward = nil
	for _, e := range s.log.entries {
		if e.kind == messagePosted {
			s.log.forward = append(s.log.forward, message{e.message, e.key, e.seq, e.state})
		}
	}
	s.log.backward = slices.Clone(s.log.forward)
	return s
}

// tell adds a page with one entry, of which the message was in another state, and that
// was asked for at a moment.
func (s scene) tell(seq int, began int64, was state) {
	e := s.log.entries[seq-1].entry
	e.state = was
	s.pages = append(s.pages, page{
		reader: "a reader", room: "room_1", after: seq - 1, first: 1, floor: seq, began: began, entries: []*entry{&e}, endSeq: seq, more: true,
	})
}

func TestDeedsThatAreWell(t *testing.T) {
	for name, play := range map[string]func(scene){
		"all that was done": func(scene) {},
		"as it was posted":  func(s scene) { s.tell(3, 0, state{text: "text 3", changedSeq: 3, textSeq: 3, created: 3}) },
		"as it was in between": func(s scene) {
			s.tell(11, 0, state{text: "first", changedSeq: 11, textSeq: 11, created: 3, edited: 11})
		},
		"before it was deleted":     func(s scene) { s.tell(4, 0, state{text: "text 4", changedSeq: 4, textSeq: 4, created: 4}) },
		"an edit without an answer": func(s scene) { s.deeds[0].code = unknown },
		"a vote without an answer":  func(s scene) { s.deeds[5].code = unknown },
		"an edit that came too late": func(s scene) {
			s.deeds = append(s.deeds, deed{person: bob, room: "room_1", message: "msg_3", kind: messageEdited, text: "third", guard: 3, code: "CONFLICT"})
		},
		"a guest who came and left": func(s scene) {
			s.moves = append(s.moves, move{visit, "room_1", memberLeft, 5, 6}, move{visit, "room_1", memberJoined, 6, 9})
		},
	} {
		s := deedScene()
		play(s)
		for _, v := range found(s.history) {
			t.Errorf("%s: %s: %s", name, v.kind, v.text)
		}
	}
}

func TestWrongDeedsAreFound(t *testing.T) {
	detailOf := func(s scene, change func(*detail)) {
		d := s.log.details["msg_3"]
		change(&d)
		s.log.details["msg_3"] = d
	}
	for _, c := range []struct {
		kind string
		play func(scene)
	}{
		{"state: older than its entry", func(s scene) { s.tell(11, 0, state{text: "text 3", changedSeq: 3, textSeq: 3, created: 3}) }},
		{"state: changedSeq", func(s scene) { s.tell(3, 0, state{text: "text 3", changedSeq: 4, textSeq: 3}) }},
		{"state: textSeq", func(s scene) { s.tell(11, 0, state{text: "first", changedSeq: 12, textSeq: 11}) }},
		{"state: two texts", func(s scene) { s.tell(11, 0, state{text: "other", changedSeq: 11, textSeq: 11}) }},
		{"state: not what it is in the end", func(s scene) {
			s.tell(16, 0, state{text: "second", changedSeq: 16, textSeq: 12, had: "👍 1, voted: 0"})
		}},
		{"deleted: told again", func(s scene) { s.tell(4, s.now(), state{text: "text 4", changedSeq: 4, textSeq: 4, created: 4}) }},
		{"deleted: not gone", func(s scene) { s.tell(18, 0, state{text: "text 4", changedSeq: 18, textSeq: 18, deleted: true}) }},
		{"deleted: not gone", func(s scene) { s.log.details["msg_4"] = detail{texts: []string{"text 4"}} }},

		{"log: after a deletion", func(s scene) { s.log.entries[16].kind, s.log.entries[17].kind = messageDeleted, reactionAdded }},
		{"log: changes nothing", func(s scene) { s.log.entries[13].actor = ann }},
		{"log: not posted first", func(s scene) { s.log.entries[10].kind = messagePosted }},
		{"log: another text", func(s scene) { s.asked[s.answers[0].sendKey].text = "other" }},

		{"edit: nobody asked", func(s scene) { s.deeds = slices.Delete(s.deeds, 1, 2) }},
		{"edit: twice", func(s scene) { detailOf(s, func(d *detail) { d.texts[1] = "second" }) }},
		{"edit: over another", func(s scene) { s.deeds[1].guard = 3 }},
		{"edit: entries", func(s scene) { detailOf(s, func(d *detail) { d.texts = d.texts[:1] }) }},
		{"deed: lost", func(s scene) {
			one := s.deeds[0]
			one.text = "third"
			s.deeds = append(s.deeds, one)
		}},
		{"deed: lost", func(s scene) { s.deeds[0].message, s.deeds[0].kind = "msg_3", messageDeleted }},
		{"deed: lost", func(s scene) { s.deeds[4].kind = reactionAdded }},
		{"deed: refused", func(s scene) { s.deeds[2].code = "CONFLICT" }},
		{"deed: refused", func(s scene) { s.deeds[7].code = "FORBIDDEN" }},
		{"deed: refused", func(s scene) {
			s.deeds = append(s.deeds, deed{person: bob, room: "room_1", message: "msg_3", kind: messageEdited, guard: 12, code: "CONFLICT"})
		}},
		{"reactions: not the log's", func(s scene) { detailOf(s, func(d *detail) { d.reacted = map[string][]string{"👍": {ann, bob}} }) }},
		{"votes: another count", func(s scene) { detailOf(s, func(d *detail) { d.votes["option_1"] = 2 }) }},
		{"votes: another count", func(s scene) { s.log.entries[15].had = "👍 1, voted: 2" }},
		{"votes: entries", func(s scene) { s.log.entries[14].kind = pollVoted }},
		{"votes: another count", func(s scene) { detailOf(s, func(d *detail) { d.ballots = map[string]string{} }) }},
		{"deed: lost", func(s scene) { detailOf(s, func(d *detail) { d.ballots[ann] = "option_2" }) }},
		{"poll: not closed", func(s scene) {
			k := s.answers[0].sendKey
			s.asked[k].more = variables{"poll": variables{"closesAt": s.began.Add(time.Second).Format(time.RFC3339Nano)}}
			s.log.read = time.Minute
		}},
		{"votes: after the end", func(s scene) { s.log.entries[14].kind = pollClosed }},
		{"notice: not as confirmed", func(s scene) { s.notice(&s.log.entries[2], 0, "home") }},
		{"notice: another count", func(s scene) { s.notice(&s.log.entries[2], 0) }},
		{"reactions: another count", func(s scene) { s.log.entries[15].had = "👍 2, voted: 1" }},
		{"time: edited", func(s scene) { s.log.entries[15].edited = 3 }},
		{"time: goes back", func(s scene) { s.log.entries[15].at = 3 }},
		{"time: goes back", func(s scene) { s.log.entries[0].at = notUnderstood }},
		{"time: not its entry's", func(s scene) { s.log.entries[2].created = 4 }},
		{"time: not that of its sending", func(s scene) { s.answers[0].created = 1 }},
		{"pins: not the log's", func(s scene) { s.log.entries[15].pinned = 3 }},
		{"pins: not the messages'", func(s scene) { s.log.pinned = []string{"msg_3"} }},
		{"room: lastMessage", func(s scene) { s.log.lastMessage = "msg_3" }},
		{"member: writes", func(s scene) { s.log.entries[9].member = visit }},
		{"member: not the log's", func(s scene) { s.log.present = []string{ann, visit} }},
		{"answers: another message", func(s scene) { s.asked[s.answers[0].sendKey].more = variables{"replyTo": "msg_4"} }},
		{"answers: another count", func(s scene) { detailOf(s, func(d *detail) { d.answered = 1 }) }},
		{"mentions: others", func(s scene) {
			s.asked[s.answers[2].sendKey].more = variables{"mentions": []variables{{"user": bob, "start": 0, "length": 4}}}
		}},
		{"search: what is gone", func(s scene) { s.searches = []search{{once: "msg_4", found: []string{"msg_4"}}} }},
		{"search: not found", func(s scene) { s.searches = []search{{want: "msg_3"}} }},
		{"member: not told once", func(s scene) { s.moves = append(s.moves, move{visit, "room_1", memberLeft, 6, 9}) }},
	} {
		s := deedScene()
		c.play(s)
		found := found(s.history)
		if !slices.ContainsFunc(found, func(v violation) bool { return v.kind == c.kind }) {
			t.Errorf("%s was not found; found was %v", c.kind, found)
		}
	}
}

// notice has a message ask an apartment, which ann has confirmed.
func (s scene) notice(of *logEntry, confirmed int, outstanding ...string) {
	s.homes = map[string][]string{ann: {"home"}}
	s.deeds = append(s.deeds, deed{person: ann, room: "room_1", message: of.message, kind: noticeConfirmed, guard: 12, told: s.log.entries[11].state})
	d := s.log.details[of.message]
	d.notice = &noticeDetail{apartments: 1, confirmed: confirmed, outstanding: outstanding}
	s.log.details[of.message] = d
}
