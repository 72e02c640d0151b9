package omarty

import (
	"bytes"
	"cmp"
	"strings"
	"testing"
	"testing/quick"

	"github.com/google/uuid"
)

func TestIDTextNamesItsKindAndItsRow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		id   ID
		want string
	}{
		{ID{KindUser, uuid.MustParse("01993f0c-5a1e-7cde-8f01-23456789abcd")}, "user_06cju32q3pudt3o14d2mf2dbpk"},
		{ID{KindSession, uuid.MustParse("00000000-0000-0000-0000-000000000001")}, "session_00000000000000000000000004"},
		{ID{KindAuditEntry, uuid.Max}, "audit_vvvvvvvvvvvvvvvvvvvvvvvvvs"},
		{ID{}, ""},
		{ID{Kind: KindUser}, ""},
	} {
		if got := c.id.String(); got != c.want {
			t.Errorf("%#v is %q, want %q", c.id, got, c.want)
		}
		if c.want == "" {
			continue
		}
		if got, ok := ParseID(c.want); !ok || got != c.id {
			t.Errorf("%q reads as %#v, %v", c.want, got, ok)
		}
	}
}

// The schema says that ids have up to 64 characters.
func TestIDsAreShort(t *testing.T) {
	t.Parallel()
	longest := ID{Kind(strings.Repeat("a", 16)), uuid.Max}.String()
	if len(longest) > 64 {
		t.Errorf("%q has %d characters", longest, len(longest))
	}
	if _, ok := ParseID(longest); !ok {
		t.Errorf("%q is no id", longest)
	}
}

func TestNewIDsAreNewAndSortByTime(t *testing.T) {
	t.Parallel()
	last := NewID(KindUser)
	for range 1_000 {
		next := NewID(KindUser)
		if next.Kind != KindUser || next.Row.Version() != 7 || next.IsZero() {
			t.Fatalf("a new id is %#v", next)
		}
		if next.String() <= last.String() {
			t.Fatalf("%s comes before %s, which is older", next, last)
		}
		last = next
	}
}

func TestIDAsAnotherKindIsTheSameRow(t *testing.T) {
	t.Parallel()
	user := NewID(KindUser)
	viewer := user.As(KindViewer)
	if viewer == user || viewer.Row != user.Row || viewer.As(KindUser) != user {
		t.Errorf("%v as a viewer is %v", user, viewer)
	}
}

func TestParseIDRefuses(t *testing.T) {
	t.Parallel()
	const good = "user_06cju32q3pudt3o14d2mf2dbpk"
	if _, ok := ParseID(good); !ok {
		t.Fatal("the good one is none")
	}
	for name, s := range map[string]string{
		"nothing":                      "",
		"a kind alone":                 "user",
		"no row":                       "user_",
		"no kind":                      good[4:],
		"no underscore":                strings.Replace(good, "_", "", 1),
		"another sign":                 strings.Replace(good, "_", "-", 1),
		"two underscores":              strings.Replace(good, "_", "__", 1),
		"capitals in the kind":         "User" + good[4:],
		"capitals in the row":          "user_" + strings.ToUpper(good[5:]),
		"a digit in the kind":          "user2" + good[4:],
		"a letter beyond ASCII":        "usér" + good[4:],
		"a kind of 17 letters":         strings.Repeat("a", 17) + good[4:],
		"one character less":           good[:len(good)-1],
		"one character more":           good + "0",
		"a letter beyond the alphabet": good[:len(good)-2] + "w" + good[len(good)-1:],
		"bits beyond the last byte":    good[:len(good)-1] + "l",
		"padding":                      good[:len(good)-1] + "=",
		"a line's end within":          good[:10] + "\n" + good[11:],
		"a line's end after":           good + "\n",
		"a space before":               " " + good,
		"the row of nothing":           "user_" + strings.Repeat("0", 26),
		"a UUID":                       "user_01993f0c-5a1e-7cde-8f01-23456789abcd",
	} {
		if got, ok := ParseID(s); ok || got != (ID{}) {
			t.Errorf("%s: %q reads as %#v", name, s, got)
		}
	}
}

// Texts of one kind sort as their rows do, so that a database and a client that
// sorts texts agree.
func TestIDTextSortsAsItsRow(t *testing.T) {
	t.Parallel()
	law := func(a, b uuid.UUID, same uint8) bool {
		copy(b[:same%17], a[:]) // so that the difference is late as often as early
		if a == uuid.Nil || b == uuid.Nil {
			return true
		}
		rows := bytes.Compare(a[:], b[:])
		return cmp.Compare(ID{KindUser, a}.String(), ID{KindUser, b}.String()) == rows
	}
	if err := quick.Check(law, &quick.Config{MaxCount: 10_000}); err != nil {
		t.Error(err)
	}
}

// FuzzParseID checks that each id has one spelling, and is read back from it.
func FuzzParseID(f *testing.F) {
	for _, seed := range []string{
		"", "user_06cju32q3pudt3o14d2mf2dbpk", "session_00000000000000000000000004",
		"audit_vvvvvvvvvvvvvvvvvvvvvvvvvs", "audit_vvvvvvvvvvvvvvvvvvvvvvvvvv", "user_00000000000000000000000000",
		"user_06cju32q3pudt3o14d2mf2dbp\n", "_06cju32q3pudt3o14d2mf2dbpk", "user_06CJU32Q3PUDT3O14D2MF2DBPK",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, ok := ParseID(s)
		if !ok {
			if id != (ID{}) {
				t.Errorf("%q is none and reads as %#v", s, id)
			}
			return
		}
		if id.IsZero() || id.String() != s {
			t.Errorf("%q reads as %#v, which is %q", s, id, id.String())
		}
		if again, ok := ParseID(id.String()); !ok || again != id {
			t.Errorf("%q comes back as %#v", s, again)
		}
	})
}
