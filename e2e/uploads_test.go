package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// multipartFile is a file of a GraphQL multipart request.
type multipartFile struct{ field, name, content string }

// multipartBody gives a GraphQL multipart request with the boundary b; operations and where
// are JSON, or values that become it.
func multipartBody(operations, where any, files ...multipartFile) string {
	body := part("operations", toJSON(operations)) + part("map", toJSON(where))
	for _, f := range files {
		body += filePart(f)
	}
	return body + "--b--\r\n"
}

func filePart(f multipartFile) string {
	return "--b\r\nContent-Disposition: form-data; name=\"" + f.field + "\"; filename=\"" + f.name + "\"\r\n\r\n" + f.content + "\r\n"
}

// fileHead begins an upload of one file, whose content follows.
func fileHead(name string) string {
	return part("operations", toJSON(variables{"query": uploadFile, "variables": variables{"file": nil}})) + part("map", `{"0": ["variables.file"]}`) +
		"--b\r\nContent-Disposition: form-data; name=\"0\"; filename=\"" + name + "\"\r\n\r\n"
}

func toJSON(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // the test's own
	}
	return string(text)
}

const uploadTwo = `mutation($a: Upload!, $b: Upload!) {
	a: uploadAttachment(file: $a) { attachment { id name size url } }
	b: uploadAttachment(file: $b) { attachment { id name size url } }
}`

// Several files come in a request, or one in several places, as the specification of GraphQL
// multipart requests has it; what is none by it keeps nothing.
func TestSeveralFilesInARequest(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := start(t, e, "OMARTY_RATE_LIMITS=off", "OMARTY_MAX_UPLOAD=1")
		_, me := s.mustSignIn(t)
		post := func(body string) result {
			t.Helper()
			return s.post(t, body, append(bearer(me.token), "Content-Type", multipartType)...).mustResult(t)
		}
		operations := variables{"query": uploadTwo, "variables": variables{"a": nil, "b": nil}}
		both := variables{"0": []string{"variables.a"}, "1": []string{"variables.b"}}
		hello, world := multipartFile{"0", "hello.txt", "hello"}, multipartFile{"1", "world.bin", strings.Repeat("world\x00", 50_000)}
		for name, c := range map[string]struct {
			body string
			a, b multipartFile
		}{
			"two files":                   {multipartBody(operations, both, hello, world), hello, world},
			"in another order":            {multipartBody(operations, both, world, hello), hello, world},
			"one for both":                {multipartBody(operations, variables{"1": []string{"variables.a", "variables.b"}}, world), world, world},
			"one more that nothing names": {multipartBody(operations, both, hello, world, multipartFile{"2", "x", "x"}), hello, world},
			"one for each that is large":  {multipartBody(operations, both, hello, multipartFile{"1", "l", strings.Repeat("x", 1<<20)}), hello, multipartFile{"1", "l", strings.Repeat("x", 1<<20)}},
		} {
			r := post(c.body).mustSucceed(t)
			for alias, want := range map[string]multipartFile{"a": c.a, "b": c.b} {
				got := s.get(t, at[string](t, r, alias+".attachment.url"), bearer(me.token)...)
				if got.status != http.StatusOK || string(got.body) != want.content || at[string](t, r, alias+".attachment.name") != want.name {
					t.Errorf("%s, %s: %d, %d bytes, %v", name, alias, got.status, len(got.body), r.lookup(alias))
				}
			}
			if r.lookup("a.attachment.id") == r.lookup("b.attachment.id") {
				t.Errorf("%s: both are one attachment", name)
			}
		}
		before := s.keptFiles(t)
		for name, body := range map[string]string{
			"one too few":            multipartBody(operations, both, hello),
			"one with another name":  multipartBody(operations, both, hello, multipartFile{"2", "x", "x"}),
			"one twice":              multipartBody(operations, both, hello, hello),
			"a place that is not":    multipartBody(operations, variables{"0": []string{"variables.a"}, "1": []string{"variables.c"}}, hello, world),
			"a place given twice":    multipartBody(operations, variables{"0": []string{"variables.a", "variables.a"}, "1": []string{"variables.b"}}, hello, world),
			"a place not of a batch": multipartBody(operations, variables{"0": []string{"0.variables.a"}, "1": []string{"0.variables.b"}}, hello, world),
			"a batch":                multipartBody([]any{operations}, variables{"0": []string{"0.variables.a"}, "1": []string{"0.variables.b"}}, hello, world),
			"the map first":          part("map", toJSON(both)) + part("operations", toJSON(operations)) + filePart(hello) + filePart(world) + "--b--\r\n",
			"the files first":        filePart(hello) + filePart(world) + multipartBody(operations, both),
			"very many files":        multipartBody(operations, veryMany(), hello, world),
		} {
			if r := post(body); r.code() != "BAD_REQUEST" {
				t.Errorf("%s: %v", name, r)
			}
		}
		// No file at all is a null that may not be.
		if r := post(multipartBody(operations, variables{})); r.code() == "" {
			t.Errorf("no file: %v", r)
		}
		if after := s.keptFiles(t); after != before {
			t.Errorf("refused requests left %d files", after-before)
		}
		// Of two the one is kept that is not too large, and the other told of.
		r := post(multipartBody(operations, both, hello, multipartFile{"1", "l", strings.Repeat("x", 1<<20+1)}))
		if r.code() != "TOO_LARGE" || len(r.errors) != 1 || fmt.Sprint(r.errors[0].Path) != "[b]" {
			t.Errorf("one that is too large: %v", r)
		}
	})
}

