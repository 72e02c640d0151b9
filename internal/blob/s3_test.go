package blob

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

// bucket is as much of S3 as the storage uses: objects whole, in parts and by ranges.
type bucket struct {
	sync.Mutex
	objects map[string][]byte
	parts   map[string]map[int][]byte
	keys    map[string]string // of what comes in parts
	largest int
	// deaf answers nothing to who would end an upload.
	deaf bool
}

// begun is when all began that the bucket has.
var begun = time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.Lock()
	defer b.Unlock()
	if !strings.Contains(r.Header.Get("Authorization"), "AKIDTEST") {
		http.Error(w, "<Error><Code>AccessDenied</Code></Error>", http.StatusForbidden)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/files/")
	q := r.URL.Query()
	body, _ := io.ReadAll(r.Body)
	b.largest = max(b.largest, len(body))
	if strings.Contains(r.Header.Get("Content-Encoding"), "aws-chunked") || strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING") {
		body = unchunked(body)
	}
	switch {
	case r.Method == http.MethodPost && q.Has("uploads"):
		id := hex.EncodeToString([]byte(rand.Text()))
		b.parts[id], b.keys[id] = map[int][]byte{}, name
		fmt.Fprintf(w, "<InitiateMultipartUploadResult><Bucket>files</Bucket><Key>%s</Key><UploadId>%s</UploadId></InitiateMultipartUploadResult>", name, id)
	case r.Method == http.MethodGet && q.Has("uploads"):
		fmt.Fprint(w, "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>")
		for id := range b.parts {
			if !strings.HasPrefix(b.keys[id], q.Get("prefix")) {
				continue
			}
			fmt.Fprintf(w, "<Upload><Key>%s</Key><UploadId>%s</UploadId><Initiated>%s</Initiated></Upload>", b.keys[id], id, begun.Format(time.RFC3339))
		}
		fmt.Fprint(w, "</ListMultipartUploadsResult>")
	case r.Method == http.MethodGet && q.Has("list-type"):
		fmt.Fprint(w, "<ListBucketResult><IsTruncated>false</IsTruncated>")
		for key, object := range b.objects {
			fmt.Fprintf(w, "<Contents><Key>%s</Key><Size>%d</Size><LastModified>%s</LastModified></Contents>", key, len(object), begun.Format(time.RFC3339))
		}
		fmt.Fprint(w, "</ListBucketResult>")
	case r.Method == http.MethodPut && q.Has("uploadId"):
		n, _ := strconv.Atoi(q.Get("partNumber"))
		b.parts[q.Get("uploadId")][n] = body
		w.Header().Set("ETag", fmt.Sprintf(`"%d"`, n))
	case r.Method == http.MethodPost && q.Has("uploadId"):
		var whole []byte
		parts := b.parts[q.Get("uploadId")]
		for n := 1; n <= len(parts); n++ {
			whole = append(whole, parts[n]...)
		}
		b.objects[name] = whole
		delete(b.parts, q.Get("uploadId"))
		fmt.Fprintf(w, "<CompleteMultipartUploadResult><Bucket>files</Bucket><Key>%s</Key><ETag>x</ETag></CompleteMultipartUploadResult>", name)
	case r.Method == http.MethodPut:
		b.objects[name] = body
		w.Header().Set("ETag", `"x"`)
	case r.Method == http.MethodDelete && q.Has("uploadId") && b.deaf:
		http.Error(w, "<Error><Code>AccessDenied</Code></Error>", http.StatusForbidden)
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		delete(b.parts, q.Get("uploadId"))
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodDelete:
		delete(b.objects, name)
		w.WriteHeader(http.StatusNoContent)
	default:
		object, ok := b.objects[name]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, "<Error><Code>NoSuchKey</Code></Error>")
			return
		}
		var from, to int
		if n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to); n == 2 {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(object)))
			w.WriteHeader(http.StatusPartialContent)
			object = object[from : to+1]
		} else {
			object = object[from:]
		}
		w.Write(object)
	}
}

// unchunked gives the content of a body in chunks that are signed each.
func unchunked(body []byte) []byte {
	var out []byte
	rest := string(body)
	for {
		head, after, ok := strings.Cut(rest, "\r\n")
		size, _, _ := strings.Cut(head, ";")
		n, err := strconv.ParseInt(size, 16, 64)
		if !ok || err != nil || n == 0 || int(n) > len(after) {
			return out
		}
		out, rest = append(out, after[:n]...), strings.TrimPrefix(after[n:], "\r\n")
	}
}

