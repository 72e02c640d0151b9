package e2e

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// mailbox is an SMTP server that refuses the first mails for now, and takes the others.
type mailbox struct {
	address string

	mu       sync.Mutex
	refusals int
	letters  []letter
}

func openMailbox(t *testing.T, refusals int) *mailbox {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mailbox{address: listener.Addr().String(), refusals: refusals}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { m.serve(c) })
		}
	})
	t.Cleanup(func() { listener.Close(); all.Wait() })
	return m
}

func (m *mailbox) serve(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	in := bufio.NewReader(c)
	fmt.Fprint(c, "220 here\r\n")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch strings.ToUpper((strings.TrimSpace(line) + "    ")[:4]) {
		case "RCPT":
			m.mu.Lock()
			refused := m.refusals > 0
			m.refusals--
			m.mu.Unlock()
			if refused {
				fmt.Fprintf(c, "451 4.7.1 %s: later\r\n", strings.TrimSpace(line))
				continue
			}
			fmt.Fprint(c, "250 ok\r\n")
		case "DATA":
			fmt.Fprint(c, "354 go on\r\n")
			var text strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				text.WriteString(line)
			}
			if read, err := mail.ReadMessage(strings.NewReader(text.String())); err == nil {
				body, _ := io.ReadAll(quotedprintable.NewReader(read.Body))
				to, _ := mail.ParseAddress(read.Header.Get("To"))
				m.mu.Lock()
				m.letters = append(m.letters, letter{to: to.Address, text: string(body), headers: read.Header})
				m.mu.Unlock()
			}
			fmt.Fprint(c, "250 taken\r\n")
		case "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 ok\r\n")
		}
	}
}

func (m *mailbox) all() []letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.letters)
}

// Letters come by SMTP and by the operator's gateway, also where these refuse them at
// first; and neither the log nor anybody else learns to whom.
func TestLettersAreTriedAgain(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		const key = "a secret of the gateway's"
		inbox := openMailbox(t, 2)
		var mu sync.Mutex
		var asked []string // the ids of the calls
		var told []letter
		gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			h := hmac.New(sha256.New, []byte(key))
			io.WriteString(h, r.Header.Get("webhook-id")+"."+r.Header.Get("webhook-timestamp")+"."+string(body))
			if r.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(h.Sum(nil)) {
				t.Errorf("signed %s", r.Header.Get("webhook-signature"))
			}
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, r.Header.Get("webhook-id"))
			if len(asked) < 3 {
				w.WriteHeader([]int{http.StatusServiceUnavailable, http.StatusTooManyRequests}[len(asked)-1])
				return
			}
			var l struct{ To, Text string }
			if err := json.Unmarshal(body, &l); err != nil {
				t.Error(err)
			}
			told = append(told, letter{to: l.To, text: l.Text})
		}))
		defer gateway.Close()
		s := start(t, e, "OMARTY_RATE_LIMITS=off", "OMARTY_MAIL_URL=smtp://"+inbox.address+"?tls=none", "OMARTY_MAIL_FROM=Omarty <omarty@example.com>",
			"OMARTY_PHONE_URL="+gateway.URL+"/very-secret-path", "OMARTY_PHONE_SECRET="+key)
		p, mine := s.mustSignIn(t)
		s.mustAskCode(t, mine.token, "EMAIL")
		s.mustAskCode(t, mine.token, "PHONE")
		arrived := func(letters func() []letter, to string) string {
			t.Helper()
			var code string
			eventually(t, taskTime, "a letter comes in the end", func() bool {
				got := letters()
				if len(got) == 0 {
					return false
				}
				if found := sixDigits.FindAllString(got[0].text, -1); len(got) != 1 || got[0].to != to || len(found) != 1 {
					t.Fatalf("to %s come %v", to, got)
				} else {
					code = found[0]
				}
				return true
			})
			return code
		}
		byMail := arrived(inbox.all, p.email)
		byPhone := arrived(func() []letter { mu.Lock(); defer mu.Unlock(); return slices.Clone(told) }, e164(p.phone))
		s.verify(t, mine.token, "EMAIL", byMail).mustSucceed(t)
		s.verify(t, mine.token, "PHONE", byPhone).mustSucceed(t)
		mu.Lock()
		defer mu.Unlock()
		if len(slices.Compact(asked)) != 1 {
			t.Errorf("the same letter comes as %v", asked)
		}
		for _, secret := range []string{p.email, e164(p.phone), p.phone, byMail, byPhone, key, "very-secret-path"} {
			if strings.Contains(s.log.String(), secret) {
				t.Errorf("the log says %s", secret)
			}
		}
		if !strings.Contains(s.log.String(), "a letter cannot be sent") {
			t.Error("the log does not say that letters cannot be sent")
		}
		if n := len(s.outbox(t)); n != 0 {
			t.Errorf("%d letters are in the folder, too", n)
		}
	})
}

