package graph

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/omarty/chat/internal/omarty"
)

const (
	// uploadTime bounds how long a request with files may take, and uploadPatience how long
	// it is waited for the next uploadLeast bytes of it, or for its end.
	uploadTime     = 20 * time.Minute
	uploadPatience = 20 * time.Second
	uploadLeast    = 16 << 10
)

// preflightHeaders are those that a page of another origin cannot send without
// asking first: a multipart form, it could send.
var preflightHeaders = []string{
	"Authorization", "Apollo-Require-Preflight", "GraphQL-Require-Preflight", "X-Apollo-Operation-Name",
}

// readMultipart reads a GraphQL multipart request
// (https://github.com/jaydenseric/graphql-multipart-request-spec): operations,
// map, then the files. One file is handed on as it comes; several are kept on the disk,
// since nobody knows which is wanted first, and removed by done, which is never nil.
func readMultipart(r *http.Request, boundary string, within *uploadLimits) (params *graphql.RawParams, done func(), problem *problem) {
	done = func() {}
	if !preflighted(r.Header) {
		return nil, done, badRequest("A multipart request needs an Authorization header or GraphQL-Require-Preflight.")
	}
	malformed := badRequest("The request is no GraphQL multipart request: operations, then map, then the files.")
	form := multipart.NewReader(r.Body, boundary)
	operations, problem := within.text(form, "operations", malformed)
	if problem != nil {
		return nil, done, problem
	}
	if err := turnOf(r.Context()).look(r.Context(), len(operations)/bytesOfBodyUnit); err != nil {
		return nil, done, failedFor(err)
	}
	if params, problem = readJSON(operations); problem != nil {
		return nil, done, problem
	}
	where, problem := within.text(form, "map", malformed)
	if problem != nil {
		return nil, done, problem
	}
	var places map[string][]string
	if decode(where, &places) != nil || !within.holds(places) {
		return nil, done, malformed
	}
	if len(places) == 0 { // and nothing of it may be large
		if n, _ := io.CopyN(io.Discard, r.Body, maxBody+1); n > maxBody {
			return nil, done, tooLarge()
		}
	}
	var kept []*os.File
	done = func() {
		for _, f := range kept {
			f.Close()
			_ = os.Remove(f.Name())
		}
	}
	several := len(places) > 1
	for len(places) > 0 {
		part, err := form.NextPart()
		if err != nil {
			return nil, done, within.failed(err, malformed)
		}
		paths, named := places[part.FormName()]
		if !named {
			return nil, done, malformed
		}
		delete(places, part.FormName())
		for i := range paths {
			upload := graphql.Upload{
				File:        &arriving{r: part},
				Filename:    part.FileName(),
				ContentType: part.Header.Get("Content-Type"),
			}
			if several || len(paths) > 1 {
				if i == 0 {
					file, problem := within.keep(part)
					if problem != nil {
						return nil, done, problem
					}
					kept = append(kept, file)
				}
				upload.File = io.NewSectionReader(kept[len(kept)-1], 0, within.file+1)
			}
			if !place(params.Variables, paths[i], upload) {
				return nil, done, malformed
			}
		}
	}
	return params, done, nil
}

// uploadLimits are those of a multipart request.
type uploadLimits struct {
	// left is how many bytes the parts that are text may still have.
	left int64
	// file is how many bytes a file may have; what has more is not read to its end.
	file int64
	// refused tells that nobody is signed in, so that no file is kept.
	refused bool
}

// maxFiles bounds the files of a request, and maxPlaces the variables that they are put in.
const (
	maxFiles  = 10
	maxPlaces = 20
)

// holds tells whether there are not too many places.
func (*uploadLimits) holds(places map[string][]string) bool {
	n := 0
	for _, paths := range places {
		n += len(paths)
	}
	return len(places) <= maxFiles && n <= maxPlaces
}

// text reads the form's next part, which has a name.
func (l *uploadLimits) text(form *multipart.Reader, name string, malformed *problem) ([]byte, *problem) {
	part, err := form.NextPart()
	if err != nil {
		return nil, l.failed(err, malformed)
	}
	if part.FormName() != name {
		return nil, malformed
	}
	content, err := io.ReadAll(io.LimitReader(part, l.left+1))
	if err != nil {
		return nil, l.failed(err, malformed)
	}
	if l.left -= int64(len(content)); l.left < 0 {
		return nil, tooLarge()
	}
	return content, nil
}

// failed is why a part could not be read.
func (*uploadLimits) failed(err error, malformed *problem) *problem {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return tooLarge()
	}
	return malformed
}

