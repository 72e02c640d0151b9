package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/omarty/chat/internal/mail"
	"github.com/omarty/chat/internal/phone"
	"github.com/omarty/chat/internal/testkit/postgres"
)

// withPostgres runs the tests, and stops the PostgreSQL that they started.
type withPostgres struct{ *testing.M }

// Run is for goleak.
func (m withPostgres) Run() int { return postgres.Main(m.M) }

func TestMain(m *testing.M) { goleak.VerifyTestMain(withPostgres{m}) }

func mustRead(t *testing.T, args, environ []string) config {
	t.Helper()
	c, err := readConfig(args, environ, io.Discard)
	if err != nil {
		t.Fatalf("readConfig(%q, %q): %v", args, environ, err)
	}
	return c
}

func mustRefuse(t *testing.T, args, environ []string) string {
	t.Helper()
	c, err := readConfig(args, environ, io.Discard)
	if err == nil {
		t.Fatalf("readConfig(%q, %q) takes it for %+v", args, environ, c)
	}
	return err.Error()
}

// aSetting is a setting with its flag, two values that it may have, and what is read
// of nothing and of these.
type aSetting struct {
	setting, flag      string
	one, other         string
	read               func(config) any
	byDefault          any
	wantOne, wantOther any
	// secret tells that it is refused by flag.
	secret bool
	// with are settings that it needs.
	with []string
}

var onPostgres = []string{"OMARTY_DATABASE_URL=postgres://omarty@db.example:5432/chat"}

// natsFile is a setting that names a file for NATS.
func natsFile(setting, flag string, read func(config) any, with ...string) aSetting {
	with = append(with, "OMARTY_NATS_URL=nats://nats.example:4222")
	return aSetting{setting, flag, "/etc/omarty/one", "other", read, "", "/etc/omarty/one", "other", false, append(with, onPostgres...)}
}

