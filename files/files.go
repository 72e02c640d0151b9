// Package files is the door by which files are read: their addresses are stable, and who
// may read what is decided each time, and again while they are read.
package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

const (
	// checkEach and checkAfter are how often it is asked again whether who reads may: in
	// time, and in bytes.
	checkEach  = time.Second
	checkAfter = 1 << 20
	// patience is how long who reads may take nothing of it.
	patience = 30 * time.Second
)

// Verbs are what the door asks.
type Verbs interface {
	File(ctx context.Context, by service.Asker, id omarty.ID) (omarty.File, error)
	Content(ctx context.Context, f omarty.File, thumbnail bool, offset int64) (io.ReadCloser, error)
}

// Handler serves files, at /files/ID and /files/ID/thumbnail, to who is signed in:
// authenticate tells who asks, and nobody, without an error, where no good token came.
func Handler(verbs Verbs, authenticate func(*http.Request) (service.Asker, error), log *slog.Logger) http.Handler {
	d := door{verbs, authenticate, log}
	mux := http.NewServeMux()
	mux.HandleFunc("/files/{id}", func(w http.ResponseWriter, r *http.Request) { d.serve(w, r, false) })
	mux.HandleFunc("/files/{id}/thumbnail", func(w http.ResponseWriter, r *http.Request) { d.serve(w, r, true) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { d.serve(w, r, false) })
	return mux
}

type door struct {
	verbs        Verbs
	authenticate func(*http.Request) (service.Asker, error)
	log          *slog.Logger
}

func (d door) serve(w http.ResponseWriter, r *http.Request, thumbnail bool) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Vary", "Authorization")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "Files are read.")
		return
	}
	reading := reading{door: d, r: r, thumbnail: thumbnail}
	err := reading.permit(r.Context())
	switch omarty.CodeOf(err) {
	case "":
	case omarty.CodeUnauthenticated:
		h.Set("WWW-Authenticate", "Bearer")
		refuse(w, http.StatusUnauthorized, "Sign in: send the session's token, or a file token as ?t=.")
		return
	case omarty.CodeNotFound:
		refuse(w, http.StatusNotFound, "It does not exist.")
		return
	default:
		d.fail(w, r, err)
		return
	}
	file := reading.file
	h.Set("Cache-Control", "private, no-cache")
	h.Set("ETag", `"`+file.ID.String()+`"`)
	h.Set("Content-Type", file.ContentType)
	if thumbnail {
		h.Set("Content-Type", file.ThumbnailType())
	} else if strings.HasPrefix(file.ContentType, "text/") {
		h.Set("Content-Type", file.ContentType+"; charset=utf-8")
	}
	h.Set("Content-Disposition", disposition(file))
	defer reading.close()
	// It says nothing of when it was changed: it never is.
	http.ServeContent(&patient{ResponseWriter: w, control: http.NewResponseController(w)}, r, "", time.Time{}, &reading)
	if reading.err != nil {
		// What was told is not whole, and is not to be taken for that.
		if omarty.CodeOf(reading.err) == omarty.CodeInternal {
			d.log.ErrorContext(r.Context(), "fault", "error", reading.err)
		}
		panic(http.ErrAbortHandler)
	}
}

func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, text, status)
}

func (d door) fail(w http.ResponseWriter, r *http.Request, err error) {
	if omarty.CodeOf(err) == omarty.CodeUnavailable {
		refuse(w, http.StatusServiceUnavailable, "The service cannot answer now; try again.")
		return
	}
	d.log.ErrorContext(r.Context(), "fault", "error", err)
	refuse(w, http.StatusInternalServerError, "A fault of the server.")
}

// disposition tells browsers to show a file in place, or to keep it: under its name, as RFC
// 6266 has it.
func disposition(f omarty.File) string {
	kind := "attachment"
	if f.Shown() {
		kind = "inline"
	}
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune(`"\%`, r) {
			return '_'
		}
		return r
	}, f.Name)
	return fmt.Sprintf(`%s; filename="%s"; filename*=UTF-8''%s`, kind, plain, strings.ReplaceAll(url.QueryEscape(f.Name), "+", "%20"))
}

// reading is a file as somebody reads it: it reads from the storage what is asked for, and
// ends when who reads may no longer.
type reading struct {
	door
	r         *http.Request
	thumbnail bool
	file      omarty.File

	at, size  int64
	open      io.ReadCloser
	permitted time.Time // when it was asked last
	since     int       // bytes that were read since
	err       error     // why it ended early
}

// permit asks whether who reads may: UNAUTHENTICATED without a good session, else NOT_FOUND.
func (d *reading) permit(ctx context.Context) error {
	by, err := d.authenticate(d.r)
	if err != nil {
		return err
	}
	if err := by.SignedIn(); err != nil {
		return err
	}
	id, _ := omarty.ParseID(d.r.PathValue("id"))
	file, err := d.verbs.File(ctx, by, id)
	if err == nil && d.thumbnail && !file.Thumbnail {
		err = omarty.Errorf(omarty.CodeNotFound, "It does not exist.")
	}
	d.file, d.permitted, d.since = file, time.Now(), 0
	return err
}

// Seek is for http.ServeContent.
func (d *reading) Seek(offset int64, whence int) (int64, error) {
	size, err := d.length()
	if err != nil {
		return 0, err
	}
	switch whence {
	case io.SeekCurrent:
		offset += d.at
	case io.SeekEnd:
		offset += size
	}
	if offset != d.at {
		d.close()
	}
	d.at = offset
	return offset, nil
}

// length is how many bytes there are.
func (d *reading) length() (int64, error) {
	if !d.thumbnail || d.size > 0 {
		return max(d.size, int64(d.file.Size)), nil
	}
	content, err := d.verbs.Content(d.r.Context(), d.file, true, 0)
	if err != nil {
		return 0, err
	}
	defer content.Close()
	d.size, err = io.Copy(io.Discard, content)
	return d.size, err
}

// Read is for http.ServeContent.
func (d *reading) Read(p []byte) (int, error) {
	n, err := d.read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		d.err = err
	}
	return n, err
}

func (d *reading) read(p []byte) (n int, err error) {
	if time.Since(d.permitted) >= checkEach || d.since >= checkAfter {
		if err := d.permit(d.r.Context()); err != nil {
			return 0, err
		}
	}
	if d.open == nil {
		if d.open, err = d.verbs.Content(d.r.Context(), d.file, d.thumbnail, d.at); err != nil {
			return 0, err
		}
	}
	n, err = d.open.Read(p)
	d.at += int64(n)
	d.since += n
	return n, err
}

func (d *reading) close() {
	if d.open != nil {
		d.open.Close()
		d.open = nil
	}
}

// patient lets an answer take long, as long as something of it is taken.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (p *patient) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(patience))
	return p.ResponseWriter.Write(b)
}
