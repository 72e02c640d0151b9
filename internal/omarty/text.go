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

// maxCharacterBytes is how many bytes a name may have for each character it may
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

// closeBidi closes what a text opens by the explicit formatting characters of
// UAX #9 and leaves open, and drops what closes nothing.
func closeBidi(s string) string {
	const (
		lre, rle, lro, rlo, pdf = '\u202A', '\u202B', '\u202D', '\u202E', '\u202C'
		lri, rli, fsi, pdi      = '\u2066', '\u2067', '\u2068', '\u2069'
	)
	var (
		out      strings.Builder
		owed     []rune // the closers of what is open, the innermost last
		isolates int    // how many of them are PDI
	)
	for _, r := range s {
		switch r {
		case lre, rle, lro, rlo:
			owed = append(owed, pdf)
		case lri, rli, fsi:
			owed = append(owed, pdi)
			isolates++
		case pdf:
			if len(owed) == 0 || owed[len(owed)-1] != pdf {
				continue
			}
			owed = owed[:len(owed)-1]
		case pdi:
			if isolates == 0 {
				continue
			}
			// The end of an isolate is the end of the embeddings within (X6a).
			for owed[len(owed)-1] != pdi {
				owed = owed[:len(owed)-1]
			}
			owed = owed[:len(owed)-1]
			isolates--
		}
		out.WriteRune(r)
	}
	slices.Reverse(owed)
	out.WriteString(string(owed))
	return out.String()
}
