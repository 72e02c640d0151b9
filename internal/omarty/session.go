package omarty

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"time"
)

const (
	// SessionLifetime is how long a session lives after its last use.
	SessionLifetime = 90 * 24 * time.Hour
	// SessionTouch is how much later a use must be than the one on record to be
	// written: a call costs no write.
	SessionTouch = time.Minute
	// MaxSessions is how many sessions a person has at once: one more ends the one that was
	// used longest ago.
	MaxSessions = 20
	// MaxDeviceLength is how many characters the name of a device may have.
	MaxDeviceLength = 100
)

// Session is a device that is signed in.
type Session struct {
	ID ID
	// User is whose it is.
	User       ID
	Device     string
	CreatedAt  time.Time
	LastUsedAt time.Time
	ExpiresAt  time.Time
	// Current tells whether it is the one that asks.
	Current bool
	// Place marks the address that it is made from; "" where that is not known, and when
	// the session is read.
	Place string
}

// KnownDevice is by what a person is known who logs in.
type KnownDevice struct {
	// Session is one of theirs, which the device has or had; zero for none.
	Session ID
	// Place tells that they have signed in from there of late.
	Place bool
}

// Ended are sessions that have ended: those of Sessions, and all of User's but one.
type Ended struct {
	Sessions []ID `json:",omitempty"`
	// User is zero for nobody, and But for none.
	User, But ID
}

// Has tells whether a session of somebody's is among them.
func (e Ended) Has(user, session ID) bool {
	return !e.User.IsZero() && e.User == user && e.But != session || slices.Contains(e.Sessions, session)
}

// IsNode marks Session as a Node.
func (Session) IsNode() {}

// Good tells whether the session, not having been revoked, is still alive.
func (s Session) Good(now time.Time) bool { return now.Before(s.ExpiresAt) }

// Token is what a device shows to be known: 256 random bits as unpadded
// base64url, 43 characters. It is a secret; the service keeps its Hash alone.
type Token string

// NewToken gives a new token.
func NewToken() Token {
	var bits [32]byte
	rand.Read(bits[:]) // never fails: crypto/rand ends the program instead
	return Token(base64.RawURLEncoding.EncodeToString(bits[:]))
}

// Hash gives SHA-256 of the token, by which its session is found. A token has
// too many bits to be guessed from it, so no slow hash is needed.
func (t Token) Hash() []byte {
	sum := sha256.Sum256([]byte(t))
	return sum[:]
}

// String keeps a token out of whatever prints it.
func (Token) String() string { return "[token]" }
