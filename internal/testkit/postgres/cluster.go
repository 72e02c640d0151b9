// Package postgres gives tests a PostgreSQL of their own: a private cluster in
// a temporary folder, which listens on the loopback interface alone, has safety
// against power cuts switched off for speed, and goes when the tests have gone.
//
// The command withpostgres runs a test command with such a cluster. Tests that
// want one ask URL, which takes the cluster of that command if there is one, and
// else starts one for the test process; their TestMain calls Main.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	loopback  = "127.0.0.1"
	superuser = "postgres"

	// The bounds are for a machine that is busy with other things; a cluster is
	// there within two or three seconds as a rule.
	initTime  = 2 * time.Minute
	readyTime = time.Minute
	stopTime  = 8 * time.Second
	abortTime = 2 * time.Second
)

// settings are those of every cluster. No test needs its data to survive a power
// cut, and all clusters are to behave alike on every machine.
var settings = []string{
	"listen_addresses=" + loopback,
	"unix_socket_directories=",
	"fsync=off",
	"synchronous_commit=off",
	"full_page_writes=off",
	"max_connections=400",
	"shared_buffers=64MB",
	"timezone=UTC",
	"log_timezone=UTC",
	"logging_collector=off",
	"log_destination=stderr",
}

// Cluster is a running PostgreSQL server with databases of its own. It is made
// by Start, and its methods may be called from several goroutines; but only one
// of them may Kill, Restart and Stop.
type Cluster struct {
	programs programs
	as       *account
	settings []string
	folder   *folder
	server   *process
	port     int
	killed   bool

	stop    sync.Once
	stopErr error
}

// Start makes an empty cluster and starts its server, which is ready for
// connections when Start returns. The caller must Stop it. The context bounds
// the start alone: the cluster outlives it.
//
// On Linux the server also ends when this process does without having called
// Stop, even if it is killed; the folder is then removed by the next Start of
// any process. Elsewhere that next Start makes such a server end.
//
// Further settings, such as Durable, win over those that every cluster has.
//
// The programs are those of the folder that $OMARTY_TEST_PG_BIN names, and else
// of the PATH or of the places where packages put them. Where there are none,
// the error wraps ErrMissing and is one line that says what to install.
func Start(ctx context.Context, settings ...string) (*Cluster, error) {
	return start(ctx, "", systemSearch(), freePort, settings...)
}

// StartIn is Start with the cluster's files in a folder of their own within another one,
// which all users can enter, and not within the system's temporary one. Nobody sweeps it.
func StartIn(ctx context.Context, parent string, settings ...string) (*Cluster, error) {
	return start(ctx, parent, systemSearch(), freePort, settings...)
}

// Durable is the setting of a cluster that has what it acknowledged also after a
// Kill. What a power cut takes is not safe with it either.
const Durable = "synchronous_commit=on"

// start is StartIn with the programs of a search, on a port that the function
// proposes.
func start(ctx context.Context, parent string, s search, port func() (int, error), settings ...string) (_ *Cluster, err error) {
	programs, err := s.find(ctx)
	if err != nil {
		return nil, err
	}
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	sweep()
	folder, err := newFolder(parent, as)
	if err != nil {
		return nil, fmt.Errorf("making a folder for PostgreSQL: %w", err)
	}
	c := &Cluster{programs: programs, as: as, settings: settings, folder: folder}
	defer func() {
		if err != nil {
			err = errors.Join(err, folder.remove())
		}
	}()
	if err := c.initialize(ctx); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		if c.port, err = port(); err != nil {
			return nil, err
		}
		err = c.serve(ctx)
		if err == nil {
			return c, nil
		}
		if try == 10 || !errors.Is(err, errPortTaken) {
			return nil, err
		}
	}
}

