package omarty

import (
	"math"
	"testing"

	"github.com/google/uuid"
)

func TestCursorComesBackAsItWent(t *testing.T) {
	for _, c := range []Cursor{
		{},
		{Number: 1},
		{Number: math.MaxInt64},
		{Number: 1_764_000_000_000_000, Row: uuid.MustParse("01a20732-5c28-76f6-97c5-3666b5aea192")},
	} {
		got, err := ParseCursor(c.String())
		if err != nil || got != c {
			t.Errorf("ParseCursor(%q) = %v, %v; want %v", c, got, err, c)
		}
	}
}

func TestWhatIsNoCursorIsRefused(t *testing.T) {
	for _, s := range []string{
		"", "A", "AA=", "not a cursor", "////", "gA", "_____________w",
		Cursor{Number: 7}.String() + "A",
		Cursor{Row: uuid.Max}.String()[:20],
	} {
		if c, err := ParseCursor(s); CodeOf(err) != CodeInvalidInput {
			t.Errorf("ParseCursor(%q) = %v, %v; want INVALID_INPUT", s, c, err)
		}
	}
}

func TestPageSizes(t *testing.T) {
	for n, want := range map[int]Code{
		math.MinInt: CodeInvalidInput, 0: CodeInvalidInput, 1: "", 100: "", 101: CodeTooLarge, math.MaxInt: CodeTooLarge,
	} {
		if got := CodeOf(CheckPageSize(n, MaxPage)); got != want {
			t.Errorf("CheckPageSize(%d) = %q; want %q", n, got, want)
		}
	}
}

// A cursor is read from outside, so that anything may come; what is read has one
// spelling.
func FuzzParseCursor(f *testing.F) {
	f.Add("AA")
	f.Add(Cursor{Number: 1 << 40, Row: uuid.Max}.String())
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := ParseCursor(s); err == nil && (c.String() != s || c.Number < 0) {
			t.Errorf("%q reads as %v, which writes %q", s, c, c)
		}
	})
}
