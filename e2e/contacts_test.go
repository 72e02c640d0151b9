package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// letter is what the outbox of a server has for somebody.
type letter struct {
	to, subject, text string
	headers           mail.Header
}

// outbox gives the letters of a server, in the order of their names.
func (s *server) outbox(t *testing.T) []letter {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(s.dataDir, "outbox", "[^.]*"))
	if err != nil {
		t.Fatal(err)
	}
	var all []letter
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, ".phone.json") {
			var posted struct{ To, Text string }
			if err := json.Unmarshal(text, &posted); err != nil {
				t.Fatal(err)
			}
			all = append(all, letter{to: posted.To, text: posted.Text})
			continue
		}
		m, err := mail.ReadMessage(strings.NewReader(string(text)))
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		body := m.Body
		if m.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			body = quotedprintable.NewReader(m.Body)
		}
		read, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		to, err := mail.ParseAddress(m.Header.Get("To"))
		if err != nil {
			t.Fatal(err)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, letter{to.Address, subject, string(read), m.Header})
	}
	return all
}

var sixDigits = regexp.MustCompile(`\d{6}`)

// taskTime bounds how long it may take until something is done that a node has for itself for
// a minute: where it could not say in time that it is done, it is done anew after that.
const taskTime = 3 * time.Minute

// mustReceive waits until somebody has so many letters, and gives the codes in them.
func (s *server) mustReceive(t *testing.T, to string, letters int) []string {
	t.Helper()
	var codes []string
	eventually(t, taskTime, "a letter comes", func() bool {
		codes = nil
		for _, l := range s.outbox(t) {
			if l.to == to {
				found := sixDigits.FindAllString(l.text, -1)
				if len(found) != 1 {
					t.Fatalf("%d codes in %q", len(found), l.text)
				}
				codes = append(codes, found[0])
			}
		}
		return len(codes) == letters
	})
	return codes
}

// e164 gives a phone number as the service has it.
func e164(national string) string { return "+20" + national[1:] }

// otherCode gives a code that is not this one.
func otherCode(code string) string {
	if code[0] == '9' {
		return "0" + code[1:]
	}
	return string(code[0]+1) + code[1:]
}

const (
	requestDocument = `mutation($contact: Contact!) { requestVerification(contact: $contact) { expiresAt } }`
	verifyDocument  = `mutation($contact: Contact!, $code: String!) { verify(contact: $contact, code: $code) { viewer { email emailVerified phone phoneVerified } } }`
	forgotDocument  = `mutation($login: String!) { requestPasswordReset(login: $login) { expiresAt } }`
	resetDocument   = `mutation($input: ResetPasswordInput!) { resetPassword(input: $input) { done } }`
	changeContact   = `mutation($input: ChangeContactInput!) { changeContact(input: $input) { viewer { email phone emailVerified } } }`
)

// mustAskCode asks for a code to verify a contact.
func (s *server) mustAskCode(t *testing.T, token, contact string) {
	t.Helper()
	r := s.run(t, token, requestDocument, variables{"contact": contact}).mustSucceed(t)
	ends := mustParseTime(t, at[string](t, r, "requestVerification.expiresAt"))
	if left := time.Until(ends); left < 9*time.Minute || left > 10*time.Minute+time.Second {
		t.Errorf("the code is good for %v", left)
	}
}

func (s *server) verify(t *testing.T, token, contact, code string) result {
	t.Helper()
	return s.run(t, token, verifyDocument, variables{"contact": contact, "code": code})
}

func (s *server) reset(t *testing.T, login, code, password string) result {
	t.Helper()
	return s.run(t, "", resetDocument, variables{"input": variables{"login": login, "code": secret(code), "newPassword": secret(password)}})
}

