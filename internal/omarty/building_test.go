package omarty

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

func TestApartmentKey(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{"3B", "3b", "３B", "٣b", "3B\u200f", "\u200e3B", "3\u00adB"},
		{"13", "١٣", "۱۳", "१३"},
		{"A 1", "a 1", "A\u00a01", "A  1"},
		{"شقة 1", "شقة ١", "شقة\u200f 1"},
		{"É", "é", "e\u0301"},
	} {
		want := ApartmentKey(same[0])
		for _, number := range same {
			if got := ApartmentKey(number); got != want {
				t.Errorf("%q has the key %q, and %q has %q", number, got, same[0], want)
			}
		}
	}
	different := map[string]string{}
	for _, number := range []string{"3", "3B", "3C", "13", "1 3", "31", "3-1", "3/1", "é", "e", "شقة 1", "🏠1"} {
		key := ApartmentKey(number)
		if other, taken := different[key]; taken || key == "" {
			t.Errorf("%q and %q have the key %q", number, other, key)
		}
		different[key] = number
	}
}

// No number that there can be is without a key, and what does not show makes no other.
func FuzzApartmentKey(f *testing.F) {
	for _, number := range []string{"3B", "\u200f١٣", "ß", "ǰ", "ﷺ", "İ", "A\u00a0 1", "\u115f1", "\U0001F3E0\ufe0f"} {
		f.Add(number)
	}
	f.Fuzz(func(t *testing.T, number string) {
		a, err := NewApartment{Number: number}.Normalize()
		if err != nil {
			if !errors.Is(err, Errorf(CodeRequired, "").At("number")) && !errors.Is(err, Errorf(CodeInvalidInput, "").At("number")) {
				t.Errorf("%q: %v", number, err)
			}
			return
		}
		key := ApartmentKey(a.Number)
		if key == "" {
			t.Errorf("%q, which people see, has no key", a.Number)
		}
		for _, same := range []string{"\u200f" + a.Number + "\u200e", norm.NFD.String(a.Number), "\u00a0" + a.Number + "  "} {
			if got := ApartmentKey(same); got != key {
				t.Errorf("%q has the key %q, and %q has %q", a.Number, key, same, got)
			}
		}
	})
}

func TestInvitationCodes(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		code := NewInvitationCode()
		if seen[code] || ParseInvitationCode(code) != code || len(code) != 19 {
			t.Errorf("a new code is %q, read as %q", code, ParseInvitationCode(code))
		}
		seen[code] = true
	}
	for spelled, want := range map[string]string{
		"7k3mq2zd0rxaj9ht":                "7K3M-Q2ZD-0RXA-J9HT",
		"7K 3M\t q2zd—Orxa–j9ht":          "7K3M-Q2ZD-0RXA-J9HT",
		"\u200f٧K٣M-Q٢ZD-٠RXA-J٩HT\u202c": "7K3M-Q2ZD-0RXA-J9HT",
		"iIlL-oO00-1111-0000":             "1111-0000-1111-0000",
		"7K3M-Q2ZD-0RXA-J9H":              "",
		"7K3M-Q2ZD-0RXA-J9HTT":            "",
		"7K3M-Q2ZD-0RXA-J9HU":             "",
		"7K3M-Q2ZD-0RXA-J9H*":             "",
		"7K3M_Q2ZD_0RXA_J9HT":             "",
		"7K3MQ2ZD0RXAJ9H\x00":             "",
		"\xff7K3MQ2ZD0RXAJ9HT":            "",
		"":                                "",
	} {
		if got := ParseInvitationCode(spelled); got != want {
			t.Errorf("%q is read as %q, want %q", spelled, got, want)
		}
	}
}

// What is read as a code is one, and is read as itself.
func FuzzParseInvitationCode(f *testing.F) {
	for _, code := range []string{"7K3M-Q2ZD-0RXA-J9HT", "\u200f٧k", "ı1", "ſ", strings.Repeat("-", 100)} {
		f.Add(code)
	}
	f.Fuzz(func(t *testing.T, s string) {
		code := ParseInvitationCode(s)
		if code == "" {
			return
		}
		if len(code) != 19 || ParseInvitationCode(code) != code {
			t.Errorf("%q is read as %q", s, code)
		}
	})
}
