package omarty

import (
	"crypto/rand"
	"encoding/base32"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const (
	// MaxBuildingNameLength is how many characters the name of a building may have, as
	// NormalizeName counts them.
	MaxBuildingNameLength = 100
	// MaxAddressLength is how many its address may have.
	MaxAddressLength = 300
	// MaxApartmentNumberLength is how many the number on a door may have.
	MaxApartmentNumberLength = 20
	// MaxApartmentsAtOnce is how many apartments one call adds.
	MaxApartmentsAtOnce = 1000
	// MaxInvitationUses is how often an invitation with a number of uses is used at
	// the most.
	MaxInvitationUses = 10_000
	// MaxFloor bounds how high and how low an apartment may be.
	MaxFloor = 1000
)

// Building is a house whose people talk here.
type Building struct {
	ID      ID
	Name    string
	Address string
	// CreatedAt is nil for people whose membership is pending.
	CreatedAt *time.Time
}

// IsNode marks Building as a Node.
func (Building) IsNode() {}

// Apartment is a door of a building.
type Apartment struct {
	ID ID
	// Building is the id of its building.
	Building ID
	// Number is as on the door.
	Number string
	Floor  *int
}

// IsNode marks Apartment as a Node.
func (Apartment) IsNode() {}

// ApartmentKey is what apartments' numbers are compared by: 3b is 3B, digits are
// digits in every script, all white space is alike, and what does not show, such as a
// mark of direction, makes no difference.
func ApartmentKey(number string) string {
	seen := strings.Map(func(r rune) rune {
		if !visible(r) && !unicode.In(r, unicode.Z, unicode.M) {
			return -1
		}
		return asciiDigit(r)
	}, norm.NFKC.String(number))
	return cases.Fold().String(strings.Join(strings.Fields(seen), " "))
}

// NewApartment is an apartment to be.
type NewApartment struct {
	Number string
	Floor  *int
}

// Normalize gives the apartment as it is kept: REQUIRED or INVALID_INPUT "number"
// or "floor" where it cannot be.
func (a NewApartment) Normalize() (NewApartment, error) {
	number, err := NormalizeName(a.Number, MaxApartmentNumberLength)
	if err != nil {
		return a, At(err, "number")
	}
	if a.Floor != nil && (*a.Floor > MaxFloor || *a.Floor < -MaxFloor) {
		return a, Errorf(CodeInvalidInput, "A floor goes from -%d to %d.", MaxFloor, MaxFloor).At("floor")
	}
	return NewApartment{Number: number, Floor: a.Floor}, nil
}

// MembershipRole is what a member may do.
type MembershipRole string

// The roles of members.
const (
	RoleResident MembershipRole = "RESIDENT"
	RoleManager  MembershipRole = "MANAGER"
)

// MembershipStatus is where a membership stands.
type MembershipStatus string

// The states of a membership.
const (
	StatusPending MembershipStatus = "PENDING"
	StatusActive  MembershipStatus = "ACTIVE"
	StatusBanned  MembershipStatus = "BANNED"
	StatusEnded   MembershipStatus = "ENDED"
)

// Membership is one person's place in one building.
type Membership struct {
	ID ID
	// Building and User are ids; User is zero for people who erased their account.
	Building ID
	User     ID
	Role     MembershipRole
	Status   MembershipStatus
	// Claimed is the apartment asked for, while a manager has not decided; else zero.
	Claimed   ID
	CreatedAt time.Time
	// MutedUntil is until when the person writes nothing in the building's rooms; nil
	// for no mute.
	MutedUntil *time.Time
}

// MaxMute is how long a mute may last.
const MaxMute = 366 * 24 * time.Hour

// IsNode marks Membership as a Node.
func (Membership) IsNode() {}

// Active tells whether the member is one now.
func (m Membership) Active() bool { return m.Status == StatusActive }

// Muted tells whether the member may write nothing at a moment.
func (m Membership) Muted(now time.Time) bool { return m.MutedUntil != nil && m.MutedUntil.After(now) }

// Manages tells whether the member is a manager now.
func (m Membership) Manages() bool { return m.Active() && m.Role == RoleManager }

// Sees tells whether the member sees another's membership in the same building:
// managers see all, active members the active ones, and everyone their own.
func (m Membership) Sees(other Membership) bool {
	return m.ID == other.ID || m.Manages() || m.Active() && other.Active()
}

// Invitation is a code that lets people into a building.
type Invitation struct {
	ID       ID
	Building ID
	Code     string
	// Apartment is the one that the code is for; zero for any.
	Apartment   ID
	Preapproved bool
	// UsesLeft is nil for as often as wanted.
	UsesLeft *int
	// ExpiresAt is nil for never.
	ExpiresAt *time.Time
}

// IsNode marks Invitation as a Node.
func (Invitation) IsNode() {}

// Good tells whether the invitation, not having been revoked, still lets people in.
func (i Invitation) Good(now time.Time) bool {
	return (i.UsesLeft == nil || *i.UsesLeft > 0) && (i.ExpiresAt == nil || now.Before(*i.ExpiresAt))
}

// invitationText is Crockford's base32: no letter looks like a digit.
var invitationText = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// NewInvitationCode gives a new code that people can read out: 80 random bits, as
// 16 digits and capitals in fours, such as "7K3M-Q2ZD-0RXA-J9HT".
func NewInvitationCode() string {
	var bits [10]byte
	rand.Read(bits[:]) // never fails: crypto/rand ends the program instead
	code := invitationText.EncodeToString(bits[:])
	return code[:4] + "-" + code[4:8] + "-" + code[8:12] + "-" + code[12:]
}

// ParseInvitationCode reads a code as people write it: in either case, with digits of
// any script, with or without dashes, spaces and marks of direction, and with O, I
// and L for the digits that they look like. What cannot be a code is "".
func ParseInvitationCode(s string) string {
	code := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.In(r, unicode.Pd, unicode.Cf):
			return -1
		case r == 'O':
			return '0'
		case r == 'I', r == 'L':
			return '1'
		}
		return asciiDigit(r)
	}, strings.ToUpper(s))
	if _, err := invitationText.DecodeString(code); err != nil || len(code) != 16 {
		return ""
	}
	return code[:4] + "-" + code[4:8] + "-" + code[8:12] + "-" + code[12:]
}
