package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestSignalsEndTheProgram(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
			s := start(t, e)
			s.mustSignIn(t) // so that connections are open
			s.signal(t, sig)
			if status, err := s.waitExit(); err != nil || status != 0 {
				t.Errorf("%v: status %d, %v", sig, status, err)
			}
		}
	})
}

// A program that waits for its database can be told to stop like any other.
func TestSignalAtTheStart(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	command := exec.Command(binary)
	command.Dir = t.TempDir()
	command.Env = environment("OMARTY_LISTEN=127.0.0.1:0",
		"OMARTY_DATABASE_URL=postgres://chat@"+listener.Addr().String()+"/chat?sslmode=disable")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	conn, err := listener.Accept() // and never a word
	if err == nil {
		defer conn.Close()
		err = command.Process.Signal(syscall.SIGTERM)
	}
	if err != nil {
		t.Error(err)
		_ = command.Process.Kill()
	}
	if err := command.Wait(); err != nil {
		t.Errorf("it was told to stop, and ended with %v", err)
	}
}

// slowRequest is a request whose head was sent and whose body was not.
type slowRequest struct {
	conn   net.Conn
	reader *bufio.Reader
	body   []byte
}

// mustBegin sends the head of a POST request and waits until the server reads its
// body: then the request is under way.
func (s *server) mustBegin(t *testing.T, path, contentType string, body []byte) slowRequest {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		path, contentType, len(body))
	reader := bufio.NewReader(conn)
	line, err := reader.ReadString('\n')
	if err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("the server does not read the body: %q, %v", line, err)
	}
	if line, err = reader.ReadString('\n'); strings.TrimSpace(line) != "" || err != nil {
		t.Fatalf("after 100 Continue: %q, %v", line, err)
	}
	return slowRequest{conn, reader, body}
}

// mustFinish sends the body and gives the answer.
func (r slowRequest) mustFinish(t *testing.T) answer {
	t.Helper()
	if _, err := r.conn.Write(r.body); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(r.reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, content}
}

// waitDeaf waits until a server takes no connections any more.
func (s *server) waitDeaf(t *testing.T) {
	t.Helper()
	eventually(t, stopTime, "the server takes no connections", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
}

// What is under way when the program is told to stop is done and answered.
func TestRequestsUnderWayAreAnswered(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		home := newPlace(t, e)
		s := home.start(t)
		p, q := stranger(), stranger()
		request, err := json.Marshal(variables{"query": registerDocument, "variables": variables{"input": p.input()}})
		if err != nil {
			t.Fatal(err)
		}
		mutation := s.mustBegin(t, "/graphql", typeJSON, request)
		form := s.mustBegin(t, formPath, "application/x-www-form-urlencoded", []byte(q.form().Encode()))
		s.signal(t, syscall.SIGTERM)
		s.waitDeaf(t)
		mutation.mustFinish(t).mustResult(t).mustSucceed(t)
		form.mustFinish(t).expectForm(t, "under way", formRegistered)
		if status, err := s.waitExit(); err != nil || status != 0 {
			t.Errorf("status %d, %v", status, err)
		}
		again := home.start(t)
		again.mustLogIn(t, p.email, p.password)
		again.mustLogIn(t, q.email, q.password)
	})
}

// Who never finishes does not keep the program from ending in time.
func TestRequestsThatNeverEndDoNotHoldUp(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := start(t, e)
		s.mustBegin(t, "/graphql", typeJSON, []byte("{}"))
		s.mustBegin(t, formPath, "application/x-www-form-urlencoded", []byte("x"))
		s.signal(t, syscall.SIGTERM)
		if status, err := s.waitExit(); err != nil || status != 0 {
			t.Errorf("status %d, %v", status, err)
		}
	})
}

