package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// manager is a package manager that has PostgreSQL's server programs.
type manager struct {
	program string
	asRoot  bool   // whether it must run as root; else it must not
	advice  string // the command that a person types
	steps   []step
}

// step is one command of an installation.
type step struct {
	command []string
	mayFail bool
}

// knownManagers are in the order of choice.
var knownManagers = []manager{
	{
		program: "apt-get",
		asRoot:  true,
		advice:  "apt-get install --no-install-recommends postgresql",
		steps: []step{
			// An old list of packages, or one source out of many that does not
			// answer, need not stop what follows.
			{command: []string{"apt-get", "update"}, mayFail: true},
			// The package of the server makes a cluster and starts it, unless
			// postgresql-common was told beforehand not to.
			{command: []string{"apt-get", "-o", "DPkg::Lock::Timeout=120", "install", "-y", "--no-install-recommends", "postgresql-common"}},
			{command: []string{"pg_conftool", "/etc/postgresql-common/createcluster.conf", "set", "create_main_cluster", "off"}},
			{command: []string{"apt-get", "-o", "DPkg::Lock::Timeout=120", "install", "-y", "--no-install-recommends", "postgresql"}},
		},
	},
	{
		program: "dnf",
		asRoot:  true,
		advice:  "dnf install postgresql-server",
		steps:   []step{{command: []string{"dnf", "install", "-y", "postgresql-server"}}},
	},
	{
		program: "apk",
		asRoot:  true,
		advice:  "apk add postgresql",
		steps:   []step{{command: []string{"apk", "add", "--no-cache", "postgresql"}}},
	},
	{
		program: "pacman",
		asRoot:  true,
		advice:  "pacman -S postgresql",
		steps:   []step{{command: []string{"pacman", "-Sy", "--noconfirm", "--needed", "postgresql"}}},
	},
	{
		program: "brew",
		advice:  "brew install postgresql@17",
		steps:   []step{{command: []string{"brew", "install", "postgresql@17"}}},
	},
}

// managers gives the known package managers that are in the PATH.
func (s search) managers() []manager {
	var found []manager
	for _, m := range knownManagers {
		if s.program(m.program) != "" {
			found = append(found, m)
		}
	}
	return found
}

// advice says in a few words how to get the server programs.
func (s search) advice() string {
	var commands []string
	for _, m := range s.managers() {
		commands = append(commands, m.advice)
	}
	if len(commands) == 0 {
		return "install the PostgreSQL server, or set " + BinVariable + " to the folder of these programs"
	}
	return "install them with: " + strings.Join(commands, ", or with: ")
}

// Install installs PostgreSQL's server programs with the system's package
// manager and tells out of each command and of what it prints. It needs to be
// root, or to become root through sudo without a password; with Homebrew, not to
// be root. Where it may not install anything, it changes nothing, and its error
// is the one line that Start gives.
//
// It leaves no server running. On Debian and its kin it makes no cluster, and
// switches create_main_cluster off in /etc/postgresql-common/createcluster.conf
// to this end.
func Install(ctx context.Context, out io.Writer) error {
	return systemSearch().install(ctx, out, os.Geteuid())
}

// Installing gives what start gives, which is Start or Keep; where it finds no programs, it
// installs them, if it may, and tries again.
func Installing(ctx context.Context, out io.Writer, start func(context.Context) (*Cluster, error)) (*Cluster, error) {
	cluster, err := start(ctx)
	if !errors.Is(err, ErrMissing) {
		return cluster, err
	}
	if err := Install(ctx, out); err != nil {
		return nil, err
	}
	return start(ctx)
}

// install is Install for the user of an id, with the programs of the search.
func (s search) install(ctx context.Context, out io.Writer, uid int) error {
	for _, m := range s.managers() {
		prefix, ok := s.prefix(ctx, m, uid)
		if !ok {
			continue
		}
		for _, step := range m.steps {
			err := s.run(ctx, out, slices.Concat(prefix, step.command))
			if err != nil && (!step.mayFail || ctx.Err() != nil) {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("%w: %s", ErrMissing, s.advice())
}

// prefix gives what stands before the commands of a package manager, and
// whether this user may run them at all.
func (s search) prefix(ctx context.Context, m manager, uid int) ([]string, bool) {
	// sudo drops the variables that it does not know, so that env sets it anew.
	quiet := []string{"env", "DEBIAN_FRONTEND=noninteractive"}
	switch {
	case !m.asRoot:
		return nil, uid != 0
	case uid == 0:
		return quiet, true
	}
	sudo := s.program("sudo")
	if sudo == "" {
		return nil, false
	}
	if _, err := output(ctx, sudo, "-n", "true"); err != nil {
		return nil, false
	}
	return slices.Concat([]string{"sudo", "-n"}, quiet), true
}

// run runs a command whose program is in the PATH of the search.
func (s search) run(ctx context.Context, out io.Writer, command []string) error {
	line := strings.Join(command, " ")
	program := s.program(command[0])
	if program == "" {
		return fmt.Errorf("%s: %s is not in the PATH", line, command[0])
	}
	fmt.Fprintln(out, "+", line)
	cmd := exec.CommandContext(ctx, program, command[1:]...)
	cmd.Env = append(os.Environ(), "PATH="+strings.Join(s.path, string(filepath.ListSeparator)))
	cmd.Stdout, cmd.Stderr = out, out
	// A package manager that is killed may leave the system half installed.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", line, err)
	}
	return nil
}
