package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificate is one in files, as whoever renews it leaves it.
type certificate struct{ certFile, keyFile string }

func newCertificate(t *testing.T, name string) certificate {
	t.Helper()
	folder := t.TempDir()
	c := certificate{filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")}
	c.renew(t, name)
	return c
}

func (c certificate) settings() []string {
	return []string{"OMARTY_TLS_CERT=" + c.certFile, "OMARTY_TLS_KEY=" + c.keyFile}
}

// renew writes another certificate, for this machine and by the name, that nobody but
// itself has signed.
func (c certificate) renew(t *testing.T, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c.write(t, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE" + " KEY", Bytes: private}))
}

func (c certificate) write(t *testing.T, cert, key []byte) {
	t.Helper()
	for file, text := range map[string][]byte{c.certFile: cert, c.keyFile: key} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// shown gives whose certificate the server shows to a new connection.
func (s *server) shown(t *testing.T) string {
	t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), selfSigned)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// expectShown waits until the server shows a certificate.
func (s *server) expectShown(t *testing.T, want string) {
	t.Helper()
	for deadline := time.Now().Add(hearTime); s.shown(t) != want; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the server shows the certificate of %q, want %q", s.shown(t), want)
		}
	}
}

// By TLS all goes as without, sockets and event streams too, and HTTP/2 beside it.
func TestServingByTLS(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := start(t, e, append(newCertificate(t, "first").settings(), "OMARTY_RATE_LIMITS=off")...)
		if !strings.HasPrefix(s.url, "https://") {
			t.Fatalf("the server says it is at %s", s.url)
		}
		h := s.mustSettle(t, 1)
		last := s.mustChat(t, h.manager, h.community, 3)
		for _, l := range []line{overSocket, overEvents} {
			st := s.listen(t, l, h.residents[0].token, followDocument, from(h.community, last-1))
			st.expect(t, posted(last), caughtUp(last))
			s.mustChat(t, h.manager, h.community, 1)
			last++
			st.expect(t, posted(last))
		}
		const want = "max-age=63072000; includeSubDomains"
		for _, path := range []string{"/playground", "/graphql?query={__typename}", "/nothing", "/healthz"} {
			if got := s.get(t, path).header.Get("Strict-Transport-Security"); got != want {
				t.Errorf("%s: Strict-Transport-Security is %q", path, got)
			}
		}
		// Who comes without TLS is told nothing but that.
		plain := &server{url: strings.Replace(s.url, "https://", "http://", 1)}
		if a := plain.get(t, "/healthz"); a.status != http.StatusBadRequest {
			t.Errorf("without TLS: got %v", a)
		}
	})
}

// One connection of HTTP/2 carries many requests, and event streams beside them.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	s := start(t, sqlite, append(newCertificate(t, "first").settings(), "OMARTY_RATE_LIMITS=off")...)
	h := s.mustSettle(t, 1)
	last := s.mustChat(t, h.manager, h.community, 2)
	dialled := 0
	transport := &http.Transport{TLSClientConfig: selfSigned.Clone(), ForceAttemptHTTP2: true}
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled++
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	client := &http.Client{Transport: transport}
	defer client.CloseIdleConnections()
	ask := func(document string, v variables, accept string) *http.Response {
		t.Helper()
		body, err := json.Marshal(map[string]any{"query": document, "variables": v})
		if err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/graphql", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{"Content-Type": "application/json", "Accept": accept, "Authorization": "Bearer " + h.residents[0].token} {
			request.Header.Set(name, value)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { response.Body.Close() })
		if response.ProtoMajor != 2 || response.StatusCode != http.StatusOK {
			t.Errorf("%s answers with %d", response.Proto, response.StatusCode)
		}
		return response
	}
	var streams []*stream
	for range 3 {
		response := ask(followDocument, from(h.community, last-1), "text/event-stream")
		st := newStream(nil, "")
		go readEvents(response.Body, st.push)
		streams = append(streams, st)
	}
	for _, st := range streams {
		st.expect(t, posted(last), caughtUp(last))
	}
	for range 5 {
		ask("{ __typename }", nil, "application/json").Body.Close()
	}
	s.mustChat(t, h.manager, h.community, 1)
	for _, st := range streams {
		st.expect(t, posted(last+1))
	}
	if dialled != 1 {
		t.Errorf("there were %d connections", dialled)
	}
}

// A certificate that was renewed is served without a restart; one that is broken is
// told of, and the one before stays. Who is connected notices nothing.
func TestCertificateIsRenewed(t *testing.T) {
	t.Parallel()
	c := newCertificate(t, "first")
	s := start(t, sqlite, append(c.settings(), "OMARTY_RATE_LIMITS=off")...)
	_, mine := s.mustSignIn(t)
	open := s.openSocket(t, mine.token)
	s.expectShown(t, "first")
	c.renew(t, "second")
	s.expectShown(t, "second")
	c.write(t, []byte("nonsense"), []byte(secret("a-key-that-is-none")))
	for deadline := time.Now().Add(hearTime); !strings.Contains(s.log.String(), "the new certificate is not used"); time.Sleep(50 * time.Millisecond) {
		s.expectShown(t, "second")
		if time.Now().After(deadline) {
			t.Fatalf("nothing tells of the broken certificate: %s", s.log)
		}
	}
	s.expectShown(t, "second")
	c.renew(t, "third")
	s.expectShown(t, "third")
	open.expectAlive(t)
}

// Where TLS is asked for and cannot be had, nothing is served.
func TestCertificateThatIsMissing(t *testing.T) {
	t.Parallel()
	c := newCertificate(t, "first")
	for _, settings := range [][]string{
		{"OMARTY_TLS_CERT=" + c.certFile + ".not", "OMARTY_TLS_KEY=" + c.keyFile},
		{"OMARTY_TLS_CERT=" + c.keyFile, "OMARTY_TLS_KEY=" + c.certFile},
		{"OMARTY_TLS_CERT=" + c.certFile},
		{"OMARTY_TLS_KEY=" + c.keyFile},
	} {
		r := runProgram(t, t.TempDir(), append(settings, "OMARTY_LISTEN=127.0.0.1:0"))
		if r.status != 1 || !strings.Contains(r.log, "OMARTY_TLS_") || strings.Contains(r.out, "listening") {
			t.Errorf("%q: status %d, %s%s", settings, r.status, r.out, r.log)
		}
	}
}
