package omarty

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// MaxNameLength is how many characters the name of a person may have, as
// NormalizeName counts them.
const MaxNameLength = 100

// maxCharacterBytes is how many bytes a text may have for each character it may
// have. The longest emoji sequences have 35, so that only endless combining
// marks go beyond.
const maxCharacterBytes = 40

const maxLocaleLength = 35

// NormalizeName gives a text of one line, such as the name of a person, as it is
// kept: without white space around it, in NFC, its bidirectional embeddings,
// overrides and isolates closed (UAX #9), so that it cannot turn the text around
// it. NormalizeName of its own result gives the same.
//
// A name may have up to limit characters as people see them (the extended
// grapheme clusters of UAX #29; marks of direction are not counted).
//
// Errors: CodeRequired for nothing but white space, else CodeInvalidInput: with
// MaxLength for more than limit characters, or far more code points than those
// need; without for broken UTF-8, control characters, separators of lines and
// paragraphs, noncharacters, and a name of which nothing is seen.
func NormalizeName(raw string, limit int) (string, error) {
	name := strings.TrimSpace(raw)
	switch {
	case name == "":
		return "", errRequired()
	case !utf8.ValidString(name), strings.ContainsFunc(name, neverInLine):
		return "", Errorf(CodeInvalidInput, "It has characters that a line of text cannot have.")
	}
	// A stray closer that goes may leave a space at an end, or a mark beside the
	// letter it combines with.
	name = norm.NFC.String(strings.TrimSpace(closeBidi(name)))
	switch {
	case !strings.ContainsFunc(name, visible):
		return "", Errorf(CodeInvalidInput, "It has no visible character.")
	case len(name) > limit*maxCharacterBytes, characters(name) > limit:
		return "", errTooLong(limit)
	}
	return name, nil
}

// NormalizeOptional is NormalizeName for a text that may be empty.
func NormalizeOptional(raw string, limit int) (string, error) {
	if strings.TrimSpace(raw) == "" {
		return "", nil
	}
	return NormalizeName(raw, limit)
}

// NormalizeLocale gives the canonical form of a BCP 47 language tag, such as
// "ar-EG". Case does not matter, and underscores are read as hyphens.
//
// Errors: CodeInvalidInput, with MaxLength for more than 35 bytes; also for no
// tag at all and for one without a language, such as "und".
func NormalizeLocale(raw string) (string, error) {
	if len(raw) > maxLocaleLength {
		return "", errTooLong(maxLocaleLength)
	}
	tag, err := language.Parse(raw)
	if base, _, _ := tag.Raw(); err != nil || base == (language.Base{}) {
		return "", Errorf(CodeInvalidInput, "It is no BCP 47 language tag.")
	}
	return tag.String(), nil
}

func errRequired() error {
	return Errorf(CodeRequired, "It must not be empty.")
}

func errTooLong(limit int) error {
	e := Errorf(CodeInvalidInput, "It has more than %d characters.", limit)
	e.MaxLength = limit
	return e
}

func neverInLine(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Noncharacter_Code_Point)
}

// visible tells whether a character shows by itself.
func visible(r rune) bool {
	const brailleBlank = '\u2800'
	return r != brailleBlank &&
		!unicode.In(r, unicode.Z, unicode.M, unicode.Cc, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point)
}

// characters counts the grapheme clusters that are not marks of direction, each
// of which is a cluster of its own.
func characters(s string) int {
	n := 0
	for g := graphemes.FromString(s); g.Next(); {
		if r, _ := utf8.DecodeRuneInString(g.Value()); !unicode.Is(unicode.Bidi_Control, r) {
			n++
		}
	}
	return n
}

// closeBidi closes what a paragraph opens by the explicit formatting characters of
// UAX #9 and leaves open, and drops what closes nothing.
func closeBidi(s string) string {
	var (
		out strings.Builder
		b   bidi
	)
	for _, r := range s {
		if b.keeps(r) {
			out.WriteRune(r)
		}
	}
	out.WriteString(b.close())
	return out.String()
}

// bidi follows the embeddings, overrides and isolates of a paragraph. The zero bidi
// is at its beginning.
type bidi struct {
	owed     []rune // the closers of what is open, the innermost last
	isolates int    // how many of them are PDI
}

// keeps takes the paragraph's next character, and is false for one that closes
// nothing.
func (b *bidi) keeps(r rune) bool {
	const (
		lre, rle, lro, rlo, pdf = '\u202A', '\u202B', '\u202D', '\u202E', '\u202C'
		lri, rli, fsi, pdi      = '\u2066', '\u2067', '\u2068', '\u2069'
	)
	switch r {
	case lre, rle, lro, rlo:
		b.owed = append(b.owed, pdf)
	case lri, rli, fsi:
		b.owed = append(b.owed, pdi)
		b.isolates++
	case pdf:
		if len(b.owed) == 0 || b.owed[len(b.owed)-1] != pdf {
			return false
		}
		b.owed = b.owed[:len(b.owed)-1]
	case pdi:
		if b.isolates == 0 {
			return false
		}
		// The end of an isolate is the end of the embeddings within (X6a).
		for b.owed[len(b.owed)-1] != pdi {
			b.owed = b.owed[:len(b.owed)-1]
		}
		b.owed = b.owed[:len(b.owed)-1]
		b.isolates--
	}
	return true
}

// close ends the paragraph: it gives the closers that it needs, and is at the
// beginning of the next one.
func (b *bidi) close() string {
	slices.Reverse(b.owed)
	closers := string(b.owed)
	b.owed, b.isolates = b.owed[:0], 0
	return closers
}