var everySetting = []aSetting{
	{
		"OMARTY_LISTEN", "--listen", "0.0.0.0:80", "[::1]:0",
		func(c config) any { return c.listen },
		"127.0.0.1:8080", "0.0.0.0:80", "[::1]:0", false, nil,
	},
	{
		"OMARTY_ADMIN_LISTEN", "--admin-listen", "127.0.0.1:9090", "[::1]:0",
		func(c config) any { return c.adminListen },
		"", "127.0.0.1:9090", "[::1]:0", false, nil,
	},
	{
		"OMARTY_TRUSTED_PROXIES", "--trusted-proxies", "10.1.2.3/8,2001:db8::/32", "192.0.2.7",
		func(c config) any { return fmt.Sprint(c.trustedProxies) },
		"[]", "[10.0.0.0/8 2001:db8::/32]", "[192.0.2.7/32]", false, nil,
	},
	{
		"OMARTY_TLS_CERT", "--tls-cert", "cert.pem", "/etc/omarty/cert.pem",
		func(c config) any { return c.tlsCert },
		"", "cert.pem", "/etc/omarty/cert.pem", false,
		[]string{"OMARTY_TLS_KEY=k"},
	},
	{
		"OMARTY_TLS_KEY", "--tls-key", "key.pem", "/etc/omarty/key.pem",
		func(c config) any { return c.tlsKey },
		"", "key.pem", "/etc/omarty/key.pem", false,
		[]string{"OMARTY_TLS_CERT=c"},
	},
	{
		"OMARTY_DATA_DIR", "--data-dir", "/var/lib/omarty", "here",
		func(c config) any { return c.databaseURL },
		"sqlite:" + filepath.Join("data", "omarty.db"),
		"sqlite:" + filepath.Join("/var/lib/omarty", "omarty.db"),
		"sqlite:" + filepath.Join("here", "omarty.db"), false, nil,
	},
	{
		"OMARTY_DATABASE_URL", "--database-url", "sqlite:/srv/a.db", "postgres://omarty@db.example:5432/chat",
		func(c config) any { return c.databaseURL },
		"sqlite:" + filepath.Join("data", "omarty.db"), "sqlite:/srv/a.db", "postgres://omarty@db.example:5432/chat", false, nil,
	},
	{
		"OMARTY_REGION", "--region", "gb", "Sa",
		func(c config) any { return c.region },
		"EG", "GB", "SA", false, nil,
	},
	{
		"OMARTY_INTROSPECTION", "--introspection", "off", "on",
		func(c config) any { return c.introspection },
		true, false, true, false, nil,
	},
	{
		"OMARTY_RATE_LIMITS", "--rate-limits", "off", "on",
		func(c config) any { return c.rateLimits },
		true, false, true, false, nil,
	},
	{
		"OMARTY_ALLOWED_ORIGINS", "--allowed-origins", "https://app.example.com,http://localhost:5173", "*",
		func(c config) any { return c.allowedOrigins },
		[]string(nil),
		[]string{"https://app.example.com", "http://localhost:5173"},
		[]string{"*"},
		false, nil,
	},
	{
		"OMARTY_COMPAT_MIN_PASSWORD", "--compat-min-password", "8", "1024",
		func(c config) any { return c.compatMinPassword },
		1, 8, 1024, false, nil,
	},
	{
		"OMARTY_LOG", "--log", "debug,json", "error",
		func(c config) any { return []any{c.logLevel, c.logJSON} },
		[]any{slog.LevelInfo, false},
		[]any{slog.LevelDebug, true},
		[]any{slog.LevelError, false},
		false, nil,
	},
	{
		"OMARTY_SECRET", "--secret", strings.Repeat("a", 32), strings.Repeat("b", 40),
		func(c config) any { return string(c.secret) },
		"", strings.Repeat("a", 32), strings.Repeat("b", 40), true, nil,
	},
	{
		"OMARTY_MAIL_URL", "--mail-url", "smtps://mail.example:465", "smtp://mail.example?tls=none",
		func(c config) any { _, server := c.mails.(*mail.Server); return server },
		false, true, true, false,
		[]string{"OMARTY_MAIL_FROM=omarty@example.com"},
	},
	{
		"OMARTY_MAIL_FROM", "--mail-from", "omarty@example.com", "Omarty <chat@example.com>",
		func(c config) any { return c.mails },
		mail.NewFolder("data/outbox", "omarty@localhost"), mail.NewFolder("data/outbox", "omarty@example.com"), mail.NewFolder("data/outbox", "Omarty <chat@example.com>"),
		false, nil,
	},
	{
		"OMARTY_PHONE_URL", "--phone-url", "https://sms.example/send", "http://127.0.0.1:8081/",
		func(c config) any { _, gateway := c.phones.(*phone.Gateway); return gateway },
		false, true, true, false,
		[]string{"OMARTY_PHONE_SECRET=0123456789abcdef"},
	},
	{
		"OMARTY_PHONE_SECRET", "--phone-secret", "0123456789abcdef", "0123456789abcdef0",
		func(c config) any { _, gateway := c.phones.(*phone.Gateway); return gateway },
		false, false, false, true, nil,
	},
	{
		"OMARTY_FILES_URL", "--files-url", "s3://files?region=eu-west-1", "s3://files?endpoint=https://minio.example",
		func(c config) any { return c.filesURL },
		"", "s3://files?region=eu-west-1", "s3://files?endpoint=https://minio.example", false, nil,
	},
	{
		"OMARTY_MAX_UPLOAD", "--max-upload", "1", "1024",
		func(c config) any { return c.maxUpload },
		int64(25 << 20), int64(1 << 20), int64(1 << 30), false, nil,
	},
	{
		"OMARTY_CREATE_BUILDINGS", "--create-buildings", "operator", "anyone",
		func(c config) any { return c.byOperator },
		false, true, false, false, nil,
	},
	{
		"OMARTY_NATS_URL", "--nats-url", "nats://nats.example:4222", "tls://a.example:4222,tls://b.example:4222",
		func(c config) any { return c.nats.URL },
		"", "nats://nats.example:4222", "tls://a.example:4222,tls://b.example:4222", false, onPostgres,
	},
	natsFile("OMARTY_NATS_CREDENTIALS", "--nats-credentials", func(c config) any { return c.nats.Credentials }),
	natsFile("OMARTY_NATS_CA", "--nats-ca", func(c config) any { return c.nats.CA }),
	natsFile("OMARTY_NATS_CERT", "--nats-cert", func(c config) any { return c.nats.Certificate }, "OMARTY_NATS_KEY=key.pem"),
	natsFile("OMARTY_NATS_KEY", "--nats-key", func(c config) any { return c.nats.Key }, "OMARTY_NATS_CERT=cert.pem"),
}

func TestCertificateNeedsItsKey(t *testing.T) {
	t.Parallel()
	for setting, missing := range map[string]string{"OMARTY_TLS_CERT": "OMARTY_TLS_KEY", "OMARTY_TLS_KEY": "OMARTY_TLS_CERT"} {
		if message := mustRefuse(t, nil, []string{setting + "=x"}); message != missing+": is needed beside "+setting {
			t.Errorf("%s alone: %s", setting, message)
		}
	}
}

