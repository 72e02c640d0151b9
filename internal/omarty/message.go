package omarty

import (
	"crypto/sha256"
	"encoding/json"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	// MaxTextLength is how many characters a message's text may have, as
	// NormalizeText counts them.
	MaxTextLength = 4000
	// MaxKeyLength is how many code points an idempotency key may have.
	MaxKeyLength = 64
	// MaxReactions is how many different emoji a message may have.
	MaxReactions = 20
	// MaxPins is how many messages may be pinned in a room.
	MaxPins = 50
)

// Message is what somebody said in a room.
type Message struct {
	ID ID
	// Room is the id of its room.
	Room ID
	// Seq is its place in the room's log: that of the entry that posted it.
	Seq int
	// ChangedSeq is the newest entry that changed it, and TextSeq the one that wrote
	// its present text.
	ChangedSeq int
	TextSeq    int
	// Key is the idempotency key that it was sent with.
	Key string
	// Author is who sent it; zero for people who erased their account.
	Author ID
	// Apartment is the one that the author wrote from; zero where they chose none.
	Apartment ID
	// Text is empty once deleted, or beside a poll.
	Text string
	// ReplyTo is the message of the same room that it answers; zero for none.
	ReplyTo ID
	// ReplyCount is how many messages answer it, deleted ones among them.
	ReplyCount int
	// HasPoll and IsNotice tell whether there are a poll and a notice with its id; not
	// once deleted.
	HasPoll, IsNotice bool
	// Attachments is how many files it has.
	Attachments int
	CreatedAt   time.Time
	// EditedAt, DeletedAt and PinnedAt are nil where it is not.
	EditedAt, DeletedAt, PinnedAt *time.Time
	// DeletedBy is zero where it is not, and for people who erased their account.
	DeletedBy ID
}

// IsNode marks Message as a Node.
func (Message) IsNode() {}

// Revision is a text that a message had earlier.
type Revision struct {
	Text      string
	WrittenAt time.Time
}

// Reaction is that people said something about a message with an emoji.
type Reaction struct {
	Message ID
	Emoji   Emoji
	// Count is how many people did, those who erased their account among them.
	Count int
}

// Draft is a message to be posted, valid in itself.
type Draft struct {
	ID     ID
	Room   ID
	Author ID
	// Session is the one that the author sends with.
	Session   ID
	Key       string
	Text      string
	Apartment ID
	// ReplyTo is the message that it answers; zero for none.
	ReplyTo ID
	// Mentions are sorted by where they begin.
	Mentions []Mention
	// Poll is nil for none.
	Poll *NewPoll
	// Notice tells whether it asks every apartment to confirm it.
	Notice bool
	// Attachments are files that the author uploaded and nobody uses yet, each once.
	Attachments []ID
	At          time.Time
}

// Fingerprint tells drafts apart that one key may not be used for: it is the
// SHA-256 of what the author gave, after normalisation. What a draft does not have
// is no part of it, so that it stays the same when drafts learn to have more.
func (d Draft) Fingerprint() []byte {
	type mention struct {
		User          string
		Start, Length int
	}
	mentions := make([]mention, len(d.Mentions))
	for i, m := range d.Mentions {
		mentions[i] = mention{m.User.String(), m.Start, m.Length}
	}
	files := make([]string, len(d.Attachments))
	for i, id := range d.Attachments {
		files[i] = id.String()
	}
	text, err := json.Marshal(struct {
		Text      string    `json:"text,omitempty"`
		Apartment string    `json:"apartment,omitempty"`
		ReplyTo   string    `json:"replyTo,omitempty"`
		Mentions  []mention `json:"mentions,omitempty"`
		Poll      *NewPoll  `json:"poll,omitempty"`
		Notice    bool      `json:"notice,omitempty"`
		Files     []string  `json:"attachments,omitempty"`
	}{d.Text, d.Apartment.String(), d.ReplyTo.String(), mentions, d.Poll, d.Notice, files})
	if err != nil {
		panic(err) // strings can be written as JSON
	}
	sum := sha256.Sum256(text)
	return sum[:]
}

// Standing is how things stand with a draft, read under the lock of its room: by
// it is decided whether the draft is posted.
type Standing struct {
	// SessionGood tells whether the author's session has neither ended nor expired.
	SessionGood bool
	// Present tells whether the author is in the room. Where it is false, what
	// follows is empty.
	Present bool
	Room    Room
	// Manages tells whether the author is a manager of the room's building.
	Manages bool
	// MutedUntil is that of the author's membership in the room's building.
	MutedUntil *time.Time
	// LastOwn is when the author posted last in a room with a slow mode; nil for never,
	// and in other rooms.
	LastOwn *time.Time
	// Earlier is what the author has posted in the room with the draft's key; nil
	// where that is nothing. Same tells whether it was of the same fingerprint.
	Earlier *Message
	Same    bool
	// KnowsApartment tells whether the draft's apartment is of the room's building,
	// and LivesThere whether it is one of the author's.
	KnowsApartment bool
	LivesThere     bool
	// Together tells, of a direct room, whether its two people share a building, and
	// neither of them blocked the other.
	Together bool
	// KnowsReply tells whether what the draft answers is a message of the room.
	KnowsReply bool
	// Absent are those of the people whom the draft mentions who are not in the room.
	Absent []ID
	// Asked are, where the draft is a notice, the apartments of the room's building in
	// which somebody lives.
	Asked []ID
	// Unusable are those of the draft's attachments that are none of the author's, or are
	// used, or too old.
	Unusable []ID
}

