package omarty

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// Contact is a way to reach a person.
type Contact string

// The ways to reach a person.
const (
	ContactEmail Contact = "EMAIL"
	ContactPhone Contact = "PHONE"
)

// Purpose is what a code is for: who has one of each purpose has a newer one in its
// place.
type Purpose string

// VerifyPurpose is that of a code by which it is proved that a contact is the account's.
func VerifyPurpose(c Contact) Purpose { return Purpose("VERIFY_" + c) }

// ChangePurpose is that of a code by which a contact becomes the account's.
func ChangePurpose(c Contact) Purpose { return Purpose("CHANGE_" + c) }

// ResetPurpose is that of a code by which another password is set.
func ResetPurpose(c Contact) Purpose { return Purpose("RESET_" + c) }

const (
	// CodeLifetime is how long a code is good.
	CodeLifetime = 10 * time.Minute
	// CodeTries is how many wrong guesses end it.
	CodeTries = 5
	// codeDigits is how many digits a code has.
	codeDigits = 6
)

// SentCode is a code that was sent, without the code.
type SentCode struct {
	ID      ID
	User    ID
	Purpose Purpose
	// To is where it was sent: an e-mail address as it was written, or a phone number.
	To string
	// Mark tells the code from others; see Secrets.
	Mark      []byte
	Tries     int
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Good tells whether the code, which was not used, may be guessed at a moment.
func (c SentCode) Good(now time.Time) bool { return c.Tries < CodeTries && now.Before(c.ExpiresAt) }

// NewCode gives six random digits, each as likely as any.
func NewCode() string {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		panic(err) // crypto/rand ends the program instead
	}
	return fmt.Sprintf("%0*d", codeDigits, n)
}

// ParseCode reads a code as people type it: digits of any script, with spaces and hyphens
// between them. What is none is "", which no code is.
func ParseCode(raw string) string {
	if len(raw) > 64 {
		return ""
	}
	code := strings.Map(func(r rune) rune {
		switch r {
		case ' ', '-', '\u00a0', '\u200e', '\u200f':
			return -1
		}
		return asciiDigit(r)
	}, strings.TrimSpace(raw))
	if len(code) != codeDigits || strings.Trim(code, "0123456789") != "" {
		return ""
	}
	return code
}
