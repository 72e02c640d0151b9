package download

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/omarty/chat/internal/omarty"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kept is a content, and who may read it.
type kept struct {
	bytes []byte
	// permit is asked, where there is one.
	permit func() error
	// slow is how long a read takes.
	slow time.Duration
	// broken is what a read gives behind the bytes, where there is any.
	broken  error
	unknown bool // how many bytes there are
	// hurry is how long the server lets an answer take; 0 for no end.
	hurry time.Duration

	asked, opened, closed atomic.Int64
}

func (k *kept) content(*http.Request) (Content, error) {
	k.asked.Add(1)
	if k.permit != nil {
		if err := k.permit(); err != nil {
			return Content{}, err
		}
	}
	size := int64(len(k.bytes))
	if k.broken != nil {
		size++
	}
	if k.unknown {
		size = -1
	}
	return Content{Tag: "tag", Type: "text/x-test", Disposition: "attachment", Cache: "private", Size: size, Open: k.open}, nil
}

func (k *kept) open(_ context.Context, offset int64) (io.ReadCloser, error) {
	k.opened.Add(1)
	r := &opened{kept: k, Reader: io.Reader(bytes.NewReader(k.bytes[min(offset, int64(len(k.bytes))):]))}
	if k.broken != nil {
		r.Reader = io.MultiReader(r.Reader, brokenReader{k.broken})
	}
	return r, nil
}

type brokenReader struct{ err error }

func (b brokenReader) Read([]byte) (int, error) { return 0, b.err }

type opened struct {
	*kept
	io.Reader
}

func (o *opened) Read(p []byte) (int, error) {
	time.Sleep(o.slow)
	return o.Reader.Read(p)
}

func (o *opened) Close() error {
	o.closed.Add(1)
	return nil
}

var letters = []byte("abcdefghijklmnopqrstuvwxyz")

func get(k *kept, method string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/", nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	Handler(k.content, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
	return w
}

