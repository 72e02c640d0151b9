package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// elsewhere calls the server from another address of this machine.
type elsewhere struct {
	*server
	client *http.Client
}

// at gives the server as it is called from a place: 1 is where the others are.
func (s *server) at(t *testing.T, place byte) elsewhere {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, place)}}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext}}
	t.Cleanup(client.CloseIdleConnections)
	if _, err := client.Get(s.url + "/healthz"); err != nil {
		t.Skipf("this machine has one address only: %v", err)
	}
	return elsewhere{s, client}
}

func (s elsewhere) logIn(t *testing.T, token, login, password string) result {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": logInDocument, "variables": variables{"input": variables{"login": login, "password": password}}})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, s.url+"/graphql", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := s.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := answer{response.StatusCode, response.Header, text}.result()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// guessLimit is how often in a row one may guess at something at the most, and how long it
// takes to earn another guess, since a moment.
type guessLimit struct {
	most  int
	every time.Duration
	since time.Time
}

// expectRefusal guesses until that is refused, and demands that no more guesses were taken
// than may be. Where another one is earned before long it is used up, too, so that on a slow
// machine, too, what comes next is refused.
func (l guessLimit) expectRefusal(t *testing.T, guess func(try int) result) {
	t.Helper()
	for try := 0; ; {
		switch r := guess(try); r.code() {
		case "RATE_LIMITED":
			seconds, ok := r.errors[0].Extensions["retryAfter"].(float64)
			if !ok || seconds < 1 || seconds != float64(int(seconds)) {
				t.Fatalf("retryAfter is a number of seconds: %v", r)
			}
			wait := time.Duration(seconds) * time.Second
			if wait > l.every/5 {
				return
			}
			time.Sleep(wait)
		case "", "INVALID_CODE", "INVALID_CREDENTIALS", "REQUIRED":
			if try++; try > l.most+int(time.Since(l.since)/l.every) {
				t.Fatalf("%d guesses were not refused", try)
			}
		case "UNAVAILABLE": // the machine has too much else to do
		default:
			t.Fatalf("got %v", r)
		}
	}
}

// mustExhaust guesses at a login until that is refused.
func (s elsewhere) mustExhaust(t *testing.T, login string) {
	t.Helper()
	guessLimit{50, 30 * time.Second, time.Now()}.expectRefusal(t, s.guessesAt(t, login))
}

func (s elsewhere) guessesAt(t *testing.T, login string) func(try int) result {
	return func(try int) result {
		t.Helper()
		return s.logIn(t, "", login, fmt.Sprint("guess ", try))
	}
}

// What was guessed is counted for all nodes, and is not forgotten when they end.
func TestGuessesAreCountedOverNodesAndRestarts(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		home := newPlace(t, e)
		first := home.start(t)
		p := first.mustRegister(t)
		begun := time.Now()
		first.at(t, 2).mustExhaust(t, p.email)
		if e == sqlite {
			first.mustStop(t)
		}
		second := home.start(t)
		guessLimit{1, 30 * time.Second, begun}.expectRefusal(t, second.at(t, 2).guessesAt(t, p.email))
		second.at(t, 3).logIn(t, "", p.email, p.password).expectCode(t, "RATE_LIMITED", "")
		// In whatever way it is written, and for those who are nobody as well.
		second.at(t, 3).logIn(t, "", strings.ToUpper(p.email), p.password).expectCode(t, "RATE_LIMITED", "")
		nobody := stranger().email
		second.at(t, 4).mustExhaust(t, nobody)
		second.at(t, 5).logIn(t, "", nobody, p.password).expectCode(t, "RATE_LIMITED", "")
		// Codes of invitations and current passwords are guessed by who is signed in.
		q, mine := second.mustSignIn(t)
		guesses := func(s *server) func(int) result {
			return func(try int) result {
				return s.run(t, mine.token, changePasswordDocument, variables{"current": fmt.Sprint("guess ", try), "new": stranger().password})
			}
		}
		begun = time.Now()
		guessLimit{20, time.Minute, begun}.expectRefusal(t, guesses(second))
		if e == sqlite {
			second.mustStop(t)
		}
		third := home.start(t)
		guessLimit{1, time.Minute, begun}.expectRefusal(t, guesses(third))
		third.run(t, mine.token, changePasswordDocument, variables{"current": q.password, "new": stranger().password}).expectCode(t, "RATE_LIMITED", "")
		third.run(t, mine.token, eraseDocument, variables{"password": q.password}).expectCode(t, "RATE_LIMITED", "")
	})
}

