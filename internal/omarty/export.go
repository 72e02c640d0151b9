package omarty

import "time"

const (
	// ExportLifetime is how long an export can be downloaded.
	ExportLifetime = 7 * 24 * time.Hour
	// MaxExportSize is the largest size that is told: that of the API's numbers.
	MaxExportSize = 1<<31 - 1
)

// DataExport is a zip with all that the service knows of a person.
type DataExport struct {
	ID        ID
	Owner     ID
	CreatedAt time.Time
	// Progress goes from 0 to 1.
	Progress float64
	// FinishedAt and Size, in bytes, are nil while it is being made.
	FinishedAt *time.Time
	Size       *int
	// Bytes is the size, however large it is.
	Bytes int64
	// ExpiresAt is from when on it is gone.
	ExpiresAt time.Time
}

// IsNode marks DataExport as a Node.
func (DataExport) IsNode() {}

// What an export says, by its parts: each is a file of JSON, which has a list of one of
// these. Other people are in it by their ids alone, as far as it would make no sense without.

// PersonalPart names a part of an export.
type PersonalPart string

// The parts, in their order.
const (
	PartProfile          PersonalPart = "profile"
	PartSessions         PersonalPart = "sessions"
	PartCodes            PersonalPart = "codes"
	PartMemberships      PersonalPart = "memberships"
	PartRooms            PersonalPart = "rooms"
	PartMessages         PersonalPart = "messages"
	PartActivity         PersonalPart = "activity"
	PartMentions         PersonalPart = "mentions"
	PartReactions        PersonalPart = "reactions"
	PartVotes            PersonalPart = "votes"
	PartAcknowledgements PersonalPart = "acknowledgements"
	PartReports          PersonalPart = "reports"
	PartBlocked          PersonalPart = "blocked"
	PartExports          PersonalPart = "exports"
	PartAudit            PersonalPart = "audit"
	PartFiles            PersonalPart = "files"
)

// PersonalParts are all of them.
var PersonalParts = []PersonalPart{
	PartProfile, PartSessions, PartCodes, PartMemberships, PartRooms, PartMessages, PartActivity, PartMentions, PartReactions,
	PartVotes, PartAcknowledgements, PartReports, PartBlocked, PartExports, PartAudit, PartFiles,
}

// PersonalProfile is the person.
type PersonalProfile struct {
	ID              string     `json:"id"`
	Name            string     `json:"name"`
	Email           *string    `json:"email"`
	EmailVerifiedAt *time.Time `json:"emailVerifiedAt"`
	Phone           *string    `json:"phone"`
	PhoneVerifiedAt *time.Time `json:"phoneVerifiedAt"`
	Locale          string     `json:"locale"`
	ShareReadMarks  bool       `json:"shareReadMarks"`
	SharePresence   bool       `json:"sharePresence"`
	CreatedAt       time.Time  `json:"createdAt"`
	LastSeenAt      *time.Time `json:"lastSeenAt"`
	DisabledAt      *time.Time `json:"disabledAt"`
	Avatar          string     `json:"avatar,omitempty"`
}

// PersonalSession is a device that is or was signed in.
type PersonalSession struct {
	ID         string     `json:"id"`
	Device     string     `json:"device"`
	CreatedAt  time.Time  `json:"createdAt"`
	LastUsedAt time.Time  `json:"lastUsedAt"`
	ExpiresAt  time.Time  `json:"expiresAt"`
	EndedAt    *time.Time `json:"endedAt"`
	// KnownPlace tells that a keyed hash of the address is kept from which it was made.
	KnownPlace bool `json:"addressKeptAsKeyedHash"`
}

// PersonalCode is a code that was sent.
type PersonalCode struct {
	Purpose   string     `json:"purpose"`
	Contact   string     `json:"contact"`
	Tries     int        `json:"tries"`
	CreatedAt time.Time  `json:"createdAt"`
	ExpiresAt time.Time  `json:"expiresAt"`
	UsedAt    *time.Time `json:"usedAt"`
}

// PersonalMembership is the person's place in a building.
type PersonalMembership struct {
	ID               string     `json:"id"`
	Building         string     `json:"building"`
	BuildingName     string     `json:"buildingName"`
	BuildingAddress  string     `json:"buildingAddress"`
	Role             string     `json:"role"`
	Status           string     `json:"status"`
	Apartments       []string   `json:"apartments"`
	ClaimedApartment string     `json:"claimedApartment,omitempty"`
	CreatedAt        time.Time  `json:"createdAt"`
	MutedUntil       *time.Time `json:"mutedUntil"`
}

