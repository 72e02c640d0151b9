package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func mustTrust(t testing.TB, networks ...string) (p proxies) {
	t.Helper()
	for _, text := range networks {
		network, err := parseNetwork(text)
		if err != nil {
			t.Fatal(err)
		}
		p = append(p, network)
	}
	return p
}

func TestClientsBehindProxies(t *testing.T) {
	t.Parallel()
	ours := mustTrust(t, "10.0.0.0/8", "192.0.2.1", "2001:db8:1::/48")
	const peer, client, liar = "10.0.0.1", "203.0.113.9", "198.51.100.66"
	for _, c := range []struct {
		name, peer   string
		forwardedFor []string
		want         string
	}{
		{"a proxy says who", peer, []string{client}, client},
		{"a proxy of IPv6", "2001:db8:1::5", []string{client}, client},
		{"a proxy of IPv4 on a socket of both kinds", "::ffff:10.0.0.1", []string{client}, client},
		{"a client of IPv6", peer, []string{"2001:db8:2::9"}, "2001:db8:2::9"},
		{"a client of IPv4 in IPv6", peer, []string{"::ffff:" + client}, client},
		{"two proxies", peer, []string{client + ", 192.0.2.1"}, client},
		{"two proxies, a header each", peer, []string{client, "192.0.2.1"}, client},
		{"without blanks", peer, []string{client + ",192.0.2.1"}, client},
		{"with a port", peer, []string{client + ":4711"}, client},
		{"with a port, of IPv6", peer, []string{"[2001:db8:2::9]:4711"}, "2001:db8:2::9"},
		{"in brackets", peer, []string{"[2001:db8:2::9]"}, "2001:db8:2::9"},
		{"with a zone", peer, []string{"fe80::1%eth0"}, "fe80::1"},
		{"nobody but proxies", peer, []string{"10.0.0.2, 10.0.0.3"}, "10.0.0.2"},
		{"a proxy that says nothing", peer, nil, peer},

		{"a stranger's word", client, []string{liar}, client},
		{"a stranger's word about our proxy", client, []string{"10.0.0.1"}, client},
		{"a client's word before the proxy's", peer, []string{liar + ", " + client}, client},
		{"a client's word in a header of its own", peer, []string{liar, client}, client},
		{"a client that calls itself a proxy", peer, []string{liar + ", 10.0.0.9, " + client}, client},
		{"a client that calls itself nonsense", peer, []string{"<script>, " + client}, client},
		{"a client's empty word", peer, []string{", " + client}, client},
		{"a proxy that does not know", peer, []string{liar + ", unknown"}, peer},
		{"a proxy that does not know another", peer, []string{liar + ", nonsense, 10.0.0.7"}, "10.0.0.7"},
		{"an empty header", peer, []string{""}, peer},
		{"a number", peer, []string{"16909060"}, peer},
		{"a name", peer, []string{"client.example.com"}, peer},
		{"a neighbour of the proxy", "192.0.2.2", []string{liar}, "192.0.2.2"},
	} {
		if got := ours.clientOf(netip.MustParseAddr(c.peer), c.forwardedFor); got.Unmap() != netip.MustParseAddr(c.want) {
			t.Errorf("%s: it is %v, want %s", c.name, got, c.want)
		}
		if got := (proxies{}).clientOf(netip.MustParseAddr(c.peer), c.forwardedFor); got != netip.MustParseAddr(c.peer) {
			t.Errorf("%s, where no proxy is trusted: it is %v", c.name, got)
		}
	}
}

// What a client asks behind a proxy is the client's, and came as the proxy says; what
// others say of themselves changes nothing.
func TestRequestsThroughProxies(t *testing.T) {
	t.Parallel()
	handler := mustTrust(t, "10.0.0.0/8").through(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.RemoteAddr)
		if isSecured(r) {
			io.WriteString(w, " secured")
		}
	}))
	for _, c := range []struct{ remote, forwardedFor, proto, want string }{
		{"10.0.0.1:5000", "203.0.113.9", "https", "203.0.113.9:0 secured"},
		{"10.0.0.1:5000", "203.0.113.9", "HTTPS", "203.0.113.9:0 secured"},
		{"10.0.0.1:5000", "203.0.113.9", "http", "203.0.113.9:0"},
		{"10.0.0.1:5000", "203.0.113.9", "https, http", "203.0.113.9:0"},
		{"10.0.0.1:5000", "203.0.113.9", "", "203.0.113.9:0"},
		{"10.0.0.1:5000", "2001:db8::1", "https", "[2001:db8::1]:0 secured"},
		{"203.0.113.9:5000", "198.51.100.66", "https", "203.0.113.9:5000"},
		{"[2001:db8::1]:5000", "198.51.100.66", "https", "[2001:db8::1]:5000"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.remote
		r.Header.Set("X-Forwarded-For", c.forwardedFor)
		r.Header.Set("Forwarded", "for=198.51.100.77;proto=https")
		r.Header.Set("X-Real-Ip", "198.51.100.77")
		if c.proto != "" {
			r.Header.Set("X-Forwarded-Proto", c.proto)
		}
		if got := ask(handler, r).Body.String(); got != c.want {
			t.Errorf("%+v: it is %q", c, got)
		}
	}
}

// FuzzForwardedFor checks that the client is the peer, or one whom a proxy of ours names,
// and that nothing that stands before it changes it.
func FuzzForwardedFor(f *testing.F) {
	for _, seed := range []string{"203.0.113.9", "10.0.0.2,10.0.0.3", "[2001:db8::1]:80 , 10.0.0.7", ", ,", "unknown", "::ffff:10.0.0.1%x", "10.0.0.1:http", "[[::1]]"} {
		f.Add(seed, "198.51.100.66")
	}
	f.Fuzz(func(t *testing.T, header, lie string) {
		ours := mustTrust(t, "10.0.0.0/8")
		for _, peer := range []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("203.0.113.1")} {
			got := ours.clientOf(peer, []string{header})
			if !ours.have(peer) && got != peer {
				t.Fatalf("a stranger is taken for %v", got)
			}
			if !got.IsValid() || got.Zone() != "" {
				t.Fatalf("the client is %v", got)
			}
			if ours.have(got) {
				continue // all that was said is of proxies, or cannot be read
			}
			if lied := ours.clientOf(peer, []string{lie, lie + "," + header}); lied != got {
				t.Fatalf("with %q before %q the client is %v, not %v", lie, header, lied, got)
			}
			if got != peer && !strings.Contains(header, ".") && !strings.Contains(header, ":") {
				t.Fatalf("%v comes of %q", got, header)
			}
		}
	})
}
