package omarty

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Email is a well-formed e-mail address.
type Email struct {
	// Address is what to show and to send to: as it was given, without white space
	// around it, in NFC.
	Address string
	// Key is what to compare: one for all addresses that differ in case alone. Its
	// local part is case-folded, its domain in the ASCII form of IDNA (UTS #46).
	Key string
}

// String gives the address.
func (e Email) String() string { return e.Address }

// The limits of RFC 5321 in bytes, for a path without its angle brackets and for
// a local part.
const (
	maxEmailLength = 254
	maxLocalLength = 64
)

// mailDomains accepts the host names of RFC 1123 and their international forms,
// without regard to case or width.
var mailDomains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.VerifyDNSLength(true))

// ParseEmail reads an e-mail address: a bare addr-spec of RFC 5322, extended to
// Unicode by RFC 6532, with a dot-atom for a local part and a domain name of two
// labels or more. Display names, comments, quoted local parts and address
// literals are not accepted. ParseEmail of an Address gives the same Email.
//
// Errors: CodeRequired for nothing but white space, else CodeInvalidInput; with
// MaxLength where the address has more than 254 bytes.
func ParseEmail(raw string) (Email, error) {
	address := norm.NFC.String(strings.TrimSpace(raw))
	switch {
	case address == "":
		return Email{}, errRequired()
	case len(address) > maxEmailLength:
		return Email{}, errTooLong(maxEmailLength)
	case !utf8.ValidString(address), strings.ContainsFunc(address, notPrinted):
		return Email{}, errEmail()
	}
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Address != address {
		return Email{}, errEmail()
	}
	local, domain, _ := strings.Cut(address, "@")
	if len(local) > maxLocalLength {
		return Email{}, errEmail()
	}
	host, err := mailDomains.ToASCII(domain)
	if err != nil {
		return Email{}, errEmail()
	}
	top := host[strings.LastIndexByte(host, '.')+1:]
	if top == host || strings.Trim(top, "0123456789") == "" {
		return Email{}, errEmail()
	}
	return Email{Address: address, Key: foldCase(local) + "@" + host}, nil
}

func errEmail() error {
	return Errorf(CodeInvalidInput, "It is no valid e-mail address.")
}

func notPrinted(r rune) bool {
	return !unicode.IsGraphic(r) || unicode.Is(unicode.Zs, r)
}

// foldCase gives one text, in NFC, for all that are a canonical caseless match
// (D145 of the Unicode Standard).
func foldCase(s string) string {
	return norm.NFC.String(cases.Fold().String(norm.NFD.String(s)))
}
