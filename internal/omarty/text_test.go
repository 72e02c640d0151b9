package omarty

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNormalizeNameAccepts(t *testing.T) {
	family := "👨‍👩‍👧‍👦"
	for _, c := range []struct{ name, raw, want string }{
		{"plain", "Mona Hassan", "Mona Hassan"},
		{"Arabic", "منى حسن", "منى حسن"},
		{"one letter", "X", "X"},
		{"white space around", "\r\n\t\u00A0\u3000Mona Hassan \u2028", "Mona Hassan"},
		{"white space inside", "Mona  Hassan", "Mona  Hassan"},
		{"decomposed", "Rene\u0301e", "Renée"},
		{"joiner inside", "می\u200Cخواهم", "می\u200Cخواهم"},
		{"emoji", family, family},
		{"100 letters", strings.Repeat("م", 100), strings.Repeat("م", 100)},
		{"100 letters with marks", strings.Repeat("مُّ", 100), strings.Repeat("مُّ", 100)},
		{"100 families", strings.Repeat(family, 100), strings.Repeat(family, 100)},
		{"100 flags", strings.Repeat("🇪🇬", 100), strings.Repeat("🇪🇬", 100)},
		{"100 letters, direction open", "\u202B" + strings.Repeat("م", 100), "\u202B" + strings.Repeat("م", 100) + "\u202C"},
		{"direction closed", "\u202BMona\u202C \u2067Hassan\u2069", "\u202BMona\u202C \u2067Hassan\u2069"},
		{"embedding open", "\u202AMona", "\u202AMona\u202C"},
		{"override open", "\u202EMona", "\u202EMona\u202C"},
		{"isolate open", "\u2067Mona", "\u2067Mona\u2069"},
		{"several open", "\u202BM\u2068o\u202Dna", "\u202BM\u2068o\u202Dna\u202C\u2069\u202C"},
		{"stray ends", "M\u202Cona\u2069", "Mona"},
		{"stray end and space", "\u202C Mona \u2069", "Mona"},
		{"stray end before a mark", "Rene\u202C\u0301e", "Renée"},
		{"isolate ends what is within", "\u2066M\u202Eona\u2069 Hassan\u202C", "\u2066M\u202Eona\u2069 Hassan"},
		{"embedding does not end around an isolate", "\u202EM\u2066o\u202Cna", "\u202EM\u2066ona\u2069\u202C"},
		{"marks of direction", "\u200FMona\u200E", "\u200FMona\u200E"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := NormalizeName(c.raw, MaxNameLength)
			if err != nil || got != c.want {
				t.Errorf("NormalizeName(%q) = %q, %v; want %q", c.raw, got, err, c.want)
			}
		})
	}
}

func TestNormalizeNameRefuses(t *testing.T) {
	for _, c := range []struct {
		name, raw string
		want      Error
	}{
		{"nothing", "", Error{Code: CodeRequired}},
		{"white space", " \t\u00A0\u2029\n", Error{Code: CodeRequired}},
		{"101 letters", strings.Repeat("م", 101), Error{Code: CodeInvalidInput, MaxLength: 100}},
		{"101 letters with marks", strings.Repeat("مُّ", 101), Error{Code: CodeInvalidInput, MaxLength: 100}},
		{"101 flags", strings.Repeat("🇪🇬", 101), Error{Code: CodeInvalidInput, MaxLength: 100}},
		{"endless marks", "e" + strings.Repeat("\u0301", 1_000_000), Error{Code: CodeInvalidInput, MaxLength: 100}},
		{"endless directions", "e" + strings.Repeat("\u202A", 500_000) + strings.Repeat("\u2069", 500_000), Error{Code: CodeInvalidInput, MaxLength: 100}},
		{"line break", "Mona\nHassan", Error{Code: CodeInvalidInput}},
		{"tab", "Mona\tHassan", Error{Code: CodeInvalidInput}},
		{"line separator", "Mona\u2028Hassan", Error{Code: CodeInvalidInput}},
		{"paragraph separator", "Mona\u2029Hassan", Error{Code: CodeInvalidInput}},
		{"control character", "Mona\u0085Hassan\x7F", Error{Code: CodeInvalidInput}},
		{"NUL", "Mona\x00", Error{Code: CodeInvalidInput}},
		{"broken UTF-8", "Mona\xFF", Error{Code: CodeInvalidInput}},
		{"half of a pair", "Mona\xED\xA0\x80", Error{Code: CodeInvalidInput}},
		{"noncharacter", "Mona\uFFFE", Error{Code: CodeInvalidInput}},
		{"noncharacter of Arabic forms", "Mona\uFDD0", Error{Code: CodeInvalidInput}},
		{"noncharacter of another plane", "Mona\U0010FFFF", Error{Code: CodeInvalidInput}},
		{"format characters", "\u200B\u200F\uFEFF", Error{Code: CodeInvalidInput}},
		{"format characters and spaces", "\u200F \u200F", Error{Code: CodeInvalidInput}},
		{"mark", "\u0301", Error{Code: CodeInvalidInput}},
		{"stray end", "\u202C", Error{Code: CodeInvalidInput}},
		{"Hangul filler", "\u3164", Error{Code: CodeInvalidInput}},
		{"Braille blank", "\u2800", Error{Code: CodeInvalidInput}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := NormalizeName(c.raw, MaxNameLength)
			checkError(t, err, c.want)
			if got != "" {
				t.Errorf("NormalizeName(%q) = %q", c.raw, got)
			}
		})
	}
}

