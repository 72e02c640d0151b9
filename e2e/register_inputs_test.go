package e2e

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// registering tells what becomes of a registration with changes to a stranger's
// input: "" for success, else the code and the field.
func (s *server) registering(t *testing.T, changes variables) string {
	t.Helper()
	r := s.register(t, stranger().input().with(changes))
	return strings.TrimSpace(r.code() + " " + r.field())
}

// longText gives a text of so many characters, of more than one byte each, that
// does not repeat itself.
func longText(characters int) string {
	var text strings.Builder
	for i := 0; utf8.RuneCountInString(text.String()) < characters; i++ {
		fmt.Fprintf(&text, "نهر%dنيل", i)
	}
	return string([]rune(text.String())[:characters])
}

func TestPasswordsForRegistration(t *testing.T) {
	t.Parallel()
	const (
		weak    = "PASSWORD_TOO_WEAK input.password"
		invalid = "INVALID_INPUT input.password"
	)
	cases := []struct{ name, password, want string }{
		{"7 characters", "nile-21", weak},
		{"8 characters", "nile-213", ""},
		{"8 characters of 4 bytes", "🐪🌴🏺🐫🌅🚣🌾🦩", ""},
		{"7 characters of 4 bytes", "🐪🌴🏺🐫🌅🚣🌾", weak},
		{"white space counts", "  a  b  ", ""},
		{"1,024 characters", longText(1024), ""},
		{"1,025 characters", longText(1025), invalid},
		{"NUL", "with\x00a nul inside", invalid},
		{"the legacy example's", "test", weak},
		{"digits", "123456", weak},
		{"more digits", "123456789", weak},
		{"the commonest", "password", weak},
		{"the commonest in capitals", "PASSWORD", weak},
		{"a common one", "iloveyou", weak},
		{"a row of keys", "qwertyuiop", weak},
		{"one character", "aaaaaaaaaaaa", weak},
	}
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		for _, c := range cases {
			got := s.registering(t, variables{"password": secret(c.password), "confirmPassword": c.password})
			if got != c.want {
				t.Errorf("%s: got %q, want %q", c.name, got, c.want)
			}
		}
	})
}

// How a keyboard composes its characters does not matter: neither for the
// confirmation nor when logging in.
func TestPasswordsAreComparedInNFC(t *testing.T) {
	t.Parallel()
	const composed, decomposed = "cr\u00e8me-br\u00fbl\u00e9e", "cre\u0300me-bru\u0302le\u0301e"
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		for _, c := range [][3]string{
			{composed, composed, decomposed},
			{decomposed, decomposed, composed},
			{composed, decomposed, composed},
		} {
			p := stranger()
			s.register(t, p.input().with(variables{"password": c[0], "confirmPassword": c[1]})).mustSucceed(t)
			s.mustLogIn(t, p.email, c[2])
		}
		// NFKC would be too much: these are different characters.
		s.register(t, stranger().input().with(variables{"password": "ﬁne-weather", "confirmPassword": "fine-weather"})).
			expectCode(t, "PASSWORD_MISMATCH", "")
	})
}

func TestNamesForRegistration(t *testing.T) {
	t.Parallel()
	const invalid = "INVALID_INPUT input.name"
	cases := []struct{ name, value, want string }{
		{"Arabic", "محمد عبد العزيز", ""},
		{"Arabic with marks of direction", "\u200fمحمد Smith\u200f", ""},
		{"an emoji of seven code points", "👩‍👩‍👧‍👦 Hassan", ""},
		{"a ligature of Persian with a joiner", "می\u200cخواهم", ""},
		{"one letter", "ن", ""},
		{"100 characters", strings.Repeat("ن", 100), ""},
		{"101 characters", strings.Repeat("ن", 101), invalid},
		{"markup is text", `<b>Nour</b> & "Hassan" \o/`, ""},
		{"NUL", "Nour\x00Hassan", invalid},
		{"a bell", "Nour\aHassan", invalid},
		{"a line's end", "Nour\nHassan", invalid},
		{"DEL", "Nour\x7fHassan", invalid},
		{"a control character of C1", "Nour\u0085Hassan", invalid},
		{"a line separator", "Nour\u2028Hassan", invalid},
		{"nothing that is seen", "\u200b\u200d\u2060", invalid},
		{"white space", " \t\n ", "REQUIRED input.name"},
	}
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		for _, c := range cases {
			if got := s.registering(t, variables{"name": c.value}); got != c.want {
				t.Errorf("%s: got %q, want %q", c.name, got, c.want)
			}
		}
	})
}