func veryMany() variables {
	many := variables{}
	for i := range 100 {
		many[fmt.Sprint(i)] = []string{}
	}
	return many
}

// keptFiles counts the files that the server has in its folder, whole or not.
func (s *server) keptFiles(t *testing.T) int {
	t.Helper()
	n := 0
	for _, folder := range []string{"files", "pictures"} {
		entries, err := os.ReadDir(filepath.Join(s.dataDir, folder))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		n += len(entries)
	}
	return n
}

// Of many sends at once that attach the same file one has it; the others hear that it is not
// there to be attached.
func TestARaceForAFile(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t)
		for round := range 5 {
			id, url := s.mustUpload(t, b.manager.token, "a.txt", []byte("hello"))
			results := make([]result, 8)
			var all sync.WaitGroup
			for i := range results {
				all.Go(func() {
					room := []string{b.community, b.announcements}[i%2]
					var err error
					results[i], err = s.insist(b.manager.token, sendFiles, variables{"in": variables{"room": room, "key": fmt.Sprint(round, i), "text": "", "attachments": []string{id}}})
					if err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			took := 0
			for _, r := range results {
				if r.code() == "" && r.lookup("sendMessage.message.attachments.0.url") == url {
					took++
				} else if r.code() != "NOT_FOUND" || r.field() != "input.attachments.0" {
					t.Errorf("got %v", r)
				}
			}
			if took != 1 {
				t.Errorf("%d messages have the file", took)
			}
			if a := s.get(t, url, bearer(b.manager.token)...); a.status != http.StatusOK || string(a.body) != "hello" {
				t.Errorf("the file: %v", a)
			}
		}
	})
}

// slowUpload is an upload of which a part was sent.
type slowUpload struct {
	conn   net.Conn
	answer *bufio.Reader
}

// mustUploadHalf sends the beginning of an upload, of size bytes in all.
func (s *server) mustUploadHalf(t *testing.T, token, name, beginning string, size int) slowUpload {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	head := fileHead(name)
	fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s%s",
		token, multipartType, len(head)+size, head, beginning)
	return slowUpload{conn, bufio.NewReader(conn)}
}

// mustBeWriting waits until the server has a part of an upload in its folder.
func (s *server) mustBeWriting(t *testing.T) {
	t.Helper()
	eventually(t, hearTime, "a part of the upload is written", func() bool {
		found, err := filepath.Glob(filepath.Join(s.dataDir, "files", "*"))
		if err != nil || len(found) != 1 {
			return false
		}
		info, err := os.Stat(found[0])
		return err == nil && info.Size() > 0
	})
}

// Whose upload does not get on is cut off, and leaves nothing: who sends nothing more, and
// who sends a byte now and then. One who hangs up does not, either.
func TestUploadsThatDoNotGetOn(t *testing.T) {
	t.Parallel()
	s := start(t, sqlite, "OMARTY_RATE_LIMITS=off")
	_, me := s.mustSignIn(t)
	half := strings.Repeat("\x00\x01", 100_000)
	begin := time.Now()
	var all sync.WaitGroup
	for name, each := range map[string]time.Duration{"nothing": time.Hour, "a byte": 500 * time.Millisecond} {
		up := s.mustUploadHalf(t, me.token, "a.bin", half, 10<<20)
		sent := make(chan struct{})
		all.Go(func() {
			defer close(sent)
			content, err := io.ReadAll(up.answer)
			took := time.Since(begin)
			if took < 15*time.Second || took > 110*time.Second {
				t.Errorf("%s: it ended after %v with %q, %v", name, took, content, err)
			}
		})
		all.Go(func() {
			for {
				select {
				case <-sent:
					return
				case <-time.After(each):
					if _, err := up.conn.Write([]byte{0}); err != nil {
						return
					}
				}
			}
		})
	}
	gone := s.mustUploadHalf(t, me.token, "a.bin", half, 10<<20)
	picture := s.mustUploadHalf(t, me.token, "a.jpg", string(photo(t, 1)[:8000]), 10<<20)
	eventually(t, hearTime, "the uploads are under way", func() bool { return s.keptFiles(t) == 3 })
	gone.conn.Close()
	picture.conn.Close()
	eventually(t, hearTime, "of who hung up nothing is left", func() bool { return s.keptFiles(t) <= 2 })
	all.Wait()
	eventually(t, hearTime, "nothing is left", func() bool { return s.keptFiles(t) == 0 })
	s.mustUpload(t, me.token, "a.txt", []byte("hello")) // as before
}