// While strangers guess at somebody's login, from anywhere, the devices that are theirs
// still get in: those that show what was their token once, and those at an address that they
// have signed in from. Others, who know the right password or not, learn nothing.
func TestKnownDevicesGetInWhileStrangersGuess(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := start(t, e)
		p := s.mustRegister(t)
		home, stranger1, stranger2 := s.at(t, 2), s.at(t, 3), s.at(t, 4)
		old := at[string](t, home.logIn(t, "", p.email, p.password).mustSucceed(t), "logIn.token")
		s.run(t, old, `mutation { logOut { sessionId } }`, nil).mustSucceed(t)
		other := s.mustRegister(t)
		theirs := at[string](t, stranger2.logIn(t, "", other.email, other.password).mustSucceed(t), "logIn.token")
		stranger1.mustExhaust(t, p.email)

		for range 3 {
			home.logIn(t, "", p.email, p.password).mustSucceed(t)
		}
		moved := s.at(t, 5)
		moved.logIn(t, old, p.email, p.password).mustSucceed(t)
		moved.logIn(t, old, p.email, "wrong").expectCode(t, "INVALID_CREDENTIALS", "")
		var want result
		for _, token := range []string{"", theirs, "no token"} {
			want = stranger2.shut(t, stranger1, token, p)
		}
		// At a known address those who guess are told what they would be told elsewhere, and
		// how many they may try is bounded there, too.
		got := home.shut(t, home, "", p)
		if got.errors[0].Message != want.errors[0].Message {
			t.Errorf("got %v, want %v", got, want)
		}
		// The token is one's own, still; and guessing with it is bounded.
		home.logIn(t, old, p.email, p.password).mustSucceed(t)
		moved.shutOwn(t, old, p)

		// Who guesses at the same address, at whomever, does not lock those out who show a token.
		crowded := s.at(t, 6)
		mine := at[string](t, crowded.logIn(t, "", other.email, other.password).mustSucceed(t), "logIn.token")
		for range 3 {
			crowded.guess(t, 70, "", func() string { return stranger().email })
			crowded.logIn(t, mine, other.email, other.password).mustSucceed(t)
			if crowded.logIn(t, "", other.email, other.password).code() == "RATE_LIMITED" {
				return
			}
		}
		t.Error("strangers at an address can use up all the tries there are")
	})
}

// guess guesses many times at once.
func (s elsewhere) guess(t *testing.T, times int, token string, login func() string) {
	t.Helper()
	var guessing sync.WaitGroup
	for i := range times {
		guessing.Go(func() { s.logIn(t, token, login(), fmt.Sprint("guess ", i)) })
	}
	guessing.Wait()
}

// shut demands that somebody who has the right password is refused where others guess
// from somewhere, and gives what they are told.
func (s elsewhere) shut(t *testing.T, guesser elsewhere, token string, p person) result {
	t.Helper()
	for range 5 { // on a slow machine there is a token again by now
		guesser.guess(t, 25, "", func() string { return p.email })
		if r := s.logIn(t, token, p.email, p.password); r.code() == "RATE_LIMITED" {
			return r
		}
	}
	t.Fatal("they get in")
	return result{}
}

// shutOwn demands that guesses with a token come to an end, too.
func (s elsewhere) shutOwn(t *testing.T, token string, p person) {
	t.Helper()
	for range 5 {
		s.guess(t, 25, "", func() string { return p.email })
		s.guess(t, 10, token, func() string { return p.email })
		if s.logIn(t, token, p.email, p.password).code() == "RATE_LIMITED" {
			return
		}
	}
	t.Error("there is no end to what may be guessed with a token")
}
