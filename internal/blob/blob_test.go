package blob_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/omarty/chat/internal/blob"
	"github.com/omarty/chat/internal/omarty"
)

func TestFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "files")
	s, err := blob.OpenFolder(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	content := bytes.Repeat([]byte("0123456789"), 100_000)
	if err := s.Put(t.Context(), "file_a", bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	get := func(offset, length int64) []byte {
		t.Helper()
		r, err := s.Get(t.Context(), "file_a", offset, length)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		got, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if !bytes.Equal(get(0, -1), content) || string(get(999_995, 3)) != "567" {
		t.Error("it reads otherwise")
	}
	// What breaks off is not kept, and leaves what was there.
	if err := s.Put(t.Context(), "file_a", io.MultiReader(bytes.NewReader([]byte("new")), iotest.ErrReader(errors.New("broken")))); err == nil {
		t.Error("half a file is kept")
	}
	if !bytes.Equal(get(0, -1), content) {
		t.Error("what was there is gone")
	}
	entries, err := os.ReadDir(path)
	if err != nil || len(entries) != 1 {
		t.Errorf("left over: %v, %v", entries, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	for range 2 {
		if err := s.Delete(t.Context(), "file_a"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Get(t.Context(), "file_a", 0, -1); omarty.CodeOf(err) != omarty.CodeNotFound {
		t.Errorf("%v", err)
	}
}

func TestCheckURL(t *testing.T) {
	for url, good := range map[string]bool{
		"s3://files?region=eu-west-1": true, "s3://files?endpoint=https://minio.example": true,
		"": false, "s3://": false, "file:///tmp": false, "s3://key:secret@files": false, "s3://files/folder": false, "https://s3.example/files": false, "mem://": false,
	} {
		if err := blob.CheckURL(url); (err == nil) != good {
			t.Errorf("%q: %v", url, err)
		}
	}
}
