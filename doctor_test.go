package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omarty/chat/internal/bus"
	"github.com/omarty/chat/internal/testkit"
)

// The doctor says when a certificate is about to end or belongs to another key, when a program
// is not ready, and when a clock is wrong.
func TestDoctorLooksOutside(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	cert, key, other := filepath.Join(folder, "cert"), filepath.Join(folder, "key"), filepath.Join(folder, "other")
	testkit.NewAuthority(t).IssueTo(t, "a", cert, key)
	testkit.NewAuthority(t).IssueTo(t, "b", filepath.Join(folder, "unused"), other)
	answers := func(status int, ahead time.Duration) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
			w.WriteHeader(status)
		}))
		t.Cleanup(s.Close)
		return s
	}
	good, stopping, ahead := answers(200, 0), answers(503, 0), answers(200, time.Hour+30*time.Second)
	for _, c := range []struct {
		c      config
		public string
		says   string
	}{
		{config{tlsCert: cert, tlsKey: key}, "", "WRONG  certificate  the certificate is good until "},
		{config{tlsCert: cert, tlsKey: other}, "", "WRONG  certificate  cannot be used"},
		{config{listen: good.Listener.Addr().String()}, "", "ok     program      at OMARTY_LISTEN="},
		{config{adminListen: stopping.Listener.Addr().String()}, "", "WRONG  program      at OMARTY_ADMIN_LISTEN="},
		{config{}, good.URL, "ok     public       " + good.URL + "/readyz says that it is ready"},
		{config{}, stopping.URL, "WRONG  public       " + stopping.URL + "/readyz answers 503"},
		{config{}, ahead.URL, "WRONG  public       its clock differs from this machine's by 1h0m"},
		{
			config{nats: bus.Options{URL: "nats://127.0.0.1:1", CA: "not/there"}},
			"",
			"WRONG  nats         cannot be used: OMARTY_NATS_CA: open not/there",
		},
		{
			config{nats: bus.Options{URL: "nats://omarty:hunter2@127.0.0.1:1, nats://127.0.0.1:2"}},
			"",
			"WRONG  nats         127.0.0.1:1 cannot be used: nats: no servers available for connection. What to do: check that it runs",
		},
		{config{}, "nowhere", "WRONG  public       --public is no URL"},
	} {
		var out strings.Builder
		d := &doctor{c: c.c, command: doctorCommand{Public: c.public}, out: &out}
		d.nats(t.Context())
		d.certificate()
		d.program(t.Context())
		d.public(t.Context())
		if strings.Contains(out.String(), "hunter2") {
			t.Errorf("it quotes a password:\n%s", out.String())
		}
		if !strings.Contains(out.String(), c.says) || (d.wrong > 0) != strings.HasPrefix(c.says, "WRONG") {
			t.Errorf("it says, with %d wrong:\n%s\nwant %s", d.wrong, out.String(), c.says)
		}
	}
}