func TestWhatIsAskedForIsGiven(t *testing.T) {
	for name, c := range map[string]struct {
		headers []string
		status  int
		body    string
		ranges  string // Content-Range
	}{
		"all":                             {nil, 200, string(letters), ""},
		"a range":                         {[]string{"Range", "bytes=2-4"}, 206, "cde", "bytes 2-4/26"},
		"from somewhere on":               {[]string{"Range", "bytes=23-"}, 206, "xyz", "bytes 23-25/26"},
		"beyond the end":                  {[]string{"Range", "bytes=24-99"}, 206, "yz", "bytes 24-25/26"},
		"the last":                        {[]string{"Range", "bytes=-3"}, 206, "xyz", "bytes 23-25/26"},
		"the last, more than there is":    {[]string{"Range", "bytes=-300"}, 206, string(letters), "bytes 0-25/26"},
		"none that is there":              {[]string{"Range", "bytes=26-"}, 416, "", "bytes */26"},
		"no range":                        {[]string{"Range", "bytes=4-2"}, 416, "", ""},
		"in other units":                  {[]string{"Range", "lines=1-2"}, 416, "", ""},
		"unchanged":                       {[]string{"If-None-Match", `"tag"`}, 304, "", ""},
		"unchanged, weakly":               {[]string{"If-None-Match", `"other", W/"tag"`}, 304, "", ""},
		"unchanged, whatever it is":       {[]string{"If-None-Match", `*`}, 304, "", ""},
		"changed":                         {[]string{"If-None-Match", `"other"`}, 200, string(letters), ""},
		"a range of the same":             {[]string{"Range", "bytes=2-4", "If-Range", `"tag"`}, 206, "cde", "bytes 2-4/26"},
		"a range of another":              {[]string{"Range", "bytes=2-4", "If-Range", `"other"`}, 200, string(letters), ""},
		"a range of what it was at times": {[]string{"Range", "bytes=2-4", "If-Range", "Sun, 29 Nov 2026 09:00:00 GMT"}, 200, string(letters), ""},
		"the same, and no other":          {[]string{"If-Match", `"tag"`}, 200, string(letters), ""},
		"another, and not this":           {[]string{"If-Match", `"other"`}, 412, "", ""},
		"more ranges than the whole":      {[]string{"Range", "bytes=0-20,5-25"}, 200, string(letters), ""},
		"very many ranges":                {[]string{"Range", "bytes=" + strings.Repeat("1-1,", maxRanges) + "2-2"}, 200, string(letters), ""},
	} {
		for _, unknown := range []bool{false, true} {
			k := &kept{bytes: letters, unknown: unknown}
			w := get(k, http.MethodGet, c.headers...)
			if w.Code != c.status || c.status < 300 && w.Body.String() != c.body || c.ranges != "" && w.Header().Get("Content-Range") != c.ranges {
				t.Errorf("%s: %d %q %v", name, w.Code, w.Body, w.Header())
			}
			if c.status < 400 && w.Header().Get("ETag") != `"tag"` {
				t.Errorf("%s: %v", name, w.Header())
			}
			head := get(k, http.MethodHead, c.headers...)
			if head.Code != c.status || c.status < 300 && head.Body.Len() > 0 || head.Header().Get("Content-Length") != w.Header().Get("Content-Length") {
				t.Errorf("the head of %s: %d %q %v, not %v", name, head.Code, head.Body, head.Header(), w.Header())
			}
			if k.opened.Load() != k.closed.Load() {
				t.Errorf("%s: %d opened, %d closed", name, k.opened.Load(), k.closed.Load())
			}
		}
	}
	if w := get(&kept{bytes: letters}, http.MethodPost); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestSeveralRanges(t *testing.T) {
	k := &kept{bytes: letters}
	w := get(k, http.MethodGet, "Range", "bytes=0-1, 10-12, -2")
	_, parameters, err := mime.ParseMediaType(w.Header().Get("Content-Type"))
	if w.Code != 206 || err != nil {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	var got []string
	for parts := multipart.NewReader(w.Body, parameters["boundary"]); ; {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(part)
		got = append(got, part.Header.Get("Content-Range")+" "+part.Header.Get("Content-Type")+" "+string(text))
	}
	want := "bytes 0-1/26 text/x-test ab; bytes 10-12/26 text/x-test klm; bytes 24-25/26 text/x-test yz"
	if strings.Join(got, "; ") != want {
		t.Errorf("%v", got)
	}
}

func TestWhatIsNotToBeRead(t *testing.T) {
	for code, want := range map[omarty.Code]int{
		omarty.CodeUnauthenticated: 401, omarty.CodeNotFound: 404, omarty.CodeUnavailable: 503, omarty.CodeInternal: 500,
	} {
		var log bytes.Buffer
		k := &kept{bytes: letters, permit: func() error {
			if code == omarty.CodeInternal {
				return errors.New("the inner text")
			}
			return omarty.Errorf(code, "No.")
		}}
		w := httptest.NewRecorder()
		Handler(k.content, slog.New(slog.NewTextHandler(&log, nil))).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if w.Code != want || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("ETag")+w.Header().Get("Content-Disposition") != "" ||
			strings.Contains(w.Body.String(), "inner") {
			t.Errorf("%v: %d %q %v", code, w.Code, w.Body, w.Header())
		}
		if logged := strings.Contains(log.String(), "the inner text"); logged != (code == omarty.CodeInternal) {
			t.Errorf("%v: the log has %q", code, log.String())
		}
	}
}

// Permission is asked for again after each MiB.
func TestPermissionIsAskedAfterSomeBytes(t *testing.T) {
	k := &kept{bytes: make([]byte, 5<<20)}
	if w := get(k, http.MethodGet); w.Body.Len() != 5<<20 {
		t.Fatalf("%d bytes", w.Body.Len())
	}
	if n := k.asked.Load(); n < 5 || n > 6 {
		t.Errorf("it was asked %d times", n)
	}
}

// And each second.
func TestPermissionIsAskedAfterSomeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kept{bytes: make([]byte, 512<<10), slow: 400 * time.Millisecond} // 16 reads
		get(k, http.MethodGet)
		if n := k.asked.Load(); n < 5 || n > 7 {
			t.Errorf("it was asked %d times in 6.4 s", n)
		}
	})
}

// eachProtocol runs a test over HTTP/1.1 and over HTTP/2.
func eachProtocol(t *testing.T, test func(t *testing.T, http2 bool)) {
	t.Helper()
	t.Run("HTTP/1.1", func(t *testing.T) { test(t, false) })
	t.Run("HTTP/2", func(t *testing.T) { test(t, true) })
}

