package secret_test

import (
	"bytes"
	"testing"

	"github.com/omarty/chat/internal/secret"
)

func keeper(t *testing.T, of byte) *secret.Keeper {
	t.Helper()
	k, err := secret.New(bytes.Repeat([]byte{of}, secret.KeyLength))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestMarks(t *testing.T) {
	mine := keeper(t, 1)
	mark := mine.Mark("code", "mona", "123456")
	if len(mark) != 32 || !bytes.Equal(mark, mine.Mark("code", "mona", "123456")) {
		t.Error("the same things have another mark")
	}
	for name, other := range map[string][]byte{
		"another key":     keeper(t, 2).Mark("code", "mona", "123456"),
		"another purpose": mine.Mark("file", "mona", "123456"),
		"another part":    mine.Mark("code", "mona", "123457"),
		"another border":  mine.Mark("code", "mona1", "23456"),
		"fewer parts":     mine.Mark("code", "mona123456"),
	} {
		if bytes.Equal(mark, other) {
			t.Errorf("%s: the mark is the same", name)
		}
	}
}

func TestSeals(t *testing.T) {
	mine := keeper(t, 1)
	text := []byte("the code is 123456")
	sealed := mine.Seal(text)
	if bytes.Contains(sealed, []byte("123456")) || bytes.Equal(sealed, mine.Seal(text)) {
		t.Error("the seal shows what it hides")
	}
	if opened, err := mine.Open(sealed); err != nil || !bytes.Equal(opened, text) {
		t.Errorf("%q, %v", opened, err)
	}
	if _, err := keeper(t, 2).Open(sealed); err == nil {
		t.Error("another key opens it")
	}
	for i := range sealed {
		broken := bytes.Clone(sealed)
		broken[i] ^= 1
		if _, err := mine.Open(broken); err == nil {
			t.Fatalf("it opens with byte %d changed", i)
		}
	}
	if _, err := mine.Open(nil); err == nil {
		t.Error("nothing opens")
	}
}

func TestShortKey(t *testing.T) {
	if _, err := secret.New(make([]byte, secret.KeyLength-1)); err == nil {
		t.Error("it is taken")
	}
}