// PersonalRoom is a room that the person is or was in.
type PersonalRoom struct {
	Room          string     `json:"room"`
	Kind          string     `json:"kind"`
	Name          string     `json:"name"`
	Building      string     `json:"building,omitempty"`
	MadeByYou     bool       `json:"madeByYou"`
	JoinedAt      time.Time  `json:"joinedAt"`
	LeftAt        *time.Time `json:"leftAt"`
	ReadSeq       int        `json:"readSeq"`
	Notifications string     `json:"notifications"`
}

// PersonalMessage is what the person wrote.
type PersonalMessage struct {
	ID          string             `json:"id"`
	Room        string             `json:"room"`
	Seq         int                `json:"seq"`
	Key         string             `json:"key"`
	Text        string             `json:"text"`
	Apartment   string             `json:"apartment,omitempty"`
	ReplyTo     string             `json:"replyTo,omitempty"`
	CreatedAt   time.Time          `json:"createdAt"`
	EditedAt    *time.Time         `json:"editedAt"`
	DeletedAt   *time.Time         `json:"deletedAt"`
	PinnedAt    *time.Time         `json:"pinnedAt"`
	Notice      bool               `json:"notice"`
	Revisions   []PersonalRevision `json:"revisions,omitempty"`
	Mentions    []PersonalMention  `json:"mentions,omitempty"`
	Poll        *PersonalPoll      `json:"poll,omitempty"`
	Attachments []string           `json:"attachments,omitempty"`
}

// PersonalRevision is what a message said before.
type PersonalRevision struct {
	Text      string    `json:"text"`
	WrittenAt time.Time `json:"writtenAt"`
}

// PersonalMention names somebody in a message: the person in another's, which has no User,
// or another in the person's.
type PersonalMention struct {
	User    string `json:"user,omitempty"`
	Message string `json:"message,omitempty"`
	Room    string `json:"room,omitempty"`
	Seq     int    `json:"seq,omitempty"`
	Start   int    `json:"start"`
	Length  int    `json:"length"`
}

// PersonalPoll is what the person asked.
type PersonalPoll struct {
	Question       string     `json:"question"`
	Options        []string   `json:"options"`
	MultipleChoice bool       `json:"multipleChoice"`
	PerApartment   bool       `json:"perApartment"`
	ClosesAt       *time.Time `json:"closesAt"`
	ClosedAt       *time.Time `json:"closedAt"`
}

// PersonalEvent is an entry of a room's log that names the person, but for their posts.
type PersonalEvent struct {
	Room    string    `json:"room"`
	Seq     int       `json:"seq"`
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"`
	ByYou   bool      `json:"byYou"`
	OnYou   bool      `json:"onYou"`
	Message string    `json:"message,omitempty"`
	Emoji   string    `json:"emoji,omitempty"`
}

// PersonalReaction is a reaction of the person's.
type PersonalReaction struct {
	Message string `json:"message"`
	Emoji   string `json:"emoji"`
}

// PersonalVote is a vote of the person's.
type PersonalVote struct {
	Poll      string   `json:"poll"`
	Apartment string   `json:"apartment,omitempty"`
	Options   []string `json:"options"`
}

// PersonalAcknowledgement is that the person confirmed to have read a notice.
type PersonalAcknowledgement struct {
	Notice    string     `json:"notice"`
	Apartment string     `json:"apartment"`
	At        *time.Time `json:"at"`
}

// PersonalReport is what the person reported; others' texts are theirs.
type PersonalReport struct {
	ID         string     `json:"id"`
	Building   string     `json:"building"`
	Message    string     `json:"message"`
	Reason     string     `json:"reason"`
	CreatedAt  time.Time  `json:"createdAt"`
	ResolvedAt *time.Time `json:"resolvedAt"`
}

// PersonalBlock is whom the person blocked.
type PersonalBlock struct {
	User      string    `json:"user"`
	CreatedAt time.Time `json:"createdAt"`
}

// PersonalExport is an export of the person's.
type PersonalExport struct {
	ID         string     `json:"id"`
	CreatedAt  time.Time  `json:"createdAt"`
	FinishedAt *time.Time `json:"finishedAt"`
	ExpiresAt  time.Time  `json:"expiresAt"`
}

// PersonalAudit is a line of the audit log that names the person.
type PersonalAudit struct {
	At        time.Time `json:"at"`
	Action    string    `json:"action"`
	ByYou     bool      `json:"byYou"`
	Building  string    `json:"building,omitempty"`
	Subject   string    `json:"subject,omitempty"`
	Longitude *float64  `json:"longitude,omitempty"`
	Latitude  *float64  `json:"latitude,omitempty"`
}

// PersonalFile is what the person uploaded; Path is where it is in the export.
type PersonalFile struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	ContentType string    `json:"contentType"`
	Size        int       `json:"size"`
	CreatedAt   time.Time `json:"createdAt"`
	Message     string    `json:"message,omitempty"`
	Avatar      bool      `json:"avatar"`
	Path        string    `json:"path"`
}
