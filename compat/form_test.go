package compat

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestFormThatIsNone(t *testing.T) {
	t.Parallel()
	const mixed = "multipart/form-data; boundary=x"
	part := func(disposition, content string) string {
		return "--x\r\nContent-Disposition: " + disposition + "\r\n\r\n" + content + "\r\n"
	}
	padded := func(bytes int) string {
		return documented + "&padding=" + strings.Repeat("x", bytes-len(documented+"&padding="))
	}
	for _, c := range []struct {
		name, contentType, body string
		status                  int // 200 for a form that is one
	}{
		{"a form", urlEncoded, documented, 200},
		{"a form in UTF-8", urlEncoded + "; charset=UTF-8", documented, 200},
		{"a form whose type shouts", "Application/X-WWW-Form-URLEncoded", documented, 200},
		{"a form of parts", mixed, asMultipart(t, documented), 200},
		{"as many bytes as allowed", urlEncoded, padded(64 << 10), 200},
		{"nothing", urlEncoded, "", 200},
		{"a field that nobody knows, of broken UTF-8", urlEncoded, "foo=%FF&" + documented, 200},
		{"a part with a file's name", mixed, part(`form-data; name="pnum"; filename="a"`, "1") + "--x--", 200},
		{"a part without a name", mixed, part(`form-data`, "1") + "--x--", 200},

		{"one byte more", urlEncoded, padded(64<<10 + 1), 413},
		{"parts that are too large", mixed, asMultipart(t, padded(64<<10)), 413},
		{"JSON", "application/json", `{"pnum":"1"}`, 415},
		{"text", "text/plain", documented, 415},
		{"no type", "", documented, 415},
		{"a type that is none", "a/b/c", documented, 415},
		{"another character set", urlEncoded + "; charset=windows-1256", documented, 415},
		{"parts of another kind", "multipart/mixed; boundary=x", asMultipart(t, documented), 415},
		{"broken UTF-8", urlEncoded, "name=%FF", 400},
		{"half a letter", urlEncoded, "name=%D9", 400},
		{"broken UTF-8 as it is", urlEncoded, "name=\xff", 400},
		{"half of a surrogate pair", urlEncoded, "name=%ED%A0%80", 400},
		{"NUL", urlEncoded, "password=a%00b", 400},
		{"NUL as it is", urlEncoded, "password=a\x00b", 400},
		{"broken UTF-8 in a part", mixed, part(`form-data; name="name"`, "\xff") + "--x--", 400},
		{"NUL in a part", mixed, part(`form-data; name="name"`, "\x00") + "--x--", 400},
		{"a broken escape", urlEncoded, "name=%zz", 400},
		{"an escape cut off", urlEncoded, "name=%4", 400},
		{"a broken escape in what nobody knows", urlEncoded, "foo=%zz&" + documented, 400},
		{"a field twice", urlEncoded, "pnum=1&pnum=1", 400},
		{"a field twice, once escaped", urlEncoded, "pnum=1&pn%75m=2", 400},
		{"a field twice, once without a value", urlEncoded, "email=a&email", 400},
		{"a part twice", mixed, part(`form-data; name="pnum"`, "1") + part(`form-data; name="pnum"`, "1") + "--x--", 400},
		{"no boundary", "multipart/form-data", asMultipart(t, documented), 400},
		{"parts without an end", mixed, part(`form-data; name="pnum"`, "1"), 400},
		{"parts that break off in a text", mixed, cutAt(asMultipart(t, documented), "TestName"), 400},
		{"parts that break off in a header", mixed, cutAt(asMultipart(t, documented), `name="latitude"`), 400},
		{"parts that break off before a header", mixed, cutAt(asMultipart(t, documented), "Content-Disposition: form-data; name=\"latitude\""), 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := &fakeExecutor{}
			w := post(t, e, c.contentType, c.body)
			expectEnvelope(t, w, c.status)
			if stored := e.runs > 0; stored != (c.status == 200) {
				t.Errorf("registered: %v", stored)
			}
			if len(w.Body.String()) > 1000 {
				t.Errorf("an answer of %d bytes", w.Body.Len())
			}
		})
	}
}

// cutAt gives what comes before a part of a text.
func cutAt(text, part string) string {
	before, _, _ := strings.Cut(text, part)
	return before
}

// torn is a body that ends before it should.
type torn struct{ io.Reader }

func (b torn) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func TestFormThatBreaksOff(t *testing.T) {
	t.Parallel()
	e := &fakeExecutor{}
	r := httptest.NewRequest(http.MethodPost, RegisterPath, torn{strings.NewReader(documented)})
	r.Header.Set("Content-Type", urlEncoded)
	w := serve(t, e, r)
	expectEnvelope(t, w, 400)
	if e.runs > 0 {
		t.Error("somebody was registered with half a form")
	}
}

func TestFormKeepsItsTextAsItIs(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, RegisterPath, strings.NewReader("pnum=+20%201&email=&password=%EF%BF%BD%C2%85&name=%F0%9F%8F%A0&confirmPassword&foo=bar"))
	r.Header.Set("Content-Type", urlEncoded)
	got, refused := readForm(httptest.NewRecorder(), r)
	want := form{"pnum": " 20 1", "email": "", "password": "\uFFFD\u0085", "name": "🏠", "confirmPassword": ""}
	if diff := cmp.Diff(want, got); diff != "" || refused != nil {
		t.Errorf("refused %+v; form (-want +got):\n%s", refused, diff)
	}
}

// once is an answer that may be given once.
type once struct {
	*httptest.ResponseRecorder
	answers int
}

func (w *once) WriteHeader(status int) {
	w.answers++
	w.ResponseRecorder.WriteHeader(status)
}

// FuzzReadForm checks that any body of either kind gets one answer of the
// documented shape, and that what a form holds is text.
func FuzzReadForm(f *testing.F) {
	f.Add(true, []byte(documented))
	f.Add(true, []byte("pnum=%D9%A0&name=%00"))
	f.Add(true, []byte("a;b&c=%zz&pnum=1&pnum=2&=&&"))
	f.Add(false, []byte(asMultipart(f, documented)))
	f.Add(false, []byte("--x\r\nContent-Disposition: form-data; name=\"pnum\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=00=\r\n--x--"))
	f.Add(false, []byte("--x\nContent-Disposition: form-data; name*=utf-8''%FF\n\n\xff\n--x\n--x--"))
	f.Add(false, []byte("--x--"))
	f.Fuzz(func(t *testing.T, encoded bool, body []byte) {
		contentType := "multipart/form-data; boundary=x"
		if encoded {
			contentType = urlEncoded
		}
		request := func() *http.Request {
			r := httptest.NewRequest(http.MethodPost, RegisterPath, strings.NewReader(string(body)))
			r.Header.Set("Content-Type", contentType)
			return r
		}
		read, refused := readForm(httptest.NewRecorder(), request())
		if (read == nil) == (refused == nil) {
			t.Fatalf("form %v, refused %v", read, refused)
		}
		for name, value := range read {
			if !slices.Contains(known, name) || !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
				t.Errorf("%q has %q", name, value)
			}
		}
		e := &fakeExecutor{}
		w := &once{ResponseRecorder: httptest.NewRecorder()}
		Register(e, 1).ServeHTTP(w, request())
		if w.answers != 1 || (e.runs > 0) != (refused == nil) {
			t.Errorf("%d answers, ran %d times", w.answers, e.runs)
		}
		status := http.StatusOK
		if refused != nil {
			status = refused.Status
		}
		expectEnvelope(t, w.ResponseRecorder, status)
	})
}