func TestSettingsByFlagAndByEnvironment(t *testing.T) {
	t.Parallel()
	for _, s := range everySetting {
		t.Run(s.setting, func(t *testing.T) {
			t.Parallel()
			for _, c := range []struct {
				name          string
				args, environ []string
				want          any
			}{
				{"unset", nil, nil, s.byDefault},
				{"by flag", []string{s.flag, s.one}, nil, s.wantOne},
				{"by flag with a sign", []string{s.flag + "=" + s.other}, nil, s.wantOther},
				{"by environment", nil, []string{s.setting + "=" + s.one}, s.wantOne},
				{"by both, where the flag wins", []string{s.flag, s.one}, []string{s.setting + "=" + s.other}, s.wantOne},
				{"by both, the other way", []string{s.flag, s.other}, []string{s.setting + "=" + s.one}, s.wantOther},
				{"by environment, to nothing", nil, []string{s.setting + "="}, s.byDefault},
				{"by a variable of another name", nil, []string{"X" + s.setting + "=" + s.one, strings.ToLower(s.setting) + "=" + s.one}, s.byDefault},
			} {
				c.environ = append(c.environ, s.with...)
				if strings.HasSuffix(s.setting, "_CERT") || strings.HasSuffix(s.setting, "_KEY") {
					if s.read(config{}) == c.want {
						continue // one of the two without the other
					}
				}
				if s.secret && c.args != nil {
					if message := mustRefuse(t, c.args, c.environ); !strings.Contains(message, s.setting+"_FILE") || strings.Contains(message, s.one) || strings.Contains(message, s.other) {
						t.Errorf("%s: %s", c.name, message)
					}
					continue
				}
				if diff := cmp.Diff(c.want, s.read(mustRead(t, c.args, c.environ)), cmp.AllowUnexported(mail.Folder{})); diff != "" {
					t.Errorf("%s (-want +got):\n%s", c.name, diff)
				}
			}
		})
	}
}

