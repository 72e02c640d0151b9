// Cluster runs an installation of several nodes on this machine, for a trial: PostgreSQL,
// NATS and the program, as plain programs on free ports of the loopback interface.
//
//	make cluster                            until Ctrl-C
//	make cluster ARGS='-data DIR'           what people say is kept in DIR, for the next time
//	make cluster ARGS='-nodes 5 OMARTY_LOG=debug,text'
//
// It builds what it runs, installs PostgreSQL's server programs with the system's package
// manager where they are missing and it may, and prints where all is. Settings that follow
// the flags are the nodes'. Ctrl-C and SIGTERM stop all of it in order; on Linux nothing
// is left running when it is killed, either.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	nodes      int
	port       int
	data       string
	withParent bool
	settings   []string
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func read(args []string) (o options, err error) {
	flags := flag.NewFlagSet("cluster", flag.ContinueOnError)
	flags.IntVar(&o.nodes, "nodes", 3, "how many nodes; 1 to 20")
	flags.IntVar(&o.port, "port", 0, "where the first node listens, the next ones after it, and their metrics 100 above; free ports for 0")
	flags.StringVar(&o.data, "data", "", "the `folder` for all files, which stays; a temporary one where unset")
	flags.BoolVar(&o.withParent, "with-parent", false, "stop also when what started it has ended")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.nodes < 1 || o.nodes > 20 || o.port < 0 || o.port > 65000 {
		return o, errors.New("-nodes is a number from 1 to 20, and -port one up to 65000")
	}
	for _, s := range flags.Args() {
		if !strings.HasPrefix(s, "OMARTY_") || !strings.Contains(s, "=") {
			return o, fmt.Errorf("what follows the flags are settings, OMARTY_NAME=VALUE; not %q", s)
		}
	}
	o.settings = flags.Args()
	return o, nil
}

func run(args []string, out io.Writer) (err error) {
	o, err := read(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if o.withParent {
		var cancel context.CancelFunc
		ctx, cancel = withParent(ctx)
		defer cancel()
	}
	c := &cluster{settings: o.settings, port: o.port}
	var leave func() error
	if c.folder, leave, err = folder(o.data); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()
	defer func() { err = errors.Join(err, c.stop()) }()
	fmt.Fprintln(out, "Building and starting, which takes a minute or two the first time …")
	if err := c.start(ctx, o.nodes); err != nil {
		if ctx.Err() != nil {
			return nil // it was stopped meanwhile
		}
		return err
	}
	c.introduce(out)
	for ended := c.ended(ctx); ; {
		select {
		case name := <-ended:
			fmt.Fprintf(out, "%s  %s has ended. What is left goes on; see its log.%s\n", time.Now().UTC().Format(time.TimeOnly), name, c.again(name))
		case <-ctx.Done():
			stop() // the next Ctrl-C ends us at once, and what we started
			fmt.Fprintln(out, "Stopping …")
			return nil
		}
	}
}

// withParent gives a context that ends when this process gets another parent.
func withParent(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	parent := os.Getppid()
	go func() {
		for os.Getppid() == parent && ctx.Err() == nil {
			time.Sleep(200 * time.Millisecond)
		}
		cancel()
	}()
	return ctx, cancel
}

// introduce says where all is.
func (c *cluster) introduce(out io.Writer) {
	var urls []string
	for _, n := range c.nodes {
		urls = append(urls, n.url)
		fmt.Fprintf(out, "\n%s      pid %d\n  playground  %s/playground\n  metrics     %s/metrics\n", n.name, n.cmd.Process.Pid, n.url, n.admin)
	}
	first := quote(c.environment(c.nodes[0]))
	fmt.Fprintf(out, "\nPostgreSQL  pid %d\n  %s\nNATS        pid %d\n  %s\nlogs        %s, and %s\n",
		c.postgres.Process(), c.postgres.URL(database), c.nats.cmd.Process.Pid, c.natsURL,
		filepath.Join(c.folder, "*.log"), c.postgres.Log())
	fmt.Fprintf(out, "\nLet people talk on all of them (rates are not limited here):\n  go run ./cmd/loadtest -server %s -listeners 300 -rooms 10 -rate 50\n", strings.Join(urls, ","))
	fmt.Fprintf(out, "Look whether all is well:\n  (. %s; %s doctor)\n", first, quote(c.binary))
	fmt.Fprintf(out, "Start a node again that you killed, such as the first, or one of a program of yours:\n  %s\n", c.starting(c.nodes[0]))
	fmt.Fprintln(out, "\nAll is ready. Ctrl-C stops it.")
}

// starting is the line by which a shell starts a node.
func (c *cluster) starting(n *node) string {
	return fmt.Sprintf("(. %s; %s)", quote(c.environment(n)), quote(c.binary))
}

// again says how to start a node again, by its name; "" for what is none.
func (c *cluster) again(name string) string {
	for _, n := range c.nodes {
		if n.name == name {
			return " Start it again:\n  " + c.starting(n)
		}
	}
	return ""
}

// quote writes a path as shells read it.
func quote(path string) string {
	if strings.ContainsAny(path, " '\"$&()[]{}*?;<>|\\`~#!\t\n") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
