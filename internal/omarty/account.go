package omarty

import "time"

// User is a person as others see them.
type User struct {
	ID   ID
	Name string
	// SharesPresence tells whether others may know their presence, and LastSeenAt is
	// when they were seen last, to the minute; nil for never. A user that a message was
	// posted with has neither.
	SharesPresence bool
	LastSeenAt     *time.Time
	// Avatar is the file that shows the person; zero for none.
	Avatar ID
}

// AvatarURL is where the avatar is read; nil where there is none.
func (u User) AvatarURL() *string {
	return File{ID: u.Avatar, Thumbnail: !u.Avatar.IsZero()}.ThumbnailURL()
}

// IsNode marks User as a Node.
func (User) IsNode() {}

// Account is a person as only they themselves see them: the Viewer of the public
// schema.
type Account struct {
	User User
	// Session is the one that the person reads it through.
	Session   ID
	CreatedAt time.Time
	// Email is as the person wrote it; nil where it was erased.
	Email         *string
	EmailVerified bool
	// Phone is nil where it was erased.
	Phone         *Phone
	PhoneVerified bool
	// Locale is a BCP 47 tag.
	Locale         string
	ShareReadMarks bool
	SharePresence  bool
	// DisabledAt is since when an operator keeps the person from signing in; nil for not.
	DisabledAt *time.Time
}

// IsNode marks Account as a Node.
func (Account) IsNode() {}

// ViewerID is the account's own id, which nobody else meets.
func (a Account) ViewerID() ID { return a.User.ID.As(KindViewer) }

// ProfileChange is what a person changes of their profile; nil stays as it is.
type ProfileChange struct {
	Name           *string
	Locale         *string
	ShareReadMarks *bool
	SharePresence  *bool
	// Avatar is a file that the person uploaded; the zero id takes the avatar away.
	Avatar *ID
}

// Erasure is that a person's account was erased.
type Erasure struct {
	User ID
	At   time.Time
	// Forgotten tells that nothing points at the person any more.
	Forgotten bool
}

// Credentials are what a person proves who they are with.
type Credentials struct {
	User ID
	// PasswordHash is argon2id in PHC string format.
	PasswordHash string
}
