package scalar

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/omarty/chat/internal/omarty"
)

func written(m graphql.Marshaler) string {
	var b bytes.Buffer
	m.MarshalGQL(&b)
	return b.String()
}

func mustTime(t *testing.T, text string) time.Time {
	t.Helper()
	moment, err := UnmarshalTime(text)
	if err != nil {
		t.Fatalf("UnmarshalTime(%q): %v", text, err)
	}
	return moment
}

func TestTimeIsWrittenInUTCWithUpToMicroseconds(t *testing.T) {
	t.Parallel()
	cairo := time.FixedZone("Cairo", 2*60*60)
	for _, c := range []struct {
		moment time.Time
		want   string
	}{
		{time.Date(2026, 11, 23, 8, 15, 30, 123456000, time.UTC), `"2026-11-23T08:15:30.123456Z"`},
		{time.Date(2026, 11, 23, 8, 15, 30, 123456789, time.UTC), `"2026-11-23T08:15:30.123456Z"`},
		{time.Date(2026, 11, 23, 8, 15, 30, 120000000, time.UTC), `"2026-11-23T08:15:30.12Z"`},
		{time.Date(2026, 11, 23, 8, 15, 30, 1000, time.UTC), `"2026-11-23T08:15:30.000001Z"`},
		{time.Date(2026, 11, 23, 8, 15, 30, 999, time.UTC), `"2026-11-23T08:15:30Z"`},
		{time.Date(2026, 11, 23, 8, 15, 30, 0, time.UTC), `"2026-11-23T08:15:30Z"`},
		{time.Date(2026, 11, 23, 1, 15, 30, 0, cairo), `"2026-11-22T23:15:30Z"`},
		{time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), `"0001-01-01T00:00:00Z"`},
	} {
		if got := written(MarshalTime(c.moment)); got != c.want {
			t.Errorf("%v is written %s, want %s", c.moment, got, c.want)
		}
	}
}

func TestTimeIsReadAsRFC3339HasIt(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 11, 23, 8, 15, 30, 0, time.UTC)
	for text, micros := range map[string]int{
		"2026-11-23T08:15:30Z":                0,
		"2026-11-23T08:15:30+00:00":           0,
		"2026-11-23T08:15:30-00:00":           0,
		"2026-11-23T10:15:30+02:00":           0,
		"2026-11-23T03:45:30-04:30":           0,
		"2026-11-24T08:14:30+23:59":           0,
		"2026-11-23T08:15:30.5Z":              500000,
		"2026-11-23T08:15:30.123456Z":         123456,
		"2026-11-23T10:15:30.123456+02:00":    123456,
		"2026-11-23T08:15:30.123456789Z":      123456,
		"2026-11-23T08:15:30.000000999Z":      0,
		"2026-11-23T08:15:30.999999999Z":      999999,
		"2026-11-23T08:15:30.120000000000Z":   120000,
		"2026-11-23T08:15:30.0000000000001Z":  0,
		"2026-11-23T08:15:30.123456-00:00":    123456,
		"2026-11-23T08:15:30.10Z":             100000,
		"2026-11-23T08:15:30.000001+00:00":    1,
		"2026-11-23T08:15:30.999999500+00:00": 999999,
	} {
		got := mustTime(t, text)
		if want := want.Add(time.Duration(micros) * time.Microsecond); !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%s reads as %v, want %v", text, got, want)
		}
	}
}

