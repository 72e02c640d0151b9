package omarty

import (
	"io"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	// MaxAttachments is how many files a message may have.
	MaxAttachments = 10
	// MaxFileNameLength is how many bytes the name of a file may have.
	MaxFileNameLength = 255
	// FileKept is for how long a file is kept that nobody uses.
	FileKept = 24 * time.Hour
	// FileTokenLifetime is for how long a file token is good.
	FileTokenLifetime = time.Hour
)

// File is what somebody uploaded. Where it is in the file storage, its id tells.
type File struct {
	ID ID
	// Owner is who uploaded it; zero for people who erased their account.
	Owner ID
	// Name is for people; never a path.
	Name        string
	ContentType string
	// Size is in bytes.
	Size int
	// Width and Height are in pixels; nil for what is no image.
	Width, Height *int
	// Thumbnail tells whether there is one.
	Thumbnail bool
	CreatedAt time.Time
	// Message is the one that it is attached to, and AvatarOf whose avatar it is; zero
	// where it is not.
	Message, AvatarOf ID
}

// IsNode marks File as a Node.
func (File) IsNode() {}

// URL is where it is read: below where the server is.
func (f File) URL() string { return "/files/" + f.ID.String() }

// ThumbnailURL is where its thumbnail is read; nil where it has none.
func (f File) ThumbnailURL() *string {
	if !f.Thumbnail {
		return nil
	}
	url := f.URL() + "/thumbnail"
	return &url
}

// ThumbnailType is the content type of its thumbnail.
func (f File) ThumbnailType() string {
	if f.ContentType == "image/jpeg" {
		return f.ContentType
	}
	return "image/png"
}

// Key is where its content is in the file storage, and ThumbnailKey where its thumbnail
// is.
func (f File) Key() string { return f.ID.String() }

// ThumbnailKey is for the thumbnail.
func (f File) ThumbnailKey() string { return f.ID.String() + ".thumbnail" }

// OwnerOfKey gives the file or the export that a content of the file storage belongs to, by
// its key; false for a key of something else.
func OwnerOfKey(key string) (ID, bool) {
	id, ok := ParseID(strings.TrimSuffix(key, ".thumbnail"))
	return id, ok && (id.Kind == KindFile || id.Kind == KindDataExport)
}

// Shown tells whether browsers may show it in place: images, audio, video and PDF, and
// nothing that may have scripts.
func (f File) Shown() bool {
	switch f.ContentType {
	case "image/jpeg", "image/png", "image/gif", "image/webp", "application/pdf":
		return true
	}
	return strings.HasPrefix(f.ContentType, "audio/") || strings.HasPrefix(f.ContentType, "video/")
}

// Picture is an image as it is kept: without what tells where and with what it was made.
type Picture struct {
	// Content is read once, and closed.
	Content       io.ReadCloser
	Width, Height int
	// Thumbnail is a small one, as ThumbnailType has it; nil where there is none.
	Thumbnail []byte
}

// NormalizeFileName gives the name of a file as it is kept: the last part of a path, in
// NFC and in one line, of up to MaxFileNameLength bytes; "file" where nothing is left of
// it. It is never used as a path.
func NormalizeFileName(raw string) string {
	name := path.Base(strings.ReplaceAll(strings.ToValidUTF8(raw, ""), `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.C, unicode.Zl, unicode.Zp, unicode.Noncharacter_Code_Point) || strings.ContainsRune(`/:*?"<>|`, r) {
			return -1
		}
		return r
	}, name)
	name = strings.TrimSpace(norm.NFC.String(name))
	if extension := path.Ext(name); len(name) > MaxFileNameLength && len(extension) < 32 {
		name = cut(strings.TrimSuffix(name, extension), MaxFileNameLength-len(extension)) + extension
	}
	name = cut(name, MaxFileNameLength)
	if strings.Trim(name, ". ") == "" {
		return "file"
	}
	return name
}

// cut gives the first characters of a text that have up to n bytes.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
