package main

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// certificateTime is for how long a certificate is used before its files are looked at.
const certificateTime = time.Second

// certificate is one in two files, which whoever renews it changes while the program
// runs.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	current           atomic.Pointer[tls.Certificate]

	looking sync.Mutex
	looked  time.Time
	// seen is the sum of what the files last held, whether or not that was any good.
	seen [sha256.Size]byte
}

// openCertificate reads a certificate and its key; the error says what is wrong with
// which, and nothing of what is in them.
func openCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log, looked: time.Now()}
	if _, err := c.read(); err != nil {
		return nil, err
	}
	return c, nil
}

// read takes what the files hold, where that is another pair than before.
func (c *certificate) read() (changed bool, err error) {
	cert, err := os.ReadFile(c.certFile)
	if err != nil {
		return c.notice([]byte(err.Error())), fmt.Errorf("OMARTY_TLS_CERT: %w", err)
	}
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return c.notice([]byte(err.Error())), fmt.Errorf("OMARTY_TLS_KEY: %w", err)
	}
	if !c.notice(cert, key) {
		return false, nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return true, fmt.Errorf("OMARTY_TLS_CERT, OMARTY_TLS_KEY: %w", err)
	}
	c.current.Store(&pair)
	return true, nil
}

// notice tells whether what was read is something else than last time.
func (c *certificate) notice(texts ...[]byte) bool {
	sum := sha256.New()
	for _, text := range texts {
		fmt.Fprintf(sum, "%d:", len(text))
		sum.Write(text)
	}
	before := c.seen
	c.seen = [sha256.Size]byte(sum.Sum(nil))
	return c.seen != before
}

// get is for crypto/tls: it gives the certificate for a connection, at most
// certificateTime older than its files. Where these hold no pair, as while they are
// written, it is the last one that was good, and the log tells of it once.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.looking.TryLock() { // else another connection looks
		defer c.looking.Unlock()
		if time.Since(c.looked) >= certificateTime {
			changed, err := c.read()
			switch {
			case changed && err != nil:
				c.log.Error("the new certificate is not used", "error", err)
			case changed:
				c.log.Info("the certificate was read anew", "until", c.current.Load().Leaf.NotAfter)
			}
			c.looked = time.Now()
		}
	}
	if current := c.current.Load(); current != nil {
		return current, nil
	}
	return nil, errors.New("there is no certificate")
}

// tlsConfig serves a certificate by TLS 1.2 or 1.3, with Go's choice of ciphers. The
// server adds HTTP/2.
func tlsConfig(c *certificate) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
}
