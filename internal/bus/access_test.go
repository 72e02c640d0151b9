package bus_test

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/omarty/chat/internal/bus"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/testkit"
)

// serveWith starts a NATS with options on a free port of the loopback interface.
func serveWith(t *testing.T, o server.Options) (address string) {
	t.Helper()
	return run(t, o).Addr().String()
}

func run(t *testing.T, o server.Options) *server.Server {
	t.Helper()
	o.Host, o.Port, o.NoSigs, o.NoLog = "127.0.0.1", server.RANDOM_PORT, true, true
	s, err := server.NewServer(&o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		t.Fatal("NATS does not start")
	}
	t.Cleanup(func() { stop(s) })
	return s
}

// openLogged opens a bus, and gives what it logs.
func openLogged(t *testing.T, o bus.Options) *log {
	t.Helper()
	told := &log{}
	ears := bus.Ears{Asked: func() {}, Present: func(omarty.Roll) {}, Failed: func(err error) { fmt.Fprintln(told, "failed:", err) }}
	b, err := bus.Open(o, ears, slog.New(slog.NewTextHandler(told, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return told
}

// expectTold waits until something is logged.
func expectTold(t *testing.T, told *log, what string) {
	t.Helper()
	for began := time.Now(); !strings.Contains(told.String(), what); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > patience {
			t.Fatalf("it does not say %q:\n%s", what, told)
		}
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// serving is how NATS speaks TLS, and whether it asks for certificates.
func serving(t *testing.T, a testkit.Authority, verify bool) *tls.Config {
	t.Helper()
	cert, key := a.Issue(t, "nats")
	c, err := server.GenTLSConfig(&server.TLSConfigOpts{CertFile: cert, KeyFile: key, CaFile: a.File(), Verify: verify})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// By TLS and password, by a certificate of its own, or by a JWT a node is let in; and where it
// is not, it says why, and no password.
func TestAccess(t *testing.T) {
	a, stranger := testkit.NewAuthority(t), testkit.NewAuthority(t)
	ca, strangers := a.File(), stranger.File()
	secured := serveWith(t, server.Options{TLSConfig: serving(t, a, false), TLS: true, TLSTimeout: 5, Username: "omarty", Password: "hunter2"})
	asking := serveWith(t, server.Options{TLSConfig: serving(t, a, true), TLS: true, TLSTimeout: 5})
	cert, key := a.Issue(t, "node")
	strangersCert, strangersKey := stranger.Issue(t, "node")
	byToken, credentials := serveTokens(t)
	_, otherCredentials := serveTokens(t)
	for name, c := range map[string]struct {
		o    bus.Options
		told string
	}{
		"TLS and password":           {bus.Options{URL: "tls://omarty:hunter2@" + secured, CA: ca}, ""},
		"TLS by nats://":             {bus.Options{URL: "nats://omarty:hunter2@" + secured, CA: ca}, ""},
		"the second server":          {bus.Options{URL: "tls://omarty:hunter2@127.0.0.1:1,tls://omarty:hunter2@" + secured, CA: ca}, ""},
		"a wrong password":           {bus.Options{URL: "tls://omarty:hunter3@" + secured, CA: ca}, "authorization violation"},
		"no password":                {bus.Options{URL: "tls://" + secured, CA: ca}, "authorization violation"},
		"an authority of the system": {bus.Options{URL: "tls://omarty:hunter2@" + secured}, "certificate signed by unknown authority"},
		"another authority":          {bus.Options{URL: "tls://omarty:hunter2@" + secured, CA: strangers}, "certificate signed by unknown authority"},
		"a certificate":              {bus.Options{URL: "tls://" + asking, CA: ca, Certificate: cert, Key: key}, ""},
		"no certificate":             {bus.Options{URL: "tls://" + asking, CA: ca}, "tls"},
		"a stranger's certificate":   {bus.Options{URL: "tls://" + asking, CA: ca, Certificate: strangersCert, Key: strangersKey}, "tls"},
		"a JWT":                      {bus.Options{URL: "nats://" + byToken, Credentials: credentials}, ""},
		"another's JWT":              {bus.Options{URL: "nats://" + byToken, Credentials: otherCredentials}, "authorization violation"},
		"nobody":                     {bus.Options{URL: "nats://omarty:hunter2@127.0.0.1:1"}, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			told := openLogged(t, c.o)
			_, err := bus.Examine(t.Context(), c.o)
			if c.told == "" {
				expectTold(t, told, "connected to NATS")
				if err != nil {
					t.Errorf("doctor says %v", err)
				}
				return
			}
			expectTold(t, told, "failed: ")
			if text := told.String(); !strings.Contains(text, c.told) || strings.Contains(text, "hunter") {
				t.Errorf("it says %s", text)
			}
			if err == nil || strings.Contains(err.Error(), "hunter") {
				t.Errorf("doctor says %v", err)
			}
		})
	}
}

// serveTokens starts a NATS that lets in by JWT, and gives a file with one.
func serveTokens(t *testing.T) (address, credentials string) {
	t.Helper()
	operator, account, user := newPair(t, nkeys.CreateOperator), newPair(t, nkeys.CreateAccount), newPair(t, nkeys.CreateUser)
	claims := jwt.NewOperatorClaims(operator.public)
	accountToken, err := jwt.NewAccountClaims(account.public).Encode(operator.KeyPair)
	if err != nil {
		t.Fatal(err)
	}
	userToken, err := jwt.NewUserClaims(user.public).Encode(account.KeyPair)
	if err != nil {
		t.Fatal(err)
	}
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.FormatUserConfig(userToken, seed)
	if err != nil {
		t.Fatal(err)
	}
	resolver := &server.MemAccResolver{}
	if err := resolver.Store(account.public, accountToken); err != nil {
		t.Fatal(err)
	}
	credentials = filepath.Join(t.TempDir(), "omarty.creds")
	writeFile(t, credentials, string(text))
	return serveWith(t, server.Options{TrustedOperators: []*jwt.OperatorClaims{claims}, AccountResolver: resolver}), credentials
}

// pair is a key with its public one.
type pair struct {
	nkeys.KeyPair

	public string
}

func newPair(t *testing.T, create func() (nkeys.KeyPair, error)) (p pair) {
	t.Helper()
	var err error
	if p.KeyPair, err = create(); err == nil {
		p.public, err = p.PublicKey()
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What is wrong with a file is known before anybody is asked.
func TestCheckAccess(t *testing.T) {
	a, other := testkit.NewAuthority(t), testkit.NewAuthority(t)
	cert, key := a.Issue(t, "node")
	_, othersKey := other.Issue(t, "node")
	_, credentials := serveTokens(t)
	text, err := os.ReadFile(credentials)
	if err != nil {
		t.Fatal(err)
	}
	half, empty := filepath.Join(t.TempDir(), "half"), filepath.Join(t.TempDir(), "empty")
	writeFile(t, half, strings.Split(string(text), "************")[0])
	writeFile(t, empty, "")
	for name, c := range map[string]struct {
		err  error
		good bool
	}{
		"no credentials":          {bus.Options{}.CheckCredentials(), true},
		"credentials":             {bus.Options{Credentials: credentials}.CheckCredentials(), true},
		"missing credentials":     {bus.Options{Credentials: "not/there"}.CheckCredentials(), false},
		"credentials of no key":   {bus.Options{Credentials: half}.CheckCredentials(), false},
		"empty credentials":       {bus.Options{Credentials: empty}.CheckCredentials(), false},
		"a certificate for them":  {bus.Options{Credentials: cert}.CheckCredentials(), false},
		"no authority":            {bus.Options{}.CheckCA(), true},
		"an authority":            {bus.Options{CA: cert}.CheckCA(), true},
		"a key for an authority":  {bus.Options{CA: key}.CheckCA(), false},
		"a missing authority":     {bus.Options{CA: "not/there"}.CheckCA(), false},
		"no certificate":          {bus.Options{}.CheckCertificate(), true},
		"a certificate":           {bus.Options{Certificate: cert, Key: key}.CheckCertificate(), true},
		"a certificate of others": {bus.Options{Certificate: cert, Key: othersKey}.CheckCertificate(), false},
	} {
		if (c.err == nil) != c.good {
			t.Errorf("%s: %v", name, c.err)
		}
		if c.err != nil && strings.Contains(c.err.Error(), "SU") {
			t.Errorf("%s: it quotes a key: %v", name, c.err)
		}
	}
}

// A NATS that takes connections and says nothing, as one that is frozen does, keeps nobody
// waiting: who starts, who counts, who stops.
func TestSilentNATS(t *testing.T) {
	var servers []string
	came := make(chan net.Conn, 1000)
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		servers = append(servers, "nats://"+l.Addr().String())
		go func() {
			for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
				came <- conn
			}
		}()
	}
	told := &log{}
	began := time.Now()
	b, err := bus.Open(bus.Options{URL: strings.Join(servers, ",")}, bus.Ears{}, slog.New(slog.NewTextHandler(told, nil)))
	if err != nil {
		t.Fatal(err)
	}
	// Less than its patience with three of them, on a busy machine.
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("a start takes %v", took)
	}
	expectTold(t, told, "NATS does not answer yet")
	for range len(servers) + 1 { // until it tries anew
		conn := <-came
		defer conn.Close()
	}
	began = time.Now()
	for range 20 {
		b.FollowRoom(omarty.NewID(omarty.KindRoom), true)
		b.TellPresence(omarty.Roll{})
		if b.Stats().Connected {
			t.Fatal("it is connected")
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("asking and telling takes %v", took)
	}
	began = time.Now()
	b.Close()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("a stop takes %v", took)
	}
}

// Servers that are no cluster are told apart, and those that are one are not.
func TestApart(t *testing.T) {
	o := server.Options{Username: "omarty", Password: "hunter2"}
	address := func(s *server.Server) string { return "nats://omarty:hunter2@" + s.Addr().String() }
	alone, other := address(run(t, o)), address(run(t, o))
	o.Cluster.Name, o.Cluster.Host, o.Cluster.Port = "omarty", "127.0.0.1", server.RANDOM_PORT
	first := run(t, o)
	o.Routes = server.RoutesFromStr("nats://" + first.ClusterAddr().String())
	one, two := address(first), address(run(t, o))
	host := func(url string) string { return strings.TrimPrefix(url, "nats://omarty:hunter2@") }
	for _, c := range []struct {
		servers []string
		apart   []string
	}{
		{[]string{one, two}, nil},
		{[]string{two, one}, nil},
		{[]string{alone, other}, []string{host(other)}},
		{[]string{one, alone, two}, []string{host(alone)}},
	} {
		first, apart, err := bus.Apart(t.Context(), bus.Options{URL: strings.Join(c.servers, ", ")})
		if err != nil || first != host(c.servers[0]) || !slices.Equal(apart, c.apart) {
			t.Errorf("of %v: at %s, apart are %v, %v; want %v", c.servers, first, apart, err, c.apart)
		}
	}
}