// A code that comes to an address or to a phone proves that it is the person's: the last
// one that was sent, once, and not after five wrong guesses.
func TestVerification(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := start(t, e, "OMARTY_RATE_LIMITS=off")
		p, mine := s.mustSignIn(t)
		for contact, to := range map[string]string{"EMAIL": p.email, "PHONE": e164(p.phone)} {
			s.mustAskCode(t, mine.token, contact)
			first := s.mustReceive(t, to, 1)[0]
			for range 5 {
				s.verify(t, mine.token, contact, otherCode(first)).expectCode(t, "INVALID_CODE", "code")
			}
			for _, bad := range []string{"", "12345", "1234567", "abcdef", strings.Repeat("1", 5000)} {
				s.verify(t, mine.token, contact, bad).expectCode(t, "INVALID_CODE", "code")
			}
			s.verify(t, mine.token, contact, first).expectCode(t, "INVALID_CODE", "code") // it was guessed too often

			s.mustAskCode(t, mine.token, contact)
			second := s.mustReceive(t, to, 2)
			s.mustAskCode(t, mine.token, contact)
			third := slices.DeleteFunc(s.mustReceive(t, to, 3), func(code string) bool { return slices.Contains(second, code) })
			if len(third) != 1 {
				continue // by chance a code came twice
			}
			for _, old := range second {
				s.verify(t, mine.token, contact, old).expectCode(t, "INVALID_CODE", "code")
			}
			_, theirs := s.mustSignIn(t)
			s.verify(t, theirs.token, contact, third[0]).expectCode(t, "INVALID_CODE", "code")
			arabic := strings.Map(func(r rune) rune { return r - '0' + '٠' }, third[0])
			r := s.verify(t, mine.token, contact, " "+arabic[:6]+" "+arabic[6:]).mustSucceed(t)
			r.expectData(t, "verify.viewer."+map[string]string{"EMAIL": "emailVerified", "PHONE": "phoneVerified"}[contact], "true")
			s.verify(t, mine.token, contact, third[0]).expectCode(t, "INVALID_CODE", "code")
		}
		s.run(t, "", requestDocument, variables{"contact": "EMAIL"}).expectCode(t, "UNAUTHENTICATED", "")
		s.verify(t, "", "EMAIL", "123456").expectCode(t, "UNAUTHENTICATED", "")
	})
}

// A mail is plain text to one person, in the language that they read, and nothing in its
// headers looks like a code.
func TestMails(t *testing.T) {
	t.Parallel()
	s := start(t, sqlite, "OMARTY_RATE_LIMITS=off")
	p, mine := s.mustSignIn(t)
	for i, locale := range []string{"ar-EG", "en-GB"} {
		s.run(t, mine.token, `mutation($l: String!) { updateProfile(input: {locale: $l}) { viewer { locale } } }`, variables{"l": locale}).mustSucceed(t)
		s.mustAskCode(t, mine.token, "EMAIL")
		s.mustReceive(t, p.email, i+1)
	}
	letters := s.outbox(t)
	if !strings.Contains(letters[0].text, "رمز") || !strings.Contains(letters[1].text, "verification code") {
		t.Errorf("the letters read\n%s\n%s", letters[0].text, letters[1].text)
	}
	for _, l := range letters {
		for name, values := range l.headers {
			if sixDigits.MatchString(strings.Join(values, " ")) {
				t.Errorf("%s: %s", name, values)
			}
		}
		if l.headers.Get("Auto-Submitted") != "auto-generated" || l.headers.Get("Date") == "" || l.headers.Get("Message-Id") == "" {
			t.Errorf("headers: %v", l.headers)
		}
		if !regexp.MustCompile(`(?m)^\d{6}\r?$`).MatchString(l.text) {
			t.Errorf("the code does not stand alone: %q", l.text)
		}
	}
	files, _ := filepath.Glob(filepath.Join(s.dataDir, "outbox", "*"))
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 || !strings.HasSuffix(file, ".eml") {
			t.Errorf("%v, %v", info, err)
		}
	}
}

