package e2e

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestFormMethods(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p := stranger()
		for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "NONSENSE"} {
			for _, path := range []string{formPath, strings.TrimSuffix(formPath, "/")} {
				a := s.do(t, method, path+"?"+p.form().Encode(), strings.NewReader(p.form().Encode()),
					"Content-Type", "application/x-www-form-urlencoded")
				if method == "HEAD" {
					a.body = []byte(formPostRequired) // HEAD has none
				}
				a.expectForm(t, method, formPostRequired)
				if got := a.header.Get("Allow"); got != "POST" {
					t.Errorf("%s: Allow is %q", method, got)
				}
			}
		}
		// The form is the body; an address with a password in it would be logged.
		a := s.do(t, http.MethodPost, formPath+"?"+p.form().Encode(), strings.NewReader(""),
			"Content-Type", "application/x-www-form-urlencoded")
		a.expectForm(t, "a form in the URL", formEnterData)
		s.postForm(t, p.form().Encode()).expectForm(t, "the same in the body", formRegistered)
	})
}

func TestFormContentTypes(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p := stranger()
		for _, contentType := range []string{
			"", "text/plain", "application/json", "application/x-www-form-urlencoded-not", "multipart/mixed; boundary=b", "nonsense", ";",
		} {
			headers := []string{"Content-Type", contentType}
			if contentType == "" {
				headers = nil
			}
			s.do(t, http.MethodPost, formPath, strings.NewReader(p.form().Encode()), headers...).
				expectFormStatus(t, contentType, http.StatusUnsupportedMediaType)
		}
		for _, contentType := range []string{
			"application/x-www-form-urlencoded; charset=UTF-8", "Application/X-WWW-Form-Urlencoded",
			`application/x-www-form-urlencoded;charset="utf-8"`,
		} {
			s.do(t, http.MethodPost, formPath, strings.NewReader(stranger().form().Encode()), "Content-Type", contentType).
				expectForm(t, contentType, formRegistered)
		}
	})
}

func TestFormSize(t *testing.T) {
	t.Parallel()
	const limit = 64 << 10
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p := stranger()
		padded := func(size int) string {
			body := p.form().Encode() + "&padding="
			return body + strings.Repeat("x", size-len(body))
		}
		for _, size := range []int{limit + 1, 2 * limit, 1 << 20} {
			s.postForm(t, padded(size)).expectFormStatus(t, fmt.Sprint(size), http.StatusRequestEntityTooLarge)
		}
		// A length that is not told in advance changes nothing.
		s.do(t, http.MethodPost, formPath, io.MultiReader(strings.NewReader(padded(limit+1))),
			"Content-Type", "application/x-www-form-urlencoded").expectFormStatus(t, "in chunks", http.StatusRequestEntityTooLarge)
		form := p.form()
		form.Set("padding", strings.Repeat("x", limit))
		body, contentType := multipartForm(t, form)
		s.do(t, http.MethodPost, formPath, body, "Content-Type", contentType).
			expectFormStatus(t, "multipart", http.StatusRequestEntityTooLarge)
		s.postForm(t, padded(limit)).expectForm(t, "as large as allowed", formRegistered)
	})
}

// decoded gives an answer's body as it was before it was compressed. br, which the
// standard library does not know, must look compressed.
func (a answer) decoded(t *testing.T) string {
	t.Helper()
	var r io.Reader
	var err error
	switch encoding := a.header.Get("Content-Encoding"); encoding {
	case "":
		return string(a.body)
	case "gzip":
		r, err = gzip.NewReader(bytes.NewReader(a.body))
	case "deflate": // which is zlib's format: RFC 9110, 8.4.1.2
		r, err = zlib.NewReader(bytes.NewReader(a.body))
	default:
		t.Fatalf("the encoding is %q", encoding)
	}
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

// What clients accept, and which encodings may then be used; "" is none. Shared
// with the GraphQL door.
var acceptEncodings = []struct{ accept, allowed string }{
	{"", ""},
	{"identity", ""},
	{"gzip", "gzip"},
	{"GZIP", "gzip"},
	{"deflate", "deflate"},
	{"br", "br"},
	{"gzip, deflate, br", "gzip deflate br"},
	{"gzip, deflate", "gzip deflate"},
	{"gzip;q=0", ""},
	{"gzip;q=0.000, br;q=0, deflate;q=0", ""},
	{"gzip;q=0, deflate", "deflate"},
	{"deflate;q=0,br;q=0,gzip;q=0.5", "gzip"},
	{"gzip;q=0.1, identity;q=0", "gzip"},
	{"*;q=0", ""},
	{"zstd, lzma", ""},
	{"nonsense;;;q=,", ""},
}

// expectEncoded demands that an answer is compressed as the client accepts, really
// so, and is then what it should be.
func (a answer) expectEncoded(t *testing.T, accept, allowed, want string) {
	t.Helper()
	encoding := a.header.Get("Content-Encoding")
	if allowed == "" && encoding != "" || allowed != "" && !strings.Contains(" "+allowed+" ", " "+encoding+" ") || allowed != "" && encoding == "" {
		t.Errorf("Accept-Encoding %q: the encoding is %q", accept, encoding)
		return
	}
	if !strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Accept-Encoding") {
		t.Errorf("Accept-Encoding %q: Vary is %q", accept, a.header.Values("Vary"))
	}
	if encoding == "br" {
		if len(a.body) == 0 || bytes.HasPrefix(a.body, []byte("{")) {
			t.Errorf("that is no br: %q", clip(string(a.body), 100))
		}
		return
	}
	if got := a.decoded(t); got != want {
		t.Errorf("Accept-Encoding %q: got %q, want %q", accept, clip(got, 200), clip(want, 200))
	}
}

func TestFormCompression(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		for _, c := range acceptEncodings {
			var headers []string
			if c.accept != "" {
				headers = []string{"Accept-Encoding", c.accept}
			}
			form := stranger().form()
			a := s.postForm(t, form.Encode(), headers...)
			a.expectEncoded(t, c.accept, c.allowed, formRegistered)
			a.expectFormType(t, c.accept)
			s.postForm(t, form.Encode(), headers...).expectEncoded(t, c.accept, c.allowed, formEmailTaken)
			s.postForm(t, "", headers...).expectEncoded(t, c.accept, c.allowed, formEnterData)
			s.do(t, http.MethodPut, formPath, nil, headers...).expectEncoded(t, c.accept, c.allowed, formPostRequired)
		}
	})
}

// A stranger who registers without end is stopped, whatever addresses the
// requests claim.
func TestFormIsLimited(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := start(t, e)
		// Well before 300, but for those that are earned meanwhile, one in 10 s.
		begun := time.Now()
		for try := 0; try <= 250+int(time.Since(begun)/(10*time.Second)); {
			address := fmt.Sprintf("203.0.113.%d", try%250)
			a := s.postForm(t, url.Values{"pnum": {"1"}}.Encode(),
				"X-Forwarded-For", address, "X-Real-IP", address, "Forwarded", "for="+address)
			if a.status == http.StatusBadRequest {
				try++
				continue
			}
			a.expectFormStatus(t, "too many", http.StatusTooManyRequests)
			if seconds, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || seconds < 1 {
				t.Errorf("Retry-After is %q", a.header.Get("Retry-After"))
			}
			// The other door is the same verb's; unless another one was earned by now.
			if r := s.register(t, stranger().input()); r.code() != "" {
				r.expectCode(t, "RATE_LIMITED", "")
				return
			}
			try++
		}
		t.Error("250 tries were not refused")
	})
}