// mustServe serves a content as the program does, but for how patient it is.
func mustServe(t *testing.T, k *kept, patience time.Duration, http2 bool) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(handler{k.content, slog.New(slog.DiscardHandler), patience})
	s.Config.WriteTimeout = k.hurry
	if s.EnableHTTP2 = http2; http2 {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

// mustAsk asks on a connection that keeps little for its reader.
func mustAsk(t *testing.T, s *httptest.Server, headers ...string) *http.Response {
	t.Helper()
	transport := &http.Transport{
		ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err == nil {
				err = conn.(*net.TCPConn).SetReadBuffer(256 << 10)
			}
			return conn, err
		},
	}
	if s.TLS != nil {
		transport.TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	}
	t.Cleanup(transport.CloseIdleConnections)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if (s.TLS != nil) != (response.ProtoMajor == 2) {
		t.Fatalf("it came by %s", response.Proto)
	}
	return response
}

// expectClosed waits until all is closed that was opened.
func expectClosed(t *testing.T, k *kept) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); k.closed.Load() == 0 || k.closed.Load() < k.opened.Load(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d opened, %d closed", k.opened.Load(), k.closed.Load())
		}
	}
}

const large = 24 << 20 // more than a kernel keeps

// Who may no longer is cut off before the last byte, and knows that it is not whole.
func TestReadingEndsWithThePermission(t *testing.T) {
	eachProtocol(t, func(t *testing.T, http2 bool) {
		for name, headers := range map[string][]string{"all": nil, "a range": {"Range", "bytes=1-"}, "ranges": {"Range", "bytes=0-0,2-"}} {
			var ended atomic.Bool
			k := &kept{bytes: make([]byte, large)}
			k.permit = func() error {
				if ended.Load() {
					return omarty.Errorf(omarty.CodeNotFound, "It does not exist.")
				}
				return nil
			}
			response := mustAsk(t, mustServe(t, k, time.Minute, http2), headers...)
			if _, err := io.CopyN(io.Discard, response.Body, 1<<20); err != nil {
				t.Fatal(err)
			}
			ended.Store(true)
			if n, err := io.Copy(io.Discard, response.Body); err == nil || n > large-2<<20 {
				t.Errorf("%s: %d bytes more, %v", name, n, err)
			}
		}
	})
}

// A storage that breaks in the middle cuts the reader off.
func TestReadingEndsWithTheStorage(t *testing.T) {
	eachProtocol(t, func(t *testing.T, http2 bool) {
		for _, broken := range []error{errors.New("the disk"), io.EOF} {
			response := mustAsk(t, mustServe(t, &kept{bytes: make([]byte, 100_000), broken: broken}, time.Minute, http2))
			if n, err := io.Copy(io.Discard, response.Body); err == nil || n > 100_000 {
				t.Errorf("%v: %d bytes, %v", broken, n, err)
			}
		}
	})
}

// Who takes some of it again and again gets all of it, however long that takes for a server
// that else has little time.
func TestSlowReadersGetAll(t *testing.T) {
	eachProtocol(t, func(t *testing.T, http2 bool) {
		response := mustAsk(t, mustServe(t, &kept{bytes: make([]byte, large), hurry: 500 * time.Millisecond}, 10*time.Second, http2))
		for begin := time.Now(); time.Since(begin) < time.Second; time.Sleep(10 * time.Millisecond) {
			if _, err := io.CopyN(io.Discard, response.Body, 64<<10); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Error(err)
		}
	})
}

// Who takes nothing for a while is cut off, and nothing stays open.
func TestWhoTakesNothingIsCutOff(t *testing.T) {
	eachProtocol(t, func(t *testing.T, http2 bool) {
		for _, headers := range [][]string{nil, {"Range", "bytes=0-0,2-"}} {
			k := &kept{bytes: make([]byte, large)}
			response := mustAsk(t, mustServe(t, k, 200*time.Millisecond, http2), headers...)
			expectClosed(t, k)
			if _, err := io.Copy(io.Discard, response.Body); err == nil {
				t.Error("who took nothing got all")
			}
		}
	})
}

// Who hangs up in the middle leaves nothing open, of several ranges either.
func TestWhoHangsUpLeavesNothingOpen(t *testing.T) {
	eachProtocol(t, func(t *testing.T, http2 bool) {
		for range 20 {
			k := &kept{bytes: make([]byte, large)}
			s := mustServe(t, k, time.Minute, http2)
			response := mustAsk(t, s, "Range", "bytes=0-5000000,6000000-")
			_, _ = io.CopyN(io.Discard, response.Body, 100_000)
			response.Body.Close()
			expectClosed(t, k)
		}
	})
}
