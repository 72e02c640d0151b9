package postgres

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// script writes a program that is a shell script.
func script(t *testing.T, file, text string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs shell scripts")
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// fakePrograms writes programs that tell versions and do nothing else.
func fakePrograms(t *testing.T, folder, initdb, postgres string) {
	t.Helper()
	script(t, filepath.Join(folder, "initdb"), "echo 'initdb (PostgreSQL) "+initdb+"'")
	script(t, filepath.Join(folder, "postgres"), "echo 'postgres (PostgreSQL) "+postgres+" (Some 1.2)'")
}

func TestMissing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		managers []string
		want     string
	}{
		"nothing": {nil, "install the PostgreSQL server, or set OMARTY_TEST_PG_BIN to the folder of these programs"},
		"one":     {[]string{"apt-get"}, "install them with: apt-get install --no-install-recommends postgresql"},
		"two":     {[]string{"brew", "dnf"}, "install them with: dnf install postgresql-server, or with: brew install postgresql@17"},
		"apk":     {[]string{"apk"}, "install them with: apk add postgresql"},
		"pacman":  {[]string{"pacman"}, "install them with: pacman -S postgresql"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			for _, m := range test.managers {
				script(t, filepath.Join(folder, m), "exit 1")
			}
			_, err := start(t.Context(), "", search{path: []string{"", ".", folder}}, freePort)
			if !errors.Is(err, ErrMissing) {
				t.Fatalf("not ErrMissing: %v", err)
			}
			want := "PostgreSQL's server programs (initdb, postgres) are not on this machine: " + test.want
			if err.Error() != want {
				t.Errorf("got  %s\nwant %s", err, want)
			}
		})
	}
}

func TestMissingWhereOnesThatDoNotWorkAre(t *testing.T) {
	t.Parallel()
	broken, mixed, half := t.TempDir(), t.TempDir(), t.TempDir()
	fakePrograms(t, broken, "16.1", "16.1")
	script(t, filepath.Join(broken, "initdb"), "exit 3")
	fakePrograms(t, mixed, "16.1", "15.2")
	script(t, filepath.Join(half, "postgres"), "exit 0")
	_, err := search{path: []string{half, broken, mixed}}.find(t.Context())
	if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), filepath.Join(broken, "initdb")+": exit status 3") {
		t.Errorf("the error does not tell what is broken: %v", err)
	}
	if err != nil && strings.Contains(err.Error(), "\n") {
		t.Errorf("not one line: %v", err)
	}
}

