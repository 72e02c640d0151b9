package omarty

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNormalizePassword(t *testing.T) {
	for _, c := range []struct{ name, raw, want string }{
		{"plain", "correct horse", "correct horse"},
		{"white space stays", " \tcorrect horse\n", " \tcorrect horse\n"},
		{"case stays", "CorrectHorse", "CorrectHorse"},
		{"decomposed", "cafe\u0301", "café"},
		{"weak ones too", "1", "1"},
		{"longest", strings.Repeat("م", 1024), strings.Repeat("م", 1024)},
		{"longest in bytes", strings.Repeat("🔑", 1024), strings.Repeat("🔑", 1024)},
		{"longest when composed", strings.Repeat("e\u0301", 1024), strings.Repeat("é", 1024)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := NormalizePassword(c.raw)
			if err != nil || got != c.want {
				t.Errorf("NormalizePassword(%q) = %q, %v; want %q", c.raw, got, err, c.want)
			}
		})
	}
	for _, c := range []struct {
		name, raw string
		want      Error
	}{
		{"nothing", "", Error{Code: CodeRequired}},
		{"1,025 characters", strings.Repeat("م", 1025), Error{Code: CodeInvalidInput, MaxLength: 1024}},
		{"4,097 bytes", strings.Repeat("🔑", 1024) + "k", Error{Code: CodeInvalidInput, MaxLength: 1024}},
		{"longer when composed", strings.Repeat("\u0958", 1024), Error{Code: CodeInvalidInput, MaxLength: 1024}},
		{"endless", strings.Repeat("\u0301", 1_000_000), Error{Code: CodeInvalidInput, MaxLength: 1024}},
		{"NUL", "correct\x00horse", Error{Code: CodeInvalidInput}},
		{"broken UTF-8", "correct\xFFhorse", Error{Code: CodeInvalidInput}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := NormalizePassword(c.raw)
			checkError(t, err, c.want)
			if got != "" {
				t.Errorf("NormalizePassword gave %q", got)
			}
		})
	}
}

func TestCheckPasswordStrength(t *testing.T) {
	for _, weak := range []string{
		"", "test", "123456", "1234567", "كلمةسر",
		"12345678", "password", "Password1", "PASSWORD", "qwertyuiop", "iloveyou", "P@ssw0rd", "1qaz2wsx",
		"11111111", "zzzzzzzz", "Aaaaaaaa", "مممممممم", "12341234", "12312312", "1234512345", "abababababab", "🔑🔑🔑🔑🔑🔑🔑🔑",
		"87654321", "0123456789", "0987654321", "abcdefgh", "ZYXWVUTS", "ابتثجحخد",
		"١٢٣٤٥٦٧٨", "۱۲۳۴۵۶۷۸", "١١١١١١١١", "password١",
	} {
		checkError(t, CheckPasswordStrength(weak), Error{Code: CodePasswordTooWeak})
	}
	for _, good := range []string{
		"correct horse battery staple", "tr0ub4dor&3 ", "شمسوقمرن", "مفتاح البيت", "xk9$wq2!", "🔑🚪🏠🌙⭐🌊🌴🐈",
		"abcdefghi1", "abcdefga", "horse battery horse battery", strings.Repeat("x", MaxPasswordLength-1) + "y",
	} {
		if err := CheckPasswordStrength(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

func TestCommonPasswordsAreAsTheyAreLookedUp(t *testing.T) {
	list := commonPasswords()
	if len(list) < 10_000 || !slices.IsSorted(list) {
		t.Errorf("%d passwords, sorted: %t", len(list), slices.IsSorted(list))
	}
	for _, p := range list {
		if strings.ToLower(p) != p || utf8.RuneCountInString(p) < MinPasswordLength || CheckPasswordStrength(p) == nil {
			t.Errorf("%q is never found, or needless", p)
		}
	}
}

func FuzzNormalizePassword(f *testing.F) {
	for _, s := range []string{"", "correct horse", "cafe\u0301", "\u0958", "e" + strings.Repeat("\u0301", 40), "١٢٣٤٥٦٧٨", "a\x00", "\xFF"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := NormalizePassword(raw)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if !utf8.ValidString(p) || strings.ContainsRune(p, 0) || utf8.RuneCountInString(p) > MaxPasswordLength {
			t.Fatalf("NormalizePassword(%q) = %q", raw, p)
		}
		if again, err := NormalizePassword(p); again != p || err != nil {
			t.Fatalf("NormalizePassword(%q) = %q, %v", p, again, err)
		}
		if err := CheckPasswordStrength(p); err != nil {
			checkError(t, err, Error{Code: CodePasswordTooWeak})
		}
	})
}
