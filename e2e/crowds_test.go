package e2e

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A carrier's phones come back at once, from one address: each gets in that signs in,
// beside as many strangers as the address may have; one stranger more is told when to
// come back.
func TestPhonesOfOneAddress(t *testing.T) {
	s := start(t, sqlite)
	var tokens []string
	for range 4 {
		_, session := s.mustSignIn(t)
		tokens = append(tokens, session.token)
	}
	for range 100 {
		s.openSocket(t, "")
	}
	if _, err := s.tryOpenSocket("", false); err == nil || !strings.Contains(err.Error(), "1013 Too many connections; retry-after-ms=") {
		t.Errorf("one stranger more: %v", err)
	}
	s.do(t, http.MethodGet, "/graphql?query={__typename}", nil, "Accept", "text/event-stream").expectBody(t, "RATE_LIMITED")

	var phones sync.WaitGroup
	for i := range 220 {
		phones.Go(func() {
			c, err := s.tryOpenSocket(tokens[i%len(tokens)], false)
			for range 5 { // of a machine that is too busy to initialise in 3 s, it comes back
				if err != nil && strings.Contains(err.Error(), "4408") {
					c, err = s.tryOpenSocket(tokens[i%len(tokens)], false)
				}
			}
			if err != nil {
				t.Errorf("phone %d: %v", i, err)
				return
			}
			t.Cleanup(c.hangUp)
		})
	}
	phones.Wait()
}

// A person may have a hundred connections, sockets and streams together; one more is told
// to come back, and others do not notice.
func TestConnectionsOfOnePerson(t *testing.T) {
	s := start(t, sqlite)
	_, session := s.mustSignIn(t)
	_, other := s.mustSignIn(t)
	var last *socket
	for range 100 {
		last = s.openSocket(t, session.token)
	}
	if _, err := s.tryOpenSocket(session.token, false); err == nil || !strings.Contains(err.Error(), "1013 Too many connections; retry-after-ms=") {
		t.Errorf("one more: %v", err)
	}
	s.do(t, http.MethodGet, "/graphql?query={__typename}", nil, "Accept", "text/event-stream", "Authorization", "Bearer "+session.token).expectBody(t, "RATE_LIMITED")
	s.openSocket(t, other.token)
	last.hangUp()
	for deadline := time.Now().Add(hearTime); ; time.Sleep(10 * time.Millisecond) {
		c, err := s.tryOpenSocket(session.token, false)
		if err == nil {
			c.hangUp()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func (a answer) expectBody(t *testing.T, want string) {
	t.Helper()
	if !strings.Contains(string(a.body), want) {
		t.Errorf("answered %d %s, without %s", a.status, a.body, want)
	}
}

// A thousand connections that never come to the end of their headers keep nobody from
// being served, and are cut.
func TestTrickledHeaders(t *testing.T) {
	s := start(t, sqlite, "OMARTY_RATE_LIMITS=off")
	begun := time.Now()
	var trickles []net.Conn
	for i := range 1000 {
		conn, err := net.Dial("tcp", mustParseURL(s.url).Host)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: h\r\nX-%d: ", i)
		trickles = append(trickles, conn)
	}
	// Before the last of them is cut, after 10 s.
	if asked := time.Now(); s.get(t, "/graphql?query={__typename}").status != http.StatusOK || time.Since(asked) > 8*time.Second {
		t.Errorf("beside them it takes %v", time.Since(asked))
	}
	for _, conn := range trickles {
		// What comes now and then does not help.
		go func() {
			for range time.Tick(time.Second) {
				if _, err := conn.Write([]byte("a")); err != nil {
					return
				}
			}
		}()
	}
	for i, conn := range trickles {
		_ = conn.SetReadDeadline(begun.Add(time.Minute))
		for b := make([]byte, 512); ; {
			_, err := conn.Read(b)
			if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
				t.Fatalf("connection %d is still open", i)
			}
			if err != nil {
				break
			}
		}
	}
	if took := time.Since(begun); took < 9*time.Second {
		t.Errorf("all were cut after %v", took)
	}
}

// Who sends too much in a row is told when to go on; who only sends again what was posted
// is answered all the same, and others do not notice.
func TestSendsInARow(t *testing.T) {
	s := start(t, sqlite)
	h := s.mustSettle(t, 1)
	send := func(who dweller, key string) result {
		return s.run(t, who.token, `mutation($input: SendMessageInput!) { sendMessage(input: $input) { replayed message { id } } }`,
			variables{"input": variables{"room": h.community, "key": key, "text": "a"}})
	}
	// Several at once, so that they are faster than what is earned, one in 250 ms.
	begun := time.Now()
	var next, posted atomic.Int64
	var sending sync.WaitGroup
	for range 8 {
		sending.Go(func() {
			for {
				r, err := s.trySend(h.residents[0].token, h.community, fmt.Sprintf("key-%d", next.Add(1)-1), "a")
				switch code := codeOrError(r, err); {
				case code == "" && posted.Add(1) < 2000:
				case code == "UNAVAILABLE": // the machine has too much else to do
				case code == "RATE_LIMITED" && r.errors[0].Extensions["retryAfter"] != nil:
					return
				default:
					t.Errorf("got %v, %v", r, err)
					return
				}
			}
		})
	}
	sending.Wait()
	if n, most := posted.Load(), 121+int64(time.Since(begun)/(250*time.Millisecond)); n < 120 || n > most {
		t.Errorf("%d were posted in a row; it may be 120 to %d", n, most)
	}
	if again := send(h.residents[0], "key-0"); len(again.errors) > 0 {
		t.Errorf("sent again: %+v", again)
	}
	if other := send(h.manager, "key-0"); len(other.errors) > 0 {
		t.Errorf("somebody else: %+v", other)
	}
}