func TestChosenFolder(t *testing.T) {
	t.Parallel()
	chosen, other := t.TempDir(), t.TempDir()
	fakePrograms(t, other, "16.1", "16.1")
	s := search{chosen: chosen, path: []string{other}}
	_, err := s.find(t.Context())
	if err == nil || errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), BinVariable) {
		t.Errorf("an empty folder that was asked for: %v", err)
	}
	fakePrograms(t, chosen, "15.2", "15.2")
	p, err := s.find(t.Context())
	if err != nil || p != programsIn(chosen) {
		t.Errorf("%v, %v; want those in %s", p, err, chosen)
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	path, config := filepath.Join(root, "path"), filepath.Join(root, "config")
	script(t, filepath.Join(path, "pg_config"), "echo "+config)
	var want []string
	want = append(want, path, config)
	for _, v := range []string{"17", "10", "9.6"} {
		want = append(want, filepath.Join(root, "lib", v, "bin"))
	}
	for _, v := range []string{"postgresql@18", "postgresql@9", "postgresql"} {
		want = append(want, filepath.Join(root, "opt", v, "bin"))
	}
	for _, folder := range want[1:] {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	script(t, filepath.Join(path, "brew"), "exit 1") // its opt is the last glob
	got := search{
		path:  []string{path, "relative", path},
		globs: []string{filepath.Join(root, "lib", "*", "bin")},
	}.folders(t.Context())
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A wrapper in the PATH gives way to real programs elsewhere, and serves where
// there are no others.
func TestWrappersAreTheLastResort(t *testing.T) {
	t.Parallel()
	wrappers := t.TempDir()
	fakePrograms(t, wrappers, "99.9", "99.9")
	p, err := search{path: []string{wrappers}}.find(t.Context())
	if err != nil || p != programsIn(wrappers) {
		t.Errorf("wrappers alone: %v, %v", p, err)
	}

	s := systemSearch()
	want, err := s.find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if isScript(want.postgres) {
		t.Skip("this machine has wrappers alone")
	}
	s.path = slices.Concat([]string{wrappers}, s.path)
	if p, err := s.find(t.Context()); err != nil || p != want {
		t.Errorf("wrappers first: %v, %v; want %v", p, err, want)
	}
}

func TestInstall(t *testing.T) {
	t.Parallel()
	const apt = `env DEBIAN_FRONTEND=noninteractive apt-get update
env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends postgresql-common
env DEBIAN_FRONTEND=noninteractive pg_conftool /etc/postgresql-common/createcluster.conf set create_main_cluster off
env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends postgresql
`
	for name, test := range map[string]struct {
		programs []string
		uid      int
		fails    string // the program that fails
		want     string // the commands
		wantErr  string
	}{
		"apt-get as root": {programs: []string{"apt-get", "dnf", "env", "sudo"}, want: apt},
		"apt-get by sudo": {
			programs: []string{"apt-get", "env", "sudo"}, uid: 1000,
			want: "sudo -n true\nsudo -n " + strings.ReplaceAll(strings.TrimSpace(apt), "\n", "\nsudo -n ") + "\n",
		},
		"no password-free sudo": {
			programs: []string{"apt-get", "env", "sudo"}, uid: 1000, fails: "sudo",
			want:    "sudo -n true\n",
			wantErr: ErrMissing.Error() + ": install them with: apt-get install --no-install-recommends postgresql",
		},
		"no sudo": {
			programs: []string{"pacman", "env"}, uid: 1000,
			wantErr: ErrMissing.Error() + ": install them with: pacman -S postgresql",
		},
		"brew as root": {
			programs: []string{"brew"},
			wantErr:  ErrMissing.Error() + ": install them with: brew install postgresql@17",
		},
		"brew where there is no root": {
			programs: []string{"apt-get", "brew", "env"}, uid: 1000,
			want: "brew install postgresql@17\n",
		},
		"dnf":    {programs: []string{"dnf", "env"}, want: "env DEBIAN_FRONTEND=noninteractive dnf install -y postgresql-server\n"},
		"apk":    {programs: []string{"apk", "env"}, want: "env DEBIAN_FRONTEND=noninteractive apk add --no-cache postgresql\n"},
		"pacman": {programs: []string{"pacman", "env"}, want: "env DEBIAN_FRONTEND=noninteractive pacman -Sy --noconfirm --needed postgresql\n"},
		"a failure": {
			programs: []string{"dnf", "env"}, fails: "env",
			want:    "env DEBIAN_FRONTEND=noninteractive dnf install -y postgresql-server\n",
			wantErr: "env DEBIAN_FRONTEND=noninteractive dnf install -y postgresql-server: exit status 5",
		},
		"a failure after that of the update": {
			programs: []string{"apt-get", "env"}, fails: "env",
			want:    strings.Join(strings.SplitAfter(apt, "\n")[:2], ""),
			wantErr: "env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends postgresql-common: exit status 5",
		},
		"no package manager": {wantErr: ErrMissing.Error() + ": install the PostgreSQL server, or set OMARTY_TEST_PG_BIN to the folder of these programs"},
	} {
		t.Run(name, func(t *testing.T) {
			// None of these programs does anything but write its command line down.
			folder := t.TempDir()
			log := filepath.Join(folder, "log")
			for _, p := range test.programs {
				text := `echo "` + p + ` $*" >>'` + log + `'`
				if p == test.fails {
					text += "; exit 5"
				}
				script(t, filepath.Join(folder, p), text)
			}
			var out bytes.Buffer
			err := search{path: []string{folder}}.install(context.Background(), &out, test.uid)
			if got, _ := os.ReadFile(log); string(got) != test.want {
				t.Errorf("ran\n%s\nwant\n%s", got, test.want)
			}
			switch {
			case test.wantErr == "" && err != nil:
				t.Error(err)
			case test.wantErr != "" && (err == nil || err.Error() != test.wantErr):
				t.Errorf("error %v\nwant  %s", err, test.wantErr)
			}
			for line := range strings.Lines(test.want) {
				if told := "+ " + line; line != "sudo -n true\n" && !strings.Contains(out.String(), told) {
					t.Errorf("did not tell of %q: %s", line, &out)
				}
			}
		})
	}
}
