package omarty

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/unicode/norm"
)

// Phone is a valid phone number in E.164, such as +201011223344. All spellings
// of one number give the same Phone.
type Phone string

// maxPhoneInput is how many characters a spelling of a phone number may have:
// far more than the fifteen digits of E.164 with all their punctuation.
const maxPhoneInput = 64

// ParsePhone reads a phone number, of a mobile or a landline, as people write it
// in a region, an ISO 3166-1 alpha-2 code such as "EG": a national number, or
// one with its country code after + or 00 or what else the region dials for
// abroad. Digits of any script, spaces, brackets, hyphens and full stops are
// understood, invisible format characters passed over; extensions are not.
// ParsePhone of a Phone gives that Phone, in any region.
//
// The + of a urlencoded form arrives as a space, so what begins with a space is
// read with a + first.
//
// Errors: CodeRequired for nothing but white space, else CodeInvalidInput.
func ParsePhone(raw, region string) (Phone, error) {
	text := strings.TrimSpace(raw)
	if text == "" {
		return "", errRequired()
	}
	if utf8.RuneCountInString(text) > maxPhoneInput {
		return "", errPhone()
	}
	text = strings.TrimSpace(strings.Map(dropFormat, norm.NFKC.String(text)))
	number, ok := dialled(text)
	if !ok {
		return "", errPhone()
	}
	var readings []string
	if strings.HasPrefix(raw, " ") && number[0] != '+' {
		readings = append(readings, "+"+number)
	}
	readings = append(readings, number)
	if rest, ok := strings.CutPrefix(number, "00"); ok {
		readings = append(readings, "+"+rest)
	}
	for _, r := range readings {
		if phone, ok := validPhone(r, region); ok {
			return phone, nil
		}
	}
	return "", errPhone()
}

// ValidRegion tells whether ParsePhone knows the national numbers of a region,
// an ISO 3166-1 alpha-2 code in capitals.
func ValidRegion(region string) bool {
	return phonenumbers.GetSupportedRegions()[region]
}

func errPhone() error {
	return Errorf(CodeInvalidInput, "It is no valid phone number.")
}

// dialled gives the digits of a spelling in ASCII, after a + where it has one.
// It fails where there is no digit, or a character has no place in a number.
func dialled(text string) (string, bool) {
	var out []byte
	for _, r := range text {
		r = asciiDigit(r)
		switch {
		case '0' <= r && r <= '9', r == '+' && len(out) == 0:
			out = append(out, byte(r)) //nolint:gosec // a digit, or a plus
		case strings.ContainsRune("()-.", r), unicode.Is(unicode.Zs, r):
		default:
			return "", false
		}
	}
	if len(out) == 0 || string(out) == "+" {
		return "", false
	}
	return string(out), true
}

// validPhone reads digits, with or without a +, as a number of a region.
func validPhone(digits, region string) (Phone, bool) {
	n, err := phonenumbers.Parse(digits, region)
	if err != nil || !phonenumbers.IsValidNumber(n) {
		return "", false
	}
	e164 := phonenumbers.Format(n, phonenumbers.E164)
	// Some numbers begin with what their own country dials as a prefix, and lose
	// it when read again: a Phone that is no fixed point is no key.
	n, err = phonenumbers.Parse(e164, phonenumbers.UNKNOWN_REGION)
	if err != nil || !phonenumbers.IsValidNumber(n) || phonenumbers.Format(n, phonenumbers.E164) != e164 {
		return "", false
	}
	return Phone(e164), true
}

// dropFormat is for strings.Map: it drops the invisible format characters.
func dropFormat(r rune) rune {
	if unicode.Is(unicode.Cf, r) {
		return -1
	}
	return r
}

// asciiDigit gives the ASCII digit of the same value for a decimal digit of any
// script, and any other character as it is.
func asciiDigit(r rune) rune {
	if r < utf8.RuneSelf || !unicode.IsDigit(r) {
		return r
	}
	// Unicode promises that the decimal digits of a script are a run from 0 to 9.
	value := rune(0)
	for unicode.IsDigit(r - value - 1) {
		value++
	}
	return '0' + value%10
}
