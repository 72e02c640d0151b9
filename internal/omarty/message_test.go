package omarty

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestNormalizeTextAccepts(t *testing.T) {
	family := "👨‍👩‍👧‍👦"
	for _, c := range []struct{ name, raw, want string }{
		{"plain", "Salam", "Salam"},
		{"Arabic", "مرحبا يا جار", "مرحبا يا جار"},
		{"white space", "  Salam \n\n ", "  Salam \n\n "},
		{"ends of lines", "a\r\nb\rc\n\rd\r\r\ne", "a\nb\nc\n\nd\n\ne"},
		{"other ends of lines stay", "a\u2028b\u2029c", "a\u2028b\u2029c"},
		{"decomposed", "cafe\u0301", "café"},
		{"a mark behind an end of line", "e\n\u0301x", "e\n\u0301x"},
		{"joiner", "می\u200Cخواهم", "می\u200Cخواهم"},
		{"emoji", family, family},
		{"4000 letters", strings.Repeat("م", 4000), strings.Repeat("م", 4000)},
		{"4000 letters with marks", strings.Repeat("مُّ", 4000), strings.Repeat("مُّ", 4000)},
		{"4000 families", strings.Repeat(family, 4000), strings.Repeat(family, 4000)},
		{"4000 with their lines", strings.Repeat("m\r\n", 2000), strings.Repeat("m\n", 2000)},
		{"4000 letters, direction open", "\u202B" + strings.Repeat("م", 4000), "\u202B" + strings.Repeat("م", 4000) + "\u202C"},
		{"override open", "\u202Eabc", "\u202Eabc\u202C"},
		{"override open in a paragraph", "\u202Eabc\ndef", "\u202Eabc\u202C\ndef"},
		{"closed in the next paragraph", "\u2067abc\ndef\u2069", "\u2067abc\u2069\ndef"},
		{"open in each", "\u202Aa\n\u2066b\n\u202Dc", "\u202Aa\u202C\n\u2066b\u2069\n\u202Dc\u202C"},
		{"closed before a carriage return", "\u202Eabc\r\ndef", "\u202Eabc\u202C\ndef"},
		{"open before a paragraph separator", "\u202Eabc\u2029def\u202C", "\u202Eabc\u202C\u2029def"},
		{"open before a line separator", "\u202Eabc\u2028def", "\u202Eabc\u2028def\u202C"},
		{"open at an end of line alone", "\u202E\n\u2067\nabc", "\u202E\u202C\n\u2067\u2069\nabc"},
		{"an isolate closed over embeddings", "\u2067a\u202Eb\u2069c\u202C", "\u2067a\u202Eb\u2069c"},
		{"Arabic between isolates", "\u2068منى\u2069: مرحبا", "\u2068منى\u2069: مرحبا"},
		{"presentation forms stay", "\uFEE3\uFEE8\uFEF0 \uFDFA", "\uFEE3\uFEE8\uFEF0 \uFDFA"},
		{"tashkeel in NFC's order", "م\u0651\u064E", "م\u064E\u0651"},
		{"alef and hamza", "\u0627\u0654", "\u0623"},
		{"stray end before a mark", "e\u202C\u0301", "é"},
		{"replacement character", "\uFFFD", "\uFFFD"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := NormalizeText(c.raw)
			if err != nil || got != c.want {
				t.Errorf("NormalizeText(%.50q) = %.50q, %v; want %.50q", c.raw, got, err, c.want)
			}
		})
	}
}

func TestNormalizeTextRefuses(t *testing.T) {
	for _, c := range []struct {
		name, raw string
		want      Error
	}{
		{"nothing", "", Error{Code: CodeRequired}},
		{"white space", " \r\n\u00A0\u2029", Error{Code: CodeRequired}},
		{"format characters", "\u200B\u200F\uFEFF\u202C", Error{Code: CodeRequired}},
		{"a mark", "\u0301", Error{Code: CodeRequired}},
		{"Hangul filler", "\u3164", Error{Code: CodeRequired}},
		{"4001 letters", strings.Repeat("م", 4001), Error{Code: CodeInvalidInput, MaxLength: 4000}},
		{"4001 flags", strings.Repeat("🇪🇬", 4001), Error{Code: CodeInvalidInput, MaxLength: 4000}},
		{"4000 letters and an end of line", strings.Repeat("م", 4000) + "\n", Error{Code: CodeInvalidInput, MaxLength: 4000}},
		{"endless marks", "e" + strings.Repeat("\u0301", 500_000), Error{Code: CodeInvalidInput, MaxLength: 4000}},
		{"endless directions", "e" + strings.Repeat("\u202A", 300_000), Error{Code: CodeInvalidInput, MaxLength: 4000}},
		{"tab", "a\tb", Error{Code: CodeInvalidInput}},
		{"NUL", "a\x00", Error{Code: CodeInvalidInput}},
		{"escape", "\x1b[31m", Error{Code: CodeInvalidInput}},
		{"next line", "a\u0085b", Error{Code: CodeInvalidInput}},
		{"delete", "a\x7F", Error{Code: CodeInvalidInput}},
		{"broken UTF-8", "a\xFF", Error{Code: CodeInvalidInput}},
		{"half of a pair", "a\xED\xA0\x80", Error{Code: CodeInvalidInput}},
		{"noncharacter", "a\uFFFE", Error{Code: CodeInvalidInput}},
		{"noncharacter of another plane", "a\U0010FFFF", Error{Code: CodeInvalidInput}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := NormalizeText(c.raw)
			checkError(t, err, c.want)
			if got != "" {
				t.Errorf("NormalizeText(%.50q) = %.50q", c.raw, got)
			}
			if c.want.Code == CodeRequired {
				c.want = Error{}
			}
			if got, err := NormalizeOptionalText(c.raw); CodeOf(err) != c.want.Code || got != "" {
				t.Errorf("NormalizeOptionalText(%.50q) = %.50q, %v", c.raw, got, err)
			}
		})
	}
}

