// Package picture makes images that people sent such as they may be kept: looked at before
// they are decoded, without what tells where and with what they were made, upright, and
// with a thumbnail.
package picture

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"
	"golang.org/x/sync/semaphore"

	"github.com/omarty/chat/internal/omarty"
)

const (
	// MaxPixels is how many pixels an image has at most that is decoded.
	MaxPixels = 50_000_000
	// MaxSide is how many it has on each side.
	MaxSide = 16_384
	// thumbnailSide is how many pixels a thumbnail has at most on each side.
	thumbnailSide = 320
)

// format is how a type of image is read.
type format struct {
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

var formats = map[string]format{
	"image/jpeg": {jpeg.DecodeConfig, jpeg.Decode},
	"image/png":  {png.DecodeConfig, png.Decode},
	"image/gif":  {gif.DecodeConfig, gif.Decode}, // its first frame
	"image/webp": {webp.DecodeConfig, webp.Decode},
}

// Studio makes pictures. It is safe for concurrent use.
type Studio struct {
	folder string
	// pixels are those that may be in memory at once.
	pixels *semaphore.Weighted
}

// files is how those on the way are called, for as long as they have a name.
const files = "picture-*"

// NewStudio gives one whose files on the way are in a folder, which is made where it is
// missing; they have no name there, as far as the system can, so that none stays. One that
// a killed program left with its name is removed.
func NewStudio(folder string) (*Studio, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("the folder of pictures: %w", err)
	}
	left, err := fs.Glob(os.DirFS(folder), files)
	if err != nil {
		return nil, fmt.Errorf("the folder of pictures: %w", err)
	}
	for _, name := range left {
		_ = os.Remove(filepath.Join(folder, name)) // or it goes with the program that has it open
	}
	return &Studio{folder, semaphore.NewWeighted(MaxPixels)}, nil
}

// Takes tells whether Make knows a content type.
func (*Studio) Takes(contentType string) bool {
	_, ok := formats[contentType]
	return ok
}

// Make gives the picture that a content of such a type is: INVALID_INPUT where it is none,
// or one of too many pixels; content's own error where that fails.
func (s *Studio) Make(ctx context.Context, contentType string, content io.Reader) (p omarty.Picture, err error) {
	raw, err := s.file()
	if err != nil {
		return p, err
	}
	defer raw.Close()
	if _, err := io.Copy(disk{raw}, content); err != nil {
		return p, err
	}
	kept, err := s.file()
	if err != nil {
		return p, err
	}
	defer func() {
		if err != nil {
			kept.Close()
		}
	}()
	f := formats[contentType]
	config, err := f.config(from(raw))
	if err != nil {
		return p, errNoImage()
	}
	pixels := int64(config.Width) * int64(config.Height)
	if config.Width < 1 || config.Height < 1 || config.Width > MaxSide || config.Height > MaxSide || pixels > MaxPixels {
		return p, omarty.Errorf(omarty.CodeInvalidInput, "The image has too many pixels.")
	}
	if err := s.pixels.Acquire(ctx, pixels); err != nil {
		return p, err
	}
	defer s.pixels.Release(pixels)
	p.Width, p.Height = config.Width, config.Height
	orientation, animated, err := clean(contentType, kept, from(raw))
	if err != nil {
		return p, broken(err)
	}
	if !animated || contentType != "image/webp" { // of which the library reads no frame
		img, err := f.decode(from(kept))
		if err != nil {
			return p, broken(err)
		}
		if orientation != 1 {
			img = upright(img, orientation)
			p.Width, p.Height = img.Bounds().Dx(), img.Bounds().Dy()
			if err := rewrite(kept, img); err != nil {
				return p, unavailable(err)
			}
		}
		if p.Thumbnail, err = thumbnail(contentType, img); err != nil {
			return p, err
		}
	}
	if _, err := kept.Seek(0, io.SeekStart); err != nil {
		return p, unavailable(err)
	}
	p.Content = kept
	return p, nil
}

func clean(contentType string, to io.WriteSeeker, raw *bufio.Reader) (orientation int, animated bool, err error) {
	orientation = 1
	switch contentType {
	case "image/jpeg":
		orientation, err = cleanJPEG(to, raw)
	case "image/png":
		err = cleanPNG(to, raw)
	case "image/gif":
		err = cleanGIF(to, raw)
	case "image/webp":
		animated, err = cleanWebP(to, raw)
	}
	return orientation, animated, err
}

