package graph

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// dripping is a body of which some bytes come now and then, until its deadline.
type dripping struct {
	bytes    int
	each     time.Duration
	deadline time.Time
}

func (d *dripping) Read(p []byte) (int, error) {
	if left := time.Until(d.deadline); left < d.each {
		time.Sleep(left)
		return 0, os.ErrDeadlineExceeded
	}
	time.Sleep(d.each)
	return min(d.bytes, len(p)), nil
}

func (*dripping) Close() error { return nil }

// An upload that gets on has twenty minutes, and one that does not twenty seconds.
func TestHowLongAnUploadMayTake(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bytes int
		each  time.Duration
		// busy is what the server takes for itself after each read.
		busy time.Duration
		want time.Duration
	}{
		"nothing comes":                {0, time.Hour, 0, uploadPatience},
		"a byte a second":              {1, time.Second, 0, uploadPatience},
		"half of what is the least":    {uploadLeast / 40, time.Second, 0, uploadPatience},
		"a little more than the least": {uploadLeast/20 + 100, time.Second, 0, uploadTime},
		"much, now and then":           {32 << 10, 19 * time.Second, 0, uploadTime},
		"much":                         {32 << 10, time.Second, 0, uploadTime},
		"to a server that is busy":     {1 << 10, time.Second, 30 * time.Second, uploadTime},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				comes := &dripping{bytes: c.bytes, each: c.each}
				body := &patientBody{ReadCloser: comes, end: begin.Add(uploadTime), left: uploadPatience, until: func(at time.Time) error {
					comes.deadline = at
					return nil
				}}
				for p := make([]byte, 64<<10); ; time.Sleep(c.busy) {
					if _, err := body.Read(p); err != nil {
						break
					}
				}
				if took := time.Since(begin); took < c.want-time.Second || took > c.want+c.busy || !body.late {
					t.Errorf("it ended after %v, late: %v", took, body.late)
				}
			})
		})
	}
}

// A body may come for longer than the server gives to other requests.
func TestUploadsTakeLongerThanOthers(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answering := patientUpload(w, r, 1<<20)
		n, err := io.Copy(io.Discard, r.Body)
		answering()
		fmt.Fprint(w, n, err)
	}))
	server.Config.ReadTimeout, server.Config.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	server.Start()
	defer server.Close()
	body, to := io.Pipe()
	go func() {
		for range 10 {
			_, _ = to.Write(make([]byte, 1000))
			time.Sleep(30 * time.Millisecond)
		}
		to.Close()
	}()
	response, err := server.Client().Post(server.URL, "application/octet-stream", body)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, err := io.ReadAll(response.Body); err != nil || string(text) != "10000 <nil>" {
		t.Errorf("%q, %v", text, err)
	}
}
