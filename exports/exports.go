// Package exports is the door by which people fetch what was put together of their data.
package exports

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

// Path is where exports are, by their ids.
const Path = "/exports/"

// checkAgain is how often it is looked, while an export is read, whether it may be.
const checkAgain = time.Second

// Verbs are what the door needs.
type Verbs interface {
	Export(ctx context.Context, by service.Asker, id omarty.ID) (omarty.DataExport, error)
	ReadExport(ctx context.Context, id omarty.ID, offset int64) (io.ReadCloser, error)
}

// Handler gives an export to whose it is, as a whole or in ranges: 401 without a session, 404
// for what is not theirs or not finished, 503 where it cannot be told now. authenticate tells
// who asks: nobody, without an error, where no good token came.
func Handler(verbs Verbs, authenticate func(*http.Request) (service.Asker, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
		h.Set("Cache-Control", "private, no-store")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "GET or HEAD", http.StatusMethodNotAllowed)
			return
		}
		d := &download{ctx: r.Context(), verbs: verbs, who: func() (service.Asker, error) { return authenticate(r) }}
		id, _ := omarty.ParseID(strings.TrimPrefix(r.URL.Path, Path))
		if err := d.check(id); err != nil {
			refuse(w, err)
			return
		}
		defer d.Close()
		h.Set("Content-Type", "application/zip")
		h.Set("Content-Disposition", `attachment; filename="omarty-chat-`+d.export.CreatedAt.Format(time.DateOnly)+`.zip"`)
		h.Set("ETag", `"`+id.String()+`"`)
		http.ServeContent(w, r, "", *d.export.FinishedAt, d)
	})
}

func refuse(w http.ResponseWriter, err error) {
	switch omarty.CodeOf(err) {
	case omarty.CodeUnauthenticated:
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "log in first", http.StatusUnauthorized)
	case omarty.CodeNotFound:
		http.Error(w, "there is no such thing here", http.StatusNotFound)
	default:
		http.Error(w, "the service cannot answer now", http.StatusServiceUnavailable)
	}
}

// download is an export as it is read, for as long as it may be.
type download struct {
	ctx     context.Context //nolint:containedctx // http.ServeContent hands none down
	verbs   Verbs
	who     func() (service.Asker, error)
	export  omarty.DataExport
	size    int64
	checked time.Time
	offset  int64
	content io.ReadCloser // nil before the first Read, and after a Seek
}

// check is nil while the export may be read: UNAUTHENTICATED, or NOT_FOUND.
func (d *download) check(id omarty.ID) error {
	by, err := d.who()
	if err != nil {
		return err
	}
	if d.export, err = d.verbs.Export(d.ctx, by, id); err != nil {
		return err
	}
	if d.export.FinishedAt == nil {
		return omarty.Errorf(omarty.CodeNotFound, "It is not finished.")
	}
	d.size, d.checked = d.export.Bytes, time.Now()
	return nil
}

// Read is for http.ServeContent.
func (d *download) Read(b []byte) (int, error) {
	if time.Since(d.checked) >= checkAgain {
		if err := d.check(d.export.ID); err != nil {
			return 0, err
		}
	}
	if d.content == nil {
		var err error
		if d.content, err = d.verbs.ReadExport(d.ctx, d.export.ID, d.offset); err != nil {
			return 0, err
		}
	}
	n, err := d.content.Read(b)
	d.offset += int64(n)
	return n, err
}

// Seek is for http.ServeContent.
func (d *download) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += d.offset
	case io.SeekEnd:
		offset += d.size
	}
	if offset < 0 {
		return 0, errors.New("exports: before the beginning")
	}
	if offset != d.offset {
		d.Close()
	}
	d.offset = offset
	return offset, nil
}

// Close closes what is open.
func (d *download) Close() {
	if d.content != nil {
		_ = d.content.Close()
		d.content = nil
	}
}
