package wording

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
)

func TestOfLocale(t *testing.T) {
	for locale, want := range map[string]struct {
		language Language
		ok       bool
	}{
		"ar": {Arabic, true}, "ar-EG": {Arabic, true}, "ar-MA": {Arabic, true}, "AR_eg": {Arabic, true},
		"ar-EG-u-nu-latn": {Arabic, true},
		"en":              {English, true}, "en-GB": {English, true}, "en-EG": {English, true},
		"fr-FR": {}, "he": {}, "fa": {}, "ur-PK": {}, "und": {}, "": {}, "no language": {}, "\x00": {},
	} {
		if language, ok := OfLocale(locale); language != want.language || ok != want.ok {
			t.Errorf("%q: %v, %v; want %v", locale, language, ok, want)
		}
	}
}

func TestAccepted(t *testing.T) {
	for header, want := range map[string]struct {
		language Language
		ok       bool
	}{
		"ar": {Arabic, true}, "fr, ar;q=0.8": {Arabic, true}, "ar-EG,ar;q=0.9,en-US;q=0.8,en;q=0.7": {Arabic, true},
		"en;q=0.5, ar": {Arabic, true}, "ar;q=0.5, en": {English, true}, "en-GB, ar": {English, true},
		"en-US,en;q=0.9,ar;q=0.8": {English, true}, "ar;q=0, en": {English, true}, "fr, *;q=0.5, ar;q=0.1": {Arabic, true},
		"": {}, "*": {}, "fr, de;q=0.9": {}, "ar;q=0": {}, "nonsense!": {}, "ar;q=x": {}, "%s": {}, ",": {},
		strings.Repeat("ar,", 400): {}, strings.Repeat("a-", 400): {},
	} {
		if language, ok := Accepted(header); language != want.language || ok != want.ok {
			t.Errorf("%q: %v, %v; want %v", header, language, ok, want)
		}
	}
}

func TestSay(t *testing.T) {
	for _, c := range []struct {
		want, format string
		args         []any
	}{
		{"غير موجود.", "It does not exist.", nil},
		{"يجب ألا يزيد رقم الطابق على ٢٠٠ فوق الأرض أو تحتها.", "A floor goes from -%d to %d.", []any{200, 200}},
		{"لا يُسمح هنا بأكثر من حرف واحد.", "It has more than %d characters.", []any{1}},
		{"لا يُسمح هنا بأكثر من حرفين.", "It has more than %d characters.", []any{2}},
		{"لا يُسمح هنا بأكثر من ٣ أحرف.", "It has more than %d characters.", []any{3}},
		{"لا يُسمح هنا بأكثر من ١٠ أحرف.", "It has more than %d characters.", []any{10}},
		{"لا يُسمح هنا بأكثر من ١١ حرفًا.", "It has more than %d characters.", []any{11}},
		{"لا يُسمح هنا بأكثر من ٨٠ حرفًا.", "It has more than %d characters.", []any{80}},
		{"لا يُسمح هنا بأكثر من ١٠٠ حرف.", "It has more than %d characters.", []any{100}},
		{"لا يُسمح هنا بأكثر من ١٠٣ أحرف.", "It has more than %d characters.", []any{103}},
		{"لا يُسمح هنا بأكثر من ٤٬٠٠٠ حرف.", "It has more than %d characters.", []any{4000}},
	} {
		if got, ok := Arabic.Say(c.format, c.args...); got != c.want || !ok {
			t.Errorf("%q %v: %q, want %q", c.format, c.args, got, c.want)
		}
	}
	if got, ok := English.Say("It does not exist."); ok {
		t.Errorf("English is said anew: %q", got)
	}
	if got, ok := Arabic.Say("Nobody says that."); ok {
		t.Errorf("what has no translation is said: %q", got)
	}
}

// Each sentence is one: with all its numbers, in Arabic letters, to its full stop.
func TestArabicIsWhole(t *testing.T) {
	verb := regexp.MustCompile(`%[a-z]`)
	for format := range arabic {
		for _, n := range []int{0, 1, 2, 3, 10, 11, 50, 99, 100, 1000} {
			args := make([]any, len(verb.FindAllString(format, -1)))
			for i := range args {
				args[i] = n
			}
			got, ok := Arabic.Say(format, args...)
			wrong := func(r rune) bool {
				return unicode.Is(unicode.Latin, r) || r == '%' || r >= '0' && r <= '9' || r == utf8Broken
			}
			if !ok || strings.ContainsFunc(got, wrong) || !strings.HasSuffix(got, ".") || !strings.ContainsFunc(got, isArabic) {
				t.Errorf("%q with %d: %q", format, n, got)
			}
		}
	}
}

const utf8Broken = '�'

func isArabic(r rune) bool { return unicode.Is(unicode.Arabic, r) }
