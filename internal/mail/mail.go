// Package mail brings letters as mails: to an SMTP server, or into a folder.
package mail

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/renameio/v2/maybe"
	gomail "github.com/wneessen/go-mail"

	"github.com/omarty/chat/internal/omarty"
)

// timeout bounds each step of a conversation with a server.
const timeout = 10 * time.Second

// Server brings letters to an SMTP server (RFC 5321), which takes them on. It is safe for
// concurrent use.
type Server struct {
	host    string
	from    string
	options []gomail.Option
	// dial connects, with TLS where that is from the start.
	dial       gomail.DialContextFunc
	encryption *tls.Config
}

// NewServer gives the server that a URL names: smtps://USER:PASSWORD@HOST:PORT with TLS from
// the start (port 465), or smtp://… with STARTTLS (port 587), which is demanded unless
// ?tls=none is there. From is the sender's address; where it is empty, that is the URL's
// USER, if this is an address, else omarty at HOST. Errors do not quote the URL.
func NewServer(address, from string) (*Server, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Path != "" && u.Path != "/" {
		return nil, errors.New("is smtps://USER:PASSWORD@HOST:PORT or smtp://…")
	}
	if from == "" {
		if from = u.User.Username(); !strings.Contains(from, "@") {
			from = "omarty@" + u.Hostname()
		}
	}
	if err := gomail.NewMsg().From(from); err != nil {
		return nil, errors.New("needs a sender: set OMARTY_MAIL_FROM to an e-mail address, such as omarty@example.com")
	}
	plain := &net.Dialer{Timeout: timeout}
	encryption := &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	s := &Server{host: u.Hostname(), from: from, dial: plain.DialContext, encryption: encryption}
	s.options = []gomail.Option{gomail.WithTimeout(timeout), gomail.WithTLSConfig(encryption)}
	port := 587
	switch u.Scheme {
	case "smtps":
		port = 465
		// The library's own option makes it believe that there is no TLS where it does not
		// dial itself, and so that no password may be said.
		s.options = append(s.options, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
		s.dial = (&tls.Dialer{NetDialer: plain, Config: encryption}).DialContext
	case "smtp":
		policy := gomail.TLSMandatory
		switch u.Query().Get("tls") {
		case "":
		case "none":
			policy = gomail.NoTLS
		default:
			return nil, errors.New("may have ?tls=none, and nothing else")
		}
		s.options = append(s.options, gomail.WithTLSPolicy(policy))
	default:
		return nil, errors.New("begins with smtps:// or smtp://")
	}
	if text := u.Port(); text != "" {
		if port, err = strconv.Atoi(text); err != nil || port < 1 || port > 65535 {
			return nil, errors.New("ends in a port from 1 to 65535")
		}
	}
	s.options = append(s.options, gomail.WithPort(port))
	if u.User != nil {
		password, _ := u.User.Password()
		s.options = append(s.options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(u.User.Username()), gomail.WithPassword(password))
	}
	if _, err := gomail.NewClient(s.host, s.options...); err != nil {
		return nil, errors.New("names no server")
	}
	return s, nil
}

// Send brings a letter. What the server says to refuse it may hold the address, so an error
// tells only what kind of a refusal it was.
func (s *Server) Send(ctx context.Context, l omarty.Letter) error {
	m, err := message(l, s.from)
	if err != nil {
		return err
	}
	// The library does not end a connection whose beginning fails.
	var connection net.Conn
	defer func() {
		if connection != nil {
			_ = connection.Close() // it is over anyhow
		}
	}()
	client, err := gomail.NewClient(s.host, append(slices.Clone(s.options), gomail.WithDialContextFunc(
		func(ctx context.Context, network, address string) (c net.Conn, err error) {
			if c, err = s.dial(ctx, network, address); err == nil {
				connection = c
			}
			return c, err
		}))...)
	if err != nil {
		return errors.New("the mail server's name cannot be used")
	}
	err = client.DialAndSendWithContext(ctx, m)
	switch refused, ok := errors.AsType[*gomail.SendError](err); {
	case err == nil:
		return nil
	case ok && refused.IsTemp():
		return fmt.Errorf("the mail server refused a mail for now (%d)", refused.ErrorCode())
	case ok:
		return fmt.Errorf("the mail server refused a mail (%d)", refused.ErrorCode())
	case ctx.Err() != nil:
		return errors.New("the mail server does not answer")
	}
	return errors.New("the mail server cannot be reached, or does not let this one in")
}

// Folder writes each letter as a file of its own. It is safe for concurrent use.
type Folder struct {
	path, from string
}

// NewFolder gives a folder, which is made when there is something to write.
func NewFolder(path, from string) *Folder { return &Folder{path, from} }

// Send writes NAME.eml, as RFC 5322 has a mail: all of it or nothing, for nobody but the
// program's own user to read.
func (f *Folder) Send(_ context.Context, l omarty.Letter) error {
	m, err := message(l, f.from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(f.path, 0o700); err != nil {
		return fmt.Errorf("the outbox: %w", err)
	}
	var text bytes.Buffer
	if _, err := m.WriteTo(&text); err != nil {
		return fmt.Errorf("the outbox: %w", err)
	}
	name := time.Now().UTC().Format("20060102T150405.000000") + "-" + letters(l.ID) + ".eml"
	if err := maybe.WriteFile(filepath.Join(f.path, name), text.Bytes(), 0o600); err != nil {
		return fmt.Errorf("the outbox: %w", err)
	}
	return nil
}

// message gives a letter as a mail. No header has six digits in a row, which could be taken
// for a code.
func message(l omarty.Letter, from string) (*gomail.Msg, error) {
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithEncoding(gomail.EncodingQP))
	if err := errors.Join(m.From(from), m.To(l.To)); err != nil {
		return nil, errors.New("an address cannot be written to") // it is not for the log
	}
	m.Subject(l.Subject)
	m.SetDate()
	_, domain, _ := strings.Cut(from, "@")
	m.SetMessageIDWithValue(letters(l.ID) + "@" + strings.TrimRight(domain, ">"))
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nothing answers it by itself
	m.SetGenHeader("Content-Language", l.Locale)
	m.SetBodyString(gomail.TypeTextPlain, l.Text)
	return m, nil
}

// letters gives an id without digits.
func letters(id string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9':
			return 'A' + r - '0'
		case r >= 'a' && r <= 'z':
			return r
		}
		return -1
	}, id)
}