func TestNormalizeLocale(t *testing.T) {
	for raw, want := range map[string]string{
		"ar": "ar", "ar-EG": "ar-EG", "AR-eg": "ar-EG", "en_us": "en-US", "zh-hant-tw": "zh-Hant-TW",
		"iw": "he", "ar-EG-u-nu-latn": "ar-EG-u-nu-latn",
	} {
		if got, err := NormalizeLocale(raw); got != want || err != nil {
			t.Errorf("NormalizeLocale(%q) = %q, %v; want %q", raw, got, err, want)
		}
	}
	for _, raw := range []string{"", " ", "und", "und-EG", "x-private", "c", "english", "ar-", "ar EG", "ar-EG ", "qq-QQ", "ar\x00", "\xFF", "ar;q=0.5"} {
		got, err := NormalizeLocale(raw)
		checkError(t, err, Error{Code: CodeInvalidInput})
		if got != "" {
			t.Errorf("NormalizeLocale(%q) = %q", raw, got)
		}
	}
	_, err := NormalizeLocale("ar-EG-" + strings.Repeat("x", 30))
	checkError(t, err, Error{Code: CodeInvalidInput, MaxLength: 35})
}

func FuzzNormalizeName(f *testing.F) {
	for _, s := range []string{
		"", " Mona Hassan ", "منى حسن", "Rene\u0301e", "e" + strings.Repeat("\u0301", 40), "👨‍👩‍👧‍👦🇪🇬", "\u202BM\u2068o\u202Dna",
		"\u202C Mona \u2069", "\u2066M\u202Eona\u2069 Hassan\u202C", "e\u202C\u0301", "\u3164", "\uFFFE", "Mona\x00", "\xFF", "\u1100\u1161\u11A8",
	} {
		f.Add(s, MaxNameLength)
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, raw string, limit int) {
		limit &= 0x3FF
		name, err := NormalizeName(raw, limit)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		checkText(t, name)
		if name == "" || name != strings.TrimSpace(name) || strings.ContainsFunc(name, neverInLine) {
			t.Fatalf("NormalizeName(%q) = %q", raw, name)
		}
		if len(name) > limit*maxCharacterBytes || limit == 0 {
			t.Fatalf("%q has %d bytes and %d characters, beyond %d", name, len(name), utf8.RuneCountInString(name), limit)
		}
		if again, err := NormalizeName(name, limit); again != name || err != nil {
			t.Fatalf("NormalizeName(%q) = %q, %v", name, again, err)
		}
		// A closed text stays as it is between others that are closed.
		if s := name + " " + name; closeBidi(s) != s {
			t.Fatalf("%q turns what follows", name)
		}
	})
}

func FuzzNormalizeLocale(f *testing.F) {
	for _, s := range []string{"", "ar-EG", "en_us", "zh-hant-tw", "iw", "i-klingon", "en-GB-oed", "x-a", "ar-u-nu-latn-x-a", "und", "ar-t-en"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		locale, err := NormalizeLocale(raw)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if again, err := NormalizeLocale(locale); again != locale || err != nil {
			t.Fatalf("NormalizeLocale(%q) = %q, %v; from %q", locale, again, err, raw)
		}
	})
}