// URL gives the address of one of the cluster's databases, such as "postgres",
// which is there from the start, for its superuser.
func (c *Cluster) URL(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(superuser),
		Host:     net.JoinHostPort(loopback, strconv.Itoa(c.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Tool gives the path of another program of PostgreSQL's, such as pg_dump: of the server's
// own installation, or of the PATH.
func (c *Cluster) Tool(name string) (string, error) {
	path := filepath.Join(filepath.Dir(c.programs.initdb), name)
	if executable(path) {
		return path, nil
	}
	return exec.LookPath(name)
}

// Stop ends the server, whoever is still connected, and removes the cluster's
// folder. It takes ten seconds or little more at the worst. Its error tells of a
// server that had ended by itself, that had to be killed, or whose folder could
// not be removed. Further calls wait for the first and give the same error.
func (c *Cluster) Stop() error {
	c.stop.Do(func() {
		c.stopErr = errors.Join(c.shutDown(), c.folder.remove())
	})
	return c.stopErr
}

// Kill ends the server's first process at once and without a word to it, as far
// as a process can be: what serves its connections ends a moment later by itself.
// Restart brings the server back.
func (c *Cluster) Kill() error {
	if c.ended() {
		return c.failure(fmt.Errorf("it had ended before it was killed: %v", c.server.cmd.ProcessState))
	}
	if err := c.server.cmd.Process.Kill(); err != nil {
		return err
	}
	<-c.server.done
	c.killed = true
	return nil
}

// Ended tells whether the server has ended, killed or by itself.
func (c *Cluster) Ended() bool { return c.ended() }

// Restart starts the server again that has ended, with the same data and on the
// same port. It is ready for connections when Restart returns.
func (c *Cluster) Restart(ctx context.Context) error {
	for {
		err := c.serve(ctx)
		if err == nil {
			c.killed = false
			return nil
		}
		// The last processes of the one that was killed hold its memory, and its
		// clients' connections the port, for a moment longer.
		held := errors.Is(err, errPortTaken) || strings.Contains(c.log(), "is still in use")
		if !held || ctx.Err() != nil {
			return err
		}
		time.Sleep(25 * time.Millisecond)
	}
}

// initialize makes the files of the cluster.
func (c *Cluster) initialize(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, initTime)
	defer cancel()
	var out strings.Builder
	cmd := exec.CommandContext(ctx, c.programs.initdb,
		"--pgdata="+c.folder.data(),
		"--username="+superuser,
		"--auth=trust",
		"--encoding=UTF8",
		"--locale=C",
		"--no-sync",
	)
	cmd.Dir = c.folder.path
	cmd.Env = environment()
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	p, err := startProcess(cmd, c.as)
	if err != nil {
		return fmt.Errorf("initdb: %w", err)
	}
	<-p.done
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case p.err != nil:
		err = p.err
	default:
		return nil
	}
	return fmt.Errorf("initdb: %w; the end of what it told:\n%s", err, tail(out.String()))
}

var errPortTaken = errors.New("the port is taken")

// serve starts the server and waits until it answers. Where it fails, no server
// is left.
func (c *Cluster) serve(ctx context.Context) error {
	log, err := os.Create(c.folder.log())
	if err != nil {
		return err
	}
	defer log.Close()
	// The name tells our server from one that got the port before it did.
	args := []string{"-D", c.folder.data(), "-p", strconv.Itoa(c.port), "-c", "cluster_name=" + c.folder.name()}
	for _, setting := range slices.Concat(settings, c.settings) {
		args = append(args, "-c", setting)
	}
	// The context does not go with the command, which is to outlive it.
	cmd := exec.Command(c.programs.postgres, args...)
	cmd.Dir = c.folder.path
	cmd.Env = environment()
	cmd.Stdout, cmd.Stderr = log, log
	c.server, err = startProcess(cmd, c.as)
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	if err := c.awaitReady(ctx); err != nil {
		if c.ended() {
			return err
		}
		return errors.Join(err, c.shutDown())
	}
	return nil
}

// awaitReady returns once the server answers as it should.
func (c *Cluster) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	// Whoever else is on the port may leave us without an answer for long.
	alive, over := context.WithCancel(ctx)
	defer over()
	server := c.server // another one takes its place where the port was taken
	go func() {
		select {
		case <-server.done:
			over()
		case <-alive.Done():
		}
	}()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		name, err := c.askName(alive)
		if err == nil && name == c.folder.name() {
			return nil
		}
		select {
		case <-c.server.done:
			if strings.Contains(c.log(), "could not bind") {
				return c.failure(errPortTaken)
			}
			return c.failure(fmt.Errorf("it ended: %v", c.server.cmd.ProcessState))
		case <-ctx.Done():
			if err == nil {
				err = fmt.Errorf("another server (%q) answers on its port", name)
			}
			return c.failure(fmt.Errorf("it was not ready in time: %w: %w", ctx.Err(), err))
		case <-tick.C:
		}
	}
}

// askName asks whatever server is on the port for the name of its cluster.
func (c *Cluster) askName(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.URL(superuser))
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	var name string
	err = conn.QueryRow(ctx, "show cluster_name").Scan(&name)
	return name, err
}

// shutDown ends the server: at once and in good order if it can, and by force
// if it must.
func (c *Cluster) shutDown() error {
	if c.killed {
		return nil
	}
	if c.ended() {
		return c.failure(fmt.Errorf("it had ended before it was stopped: %v", c.server.cmd.ProcessState))
	}
	// Each of these goes to the one process that we started, and not at all once
	// that was waited for. A signal that cannot be sent is made good by the next.
	steps := []struct {
		signal os.Signal
		wait   time.Duration
	}{
		{syscall.SIGINT, stopTime}, // PostgreSQL's fast shutdown
		{syscall.SIGQUIT, abortTime},
		{os.Kill, abortTime},
	}
	for i, s := range steps {
		_ = c.server.cmd.Process.Signal(s.signal)
		select {
		case <-c.server.done:
			if i > 0 {
				return c.failure(fmt.Errorf("it did not stop when asked to, and was ended by force: %v", s.signal))
			}
			if c.server.err != nil {
				return c.failure(fmt.Errorf("it did not stop as it should: %w", c.server.err))
			}
			return nil
		case <-time.After(s.wait):
		}
	}
	return c.failure(errors.New("it cannot be ended"))
}

func (c *Cluster) ended() bool {
	select {
	case <-c.server.done:
		return true
	default:
		return false
	}
}

// failure gives an error of the server together with the end of its log.
func (c *Cluster) failure(err error) error {
	return fmt.Errorf("the PostgreSQL server for tests: %w; the end of its log:\n%s", err, tail(c.log()))
}

func (c *Cluster) log() string {
	b, err := os.ReadFile(c.folder.log())
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// tail gives the last lines of a text.
func tail(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// environment is that of the server programs: ours, less what would change the
// cluster or the language of its log.
func environment() []string {
	env := []string{"LC_ALL=C"}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PG") && !strings.HasPrefix(v, "LC_") && !strings.HasPrefix(v, "LANG") {
			env = append(env, v)
		}
	}
	return env
}

// freePort gives a port that was free a moment ago.
func freePort() (int, error) {
	l, err := net.Listen("tcp4", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
