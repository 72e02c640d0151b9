package blob_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
	"time"

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

// What a killed program left of a content is told of as its key's, and forgotten; what is
// whole is neither.
func TestFolderForgetsWhatWasLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "files")
	s, err := blob.OpenFolder(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Put(t.Context(), "file_whole", bytes.NewReader([]byte("whole"))); err != nil {
		t.Fatal(err)
	}
	// While this is read, the folder is as one whose program was killed.
	during := func() {
		if left, _ := filepath.Glob(filepath.Join(path, "*")); len(left) != 2 {
			t.Fatalf("the test sees nothing: %v", left)
		}
		err := s.Each(t.Context(), func(key string, _ time.Time) error {
			if key != "file_whole" {
				t.Errorf("it tells of %s, which is not whole", key)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		for _, answer := range []bool{false, true} {
			told := 0
			err := s.Abandon(t.Context(), func(key string, written time.Time) bool {
				told++
				if key != "file_half.thumbnail" || time.Since(written) > time.Minute {
					t.Errorf("it tells of %s at %v", key, written)
				}
				return answer
			})
			left, _ := filepath.Glob(filepath.Join(path, "*half*"))
			if err != nil || told != 1 || len(left) != map[bool]int{false: 1, true: 0}[answer] {
				t.Errorf("where it is lost (%v): told of %d, left %v, %v", answer, told, left, err)
			}
		}
	}
	_ = s.Put(t.Context(), "file_half.thumbnail", &stopping{then: during})
	left, err := os.ReadDir(path)
	if err != nil || len(left) != 1 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

// stopping does something in the middle of a content that then breaks off.
type stopping struct {
	begun bool
	then  func()
}

func (s *stopping) Read(p []byte) (int, error) {
	if !s.begun {
		s.begun = true
		return copy(p, "half"), nil
	}
	s.then()
	return 0, errors.New("broken off")
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

// A folder that is linked to, as on another disk, is a folder.
func TestFolderThatIsLinkedTo(t *testing.T) {
	t.Parallel()
	there, link := t.TempDir(), filepath.Join(t.TempDir(), "files")
	if err := os.Symlink(there, link); err != nil {
		t.Fatal(err)
	}
	s, err := blob.OpenFolder(link)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Put(t.Context(), "key", bytes.NewReader([]byte("content"))); err != nil {
		t.Fatal(err)
	}
	var keys []string
	err = s.Each(t.Context(), func(key string, _ time.Time) error {
		keys = append(keys, key)
		return nil
	})
	if err != nil || len(keys) != 1 || keys[0] != "key" {
		t.Errorf("it has %q, %v", keys, err)
	}
}
