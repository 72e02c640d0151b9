package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ended is what became of a program that was to end by itself.
type ended struct {
	status   int
	out, log string
}

// runProgram runs the program in a folder until it ends; one that serves instead
// is stopped, and fails the test.
func runProgram(t *testing.T, folder string, env []string, arguments ...string) ended {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTime)
	defer cancel()
	var out, log bytes.Buffer
	command := exec.CommandContext(ctx, binary, arguments...)
	command.Dir, command.Env = folder, environment(env...)
	command.Stdout, command.Stderr = &out, &log
	err := command.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("%v %v: %v\n%s%s", env, arguments, err, out.String(), log.String())
	}
	return ended{command.ProcessState.ExitCode(), out.String(), log.String()}
}

// allSettings are the program's, by their names in the environment.
var allSettings = []string{
	"OMARTY_LISTEN", "OMARTY_DATABASE_URL", "OMARTY_DATABASE_URL_FILE", "OMARTY_DATA_DIR", "OMARTY_REGION",
	"OMARTY_INTROSPECTION", "OMARTY_RATE_LIMITS", "OMARTY_ALLOWED_ORIGINS", "OMARTY_COMPAT_MIN_PASSWORD", "OMARTY_LOG",
}

func TestHelp(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	// Help is for those whose settings are wrong, too.
	for _, env := range [][]string{nil, {"OMARTY_REGION=nowhere"}} {
		r := runProgram(t, folder, env, "--help")
		if r.status != 0 {
			t.Errorf("--help ended with status %d: %s", r.status, r.log)
		}
		for _, name := range allSettings {
			if !strings.Contains(r.out, name) {
				t.Errorf("--help does not name %s", name)
			}
		}
		for _, text := range []string{"127.0.0.1:8080", "EG", "sqlite", "postgres"} {
			if !strings.Contains(r.out, text) {
				t.Errorf("--help does not say %q", text)
			}
		}
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) > 0 {
		t.Errorf("--help left %v, %v", entries, err)
	}
}

func TestSettingsThatAreWrong(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "a-file")
	if err := os.WriteFile(file, []byte("sqlite:x.db\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	for _, c := range []struct {
		name  string // of the setting that the error names
		value string
		more  string // further environment
	}{
		{"OMARTY_LISTEN", "8080", ""},
		{"OMARTY_LISTEN", "127.0.0.1:", ""},
		{"OMARTY_LISTEN", "127.0.0.1:no-port", ""},
		{"OMARTY_LISTEN", "127.0.0.1:70000", ""},
		{"OMARTY_LISTEN", "192.0.2.1:0", ""}, // well formed, and not of this machine
		{"OMARTY_LISTEN", busy.Addr().String(), ""},
		{"OMARTY_DATABASE_URL", "mysql://root@localhost/chat", ""},
		{"OMARTY_DATABASE_URL", "chat.db", ""},
		{"OMARTY_DATABASE_URL", "sqlite:", ""},
		{"OMARTY_DATABASE_URL", "sqlite::memory:", ""},
		{"OMARTY_DATABASE_URL", "postgres://localhost:port/chat", ""},
		{"OMARTY_DATABASE_URL", "postgres://localhost/chat?sslmode=maybe", ""},
		{"OMARTY_DATABASE_URL", "postgres://nobody@127.0.0.1:1/chat", ""},
		{"OMARTY_DATABASE_URL", "sqlite:" + filepath.Join(file, "below-a-file.db"), ""},
		{"OMARTY_DATABASE_URL_FILE", filepath.Join(folder, "missing"), ""},
		{"OMARTY_DATABASE_URL_FILE", file, "OMARTY_DATABASE_URL=sqlite:y.db"},
		{"OMARTY_DATA_DIR", file, ""},
		{"OMARTY_REGION", "XX", ""},
		{"OMARTY_REGION", "Egypt", ""},
		{"OMARTY_REGION", "001", ""},
		{"OMARTY_INTROSPECTION", "yes", ""},
		{"OMARTY_RATE_LIMITS", "0", ""},
		{"OMARTY_ALLOWED_ORIGINS", "app.example.com", ""},
		{"OMARTY_ALLOWED_ORIGINS", "https://app.example.com/", ""},
		{"OMARTY_ALLOWED_ORIGINS", "https://app.example.com,nonsense", ""},
		{"OMARTY_COMPAT_MIN_PASSWORD", "0", ""},
		{"OMARTY_COMPAT_MIN_PASSWORD", "-1", ""},
		{"OMARTY_COMPAT_MIN_PASSWORD", "1025", ""},
		{"OMARTY_COMPAT_MIN_PASSWORD", "six", ""},
		{"OMARTY_LOG", "verbose", ""},
		{"OMARTY_LOG", "info,xml", ""},
	} {
		env := []string{"OMARTY_LISTEN=127.0.0.1:0", "OMARTY_DATA_DIR=" + filepath.Join(folder, "data"), c.name + "=" + c.value}
		if c.more != "" {
			env = append(env, c.more)
		}
		r := runProgram(t, folder, env)
		if r.status != 1 || !strings.Contains(r.log, c.name) || strings.Contains(r.log, "goroutine ") {
			t.Errorf("%s=%s: status %d: %s%s", c.name, c.value, r.status, r.out, r.log)
		}
	}
}

