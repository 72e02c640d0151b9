// Package service holds the verbs: what people do, who may, and in which order
// things are checked and written. Every door comes through here, so a rule
// stands here once.
//
// The failures that a verb promises are *omarty.Error values; any other error is
// a fault of the server.
package service

import (
	"context"
	"net/netip"
	"time"

	"golang.org/x/text/language"

	"github.com/omarty/chat/internal/omarty"
)

// Service is the verbs. It is safe for concurrent use.
type Service struct {
	Parts
	locale      string
	connections connections
	known       known
	presences   presences
	typists     typists
	elsewhere   typists // those on other nodes
	outbox      outbox
	marks       marks
	blocks      blocks
	exports     exports
	uploads     uploads
	sweep       chan struct{}
	look        chan struct{} // of WatchLogs
}

// Parts are what the verbs work with.
type Parts struct {
	Store     Store
	Write     Write
	Post      Post
	Logs      Logs
	People    People
	Signals   Signals
	Passwords Passwords
	Limiter   Limiter
	Rates     Rates
	Budgets   Budgets
	Secrets   Secrets
	Files     Files
	Pictures  Pictures
	// MaxUpload bounds a file, in bytes.
	MaxUpload int64
	// Mails and Phones bring letters, each by its way.
	Mails, Phones Mail
	// ByOperator tells that an operator alone opens buildings.
	ByOperator bool
	// Nodes are the other nodes; nil where there are none.
	Nodes Nodes
	// Region is the ISO 3166-1 code of the region whose national phone numbers are
	// understood.
	Region string
	// Now gives the time.
	Now func() time.Time
}

// New gives the verbs over their parts, all of which are needed but Nodes.
func New(parts Parts) *Service {
	return &Service{
		Parts: parts, locale: localeOf(parts.Region), outbox: newOutbox(), elsewhere: typists{longer: typingElsewhere},
		exports: exports{due: make(chan struct{}, 1)}, sweep: make(chan struct{}, 1), look: make(chan struct{}, 1),
	}
}

// now is the time as the databases keep it: in UTC, to the microsecond.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

// localeOf gives the language that most people of a region read, such as "ar-EG".
func localeOf(region string) string {
	tag := language.Make("und-" + region)
	base, _ := tag.Base()
	return base.String() + "-" + region
}

