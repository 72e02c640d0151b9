package mail_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	ourmail "github.com/omarty/chat/internal/mail"
	"github.com/omarty/chat/internal/omarty"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// smtpServer is as much of an SMTP server as a sender notices.
type smtpServer struct {
	listener net.Listener
	// offers are the extensions that it tells of, and refuse is what it answers to a
	// recipient; "" to take them.
	offers []string
	refuse string
	// authorities are those of its certificate.
	authorities *x509.CertPool

	all  sync.WaitGroup
	mu   sync.Mutex
	said []string // by senders, line for line
	got  []string // the mails
}

func newSMTPServer(t *testing.T, overTLS bool) *smtpServer {
	t.Helper()
	s := &smtpServer{}
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if overTLS {
		web := httptest.NewUnstartedServer(nil)
		web.StartTLS() // for its certificate, which no authority has signed
		certificates := web.TLS.Certificates
		s.authorities = x509.NewCertPool()
		s.authorities.AddCert(web.Certificate())
		web.Close()
		s.listener = tls.NewListener(s.listener, &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS12})
	}
	s.all.Go(func() {
		for {
			c, err := s.listener.Accept()
			if err != nil {
				return
			}
			s.all.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() { s.listener.Close(); s.all.Wait() })
	return s
}

func (s *smtpServer) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	fmt.Fprint(c, "220 here\r\n")
	for {
		line, err := in.ReadString('\n')
		if err != nil || len(s.said) > 50 { // who does not speak SMTP goes on for long
			return
		}
		s.mu.Lock()
		s.said = append(s.said, strings.TrimSpace(line))
		s.mu.Unlock()
		switch word := strings.ToUpper((strings.TrimSpace(line) + "    ")[:4]); word {
		case "EHLO":
			fmt.Fprint(c, "250-here\r\n")
			for _, one := range s.offers {
				fmt.Fprintf(c, "250-%s\r\n", one)
			}
			fmt.Fprint(c, "250 SMTPUTF8\r\n")
		case "AUTH":
			fmt.Fprint(c, "235 in\r\n")
		case "RCPT":
			if s.refuse != "" {
				fmt.Fprintf(c, "%s\r\n", s.refuse)
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
				text.WriteString(strings.TrimPrefix(line, "."))
			}
			s.mu.Lock()
			s.got = append(s.got, text.String())
			s.mu.Unlock()
			fmt.Fprint(c, "250 taken\r\n")
		case "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 ok\r\n")
		}
	}
}

func (s *smtpServer) heard() (said, got []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.said...), append([]string{}, s.got...)
}

var letter = omarty.Letter{
	ID: "task_01abc234def567", To: "mona@example.com", Locale: "ar-EG",
	Subject: "رمز التحقق", Text: "رمزك:\n\n123456\n\nلا تعطه لأحد.\n",
}

// expectMail demands that a text is the letter as a mail.
func expectMail(t *testing.T, text string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if got := strings.ReplaceAll(string(body), "\r\n", "\n"); err != nil || strings.TrimSpace(got) != strings.TrimSpace(letter.Text) {
		t.Errorf("the text is %q, %v", got, err)
	}
	to, err := m.Header.AddressList("To")
	if err != nil || len(to) != 1 || to[0].Address != letter.To {
		t.Errorf("it is to %v, %v", to, err)
	}
	if _, err := m.Header.Date(); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{"Auto-Submitted": "auto-generated", "Content-Type": "text/plain; charset=UTF-8", "Content-Language": "ar-EG"} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if id := m.Header.Get("Message-ID"); !strings.HasSuffix(id, "@example.com>") || strings.ContainsAny(id, "0123456789") {
		t.Errorf("Message-ID: %s", id)
	}
	if strings.Contains(m.Header.Get("Subject"), "123456") || m.Header.Get("Cc")+m.Header.Get("Bcc") != "" {
		t.Errorf("headers: %v", m.Header)
	}
}

