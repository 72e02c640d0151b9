package download

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// reading is a content as somebody reads it, for http.ServeContent: it opens what is asked
// for, and ends when who reads may no longer. Of several ranges another goroutine reads,
// which may go on for a moment when the request has ended.
type reading struct {
	handler
	r *http.Request

	mu      sync.Mutex
	content Content
	at      int64
	open    io.ReadCloser // nil before the first Read, and after a Seek
	asked   time.Time     // when it was asked last whether they may
	since   int           // bytes that were read since
	err     error         // why it ended early
}

var (
	errEnded  = errors.New("the request has ended")
	errBefore = errors.New("before the beginning")
)

// ask asks whether who reads may, and keeps what they may read the first time.
func (d *reading) ask() error {
	content, err := d.permit(d.r)
	if err != nil {
		return err
	}
	if d.content.Open == nil {
		d.content = content
	}
	d.asked, d.since = time.Now(), 0
	return nil
}

// begin asks whether who reads may, and finds out how many bytes there are.
func (d *reading) begin() error {
	if err := d.ask(); err != nil || d.content.Size >= 0 {
		return err
	}
	content, err := d.content.Open(d.r.Context(), 0)
	if err != nil {
		return err
	}
	defer content.Close()
	size, err := io.Copy(io.Discard, content)
	if err == nil {
		d.content.Size = size
	}
	return err
}

// Seek goes where the next Read begins.
func (d *reading) Seek(offset int64, whence int) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += d.at
	case io.SeekEnd:
		offset += d.content.Size
	}
	if offset < 0 {
		return 0, errBefore
	}
	if offset != d.at {
		d.close()
	}
	d.at = offset
	return offset, nil
}

// Read gives what there is to read, until who reads may no longer.
func (d *reading) Read(p []byte) (n int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return 0, d.err
	}
	if time.Since(d.asked) >= checkEach || d.since >= checkAfter {
		if err := d.ask(); err != nil {
			return 0, d.keep(err)
		}
	}
	if d.open == nil {
		if d.open, err = d.content.Open(d.r.Context(), d.at); err != nil {
			return 0, d.keep(err)
		}
	}
	n, err = d.open.Read(p)
	d.at += int64(n)
	d.since += n
	if errors.Is(err, io.EOF) && d.at < d.content.Size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = d.keep(err)
	}
	return n, err
}

// keep keeps the first failure.
func (d *reading) keep(err error) error {
	if d.err == nil {
		d.err = err
	}
	return err
}

// failure is why not all was read that was to be; nil where it was, or who reads has gone.
func (d *reading) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// end closes what is open, and lets nobody read on.
func (d *reading) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.close()
	_ = d.keep(errEnded)
}

func (d *reading) close() {
	if d.open != nil {
		_ = d.open.Close() // it was read
		d.open = nil
	}
}
