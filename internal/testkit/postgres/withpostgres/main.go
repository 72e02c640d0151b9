// Withpostgres runs a command with a PostgreSQL server of its own:
//
//	withpostgres [-database] COMMAND [ARGUMENT...]
//
// It starts a private cluster, runs the command with the address of the
// cluster's postgres database in $OMARTY_TEST_POSTGRES_URL, passes SIGINT,
// SIGTERM and SIGHUP on to the command, stops the cluster and exits with the
// command's status. Where PostgreSQL's server programs are
// missing, it installs them with the system's package manager if it may do so
// without asking. Where $OMARTY_TEST_POSTGRES_URL is set already, it runs the
// command with the server of that address.
//
// With -database it also makes an empty database, whose address the command has in
// $OMARTY_DATABASE_URL, and which goes when the command has ended.
//
// As shells do, it exits with 127 for a command that cannot be found, with 126
// for one that cannot be run, and with 128 and the number of the signal for one
// that a signal ended. It exits with 1 where it cannot give a server, and with 2
// where it is given no command.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omarty/chat/internal/testkit/postgres"
)

const (
	statusFailed    = 1
	statusUsage     = 2
	statusNotRun    = 126
	statusNotFound  = 127
	statusSignalled = 128
)

// databaseVariable is what the program reads the address of its database from.
const databaseVariable = "OMARTY_DATABASE_URL"

// tellTime bounds making and dropping a database.
const tellTime = 30 * time.Second

func main() {
	os.Exit(run(os.Args[1:]))
}

// run is the whole command; it gives the status to exit with.
func run(command []string) int {
	ownDatabase := len(command) > 0 && command[0] == "-database"
	if ownDatabase {
		command = command[1:]
	}
	if len(command) == 0 {
		fmt.Fprintln(os.Stderr, "usage: withpostgres [-database] COMMAND [ARGUMENT...]")
		return statusUsage
	}
	signals := make(chan os.Signal, 8)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		// Who starts us with a signal ignored, such as nohup, wants it so.
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}

	address := os.Getenv(postgres.URLVariable)
	if address == "" {
		cluster, status := start(signals)
		if cluster == nil {
			return status
		}
		defer func() {
			if err := cluster.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, "withpostgres:", err)
			}
		}()
		address = cluster.URL("postgres")
	}
	env := append(os.Environ(), postgres.URLVariable+"="+address)
	if ownDatabase {
		name, err := createDatabase(address)
		if err != nil {
			fmt.Fprintln(os.Stderr, "withpostgres:", err)
			return statusFailed
		}
		defer func() {
			if err := tell(address, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
				fmt.Fprintln(os.Stderr, "withpostgres:", err)
			}
		}()
		of, _ := url.Parse(address) // it could be connected to
		of.Path = "/" + name
		env = append(env, databaseVariable+"="+of.String())
	}
	return runCommand(command, env, signals)
}

// createDatabase makes an empty database on a server, and gives its name.
func createDatabase(address string) (string, error) {
	name := "with_" + strings.ToLower(rand.Text())
	// template1 cannot be copied while somebody looks at it; nobody can look at
	// template0.
	return name, tell(address, "CREATE DATABASE "+name+" TEMPLATE template0")
}

func tell(address, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), tellTime)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}

// start starts a cluster, and gives the status to exit with where it cannot, or
// where a signal comes first.
func start(signals <-chan os.Signal) (*postgres.Cluster, int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	type result struct {
		cluster *postgres.Cluster
		err     error
	}
	started := make(chan result, 1)
	go func() {
		cluster, err := startOrInstall(ctx)
		started <- result{cluster, err}
	}()
	select {
	case r := <-started:
		if r.err != nil {
			fmt.Fprintln(os.Stderr, "withpostgres:", r.err)
			return nil, statusFailed
		}
		return r.cluster, 0
	case s := <-signals:
		cancel()
		if r := <-started; r.cluster != nil {
			if err := r.cluster.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, "withpostgres:", err)
			}
		}
		return nil, statusOf(s)
	}
}

func startOrInstall(ctx context.Context) (*postgres.Cluster, error) {
	// The standard output is the command's.
	return postgres.Installing(ctx, os.Stderr, func(ctx context.Context) (*postgres.Cluster, error) { return postgres.Start(ctx) })
}

// runCommand runs the command with an environment, passes signals on to it, and
// gives its status.
func runCommand(command, env []string, signals <-chan os.Signal) int {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "withpostgres:", err)
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
			return statusNotFound
		}
		return statusNotRun
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait() // the state tells all there is to know
	}()
	for {
		select {
		case s := <-signals:
			// The terminal gives its Ctrl-C to the command as well; many programs
			// take a second one for an order to drop everything.
			if s != syscall.SIGINT || !inForeground() {
				_ = cmd.Process.Signal(s) // fails if the command has just ended
			}
		case <-done:
			if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
				return statusOf(status.Signal())
			}
			return cmd.ProcessState.ExitCode()
		}
	}
}

// statusOf gives the exit status that stands for the end by a signal.
func statusOf(s os.Signal) int {
	if n, ok := s.(syscall.Signal); ok {
		return statusSignalled + int(n)
	}
	return statusFailed
}