// Store is what the verbs read. Where a row is not there, it answers NOT_FOUND.
type Store interface {
	Account(ctx context.Context, id omarty.ID) (omarty.Account, error)
	// Person gives who has an e-mail address or, where that is zero, a phone number.
	Person(ctx context.Context, email omarty.Email, phone omarty.Phone) (omarty.Account, error)
	// TasksDue tells whether there is something of a kind to do outside.
	TasksDue(ctx context.Context, kind omarty.TaskKind, now time.Time) (bool, error)
	EmailTaken(ctx context.Context, email omarty.Email) (bool, error)
	PhoneTaken(ctx context.Context, phone omarty.Phone) (bool, error)
	CredentialsByEmail(ctx context.Context, email omarty.Email) (omarty.Credentials, error)
	CredentialsByPhone(ctx context.Context, phone omarty.Phone) (omarty.Credentials, error)
	CredentialsOf(ctx context.Context, id omarty.ID) (omarty.Credentials, error)
	// KnownDevice tells by what a person is known who logs in: by a session of theirs, ended
	// or not, whose id or token's hash is given, or by a place from which one was made since.
	KnownDevice(ctx context.Context, of, session omarty.ID, tokenHash, place []byte, since time.Time) (omarty.KnownDevice, error)
	Exports(ctx context.Context, of omarty.ID, now time.Time) ([]omarty.DataExport, error)
	Export(ctx context.Context, id omarty.ID, now time.Time) (omarty.DataExport, error)
	ExpiredExports(ctx context.Context, now time.Time, most int) ([]omarty.ID, error)
	// Personal gives a page of a part of what is known of a person; next is where the one
	// after it begins, "" after the last.
	Personal(ctx context.Context, of omarty.ID, part omarty.PersonalPart, after string) (items []any, next string, err error)
	PersonalSize(ctx context.Context, of omarty.ID) (int, error)
	// SweepTokens removes the token buckets that are full.
	SweepTokens(ctx context.Context, now time.Time) error
	SessionByToken(ctx context.Context, hash []byte) (omarty.Session, error)
	Sessions(ctx context.Context, owner omarty.ID, now time.Time) ([]omarty.Session, error)
	// GoodSessions gives those of the sessions that are neither revoked nor expired.
	GoodSessions(ctx context.Context, ids []omarty.ID, now time.Time) ([]omarty.ID, error)

	Users(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.User, error)
	// PresentPeople gives those of the people who are in the rooms, by room.
	PresentPeople(ctx context.Context, rooms, people []omarty.ID) (map[omarty.ID][]omarty.ID, error)
	Buildings(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Building, error)
	// BuildingOf and RoomOf give where a thing is, and the zero ID of what is not there.
	BuildingOf(ctx context.Context, id omarty.ID) (omarty.ID, error)
	RoomOf(ctx context.Context, participant omarty.ID) (omarty.ID, error)
	Apartments(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Apartment, error)
	ApartmentsIn(ctx context.Context, of omarty.ID, page omarty.Page) (omarty.Slice[omarty.Apartment], error)
	ApartmentsOf(ctx context.Context, memberships []omarty.ID) (map[omarty.ID][]omarty.Apartment, error)
	Residents(ctx context.Context, of omarty.ID, page omarty.Page) (omarty.Slice[omarty.User], error)
	Membership(ctx context.Context, id omarty.ID) (omarty.Membership, error)
	MembershipIn(ctx context.Context, building, of omarty.ID) (omarty.Membership, error)
	MembershipsOf(ctx context.Context, of omarty.ID) ([]omarty.Membership, error)
	Members(ctx context.Context, of omarty.ID, status omarty.MembershipStatus, page omarty.Page) (omarty.Slice[omarty.Membership], error)
	Invitation(ctx context.Context, id omarty.ID) (omarty.Invitation, error)
	InvitationByCode(ctx context.Context, code string) (omarty.Invitation, error)
	InvitationsTo(ctx context.Context, of omarty.ID, now time.Time, page omarty.Page) (omarty.Slice[omarty.Invitation], error)
	RoomFor(ctx context.Context, id, of omarty.ID) (omarty.Room, error)
	RoomOfPair(ctx context.Context, pair string) (omarty.Room, error)
	// LastOwn gives when somebody posted last in rooms.
	LastOwn(ctx context.Context, rooms []omarty.ID, of omarty.ID) (map[omarty.ID]time.Time, error)
	BlockedUsers(ctx context.Context, by omarty.ID, page omarty.Page) (omarty.Slice[omarty.User], error)
	// BlockedBy gives whom each of the people blocked.
	BlockedBy(ctx context.Context, people []omarty.ID) (map[omarty.ID][]omarty.ID, error)
	Report(ctx context.Context, id omarty.ID) (omarty.Report, error)
	// Reports gives those of a building, but of direct rooms' messages none of the asker's.
	Reports(ctx context.Context, building, to omarty.ID, page omarty.Page) (omarty.Slice[omarty.Report], error)
	// AuditLines gives lines with their places, the oldest first.
	AuditLines(ctx context.Context, in omarty.AuditFilter, page omarty.Page) (omarty.Slice[omarty.AuditRecord], error)
	Counterparts(ctx context.Context, rooms []omarty.ID, of omarty.ID) (map[omarty.ID]omarty.Counterpart, error)
	RoomsWith(ctx context.Context, of, building omarty.ID, page omarty.Page) (omarty.Slice[omarty.Room], error)
	Rooms(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Room, error)
	RoomIDs(ctx context.Context, of omarty.ID) ([]omarty.ID, error)
	RoomsFor(ctx context.Context, ids []omarty.ID, of omarty.ID) ([]omarty.Room, error)
	JoinedSince(ctx context.Context, moment time.Time) ([]omarty.Joined, error)
	Participants(ctx context.Context, room omarty.ID, to omarty.Reader, page omarty.Page) (omarty.Slice[omarty.Participant], error)
	Readings(ctx context.Context, rooms []omarty.ID, of omarty.ID) (map[omarty.ID]omarty.Reading, error)
	FirstUnread(ctx context.Context, rooms []omarty.ID, of omarty.ID) (map[omarty.ID]omarty.Message, error)
	Unread(ctx context.Context, of omarty.ID) (int, error)
	MarkAt(ctx context.Context, room, of omarty.ID, seq int) (omarty.Mark, error)
	Readers(ctx context.Context, room omarty.ID, seq int, to omarty.Reader, page omarty.Page) (omarty.Slice[omarty.User], error)
	ReadMarks(ctx context.Context, participants []omarty.ID) (map[omarty.ID]omarty.ReadPosition, error)
	Events(ctx context.Context, room omarty.ID, to omarty.Reader, after, first int) ([]omarty.Event, error)
	Heads(ctx context.Context, rooms []omarty.ID) (map[omarty.ID]int, error)
	Messages(ctx context.Context, ids []omarty.ID, to omarty.Reader) (map[omarty.ID]omarty.Message, error)
	MessageFor(ctx context.Context, id, of omarty.ID) (omarty.Message, error)
	MessagesIn(ctx context.Context, room omarty.ID, to omarty.Reader, w omarty.MessageWindow) (omarty.Slice[omarty.Message], error)
	SearchMessages(ctx context.Context, q omarty.Search) (omarty.Slice[omarty.Message], error)
	SeqAt(ctx context.Context, room omarty.ID, at time.Time) (int, error)
	Polls(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Poll, error)
	Ballots(ctx context.Context, polls []omarty.ID, of omarty.ID) (map[omarty.ID][]omarty.Ballot, error)
	// DuePolls gives polls that are open beyond their end.
	DuePolls(ctx context.Context, now time.Time, most int) ([]omarty.Poll, error)
	Notices(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Notice, error)
	Outstanding(ctx context.Context, notices []omarty.ID, to omarty.ID, page omarty.Page) (map[omarty.ID]omarty.Slice[omarty.Apartment], error)
	Replies(ctx context.Context, of omarty.ID, to omarty.Reader, w omarty.MessageWindow) (omarty.Slice[omarty.Message], error)
	Revisions(ctx context.Context, of omarty.ID, page omarty.Page) (omarty.Slice[omarty.Revision], error)
	Mentions(ctx context.Context, messages []omarty.ID) (map[omarty.ID][]omarty.Mention, error)
	Reactions(ctx context.Context, messages []omarty.ID) (map[omarty.ID][]omarty.Reaction, error)
	OwnReactions(ctx context.Context, messages []omarty.ID, of omarty.ID) (map[omarty.ID][]omarty.Emoji, error)
	// FileFor gives a file to who may read it now.
	FileFor(ctx context.Context, id, of omarty.ID) (omarty.File, error)
	Attachments(ctx context.Context, messages []omarty.ID) (map[omarty.ID][]omarty.File, error)
	UnusedBytes(ctx context.Context, of omarty.ID) (int, error)
	KnownFiles(ctx context.Context, ids []omarty.ID) (map[omarty.ID]bool, error)
	DroppedFiles(ctx context.Context, most int) ([]omarty.File, error)
	// Erasures gives who was erased, or forgotten, after a moment, and who is not forgotten
	// yet.
	Erasures(ctx context.Context, since time.Time) ([]omarty.Erasure, error)
	// Scrub overwrites what was removed, as far as the database can.
	Scrub(ctx context.Context) error
	Reactors(ctx context.Context, to omarty.ID, emoji omarty.Emoji, page omarty.Page) (omarty.Slice[omarty.User], error)
	Pinned(ctx context.Context, rooms []omarty.ID, to omarty.Reader) (map[omarty.ID][]omarty.Message, error)
	Participant(ctx context.Context, id omarty.ID) (omarty.Participant, error)
	AuditRecord(ctx context.Context, id omarty.ID) (omarty.AuditRecord, error)
	// Meet tells whether two people share an active building or a room.
	Meet(ctx context.Context, a, b omarty.ID) (bool, error)
	AuditOf(ctx context.Context, building omarty.ID, page omarty.Page) (omarty.Slice[omarty.AuditRecord], error)
}

