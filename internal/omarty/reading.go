package omarty

// Reading is what a person has read of a room, and what waits for them there. Of
// who is not in the room it is the zero Reading.
type Reading struct {
	// Seq is the position that the person has read up to. Sending does not move it.
	Seq int
	// Unread is how many messages of others come after it, deleted ones not counted.
	Unread int
	// Mentions is how many of these mention the person or are notices.
	Mentions int
	// Level is of which messages they want to hear.
	Level NotificationLevel
}

// Mark is a position that somebody who is in a room may have read up to.
type Mark struct {
	// Participant is their place in the room, and Reader who they are.
	Participant Participant
	Reader      User
	// Told tells whether others in the room may know the mark.
	Told bool
	// Seq is the position, which is not beyond the end of the room's log, and Ordinal
	// how many messages the room has up to there. What is in a log stays, so these two
	// belong together for good.
	Seq, Ordinal int
	// Ahead tells whether they had not read so far.
	Ahead bool
}

// ReadPosition is how far a person has read in a room, to be told to the others.
type ReadPosition struct {
	Seq int
	// Shared tells whether the person shares it.
	Shared bool
	// Room is what the room is for.
	Room RoomKind
}

// Told tells whether those in the room may know the mark, the person themselves
// among them: not where announcements are made, lest managers look over shoulders.
func (m ReadPosition) Told() bool { return m.Shared && m.Room != RoomAnnouncements }
