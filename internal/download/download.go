// Package download hands contents out over HTTP, to who may read them until their last
// byte: what doors have in common by which something is fetched.
package download

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

const (
	// checkEach and checkAfter are how often it is asked again whether who reads may: in
	// time, and in bytes.
	checkEach  = time.Second
	checkAfter = 1 << 20
	// patience is how long who reads may take nothing of it.
	patience = 30 * time.Second
	// maxRanges is how many parts of a content a request gets; who asks for more gets the
	// whole, as RFC 9110 has it (14.2): each is looked up in the storage.
	maxRanges = 16
)

// Content is what somebody may read.
type Content struct {
	// Tag names these very bytes, which are never others: by ETag, so without a quote.
	Tag string
	// Type, Disposition and Cache are the headers of that: Content-Type,
	// Content-Disposition and Cache-Control, which must not let others keep it.
	Type, Disposition, Cache string
	// Size is in bytes; negative where nobody knows: then it is read once more.
	Size int64
	// Open gives the bytes from offset on. It is closed.
	Open func(ctx context.Context, offset int64) (io.ReadCloser, error)
}

// Handler answers GET and HEAD with the content that permit gives for a request: whole, or
// in ranges, or that it has not changed. Permit fails with UNAUTHENTICATED where nobody is
// signed in, NOT_FOUND for what is not theirs to read, or UNAVAILABLE; anything else is a
// fault, and logged. It is asked again each second and each MiB, and when it fails the
// connection is cut, so that nobody takes what they have for the whole. Who takes nothing
// for half a minute is cut off, too; who takes something has all the time.
func Handler(permit func(*http.Request) (Content, error), log *slog.Logger) http.Handler {
	return handler{permit, log, patience}
}

type handler struct {
	permit   func(*http.Request) (Content, error)
	log      *slog.Logger
	patience time.Duration
}

// ServeHTTP is Handler's.
func (d handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Add("Vary", "Authorization")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "It is read: GET or HEAD.")
		return
	}
	// What reads on when this one has ended, it must not find again.
	ctx, cancel := context.WithCancel(r.Context())
	reading := &reading{handler: d, r: r.WithContext(ctx)}
	defer reading.end()
	defer cancel()
	if err := reading.begin(); err != nil {
		d.fail(w, r, err)
		return
	}
	h.Set("Cache-Control", reading.content.Cache)
	h.Set("ETag", `"`+reading.content.Tag+`"`)
	h.Set("Content-Type", reading.content.Type)
	h.Set("Content-Disposition", reading.content.Disposition)
	if strings.Count(strings.Join(r.Header.Values("Range"), ","), ",") >= maxRanges {
		r.Header.Del("Range")
	}
	// It says nothing of when it was changed: it never is.
	http.ServeContent(&patient{w, http.NewResponseController(w), d.patience}, r, "", time.Time{}, reading)
	if err := reading.failure(); err != nil {
		d.blame(r, err)
		panic(http.ErrAbortHandler)
	}
}

// fail answers that there is nothing to be read.
func (d handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	switch omarty.CodeOf(err) {
	case omarty.CodeUnauthenticated:
		w.Header().Set("WWW-Authenticate", "Bearer")
		refuse(w, http.StatusUnauthorized, "Sign in: send the session's token, or a file token as ?t=.")
	case omarty.CodeNotFound:
		refuse(w, http.StatusNotFound, "It does not exist.")
	case omarty.CodeUnavailable:
		refuse(w, http.StatusServiceUnavailable, "The service cannot answer now; try again.")
	default:
		d.blame(r, err)
		refuse(w, http.StatusInternalServerError, "A fault of the server.")
	}
}

// blame logs a fault; that who reads has gone is none.
func (d handler) blame(r *http.Request, err error) {
	if omarty.CodeOf(err) == omarty.CodeInternal && r.Context().Err() == nil {
		d.log.ErrorContext(r.Context(), "fault", "error", err)
	}
}

func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, text, status)
}

// patient lets an answer take long, as long as something of it is taken.
type patient struct {
	http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
}

// Write waits for who reads.
func (p *patient) Write(b []byte) (int, error) {
	if err := p.control.SetWriteDeadline(time.Now().Add(p.patience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return p.ResponseWriter.Write(b)
}