func read(t *testing.T, s *Store, key string, offset, length int64) string {
	t.Helper()
	r, err := s.Get(t.Context(), key, offset, length)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	all, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// mustOpen opens a bucket of the test's own.
func mustOpen(t *testing.T) (*bucket, *Store) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDTEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "of the test")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	b := &bucket{objects: map[string][]byte{}, parts: map[string]map[int][]byte{}, keys: map[string]string{}}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	s, err := Open(t.Context(), "s3://files?region=us-east-1&endpoint="+server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return b, s
}

func TestS3(t *testing.T) {
	b, s := mustOpen(t)
	large := strings.Repeat("0123456789", 1200000)
	for key, content := range map[string]string{"file_small": "hello", "file_large": large} {
		// A reader that cannot go back, as uploads are.
		if err := s.Put(t.Context(), key, io.MultiReader(strings.NewReader(content))); err != nil {
			t.Fatal(err)
		}
		if got := read(t, s, key, 0, -1); got != content {
			t.Errorf("%s came back as %d bytes", key, len(got))
		}
	}
	if got := read(t, s, "file_large", 11999990, 5); got != "01234" {
		t.Errorf("a range: %q", got)
	}
	if b.largest > partSize+1<<16 {
		t.Errorf("a request of %d bytes: not more than a part is to be in memory", b.largest)
	}
	if err := s.Delete(t.Context(), "file_small"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), "file_small", 0, -1); err == nil {
		t.Error("what was deleted is there")
	}
}

// What breaks off is not kept, neither as an object nor in parts; and what was there stays.
func TestS3KeepsNothingThatBreaksOff(t *testing.T) {
	b, s := mustOpen(t)
	if err := s.Put(t.Context(), "file_a", strings.NewReader("old")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken off")
	for _, size := range []int{100, partSize + 100, 3 * partSize} {
		content := io.MultiReader(strings.NewReader(strings.Repeat("x", size)), iotest.ErrReader(broken))
		if err := s.Put(t.Context(), "file_a", content); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", size, err)
		}
	}
	if got := read(t, s, "file_a", 0, -1); got != "old" || len(b.objects) != 1 || len(b.parts) != 0 {
		t.Errorf("it has %.10q, %d objects and %d in parts", got, len(b.objects), len(b.parts))
	}
}

// What somebody left behind in parts is forgotten, when it is old, and ours.
func TestS3ForgetsWhatWasLeft(t *testing.T) {
	b, s := mustOpen(t)
	b.deaf = true
	content := io.MultiReader(strings.NewReader(strings.Repeat("x", 2*partSize)), iotest.ErrReader(errors.New("killed")))
	if err := s.Put(t.Context(), "file_a", content); err == nil || len(b.parts) != 1 {
		t.Fatalf("%v, and %d in parts", err, len(b.parts))
	}
	b.deaf = false
	told := 0
	lost := func(answer bool) func(string, time.Time) bool {
		return func(key string, written time.Time) bool {
			told++
			if key != "file_a" || !written.Equal(begun) {
				t.Errorf("it tells of %s at %v", key, written)
			}
			return answer
		}
	}
	if err := s.Abandon(t.Context(), lost(false)); err != nil || len(b.parts) != 1 {
		t.Errorf("%v, and %d in parts", err, len(b.parts))
	}
	if err := s.Abandon(t.Context(), lost(true)); err != nil || len(b.parts) != 0 || told != 2 {
		t.Errorf("%v, %d in parts, told of %d times", err, len(b.parts), told)
	}
}

func TestS3TellsOfEach(t *testing.T) {
	_, s := mustOpen(t)
	for _, key := range []string{"file_a", "file_b.1.tmp"} { // which is no other than the first
		if err := s.Put(t.Context(), key, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	var keys []string
	err := s.Each(t.Context(), func(key string, written time.Time) error {
		if !written.Equal(begun) {
			t.Errorf("%s was written at %v", key, written)
		}
		keys = append(keys, key)
		return nil
	})
	if slices.Sort(keys); err != nil || strings.Join(keys, " ") != "file_a file_b.1.tmp" {
		t.Errorf("%v, %v", keys, err)
	}
}
