// Package blob keeps contents of files by keys: in a folder, or in a bucket of S3 or what
// speaks like it.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/s3blob" // s3://
	"gocloud.dev/gcerrors"

	"github.com/omarty/chat/internal/omarty"
)

// Store is where the contents are. It is safe for concurrent use.
type Store struct{ bucket *blob.Bucket }

// CheckURL tells what is wrong with the URL of a bucket, without quoting it.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "s3" || u.Host == "" {
		return errors.New("is s3://BUCKET?region=REGION, with &endpoint=URL for what only speaks like S3")
	}
	return nil
}

// Open opens a bucket by its URL, s3://BUCKET?region=…; who may use it the environment
// tells, as Amazon's SDK reads it.
func Open(ctx context.Context, address string) (*Store, error) {
	bucket, err := blob.OpenBucket(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("opening the file storage: %w", err)
	}
	return &Store{bucket}, nil
}

// OpenFolder opens a folder, which is made where it is missing, for nobody but the
// program's own user to read.
func OpenFolder(path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("the folder of files: %w", err)
	}
	bucket, err := fileblob.OpenBucket(path, &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	if err != nil {
		return nil, fmt.Errorf("the folder of files: %w", err)
	}
	return &Store{bucket}, nil
}

// Close is called once nobody reads or writes any more.
func (s *Store) Close() error { return s.bucket.Close() }

// Put keeps all that r gives, in place of what was there: whole, or not at all. It reads
// on as it writes, and holds little of it. UNAVAILABLE where the storage cannot take it.
func (s *Store) Put(ctx context.Context, key string, r io.Reader) error {
	// A writer whose context has ended stores nothing when it is closed.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := s.bucket.NewWriter(ctx, key, &blob.WriterOptions{ContentType: "application/octet-stream"})
	if err != nil {
		return unavailable(err)
	}
	if _, err := io.Copy(w, r); err != nil {
		cancel()
		_ = w.Close()
		return unavailable(err)
	}
	if err := w.Close(); err != nil {
		return unavailable(err)
	}
	return nil
}

// Get gives length bytes from offset on, -1 for all there are: NOT_FOUND where nothing is
// kept by the key.
func (s *Store) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	r, err := s.bucket.NewRangeReader(ctx, key, offset, length, nil)
	switch {
	case gcerrors.Code(err) == gcerrors.NotFound:
		return nil, omarty.Errorf(omarty.CodeNotFound, "It does not exist.")
	case err != nil:
		return nil, unavailable(err)
	}
	return r, nil
}

// Delete removes what is kept by a key, if anything is.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := s.bucket.Delete(ctx, key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return unavailable(err)
	}
	return nil
}

func unavailable(cause error) error {
	return &omarty.Error{Code: omarty.CodeUnavailable, Message: "The service cannot answer now; try again.", Cause: cause}
}
