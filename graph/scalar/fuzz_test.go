package scalar

import (
	"testing"
	"time"
)

// FuzzTime checks that a time that is read is one of those that can be written, and is
// written so that it reads as the same again.
func FuzzTime(f *testing.F) {
	for _, seed := range []string{"2026-11-29T06:00:00Z", "2026-11-29t06:00:00.123456789+02:00", "0000-01-01T00:00:00Z", "9999-12-31T23:59:60Z", "2026-02-30T25:61:61Z", "2026-11-29 06:00:00Z", "", "2026-11-29T06:00:00.1234567890123456789Z", "-1-01-01T00:00:00Z"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		read, err := UnmarshalTime(text)
		if err != nil {
			return
		}
		written := string(AppendTime(nil, read))
		again, err := UnmarshalTime(written[1 : len(written)-1])
		if err != nil || !again.Equal(read.Truncate(time.Microsecond)) {
			t.Errorf("%q is read as %v, written as %s, and read as %v, %v", text, read, written, again, err)
		}
	})
}
