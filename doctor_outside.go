package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/omarty/chat/internal/blob"
	"github.com/omarty/chat/internal/bus"
)

const (
	// askTime bounds what is asked over the network.
	askTime = 5 * time.Second
	// certificateLeft is how long a certificate has to be good still.
	certificateLeft = 14 * 24 * time.Hour
	// leastFree is how many bytes of a disk have to be free, and leastFreePart which part of
	// it, unless as many bytes are free as are enoughFree on any.
	leastFree     = 1 << 30
	leastFreePart = 20
	enoughFree    = 8 << 30
)

// contents opens where files are kept, and has something kept there for a moment.
func (d *doctor) contents(ctx context.Context) (contents *blob.Store, err error) {
	if d.c.filesURL == "" {
		// It would be made where it is missing.
		if _, err := os.Stat(filepath.Join(d.c.dataDir, "files")); err != nil {
			return nil, err
		}
	}
	if contents, err = openFiles(ctx, d.c); err != nil {
		return nil, err
	}
	probe := "doctor-" + uuid.NewString()
	err = contents.Put(ctx, probe, strings.NewReader(probe))
	if err == nil {
		var r io.ReadCloser
		if r, err = contents.Get(ctx, probe, 0, -1); err == nil {
			var text []byte
			text, err = io.ReadAll(r)
			r.Close()
			if err == nil && !bytes.Equal(text, []byte(probe)) {
				err = errors.New("what is kept reads as something else")
			}
		}
		err = errors.Join(err, contents.Delete(context.WithoutCancel(ctx), probe))
	}
	if err != nil {
		contents.Close()
		return nil, err
	}
	return contents, nil
}

// disk looks how much is free where the program writes.
func (d *doctor) disk(database string) {
	seen := map[string]bool{}
	for _, path := range []string{d.c.dataDir, filepath.Dir(database)} {
		path, err := filepath.Abs(path)
		if err != nil || seen[path] || path == filepath.Dir(path) || database == "" && path != mustAbs(d.c.dataDir) {
			continue
		}
		seen[path] = true
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			d.well("disk", "%s is not there, and made when it is needed", path)
			continue
		}
		free, all, err := diskSpace(path)
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			d.well("disk", "of %s cannot be looked at on this system", path)
		case err != nil:
			d.ill("disk", "check the folder", "of %s cannot be looked at: %v", path, err)
		case free < leastFree || free < min(all/leastFreePart, enoughFree):
			d.ill("disk", "make room, or give it a larger disk, before writes are refused", "of %s has %d MB free of %d MB", path, free>>20, all>>20)
		default:
			d.well("disk", "of %s has %d MB free of %d MB", path, free>>20, all>>20)
		}
	}
}

func mustAbs(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	return abs
}

// nats looks at what nodes tell each other by: at each server that is named.
func (d *doctor) nats(ctx context.Context) {
	const advice = "check that it runs, and what OMARTY_NATS_URL and the settings beside it say; without any, other nodes hear of messages up to 3 s later"
	if d.c.nats.URL == "" {
		d.well("nats", "is not set: this is a single node")
		return
	}
	if err := checkAccess(d.c.nats); err != nil {
		d.ill("nats", advice, "cannot be used: %v", err)
		return
	}
	servers, good := 0, 0
	for host, server := range d.c.nats.Servers() {
		servers++
		asking, cancel := context.WithTimeout(ctx, askTime)
		found, err := bus.Examine(asking, server)
		cancel()
		switch {
		case err != nil:
			d.ill("nats", advice, "%s cannot be used: %v", host, err)
		case found.TooOld:
			d.ill("nats", "install 2.12.6 or newer", "%s is version %s", host, found.Version)
		default:
			good++
			d.well("nats", "%s, version %s, answers; a message is there and back in %v", host, found.Version, found.RoundTrip.Round(time.Microsecond))
		}
	}
	if servers < 2 || good < servers {
		return
	}
	asking, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	switch first, apart, err := bus.Apart(asking, d.c.nats); {
	case err != nil:
		d.ill("nats", advice, "cannot be used: %v", err)
	case len(apart) > 0:
		d.ill("nats", "make them one cluster, by its name and routes in their configuration: nodes at one do not hear those at another",
			"%s do not hear what is said at %s", strings.Join(apart, " and "), first)
	default:
		d.well("nats", "its %d servers pass on to each other what is said", servers)
	}
}

