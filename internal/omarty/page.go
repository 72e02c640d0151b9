package omarty

import (
	"encoding/base64"
	"encoding/binary"
	"math"

	"github.com/google/uuid"
)

// MaxPage is how many entries a page may have, unless a list says otherwise.
const MaxPage = 100

// CheckPageSize is INVALID_INPUT for a page of none, and TOO_LARGE for one of
// more than most.
func CheckPageSize(n, most int) error {
	switch {
	case n < 1:
		return Errorf(CodeInvalidInput, "A page has 1 entry or more.")
	case n > most:
		return Errorf(CodeTooLarge, "A page has %d entries at most.", most)
	}
	return nil
}

// Page asks for a page of a list that goes forward.
type Page struct {
	// First is how many entries, from 1 on.
	First int
	// After is the place to go on from; nil for the start.
	After *Cursor
}

// Slice is a page of a list.
type Slice[T any] struct {
	Items []T
	// Cursors are the places of the items.
	Cursors []Cursor
	// More tells whether there are items after these.
	More bool
}

// Cursor is a place in a list: that of the entry with these keys, whether or not
// it is still there. Lists are sorted by a number, such as a position in a log or
// a moment in microseconds, and where that can be the same for two, by the row.
type Cursor struct {
	Number int64
	Row    uuid.UUID
}

// cursorText is RFC 4648's base64url, whose last character must be one of those
// that its encoder writes: so each cursor has one spelling.
var cursorText = base64.RawURLEncoding.Strict()

// ParseCursor reads what Cursor.String wrote: INVALID_INPUT for anything else.
func ParseCursor(s string) (Cursor, error) {
	malformed := Errorf(CodeInvalidInput, "It is no cursor of this server's.")
	if len(s) > cursorText.EncodedLen(binary.MaxVarintLen64+len(uuid.UUID{})) {
		return Cursor{}, malformed
	}
	key, err := cursorText.DecodeString(s)
	if err != nil {
		return Cursor{}, malformed
	}
	var c Cursor
	number, n := binary.Uvarint(key)
	if n <= 0 || number > math.MaxInt64 {
		return Cursor{}, malformed
	}
	c.Number = int64(number)
	if copy(c.Row[:], key[n:]) != 0 && len(key[n:]) != len(c.Row) || c.String() != s {
		return Cursor{}, malformed
	}
	return c, nil
}

// String gives the cursor as clients keep it: opaque, 2 to 35 characters. Number
// is 0 or more.
func (c Cursor) String() string {
	key := binary.AppendUvarint(nil, uint64(c.Number)) //nolint:gosec // read back the same way
	if c.Row != uuid.Nil {
		key = append(key, c.Row[:]...)
	}
	return cursorText.EncodeToString(key)
}
