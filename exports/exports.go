// Package exports is the door by which people fetch what was put together of their data.
package exports

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/omarty/chat/internal/download"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

// Path is where exports are, by their ids.
const Path = "/exports/"

// Verbs are what the door needs.
type Verbs interface {
	Export(ctx context.Context, by service.Asker, id omarty.ID) (omarty.DataExport, error)
	ReadExport(ctx context.Context, id omarty.ID, offset int64) (io.ReadCloser, error)
}

// Handler gives an export to whose it is, as package download has it: 401 without a session,
// 404 for what is not theirs or not finished. authenticate tells who asks: nobody, without an
// error, where no good token came.
func Handler(verbs Verbs, authenticate func(*http.Request) (service.Asker, error), log *slog.Logger) http.Handler {
	return download.Handler(func(r *http.Request) (download.Content, error) {
		by, err := authenticate(r)
		if err != nil {
			return download.Content{}, err
		}
		id, _ := omarty.ParseID(strings.TrimPrefix(r.URL.Path, Path))
		export, err := verbs.Export(r.Context(), by, id)
		if err != nil {
			return download.Content{}, err
		}
		if export.FinishedAt == nil {
			return download.Content{}, omarty.Errorf(omarty.CodeNotFound, "It is not finished.")
		}
		return download.Content{
			Tag:         export.ID.String(),
			Type:        "application/zip",
			Disposition: `attachment; filename="omarty-chat-` + export.CreatedAt.Format(time.DateOnly) + `.zip"`,
			Cache:       "private, no-store",
			Size:        export.Bytes,
			Open: func(ctx context.Context, offset int64) (io.ReadCloser, error) {
				return verbs.ReadExport(ctx, export.ID, offset)
			},
		}, nil
	}, log)
}