// Write runs change in a transaction, all of which is stored or nothing. It
// answers CONFLICT where a value that one row alone may have is another's, and
// UNAVAILABLE where the database cannot answer, or where nobody knows whether it
// committed.
type Write func(ctx context.Context, change func(context.Context, Tx) error) error

// Post stores a message where admit, which is told under the room's lock how
// things stand, gives nil; else it stores nothing and answers admit's error. Many
// drafts may be decided at once, so admit waits for nothing. UNAVAILABLE as Write.
type Post func(ctx context.Context, d omarty.Draft, admit func(omarty.Standing) error) (omarty.Message, error)

// Tx is what the verbs write in a transaction.
type Tx interface {
	CreateAccount(ctx context.Context, a omarty.Account, email omarty.Email, passwordHash string) error
	ChangeProfile(ctx context.Context, id omarty.ID, c omarty.ProfileChange) error
	// SetLastSeen moves forward only.
	SetLastSeen(ctx context.Context, people []omarty.ID, at time.Time) error
	// CredentialsCurrent locks the account until the transaction ends; it is false for one
	// that is disabled.
	CredentialsCurrent(ctx context.Context, c omarty.Credentials) (current bool, err error)
	ChangePassword(ctx context.Context, old omarty.Credentials, passwordHash string) (changed bool, err error)
	CreateSession(ctx context.Context, s omarty.Session, tokenHash []byte) error
	// EndOldestSessions ends those used longest ago but for so many, and gives them.
	EndOldestSessions(ctx context.Context, of omarty.ID, keep int, at time.Time) ([]omarty.ID, error)
	// GiveBackTokens puts back what Rates took.
	GiveBackTokens(ctx context.Context, taken ...omarty.Bucket) error
	// SessionGood holds the session as it is until the transaction ends.
	SessionGood(ctx context.Context, id omarty.ID, now time.Time) (good bool, err error)
	TouchSessions(ctx context.Context, ids []omarty.ID, usedAt, expiresAt time.Time) error
	EndSession(ctx context.Context, owner, id omarty.ID, at time.Time) (ended bool, err error)
	EndOtherSessions(ctx context.Context, owner, but omarty.ID, at time.Time) (ended int, err error)
	Record(ctx context.Context, r omarty.AuditRecord) error

	// LockAccount lets nobody else change an account until the transaction ends.
	LockAccount(ctx context.Context, id omarty.ID) (omarty.Account, error)
	SetEmail(ctx context.Context, of omarty.ID, email *omarty.Email, verifiedAt *time.Time) error
	SetPhone(ctx context.Context, of omarty.ID, phone *omarty.Phone, verifiedAt *time.Time) error
	SetPassword(ctx context.Context, of omarty.ID, passwordHash string) error
	SetDisabled(ctx context.Context, id omarty.ID, since *time.Time) error
	// PutCode stores a code in the place of the one of its purpose.
	PutCode(ctx context.Context, c omarty.SentCode) error
	// CodeOf gives a code, and lets nobody else guess it until the transaction ends.
	CodeOf(ctx context.Context, of omarty.ID, p omarty.Purpose) (omarty.SentCode, error)
	CountTry(ctx context.Context, id omarty.ID) error
	DropCode(ctx context.Context, id omarty.ID) error
	DropCodes(ctx context.Context, of omarty.ID) error
	DropExpiredCodes(ctx context.Context, by time.Time) error
	AddTask(ctx context.Context, t omarty.Task) error
	// TakeTasks gives tasks of a kind that are due, and keeps others from them until a moment.
	TakeTasks(ctx context.Context, kind omarty.TaskKind, now, until time.Time, most int) ([]omarty.Task, error)
	PutOffTask(ctx context.Context, id omarty.ID, until time.Time) error
	RemoveTask(ctx context.Context, id omarty.ID) error

	// OpenExport gives the export of a person that is being made, and lets nobody else begin
	// one until the transaction ends.
	OpenExport(ctx context.Context, of omarty.ID, now time.Time) (omarty.DataExport, error)
	CreateExport(ctx context.Context, e omarty.DataExport) error
	// ClaimExport gives one that nobody makes; KeepExport and FinishExport are false where
	// the claim, which is the moment until which it was kept last, is another's.
	ClaimExport(ctx context.Context, now, until time.Time) (omarty.DataExport, error)
	KeepExport(ctx context.Context, id omarty.ID, claim, now, until time.Time, progress float64) (kept bool, err error)
	FinishExport(ctx context.Context, id omarty.ID, claim, at, expires time.Time, size int64) (finished bool, err error)
	FailExport(ctx context.Context, id omarty.ID, at time.Time) error
	DropExport(ctx context.Context, id omarty.ID) error

	// What follows erases a person, in this order; between HoldSessions and Erase the
	// buildings of the memberships are locked.
	// HoldSessions gives a person's good sessions, and lets nobody use one until the
	// transaction ends.
	HoldSessions(ctx context.Context, of omarty.ID, now time.Time) (good []omarty.ID, err error)
	// MembershipsOf comes in the order of the buildings' ids.
	MembershipsOf(ctx context.Context, of omarty.ID) ([]omarty.Membership, error)
	// Erase tells whether the credentials are still those of the person, and if so takes
	// away what is theirs alone.
	Erase(ctx context.Context, c omarty.Credentials, at time.Time) (erased bool, err error)
	// LetGo ends a membership, which then names nobody.
	LetGo(ctx context.Context, membership omarty.ID) error
	// LeaveAll locks the rooms that a person was ever in, and takes them out of those
	// where they are.
	LeaveAll(ctx context.Context, who omarty.ID, at time.Time) (left []omarty.ID, err error)
	// ForgetSome is of a later transaction: it clears some of what points at who was erased.
	ForgetSome(ctx context.Context, who omarty.ID, at time.Time) (more bool, err error)

	// LockBuilding lets nobody else change the building, its apartments or its
	// memberships until the transaction ends. It comes before any room's lock.
	LockBuilding(ctx context.Context, id omarty.ID) (omarty.Building, error)
	CreateBuilding(ctx context.Context, b omarty.Building) error
	ChangeBuilding(ctx context.Context, id omarty.ID, name, address string) error
	ApartmentKeys(ctx context.Context, of omarty.ID, keys []string) (taken []string, err error)
	ApartmentsIn(ctx context.Context, of omarty.ID, ids []omarty.ID) (found []omarty.ID, err error)
	CreateApartments(ctx context.Context, apartments []omarty.Apartment) error
	Inhabited(ctx context.Context, id omarty.ID) (bool, error)
	RemoveApartment(ctx context.Context, id omarty.ID) error

	Membership(ctx context.Context, id omarty.ID) (omarty.Membership, error)
	MembershipIn(ctx context.Context, building, of omarty.ID) (omarty.Membership, error)
	Managers(ctx context.Context, of omarty.ID) (int, error)
	CreateMembership(ctx context.Context, m omarty.Membership) error
	ChangeMembership(ctx context.Context, m omarty.Membership) error
	ResidenciesOf(ctx context.Context, membership omarty.ID) ([]omarty.ID, error)
	SetResidencies(ctx context.Context, membership omarty.ID, apartments []omarty.ID) error

	CreateInvitation(ctx context.Context, i omarty.Invitation) error
	UseInvitation(ctx context.Context, id omarty.ID, now time.Time) (good bool, err error)
	RevokeInvitation(ctx context.Context, id omarty.ID, at time.Time) (revoked bool, err error)

	CreateRoom(ctx context.Context, r omarty.Room) error
	// ChangeRoom stores a room's name, topic and archive.
	ChangeRoom(ctx context.Context, r omarty.Room) error
	// ActiveMembers and PresentIn give those of the people who are in a building, and in
	// a room.
	ActiveMembers(ctx context.Context, building omarty.ID, people []omarty.ID) ([]omarty.ID, error)
	PresentIn(ctx context.Context, room omarty.ID, people []omarty.ID) ([]omarty.ID, error)
	// Neighbours tells whether two people share an active building, and neither blocked
	// the other.
	Neighbours(ctx context.Context, a, b omarty.ID) (bool, error)
	// Block and Unblock tell whether they changed anything; Blocks counts.
	Block(ctx context.Context, by, whom omarty.ID, at time.Time) (changed bool, err error)
	Unblock(ctx context.Context, by, whom omarty.ID) (changed bool, err error)
	Blocks(ctx context.Context, by omarty.ID) (int, error)
	// WhoBlocked gives those of the people who blocked a person.
	WhoBlocked(ctx context.Context, whom omarty.ID, people []omarty.ID) ([]omarty.ID, error)
	RoomOfPair(ctx context.Context, pair string) (omarty.ID, error)
	// AddReport tells whether there was none of the message by the same person.
	AddReport(ctx context.Context, r omarty.Report) (added bool, err error)
	// LockReport gives a report, and lets nobody else resolve it.
	LockReport(ctx context.Context, id omarty.ID) (omarty.Report, error)
	ResolveReport(ctx context.Context, id, by omarty.ID, at time.Time) error
	SetNotifications(ctx context.Context, room, of omarty.ID, level omarty.NotificationLevel) (moved bool, err error)
	RoomsOfBuilding(ctx context.Context, of omarty.ID) ([]omarty.ID, error)
	RoomsWith(ctx context.Context, building, of omarty.ID) ([]omarty.ID, error)
	// LockRoom and LockMessage lock a room, or that of a message, for somebody who is in
	// it; they answer NOT_FOUND to others. Of several rooms, the first is locked first
	// whose id is smaller.
	LockRoom(ctx context.Context, id, of omarty.ID) (omarty.RoomStanding, error)
	// HoldRooms keeps everybody from writing to rooms, and waits for who does.
	HoldRooms(ctx context.Context, ids []omarty.ID) error
	LockMessage(ctx context.Context, id, of omarty.ID) (omarty.MessageStanding, error)
	// Join and Leave lock the room: rooms come in the order of their ids.
	Join(ctx context.Context, room, who omarty.ID, at time.Time) error
	Leave(ctx context.Context, room, who omarty.ID, at time.Time) error
	MarkRead(ctx context.Context, m omarty.Mark) (moved bool, err error)
	// Poll, Cast and Acknowledge are called under the lock of the message's room.
	Poll(ctx context.Context, id omarty.ID) (omarty.Poll, error)
	Cast(ctx context.Context, b omarty.Ballot, voter omarty.ID) (changed bool, err error)
	// ClosePoll locks the room: rooms come in the order of their ids.
	ClosePoll(ctx context.Context, id, room omarty.ID, at time.Time) (closed bool, err error)
	Acknowledge(ctx context.Context, notice, by omarty.ID, at time.Time) (asked, confirmed int, err error)

	// What follows changes a message whose room is locked; its entry is appended, too.
	// MentionsIn gives who is mentioned, in the order of their places.
	MentionsIn(ctx context.Context, message omarty.ID) ([]omarty.Mention, error)
	// Absent gives those of the mentioned people who are not in a room.
	Absent(ctx context.Context, room omarty.ID, mentions []omarty.Mention) ([]omarty.ID, error)
	EditMessage(ctx context.Context, was omarty.Message, text string, mentions []omarty.Mention) error
	DeleteMessage(ctx context.Context, id, by omarty.ID) error
	// AskAgain makes a notice, whose text became another, ask every apartment again.
	AskAgain(ctx context.Context, notice omarty.ID) error
	// DropPollAndNotice removes what a message asks, as far as it does.
	DropPollAndNotice(ctx context.Context, message omarty.ID) error
	// ReactionsTo gives the different reactions to a message, and somebody's own.
	ReactionsTo(ctx context.Context, message, of omarty.ID) (all, own []omarty.Emoji, err error)
	AddReaction(ctx context.Context, to, by omarty.ID, emoji omarty.Emoji) error
	RemoveReaction(ctx context.Context, to, by omarty.ID, emoji omarty.Emoji) (removed bool, err error)
	// PinnedIn counts the messages that are pinned in a room.
	PinnedIn(ctx context.Context, room omarty.ID) (int, error)

	AddFile(ctx context.Context, f omarty.File) error
	// UnusedFile gives a file that somebody uploaded since and nobody uses, and holds it.
	UnusedFile(ctx context.Context, id, of omarty.ID, since time.Time) (omarty.File, error)
	// SetAvatar drops the avatar that there was; the zero id is for none.
	SetAvatar(ctx context.Context, of, id omarty.ID, at time.Time) error
	// DropAttachments is called under the lock of the message's room.
	DropAttachments(ctx context.Context, of omarty.ID, at time.Time) error
	DropUnused(ctx context.Context, until, at time.Time) error
	RemoveFiles(ctx context.Context, ids []omarty.ID) error

	// Append says what a room's log shall tell; it is numbered and written last.
	Append(e omarty.Event)
}