// One start tells all that is wrong.
func TestAllSettingsThatAreWrongAreNamed(t *testing.T) {
	t.Parallel()
	wrong := map[string]string{
		"OMARTY_LISTEN": "x", "OMARTY_DATABASE_URL": "x", "OMARTY_REGION": "x", "OMARTY_INTROSPECTION": "x",
		"OMARTY_RATE_LIMITS": "x", "OMARTY_ALLOWED_ORIGINS": "x", "OMARTY_COMPAT_MIN_PASSWORD": "x", "OMARTY_LOG": "x",
	}
	var env, arguments []string
	for name, value := range wrong {
		env = append(env, name+"="+value)
		flag := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, "OMARTY_")), "_", "-")
		arguments = append(arguments, "--"+flag+"="+value)
	}
	for what, r := range map[string]ended{
		"by environment": runProgram(t, t.TempDir(), env),
		"by flags":       runProgram(t, t.TempDir(), nil, arguments...),
	} {
		for name := range wrong {
			if r.status != 1 || !strings.Contains(r.log, name) {
				t.Errorf("%s: status %d, and %s is not named: %s", what, r.status, name, r.log)
			}
		}
	}
	if r := runProgram(t, t.TempDir(), nil, "--no-such-flag=x"); r.status == 0 || !strings.Contains(r.log, "no-such-flag") {
		t.Errorf("an unknown flag: status %d: %s", r.status, r.log)
	}
}

// Every user of a machine can read the flags of its programs; so none takes a
// password, and no error repeats one.
func TestPasswordsAreNoFlags(t *testing.T) {
	t.Parallel()
	password := secret("hunter2-of-postgres")
	for _, arguments := range [][]string{
		{"--database-url=postgres://chat:" + password + "@127.0.0.1:1/chat"},
		{"--database-url", "postgres://chat:" + password + "@127.0.0.1:1/chat"},
		{"--database-url=postgresql://chat:" + password + "@127.0.0.1:1/chat?sslmode=disable"},
		{"--database-url=postgres://chat@127.0.0.1:1/chat?password=" + password},
		{"--database-url=postgres://chat:" + password + "@127.0.0.1:1,127.0.0.1:2/chat"},
		{"--region=EG", "--database-url", "postgres://chat:" + password + "@127.0.0.1:1/chat"},
	} {
		r := runProgram(t, t.TempDir(), []string{"OMARTY_LISTEN=127.0.0.1:0"}, arguments...)
		if r.status != 1 || !strings.Contains(r.log, "OMARTY_DATABASE_URL_FILE") {
			t.Errorf("%v: status %d, and the log does not say where passwords belong: %s", arguments, r.status, r.log)
		}
		if strings.Contains(r.out+r.log, password) {
			t.Errorf("%v: the password is repeated: %s", arguments, r.log)
		}
	}
	for _, env := range []string{
		"OMARTY_DATABASE_URL=postgres://chat:" + password + "@127.0.0.1:1/chat",
		"OMARTY_DATABASE_URL=postgres://chat:" + password + "@127.0.0.1:port/chat",
		"OMARTY_DATABASE_URL=postgres://chat:" + password + "%zz@127.0.0.1:1/chat",
		"OMARTY_DATABASE_URL=postgres://chat@127.0.0.1:1/chat?password=" + password + "&sslmode=maybe",
		"OMARTY_DATABASE_URL=mysql://chat:" + password + "@127.0.0.1/chat",
		"OMARTY_DATABASE_URL=" + password,
	} {
		r := runProgram(t, t.TempDir(), []string{"OMARTY_LISTEN=127.0.0.1:0", env})
		if r.status != 1 || !strings.Contains(r.log, "OMARTY_DATABASE_URL") || strings.Contains(r.out+r.log, password) {
			t.Errorf("%s: status %d: %s", env, r.status, r.log)
		}
	}
}

