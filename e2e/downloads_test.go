package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// slowDownload is something that somebody fetches, of which they have taken a little, and
// now take nothing.
type slowDownload struct {
	name string
	*http.Response
	size int64
	// some is what they took.
	some []byte
}

// mustFetchSlowly begins to fetch what is larger than a kernel keeps for who takes nothing.
func (s *server) mustFetchSlowly(t *testing.T, name, url string, headers ...string) *slowDownload {
	t.Helper()
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err == nil {
				err = conn.(*net.TCPConn).SetReadBuffer(256 << 10)
			}
			return conn, err
		},
	}
	request, err := http.NewRequest(http.MethodGet, s.url+url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	d := &slowDownload{name: name, Response: response, size: response.ContentLength}
	if d.some, err = io.ReadAll(io.LimitReader(response.Body, 500<<10)); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v", name, response.StatusCode, err)
	}
	return d
}

// expectCut takes what there is, and demands that it is cut off before the last byte.
func (d *slowDownload) expectCut(t *testing.T) {
	t.Helper()
	if n, err := io.Copy(io.Discard, d.Body); err == nil || n+int64(len(d.some)) >= d.size {
		t.Errorf("%s: of %d bytes %d came, and then %v", d.name, d.size, n+int64(len(d.some)), err)
	}
}

// expectWhole takes what there is, and demands that it is all of it.
func (d *slowDownload) expectWhole(t *testing.T, want []byte) {
	t.Helper()
	got, err := io.ReadAll(io.MultiReader(bytes.NewReader(d.some), d.Body))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %d of %d bytes, %v", d.name, len(got), len(want), err)
	}
}

// Who may no longer read a file or an export gets no more of it, also where they were in the
// middle: whoever was put out of the building, signed out or erased, and all when its message
// is deleted. Others read on.
func TestDownloadsEndWithThePermission(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t)
		author, kicked, signedOut, byToken := s.mustMoveIn(t, b), s.mustMoveIn(t, b), s.mustMoveIn(t, b), s.mustMoveIn(t, b)
		leaving, reader := s.mustMoveIn(t, b), s.mustMoveIn(t, b)
		content := make([]byte, 16<<20)
		_, _ = rand.Read(content)
		id, url := s.mustUpload(t, author.token, "video.bin", content)
		sent := s.run(t, author.token, sendFiles, variables{"in": variables{"room": b.community, "key": "video", "text": "", "attachments": []string{id}}}).mustSucceed(t)
		_, export := s.mustExport(t, author.token)
		whole := s.get(t, export, bearer(author.token)...)
		if files := mustUnzip(t, whole.body); files["files/"+id+".bin"] != string(content) {
			t.Errorf("the export's file has %d bytes", len(files["files/"+id+".bin"]))
		}
		token := at[string](t, s.run(t, byToken.token, `{ viewer { fileToken } }`, nil).mustSucceed(t), "viewer.fileToken")
		other := s.mustLogIn(t, author.email, author.password)

		const logOut = `mutation { logOut { sessionId } }`
		for _, c := range []struct {
			name, url string
			headers   []string
			end       func()
		}{
			{"put out", url, bearer(kicked.token), func() { s.change(t, b.manager.token, "banMember", kicked.membership).mustSucceed(t) }},
			{"moved out", url, bearer(leaving.token), func() { s.change(t, leaving.token, "endMembership", leaving.membership).mustSucceed(t) }},
			{"signed out", url, bearer(signedOut.token), func() { s.run(t, signedOut.token, logOut, nil).mustSucceed(t) }},
			{"a file token of who signed out", url + "?t=" + token, nil, func() { s.run(t, byToken.token, logOut, nil).mustSucceed(t) }},
			{"an export of who signed out", export, bearer(other.token), func() { s.run(t, other.token, logOut, nil).mustSucceed(t) }},
		} {
			d, still := s.mustFetchSlowly(t, c.name, c.url, c.headers...), s.mustFetchSlowly(t, "the others", url, bearer(reader.token)...)
			c.end()
			d.expectCut(t)
			still.expectWhole(t, content)
		}
		var all []*slowDownload
		for _, who := range []neighbour{author, reader} {
			all = append(all, s.mustFetchSlowly(t, "deleted", url, bearer(who.token)...))
		}
		s.run(t, author.token, `mutation($m: ID!) { deleteMessage(message: $m) { message { id } } }`, variables{"m": sent.lookup("sendMessage.message.id")}).mustSucceed(t)
		for _, d := range all {
			d.expectCut(t)
		}
		// What was put together before is still its owner's.
		d := s.mustFetchSlowly(t, "the export", export, bearer(author.token)...)
		d.expectWhole(t, whole.body)
		d = s.mustFetchSlowly(t, "erased", export, bearer(author.token)...)
		s.run(t, author.token, eraseDocument, variables{"password": author.password}).mustSucceed(t)
		d.expectCut(t)
	})
}

// Who was cut off goes on where they were, if it is still the same.
func TestDownloadsGoOn(t *testing.T) {
	t.Parallel()
	s := sharedServer(t, sqlite)
	_, me := s.mustSignIn(t)
	_, file := s.mustUpload(t, me.token, "a.bin", bytes.Repeat([]byte("0123456789\x00"), 10_000))
	_, export := s.mustExport(t, me.token)
	for _, url := range []string{file, export} {
		whole := s.get(t, url, bearer(me.token)...)
		tag := whole.header.Get("ETag")
		for name, c := range map[string]struct {
			headers []string
			status  int
			body    []byte
		}{
			"the rest":                  {[]string{"Range", "bytes=100-", "If-Range", tag}, http.StatusPartialContent, whole.body[100:]},
			"the last":                  {[]string{"Range", "bytes=-10"}, http.StatusPartialContent, whole.body[len(whole.body)-10:]},
			"the rest of another":       {[]string{"Range", "bytes=100-", "If-Range", `"another"`}, http.StatusOK, whole.body},
			"what has not changed":      {[]string{"If-None-Match", tag}, http.StatusNotModified, nil},
			"more ranges than sensible": {[]string{"Range", "bytes=0-0" + strings.Repeat(",2-2", 1000)}, http.StatusOK, whole.body},
		} {
			if a := s.get(t, url, append(bearer(me.token), c.headers...)...); a.status != c.status || !bytes.Equal(a.body, c.body) {
				t.Errorf("%s of %s: %d, %d bytes", name, url, a.status, len(a.body))
			}
		}
		if a := s.get(t, url, append(bearer(me.token), "Range", "bytes=0-1,5-6")...); a.status != http.StatusPartialContent ||
			!strings.HasPrefix(a.header.Get("Content-Type"), "multipart/byteranges") || bytes.Count(a.body, []byte("\r\nContent-Range: bytes ")) != 2 {
			t.Errorf("several of %s: %v", url, a.header)
		}
		if a := s.do(t, http.MethodHead, url, nil, bearer(me.token)...); a.status != http.StatusOK || len(a.body) > 0 ||
			a.header.Get("Content-Length") != whole.header.Get("Content-Length") || a.header.Get("ETag") != tag {
			t.Errorf("the head of %s: %v", url, a.header)
		}
	}
}
