package omarty

import "time"

// RoomKind is what a room is for.
type RoomKind string

// The kinds of rooms.
const (
	RoomCommunity     RoomKind = "COMMUNITY"
	RoomAnnouncements RoomKind = "ANNOUNCEMENTS"
	RoomGroup         RoomKind = "GROUP"
	RoomDirect        RoomKind = "DIRECT"
)

const (
	// MaxRoomNameLength is how many characters the name of a room may have, as
	// NormalizeName counts them.
	MaxRoomNameLength = 100
	// MaxTopicLength is how many its topic may have.
	MaxTopicLength = 300
	// MaxSlowMode is how many seconds a slow mode may have.
	MaxSlowMode = 21_600
)

// Room is where people talk.
type Room struct {
	ID   ID
	Kind RoomKind
	// Name is empty for direct rooms.
	Name  string
	Topic string
	// Building is the id of its building; zero for direct rooms.
	Building   ID
	CreatedAt  time.Time
	ArchivedAt *time.Time
	// LogID names the room's log: another than before where it was restored from a
	// copy.
	LogID ID
	// LastSeq is the position of the newest entry; 0 before the first.
	LastSeq int
	// LastMessage is the id of the newest message; zero before the first.
	LastMessage ID
	// Maker is who made a group; zero for other rooms, and for people who erased their
	// account.
	Maker ID
	// Pair names the two people of a direct room; empty for others. See PairOf.
	Pair string
	// SlowMode is how many seconds lie between two messages of a person who is no
	// manager; 0 for none.
	SlowMode int
}

// IsNode marks Room as a Node.
func (Room) IsNode() {}

// IsBuildings tells whether all of a building's people are in the room, as they were
// made with it.
func (r Room) IsBuildings() bool { return r.Kind == RoomCommunity || r.Kind == RoomAnnouncements }

// PairOf gives the name of two people's direct room: the same whoever comes first.
func PairOf(a, b ID) string {
	if a.Row.String() > b.Row.String() {
		a, b = b, a
	}
	return a.Row.String() + " " + b.Row.String()
}

// Posting is whether a person may post in a room.
type Posting struct {
	Allowed bool
	// Reason says why not; nil where it is allowed.
	Reason *PostingReason
	// Until is when that ends by itself; nil where it does not.
	Until *time.Time
}

// PostingReason is why a person may not post.
type PostingReason string

// Why a person may not post.
const (
	PostingAnnouncements PostingReason = "ANNOUNCEMENTS"
	PostingArchived      PostingReason = "ARCHIVED"
	PostingApart         PostingReason = "COUNTERPART_GONE"
	PostingMuted         PostingReason = "MUTED"
	PostingSlowMode      PostingReason = "SLOW_MODE"
)

// Counterpart is the other person of a direct room.
type Counterpart struct {
	// User is zero for people who erased their account.
	User ID
	// Together tells whether the two share a building.
	Together bool
}

// NotificationLevel is of which messages of a room a person wants to hear.
type NotificationLevel string

// The levels. Notices are heard of at any.
const (
	NotifyAll      NotificationLevel = "ALL"
	NotifyMentions NotificationLevel = "MENTIONS"
	NotifyNone     NotificationLevel = "NONE"
)

// Participant is a person in a room.
type Participant struct {
	ID       ID
	Room     ID
	User     ID
	JoinedAt time.Time
}

// IsNode marks Participant as a Node.
func (Participant) IsNode() {}

// Reader is who reads what is in a room.
type Reader struct {
	// User reads as far as they are in the room at that moment.
	User ID
	// Anyone reads in any case: who may was decided before, as for those who listen
	// to the room's log.
	Anyone bool
}

// MaxEvents is how many entries a page of a log may have.
const MaxEvents = 1000

// EventKind is what an entry of a log tells.
type EventKind string

// The kinds of entries.
const (
	EventMessagePosted      EventKind = "MESSAGE_POSTED"
	EventMessageEdited      EventKind = "MESSAGE_EDITED"
	EventMessageDeleted     EventKind = "MESSAGE_DELETED"
	EventReactionAdded      EventKind = "REACTION_ADDED"
	EventReactionRemoved    EventKind = "REACTION_REMOVED"
	EventMessagePinned      EventKind = "MESSAGE_PINNED"
	EventMessageUnpinned    EventKind = "MESSAGE_UNPINNED"
	EventPollVoted          EventKind = "POLL_VOTED"
	EventPollClosed         EventKind = "POLL_CLOSED"
	EventNoticeAcknowledged EventKind = "NOTICE_ACKNOWLEDGED"
	EventMemberJoined       EventKind = "MEMBER_JOINED"
	EventMemberLeft         EventKind = "MEMBER_LEFT"
	EventRoomChanged        EventKind = "ROOM_CHANGED"
)

// Event is an entry of a room's log. Its Seq is given when it is written.
type Event struct {
	Room ID
	Seq  int
	At   time.Time
	Kind EventKind
	// Actor is who did it; zero where the service did, and for votes and confirmations,
	// which are nobody's to the others.
	Actor ID
	// Message is the id of the message it is about; zero where it is about none.
	Message ID
	// Member is who joined or left; else zero.
	Member ID
	// Emoji is that of a reaction that was added or removed; else empty.
	Emoji Emoji
}

// ChangesText tells whether the entry gave its message another text, or none.
func (e Event) ChangesText() bool {
	return e.Kind == EventMessageEdited || e.Kind == EventMessageDeleted
}

// CaughtUp says that a listener has all that was missed.
type CaughtUp struct {
	// Position is where the room's log stands; nil for all of a person's rooms.
	Position *int
}

// IsRoomUpdate and IsInboxUpdate mark CaughtUp as Event's are.
func (CaughtUp) IsRoomUpdate() {}

// IsInboxUpdate is beside IsRoomUpdate.
func (CaughtUp) IsInboxUpdate() {}

// MaxPositions is how many rooms a listener may name.
const MaxPositions = 1000

// RoomPosition is where somebody who listens to all of their rooms stands in one.
type RoomPosition struct {
	// Room is the id as the listener has it, whatever it names.
	Room string
	// Seq is the newest entry that they have.
	Seq int
	// LogID names the log that Seq is of; nil where the listener does not say.
	LogID *ID
}

// RoomClosed says that a room is not the listener's, or no longer.
type RoomClosed struct {
	// RoomID is the id as the listener has it.
	RoomID string
}

// IsInboxUpdate marks RoomClosed as Event is.
func (RoomClosed) IsInboxUpdate() {}

// Change is what has changed for one person alone.
type Change struct {
	// Viewer is true where their profile, memberships or sessions have.
	Viewer bool
	// Rooms is true where they came into rooms.
	Rooms bool
	// Room is the one whose read mark or notification level was moved; zero for none.
	Room ID
}

// Joined is that somebody came into a room.
type Joined struct {
	Room, User ID
	At         time.Time
}

// Entry is an entry of a log that was just committed, with what it is about as that
// was then, where the one who tells of it knows.
type Entry struct {
	Event
	// Message is nil where it is not known, and Mentions are those of its text.
	Message  *Message
	Mentions []Mention
	Actor    *User
}

// Ends tells whether the entry is the last one that a person may read, as someone
// who was in the room before it.
func (e Event) Ends(who ID) bool { return e.Kind == EventMemberLeft && e.Member == who }

// IsRoomUpdate and IsInboxUpdate mark Event as what streams of a room, and of all
// of a person's rooms, are made of.
func (Event) IsRoomUpdate() {}

// IsInboxUpdate is beside IsRoomUpdate.
func (Event) IsInboxUpdate() {}
