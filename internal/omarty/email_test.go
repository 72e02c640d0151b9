package omarty

import (
	"errors"
	"strings"
	"testing"
)

func TestParseEmailAccepts(t *testing.T) {
	local64 := strings.Repeat("a", 64)
	domain189 := strings.Repeat("b.", 93) + "com"
	for _, c := range []struct{ name, raw, address, key string }{
		{"plain", "test@test.com", "test@test.com", "test@test.com"},
		{"short", "x@example.com", "x@example.com", "x@example.com"},
		{"tag and subdomain", "a+b@sub.example.co.uk", "a+b@sub.example.co.uk", "a+b@sub.example.co.uk"},
		{"all the signs of an atom", "!#$%&'*+-/=?^_`{|}~@b.com", "!#$%&'*+-/=?^_`{|}~@b.com", "!#$%&'*+-/=?^_`{|}~@b.com"},
		{"white space around", " \t\u00A0a@b.com\r\n", "a@b.com", "a@b.com"},
		{"capitals", "First.Last@Example.COM", "First.Last@Example.COM", "first.last@example.com"},
		{"digits before the top label", "a@1.2.com", "a@1.2.com", "a@1.2.com"},
		{"Arabic", "أحمد@مثال.مصر", "أحمد@مثال.مصر", "أحمد@xn--mgbh0fb.xn--wgbh1c"},
		{"decomposed", "re\u0301ne\u0301@b.com", "réné@b.com", "réné@b.com"},
		{"capitals beyond ASCII", "ÉTÉ@BÜCHER.example", "ÉTÉ@BÜCHER.example", "été@xn--bcher-kva.example"},
		{"sharp s", "STRASSE@b.com", "STRASSE@b.com", "strasse@b.com"},
		{"sharp s, folded", "straße@b.com", "straße@b.com", "strasse@b.com"},
		{"last sigma", "ΜΆΡΙΟΣ@b.com", "ΜΆΡΙΟΣ@b.com", "μάριοσ@b.com"},
		{"last sigma, folded", "μάριος@b.com", "μάριος@b.com", "μάριοσ@b.com"},
		{"ASCII form of a domain", "a@XN--BCHER-KVA.example", "a@XN--BCHER-KVA.example", "a@xn--bcher-kva.example"},
		{"ideographic full stop", "a@b。com", "a@b。com", "a@b.com"},
		{"longest", local64 + "@" + domain189, local64 + "@" + domain189, local64 + "@" + domain189},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseEmail(c.raw)
			if want := (Email{c.address, c.key}); err != nil || got != want {
				t.Errorf("ParseEmail(%q) = %+v, %v; want %+v", c.raw, got, err, want)
			}
			if got.String() != c.address {
				t.Errorf("String() = %q", got)
			}
		})
	}
}

