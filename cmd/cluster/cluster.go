package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omarty/chat/internal/testkit/postgres"
	"github.com/omarty/chat/internal/testkit/process"
)

// natsServer is NATS's own program, of the release that go.mod names.
const natsServer = "github.com/nats-io/nats-server/v2"

// database is what the nodes' database is called.
const database = "omarty"

// cluster is an installation of several nodes.
type cluster struct {
	folder   string
	settings []string // of the user, for all nodes
	port     int      // of the first node; 0 for free ones
	binary   string   // the program
	postgres *postgres.Cluster
	nats     *part
	natsURL  string
	nodes    []*node
}

// node is a part with the ways to it.
type node struct {
	part

	url, admin string
}

// start starts an installation of so many nodes, with its files in a folder. What is
// started is in the cluster also where there is an error: the caller stops it.
func (c *cluster) start(ctx context.Context, nodes int) error {
	if err := c.build(ctx); err != nil {
		return err
	}
	if err := c.startPostgres(ctx); err != nil {
		return err
	}
	if err := c.startNATS(ctx); err != nil {
		return err
	}
	// The first brings the database to its schema.
	for i := range nodes {
		if err := c.startNode(ctx, i+1); err != nil {
			return err
		}
	}
	return nil
}

// build builds what runs.
func (c *cluster) build(ctx context.Context) error {
	where, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("go list: run it within the repository: %w", err)
	}
	root := strings.TrimSpace(string(where))
	c.binary = filepath.Join(c.folder, "omarty-chat")
	for target, name := range map[string]string{c.binary: ".", filepath.Join(c.folder, "nats-server"): natsServer} {
		build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", target, name) //nolint:gosec // names of ours
		build.Dir = root
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w\n%s", name, err, out)
		}
	}
	return nil
}

func (c *cluster) startPostgres(ctx context.Context) error {
	var err error
	c.postgres, err = postgres.Installing(ctx, os.Stderr, func(ctx context.Context) (*postgres.Cluster, error) {
		port, err := process.QuietPort()
		if err != nil {
			return nil, err
		}
		return postgres.Keep(ctx, filepath.Join(c.folder, "postgres"), port, "shared_buffers=256MB", "shared_preload_libraries=")
	})
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, c.postgres.URL("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var there bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", database).Scan(&there); err != nil || there {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+database+" TEMPLATE template0")
	return err
}

func (c *cluster) startNATS(ctx context.Context) error {
	port, err := process.QuietPort()
	if err != nil {
		return err
	}
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	c.natsURL = "nats://" + at
	c.nats = &part{
		name: "NATS", binary: filepath.Join(c.folder, "nats-server"), folder: c.folder,
		arguments: []string{"--addr", "127.0.0.1", "--port", strconv.Itoa(port)},
		ready:     func(context.Context) bool { return greets(at) },
	}
	return c.nats.start(ctx)
}

// greets tells whether NATS says who it is.
func greets(at string) bool {
	conn, err := net.DialTimeout("tcp4", at, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(time.Second)) // a connection of ours takes one
	_, err = io.ReadFull(conn, make([]byte, len("INFO")))
	return err == nil
}

func (c *cluster) startNode(ctx context.Context, number int) error {
	port, adminPort, err := c.ports(number)
	if err != nil {
		return err
	}
	n := &node{url: fmt.Sprintf("http://127.0.0.1:%d", port), admin: fmt.Sprintf("http://127.0.0.1:%d", adminPort)}
	n.part = part{
		name: fmt.Sprintf("node %d", number), binary: c.binary, folder: c.folder,
		settings: append([]string{
			fmt.Sprintf("OMARTY_LISTEN=127.0.0.1:%d", port),
			fmt.Sprintf("OMARTY_ADMIN_LISTEN=127.0.0.1:%d", adminPort),
			"OMARTY_DATABASE_URL=" + c.postgres.URL(database),
			"OMARTY_NATS_URL=" + c.natsURL,
			// The files that people send are where all nodes find them.
			"OMARTY_DATA_DIR=" + filepath.Join(c.folder, "data"),
			"OMARTY_RATE_LIMITS=off",
		}, c.settings...),
		ready: func(ctx context.Context) bool { return answers(ctx, n.url+"/readyz") },
	}
	c.nodes = append(c.nodes, n)
	if err := n.start(ctx); err != nil {
		return err
	}
	return os.WriteFile(c.environment(n), []byte(shell(n.settings)), 0o600)
}

// ports gives where a node listens.
func (c *cluster) ports(number int) (port, admin int, err error) {
	if c.port != 0 {
		return c.port + number - 1, c.port + number + 99, nil
	}
	if port, err = process.QuietPort(); err != nil {
		return 0, 0, err
	}
	admin, err = process.QuietPort()
	return port, admin, err
}

// environment is the file that sets a shell's variables as a node's are.
func (c *cluster) environment(n *node) string {
	return filepath.Join(c.folder, strings.ReplaceAll(n.name, " ", "-")+".env")
}

// shell gives lines that export variables.
func shell(settings []string) string {
	var lines strings.Builder
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		fmt.Fprintf(&lines, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
	}
	return lines.String()
}

func answers(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// ended gives the name of a part once it has ended that nobody stopped.
func (c *cluster) ended(ctx context.Context) <-chan string {
	names := make(chan string)
	tell := func(name string, done <-chan struct{}) {
		select {
		case <-done:
			select {
			case names <- name:
			case <-ctx.Done():
			}
		case <-ctx.Done():
		}
	}
	for _, n := range c.nodes {
		go tell(n.name, n.done)
	}
	go tell(c.nats.name, c.nats.done)
	go tell("PostgreSQL", c.postgres.Done())
	return names
}

// stop stops what runs: the nodes, all at once, then NATS, then PostgreSQL.
func (c *cluster) stop() error {
	problems := make([]error, len(c.nodes)+2)
	var nodes sync.WaitGroup
	for i, n := range c.nodes {
		nodes.Go(func() { problems[i] = n.stop() })
	}
	nodes.Wait()
	if c.nats != nil {
		problems[len(c.nodes)] = c.nats.stop()
	}
	if c.postgres != nil {
		select {
		case <-c.postgres.Done(): // was killed, and told of
		default:
			problems[len(c.nodes)+1] = c.postgres.Stop()
		}
	}
	return errors.Join(problems...)
}