func FuzzNormalizeText(f *testing.F) {
	for _, s := range []string{
		"", " Salam\r\n\rneighbours ", "مرحبا", "cafe\u0301", "e" + strings.Repeat("\u0301", 40), "👨‍👩‍👧‍👦🇪🇬", "\u202BM\u2068o\n\u202Dna",
		"\u2066M\u202Eona\u2069\r Hassan\u202C", "e\u202C\u0301", "e\n\u202C\u0301", "\u3164", "\uFFFE", "a\tb", "\xFF", "\u1100\u1161\u11A8", "\r\r\n\n", "a\u2029\u202Eb",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		text, err := NormalizeText(raw)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if !strings.ContainsFunc(text, visible) || strings.ContainsFunc(text, neverInText) || strings.Contains(text, "\r") || len(text) > MaxTextLength*maxCharacterBytes {
			t.Fatalf("NormalizeText(%q) = %q", raw, text)
		}
		if again, err := NormalizeText(text); again != text || err != nil {
			t.Fatalf("NormalizeText(%q) = %q, %v", text, again, err)
		}
		// How lines end says nothing.
		if windows, err := NormalizeText(strings.ReplaceAll(text, "\n", "\r\n")); windows != text || err != nil {
			t.Fatalf("with CRLF, NormalizeText(%q) = %q, %v", text, windows, err)
		}
		for _, paragraph := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == paragraphSeparator }) {
			checkText(t, paragraph)
			if closeBidi(paragraph) != paragraph {
				t.Fatalf("a paragraph of %q turns what follows", text)
			}
		}
	})
}

func TestCheckKey(t *testing.T) {
	for _, key := range []string{
		"k", " ", "a b", "\u200F", "3f0e8c1e-8d8f-4b2a-9d52-7b6d1c1c2f11", strings.Repeat("k", 64), strings.Repeat("م", 64), strings.Repeat("😀", 64),
	} {
		if err := CheckKey(key); err != nil {
			t.Errorf("CheckKey(%q): %v", key, err)
		}
	}
	checkError(t, CheckKey(""), Error{Code: CodeRequired})
	for _, key := range []string{"a\x00", "a\n", "\x7F", "a\u0085", "a\xFF", strings.Repeat("\xFF", 65)} {
		checkError(t, CheckKey(key), Error{Code: CodeInvalidInput})
	}
	for _, key := range []string{strings.Repeat("k", 65), strings.Repeat("😀", 65), strings.Repeat("e\u0301", 33)} {
		checkError(t, CheckKey(key), Error{Code: CodeInvalidInput, MaxLength: 64})
	}
}

// Databases keep fingerprints for good: a draft that has another than it had is
// refused when it is sent again. These may never change.
func TestFingerprintsStay(t *testing.T) {
	apartment := ID{KindApartment, uuid.MustParse("01a207d1-cb22-790e-8c4c-9572961b3922")}
	for _, c := range []struct {
		name string
		of   Draft
		want string
	}{
		{"nothing", Draft{}, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
		{"a text", Draft{Text: "Salam"}, "757c342513da0e6b6e06cbcc429f36f6840060c24d5299a67687f7c398845ba9"},
		{"what JSON escapes", Draft{Text: "<a href=\"x\">&\u2028\\\n</a>"}, "90f9ccb4d4a38f67a7979ecef12cb9e203c4a1147d40d280493502aa970e21db"},
		{"Arabic", Draft{Text: "مرحبا"}, "d0b83bd75e9efdf4f11be0437d80ba2790b191df75ec41feac7c8787cd09a4d6"},
		{"an apartment", Draft{Text: "Salam", Apartment: apartment}, "a82d5bee8573c742aac475425958d818083b02394ef86196d663b5b5af3b09b6"},
		{"an apartment that cannot be", Draft{Text: "Salam", Apartment: Nothing}, "1831118839598be411f6943778810222a5a964463e8e5b34f960e120b8154001"},
	} {
		if got := hex.EncodeToString(c.of.Fingerprint()); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	// Who sends it, where, when and under which key is no part of it.
	a := Draft{Text: "Salam"}
	b := Draft{ID: NewID(KindMessage), Room: NewID(KindRoom), Author: NewID(KindUser), Session: NewID(KindSession), Key: "k", Text: "Salam"}
	if string(a.Fingerprint()) != string(b.Fingerprint()) {
		t.Error("one text has two fingerprints")
	}
}
