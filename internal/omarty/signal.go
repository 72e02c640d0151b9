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