// A letter that is sent by one of two nodes is not sent by the other.
func TestNodesSendALetterOnce(t *testing.T) {
	t.Parallel()
	home := newPlace(t, postgres)
	a := home.start(t, "OMARTY_RATE_LIMITS=off")
	b := home.start(t, "OMARTY_RATE_LIMITS=off")
	p, mine := a.mustSignIn(t)
	for range 10 {
		for _, s := range []*server{a, b} {
			s.run(t, "", forgotDocument, variables{"login": p.email}).mustSucceed(t)
			s.mustAskCode(t, mine.token, "EMAIL")
		}
	}
	a.mustReceive(t, p.email, 40)
	// What would come twice would have come by the time that this does.
	q := a.mustRegister(t)
	b.run(t, "", forgotDocument, variables{"login": q.email}).mustSucceed(t)
	a.mustReceive(t, q.email, 1)
	a.mustReceive(t, p.email, 40)
}

// Codes that are asked for at once all come, and the last is good.
func TestCodesThatAreAskedForAtOnce(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := start(t, e, "OMARTY_RATE_LIMITS=off")
		p, mine := s.mustSignIn(t)
		var all sync.WaitGroup
		for range 12 {
			all.Go(func() {
				if got := codeOrError(s.insist(mine.token, requestDocument, variables{"contact": "EMAIL"})); got != "" {
					t.Errorf("asking for a code: %s", got)
				}
			})
		}
		all.Wait()
		right := 0
		codes := s.mustReceive(t, p.email, 12)
		for i, code := range codes {
			if i%4 == 3 { // before the five tries are used up
				break
			}
			if s.verify(t, mine.token, "EMAIL", code).code() == "" {
				right++
			}
		}
		if right > 1 {
			t.Errorf("%d of 12 codes are good", right)
		}
	})
}

// Of those who sign in at once, too, twenty stay.
func TestTwentySessionsInARace(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p := s.mustRegister(t)
		var mu sync.Mutex
		var tokens []string
		var all sync.WaitGroup
		for range 28 {
			all.Go(func() {
				r, err := s.insist("", logInDocument, variables{"input": variables{"login": p.email, "password": p.password}})
				token, _ := r.lookup("logIn.token").(string)
				mu.Lock()
				defer mu.Unlock()
				if got := codeOrError(r, err); got != "" || token == "" {
					t.Errorf("logging in: %s", got)
				}
				tokens = append(tokens, secret(token))
			})
		}
		all.Wait()
		good := 0
		for _, token := range tokens {
			if s.signedIn(t, token) {
				good++
			}
		}
		if good != 20 {
			t.Errorf("of 28 who signed in at once %d stay", good)
		}
	})
}

// The time of an answer does not tell either whose login there is: neither when a code is
// asked for, nor when one is guessed.
func TestForgottenLoginsAreNotToldByTime(t *testing.T) {
	eachEngineAlone(t, func(t *testing.T, e engine) {
		s := start(t, e, "OMARTY_RATE_LIMITS=off")
		p, nobody := s.mustRegister(t), stranger()
		asks := func(login func() string) func() {
			return func() { s.run(t, "", forgotDocument, variables{"login": login()}).mustSucceed(t) }
		}
		expectSameTime(t, 50, asks(func() string { return p.email }), map[string]func(){
			"unknown":   asks(func() string { return stranger().email }),
			"malformed": asks(func() string { return nobody.name }),
		})

		// Each code is guessed at once in a round: there are no more rounds than it bears guesses.
		var people []person
		for range 10 {
			people = append(people, s.mustRegister(t))
		}
		for _, one := range people {
			s.run(t, "", forgotDocument, variables{"login": one.email}).mustSucceed(t)
		}
		codes := map[string]string{}
		for _, one := range people {
			codes[one.email] = s.mustReceive(t, one.email, 1)[0]
		}
		guesses := func(login, code string) {
			s.reset(t, login, code, "a new quiet evening").expectCode(t, "INVALID_CODE", "input.code")
		}
		next := 0
		expectSameTime(t, len(people), func() {
			one := people[next%len(people)]
			next++
			guesses(one.email, otherCode(codes[one.email]))
		}, map[string]func(){"unknown": func() { guesses(stranger().email, "123456") }})
	})
}