func TestEverySettingIsTested(t *testing.T) {
	t.Parallel()
	var tested []string
	for _, s := range everySetting {
		tested = append(tested, s.setting)
	}
	var help bytes.Buffer
	if _, err := readConfig([]string{"--help"}, nil, &help); !errors.Is(err, errHelp) {
		t.Fatalf("asked for help: %v", err)
	}
	for _, word := range strings.FieldsFunc(help.String(), func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') }) {
		if strings.HasPrefix(word, "OMARTY_") && !slices.Contains(tested, strings.TrimSuffix(word, "_FILE")) {
			t.Errorf("%s is not tested", word)
		}
	}
	for _, s := range everySetting {
		if !strings.Contains(help.String(), s.setting) || !strings.Contains(help.String(), s.flag+"=") {
			t.Errorf("the help does not tell of %s and %s", s.setting, s.flag)
		}
	}
	unbroken := strings.Join(strings.Fields(help.String()), " ")
	if !strings.Contains(help.String(), "\n  demo ") || !strings.Contains(help.String(), "\n  user ") || strings.Contains(help.String(), "\n  serve") || !strings.Contains(help.String(), "omarty-chat [<command>] [flags]\n") {
		t.Errorf("the help tells of other commands than the demo:\n%s", help.String())
	}
	for _, value := range []string{"127.0.0.1:8080", "data", "EG", "on", "1", "info,text"} {
		if !strings.Contains(unbroken, "Default: "+value+". [OMARTY_") {
			t.Errorf("the help does not tell the default %s:\n%s", value, help.String())
		}
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	t.Parallel()
	for setting, values := range map[string][]string{
		"OMARTY_LISTEN":              {"8080", "localhost", "localhost:", "localhost:http", "localhost:65536", "localhost:-1", "localhost:00", "a:b:c", "::1:80"},
		"OMARTY_ADMIN_LISTEN":        {"9090", "localhost", "a:b:c", "127.0.0.1:x"},
		"OMARTY_TRUSTED_PROXIES":     {"proxy.example.com", "10.0.0.0/33", "10.0.0.0/8;10.1.0.0/16", "*", "::ffff:10.0.0.0/104", "10.0.0.1:80"},
		"OMARTY_DATABASE_URL":        {"mysql://h/db", "data.db", "sqlite:", "sqlite::memory:", "postgres://h:x/db", "postgres://h/db?sslmode=maybe", "host=h dbname=db"},
		"OMARTY_REGION":              {"XX", "EGY", "E", "20", "Egypt", "001"},
		"OMARTY_INTROSPECTION":       {"yes", "true", "1", "ON", " on"},
		"OMARTY_RATE_LIMITS":         {"no", "false", "0", "Off"},
		"OMARTY_ALLOWED_ORIGINS":     {"app.example.com", "https://app.example.com/", "https://app.example.com/x", "https://", "ftp://a.example", "https://u@a.example", "null", "https://a.example,b.example", "https://a.example;https://b.example", "https://a.example?x"},
		"OMARTY_COMPAT_MIN_PASSWORD": {"0", "-1", "1025", "x", "1.5", "99999999999999999999"},
		"OMARTY_MAIL_URL":            {"mail.example", "http://mail.example", "smtps://", "smtp://h:0", "smtp://h?tls=maybe", "smtp://h/x"},
		"OMARTY_PHONE_URL":           {"sms.example", "ftp://sms.example", "https://"},
		"OMARTY_FILES_URL":           {"file:///tmp", "s3://", "/srv/files", "s3://key:secret@files"},
		"OMARTY_MAX_UPLOAD":          {"0", "1025", "25MB", "-1"},
		"OMARTY_CREATE_BUILDINGS":    {"nobody", "on"},
		"OMARTY_NATS_URL":            {"nats.example:4222", "http://nats.example", "nats://", "nats://a.example:4222,b.example:4222"},
		"OMARTY_SECRET":              {"short", strings.Repeat("a", 31)},
		"OMARTY_LOG":                 {"trace", "verbose,text", "info,xml", "3"},
	} {
		i := slices.IndexFunc(everySetting, func(s aSetting) bool { return s.setting == setting })
		for _, value := range values {
			with := everySetting[i].with
			messages := []string{mustRefuse(t, nil, append([]string{setting + "=" + value}, with...))}
			if !everySetting[i].secret {
				messages = append(messages, mustRefuse(t, []string{everySetting[i].flag + "=" + value}, with))
			}
			for _, message := range messages {
				if !strings.HasPrefix(message, setting+": ") || strings.Contains(message, "\n") {
					t.Errorf("%s=%s: %s", setting, value, message)
				}
			}
		}
	}
}

func TestAllThatIsWrongIsToldAtOnce(t *testing.T) {
	t.Parallel()
	message := mustRefuse(t, []string{"--listen=x", "--log=loud"}, []string{
		"OMARTY_DATABASE_URL=mysql://h/db", "OMARTY_REGION=XX", "OMARTY_INTROSPECTION=maybe", "OMARTY_RATE_LIMITS=maybe",
		"OMARTY_ALLOWED_ORIGINS=x,y", "OMARTY_COMPAT_MIN_PASSWORD=0",
	})
	var named []string
	for line := range strings.SplitSeq(message, "\n") {
		name, _, _ := strings.Cut(line, ": ")
		named = append(named, name)
	}
	want := []string{
		"OMARTY_ALLOWED_ORIGINS", "OMARTY_ALLOWED_ORIGINS", "OMARTY_COMPAT_MIN_PASSWORD", "OMARTY_DATABASE_URL", "OMARTY_INTROSPECTION",
		"OMARTY_LISTEN", "OMARTY_LOG", "OMARTY_RATE_LIMITS", "OMARTY_REGION",
	}
	slices.Sort(named)
	if diff := cmp.Diff(want, named); diff != "" {
		t.Errorf("named (-want +got):\n%s\nin %s", diff, message)
	}
}

func TestArgumentsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--port=80"}, {"serve"}, {"--listen"}, {"-x"}, {"--no-rate-limits"}} {
		if message := mustRefuse(t, args, nil); message == "" {
			t.Errorf("%q: no word about what is wrong", args)
		}
	}
}

func TestDemo(t *testing.T) {
	t.Parallel()
	if mustRead(t, nil, nil).demo {
		t.Error("without a command it is the demo")
	}
	for _, args := range [][]string{{"demo"}, {"--listen=:80", "demo"}, {"demo", "--listen=:80"}} {
		c := mustRead(t, args, []string{"OMARTY_LISTEN=:80", "OMARTY_DATA_DIR=here"})
		if !c.demo || c.listen != ":80" {
			t.Errorf("%q: %+v", args, c)
		}
	}
	for _, args := range [][]string{{"Demo"}, {"demos"}, {"demo", "demo"}, {"demo", "x"}, {"serve", "demo"}, {""}} {
		if message := mustRefuse(t, args, nil); !strings.HasPrefix(message, "unexpected argument: ") {
			t.Errorf("%q: %s", args, message)
		}
	}
	var help bytes.Buffer
	if _, err := readConfig([]string{"demo", "--help"}, nil, &help); !errors.Is(err, errHelp) {
		t.Errorf("asked for help: %v", err)
	}
	unbroken := strings.Join(strings.Fields(help.String()), " ")
	for _, text := range []string{"omarty-chat demo", "OMARTY_LISTEN", "OMARTY_DATABASE_URL is refused"} {
		if !strings.Contains(unbroken, text) {
			t.Errorf("the help does not say %q:\n%s", text, &help)
		}
	}
}

