package omarty

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"unicode/utf16"

	"golang.org/x/text/unicode/norm"
)

// MaxMentions is how many mentions a text may have.
const MaxMentions = 100

// Mention names a person at a place in a text.
type Mention struct {
	// User is the person; zero for people who erased their account.
	User ID
	// Start is where it begins, and Length how long it is, in UTF-16 code units of
	// the text, as JavaScript, Kotlin and Dart count.
	Start, Length int
}

// NormalizeMarked is NormalizeText for a text with mentions. They are given as they
// lie in the text as the client typed it, in any order, and come back as they lie in
// the text as it is kept, by their start: each over the same characters. Where a
// mention begins or ends within something that NFC writes in another way, such as
// between a letter and the mark that it is composed with, it grows around that. Who
// is mentioned is not looked at.
//
// Errors name "text", "mentions", or what is below that by its place in what was
// given. First come those of NormalizeText; then CodeTooLarge for more than
// MaxMentions; then CodeInvalidInput, at "mentions.0.start" or "mentions.0.length",
// for a mention that does not lie in the text, is empty, begins or ends between the
// two code units of one character, overlaps another, or lies over nothing that the
// text keeps.
func NormalizeMarked(raw string, mentions []Mention) (string, []Mention, error) {
	return normalizeMarked(raw, mentions, false)
}

// NormalizeOptionalMarked is NormalizeMarked for a text that may be empty, as beside
// attachments or a poll: one of which nothing is seen is "". It has no mentions then.
func NormalizeOptionalMarked(raw string, mentions []Mention) (string, []Mention, error) {
	return normalizeMarked(raw, mentions, true)
}

func normalizeMarked(raw string, mentions []Mention, optional bool) (string, []Mention, error) {
	marks, wrong := marksOf(mentions)
	units, next := 0, 0
	folded, err := foldText(raw, func(r rune, start, end int) {
		after := units + utf16.RuneLen(r)
		for ; next < len(marks); next++ {
			m := &marks[next]
			if m.Start == units {
				m.from = start
			}
			if m.Start+m.Length == after {
				m.to = end
			}
			if m.Start+m.Length > after {
				break
			}
		}
		units = after
	})
	if err != nil {
		return "", nil, At(err, "text")
	}
	text := norm.NFC.String(folded)
	kept, err := boundText(text)
	if err == nil && kept == "" && !optional {
		err = errRequired()
	}
	if err != nil {
		return "", nil, At(err, "text")
	}
	if wrong != nil {
		return "", nil, wrong
	}
	for _, m := range marks {
		switch {
		case m.from < 0, kept == "":
			return "", nil, m.wrongStart()
		case m.to < 0, m.from == m.to:
			return "", nil, m.wrongLength()
		}
	}
	composeMarks(marks, folded, text)
	placed, err := placeMarks(marks, text)
	if err != nil {
		return "", nil, err
	}
	return kept, placed, nil
}

// mark is a mention on its way: where it lies in the text in bytes, from -1 on as
// long as that is not known, and which of those that were given it is.
type mark struct {
	Mention
	from, to int
	place    int
}

func (m mark) wrongStart() error {
	return Errorf(CodeInvalidInput, "A mention begins with a character of the text.").At(fmt.Sprintf("mentions.%d.start", m.place))
}

func (m mark) wrongLength() error {
	return Errorf(CodeInvalidInput, "A mention ends with a character of the text.").At(fmt.Sprintf("mentions.%d.length", m.place))
}

func (m mark) overlaps() error {
	return Errorf(CodeInvalidInput, "Two mentions overlap.").At(fmt.Sprintf("mentions.%d.start", m.place))
}

// marksOf sorts mentions by their start, and checks what can be without the text.
func marksOf(mentions []Mention) ([]mark, error) {
	if len(mentions) > MaxMentions {
		return nil, Errorf(CodeTooLarge, "At most %d mentions.", MaxMentions).At("mentions")
	}
	marks := make([]mark, len(mentions))
	for i, m := range mentions {
		marks[i] = mark{Mention: m, from: -1, to: -1, place: i}
		switch {
		case m.Start < 0:
			return nil, marks[i].wrongStart()
		case m.Length < 1, m.Length > math.MaxInt-m.Start:
			return nil, marks[i].wrongLength()
		}
	}
	slices.SortStableFunc(marks, func(a, b mark) int { return cmp.Compare(a.Start, b.Start) })
	for i := 1; i < len(marks); i++ {
		if before := marks[i-1]; marks[i].Start < before.Start+before.Length {
			return nil, marks[i].overlaps()
		}
	}
	return marks, nil
}

// composeMarks moves marks from a text to its NFC. Between two of its boundaries NFC
// depends on what is there alone; a mark that begins or ends where it changed
// something grows to the boundary.
func composeMarks(marks []mark, text, nfc string) {
	if text == nfc {
		return
	}
	var (
		it      norm.Iter
		segment []byte
		// Where the segment is in text, and in nfc.
		from, to, nfcFrom, nfcTo int
	)
	it.InitString(norm.NFC, text)
	moved := func(place int, end bool) int {
		for place >= to && !it.Done() {
			segment = it.Next()
			from, to = to, it.Pos()
			nfcFrom, nfcTo = nfcTo, nfcTo+len(segment)
		}
		switch {
		case place == from:
			return nfcFrom
		case place == to:
			return nfcTo
		case text[from:to] == string(segment):
			return nfcFrom + place - from
		case end:
			return nfcTo
		}
		return nfcFrom
	}
	for i := range marks {
		marks[i].from, marks[i].to = moved(marks[i].from, false), moved(marks[i].to, true)
	}
}

// placeMarks gives the mentions whose marks lie in a text.
func placeMarks(marks []mark, text string) ([]Mention, error) {
	placed := make([]Mention, len(marks))
	units, to := 0, 0
	for i, m := range marks {
		if m.from < to {
			return nil, m.overlaps()
		}
		start := units + utf16Length(text[to:m.from])
		length := utf16Length(text[m.from:m.to])
		placed[i] = Mention{User: m.User, Start: start, Length: length}
		units, to = start+length, m.to
	}
	return placed, nil
}

// utf16Length is how many code units a text has in UTF-16.
func utf16Length(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}