// Who forgot their password sets another one by a code. All sessions end, the code works
// once, and what was never proved to be theirs goes.
func TestResetPassword(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := start(t, e, "OMARTY_RATE_LIMITS=off")
		p, mine := s.mustSignIn(t)
		socket := s.openSocket(t, mine.token)
		s.run(t, "", forgotDocument, variables{"login": strings.ToUpper(p.email)}).mustSucceed(t)
		code := s.mustReceive(t, p.email, 1)[0]
		s.reset(t, p.email, code, "123456").expectCode(t, "PASSWORD_TOO_WEAK", "input.newPassword")
		s.reset(t, p.phone, code, "a new quiet evening").expectCode(t, "INVALID_CODE", "input.code")
		s.reset(t, stranger().email, code, "a new quiet evening").expectCode(t, "INVALID_CODE", "input.code")
		s.reset(t, p.email, otherCode(code), "a new quiet evening").expectCode(t, "INVALID_CODE", "input.code")
		s.reset(t, p.email, code, "a new quiet evening").mustSucceed(t).expectData(t, "resetPassword.done", "true")
		socket.expectClosed(t, 4401)
		if s.signedIn(t, mine.token) {
			t.Error("the session goes on")
		}
		s.reset(t, p.email, code, "another evening").expectCode(t, "INVALID_CODE", "input.code")
		s.logIn(t, p.email, p.password).expectCode(t, "INVALID_CREDENTIALS", "")
		again := s.mustLogIn(t, p.email, "a new quiet evening")
		r := s.run(t, again.token, `{ viewer { email emailVerified phone phoneVerified } }`, nil).mustSucceed(t)
		r.expectData(t, "viewer", fmt.Sprintf(`{"email":%q,"emailVerified":true,"phone":null,"phoneVerified":false}`, p.email))
		// The number is free for whose it is.
		owner := stranger()
		owner.phone = p.phone
		s.register(t, owner.input()).mustSucceed(t)

		// By the phone, where the address is verified: both stay.
		q, theirs := s.mustSignIn(t)
		s.mustAskCode(t, theirs.token, "EMAIL")
		s.verify(t, theirs.token, "EMAIL", s.mustReceive(t, q.email, 1)[0]).mustSucceed(t)
		s.run(t, "", forgotDocument, variables{"login": q.phone}).mustSucceed(t)
		s.reset(t, q.phone, s.mustReceive(t, e164(q.phone), 1)[0], "a new quiet evening").mustSucceed(t)
		again = s.mustLogIn(t, q.email, "a new quiet evening")
		s.run(t, again.token, `{ viewer { phone phoneVerified emailVerified } }`, nil).expectData(t, "viewer", fmt.Sprintf(`{"phone":%q,"phoneVerified":true,"emailVerified":true}`, e164(q.phone)))
	})
}

// Of many who use a code at once one resets; of many who guess, five are heard.
func TestResetPasswordInARace(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := start(t, e, "OMARTY_RATE_LIMITS=off")
		p := s.mustRegister(t)
		rush := func(n int, code func(i int) string) (succeeded int) {
			t.Helper()
			var all sync.WaitGroup
			var mu sync.Mutex
			for i := range n {
				all.Go(func() {
					r, err := s.insist("", resetDocument, variables{"input": variables{"login": p.email, "code": code(i), "newPassword": fmt.Sprint("a new quiet evening ", i)}})
					mu.Lock()
					defer mu.Unlock()
					switch got := codeOrError(r, err); got {
					case "":
						succeeded++
					case "INVALID_CODE":
					default:
						t.Errorf("%s", got)
					}
				})
			}
			all.Wait()
			return succeeded
		}
		s.run(t, "", forgotDocument, variables{"login": p.email}).mustSucceed(t)
		right := s.mustReceive(t, p.email, 1)[0]
		if n := rush(12, func(int) string { return right }); n != 1 {
			t.Errorf("%d of 12 reset the password", n)
		}
		s.run(t, "", forgotDocument, variables{"login": p.email}).mustSucceed(t)
		codes := s.mustReceive(t, p.email, 2)
		wrong := func(i int) string {
			for n := i; ; n += 100 {
				if code := fmt.Sprintf("%06d", n); !slices.Contains(codes, code) {
					return code
				}
			}
		}
		if n := rush(30, wrong); n != 0 {
			t.Errorf("%d wrong codes are right", n)
		}
		for _, code := range codes {
			s.reset(t, p.email, code, "a new quiet evening").expectCode(t, "INVALID_CODE", "input.code")
		}
	})
}

