package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// hearing is an inbox of ann's, who stays in the room, that is told updates; "at" is the log.
func (s scene) hearing(stored map[string]stored, updates ...string) *inboxer {
	l := &inboxer{name: "an inbox", person: &person{id: ann}, homes: []*room{s.room}, stays: true, history: s.history, counts: &counts{}, stored: stored}
	in := &inbox{person: ann, steady: true, caught: -1, opened: map[string]time.Duration{}, streams: map[string]*stream{}, wrong: map[string]bool{}}
	for id, at := range l.stored {
		l.begin(in, id, at.seq)
	}
	for _, text := range updates {
		var u inboxUpdate
		if err := json.Unmarshal([]byte(text), &u); err != nil {
			panic(err) // it was written here
		}
		l.take(in, u)
	}
	for _, one := range in.streams {
		l.streamed(one)
	}
	return l
}

func TestInboxes(t *testing.T) {
	const (
		caughtUp = `{"__typename": "CaughtUp"}`
		opened   = `{"__typename": "RoomOpened", "room": {"id": "room_1", "lastSeq": 7, "logId": "log_1"}}`
		closed   = `{"__typename": "RoomClosed", "roomId": "room_1"}`
		another  = `{"__typename": "RoomClosed", "roomId": "room_2"}`
		came     = `{"__typename": "RoomEvent", "room": {"id": "room_1"}, "seq": 8, "at": "1970-01-01T00:00:00.000008Z", "kind": "MEMBER_JOINED", "member": {"id": "user_guest"}}`
		left     = `{"__typename": "RoomEvent", "room": {"id": "room_1"}, "seq": 6, "at": "1970-01-01T00:00:00.000006Z", "kind": "MEMBER_LEFT", "member": {"id": "user_guest"}}`
	)
	at := func(seq int) map[string]stored { return map[string]stored{"room_1": {seq, "log_1"}} }
	none := map[string]stored{}
	for name, one := range map[string]struct {
		stored  map[string]stored
		updates []string
		want    string // the kinds of what is wrong
	}{
		"opened, and told on":        {none, []string{opened, caughtUp, came}, ""},
		"gone on in":                 {at(7), []string{came, caughtUp}, ""},
		"nothing is new":             {at(7), []string{caughtUp, came}, ""},
		"a room is left out":         {none, []string{caughtUp}, "inbox: leaves out"},
		"opened where it goes on":    {at(7), []string{opened}, "inbox: opened again"},
		"an entry of no room":        {none, []string{came}, "inbox: of no open room"},
		"one is missing":             {at(6), []string{came}, "inbox: not the next, stream: a gap"},
		"one comes again":            {at(6), []string{left}, "inbox: not the next, stream: again"},
		"caught up twice":            {at(7), []string{caughtUp, caughtUp}, "caught up: twice"},
		"closed without having left": {at(7), []string{came, closed}, "left: for no reason"},
		"closed at once":             {at(7), []string{closed}, "stream: ended for no reason"},
		"one closed that never was":  {at(7), []string{another}, "inbox: closed"},
	} {
		s := newScene()
		s.hearing(maps.Clone(one.stored), one.updates...)
		if got := strings.Join(kindsFound(s.history), ", "); got != one.want {
			t.Errorf("%s: got %s, want %s", name, got, one.want)
		}
	}
}

func TestInboxesAreToldOfRooms(t *testing.T) {
	for name, one := range map[string]struct {
		opened map[string]time.Duration
		want   []string
	}{
		"soon":  {map[string]time.Duration{"room_9": 12 * time.Second}, nil},
		"late":  {map[string]time.Duration{"room_9": 18 * time.Second}, []string{"inbox: a room is late"}},
		"never": {nil, []string{"inbox: a room is late"}},
	} {
		s := newScene()
		s.joins = []join{{place{ann, "room_9"}, 10 * time.Second}}
		s.inboxes = []*inbox{{person: ann, steady: true, caught: time.Second, over: time.Minute, opened: one.opened}}
		if got := kindsFound(s.history); !slices.Equal(got, one.want) {
			t.Errorf("%s: got %v, want %v", name, got, one.want)
		}
	}
}
