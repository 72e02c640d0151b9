package secret

import (
	"bytes"
	"testing"
)

// FuzzOpen checks that nothing is opened but what was sealed, as it was.
func FuzzOpen(f *testing.F) {
	k, err := New(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(0, byte(0), []byte(nil))
	f.Add(3, byte(1), []byte("what nobody has sealed, and long enough to be"))
	f.Fuzz(func(t *testing.T, at int, change byte, other []byte) {
		if text, err := k.Open(other); err == nil {
			t.Errorf("%x is opened as %q", other, text)
		}
		sealed := k.Seal([]byte("a code"))
		spoiled := bytes.Clone(sealed)
		if at < 0 {
			at = -(at + 1)
		}
		spoiled[at%len(spoiled)] ^= change
		if text, err := k.Open(spoiled); (err == nil) != (change == 0) {
			t.Errorf("changed by %x at %d it is opened as %q, %v", change, at, text, err)
		}
	})
}