// Whether somebody has a login is told by no answer: its bytes are the same, and what is
// done for it before it.
func TestForgottenLoginsAreNotTold(t *testing.T) {
	t.Parallel()
	s := start(t, sqlite, "OMARTY_RATE_LIMITS=off")
	p := s.mustRegister(t)
	blank := func(r result) string {
		return regexp.MustCompile(`\d{4}-[0-9T:.Z-]+`).ReplaceAllString(string(r.body), "TIME")
	}
	want := blank(s.run(t, "", forgotDocument, variables{"login": p.email}).mustSucceed(t))
	for _, login := range []string{p.phone, stranger().email, stranger().phone, "", "nobody", strings.Repeat("x", 9000), "\x00"} {
		if got := blank(s.run(t, "", forgotDocument, variables{"login": login})); got != want {
			t.Errorf("of %q it reads %s, and %s of one that there is", clip(login, 20), got, want)
		}
	}
	s.mustReceive(t, p.email, 1)
	s.mustReceive(t, e164(p.phone), 1)
	// What would come to the others would have come by the time that this does.
	last := s.mustRegister(t)
	s.run(t, "", forgotDocument, variables{"login": last.email}).mustSucceed(t)
	s.mustReceive(t, last.email, 1)
	if n := len(s.outbox(t)); n != 3 {
		t.Errorf("%d letters", n)
	}
}

// Another address becomes a person's by the code that comes there; the old one hears of it.
func TestChangeContact(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := start(t, e, "OMARTY_RATE_LIMITS=off")
		p, mine := s.mustSignIn(t)
		taken := s.mustRegister(t)
		next := stranger()
		change := func(input variables) result {
			t.Helper()
			return s.run(t, mine.token, changeContact, variables{"input": input})
		}
		change(variables{"email": next.email, "password": "wrong"}).expectCode(t, "INVALID_CREDENTIALS", "input.password")
		change(variables{"password": p.password}).expectCode(t, "INVALID_INPUT", "input")
		change(variables{"email": next.email, "phone": next.phone, "password": p.password}).expectCode(t, "INVALID_INPUT", "input")
		change(variables{"email": "nobody", "password": p.password}).expectCode(t, "INVALID_INPUT", "input.email")
		change(variables{"email": strings.ToUpper(taken.email), "password": p.password}).expectCode(t, "EMAIL_TAKEN", "input.email")
		change(variables{"phone": taken.phone, "password": p.password}).expectCode(t, "PHONE_TAKEN", "input.phone")

		r := change(variables{"email": next.email, "password": p.password}).mustSucceed(t)
		r.expectData(t, "changeContact.viewer.email", fmt.Sprintf("%q", p.email))
		code := s.mustReceive(t, next.email, 1)[0]
		s.verify(t, mine.token, "PHONE", code).expectCode(t, "INVALID_CODE", "code")
		r = s.verify(t, mine.token, "EMAIL", code).mustSucceed(t)
		r.expectData(t, "verify.viewer.email", fmt.Sprintf("%q", next.email))
		r.expectData(t, "verify.viewer.emailVerified", "true")
		s.mustLogIn(t, next.email, p.password)
		s.logIn(t, p.email, p.password).expectCode(t, "INVALID_CREDENTIALS", "")
		eventually(t, hearTime, "the old address hears of it", func() bool {
			return slices.ContainsFunc(s.outbox(t), func(l letter) bool { return l.to == p.email && !sixDigits.MatchString(l.text) })
		})

		change(variables{"phone": next.phone, "password": p.password}).mustSucceed(t)
		code = s.mustReceive(t, e164(next.phone), 1)[0]
		// Somebody else is faster.
		other := stranger()
		other.phone = next.phone
		s.register(t, other.input()).mustSucceed(t)
		s.verify(t, mine.token, "PHONE", code).expectCode(t, "PHONE_TAKEN", "")
	})
}

