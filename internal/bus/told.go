package bus

import "github.com/omarty/chat/internal/omarty"

// entry is an Entry as it is told.
type entry struct {
	Event    omarty.Event
	Message  *omarty.Message  `json:",omitempty"`
	Mentions []omarty.Mention `json:",omitempty"`
	Actor    *omarty.User     `json:",omitempty"`
}

func written(entries []omarty.Entry) []entry {
	told := make([]entry, len(entries))
	for i, e := range entries {
		told[i] = entry{e.Event, e.Message, e.Mentions, e.Actor}
	}
	return told
}

func read(told []entry) []omarty.Entry {
	entries := make([]omarty.Entry, len(told))
	for i, e := range told {
		entries[i] = omarty.Entry{Event: e.Event, Message: e.Message, Mentions: e.Mentions, Actor: e.Actor}
	}
	return entries
}

// signal is a RoomSignal as it is told: one of its members.
type signal struct {
	Typing   *omarty.Typing         `json:",omitempty"`
	ReadMark *omarty.ReadMark       `json:",omitempty"`
	Presence *omarty.PresenceChange `json:",omitempty"`
}

func wrap(signals []omarty.RoomSignal) []signal {
	var wrapped []signal
	for _, one := range signals {
		switch one := one.(type) {
		case omarty.Typing:
			wrapped = append(wrapped, signal{Typing: &one})
		case omarty.ReadMark:
			wrapped = append(wrapped, signal{ReadMark: &one})
		case omarty.PresenceChange:
			wrapped = append(wrapped, signal{Presence: &one})
		}
	}
	return wrapped
}

func unwrap(wrapped []signal) []omarty.RoomSignal {
	var signals []omarty.RoomSignal
	for _, one := range wrapped {
		switch {
		case one.Typing != nil:
			signals = append(signals, *one.Typing)
		case one.ReadMark != nil:
			signals = append(signals, *one.ReadMark)
		case one.Presence != nil:
			signals = append(signals, *one.Presence)
		}
	}
	return signals
}