// What a power cut leaves of an upload is swept a day later, and not before: it may be
// another node's that is under way.
func TestKilledInTheMiddleOfAnUpload(t *testing.T) {
	t.Parallel()
	home := newPlace(t, sqlite)
	s := home.start(t)
	p, me := s.mustSignIn(t)
	s.mustUploadHalf(t, me.token, "a.bin", strings.Repeat("\x00\x01", 100_000), 10<<20)
	s.mustUploadHalf(t, me.token, "a.jpg", string(photo(t, 1)[:8000]), 10<<20)
	s.mustBeWriting(t)
	s.mustKill(t)
	left, err := filepath.Glob(filepath.Join(s.dataDir, "files", "*"))
	if err != nil || len(left) != 1 {
		t.Fatalf("left over: %v, %v", left, err)
	}
	// A picture on its way has a name for a moment: it may have been this one.
	if err := os.WriteFile(filepath.Join(s.dataDir, "pictures", "picture-1"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	again := home.start(t)
	mine := again.mustLogIn(t, p.email, p.password)
	id, _ := again.mustUpload(t, mine.token, "b.txt", []byte("hello"))
	if _, export := again.mustExport(t, mine.token); len(mustUnzip(t, again.get(t, export, bearer(mine.token)...).body)["files/"+id+".txt"]) != 5 {
		t.Error("what was uploaded is not in the export")
	}
	if again.keptFiles(t) != 3 {
		t.Errorf("there are %d files: of the upload, of the next, and an export", again.keptFiles(t))
	}
	again.mustStop(t)
	yesterday := time.Now().Add(-25 * time.Hour)
	for _, name := range append(left, filepath.Join(s.dataDir, "files", id)) {
		if err := os.Chtimes(name, yesterday, yesterday); err != nil {
			t.Fatal(err)
		}
	}
	third := home.start(t)
	eventually(t, hearTime, "what was left is swept", func() bool { return third.keptFiles(t) == 2 })
	if _, err := os.Stat(filepath.Join(s.dataDir, "files", id)); err != nil {
		t.Errorf("what has a row is gone, too: %v", err)
	}
}

// Files go to the disk as they come: many large ones at once take little memory.
//
// Of the 160 MB that they have, 0 to 10 MB were measured, with the race detector on and off.
func TestManyUploadsAtOnce(t *testing.T) {
	t.Parallel()
	const (
		uploads = 16
		size    = 10 << 20
		most    = 64 << 20
	)
	s := start(t, sqlite, "OMARTY_RATE_LIMITS=off")
	_, me := s.mustSignIn(t)
	s.mustUpload(t, me.token, "first.bin", make([]byte, 1<<20)) // so that the program is warm
	before := memory(t, s.pid)
	head := fileHead("large.bin")
	done := make(chan struct{})
	peak := make(chan int)
	go func() {
		most := 0
		for {
			most = max(most, memory(t, s.pid))
			select {
			case <-done:
				peak <- most
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	var all sync.WaitGroup
	for range uploads {
		all.Go(func() {
			body := io.MultiReader(strings.NewReader(head), io.LimitReader(zeros{}, size), strings.NewReader("\r\n--b--\r\n"))
			request, err := http.NewRequest(http.MethodPost, s.url+"/graphql", body)
			if err != nil {
				t.Error(err)
				return
			}
			request.Header.Set("Authorization", "Bearer "+me.token)
			request.Header.Set("Content-Type", multipartType)
			response, err := patientClient.Do(request)
			if err != nil {
				t.Error(err)
				return
			}
			defer response.Body.Close()
			content, err := io.ReadAll(response.Body)
			if r, _ := (answer{response.StatusCode, response.Header, content}).result(); r.lookup("uploadAttachment.attachment.size") != float64(size) {
				t.Errorf("%s, %v", content, err)
			}
		})
	}
	all.Wait()
	close(done)
	grown := <-peak - before
	t.Logf("%d files of %d MB at once: %d MB, before %d MB", uploads, size>>20, grown>>20, before>>20)
	if grown > most {
		t.Errorf("%d files of %d MB at once take %d MB", uploads, size>>20, grown>>20)
	}
}

// patientClient waits for a disk that many write to.
var patientClient = &http.Client{Transport: httpClient.Transport, Timeout: 4 * time.Minute}

// zeros is a content without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
