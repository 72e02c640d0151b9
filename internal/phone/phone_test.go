package phone_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/phone"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var letter = omarty.Letter{ID: "task_01abc", To: "+201011223344", Locale: "ar-EG", Text: "رمزك:\n\n123456\n"}

// gateway answers as answer does, and is asked with a secret.
func gateway(t *testing.T, secret string, answer http.HandlerFunc) *phone.Gateway {
	t.Helper()
	there := httptest.NewServer(answer)
	t.Cleanup(func() { there.Close(); http.DefaultTransport.(*http.Transport).CloseIdleConnections() })
	g, err := phone.NewGateway(there.URL+"/send?to=nobody", []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// A gateway is posted what is to be told, signed as Standard Webhooks has it.
func TestAGatewayIsAsked(t *testing.T) {
	raw := "a secret of the operator's"
	for _, secret := range []string{raw, "whsec_" + base64.StdEncoding.EncodeToString([]byte(raw))} {
		asked := 0
		err := gateway(t, secret, func(w http.ResponseWriter, r *http.Request) {
			asked++
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			var got map[string]string
			if err := json.Unmarshal(body, &got); err != nil {
				t.Error(err)
			}
			want := map[string]string{"to": letter.To, "text": letter.Text, "locale": letter.Locale}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			id, at := r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp")
			h := hmac.New(sha256.New, []byte(raw))
			io.WriteString(h, id+"."+at+"."+string(body))
			if want := "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil)); r.Header.Get("webhook-signature") != want {
				t.Errorf("the signature is %s, and not %s", r.Header.Get("webhook-signature"), want)
			}
			seconds, err := strconv.ParseInt(at, 10, 64)
			if err != nil || time.Since(time.Unix(seconds, 0)).Abs() > time.Minute || id != letter.ID {
				t.Errorf("id %s at %s, %v", id, at, err)
			}
			if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s %s", r.Method, r.Header.Get("Content-Type"))
			}
			w.WriteHeader(http.StatusAccepted)
		}).Send(t.Context(), letter)
		if err != nil || asked != 1 {
			t.Errorf("asked %d times: %v", asked, err)
		}
	}
}

// What a gateway does not take on is an error that tells nothing of it; a redirection is
// not followed, since the text would go who knows where.
func TestAGatewayRefuses(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirection was followed") }))
	defer elsewhere.Close()
	for _, status := range []int{303, 307, 400, 404, 429, 500, 503} {
		err := gateway(t, strings.Repeat("s", 16), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(status)
			io.WriteString(w, letter.To)
		}).Send(t.Context(), letter)
		if err == nil || !strings.Contains(err.Error(), strconv.Itoa(status)) || strings.Contains(err.Error(), letter.To) {
			t.Errorf("%d: %v", status, err)
		}
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	g, err := phone.NewGateway(gone.URL+"/very-secret-path", []byte(strings.Repeat("s", 16)))
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Send(t.Context(), letter); err == nil || strings.Contains(err.Error(), "very-secret-path") {
		t.Errorf("of one that is gone: %v", err)
	}
}

func TestGatewaysThatCannotBe(t *testing.T) {
	for _, c := range [][2]string{
		{"sms.example", strings.Repeat("s", 16)},
		{"ftp://sms.example", strings.Repeat("s", 16)},
		{"https://", strings.Repeat("s", 16)},
		{"https://sms.example", ""},
		{"https://sms.example", strings.Repeat("s", 15)},
		{"https://sms.example", "whsec_no base64 at all"},
		{"https://sms.example", "whsec_c2hvcnQ="},
	} {
		if _, err := phone.NewGateway(c[0], []byte(c[1])); err == nil {
			t.Errorf("%s with %q is taken", c[0], c[1])
		}
	}
}

// In a folder each letter is a file with what a gateway would get, for its owner alone.
func TestAFolderGetsALetter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox")
	if err := phone.NewFolder(path).Send(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(path, letter.ID+".phone.json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal(text, &got); err != nil || got["to"] != letter.To || got["text"] != letter.Text {
		t.Errorf("%v, %v", got, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(path)
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files, %v", len(entries), err)
	}
}
