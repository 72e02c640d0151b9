package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// disk is where a server keeps what it keeps, and can be full.
type disk interface {
	// folder is on it.
	folder() string
	// fill makes it take nothing more, and free makes it as it was. The server may have
	// ended.
	fill(*testing.T, *server)
	free(*testing.T, *server)
}

// smallDisk is a file system in memory, which really is full. Only who may mount one has it.
type smallDisk struct{ path string }

func newSmallDisk(t *testing.T) (smallDisk, error) {
	t.Helper()
	d := smallDisk{t.TempDir()}
	if err := unix.Mount("tmpfs", d.path, "tmpfs", 0, "size=24m,mode=0700"); err != nil {
		return d, err
	}
	t.Cleanup(func() {
		if err := unix.Unmount(d.path, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return d, nil
}

func (d smallDisk) folder() string  { return d.path }
func (d smallDisk) ballast() string { return filepath.Join(d.path, "ballast") }

func (d smallDisk) fill(t *testing.T, _ *server) {
	t.Helper()
	f, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 1<<20); len(block) > 0; {
		if _, err = f.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
}

func (d smallDisk) free(t *testing.T, _ *server) {
	t.Helper()
	if err := os.Remove(d.ballast()); err != nil {
		t.Fatal(err)
	}
}

// stubbornDisk takes nothing of a server that has reached what it may write: as a disk
// that fails, it refuses what would be written over something, too. Everybody has it.
type stubbornDisk struct{ path string }

func (d stubbornDisk) folder() string { return d.path }

func (d stubbornDisk) fill(t *testing.T, s *server) { d.limit(t, s, 0) }

func (d stubbornDisk) free(t *testing.T, s *server) { d.limit(t, s, unix.RLIM_INFINITY) }

func (stubbornDisk) limit(t *testing.T, s *server, bytes uint64) {
	t.Helper()
	var now unix.Rlimit
	if err := unix.Prlimit(s.pid, unix.RLIMIT_FSIZE, nil, &now); err != nil {
		t.Fatal(err)
	}
	now.Cur = min(bytes, now.Max)
	if err := unix.Prlimit(s.pid, unix.RLIMIT_FSIZE, &now, nil); err != nil {
		t.Fatal(err)
	}
}

// eachDisk runs a test on each kind of disk that there is here.
func eachDisk(t *testing.T, test func(*testing.T, disk)) {
	t.Helper()
	t.Run("stubborn", func(t *testing.T) {
		t.Parallel()
		test(t, stubbornDisk{t.TempDir()})
	})
	t.Run("small", func(t *testing.T) {
		t.Parallel()
		d, err := newSmallDisk(t)
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
			t.Logf("nobody may mount a file system here (%v): the stubborn disk has to do", err)
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		test(t, d)
	})
}

// insistentTalker says things, each with a key of its own, and remembers which were
// acknowledged.
type insistentTalker struct {
	s    *server
	who  dweller
	room string

	mu     sync.Mutex
	said   map[string]bool // by key: whether it was acknowledged
	others []string        // what came that is neither
	quit   chan struct{}
	done   sync.WaitGroup
}

func (s *server) talkInsistently(who dweller, room string) *insistentTalker {
	k := &insistentTalker{s: s, who: who, room: room, said: map[string]bool{}, quit: make(chan struct{})}
	for range 2 {
		k.done.Go(func() {
			for {
				select {
				case <-k.quit:
					return
				case <-time.After(60 * time.Millisecond):
				}
				key := newKey()
				r, err := s.trySend(who.token, room, key, key)
				code := codeOrError(r, err)
				k.mu.Lock()
				k.said[key] = code == ""
				if code != "" && code != "UNAVAILABLE" {
					k.others = append(k.others, code)
				}
				k.mu.Unlock()
			}
		})
	}
	return k
}

// stop makes the talker say no more, and demands that there were acknowledgements, perhaps
// refusals, and nothing else.
func (k *insistentTalker) stop(t *testing.T) {
	t.Helper()
	close(k.quit)
	k.done.Wait()
	yes, no := 0, 0
	for _, acknowledged := range k.said {
		if acknowledged {
			yes++
		} else {
			no++
		}
	}
	if yes == 0 || len(k.others) > 0 {
		t.Errorf("%d were acknowledged, %d refused; and there were %v", yes, no, k.others)
	}
}

// expectKept demands that what was acknowledged is there, once, and that what was not is
// there once it is said again.
func (k *insistentTalker) expectKept(t *testing.T) {
	t.Helper()
	for key, acknowledged := range k.said {
		r, err := k.s.insist(k.who.token, sendDocument, variables{"input": variables{"room": k.room, "key": key, "text": key}})
		if code := codeOrError(r, err); code != "" {
			t.Fatalf("said again: %s", code)
		}
		if acknowledged && r.lookup("sendMessage.replayed") != true {
			t.Errorf("%s was acknowledged, and is lost", key)
		}
	}
	times := map[string]int{}
	for after := any(nil); ; {
		r := k.s.run(t, k.who.token, `query($room: ID!, $after: Cursor) { room(id: $room) { messages(first: 100, after: $after) {
			pageInfo { hasNextPage endCursor } nodes { text } } } }`, variables{"room": k.room, "after": after}).mustSucceed(t)
		for _, m := range objects(r.lookup("room.messages.nodes")) {
			times[m["text"].(string)]++
		}
		if r.lookup("room.messages.pageInfo.hasNextPage") != true {
			break
		}
		after = r.lookup("room.messages.pageInfo.endCursor")
	}
	for key := range k.said {
		if times[key] != 1 {
			t.Errorf("%s is there %d times", key, times[key])
		}
	}
}

// A disk that is full refuses what is to be written, and nothing else; who reads, and who
// listens, does so. When there is room again all is well, without a restart, and nothing
// that was acknowledged is lost.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	eachDisk(t, func(t *testing.T, d disk) {
		home := place{dataDir: filepath.Join(d.folder(), "data"), workingDir: d.folder(), logFile: filepath.Join(d.folder(), "log")}
		temporary := filepath.Join(d.folder(), "tmp")
		if err := os.Mkdir(temporary, 0o700); err != nil {
			t.Fatal(err)
		}
		s := home.start(t, "TMPDIR="+temporary, "OMARTY_RATE_LIMITS=off")
		h := s.mustOpenHouse(t, s.mustArrive(t), s.mustArrive(t))
		_, file := s.mustUpload(t, h.manager.token, "kept.txt", []byte("kept"))
		before := s.mustSay(t, h.manager, h.community, "before")
		c := s.openSocket(t, h.residents[0].token)
		listening := c.subscribe(t, followDocument, from(h.community, before.seq))
		listening.expect(t, caughtUp(before.seq))
		talk := s.talkInsistently(h.residents[0], h.community)
		time.Sleep(200 * time.Millisecond)
		what := allIsFull
		if _, small := d.(smallDisk); small {
			what = almostAll
		}
		d.fill(t, s)
		s.expectFull(t, h, file, what)
		c.expectAlive(t)
		d.free(t, s)
		eventually(t, hearTime, "there is room again", func() bool {
			r, err := s.trySend(h.manager.token, h.community, newKey(), "after")
			return codeOrError(r, err) == ""
		})
		talk.stop(t)
		talk.expectKept(t)
		s.mustUpload(t, h.manager.token, "photo.jpg", photo(t, 6))
		s.mustRegister(t)
		_, last := s.mustStand(t, h.manager.token, h.community)
		listening.expectPosts(t, before.seq+1, last)

		// One that is killed on a full disk comes up there, with all that it had.
		d.fill(t, s)
		s.mustKill(t)
		s = home.start(t, "TMPDIR="+temporary, "OMARTY_RATE_LIMITS=off")
		talk.s = s
		if _, stands := s.mustStand(t, h.manager.token, h.community); stands != last {
			t.Errorf("started on a full disk, it stands at %d, want %d", stands, last)
		}
		if _, small := d.(smallDisk); small { // the other is full for the one that was killed
			s.expectFull(t, h, file, what)
			d.free(t, s)
		}
		s.mustSay(t, h.manager, h.community, "after")
		talk.expectKept(t)
		s.mustStop(t)
		log, err := os.ReadFile(home.logFile)
		if err != nil || strings.Contains(string(log), "level=ERROR") || strings.Contains(string(log), "panic") {
			t.Errorf("%v: %s", err, log)
		}
	})
}

