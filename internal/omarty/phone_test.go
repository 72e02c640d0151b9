package omarty

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestParsePhoneReadsAllSpellings(t *testing.T) {
	const (
		mobile   = Phone("+201011223344")
		landline = Phone("+20227950000")
		london   = Phone("+442079460018")
		rome     = Phone("+390612345678")
		newYork  = Phone("+12125550123")
	)
	for _, c := range []struct {
		name, raw, region string
		want              Phone
	}{
		{"national", "01011223344", "EG", mobile},
		{"E.164", "+201011223344", "EG", mobile},
		{"E.164, another region", "+201011223344", "US", mobile},
		{"E.164, no region", "+201011223344", "", mobile},
		{"country code after 00", "00201011223344", "EG", mobile},
		{"country code after 00, where 011 is dialled", "00201011223344", "US", mobile},
		{"country code after what the region dials", "011201011223344", "US", mobile},
		{"country code alone", "201011223344", "EG", mobile},
		{"punctuation", "(010) 1122-33.44", "EG", mobile},
		{"plus in brackets", "(+20) 10 1122 3344", "EG", mobile},
		{"national prefix after the country code", "+20 (0)10 1122 3344", "EG", mobile},
		{"hyphen at the end", "01011223344-", "EG", mobile},
		{"white space around", "\t\r\n 01011223344\u3000\n", "EG", mobile},
		{"spaces that do not break", "010\u00A01122\u202F33\u200744", "EG", mobile},
		{"Arabic-Indic digits", "٠١٠١١٢٢٣٣٤٤", "EG", mobile},
		{"Arabic-Indic digits and plus", "+٢٠ ١٠ ١١٢٢ ٣٣٤٤", "US", mobile},
		{"Extended Arabic-Indic digits", "۰۱۰۱۱۲۲۳۳۴۴", "EG", mobile},
		{"Devanagari digits", "०१०११२२३३४४", "EG", mobile},
		{"fullwidth", "（０１０）１１２２－３３４４", "EG", mobile},
		{"fullwidth plus", "＋２０１０１１２２３３４４", "EG", mobile},
		{"marks of direction", "\u200F\u202A+20 10\u200E 1122 3344\u202C", "EG", mobile},
		{"mark of direction before white space", "\u200F 01011223344", "EG", mobile},
		{"plus that became a space", " 201011223344", "US", mobile},
		{"spaces before a national number", "  01011223344", "EG", mobile},
		{"spaces before a plus", " +201011223344", "EG", mobile},
		{"spaces before 00", " 00201011223344", "US", mobile},
		{"landline", "02 27950000", "EG", landline},
		{"landline from abroad", "+20 2 2795 0000", "GB", landline},
		{"longest spelling", "01011223344" + strings.Repeat("-", 53), "EG", mobile},
		{"London", "020 7946 0018", "GB", london},
		{"Italian zero stays", "06 1234 5678", "IT", rome},
		{"New York", "(212) 555-0123", "US", newYork},
		{"Argentine mobile as dialled at home", "011 15 2345-6789", "AR", "+5491123456789"},
		{"number of no country", "+800 1234 5678", "EG", "+80012345678"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParsePhone(c.raw, c.region)
			if err != nil || got != c.want {
				t.Errorf("ParsePhone(%q, %q) = %q, %v; want %q", c.raw, c.region, got, err, c.want)
			}
		})
	}
}