// Who is impatient and asks twice gets the end at once, and not that of a program that has
// waited for what is under way.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, sqlite)
	s.mustBegin(t, "/graphql", typeJSON, []byte("{}"))
	// No signal that a shell in the background has its programs ignore.
	s.signal(t, syscall.SIGTERM)
	s.waitDeaf(t)
	s.signal(t, syscall.SIGTERM)
	if status, err := s.waitExit(); err != nil || status == 0 {
		t.Errorf("status %d, %v", status, err)
	}
	s.stopped.Do(func() {}) // such an end has no good exit status
}

// What was acknowledged is there after a restart: accounts, sessions, and what
// ended.
func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		home := newPlace(t, e)
		s := home.start(t)
		p, mine := s.mustSignIn(t)
		over := s.mustLogIn(t, p.email, p.password)
		s.run(t, over.token, `mutation { logOut { sessionId } }`, nil).mustSucceed(t)
		s.run(t, mine.token, profileDocument, variables{"input": variables{"name": "نور", "locale": "fr"}}).mustSucceed(t)
		s.mustStop(t)

		s = home.start(t)
		s.run(t, mine.token, `{ viewer { email user { id name } locale sessions { id } } }`, nil).expectData(t, "viewer",
			fmt.Sprintf(`{"email": %q, "user": {"id": %q, "name": "نور"}, "locale": "fr", "sessions": [{"id": %q}]}`, p.email, p.id, mine.id))
		if s.signedIn(t, over.token) {
			t.Error("a session that was ended is good again")
		}
		s.mustLogIn(t, p.phone, p.password)
		s.register(t, p.input()).expectCode(t, "EMAIL_TAKEN", "")
		if strings.Contains(s.log.String(), "migrated") {
			t.Error("a database that is up to date was migrated")
		}
	})
}

// What was acknowledged survives a program that is killed, too.
func TestKillKeepsWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		home := newPlace(t, e)
		s := home.start(t)
		p, mine := s.mustSignIn(t)
		s.signal(t, syscall.SIGKILL)
		if _, err := s.waitExit(); err != nil {
			t.Fatal(err)
		}
		s.stopped.Do(func() {}) // such an end has no good exit status
		s = home.start(t)
		if !s.signedIn(t, mine.token) {
			t.Error("the session is lost")
		}
		s.mustLogIn(t, p.email, p.password)
	})
}

// Nodes that start together on an empty database all become ready, and migrate it
// once.
func TestNodesThatStartTogether(t *testing.T) {
	t.Parallel()
	const nodes = 3
	eachEngine(t, func(t *testing.T, e engine) {
		home := newPlace(t, e)
		if e == postgres {
			// So that a migration lasts long enough for the others to come upon it.
			if err := tellPostgres(t.Context(), home.databaseURL, slowTables); err != nil {
				t.Fatal(err)
			}
		}
		type started struct {
			s   *server
			err error
		}
		all := make(chan started, nodes)
		for range nodes {
			go func() {
				s, err := launch(home, []string{"OMARTY_RATE_LIMITS=off"})
				all <- started{s, err}
			}()
		}
		var running []*server
		for range nodes {
			one := <-all
			if one.err != nil {
				t.Error(one.err)
				continue
			}
			t.Cleanup(func() {
				if err := one.s.stop(); err != nil {
					t.Error(err)
				}
			})
			running = append(running, one.s)
		}
		steps := map[string]int{}
		for _, s := range running {
			s.waitReady(t, readyTime, http.StatusOK)
			for line := range strings.SplitSeq(s.log.String(), "\n") {
				if _, rest, ok := strings.Cut(line, "msg=migrated step="); ok {
					steps[strings.Fields(rest)[0]]++
				}
			}
		}
		if len(steps) == 0 {
			t.Error("no node says that it migrated")
		}
		for step, times := range steps {
			if times != 1 {
				t.Errorf("%s was applied %d times", step, times)
			}
		}
		// They are one service: what one wrote, the others know.
		p, mine := running[0].mustSignIn(t)
		for _, s := range running[1:] {
			if !s.signedIn(t, mine.token) {
				t.Error("a session of one node is not good at another")
			}
			s.register(t, p.input()).expectCode(t, "EMAIL_TAKEN", "")
		}
	})
}