// RoomStanding is how things stand with a room for somebody who is in it and means to
// change something there, read under its lock.
type RoomStanding struct {
	Room Room
	// Manages tells whether the person is a manager of the room's building, and
	// MutedUntil is until when they are muted there; nil for no mute.
	Manages    bool
	MutedUntil *time.Time
	// LastOwn is as that of Standing, where it is known.
	LastOwn *time.Time
	// Together is as that of Standing.
	Together bool
}

// MessageStanding is how things stand with a message that somebody in its room means to
// change.
type MessageStanding struct {
	RoomStanding
	Message Message
}

// CheckKey is REQUIRED for an empty idempotency key, and INVALID_INPUT for one of
// more than MaxKeyLength code points, of broken UTF-8 or with control characters.
func CheckKey(key string) error {
	switch {
	case key == "":
		return errRequired()
	case !utf8.ValidString(key), strings.ContainsFunc(key, unicode.IsControl):
		return Errorf(CodeInvalidInput, "It has characters that a key cannot have.")
	case utf8.RuneCountInString(key) > MaxKeyLength:
		return errTooLong(MaxKeyLength)
	}
	return nil
}

// NormalizeText gives the text of a message as it is kept: in NFC, its lines
// ended by line feeds, and the bidirectional formatting closed in each of its
// paragraphs (UAX #9), so that none turns the next one or the text around it. It
// keeps white space, and NormalizeText of its own result gives the same.
//
// Errors: CodeRequired for a text of which nothing is seen, else CodeInvalidInput:
// with MaxLength for more than MaxTextLength characters (see NormalizeName), or
// more bytes than 40 for each of those; without for broken UTF-8, for noncharacters,
// and for control characters other than the ends of lines.
func NormalizeText(raw string) (string, error) {
	text, err := NormalizeOptionalText(raw)
	if err == nil && text == "" {
		return "", errRequired()
	}
	return text, err
}

// NormalizeOptionalText is NormalizeText for a text that may be empty, as beside
// attachments or a poll: one of which nothing is seen is "".
func NormalizeOptionalText(raw string) (string, error) {
	folded, err := foldText(raw, func(rune, int, int) {})
	if err != nil {
		return "", err
	}
	return boundText(norm.NFC.String(folded))
}

// foldText does with a text what NormalizeText does before NFC. It tells moved of
// each character of raw in turn: where it begins and ends in the result, in bytes;
// one that is left out ends where it begins.
func foldText(raw string, moved func(r rune, start, end int)) (string, error) {
	if !utf8.ValidString(raw) || strings.ContainsFunc(raw, neverInText) {
		return "", Errorf(CodeInvalidInput, "It has characters that a text cannot have.")
	}
	var (
		out    strings.Builder
		open   bidi
		before rune
	)
	out.Grow(len(raw))
	for _, r := range raw {
		switch start := out.Len(); {
		case r == '\n' && before == '\r':
			moved(r, start, start)
		case r == '\n', r == '\r', r == paragraphSeparator:
			out.WriteString(open.close())
			start = out.Len()
			if r == '\r' {
				out.WriteByte('\n')
			} else {
				out.WriteRune(r)
			}
			moved(r, start, out.Len())
		default:
			if open.keeps(r) {
				out.WriteRune(r)
			}
			moved(r, start, out.Len())
		}
		before = r
	}
	out.WriteString(open.close())
	return out.String(), nil
}

// boundText gives a text in NFC as it is kept, or says that it is too long.
func boundText(text string) (string, error) {
	switch {
	case !strings.ContainsFunc(text, visible):
		return "", nil
	case len(text) > MaxTextLength*maxCharacterBytes, characters(text) > MaxTextLength:
		return "", errTooLong(MaxTextLength)
	}
	return text, nil
}

// paragraphSeparator ends a paragraph (of UAX #9) as the end of a line does.
const paragraphSeparator = '\u2029'

func neverInText(r rune) bool {
	return r != '\n' && r != '\r' && unicode.In(r, unicode.Cc, unicode.Noncharacter_Code_Point)
}

// MessageWindow asks for a page of a room's messages: those between two
// positions, of which the first or, with Back, the last are wanted. The page is
// oldest first in any case.
type MessageWindow struct {
	// After and Before are positions that the messages lie between; nil where that
	// side is open.
	After, Before *int
	// Count is how many, from 1 on.
	Count int
	Back  bool
}
