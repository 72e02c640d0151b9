//go:build proxies

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/omarty/chat/internal/load"
	"github.com/omarty/chat/internal/testkit"
	"github.com/omarty/chat/internal/testkit/process"
)

// proxied is an installation behind a proxy that has the configuration of ops.
type proxied struct {
	url   string
	place *load.Place
	// guesser and other are addresses of this machine that nobody has come from yet.
	guesser, other string
}

// What ops/nginx and ops/caddy say works, in front of three nodes: sockets, event streams,
// the largest upload, the addresses of clients, a node that stops, and one that dies.
func TestProxies(t *testing.T) {
	certificate(t)
	c := start(t, "OMARTY_TRUSTED_PROXIES=127.0.0.1", "OMARTY_RATE_LIMITS=on")
	place, err := load.Furnish(t.Context(), load.NewClient(c.urls[0], 2), load.Size{Rooms: 1, Publishers: 1})
	if err != nil {
		t.Fatal(err)
	}
	nginx := proxied{startNginx(t, c.urls), place, "127.0.0.2", "127.0.0.3"}
	caddy := proxied{startCaddy(t, c.urls), place, "127.0.0.4", "127.0.0.5"}
	for name, p := range map[string]proxied{"nginx": nginx, "Caddy": caddy} {
		t.Run(name, func(t *testing.T) {
			p.expectSecured(t)
			p.expectEvents(t)
			expectHeard(t, t.Context(), p.url, place, func() error { return p.post(t) })
			p.expectUpload(t)
			p.expectAddresses(t)
		})
	}
	expectSocketsElsewhere(t, c, nginx, caddy)
	if err := syscall.Kill(c.pids[1], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]proxied{"nginx": nginx, "Caddy": caddy} {
		if err := p.recover(t); err != nil {
			t.Errorf("%s, with a node dead for some seconds: %v", name, err)
		}
	}
	if err := c.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-c.rest
}

// files are where the certificate is, which this process trusts.
var files struct{ certificate, key string }

// certificate makes a certificate for this machine.
func certificate(t *testing.T) {
	t.Helper()
	a := testkit.NewAuthority(t)
	files.certificate, files.key = a.Issue(t, "localhost")
	t.Setenv("SSL_CERT_FILE", a.File()) // before anybody reads the machine's
}

