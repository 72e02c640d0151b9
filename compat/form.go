package compat

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxBody bounds a form, in bytes.
const maxBody = 64 << 10

// maxDiscarded is how much more of a form that is too large is read, in bytes.
const maxDiscarded = 8 << 20

// form is the known fields of a form by their names.
type form map[string]string

// known are the fields that a form may have; others are passed over.
var known = []string{"pnum", "email", "password", "confirmPassword", "name", "longitude", "latitude"}

// readForm reads a request's form, or gives the answer for a request that has
// none, or a broken one.
func readForm(w http.ResponseWriter, r *http.Request) (form, *answer) {
	refuse := func(status int, message string) (form, *answer) {
		a := refusal(status, message)
		return nil, &a
	}
	if r.Method != http.MethodPost {
		return refuse(http.StatusMethodNotAllowed, "Please send a POST request.")
	}
	mediaType, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	parse := map[string]func([]byte, string) (url.Values, error){
		"application/x-www-form-urlencoded": parseURLEncoded,
		"multipart/form-data":               parseMultipart,
	}[mediaType]
	charset, named := parameters["charset"]
	if err != nil || parse == nil || named && !strings.EqualFold(charset, "utf-8") {
		return refuse(http.StatusUnsupportedMediaType, "Please send a form as application/x-www-form-urlencoded.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		// Many clients read no answer before they have sent all.
		_, _ = io.CopyN(io.Discard, r.Body, maxDiscarded)
		return refuse(http.StatusRequestEntityTooLarge, "The form is too large.")
	}
	if err != nil {
		return refuse(http.StatusBadRequest, "The form broke off.")
	}
	values, err := parse(body, parameters["boundary"])
	if err != nil {
		return refuse(http.StatusBadRequest, "The form is broken.")
	}
	f := form{}
	for _, name := range known {
		switch given := values[name]; {
		case len(given) > 1:
			return refuse(http.StatusBadRequest, name+" is given twice.")
		case len(given) == 0:
		case !utf8.ValidString(given[0]) || strings.ContainsRune(given[0], 0):
			return refuse(http.StatusBadRequest, name+" is not text in UTF-8.")
		default:
			f[name] = given[0]
		}
	}
	return f, nil
}

func parseURLEncoded(body []byte, _ string) (url.Values, error) {
	// Go takes a bare semicolon for a mistake; browsers, and the apps, for itself.
	return url.ParseQuery(strings.ReplaceAll(string(body), ";", "%3B"))
}

func parseMultipart(body []byte, boundary string) (url.Values, error) {
	// The reader takes a form that was cut between or within headers for one that
	// ends there.
	if !bytes.Contains(body, []byte("--"+boundary+"--")) {
		return nil, io.ErrUnexpectedEOF
	}
	values := url.Values{}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		values.Add(part.FormName(), string(content))
	}
}