// writeAs is Write for who is signed in: UNAUTHENTICATED for who is not, also where
// their session has ended since they asked. A document may run for long, and its
// session be revoked by who noticed a thief.
func (s *Service) writeAs(ctx context.Context, by Asker, change func(context.Context, Tx) error) error {
	if err := by.SignedIn(); err != nil {
		return err
	}
	return s.Write(ctx, func(ctx context.Context, tx Tx) error {
		good, err := tx.SessionGood(ctx, by.Session, s.now())
		if err != nil {
			return err
		}
		if !good {
			return Asker{}.SignedIn()
		}
		return change(ctx, tx)
	})
}

// Secrets marks what only this installation can have made, and seals what only it may
// read. See package secret.
type Secrets interface {
	Mark(purpose string, parts ...string) []byte
	Seal(text []byte) []byte
	Open(sealed []byte) ([]byte, error)
}

// Passwords hashes passwords. Hash and Matches are called between Turn and done.
type Passwords interface {
	Turn(ctx context.Context) (done func(), err error)
	Hash(password string) (string, error)
	// Matches takes the same time against an empty hash, and is false.
	Matches(password, hash string) (bool, error)
}

// Limiter counts attempts in token buckets, and what is there, of this node.
type Limiter interface {
	// Take takes a token, or tells how long to wait for one. giveBack puts it back.
	Take(r omarty.Rate, key string, now time.Time) (giveBack func(), wait time.Duration)
	// Enter counts one more in, and leave counts it out; false where there are too many.
	Enter(c omarty.Crowd, key string) (leave func(), ok bool)
}