// Who signs in with a twenty-first device is signed out on the one used longest ago.
func TestTwentySessions(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p, first := s.mustSignIn(t)
		socket := s.openSocket(t, first.token)
		var tokens []string
		for range 19 {
			tokens = append(tokens, s.mustLogIn(t, p.email, p.password).token)
		}
		// Read by another: who comes by with the first after a minute has used it of late.
		r := s.run(t, tokens[18], `{ viewer { sessions { id } } }`, nil).mustSucceed(t)
		if !strings.Contains(string(r.body), first.id) {
			t.Fatal("the first of 20 is over")
		}
		last := s.mustLogIn(t, p.email, p.password)
		socket.expectClosed(t, 4401)
		if s.signedIn(t, first.token) {
			t.Error("the first of 21 goes on")
		}
		for _, token := range append(tokens, last.token) {
			if !s.signedIn(t, token) {
				t.Error("another one is over")
			}
		}
		r = s.run(t, last.token, `{ viewer { sessions { id } } }`, nil).mustSucceed(t)
		if n := len(at[[]any](t, r, "viewer.sessions")); n != 20 {
			t.Errorf("%d sessions", n)
		}
	})
}

// mustCommand runs a command of the program on the data of a server, and gives what it
// prints.
func (s *server) mustCommand(t *testing.T, home place, arguments ...string) string {
	t.Helper()
	out, err := home.run(arguments...)
	if err != nil {
		t.Fatalf("%v: %v\n%s", arguments, err, out)
	}
	return out
}

// run runs a command of the program at a place.
func (p place) run(arguments ...string) (string, error) {
	command := exec.Command(binary, arguments...)
	command.Env = append(os.Environ(), "OMARTY_DATA_DIR="+p.dataDir)
	if p.databaseURL != "" {
		command.Env = append(command.Env, "OMARTY_DATABASE_URL="+p.databaseURL)
	}
	if p.natsURL != "" {
		command.Env = append(command.Env, "OMARTY_NATS_URL="+p.natsURL)
	}
	var errors strings.Builder
	command.Stderr = &errors
	out, err := command.Output()
	if err != nil {
		return errors.String(), err
	}
	return string(out), nil
}

// An operator sees to an account while the program serves.
func TestOperator(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		home := newPlace(t, e)
		s := home.start(t, "OMARTY_RATE_LIMITS=off", "OMARTY_CREATE_BUILDINGS=operator")
		p, mine := s.mustSignIn(t)
		s.run(t, mine.token, `mutation { createBuilding(input: {name: "Nile View"}) { building { id } } }`, nil).expectCode(t, "FORBIDDEN", "")
		id := strings.TrimSpace(s.mustCommand(t, home, "building", "create", "--name=Nile View", "--address=7 Corniche", "--manager="+p.email))
		r := s.run(t, mine.token, `query($id: ID!) { building(id: $id) { name address viewerManaged { building { id } } viewerRooms { nodes { kind } } } }`, variables{"id": id}).mustSucceed(t)
		if r.lookup("building.viewerManaged.building.id") != id || len(at[[]any](t, r, "building.viewerRooms.nodes")) != 2 {
			t.Errorf("%v", r)
		}
		shown := s.mustCommand(t, home, "user", "show", p.phone)
		for _, want := range []string{p.id, p.email + " (not verified)", e164(p.phone), "sessions  1", id + " MANAGER ACTIVE"} {
			if !strings.Contains(shown, want) {
				t.Errorf("it does not show %s:\n%s", want, shown)
			}
		}
		socket := s.openSocket(t, mine.token)
		s.mustCommand(t, home, "user", "disable", p.email)
		socket.expectClosed(t, 4401)
		s.logIn(t, p.email, p.password).expectCode(t, "INVALID_CREDENTIALS", "")
		s.mustCommand(t, home, "user", "enable", p.email)
		mine = s.mustLogIn(t, p.email, p.password)
		password := secret(strings.TrimSpace(s.mustCommand(t, home, "user", "reset-password", p.email)))
		eventually(t, hearTime, "the session ends", func() bool { return !s.signedIn(t, mine.token) })
		s.logIn(t, p.email, p.password).expectCode(t, "INVALID_CREDENTIALS", "")
		s.mustLogIn(t, p.email, password)
		if out, err := home.run("user", "show", "nobody@example.com"); err == nil || !strings.Contains(out, "nobody has this") {
			t.Errorf("%v: %s", err, out)
		}
	})
}