func TestRegisterAnswersWithTheUser(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		r := s.register(t, stranger().input().with(variables{"name": "  محمد علي "})).mustSucceed(t)
		r.expectData(t, "register.user.name", `"محمد علي"`)
		if id := at[string](t, r, "register.user.id"); id == "" || len(id) > 64 {
			t.Errorf("an id has 1 to 64 characters: %q", id)
		}
	})
}

func TestEmailsForRegistration(t *testing.T) {
	t.Parallel()
	const invalid = "INVALID_INPUT input.email"
	unique := stranger
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		for _, c := range []struct{ email, want string }{
			{"plus+tag." + unique().email, ""},
			{"o'brien." + unique().email, ""},
			{"نور." + unique().email, ""},
			{"a@b", invalid},
			{"@example.com", invalid},
			{"nour@", invalid},
			{"nour@@example.com", invalid},
			{"nour@example..com", invalid},
			{"nour@-example.com", invalid},
			{"two words@example.com", invalid},
			{"Nour <nour@example.com>", invalid},
			{"nour@example.com, omar@example.com", invalid},
			{"nour@example.com\nBcc: all@example.com", invalid},
			{"nour@exa\x00mple.com", invalid},
			{strings.Repeat("n", 300) + "@example.com", invalid},
		} {
			if got := s.registering(t, variables{"email": c.email}); got != c.want {
				t.Errorf("%q: got %q, want %q", c.email, got, c.want)
			}
		}
	})
}

func TestPhonesForRegistration(t *testing.T) {
	t.Parallel()
	const invalid = "INVALID_INPUT input.phone"
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		for i, c := range []struct{ phone, want string }{
			{"+1 212 555 01%02d", ""},    // another country
			{"02 2391 45%02d", ""},       // a landline of Cairo
			{"00 44 20 7946 09%02d", ""}, // London by the prefix for abroad
			{"010112233%02d ext. 7", invalid},
			{"010112233%02d#7", invalid},
			{"+20 10 1122 3a%02d", invalid},
			{"0101122%02d", invalid},
			{"010112233440%02d", invalid},
			{"+999 10 112233%02d", invalid},
			{"++20 10112233%02d", invalid},
			{"010;112233%02d", invalid},
			{"%02d", invalid},
		} {
			phone := fmt.Sprintf(c.phone, 10+i)
			if got := s.registering(t, variables{"phone": phone}); got != c.want {
				t.Errorf("%q: got %q, want %q", phone, got, c.want)
			}
		}
	})
}

// The region decides which national numbers are understood.
func TestRegionOfPhones(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := start(t, e, "OMARTY_REGION=GB", "OMARTY_RATE_LIMITS=off")
		if got := s.registering(t, variables{"phone": "07400 123456"}); got != "" {
			t.Errorf("a British number: %s", got)
		}
		if got := s.registering(t, variables{"phone": "+44 7400 123456"}); got != "PHONE_TAKEN input.phone" {
			t.Errorf("the same with its country code: %q", got)
		}
		if got := s.registering(t, variables{"phone": "01011223344"}); got != "INVALID_INPUT input.phone" {
			t.Errorf("an Egyptian number: %q", got)
		}
	})
}

func TestCoordinatesForRegistration(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		for _, c := range []struct {
			changes variables
			want    string
		}{
			{variables{"longitude": 31.2900529, "latitude": 29.9453866}, ""},
			{variables{"longitude": 180, "latitude": -90}, ""},
			{variables{"longitude": nil, "latitude": nil}, ""},
			{variables{"latitude": 12.5}, ""},
			{variables{"longitude": -180.001, "latitude": 0}, "INVALID_INPUT input.longitude"},
			{variables{"longitude": 0, "latitude": 90.001}, "INVALID_INPUT input.latitude"},
		} {
			if got := s.registering(t, c.changes); got != c.want {
				t.Errorf("%v: got %q, want %q", c.changes, got, c.want)
			}
		}
	})
}