func TestParsePhoneRefuses(t *testing.T) {
	for _, c := range []struct {
		name, raw, region string
		want              Code
	}{
		{"nothing", "", "EG", CodeRequired},
		{"white space", " \t\n\u00A0", "EG", CodeRequired},
		{"much white space", strings.Repeat(" ", 1000), "EG", CodeRequired},
		{"format characters", "\u200F \u200E", "EG", CodeInvalidInput},
		{"punctuation", "(-)", "EG", CodeInvalidInput},
		{"plus", "+", "EG", CodeInvalidInput},
		{"letters", "hello", "EG", CodeInvalidInput},
		{"vanity number", "1-800-FLOWERS", "US", CodeInvalidInput},
		{"too short", "0101122334", "EG", CodeInvalidInput},
		{"too long", "010112233445", "EG", CodeInvalidInput},
		{"longer than any spelling", "01011223344" + strings.Repeat("-", 54), "EG", CodeInvalidInput},
		{"endless", strings.Repeat("1", 1_000_000), "EG", CodeInvalidInput},
		{"emergency number", "122", "EG", CodeInvalidInput},
		{"national number of another region", "01011223344", "US", CodeInvalidInput},
		{"national number without a region", "01011223344", "", CodeInvalidInput},
		{"no such country code", "+999123456789", "EG", CodeInvalidInput},
		{"two pluses", "++201011223344", "EG", CodeInvalidInput},
		{"plus inside", "20+1011223344", "EG", CodeInvalidInput},
		{"plus at the end", "01011223344+", "EG", CodeInvalidInput},
		{"extension", "01011223344 ext. 5", "EG", CodeInvalidInput},
		{"extension by letter", "01011223344x5", "EG", CodeInvalidInput},
		{"extension by hash", "01011223344 5#", "EG", CodeInvalidInput},
		{"extension by semicolon", "+201011223344;ext=5", "EG", CodeInvalidInput},
		{"two numbers", "01011223344/01011223345", "EG", CodeInvalidInput},
		{"star", "*01011223344", "EG", CodeInvalidInput},
		{"hyphen of typography", "010\u20101122\u20103344", "EG", CodeInvalidInput},
		{"hyphen that does not break", "010\u20111122\u20113344", "EG", CodeInvalidInput},
		{"tab inside", "010\t11223344", "EG", CodeInvalidInput},
		{"line break inside", "010\n11223344", "EG", CodeInvalidInput},
		{"URI", "tel:+201011223344", "EG", CodeInvalidInput},
		{"fraction", "½01011223344", "EG", CodeInvalidInput},
		{"NUL", "01011223344\x00", "EG", CodeInvalidInput},
		{"broken UTF-8", "01011223344\xFF", "EG", CodeInvalidInput},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParsePhone(c.raw, c.region)
			if got != "" || CodeOf(err) != c.want {
				t.Errorf("ParsePhone(%q, %q) = %q, %v; want %s", c.raw, c.region, got, err, c.want)
			}
		})
	}
}

func TestValidRegion(t *testing.T) {
	for region, want := range map[string]bool{
		"EG": true, "US": true, "SA": true, "": false, "eg": false, "EGY": false, "ZZ": false, "001": false,
	} {
		if ValidRegion(region) != want {
			t.Errorf("ValidRegion(%q) = %t", region, !want)
		}
	}
}

func TestDigitsOfEveryScript(t *testing.T) {
	for _, script := range []string{"0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९", "০১২৩৪৫৬৭৮৯", "𝟘𝟙𝟚𝟛𝟜𝟝𝟞𝟟𝟠𝟡"} {
		if got := strings.Map(asciiDigit, script); got != "0123456789" {
			t.Errorf("%s read as %s", script, got)
		}
	}
	for r := range rune(unicode.MaxRune) {
		if d := asciiDigit(r); unicode.IsDigit(r) != ('0' <= d && d <= '9') {
			t.Errorf("asciiDigit(%U) = %U", r, d)
		}
	}
}

func FuzzParsePhone(f *testing.F) {
	for _, s := range []string{
		"", " ", "01011223344", "+201011223344", "00201011223344", " 201011223344", "٠١٠ ١١٢٢ ٣٣٤٤",
		"(02) 2795-0000", "+390612345678", "011 15 2345-6789", "+80012345678", "+٢٠\u200F١٠١١٢٢٣٣٤٤", "++1", "½", "\xFF",
	} {
		for _, region := range []string{"EG", "US", "IT", "AR", "RU", ""} {
			f.Add(s, region)
		}
	}
	f.Fuzz(func(t *testing.T, raw, region string) {
		p, err := ParsePhone(raw, region)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if len(p) < 4 || len(p) > 19 || p[0] != '+' || strings.Trim(string(p[1:]), "0123456789") != "" {
			t.Fatalf("ParsePhone(%q, %q) = %q, which is not E.164", raw, region, p)
		}
		for _, r := range []string{region, "EG", "US", "GB", "RU", "ZZ", ""} {
			if again, err := ParsePhone(string(p), r); again != p || err != nil {
				t.Fatalf("ParsePhone(%q, %q) = %q, %v", p, r, again, err)
			}
		}
	})
}

// checkRefusal fails unless an error is one that a client may be told.
func checkRefusal(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*Error](err); !ok {
		t.Fatalf("%v is no *Error", err)
	}
}

// checkText fails unless a text is what the server keeps: UTF-8 in NFC without
// control characters.
func checkText(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) || !norm.NFC.IsNormalString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		t.Fatalf("%q is not fit to be kept", s)
	}
}
