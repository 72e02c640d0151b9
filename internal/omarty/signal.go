package omarty

import "time"

// RoomSignal is what passes through a room and is kept nowhere: Typing, ReadMark or
// PresenceChange. It carries all that is told by it, so that nothing is read for each
// who is told.
type RoomSignal interface{ IsRoomSignal() }

// Typing says that somebody began to type in a room, or stopped.
type Typing struct {
	User   User
	Active bool
}

// IsRoomSignal marks Typing as a RoomSignal.
func (Typing) IsRoomSignal() {}

// ReadMark says how far somebody has read a room.
type ReadMark struct {
	Participant Participant
	// User is the participant, and Seq the position.
	User User
	Seq  int
}

// IsRoomSignal marks ReadMark as a RoomSignal.
func (ReadMark) IsRoomSignal() {}

// PresenceChange says that the presence of people in a room is another one: what it
// is by now is read of each.
type PresenceChange struct{ Users []User }

// IsRoomSignal marks PresenceChange as a RoomSignal.
func (PresenceChange) IsRoomSignal() {}

// Presence is whether somebody is there.
type Presence struct {
	Online bool
	// LastSeenAt is to the minute; nil while online, and for people who were never seen.
	LastSeenAt *time.Time
}

const (
	// TypingTime is after how long somebody types no more who does not say that they do.
	TypingTime = 6 * time.Second
	// PresenceGrace is how long somebody stays online when their last connection is
	// closed: phones change networks.
	PresenceGrace = 15 * time.Second
)

// Roll tells who is there on a node of an installation.
type Roll struct {
	// Node names it while it runs.
	Node string
	// Number counts what the node told: who misses a number asks anew.
	Number int
	// Came and Went are people who are there, or no longer, since the roll before.
	Came, Went []ID `json:",omitempty"`
	// Changed are people whose presence reads otherwise though they neither came nor went.
	Changed []ID `json:",omitempty"`
	// Whole tells that nobody is there but who Came, and those of More that follow.
	Whole, More bool `json:",omitempty"`
	// Gone tells that the node stops.
	Gone bool `json:",omitempty"`
}
