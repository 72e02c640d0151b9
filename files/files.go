// Package files is the door by which files are read: their addresses are stable, and who
// may read what is decided each time, and again while they are read.
package files

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/omarty/chat/internal/download"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

// Path is where files are, by their ids.
const Path = "/files/"

// Verbs are what the door asks.
type Verbs interface {
	File(ctx context.Context, by service.Asker, id omarty.ID) (omarty.File, error)
	Content(ctx context.Context, f omarty.File, thumbnail bool, offset int64) (io.ReadCloser, error)
}

// Handler serves files, at /files/ID and /files/ID/thumbnail, to who is signed in, as package
// download has it: authenticate tells who asks, and nobody, without an error, where no good
// token came.
func Handler(verbs Verbs, authenticate func(*http.Request) (service.Asker, error), log *slog.Logger) http.Handler {
	d := door{verbs, authenticate}
	file := download.Handler(d.file, log)
	mux := http.NewServeMux()
	mux.Handle(Path+"{id}", file)
	mux.Handle(Path+"{id}/thumbnail", download.Handler(d.thumbnail, log))
	mux.Handle("/", file) // of which there is none
	return mux
}

type door struct {
	verbs        Verbs
	authenticate func(*http.Request) (service.Asker, error)
}

// find gives the file of a request to who may read it: UNAUTHENTICATED without a good
// session, else NOT_FOUND.
func (d door) find(r *http.Request) (omarty.File, error) {
	by, err := d.authenticate(r)
	if err != nil {
		return omarty.File{}, err
	}
	if err := by.SignedIn(); err != nil {
		return omarty.File{}, err
	}
	id, _ := omarty.ParseID(r.PathValue("id"))
	return d.verbs.File(r.Context(), by, id)
}

func (d door) file(r *http.Request) (download.Content, error) {
	file, err := d.find(r)
	if err != nil {
		return download.Content{}, err
	}
	content := d.content(file, false)
	content.Type, content.Size = file.ContentType, int64(file.Size)
	if strings.HasPrefix(file.ContentType, "text/") {
		content.Type += "; charset=utf-8"
	}
	return content, nil
}

func (d door) thumbnail(r *http.Request) (download.Content, error) {
	file, err := d.find(r)
	if err == nil && !file.Thumbnail {
		err = omarty.Errorf(omarty.CodeNotFound, "It does not exist.")
	}
	if err != nil {
		return download.Content{}, err
	}
	content := d.content(file, true)
	content.Tag, content.Type, content.Size = file.ThumbnailKey(), file.ThumbnailType(), -1
	return content, nil
}

func (d door) content(file omarty.File, thumbnail bool) download.Content {
	return download.Content{
		Tag:         file.Key(),
		Disposition: disposition(file),
		Cache:       "private, no-cache",
		Open: func(ctx context.Context, offset int64) (io.ReadCloser, error) {
			return d.verbs.Content(ctx, file, thumbnail, offset)
		},
	}
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
