package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/omarty/chat/internal/bench/told"
	"github.com/omarty/chat/internal/load"
)

// contender is a server that is measured, a process of its own.
type contender struct {
	name    string
	process load.Process
	place   *load.Place
	command *exec.Cmd
	crowd   *load.Crowd
	data    string // the product's folder
}

// programs are what is built once for a run.
var programs = map[string]string{
	"ours":  "github.com/omarty/chat",
	"stock": "github.com/omarty/chat/internal/bench/stock",
	"raw":   "github.com/omarty/chat/internal/bench/raw",
}

// build builds the programs into a folder.
func build(ctx context.Context, folder string) error {
	for name, path := range programs {
		arguments := []string{"build", "-o", filepath.Join(folder, name)}
		if name == "stock" {
			arguments = append(arguments, "-tags=bench")
		}
		command := exec.CommandContext(ctx, "go", append(arguments, path)...)
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w\n%s", name, err, out)
		}
	}
	return nil
}

// start starts a contender with so many rooms: ours, stock (gqlgen's transports over
// resolvers in memory), same (gqlgen's transports over our resolvers, verbs and
// store), or raw.
func (b *bench) start(ctx context.Context, name string, rooms int) (*contender, error) {
	program, arguments := name, []string{fmt.Sprintf("-rooms=%d", rooms)}
	switch name {
	case "ours":
		return b.startOurs(ctx, rooms, "")
	case "same":
		data, err := os.MkdirTemp(b.folder, "data-")
		if err != nil {
			return nil, err
		}
		program, arguments = "stock", []string{"-same", "sqlite:" + filepath.Join(data, "omarty.db")}
	}
	c := &contender{name: name, command: exec.Command(filepath.Join(b.folder, program), arguments...)}
	out, err := c.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.command.Stderr = os.Stderr
	if err := c.run(b); err != nil {
		return nil, err
	}
	var t told.Place
	if err := json.NewDecoder(out).Decode(&t); err != nil {
		return nil, fmt.Errorf("%s does not say where it is: %w", name, err)
	}
	if name == "same" {
		return c, c.furnish(ctx, t.URL, rooms)
	}
	c.place = &load.Place{Server: t.URL, Listeners: []string{t.Token}}
	var all []int
	for i := range publishers {
		c.place.Publishers = append(c.place.Publishers, t.Token)
		all = append(all, i)
	}
	for _, id := range t.Rooms {
		c.place.Rooms = append(c.place.Rooms, load.Room{ID: id, Publishers: all})
	}
	return c, nil
}

var printedURL = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// startOurs starts the product, on SQLite where no other database is named, and
// furnishes it.
func (b *bench) startOurs(ctx context.Context, rooms int, database string) (*contender, error) {
	data, err := os.MkdirTemp(b.folder, "data-")
	if err != nil {
		return nil, err
	}
	c := &contender{name: "ours"}
	url, err := c.launch(b, data, database)
	if err != nil {
		return nil, err
	}
	return c, c.furnish(ctx, url, rooms)
}

// launch starts the product, and gives where it listens.
func (c *contender) launch(b *bench, data, database string) (string, error) {
	c.data = data
	c.command = exec.Command(filepath.Join(b.folder, "ours"))
	c.command.Env = append(environment(), "OMARTY_LISTEN=127.0.0.1:0", "OMARTY_RATE_LIMITS=off", "OMARTY_LOG=warn,text",
		"OMARTY_DATA_DIR="+data, "OMARTY_DATABASE_URL="+database)
	c.command.Dir, c.command.Stderr = data, os.Stderr
	out, err := c.command.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := c.run(b); err != nil {
		return "", err
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if url := printedURL.FindString(lines.Text()); url != "" {
			return url, nil
		}
	}
	return "", errors.New("the product does not say where it is")
}

// environment is what the product gets beside its settings: none of ours.
func environment() (env []string) {
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "OMARTY_") {
			env = append(env, entry)
		}
	}
	return env
}

// refresh starts the product anew, with the same people: what making them took is
// forgotten. It does nothing for the others.
func (c *contender) refresh(b *bench) (err error) {
	if c.name == "ours" {
		c.stop()
		b.running = slices.DeleteFunc(b.running, func(one *contender) bool { return one == c })
		c.place.Server, err = c.launch(b, c.data, "")
	}
	return err
}

// furnish makes the people and the rooms, as any client would.
func (c *contender) furnish(ctx context.Context, url string, rooms int) (err error) {
	c.place, err = load.Furnish(ctx, load.NewClient(url, 4), load.Size{Rooms: rooms, Publishers: publishers, Sessions: 1})
	return err
}

func (c *contender) run(b *bench) error {
	if err := c.command.Start(); err != nil {
		return err
	}
	c.process = load.Process(c.command.Process.Pid)
	b.running = append(b.running, c)
	return nil
}

// gather opens sockets that listen.
func (c *contender) gather(ctx context.Context, g load.Gathering) error {
	var err error
	c.crowd, err = load.Gather(ctx, c.place, g)
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	return nil
}

// stopTime is how long a contender may take to end.
const stopTime = 10 * time.Second

// stop ends a contender, and drops the sockets that it has.
func (c *contender) stop() {
	if c.crowd != nil {
		c.crowd.Close()
	}
	_ = c.command.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(stopTime, func() { _ = c.command.Process.Kill() })
	_ = c.command.Wait()
	kill.Stop()
}

// executed tells how many entries a second gqlgen's executor makes responses of, from
// memory and for nobody.
func (b *bench) executed(ctx context.Context, selection string) (float64, error) {
	command := exec.CommandContext(ctx, filepath.Join(b.folder, "stock"), "-execute", selection)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return 0, fmt.Errorf("executing from memory: %w", err)
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

// postgres makes an empty database on the server that OMARTY_TEST_POSTGRES_URL names;
// "" where it names none.
func (b *bench) postgres(ctx context.Context) (string, error) {
	server := os.Getenv("OMARTY_TEST_POSTGRES_URL")
	if server == "" {
		return "", nil
	}
	at, err := url.Parse(server)
	if err != nil {
		return "", err
	}
	db, err := sql.Open("pgx", server)
	if err != nil {
		return "", err
	}
	name := "bench_" + load.Tag()
	if _, err := db.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	b.cleanup = append(b.cleanup, func() {
		_, _ = db.ExecContext(context.WithoutCancel(ctx), "DROP DATABASE "+name+" WITH (FORCE)") // the server is for tests
		_ = db.Close()
	})
	at.Path = "/" + name
	return at.String(), nil
}
