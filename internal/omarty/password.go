package omarty

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// How few and how many characters (Unicode code points in NFC) a password may
// have.
const (
	MinPasswordLength = 8
	MaxPasswordLength = 1024
)

// NormalizePassword gives a password as it is hashed and compared: in NFC, so
// that it does not matter how a keyboard composes its characters, and otherwise
// as it was typed. NormalizePassword of its own result gives the same.
//
// Errors: CodeRequired for an empty one; CodeInvalidInput for broken UTF-8 and
// NUL, and with MaxLength for more than MaxPasswordLength characters, or more
// bytes than those can have. It does not tell strong from weak:
// CheckPasswordStrength does.
func NormalizePassword(raw string) (string, error) {
	switch {
	case raw == "":
		return "", errRequired()
	case len(raw) > MaxPasswordLength*utf8.UTFMax:
		return "", errTooLong(MaxPasswordLength)
	case !utf8.ValidString(raw), strings.ContainsRune(raw, 0):
		return "", Errorf(CodeInvalidInput, "It has characters that a password cannot have.")
	}
	password := norm.NFC.String(raw)
	if utf8.RuneCountInString(password) > MaxPasswordLength {
		return "", errTooLong(MaxPasswordLength)
	}
	return password, nil
}

// CheckPasswordStrength gives CodePasswordTooWeak for a password, as
// NormalizePassword gives it, that has fewer than MinPasswordLength characters
// or is among those that are guessed first: one of the commonest, a text shorter
// than MinPasswordLength again and again, or a run through the digits or an
// alphabet. Neither case nor the script of digits matters.
func CheckPasswordStrength(normalized string) error {
	if utf8.RuneCountInString(normalized) < MinPasswordLength {
		return Errorf(CodePasswordTooWeak, "It has fewer than %d characters.", MinPasswordLength)
	}
	p := strings.Map(asciiDigit, strings.ToLower(normalized))
	if _, common := slices.BinarySearch(commonPasswords(), p); common || isRepeated(p) || strings.Contains(runs, p) {
		return Errorf(CodePasswordTooWeak, "It is among the passwords that are guessed first.")
	}
	return nil
}

//go:embed commonpasswords/list.txt
var commonPasswordList string

// commonPasswords gives the commonest passwords of MinPasswordLength characters
// or more, sorted, in lower case. The list leaves out repetitions and runs.
var commonPasswords = sync.OnceValue(func() []string {
	return strings.Fields(commonPasswordList)
})

// runs are the sequences that people run through, to and fro.
const runs = `
01234567890123456789
98765432109876543210
abcdefghijklmnopqrstuvwxyz
zyxwvutsrqponmlkjihgfedcba
ابتثجحخدذرزسشصضطظعغفقكلمنهوي
يوهنملكقفغعظطضصشسزرذدخحجثتبا
`

// isRepeated tells whether a text is a shorter one, of fewer characters than a
// password needs, two times or more; the last time it may break off.
func isRepeated(s string) bool {
	chars := []rune(s)
	for unit := 1; unit < MinPasswordLength && 2*unit <= len(chars); unit++ {
		if slices.Equal(chars[unit:], chars[:len(chars)-unit]) {
			return true
		}
	}
	return false
}