// configured writes a configuration of ops to a file, with texts in place of others, each
// of which has to be in it, and gives its path.
func configured(t *testing.T, name string, replaced ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "ops", name))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(replaced); i += 2 {
		if !bytes.Contains(text, []byte(replaced[i])) {
			t.Fatalf("ops/%s has no %q", name, replaced[i])
		}
	}
	path := filepath.Join(t.TempDir(), filepath.Base(name))
	if err := os.WriteFile(path, []byte(strings.NewReplacer(replaced...).Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func hosts(urls []string) (at [3]string) {
	for i, u := range urls {
		at[i] = strings.TrimPrefix(u, "http://")
	}
	return at
}

func port(t *testing.T) int {
	t.Helper()
	n, err := process.QuietPort()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func startNginx(t *testing.T, urls []string) (url string) {
	t.Helper()
	at, tls, plain := hosts(urls), port(t), port(t)
	path := configured(t, "nginx/omarty-chat.conf",
		"127.0.0.1:8081", at[0], "127.0.0.1:8082", at[1], "127.0.0.1:8083", at[2],
		"listen 80;", fmt.Sprintf("listen 127.0.0.1:%d;", plain), "    listen [::]:80;\n", "",
		"listen 443 ssl", fmt.Sprintf("listen 127.0.0.1:%d ssl", tls), "    listen [::]:443 ssl http2;\n", "",
		"/etc/ssl/omarty-chat/fullchain.pem", files.certificate, "/etc/ssl/omarty-chat/key.pem", files.key)
	folder := filepath.Dir(path)
	whole := fmt.Sprintf("daemon off; master_process off; pid %[1]s/pid; error_log stderr; events { worker_connections 1024; }\nhttp { access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;\ninclude %[2]s; }\n", folder, path)
	main := filepath.Join(folder, "main.conf")
	if err := os.WriteFile(main, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	runProxy(t, fmt.Sprintf("127.0.0.1:%d", tls), "nginx", "-c", main, "-p", folder, "-e", "stderr")
	return fmt.Sprintf("https://localhost:%d", tls)
}

func startCaddy(t *testing.T, urls []string) (url string) {
	t.Helper()
	at, tls := hosts(urls), port(t)
	path := configured(t, "caddy/Caddyfile",
		"127.0.0.1:8081", at[0], "127.0.0.1:8082", at[1], "127.0.0.1:8083", at[2],
		"{$OMARTY_HOST:chat.example.com} {", fmt.Sprintf("{\n\tadmin off\n\tauto_https disable_redirects\n}\n\nhttps://localhost:%d {\n\tbind 127.0.0.1\n\ttls %s %s", tls, files.certificate, files.key))
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	runProxy(t, fmt.Sprintf("127.0.0.1:%d", tls), "caddy", "run", "--adapter", "caddyfile", "--config", path)
	return fmt.Sprintf("https://localhost:%d", tls)
}

// runProxy runs a program until the test ends, and waits until it listens.
func runProxy(t *testing.T, address, program string, arguments ...string) {
	t.Helper()
	var said bytes.Buffer
	command := exec.Command(program, arguments...)
	command.Stdout, command.Stderr = &said, &said
	command.SysProcAttr = process.Tied(syscall.SIGKILL)
	ended := make(chan struct{})
	if err := process.Start(command, func(error) { close(ended) }); err != nil {
		t.Fatalf("%s: %v (.ci/proxies lends it)", program, err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = command.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("%s said %s", program, &said)
		}
	})
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp4", address); err == nil {
			conn.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("%s ended: %s", program, &said)
		default:
		}
		if time.Since(began) > startTime {
			t.Fatalf("%s does not listen", program)
		}
	}
}

// ask sends a request by an address of this machine, and gives the answer.
func (p proxied) ask(t *testing.T, from, token, contentType string, body io.Reader, headers ...string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/graphql", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp4", address)
		},
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true, DisableKeepAlives: true,
	}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

func query(text string, variables map[string]any) io.Reader {
	b, err := json.Marshal(map[string]any{"query": text, "variables": variables})
	if err != nil {
		panic(err) // as they are written here
	}
	return bytes.NewReader(b)
}

func (p proxied) post(t *testing.T) error {
	t.Helper()
	return load.NewClient(p.url, 1).Ask(t.Context(), p.place.Publishers[0], `mutation($input: SendMessageInput!) { sendMessage(input: $input) { message { seq } } }`,
		map[string]any{"input": map[string]any{"room": p.place.Rooms[0].ID, "key": load.Tag(), "text": greeting}}, nil)
}

// recover posts until twenty in a row were taken, and gives what went wrong last where
// that takes long: what a node was sent when it died is lost, and nothing after it.
func (p proxied) recover(t *testing.T) (err error) {
	t.Helper()
	well := 0
	for began := time.Now(); well < 20 && time.Since(began) < startTime; well++ {
		if failed := p.post(t); failed != nil {
			well, err = -1, failed
		}
	}
	if well < 20 {
		return err
	}
	return nil
}

