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
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/s3blob" // s3://
	"gocloud.dev/gcerrors"

	"github.com/omarty/chat/internal/omarty"
)

// partSize is how much of a content is in memory while it goes to S3, in bytes: the least
// that S3 takes as a part.
const partSize = 5 << 20

// abortTime bounds how long it takes to forget what broke off.
const abortTime = 5 * time.Second

// Store is where the contents are. It is safe for concurrent use.
type Store struct {
	bucket *blob.Bucket
	// inParts is for what goes to S3, and name is the bucket's there; nil for a folder.
	inParts func(as func(any) bool) error
	name    string
}

// CheckURL tells what is wrong with the URL of a bucket, without quoting it.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.User != nil || u.Path != "" && u.Path != "/" {
		return errors.New("is s3://BUCKET?region=REGION, with &endpoint=URL for what only speaks like S3")
	}
	return nil
}

// Open opens a bucket by its URL, s3://BUCKET?region=…; who may use it the environment
// tells, as Amazon's SDK reads it.
func Open(ctx context.Context, address string) (*Store, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("opening the file storage: it is no URL")
	}
	q := u.Query()
	if q.Has("endpoint") && !q.Has("use_path_style") {
		// What only speaks like S3 seldom has a name for each bucket.
		q.Set("use_path_style", "true")
	}
	u.RawQuery, u.Path = q.Encode(), ""
	bucket, err := blob.OpenBucket(ctx, u.String())
	if err != nil {
		return nil, fmt.Errorf("opening the file storage: %w", err)
	}
	checksums := aws.RequestChecksumCalculationWhenSupported
	if q.Get("request_checksum_calculation") == "when_required" {
		checksums = aws.RequestChecksumCalculationWhenRequired
	}
	return &Store{bucket, inParts(bucket, checksums), u.Host}, nil
}

// inParts gives what lets content go to S3 in parts as soon as there is more than one;
// else up to 40 MB of each would be held.
func inParts(bucket *blob.Bucket, checksums aws.RequestChecksumCalculation) func(func(any) bool) error {
	return func(as func(any) bool) error {
		var client *s3.Client
		var manager *transfermanager.Client
		if bucket.As(&client) && as(&manager) {
			*manager = *transfermanager.New(client, func(o *transfermanager.Options) {
				o.PartSizeBytes, o.MultipartUploadThreshold, o.Concurrency = partSize, partSize, 1
				o.RequestChecksumCalculation = checksums
			})
		}
		return nil
	}
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
	// Nothing is listed of what is only linked to.
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil, fmt.Errorf("the folder of files: %w", err)
	}
	bucket, err := fileblob.OpenBucket(path, &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	if err != nil {
		return nil, fmt.Errorf("the folder of files: %w", err)
	}
	return &Store{bucket: bucket}, nil
}

// Close is called once nobody reads or writes any more.
func (s *Store) Close() error { return s.bucket.Close() }

// Put keeps all that r gives, in place of what was there: whole, or not at all. It reads
// on as it writes, and holds little of it. Where r fails, the error is r's; UNAVAILABLE
// where the storage cannot take it.
func (s *Store) Put(ctx context.Context, key string, r io.Reader) error {
	// A writer whose context has ended stores nothing when it is closed.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var file *os.File
	w, err := s.bucket.NewWriter(ctx, key, &blob.WriterOptions{
		ContentType: "application/octet-stream",
		BeforeWrite: func(as func(any) bool) error {
			if s.inParts != nil {
				return s.inParts(as)
			}
			_ = as(&file)
			return nil
		},
	})
	if err != nil {
		return unavailable(err)
	}
	content := &watched{Reader: r}
	if _, err = io.Copy(w, content); err == nil && file != nil {
		err = file.Sync() // what was acknowledged outlives a power cut
	}
	if err != nil {
		cancel()
		_ = w.Close()
		s.abort(ctx, key)
		if content.err != nil {
			return content.err
		}
		return unavailable(err)
	}
	if err := w.Close(); err != nil {
		return unavailable(err)
	}
	return nil
}