// fullness is what is full.
type fullness int

const (
	allIsFull fullness = iota
	// almostAll is all but what has its place already: SQLite writes over what it wrote
	// before, and what is small may find room there.
	almostAll
	databaseIsFull
	folderIsFull
)

// expectFull demands what the contract says for a disk that is full.
func (s *server) expectFull(t *testing.T, h *house, file string, what fullness) {
	t.Helper()
	who := h.manager
	calls := map[string]func() result{}
	if what != folderIsFull {
		calls = map[string]func() result{
			"send": func() result {
				return s.send(t, who.token, variables{"room": h.community, "key": newKey(), "text": "x"})
			},
			"profile": func() result {
				return s.run(t, who.token, `mutation { updateProfile(input: {name: "Nour"}) { viewer { id } } }`, nil)
			},
			"logIn":    func() result { return s.logIn(t, who.email, who.password) },
			"register": func() result { return s.register(t, stranger().input()) },
			"export":   func() result { return s.run(t, who.token, exportDocument, nil) },
		}
		a := s.postForm(t, stranger().form().Encode())
		if a.status != http.StatusServiceUnavailable && (what != almostAll || a.status != http.StatusOK) {
			t.Errorf("on a full disk, the form: %v", a)
		}
	}
	calls["text"] = func() result { return s.upload(t, who.token, "x.txt", bytes.Repeat([]byte("x"), 100_000)) }
	calls["picture"] = func() result { return s.upload(t, who.token, "x.jpg", photo(t, 6)) }
	if what <= almostAll {
		calls["two files"] = func() result { return s.uploadTwo(t, who.token, bytes.Repeat([]byte("x"), 100_000)) }
	}
	refused := 0
	for name, call := range calls {
		switch r := call(); {
		case r.code() == "UNAVAILABLE":
			refused++
		case r.code() == "" && what == almostAll:
		default:
			t.Errorf("on a full disk, %s: %v", name, r)
		}
	}
	if refused == 0 {
		t.Error("a full disk takes everything")
	}
	s.run(t, who.token, `query($room: ID!) { viewer { id sessions { id } } room(id: $room) { messages(last: 5) { nodes { text } } } }`, variables{"room": h.community}).mustSucceed(t)
	if a := s.get(t, file, bearer(who.token)...); a.status != http.StatusOK || string(a.body) != "kept" {
		t.Errorf("on a full disk, a file: %v", a)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if a := s.get(t, path); a.status != http.StatusOK {
			t.Errorf("on a full disk, %s: %v", path, a)
		}
	}
}

// uploadTwo sends two files in a request.
func (s *server) uploadTwo(t *testing.T, token string, content []byte) result {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	operations, _ := json.Marshal(variables{
		"query":     `mutation($a: Upload!, $b: Upload!) { a: uploadAttachment(file: $a) { attachment { id } } b: uploadAttachment(file: $b) { attachment { id } } }`,
		"variables": variables{"a": nil, "b": nil},
	})
	_ = w.WriteField("operations", string(operations))
	_ = w.WriteField("map", `{"1":["variables.a"],"2":["variables.b"]}`)
	for i := range 2 {
		part, err := w.CreateFormFile(fmt.Sprint(i+1), "x.txt")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write(content)
	}
	w.Close()
	return s.do(t, "POST", "/graphql", &body, append(bearer(token), "Content-Type", w.FormDataContentType())...).mustResult(t)
}
