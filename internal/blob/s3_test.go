package blob

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// bucket is as much of S3 as the storage uses: objects whole, in parts and by ranges.
type bucket struct {
	sync.Mutex
	objects map[string][]byte
	parts   map[string]map[int][]byte
	largest int
}

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
		b.parts[id] = map[int][]byte{}
		fmt.Fprintf(w, "<InitiateMultipartUploadResult><Bucket>files</Bucket><Key>%s</Key><UploadId>%s</UploadId></InitiateMultipartUploadResult>", name, id)
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

func TestS3(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDTEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "of the test")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	b := &bucket{objects: map[string][]byte{}, parts: map[string]map[int][]byte{}}
	server := httptest.NewServer(b)
	defer server.Close()
	s, err := Open(t.Context(), "s3://files?region=us-east-1&endpoint="+server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
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