// temporary is a file that is gone once it is closed.
type temporary struct{ *os.File }

// Close removes it, too.
func (t temporary) Close() error {
	err := t.File.Close()
	if removed := os.Remove(t.Name()); removed != nil && !errors.Is(removed, os.ErrNotExist) {
		return removed
	}
	return err
}

func (s *Studio) file() (temporary, error) {
	f, err := os.CreateTemp(s.folder, files)
	if err != nil {
		return temporary{}, unavailable(err)
	}
	_ = os.Remove(f.Name()) // what has no name goes with the program, however that ends
	return temporary{f}, nil
}

// disk is a file on the way: UNAVAILABLE where it cannot be written, as on a full disk.
type disk struct{ temporary }

// Write is for io.Copy.
func (d disk) Write(b []byte) (int, error) {
	n, err := d.File.Write(b)
	if err != nil {
		err = unavailable(err)
	}
	return n, err
}

// ReadFrom hides that of a file, which does not tell whose fault an error is.
func (d disk) ReadFrom(r io.Reader) (int64, error) { return io.Copy(struct{ io.Writer }{d}, r) }

// from reads a file from its start on.
func from(f temporary) *bufio.Reader {
	_, _ = f.Seek(0, io.SeekStart)
	return bufio.NewReaderSize(f, 32<<10)
}

func rewrite(f temporary, img image.Image) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	if err := jpeg.Encode(w, img, &jpeg.Options{Quality: 92}); err != nil {
		return err
	}
	return w.Flush()
}

// upright turns and mirrors an image as Exif's Orientation says.
func upright(img image.Image, orientation int) image.Image {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	size := image.Rect(0, 0, w, h)
	if orientation >= 5 {
		size = image.Rect(0, 0, h, w)
	}
	turned := image.NewRGBA(size)
	row := image.NewRGBA(image.Rect(0, 0, w, 1))
	for y := range h {
		draw.Draw(row, row.Rect, img, image.Pt(b.Min.X, b.Min.Y+y), draw.Src)
		for x := range w {
			var at image.Point
			switch orientation {
			case 2:
				at = image.Pt(w-1-x, y)
			case 3:
				at = image.Pt(w-1-x, h-1-y)
			case 4:
				at = image.Pt(x, h-1-y)
			case 5:
				at = image.Pt(y, x)
			case 6:
				at = image.Pt(h-1-y, x)
			case 7:
				at = image.Pt(h-1-y, w-1-x)
			case 8:
				at = image.Pt(y, w-1-x)
			default:
				at = image.Pt(x, y)
			}
			copy(turned.Pix[turned.PixOffset(at.X, at.Y):][:4], row.Pix[4*x:])
		}
	}
	return turned
}

// thumbnail gives a small one: as JPEG where the image is one, else as PNG.
func thumbnail(contentType string, img image.Image) ([]byte, error) {
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	if longest := max(w, h); longest > 2*thumbnailSide { // first roughly, which takes little memory
		rough := image.NewRGBA(image.Rect(0, 0, max(1, w*2*thumbnailSide/longest), max(1, h*2*thumbnailSide/longest)))
		draw.ApproxBiLinear.Scale(rough, rough.Rect, img, img.Bounds(), draw.Src, nil)
		img = rough
	}
	if longest := max(w, h); longest > thumbnailSide {
		small := image.NewRGBA(image.Rect(0, 0, max(1, w*thumbnailSide/longest), max(1, h*thumbnailSide/longest)))
		draw.BiLinear.Scale(small, small.Rect, img, img.Bounds(), draw.Src, nil)
		img = small
	}
	var out bytes.Buffer
	var err error
	if contentType == "image/jpeg" {
		err = jpeg.Encode(&out, img, &jpeg.Options{Quality: 80})
	} else {
		err = png.Encode(&out, img)
	}
	return out.Bytes(), err
}

// broken tells an image that is not whole, or is none, from a disk that fails.
func broken(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return unavailable(err)
	}
	return errNoImage()
}

func errNoImage() error {
	return omarty.Errorf(omarty.CodeInvalidInput, "The image cannot be read.")
}

func unavailable(cause error) error {
	return &omarty.Error{Code: omarty.CodeUnavailable, Message: "The service cannot answer now; try again.", Cause: cause}
}