func TestTimeThatIsNone(t *testing.T) {
	t.Parallel()
	for _, v := range []any{
		nil, true, 1, int64(1), 1.5, json.Number("1"),
		[]any{"2026-11-23T08:15:30Z"},
		map[string]any{},
		"", " ", "now", "1", "2026", "2026-11-23", "08:15:30", "2026-11-23T08:15Z",
		"2026-11-23T08:15:30",        // where?
		"2026-11-23 08:15:30Z",       // RFC 3339 has a T
		"2026-11-23T08:15:30+0200",   // and a colon
		"2026-11-23T08:15:30 +02:00", // and no spaces
		" 2026-11-23T08:15:30Z", "2026-11-23T08:15:30Z ", "2026-11-23T08:15:30Z\n",
		"2026-13-23T08:15:30Z", "2026-11-31T08:15:30Z", "2026-02-29T08:15:30Z", "2026-11-23T25:15:30Z", "2026-11-23T08:60:30Z",
		"2026-11-23T8:15:30Z",       // two digits of the hour
		"2026-11-23T08:15:30,5Z",    // a full stop before the fraction
		"2026-11-23T08:15:30+25:00", // offsets are hours and minutes of a day
		"2026-11-23T08:15:30+02:60",
		"2026-11-23T08:15:30.Z", // a fraction has digits
		"٢٠٢٦-11-23T08:15:30Z",
		"26-11-23T08:15:30Z",
		"+2026-11-23T08:15:30Z",
		"20260-11-23T08:15:30Z",
		"9999-12-31T23:59:59-01:00", // the year 10000, in UTC, has no RFC 3339
		"0000-01-01T00:00:00+00:01", // nor has the year before 0
		strings.Repeat("2026", 1_000),
	} {
		if got, err := UnmarshalTime(v); err == nil {
			t.Errorf("%#v reads as %v", v, got)
		} else if s, ok := v.(string); ok && len(s) > 4 && strings.Contains(err.Error(), s) {
			t.Errorf("the error quotes what was sent: %v", err)
		}
	}
}

// What this server wrote, it reads as the same moment, and writes again alike.
func TestTimeComesBackTheSame(t *testing.T) {
	t.Parallel()
	first, last := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro(), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).UnixMicro()
	law := func(n uint64, offset int16) bool {
		moment := time.UnixMicro(first + int64(n%uint64(last-first)))
		text := written(MarshalTime(moment.In(time.FixedZone("", int(offset)))))
		var read string
		if err := json.Unmarshal([]byte(text), &read); err != nil {
			t.Error(err)
			return false
		}
		got, err := UnmarshalTime(read)
		return err == nil && got.Equal(moment) && written(MarshalTime(got)) == text
	}
	if err := quick.Check(law, &quick.Config{MaxCount: 10_000}); err != nil {
		t.Error(err)
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	id := omarty.NewID(omarty.KindSession)
	text := written(MarshalID(id))
	if text != `"`+id.String()+`"` {
		t.Errorf("%v is written %s", id, text)
	}
	got, err := UnmarshalID(id.String())
	if err != nil || got != id {
		t.Errorf("%s reads as %v, %v", text, got, err)
	}
	if got := written(MarshalID(omarty.ID{})); got != "null" {
		t.Errorf("the zero id, which stands for none, is written %s", got)
	}
}

// What cannot be an id names nothing, and is no fault of the request: so ids that
// never were are like those of others. It is not the zero id either, which is what
// an id that was left out is.
func TestIDThatIsNone(t *testing.T) {
	t.Parallel()
	for _, v := range []any{
		"", "x", "user", "user_", "user_0", strings.Repeat("x", 100_000), `"`, "\x00", "null",
		"user_00000000000000000000000000", omarty.Nothing.String(),
		1, int64(1), json.Number("1"), 1.5, true, nil,
	} {
		if got, err := UnmarshalID(v); err != nil || got != omarty.Nothing || got.IsZero() {
			t.Errorf("%#v reads as %v, %v", v, got, err)
		}
	}
	for _, v := range []any{[]any{"x"}, map[string]any{}} {
		if got, err := UnmarshalID(v); err == nil {
			t.Errorf("%#v reads as %v", v, got)
		}
	}
}

func TestPhoneNumberIsWrittenInE164(t *testing.T) {
	t.Parallel()
	if got := written(MarshalPhoneNumber("+201011223344")); got != `"+201011223344"` {
		t.Errorf("it is written %s", got)
	}
}