func TestParseEmailRefuses(t *testing.T) {
	for _, c := range []struct {
		name, raw string
		want      Error
	}{
		{"nothing", "", Error{Code: CodeRequired}},
		{"white space", " \t\u3000\n", Error{Code: CodeRequired}},
		{"255 bytes", strings.Repeat("a", 64) + "@" + strings.Repeat("b.", 93) + "info", Error{Code: CodeInvalidInput, MaxLength: 254}},
		{"endless", strings.Repeat("a@", 500_000), Error{Code: CodeInvalidInput, MaxLength: 254}},
		{"local part of 65 bytes", strings.Repeat("a", 65) + "@b.com", Error{Code: CodeInvalidInput}},
		{"local part of 33 letters, 66 bytes", strings.Repeat("م", 33) + "@b.com", Error{Code: CodeInvalidInput}},
		{"label of 64 bytes", "a@" + strings.Repeat("b", 64) + ".com", Error{Code: CodeInvalidInput}},
		{"no at sign", "example.com", Error{Code: CodeInvalidInput}},
		{"two at signs", "a@b@c.com", Error{Code: CodeInvalidInput}},
		{"no local part", "@b.com", Error{Code: CodeInvalidInput}},
		{"no domain", "a@", Error{Code: CodeInvalidInput}},
		{"domain of one label", "test@localhost", Error{Code: CodeInvalidInput}},
		{"empty label", "a@b..com", Error{Code: CodeInvalidInput}},
		{"full stop before the domain", "a@.b.com", Error{Code: CodeInvalidInput}},
		{"full stop after the domain", "a@b.com.", Error{Code: CodeInvalidInput}},
		{"ideographic full stop after the domain", "a@b.com。", Error{Code: CodeInvalidInput}},
		{"two full stops in the local part", "a..b@c.com", Error{Code: CodeInvalidInput}},
		{"full stop first", ".a@b.com", Error{Code: CodeInvalidInput}},
		{"full stop last", "a.@b.com", Error{Code: CodeInvalidInput}},
		{"hyphen first", "a@-b.com", Error{Code: CodeInvalidInput}},
		{"hyphen last", "a@b-.com", Error{Code: CodeInvalidInput}},
		{"underscore in the domain", "a@b_c.com", Error{Code: CodeInvalidInput}},
		{"sign in the domain", "a@b!c.com", Error{Code: CodeInvalidInput}},
		{"broken punycode", "a@xn--a.com", Error{Code: CodeInvalidInput}},
		{"left-to-right digit before Arabic", "a@1مثال.مصر", Error{Code: CodeInvalidInput}},
		{"top label of digits", "a@b.123", Error{Code: CodeInvalidInput}},
		{"IP address", "a@127.0.0.1", Error{Code: CodeInvalidInput}},
		{"address literal", "a@[127.0.0.1]", Error{Code: CodeInvalidInput}},
		{"space", "a b@c.com", Error{Code: CodeInvalidInput}},
		{"space that does not break", "a\u00A0b@c.com", Error{Code: CodeInvalidInput}},
		{"space before the at sign", "a @c.com", Error{Code: CodeInvalidInput}},
		{"line break", "a@b.com\nc@d.com", Error{Code: CodeInvalidInput}},
		{"quoted local part", `"a b"@c.com`, Error{Code: CodeInvalidInput}},
		{"quoted local part without need", `"a"@c.com`, Error{Code: CodeInvalidInput}},
		{"comment", "a@b.com(c)", Error{Code: CodeInvalidInput}},
		{"comment in the middle", "a(c)@b.com", Error{Code: CodeInvalidInput}},
		{"angle brackets", "<a@b.com>", Error{Code: CodeInvalidInput}},
		{"display name", "A <a@b.com>", Error{Code: CodeInvalidInput}},
		{"list", "a@b.com,c@d.com", Error{Code: CodeInvalidInput}},
		{"group", "g:a@b.com;", Error{Code: CodeInvalidInput}},
		{"URI", "mailto:a@b.com", Error{Code: CodeInvalidInput}},
		{"invisible character", "a\u200Bb@c.com", Error{Code: CodeInvalidInput}},
		{"turned around", "\u202Ea@b.com", Error{Code: CodeInvalidInput}},
		{"soft hyphen in the domain", "a@b\u00ADc.com", Error{Code: CodeInvalidInput}},
		{"control character", "a\x1B@b.com", Error{Code: CodeInvalidInput}},
		{"NUL", "a\x00@b.com", Error{Code: CodeInvalidInput}},
		{"broken UTF-8", "a\xFF@b.com", Error{Code: CodeInvalidInput}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseEmail(c.raw)
			checkError(t, err, c.want)
			if got != (Email{}) {
				t.Errorf("ParseEmail(%q) = %+v", c.raw, got)
			}
		})
	}
}

func FuzzParseEmail(f *testing.F) {
	for _, s := range []string{
		"", "test@test.com", "a+b@sub.example.co.uk", "First.Last@Example.COM", "أحمد@مثال.مصر", "straße@BÜCHER.example",
		"a@XN--BCHER-KVA.example", "a@b。com", "ͅ\u0301@b.com", "İ@İ.com", "İ@ı.A", `"a b"@c.com`, "a@[127.0.0.1]", "A <a@b.com>", "a@b.com(c)", "\xFF@b.c",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		e, err := ParseEmail(raw)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		checkText(t, e.Address)
		checkText(t, e.Key)
		if again, err := ParseEmail(e.Address); again != e || err != nil {
			t.Fatalf("ParseEmail(%q) = %+v, %v; was %+v", e.Address, again, err, e)
		}
		// Folding can make an address longer than one may be.
		if again, err := ParseEmail(e.Key); err == nil && again.Key != e.Key {
			t.Fatalf("ParseEmail(%q) = %+v; was %+v", e.Key, again, e)
		}
		upper := strings.ToUpper(e.Address)
		if foldCase(upper) != foldCase(e.Address) {
			return // a letter such as ı, whose capital is another letter's
		}
		if again, err := ParseEmail(upper); err == nil && again.Key != e.Key {
			t.Fatalf("ParseEmail(%q) = %+v; was %+v", upper, again, e)
		}
	})
}

// checkError fails unless an error has the code and the MaxLength of another.
func checkError(t *testing.T, err error, want Error) {
	t.Helper()
	got, ok := errors.AsType[*Error](err)
	if !ok || got.Code != want.Code || got.MaxLength != want.MaxLength || got.Field != "" {
		t.Errorf("got error %+v, want %+v", err, want)
	}
}