// Asker is who calls a verb, and from where.
type Asker struct {
	// User is who is signed in; zero for nobody.
	User omarty.ID
	// Session is that of the device that is signed in; zero for nobody.
	Session omarty.ID
	// Shown is the hash of a token that was shown and is not good: that of a session which
	// has ended, or of none. It lets nobody do anything; see tryLogIn.
	Shown string
	// Address is that of the peer, as far as the door knows it.
	Address netip.Addr
}

// SignedIn is nil for who has a session, else UNAUTHENTICATED.
func (a Asker) SignedIn() error {
	if a.Session.IsZero() {
		return omarty.Errorf(omarty.CodeUnauthenticated, "Log in first.")
	}
	return nil
}

// place is the key of an asker's buckets: an IPv4 address, or the /64 that an
// IPv6 subscriber has whole.
func (a Asker) place() string {
	bits := 64
	if address := a.Address.Unmap(); address.Is4() {
		bits = 32
	}
	prefix, err := a.Address.Unmap().Prefix(bits)
	if err != nil {
		return "unknown"
	}
	return prefix.String()
}

type askerKey struct{}

// WithAsker gives a context whose calls are the asker's.
func WithAsker(ctx context.Context, by Asker) context.Context {
	return context.WithValue(ctx, askerKey{}, &by)
}

// WithPeer gives a context whose calls are nobody's, from the address of a peer as
// net/http has it, HOST:PORT.
func WithPeer(ctx context.Context, remote string) context.Context {
	var by Asker
	if peer, err := netip.ParseAddrPort(remote); err == nil {
		by.Address = peer.Addr()
	}
	return WithAsker(ctx, by)
}

// AskerOf gives whose calls a context carries: nobody's where none were named.
func AskerOf(ctx context.Context) Asker {
	if by, ok := ctx.Value(askerKey{}).(*Asker); ok {
		return *by
	}
	return Asker{}
}

// SignOut makes the calls that a context carries nobody's, once their session has
// ended. It may not run beside other calls of the context.
func SignOut(ctx context.Context) {
	if by, ok := ctx.Value(askerKey{}).(*Asker); ok {
		by.User, by.Session = omarty.ID{}, omarty.ID{}
	}
}
