package service

import (
	"context"
	"io"
	"time"
)

// Files keeps the contents of files by keys, which are ids. Errors are UNAVAILABLE where it
// does not answer.
type Files interface {
	// Put keeps all that a content gives, until io.EOF, under a key; what was there is
	// replaced. Until it is whole nobody finds it, and where the content fails, or ctx
	// ends, nothing is kept; the error is then the content's.
	Put(ctx context.Context, key string, content io.Reader) error
	// Get gives length bytes of a content from offset on, or all from there where length
	// is -1: NOT_FOUND where there is none. The caller closes it.
	Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error)
	// Delete forgets a content; one that is not there it forgets, too.
	Delete(ctx context.Context, key string) error
	// Each tells of every key when it was written, until told gives an error, which it
	// gives.
	Each(ctx context.Context, told func(key string, written time.Time) error) error
	// Abandon forgets what somebody began to put and did not end, as a node that was
	// killed, where lost says so of its key and of when it was written last.
	Abandon(ctx context.Context, lost func(key string, written time.Time) bool) error
}