// A secret may come in a file, with a line's end after it.
func TestSecretsInFiles(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		p := newPlace(t, e)
		folder := t.TempDir()
		url := p.databaseURL
		if e == sqlite {
			url = "sqlite:" + filepath.Join(folder, "by file.db")
		}
		file := filepath.Join(folder, "database-url")
		if err := os.WriteFile(file, []byte(url+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		p.databaseURL = "" // the file says it
		s := p.start(t, "OMARTY_DATABASE_URL_FILE="+file, "OMARTY_RATE_LIMITS=off")
		s.mustRegister(t)
		if _, err := os.Stat(filepath.Join(s.dataDir, "omarty.db")); err == nil {
			t.Error("the file was not heeded: there is a database in the data folder")
		}
	})
}

// With nothing set, the database is a file below data/ in the working directory;
// and any working directory does.
func TestWorkingDirectories(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "مجلد with spaces & signs?#%41")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	s := place{dataDir: filepath.Join(folder, "data")}.start(t, "OMARTY_DATA_DIR=") // which counts as unset
	s.mustRegister(t)
	if _, err := os.Stat(filepath.Join(folder, "data", "omarty.db")); err != nil {
		t.Error(err)
	}
	s.mustStop(t)

	root := newPlace(t, sqlite)
	root.workingDir = string(filepath.Separator)
	s = root.start(t)
	s.mustRegister(t)
	if a := s.get(t, "/playground"); a.status != http.StatusOK {
		t.Errorf("the playground: got %v", a)
	}
}

// What looks like a setting and is none is a mistake that somebody should hear of;
// its value is nobody's business.
func TestUnknownSettingsAreToldOf(t *testing.T) {
	t.Parallel()
	value := secret("swordfish-in-the-environment")
	s := start(t, sqlite, "OMARTY_DATABASE_PASSWORD="+value, "OMARTY_DATABSE_URL="+value)
	for _, name := range []string{"OMARTY_DATABASE_PASSWORD", "OMARTY_DATABSE_URL"} {
		eventually(t, hearTime, "the log tells of "+name, func() bool { return strings.Contains(s.log.String(), name) })
	}
	plain := start(t, sqlite)
	plain.mustStop(t) // so that all it says has come
	if strings.Contains(plain.log.String(), "OMARTY_") {
		t.Errorf("without cause: %s", plain.log)
	}
}

func TestAnnouncement(t *testing.T) {
	t.Parallel()
	s := start(t, sqlite)
	for _, path := range []string{"/playground", "/graphql", formPath, "/healthz", "/readyz"} {
		if !strings.Contains(s.out.String(), s.url+path) {
			t.Errorf("the start does not tell of %s: %s", path, s.out)
		}
	}
	s.waitReady(t, readyTime, http.StatusOK)
	for _, path := range []string{"/healthz", "/playground"} {
		if a := s.get(t, path); a.status != http.StatusOK {
			t.Errorf("%s: got %v", path, a)
		}
	}
}

// Logs for machines are JSON, each line of them, and name requests by the ids that
// the answers carry.
func TestJSONLogs(t *testing.T) {
	t.Parallel()
	s := start(t, sqlite, "OMARTY_LOG=debug,json", "OMARTY_NO_SUCH_SETTING=1")
	p, mine := s.mustSignIn(t)
	s.logIn(t, p.email, "not-the-password")
	s.post(t, "nonsense", "Content-Type", typeJSON)
	s.postForm(t, p.form().Encode())
	id := s.run(t, mine.token, `{ viewer { id } }`, nil).header.Get("X-Request-Id")
	s.mustStop(t)
	text := s.out.String() + s.log.String()
	found := false
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Errorf("no JSON: %s", line)
			continue
		}
		if entry["time"] == nil || entry["level"] == nil || entry["msg"] == nil {
			t.Errorf("without time, level or msg: %s", line)
		}
		found = found || entry["request"] == id
	}
	if !found {
		t.Errorf("no line tells of request %s", id)
	}
}

func TestLogLevels(t *testing.T) {
	t.Parallel()
	s := start(t, sqlite, "OMARTY_LOG=error")
	s.mustSignIn(t)
	s.mustStop(t)
	if text := s.log.String(); text != "" {
		t.Errorf("a life without errors has a log: %s", text)
	}
}