// failedFor is for what a verb refuses.
func failedFor(cause error) *problem { return &problem{cause: cause} }

func tooLarge() *problem {
	return &problem{http.StatusRequestEntityTooLarge, omarty.CodeTooLarge, "The request is too large.", nil}
}

// keep keeps a file on the disk, and one byte more than it may have of one that is too
// large.
func (l *uploadLimits) keep(part io.Reader) (*os.File, *problem) {
	unavailable := &problem{http.StatusServiceUnavailable, omarty.CodeUnavailable, "The service cannot answer now; try again.", nil}
	file, err := os.CreateTemp("", "omarty-upload-*")
	if err != nil {
		return nil, unavailable
	}
	_ = os.Remove(file.Name()) // what has no name goes with the program, however that ends
	if l.refused {
		return file, nil
	}
	content := &arriving{r: io.LimitReader(part, l.file+1)}
	if _, err := io.Copy(file, content); err != nil {
		file.Close()
		if content.broke {
			return nil, badRequest("The request broke off.")
		}
		return nil, unavailable // the disk is full
	}
	return file, nil
}

// arriving is a file that comes with the request's body.
type arriving struct {
	r io.Reader
	// broke tells that no more will come.
	broke bool
}

// Read gives what came; BAD_REQUEST where no more will.
func (a *arriving) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		a.broke = true
		err = omarty.Errorf(omarty.CodeBadRequest, "The request broke off.")
	}
	return n, err
}

// Seek fails: it comes once.
func (*arriving) Seek(int64, int) (int64, error) { return 0, errors.ErrUnsupported }

// patientBody lets a body come for as long as enough of it comes. What the server takes
// for itself between two reads is not the client's fault, and does not count but for the end.
type patientBody struct {
	io.ReadCloser
	until func(time.Time) error
	end   time.Time     // when all has to be there
	left  time.Duration // of the patience
	came  int           // of the bytes that are waited for
	late  bool          // that it ended for want of them
}

// Read gives what has come.
func (b *patientBody) Read(p []byte) (int, error) {
	begin := time.Now()
	deadline := begin.Add(b.left)
	if deadline.After(b.end) {
		deadline = b.end
	}
	_ = b.until(deadline)
	n, err := b.ReadCloser.Read(p)
	b.left -= time.Since(begin)
	if b.came += n; b.came >= uploadLeast {
		b.came, b.left = 0, uploadPatience
	}
	b.late = b.late || errors.Is(err, os.ErrDeadlineExceeded)
	return n, err
}

// patientUpload makes a request's body one that may take uploadTime to come, and gives what is
// to be called when it is answered.
func patientUpload(w http.ResponseWriter, r *http.Request, most int64) (answering func()) {
	control := http.NewResponseController(w)
	end := time.Now().Add(uploadTime)
	_ = control.SetWriteDeadline(end.Add(operationTime))
	body := r.Body
	patient := &patientBody{ReadCloser: http.MaxBytesReader(w, body, most), until: control.SetReadDeadline, end: end, left: uploadPatience}
	r.Body = patient
	return func() {
		if patient.late {
			w.Header().Set("Connection", "close") // it was waited for long enough
		} else {
			// Many clients read no answer before they have sent all.
			_ = control.SetReadDeadline(time.Now().Add(uploadPatience))
			_, _ = io.CopyN(io.Discard, body, max(maxDiscarded, most))
		}
		_ = control.SetWriteDeadline(time.Now().Add(operationTime))
	}
}

func preflighted(h http.Header) bool {
	for _, name := range preflightHeaders {
		if h.Get(name) != "" {
			return true
		}
	}
	return false
}

// place puts an upload where a path such as "variables.input.file" or
// "variables.files.0" has a null for it, and tells whether there was one.
func place(variables map[string]any, path string, upload graphql.Upload) bool {
	steps := strings.Split(path, ".")
	if len(steps) < 2 || steps[0] != "variables" {
		return false
	}
	var at any = variables
	for i, step := range steps[1:] {
		last := i == len(steps)-2
		switch holder := at.(type) {
		case map[string]any:
			value, ok := holder[step]
			if !ok || last && value != nil {
				return false
			}
			if last {
				holder[step] = upload
			}
			at = value
		case []any:
			n, err := strconv.Atoi(step)
			if err != nil || n < 0 || n >= len(holder) || last && holder[n] != nil {
				return false
			}
			if last {
				holder[n] = upload
			}
			at = holder[n]
		default:
			return false
		}
	}
	return true
}