// A demo must never write into anybody's database.
func TestDemoTakesNoDatabase(t *testing.T) {
	t.Parallel()
	const url = "postgres://omarty:hunter2@db.example/chat"
	for _, c := range []struct{ args, environ []string }{
		{[]string{"demo"}, []string{"OMARTY_DATABASE_URL=" + url}},
		{[]string{"demo"}, []string{"OMARTY_DATABASE_URL_FILE=" + mustWriteFile(t, url)}},
		{[]string{"demo", "--database-url=sqlite:x"}, nil},
		{[]string{"--database-url", url, "demo"}, nil},
		{[]string{"demo"}, []string{"OMARTY_DATABASE_URL=nonsense"}},
	} {
		message := mustRefuse(t, c.args, c.environ)
		if !strings.HasPrefix(message, "OMARTY_DATABASE_URL: is not for the demo") || strings.Contains(message, "\n") || strings.Contains(message, "hunter2") {
			t.Errorf("%q %q: %s", c.args, c.environ, message)
		}
	}
}

func TestListen(t *testing.T) {
	t.Parallel()
	for _, address := range []string{":8080", "127.0.0.1:0", "[::1]:8080", "localhost:1", "chat.example.com:65535", "[fe80::1%eth0]:80"} {
		if got := mustRead(t, []string{"--listen=" + address}, nil).listen; got != address {
			t.Errorf("%s becomes %s", address, got)
		}
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		level slog.Level
		json  bool
	}{
		"debug,text":  {slog.LevelDebug, false},
		"info":        {slog.LevelInfo, false},
		"warn":        {slog.LevelWarn, false},
		"error":       {slog.LevelError, false},
		"json":        {slog.LevelInfo, true},
		"text":        {slog.LevelInfo, false},
		"json,warn":   {slog.LevelWarn, true},
		"WARN,JSON":   {slog.LevelWarn, true},
		"debug, json": {slog.LevelDebug, true},
		"debug json":  {slog.LevelDebug, true},
		"debug:json":  {slog.LevelDebug, true},
		"debug;json":  {slog.LevelDebug, true},
	} {
		c := mustRead(t, nil, []string{"OMARTY_LOG=" + text})
		if c.logLevel != want.level || c.logJSON != want.json {
			t.Errorf("%s: %v, JSON %v", text, c.logLevel, c.logJSON)
		}
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"https://app.example.com":                     {"https://app.example.com"},
		"https://app.example.com:8443":                {"https://app.example.com:8443"},
		"http://localhost:3000,http://127.0.0.1:3000": {"http://localhost:3000", "http://127.0.0.1:3000"},
		"http://[::1]:3000":                           {"http://[::1]:3000"},
		"*":                                           {"*"},
		"https://xn--mgbh0fb.xn--wgbh1c,https://a.com": {"https://xn--mgbh0fb.xn--wgbh1c", "https://a.com"},
	} {
		for _, got := range [][]string{
			mustRead(t, nil, []string{"OMARTY_ALLOWED_ORIGINS=" + text}).allowedOrigins,
			mustRead(t, []string{"--allowed-origins", text}, nil).allowedOrigins,
		} {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", text, diff)
			}
		}
	}
	got := mustRead(t, []string{"--allowed-origins=https://a.com", "--allowed-origins=https://b.com"}, nil).allowedOrigins
	if diff := cmp.Diff([]string{"https://a.com", "https://b.com"}, got); diff != "" {
		t.Errorf("by the flag twice (-want +got):\n%s", diff)
	}
}

// A variable that is misspelt would else do nothing, and nobody would know.
func TestUnknownVariables(t *testing.T) {
	t.Parallel()
	environ := []string{
		"PATH=/bin", "HOME=/", "OMARTY=x", "XOMARTY_LISTEN=x", "omarty_listen=x",
		"OMARTY_LISTEN=:80", "OMARTY_DATABASE_URL_FILE=x", "OMARTY_LISTEN_FILE=x", "OMARTY_LISEN=:80", "OMARTY_=",
	}
	for _, s := range everySetting {
		environ = append(environ, s.setting+"="+s.one)
	}
	got := unknown(environ)
	slices.Sort(got)
	if diff := cmp.Diff([]string{"OMARTY_", "OMARTY_LISEN", "OMARTY_LISTEN_FILE"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
