package testkit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority makes certificates for this machine, and nobody but a test knows it.
type Authority struct {
	// Folder is where it keeps things; its own certificate is in its file ca.pem.
	Folder string

	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority gives one that goes with the test.
func NewAuthority(t testing.TB) Authority {
	t.Helper()
	a := Authority{Folder: t.TempDir(), key: newKey(t), certificate: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "an authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	a.write(t, a.certificate, a.key, a.File(), filepath.Join(a.Folder, "ca-key.pem"))
	return a
}

// File has its own certificate.
func (a Authority) File() string { return filepath.Join(a.Folder, "ca.pem") }

// Issue makes a certificate to serve with and to come with, by 127.0.0.1 and localhost, in
// files of PEM.
func (a Authority) Issue(t testing.TB, name string) (cert, key string) {
	t.Helper()
	cert, key = filepath.Join(a.Folder, name+".pem"), filepath.Join(a.Folder, name+"-key.pem")
	a.IssueTo(t, name, cert, key)
	return cert, key
}

// IssueTo is Issue to files that the caller names.
func (a Authority) IssueTo(t testing.TB, name, certFile, keyFile string) {
	t.Helper()
	a.write(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, newKey(t), certFile, keyFile)
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// write signs a certificate for a key, and writes both.
func (a Authority) write(t testing.TB, about *x509.Certificate, key *ecdsa.PrivateKey, certFile, keyFile string) {
	t.Helper()
	cert, err := x509.CreateCertificate(rand.Reader, about, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: cert},
		keyFile:  {Type: "PRIVATE" + " KEY", Bytes: private},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