func mustServer(t *testing.T, url, from string) *ourmail.Server {
	t.Helper()
	s, err := ourmail.NewServer(url, from)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAServerGetsALetter(t *testing.T) {
	there := newSMTPServer(t, false)
	there.offers = []string{"AUTH PLAIN"}
	url := "smtp://" + there.listener.Addr().String() + "?tls=none"
	if err := mustServer(t, url, "Omarty <omarty@example.com>").Send(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	said, got := there.heard()
	if len(got) != 1 {
		t.Fatalf("%d mails", len(got))
	}
	expectMail(t, got[0])
	conversation := strings.Join(said, "\n")
	if strings.Count(conversation, "RCPT TO:<mona@example.com>") != 1 || !strings.Contains(conversation, "MAIL FROM:<omarty@example.com>") {
		t.Errorf("the sender says\n%s", conversation)
	}
}

// Without TLS neither a password nor a code goes out.
func TestAServerWithoutTLSIsTrustedWithNothing(t *testing.T) {
	plain := newSMTPServer(t, false)
	plain.offers = []string{"AUTH PLAIN LOGIN"}
	unknown := newSMTPServer(t, true)
	unknown.offers = plain.offers
	for name, url := range map[string]string{
		"no STARTTLS":                  "smtp://omarty:very-secret-word@" + plain.listener.Addr().String(),
		"a certificate of who knows":   "smtps://omarty:very-secret-word@" + unknown.listener.Addr().String(),
		"no TLS where it is demanded":  "smtps://omarty:very-secret-word@" + plain.listener.Addr().String(),
		"nobody is there any more":     "smtp://omarty:very-secret-word@127.0.0.1:1",
		"no TLS, and so no log-in now": "smtp://omarty:very-secret-word@" + plain.listener.Addr().String() + "?tls=none",
	} {
		err := mustServer(t, url, "omarty@example.com").Send(t.Context(), letter)
		if err == nil && !strings.HasSuffix(url, "tls=none") {
			t.Errorf("%s: it was sent", name)
		}
		if err != nil {
			for _, secret := range []string{"very-secret-word", "mona", "123456"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%s: the error says %s: %v", name, secret, err)
				}
			}
		}
	}
	for _, s := range []*smtpServer{plain, unknown} {
		said, _ := s.heard()
		for _, line := range said {
			decoded, _ := base64.StdEncoding.DecodeString(line[strings.LastIndexByte(line, ' ')+1:])
			if strings.Contains(line+string(decoded), "very-secret-word") {
				t.Errorf("a server without TLS hears %s", line)
			}
		}
	}
}

// Over TLS, to a server that is who it says, the sender logs in.
func TestAServerWithTLSIsLoggedInTo(t *testing.T) {
	there := newSMTPServer(t, true)
	there.offers = []string{"AUTH PLAIN LOGIN"}
	s := mustServer(t, "smtps://omarty:very-secret-word@"+there.listener.Addr().String(), "omarty@example.com")
	s.Trust(there.authorities)
	if err := s.Send(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	said, got := there.heard()
	if len(got) != 1 || !strings.Contains(strings.Join(said, "\n"), "AUTH PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00omarty\x00very-secret-word"))) {
		t.Errorf("%d mails after\n%s", len(got), said)
	}
}

// What a server says to refuse a mail is not told: it may quote the address.
func TestARefusalQuotesNothing(t *testing.T) {
	for _, refusal := range []string{"550 5.1.1 mona@example.com is unknown", "451 4.7.1 try mona@example.com later"} {
		there := newSMTPServer(t, false)
		there.refuse = refusal
		err := mustServer(t, "smtp://"+there.listener.Addr().String()+"?tls=none", "omarty@example.com").Send(t.Context(), letter)
		if err == nil || strings.Contains(err.Error(), "mona") || !strings.Contains(err.Error(), refusal[:3]) {
			t.Errorf("%s: %v", refusal, err)
		}
	}
}

// A server that says nothing costs no more than the time that there is.
func TestAServerThatSaysNothing(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := mustServer(t, "smtp://"+listener.Addr().String()+"?tls=none", "omarty@example.com").Send(ctx, letter); err == nil {
		t.Error("it was sent")
	}
}

// The sender is the setting's, else who logs in, else omarty at the host.
func TestSenders(t *testing.T) {
	for _, c := range []struct{ user, from, want string }{
		{"", "Omarty <chat@example.com>", "chat@example.com"},
		{"house%40example.org:secret@", "", "house@example.org"},
		{"house:secret@", "", "omarty@127.0.0.1"},
	} {
		there := newSMTPServer(t, false)
		url := "smtp://" + c.user + there.listener.Addr().String() + "?tls=none"
		if c.want == "omarty@127.0.0.1" {
			if _, err := ourmail.NewServer(url, c.from); err != nil {
				t.Errorf("%s: %v", url, err)
			}
			continue // a log-in without TLS is refused
		}
		if c.user != "" {
			there.offers = []string{"AUTH PLAIN"}
		}
		err := mustServer(t, url, c.from).Send(t.Context(), letter)
		said, _ := there.heard()
		if c.user == "" && (err != nil || !strings.Contains(strings.Join(said, "\n"), "MAIL FROM:<"+c.want+">")) {
			t.Errorf("%s: %v\n%s", url, err, said)
		}
	}
}

func TestServersThatCannotBe(t *testing.T) {
	for _, url := range []string{"", "mail.example", "http://mail.example", "smtps://", "smtp://h:0", "smtp://h:70000", "smtp://h?tls=maybe", "smtp://h/x", "smtp://a:very-secret-word@h:x"} {
		if _, err := ourmail.NewServer(url, "omarty@example.com"); err == nil || strings.Contains(err.Error(), "very-secret-word") {
			t.Errorf("%s: %v", url, err)
		}
	}
	if _, err := ourmail.NewServer("smtps://mail.example", "no address"); err == nil {
		t.Error("a sender that is no address is taken")
	}
}

// In a folder each letter is a file, whole, for its owner alone.
func TestAFolderGetsALetter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "below", "outbox")
	folder := ourmail.NewFolder(path, "omarty@example.com")
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := folder.Send(t.Context(), letter); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	entries, err := os.ReadDir(path)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || info.Mode().Perm() != 0o600 || filepath.Ext(entry.Name()) != ".eml" {
			t.Errorf("%s %v, %v", entry.Name(), info.Mode(), err)
		}
		text, err := os.ReadFile(filepath.Join(path, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		expectMail(t, string(text))
	}
	hostile := letter
	hostile.ID, hostile.To = "../../etc/passwd", "mona@example.com\r\nBcc: all@example.com"
	if err := folder.Send(t.Context(), hostile); err == nil {
		t.Error("a header was smuggled in")
	}
}
