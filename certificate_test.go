package main

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omarty/chat/internal/testkit"
)

func TestCertificateIsReadAnew(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	certFile, keyFile := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	testkit.NewAuthority(t).IssueTo(t, "first", certFile, keyFile)
	var logs bytes.Buffer
	c, err := openCertificate(certFile, keyFile, newLogger(&logs, slog.LevelInfo, false))
	if err != nil {
		t.Fatal(err)
	}
	served := func() string {
		t.Helper()
		c.looked = time.Time{} // long ago
		got, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return got.Leaf.Subject.CommonName
	}
	told := func(want int, text string) {
		t.Helper()
		if n := strings.Count(logs.String(), text); n != want {
			t.Errorf("%q stands %d times in the log, want %d:\n%s", text, n, want, &logs)
		}
	}
	if got := served(); got != "first" {
		t.Fatalf("at first it is %q", got)
	}
	told(0, "certificate")

	testkit.NewAuthority(t).IssueTo(t, "second", certFile, keyFile)
	if got := served(); got != "second" {
		t.Errorf("changed, it is %q", got)
	}
	told(1, "read anew")

	// Whoever renews it writes one file after the other.
	testkit.NewAuthority(t).IssueTo(t, "third", certFile, filepath.Join(folder, "later.pem"))
	for range 3 {
		if got := served(); got != "second" {
			t.Errorf("with the key missing it is %q", got)
		}
	}
	told(1, "not used")
	if err := os.Rename(filepath.Join(folder, "later.pem"), keyFile); err != nil {
		t.Fatal(err)
	}
	if got := served(); got != "third" {
		t.Errorf("with its key it is %q", got)
	}
	told(2, "read anew")

	if err := os.WriteFile(certFile, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := served(); got != "third" {
		t.Errorf("where the new one is nonsense it is %q", got)
	}
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	if got := served(); got != "third" {
		t.Errorf("where the key is gone it is %q", got)
	}
	told(3, "not used")
}

// Between two looks at the files nothing is read.
func TestCertificateIsNotReadForEachConnection(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	certFile, keyFile := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	testkit.NewAuthority(t).IssueTo(t, "first", certFile, keyFile)
	c, err := openCertificate(certFile, keyFile, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	testkit.NewAuthority(t).IssueTo(t, "second", certFile, keyFile)
	c.looked = time.Now().Add(time.Hour)
	if got, err := c.get(nil); err != nil || got.Leaf.Subject.CommonName != "first" {
		t.Errorf("it is %v, %v", got, err)
	}
}

func TestCertificateThatIsNone(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := func(name string) string { return filepath.Join(folder, name) }
	testkit.NewAuthority(t).IssueTo(t, "a", file("a.pem"), file("a.key"))
	testkit.NewAuthority(t).IssueTo(t, "b", file("b.pem"), file("b.key"))
	if err := os.WriteFile(file("secret"), []byte(hunter2), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ cert, key, want string }{
		{"missing", "a.key", "OMARTY_TLS_CERT: "},
		{"a.pem", "missing", "OMARTY_TLS_KEY: "},
		{"a.pem", "b.key", "OMARTY_TLS_CERT, OMARTY_TLS_KEY: "},
		{"secret", "a.key", "OMARTY_TLS_CERT, OMARTY_TLS_KEY: "},
		{"a.pem", "secret", "OMARTY_TLS_CERT, OMARTY_TLS_KEY: "},
		{".", "a.key", "OMARTY_TLS_CERT: "},
	} {
		_, err := openCertificate(file(c.cert), file(c.key), slog.New(slog.DiscardHandler))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), hunter2) {
			t.Errorf("%s with %s: %v", c.cert, c.key, err)
		}
	}
}

func TestOldVersionsOfTLSAreRefused(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	certFile, keyFile := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	testkit.NewAuthority(t).IssueTo(t, "a", certFile, keyFile)
	c, err := openCertificate(certFile, keyFile, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for version, want := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			_ = tls.Server(server, tlsConfig(c)).HandshakeContext(t.Context())
		}()
		err := tls.Client(client, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version}).HandshakeContext(t.Context())
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		client.Close()
	}
}