// certificate looks at what the program serves TLS with.
func (d *doctor) certificate() {
	if d.c.tlsCert == "" {
		d.well("certificate", "is not set: the program speaks plain HTTP, to a proxy that speaks TLS")
		return
	}
	pair, err := tls.LoadX509KeyPair(d.c.tlsCert, d.c.tlsKey)
	if err != nil {
		d.ill("certificate", "check OMARTY_TLS_CERT and OMARTY_TLS_KEY; a program that runs goes on with the last good pair", "cannot be used: %v", err)
		return
	}
	leaf := pair.Leaf
	if leaf == nil {
		if leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			d.ill("certificate", "check OMARTY_TLS_CERT", "cannot be read: %v", err)
			return
		}
	}
	d.expiry("certificate", leaf)
}

func (d *doctor) expiry(check string, leaf *x509.Certificate) {
	left := time.Until(leaf.NotAfter)
	until := leaf.NotAfter.UTC().Format(time.RFC3339)
	switch {
	case time.Now().Before(leaf.NotBefore):
		d.ill(check, "check this machine's clock, or use another", "the certificate is not good before %s", leaf.NotBefore.UTC().Format(time.RFC3339))
	case left <= 0:
		d.ill(check, "renew it now: nobody can connect", "the certificate is good no more since %s", until)
	case left < certificateLeft:
		d.ill(check, "renew it", "the certificate is good until %s, which is %d days", until, int(left.Hours()/24))
	default:
		d.well(check, "the certificate is good until %s", until)
	}
}

// program asks the program itself, where it runs here, whether it is ready.
func (d *doctor) program(ctx context.Context) {
	scheme := "http"
	if d.c.tlsCert != "" {
		scheme = "https"
	}
	for _, at := range []struct{ setting, scheme, address string }{
		{"OMARTY_LISTEN", scheme, d.c.listen}, {"OMARTY_ADMIN_LISTEN", "http", d.c.adminListen},
	} {
		host, port, err := net.SplitHostPort(at.address)
		if err != nil || port == "0" {
			continue
		}
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			host = "localhost"
		}
		// It is this machine, whatever name the certificate has.
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // nothing secret is sent
		answer, err := d.ask(ctx, client, at.scheme+"://"+net.JoinHostPort(host, port)+"/readyz")
		switch {
		case err != nil && isRefused(err):
			d.well("program", "nothing answers at %s=%s: it does not run there", at.setting, at.address)
		case err != nil:
			d.ill("program", "look at its log; restart it if it hangs", "at %s=%s does not answer: %v", at.setting, at.address, err)
		case answer.status != http.StatusOK:
			d.ill("program", "look at its log, and at what is wrong above", "at %s=%s says that it is not ready: %s", at.setting, at.address, answer.text)
		default:
			d.well("program", "at %s=%s is ready", at.setting, at.address)
		}
	}
}

func isRefused(err error) bool {
	var dial *net.OpError
	return errors.As(err, &dial) && dial.Op == "dial" && !dial.Timeout()
}

// public asks where people reach the program.
func (d *doctor) public(ctx context.Context) {
	if d.command.Public == "" {
		return
	}
	u, err := url.Parse(d.command.Public)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		d.ill("public", "give a URL such as https://chat.example.com", "--public is no URL")
		return
	}
	u.Path, u.RawQuery, u.User = "/readyz", "", nil
	answer, err := d.ask(ctx, &http.Client{}, u.String())
	switch {
	case err != nil:
		d.ill("public", "check the proxy, the name and the certificate", "%s does not answer: %v", u, err)
		return
	case answer.status != http.StatusOK:
		d.ill("public", "check the proxy, and whether the nodes behind it are ready", "%s answers %d", u, answer.status)
	default:
		d.well("public", "%s says that it is ready", u)
	}
	if answer.leaf != nil {
		d.expiry("public", answer.leaf)
	}
	if skew := answer.skew; skew > maxSkew+time.Second { // the header has seconds alone
		d.ill("public", "have the machines keep time by NTP", "its clock differs from this machine's by %v", skew.Round(time.Second))
	}
}

// asked is what a /readyz says.
type asked struct {
	status int
	text   string
	skew   time.Duration
	leaf   *x509.Certificate
}

func (d *doctor) ask(ctx context.Context, client *http.Client, at string) (asked, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return asked{}, err
	}
	answer, err := client.Do(r)
	if err != nil {
		return asked{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 200))
	if err != nil {
		return asked{}, err
	}
	found := asked{status: answer.StatusCode, text: fmt.Sprint(answer.StatusCode, " ", strings.TrimSpace(string(text)))}
	if date, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		skew := time.Since(date)
		found.skew = max(skew, -skew)
	}
	if answer.TLS != nil && len(answer.TLS.PeerCertificates) > 0 {
		found.leaf = answer.TLS.PeerCertificates[0]
	}
	return found, nil
}
