package postgres

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// BinVariable is the environment variable that may name the folder of the
// server programs. Where it is set, no other folder is looked at.
const BinVariable = "OMARTY_TEST_PG_BIN"

// ErrMissing is what Start's error wraps where PostgreSQL's server programs are
// not on the machine. The whole error is one line, which says what to install.
var ErrMissing = errors.New("PostgreSQL's server programs (initdb, postgres) are not on this machine")

// wellKnown are the folders where packages and PostgreSQL's own build put the
// server programs without putting them in the PATH.
var wellKnown = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/usr/local/opt/postgresql*/bin",
	"/opt/homebrew/opt/postgresql*/bin",
	"/usr/local/pgsql/bin",
}

// search says where programs are looked for.
type search struct {
	chosen string   // the one folder that was asked for; empty for all the others
	path   []string // the folders of the PATH
	globs  []string // the patterns of further folders
}

// systemSearch is the search of this machine.
func systemSearch() search {
	return search{
		chosen: os.Getenv(BinVariable),
		path:   filepath.SplitList(os.Getenv("PATH")),
		globs:  wellKnown,
	}
}

// programs are the two server programs of one installation.
type programs struct {
	initdb, postgres string
}

// find gives the server programs of the first folder that holds both, of one
// version, and able to run.
func (s search) find(ctx context.Context) (programs, error) {
	if s.chosen != "" {
		folder, err := filepath.Abs(s.chosen)
		if err != nil {
			return programs{}, err
		}
		p := programsIn(folder)
		if err := p.check(ctx); err != nil {
			return programs{}, fmt.Errorf("%s=%s does not hold PostgreSQL's server programs (initdb, postgres): %w", BinVariable, s.chosen, err)
		}
		return p, nil
	}

	var found, scripts []programs
	for _, folder := range s.folders(ctx) {
		p := programsIn(folder)
		switch {
		case !executable(p.initdb) || !executable(p.postgres):
		case isScript(p.initdb) || isScript(p.postgres):
			// A wrapper may change the user or the folder before it runs the
			// program, and may not pass signals on: it is the last resort.
			scripts = append(scripts, p)
		default:
			found = append(found, p)
		}
	}
	var broken string
	for _, p := range append(found, scripts...) {
		err := p.check(ctx)
		if err == nil {
			return p, nil
		}
		if ctx.Err() != nil {
			return programs{}, ctx.Err()
		}
		if broken == "" {
			broken = fmt.Sprintf(" (%v)", err)
		}
	}
	return programs{}, fmt.Errorf("%w%s: %s", ErrMissing, broken, s.advice())
}

// folders gives the folders to look in, each once, the first choice first.
func (s search) folders(ctx context.Context) []string {
	folders := slices.Clone(s.path)
	if config := s.program("pg_config"); config != "" {
		if out, err := output(ctx, config, "--bindir"); err == nil {
			folders = append(folders, strings.TrimSpace(out))
		}
	}
	globs := slices.Clone(s.globs)
	if brew := s.program("brew"); brew != "" {
		// Homebrew may have been set up in any folder, and does not link a
		// versioned PostgreSQL into its bin.
		globs = append(globs, filepath.Join(filepath.Dir(filepath.Dir(brew)), "opt", "postgresql*", "bin"))
	}
	for _, glob := range globs {
		matches, _ := filepath.Glob(glob) // fails for a malformed pattern alone
		slices.SortStableFunc(matches, func(a, b string) int {
			return cmp.Compare(versionIn(b), versionIn(a))
		})
		folders = append(folders, matches...)
	}

	var once []string
	for _, folder := range folders {
		// What a relative folder of the PATH holds depends on where we stand.
		if filepath.IsAbs(folder) && !slices.Contains(once, folder) {
			once = append(once, folder)
		}
	}
	return once
}

// program gives the path of a program in the PATH, or "".
func (s search) program(name string) string {
	for _, folder := range s.path {
		if file := filepath.Join(folder, name); filepath.IsAbs(file) && executable(file) {
			return file
		}
	}
	return ""
}

func programsIn(folder string) programs {
	suffix := ""
	if runtime.GOOS == "windows" {
		suffix = ".exe"
	}
	return programs{
		initdb:   filepath.Join(folder, "initdb"+suffix),
		postgres: filepath.Join(folder, "postgres"+suffix),
	}
}

// check tells why the two cannot serve together; nil where they can.
func (p programs) check(ctx context.Context) error {
	initdb, err := version(ctx, p.initdb)
	if err != nil {
		return err
	}
	postgres, err := version(ctx, p.postgres)
	if err != nil {
		return err
	}
	if initdb != postgres {
		return fmt.Errorf("%s is of version %s, but %s is of version %s", p.initdb, initdb, p.postgres, postgres)
	}
	return nil
}

// version gives the version that a program of PostgreSQL says it has.
func version(ctx context.Context, program string) (string, error) {
	out, err := output(ctx, program, "--version")
	if err != nil {
		return "", err
	}
	_, rest, ok := strings.Cut(out, "(PostgreSQL) ")
	if fields := strings.Fields(rest); ok && len(fields) > 0 {
		return fields[0], nil
	}
	return "", fmt.Errorf("%s --version does not tell a version of PostgreSQL", program)
}

// output gives what a program prints, which it must do within a few seconds.
func output(ctx context.Context, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", program, err)
	}
	return string(out), nil
}

func executable(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular() && (runtime.GOOS == "windows" || info.Mode()&0o111 != 0)
}

func isScript(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	start := make([]byte, 2)
	n, _ := f.Read(start)
	return bytes.Equal(start[:n], []byte("#!"))
}

var number = regexp.MustCompile(`\d+(\.\d+)?`)

// versionIn gives the version in the path of a folder of programs, such as 16
// in /usr/pgsql-16/bin; 0 where there is none.
func versionIn(folder string) float64 {
	v, _ := strconv.ParseFloat(number.FindString(filepath.Base(filepath.Dir(folder))), 64)
	return v
}
