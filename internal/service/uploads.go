package service

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gabriel-vasile/mimetype"

	"github.com/omarty/chat/internal/omarty"
)

const (
	// sniffed is how much of a content its type is told by, in bytes.
	sniffed = 3072
	// maxUploads is how many files a person uploads at once, to one node.
	maxUploads = 20
	// unusedUploads bounds how much of a person's is kept that nobody uses, in files of
	// the largest size.
	unusedUploads = 40
)

// uploadRate bounds how many files a person uploads.
var uploadRate = omarty.Rate{Name: "upload", Burst: 100, Every: 5 * time.Second}

// Pictures makes images such as they may be kept.
type Pictures interface {
	// Takes tells whether Make knows a content type.
	Takes(contentType string) bool
	// Make gives the picture that a content is: INVALID_INPUT where it is none, or one of
	// too many pixels; the content's own error where that fails.
	Make(ctx context.Context, contentType string, content io.Reader) (omarty.Picture, error)
}

// uploads counts who uploads now.
type uploads struct {
	mu sync.Mutex
	of map[omarty.ID]int
	// kept counts files that were, and bytes how large they are.
	kept, bytes atomic.Uint64
}

func (u *uploads) begin(who omarty.ID) (end func(), ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.of[who] >= maxUploads {
		return nil, false
	}
	if u.of == nil {
		u.of = map[omarty.ID]int{}
	}
	u.of[who]++
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.of[who]--; u.of[who] == 0 {
			delete(u.of, who)
		}
	}, true
}

// Upload keeps a file, to be used by the asker within a day: FileKept. The content goes to
// the storage as it comes, but for images, which are kept without what tells where and with
// what they were made. UNAUTHENTICATED before anything of it is read; TOO_LARGE beyond
// MaxUpload; INVALID_INPUT for an image that cannot be read; RATE_LIMITED.
func (s *Service) Upload(ctx context.Context, by Asker, name string, content io.Reader) (omarty.File, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.File{}, err
	}
	if _, err := s.take(uploadRate, by.User.String()); err != nil {
		return omarty.File{}, err
	}
	end, ok := s.uploads.begin(by.User)
	if !ok {
		return omarty.File{}, tooMany(time.Second)
	}
	defer end()
	unused, err := s.Store.UnusedBytes(ctx, by.User)
	if err != nil {
		return omarty.File{}, err
	}
	if int64(unused) > unusedUploads*s.MaxUpload {
		return omarty.File{}, tooMany(time.Hour)
	}
	file := omarty.File{ID: omarty.NewID(omarty.KindFile), Owner: by.User, Name: omarty.NormalizeFileName(name), CreatedAt: s.now()}
	if err := s.keep(ctx, &file, &bounded{r: content, left: s.MaxUpload}); err != nil {
		return omarty.File{}, omarty.At(err, "file")
	}
	// The content comes first: where it stays without a row, it is found and swept.
	err = s.writeAs(ctx, by, func(ctx context.Context, tx Tx) error { return tx.AddFile(ctx, file) })
	if err != nil {
		if omarty.CodeOf(err) != omarty.CodeUnavailable { // which may mean that it was stored
			_ = s.removeContent(context.WithoutCancel(ctx), file) // or it is swept
		}
		return omarty.File{}, err
	}
	s.uploads.kept.Add(1)
	s.uploads.bytes.Add(uint64(file.Size)) //nolint:gosec // never negative
	return file, nil
}

// keep puts a content into the storage, and tells the file what it is.
func (s *Service) keep(ctx context.Context, file *omarty.File, content *bounded) error {
	buffered := bufio.NewReaderSize(content, 32<<10)
	head, err := buffered.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	file.ContentType, _, _ = strings.Cut(mimetype.Detect(head).String(), ";")
	switch {
	case s.Pictures.Takes(file.ContentType):
		return s.keepPicture(ctx, file, buffered)
	case tellsOfPlaces(file.ContentType):
		return omarty.Errorf(omarty.CodeInvalidInput, "Images are taken as JPEG, PNG, GIF or WebP.")
	}
	if err := s.Files.Put(ctx, file.Key(), buffered); err != nil {
		return err
	}
	file.Size = int(content.read)
	return nil
}

// tellsOfPlaces tells whether files of a type are images that may say where and with what
// they were made, in a way that nobody here takes out: HEIC, TIFF and such.
func tellsOfPlaces(contentType string) bool {
	switch contentType {
	case "image/svg+xml", "image/bmp", "image/x-icon", "image/vnd.dwg", "image/vnd.djvu", "image/x-xpixmap":
		return false
	}
	return strings.HasPrefix(contentType, "image/")
}

func (s *Service) keepPicture(ctx context.Context, file *omarty.File, content io.Reader) error {
	picture, err := s.Pictures.Make(ctx, file.ContentType, content)
	if err != nil {
		return err
	}
	defer picture.Content.Close()
	size := &bounded{r: picture.Content, left: s.MaxUpload}
	if err := s.Files.Put(ctx, file.Key(), size); err != nil {
		return err
	}
	file.Size, file.Width, file.Height = int(size.read), &picture.Width, &picture.Height
	if file.Thumbnail = picture.Thumbnail != nil; file.Thumbnail {
		return s.Files.Put(ctx, file.ThumbnailKey(), bytes.NewReader(picture.Thumbnail))
	}
	return nil
}

// bounded reads up to a limit, and is TOO_LARGE beyond.
type bounded struct {
	r          io.Reader
	left, read int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	b.read += int64(n)
	if b.left < 0 {
		return 0, omarty.Errorf(omarty.CodeTooLarge, "The file is too large.")
	}
	return n, err
}

// Attachments gives the files of messages that the asker sees already, in their order.
func (s *Service) Attachments(ctx context.Context, messages []omarty.ID) (map[omarty.ID][]omarty.File, error) {
	return s.Store.Attachments(ctx, messages)
}

// File gives a file to who may read it now: who uploaded it while nobody uses it, who is in
// the room of its message, and who sees the person whose avatar it is; NOT_FOUND to others.
func (s *Service) File(ctx context.Context, by Asker, id omarty.ID) (omarty.File, error) {
	if by.User.IsZero() {
		return omarty.File{}, notThere()
	}
	return s.Store.FileFor(ctx, ofKind(id, omarty.KindFile), by.User)
}

// Content gives a file's content, or its thumbnail, from offset on: NOT_FOUND where there is
// none. The caller closes it.
func (s *Service) Content(ctx context.Context, f omarty.File, thumbnail bool, offset int64) (io.ReadCloser, error) {
	key := f.Key()
	if thumbnail {
		key = f.ThumbnailKey()
	}
	return s.Files.Get(ctx, key, offset, -1)
}