// watched remembers how a content failed.
type watched struct {
	io.Reader
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// Get gives length bytes from offset on, -1 for all there are: NOT_FOUND where nothing is
// kept by the key.
func (s *Store) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	r, err := s.reader(ctx, key, offset, length)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Whole gives all that is kept by a key, and how many bytes that is: NOT_FOUND where nothing
// is.
func (s *Store) Whole(ctx context.Context, key string) (content io.ReadCloser, size int64, err error) {
	r, err := s.reader(ctx, key, 0, -1)
	if err != nil {
		return nil, 0, err
	}
	return r, r.Size(), nil
}

func (s *Store) reader(ctx context.Context, key string, offset, length int64) (*blob.Reader, error) {
	r, err := s.bucket.NewRangeReader(ctx, key, offset, length, nil)
	switch {
	case gcerrors.Code(err) == gcerrors.NotFound:
		return nil, omarty.Errorf(omarty.CodeNotFound, "It does not exist.")
	case err != nil:
		return nil, unavailable(err)
	}
	return r, nil
}

// Size gives how many bytes are kept by a key: NOT_FOUND where nothing is.
func (s *Store) Size(ctx context.Context, key string) (int64, error) {
	found, err := s.bucket.Attributes(ctx, key)
	switch {
	case gcerrors.Code(err) == gcerrors.NotFound:
		return 0, omarty.Errorf(omarty.CodeNotFound, "It does not exist.")
	case err != nil:
		return 0, unavailable(err)
	}
	return found.Size, nil
}

// Delete removes what is kept by a key, if anything is.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := s.bucket.Delete(ctx, key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return unavailable(err)
	}
	return nil
}

// Each tells of every key when it was written, in no order that is promised, until told
// gives an error, which it gives.
func (s *Store) Each(ctx context.Context, told func(key string, written time.Time) error) error {
	return s.each(ctx, func(key string, written time.Time) error {
		if _, unfinished := s.begun(key); unfinished {
			return nil
		}
		return told(key, written)
	})
}

func (s *Store) each(ctx context.Context, told func(key string, written time.Time) error) error {
	for list := s.bucket.List(nil); ; {
		object, err := list.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return unavailable(err)
		}
		if err := told(object.Key, object.ModTime); err != nil {
			return err
		}
	}
}

// begun gives the key by which a file of a folder is going to be kept that is not whole yet:
// the library calls it KEY.NUMBER.tmp until then.
func (s *Store) begun(file string) (key string, ok bool) {
	if s.inParts != nil {
		return "", false
	}
	rest, ok := strings.CutSuffix(file, ".tmp")
	at := strings.LastIndexByte(rest, '.')
	if !ok || at < 0 {
		return "", false
	}
	return rest[:at], true
}

// Abandon forgets what Put began and did not end, as when the program was killed, where lost
// says so of its key and of when it was written last (for S3, when it was begun).
func (s *Store) Abandon(ctx context.Context, lost func(key string, written time.Time) bool) error {
	if s.inParts != nil {
		return s.abandonParts(ctx, "", lost)
	}
	var files []string
	err := s.each(ctx, func(file string, written time.Time) error {
		if key, ok := s.begun(file); ok && lost(key, written) {
			files = append(files, file)
		}
		return nil
	})
	for _, file := range files {
		err = errors.Join(err, s.Delete(ctx, file))
	}
	return err
}

// abort forgets the parts of a key that S3 has, whatever ctx: the library cannot where that
// has ended. What it fails to forget Abandon finds.
func (s *Store) abort(ctx context.Context, key string) {
	if s.inParts == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
	defer cancel()
	_ = s.abandonParts(ctx, key, func(of string, _ time.Time) bool { return of == key })
}

// abandonParts is Abandon for S3, which keeps the parts of what is not whole, and asks to be
// paid for them; of keys that begin so.
func (s *Store) abandonParts(ctx context.Context, prefix string, lost func(key string, written time.Time) bool) error {
	var client *s3.Client
	if !s.bucket.As(&client) {
		return unavailable(errors.New("the storage is no S3"))
	}
	for pages := s3.NewListMultipartUploadsPaginator(client, &s3.ListMultipartUploadsInput{Bucket: &s.name, Prefix: &prefix}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return unavailable(err)
		}
		for _, u := range page.Uploads {
			if u.Key == nil || u.Initiated == nil || !lost(*u.Key, *u.Initiated) {
				continue
			}
			_, err := client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.name, Key: u.Key, UploadId: u.UploadId})
			if err != nil {
				return unavailable(err)
			}
		}
	}
	return nil
}

func unavailable(cause error) error {
	return &omarty.Error{Code: omarty.CodeUnavailable, Message: "The service cannot answer now; try again.", Cause: cause}
}
