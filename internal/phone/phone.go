// Package phone brings letters to phones: by an operator's gateway, or into a folder.
package phone

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/renameio/v2/maybe"

	"github.com/omarty/chat/internal/omarty"
)

// timeout bounds a call of the gateway.
const timeout = 10 * time.Second

// Gateway posts each letter to a webhook, signed as Standard Webhooks 1.0 has it
// (https://www.standardwebhooks.com): webhook-id, webhook-timestamp and webhook-signature.
// It is safe for concurrent use.
type Gateway struct {
	url    string
	secret []byte
	client *http.Client
}

// NewGateway gives the gateway at a URL, which is https, or http for one on the operator's
// own machines. The secret is what signatures are made with: its bytes, or where it begins
// with whsec_, those that the rest is the base64 of. Errors do not quote either.
func NewGateway(address string, secret []byte) (*Gateway, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errors.New("is https://HOST/PATH")
	}
	if text, ok := bytes.CutPrefix(secret, []byte("whsec_")); ok {
		if secret, err = base64.StdEncoding.DecodeString(string(text)); err != nil {
			return nil, errors.New("needs a secret: OMARTY_PHONE_SECRET begins with whsec_, and goes on with no base64")
		}
	}
	if len(secret) < 16 {
		return nil, errors.New("needs a secret of 16 characters or more: OMARTY_PHONE_SECRET")
	}
	return &Gateway{address, secret, &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Send posts a letter: {"to": "+20…", "text": "…", "locale": "ar-EG"}. Any status from 200 to
// 299 says that it was taken on.
func (g *Gateway) Send(ctx context.Context, l omarty.Letter) error {
	body, err := json.Marshal(map[string]string{"to": l.To, "text": l.Text, "locale": l.Locale})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("the phone gateway's address cannot be used")
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Webhook-Id", l.ID)
	request.Header.Set("Webhook-Timestamp", at)
	request.Header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(Sign(g.secret, l.ID, at, body)))
	response, err := g.client.Do(request)
	if err != nil {
		return errors.New("the phone gateway does not answer") // the error has its address
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, 1<<16) // so that the connection can be used again
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("the phone gateway answers %d", response.StatusCode)
	}
	return nil
}

// Sign gives the signature of a call: HMAC-SHA-256 of "ID.TIMESTAMP.BODY".
func Sign(secret []byte, id, at string, body []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(id + "." + at + "."))
	h.Write(body)
	return h.Sum(nil)
}

// Folder writes each letter as a file of its own. It is safe for concurrent use.
type Folder struct{ path string }

// NewFolder gives a folder, which is made when there is something to write.
func NewFolder(path string) *Folder { return &Folder{path} }

// Send writes ID.phone.json with what a gateway would be posted: all of it or nothing, for
// nobody but the program's own user to read.
func (f *Folder) Send(_ context.Context, l omarty.Letter) error {
	body, err := json.MarshalIndent(map[string]string{"to": l.To, "text": l.Text, "locale": l.Locale}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(f.path, 0o700); err != nil {
		return fmt.Errorf("the outbox: %w", err)
	}
	if err := maybe.WriteFile(filepath.Join(f.path, l.ID+".phone.json"), append(body, '\n'), 0o600); err != nil {
		return fmt.Errorf("the outbox: %w", err)
	}
	return nil
}
