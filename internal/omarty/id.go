package omarty

import (
	"encoding/base32"
	"strings"

	"github.com/google/uuid"
)

// Kind is what an id names: the prefix of its text.
type Kind string

// The kinds of things that have an id.
const (
	KindUser        Kind = "user"
	KindViewer      Kind = "viewer"
	KindSession     Kind = "session"
	KindAuditEntry  Kind = "audit"
	KindBuilding    Kind = "building"
	KindApartment   Kind = "apartment"
	KindMembership  Kind = "member"
	KindInvitation  Kind = "invitation"
	KindRoom        Kind = "room"
	KindLog         Kind = "log"
	KindMessage     Kind = "msg"
	KindParticipant Kind = "participant"
	KindEvent       Kind = "event"
	KindCode        Kind = "code"
	KindTask        Kind = "task"
	KindReport      Kind = "report"
	// KindPoll and KindNotice name a row that has its message's.
	KindPoll   Kind = "poll"
	KindNotice Kind = "notice"
	KindOption Kind = "option"

	KindDataExport Kind = "export"
	KindFile       Kind = "file"
)

// ID names one thing: which kind it is, and which row of that kind. The zero ID
// names nothing.
type ID struct {
	Kind Kind
	// Row is the row's UUIDv7 (RFC 9562), so that ids of a kind sort by the time
	// of their making, in a database and as text.
	Row uuid.UUID
}

// idText is RFC 4648's base32 with the extended hex alphabet, which keeps the
// order of the bytes, in lower case: 26 characters for a UUID.
var idText = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// Nothing is an id that names nothing, and yet is not the zero ID, which names
// nobody's choice: what clients send that cannot be an id is read as this one.
var Nothing = ID{Row: uuid.Max}

// NewID gives a new id of a kind.
func NewID(kind Kind) ID { return ID{kind, uuid.Must(uuid.NewV7())} }

// ParseID reads what ID.String wrote. Anything else is no id, and false: each id
// has one spelling.
func ParseID(s string) (ID, bool) {
	kind, text, ok := strings.Cut(s, "_")
	if !ok || kind == "" || len(kind) > 16 || len(text) != 26 {
		return ID{}, false
	}
	for _, c := range []byte(kind) {
		if c < 'a' || c > 'z' {
			return ID{}, false
		}
	}
	var id ID
	if n, err := idText.Decode(id.Row[:], []byte(text)); err != nil || n != len(id.Row) {
		return ID{}, false
	}
	id.Kind = Kind(kind)
	if id.IsZero() || id.String() != s {
		return ID{}, false
	}
	return id, true
}

// String gives the id as clients know it, such as
// "user_06f4l5k2u3v4s7f0e2tq1c8k5g"; "" for the zero ID.
func (id ID) String() string {
	return string(id.Append(nil))
}

// Append appends what String gives.
func (id ID) Append(to []byte) []byte {
	if id.IsZero() {
		return to
	}
	return idText.AppendEncode(append(append(to, id.Kind...), '_'), id.Row[:])
}

// IsZero tells whether the id names nothing.
func (id ID) IsZero() bool { return id.Row == uuid.Nil }

// As gives the id of another kind for the same row: a person is a User to others
// and a Viewer to themselves.
func (id ID) As(kind Kind) ID { return ID{kind, id.Row} }

// Node is a thing that has an id of its own.
type Node interface{ IsNode() }