// expectSocketsElsewhere stops the third node while somebody on it, who answers to nothing, keeps
// it from ending: who comes back then, after half a second at the earliest, comes to others.
func expectSocketsElsewhere(t *testing.T, c trial, proxies ...proxied) {
	t.Helper()
	token := proxies[0].place.Listeners[0]
	mute, err := load.Dial(t.Context(), c.urls[2], token)
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	if err := syscall.Kill(c.pids[2], syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond) // as clients are told
	for _, p := range proxies {
		for range 12 {
			s, err := load.Dial(t.Context(), p.url, token)
			if err != nil {
				t.Errorf("%s, with a node that stops: %v", p.url, err)
				break
			}
			s.Close()
		}
	}
	if s, err := load.Dial(t.Context(), c.urls[2], token); err == nil || !strings.Contains(err.Error(), "503") {
		if err == nil {
			s.Close()
		}
		t.Errorf("the node that stops was to answer 503 all the time: %v", err)
	}
}

// expectSecured sees that the nodes know that people come by TLS.
func (p proxied) expectSecured(t *testing.T) {
	t.Helper()
	response := p.ask(t, "127.0.0.1", "", "application/json", query("{ viewer { id } }", nil))
	if response.StatusCode != http.StatusOK || response.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%s, %v", response.Status, response.Header)
	}
}

// expectEvents listens to a stream, which has to tell of a post at once.
func (p proxied) expectEvents(t *testing.T) {
	t.Helper()
	response := p.ask(t, "127.0.0.1", p.place.Listeners[0], "application/json",
		query(load.Query(load.Selection), map[string]any{"room": p.place.Rooms[0].ID}), "Accept", "text/event-stream")
	lines := bufio.NewScanner(response.Body)
	posted := false
	for lines.Scan() {
		switch line := lines.Text(); {
		case strings.Contains(line, `"position":`) && !posted:
			posted = true
			if err := p.post(t); err != nil {
				t.Fatal(err)
			}
		case strings.Contains(line, greeting) && posted:
			return
		}
	}
	t.Errorf("the stream ended: %v", lines.Err())
}

// expectUpload sends the largest file that there may be, and something that no proxy lets by.
func (p proxied) expectUpload(t *testing.T) {
	t.Helper()
	content := make([]byte, 25<<20)
	_, _ = rand.Read(content) // never fails
	send := func(content []byte) *http.Response {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		_ = w.WriteField("operations", `{"query": "mutation($file: Upload!) { uploadAttachment(file: $file) { attachment { id size url } } }", "variables": {"file": null}}`)
		_ = w.WriteField("map", `{"1": ["variables.file"]}`)
		part, _ := w.CreateFormFile("1", "plan.bin") // a buffer takes all
		_, _ = part.Write(content)
		w.Close()
		return p.ask(t, "127.0.0.1", p.place.Publishers[0], w.FormDataContentType(), &body, "Apollo-Require-Preflight", "true")
	}
	text, err := io.ReadAll(send(content).Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Data struct {
			UploadAttachment struct{ Attachment struct{ URL string } }
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.Data.UploadAttachment.Attachment.URL == "" {
		t.Fatalf("%v: %s", err, text)
	}
	at := answer.Data.UploadAttachment.Attachment.URL
	if strings.HasPrefix(at, "/") {
		at = p.url + at
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+p.place.Publishers[0])
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got, err := io.ReadAll(response.Body); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%s gives %d bytes of %d, %v", at, len(got), len(content), err)
	}
}

// expectAddresses sees that attempts are counted by the address of who comes, whatever
// that says of itself.
func (p proxied) expectAddresses(t *testing.T) {
	t.Helper()
	attempt := func(from string) bool {
		response := p.ask(t, from, "", "application/json", query(`mutation($in: LogInInput!) { logIn(input: $in) { token } }`,
			map[string]any{"in": map[string]any{"login": load.Tag() + "@example.com", "password": "not this one"}}),
			"X-Forwarded-For", fmt.Sprintf("192.0.2.%d", mathrand.IntN(256)))
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(text), "RATE_LIMITED")
	}
	limited := false
	for range 100 {
		if limited = attempt(p.guesser); limited {
			break
		}
	}
	if !limited {
		t.Error("nobody counts the attempts of an address")
	}
	if attempt(p.other) {
		t.Error("the first attempt of another address is one too many")
	}
}
