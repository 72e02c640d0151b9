package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgresVariable names the PostgreSQL server for tests, by the address of a
// database whose user may make further databases.
const postgresVariable = "OMARTY_TEST_POSTGRES_URL"

// databaseTime bounds what tests ask of PostgreSQL themselves.
const databaseTime = 30 * time.Second

// mustCreateDatabase gives the address of an empty database that goes with the
// test.
func mustCreateDatabase(t *testing.T) string {
	t.Helper()
	address, drop, err := createDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// The server's own clean-up is registered later and so comes earlier.
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Error(err)
		}
	})
	return address
}

func createDatabase(ctx context.Context) (address string, drop func() error, err error) {
	server := os.Getenv(postgresVariable)
	if server == "" {
		return "", nil, errors.New("there is no PostgreSQL: " + postgresVariable + " is not set; run it through `make test`")
	}
	u, err := url.Parse(server)
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", postgresVariable, err)
	}
	name := "e2e_" + strings.ToLower(rand.Text())
	// template1 cannot be copied while somebody looks at it; nobody can look at
	// template0.
	if err := tellPostgres(ctx, server, "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		return "", nil, err
	}
	u.Path = "/" + name
	return u.String(), func() error {
		return tellPostgres(context.Background(), server, "DROP DATABASE "+name+" WITH (FORCE)")
	}, nil
}

func tellPostgres(ctx context.Context, server, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, databaseTime)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}

// slowTables makes it slow to make a table in a database.
const slowTables = `
	CREATE FUNCTION slow() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.7); END';
	CREATE EVENT TRIGGER slow ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION slow()`

// proxy is a door before a database that a test can shut.
type proxy struct {
	address  string // where it listens
	upstream string

	mu       sync.Mutex
	flow     *sync.Cond
	frozen   bool
	listener net.Listener
	conns    map[net.Conn]bool
	// age is how often it was abandoned: what was connected before stays silent.
	age int
	// asked counts what is asked; nil for nothing.
	asked *statements
}

// startProxy gives a proxy before the server of a PostgreSQL address, and that
// address by way of it.
func startProxy(t *testing.T, databaseURL string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{address: "127.0.0.1:0", upstream: u.Host, conns: map[net.Conn]bool{}}
	p.flow = sync.NewCond(&p.mu)
	p.restore(t)
	t.Cleanup(p.cut)
	u.Host = p.address
	return p, u.String()
}

// restore opens the door, at the same address as before.
func (p *proxy) restore(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	p.listener, p.address = listener, listener.Addr().String()
	p.mu.Unlock()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // it was cut
			}
			go p.forward(conn)
		}
	}()
}

// cut is a database that dies: what is connected is disconnected, and who
// connects is refused.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frozen = false
	p.flow.Broadcast()
	p.listener.Close()
	for conn := range p.conns {
		conn.Close()
	}
}

// freeze is a network that loses everything: connections stay, and nothing comes
// through, until thaw.
func (p *proxy) freeze() { p.setFrozen(true) }

func (p *proxy) thaw() { p.setFrozen(false) }

// abandon is a network that has come back and knows nothing of what was connected
// before: no word comes through there any more, nor that none will.
func (p *proxy) abandon() {
	p.mu.Lock()
	p.age++
	p.mu.Unlock()
	p.thaw()
}

func (p *proxy) setFrozen(frozen bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frozen = frozen
	p.flow.Broadcast()
}

func (p *proxy) forward(client net.Conn) {
	defer client.Close()
	database, err := net.Dial("tcp", p.upstream)
	if err != nil {
		return
	}
	defer database.Close()
	p.mu.Lock()
	p.conns[client], p.conns[database] = true, true
	age := p.age
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.conns, client)
		delete(p.conns, database)
		p.mu.Unlock()
	}()
	done := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{client, database}, {database, client}} {
		go func() {
			to := io.Writer(thawedWriter{p, pair[0], age})
			p.mu.Lock()
			counted := p.asked
			p.mu.Unlock()
			if pair[0] == database && counted != nil {
				asked := counted.watch()
				defer asked.Close()
				to = io.MultiWriter(asked, to)
			}
			_, _ = io.Copy(to, pair[1])
			// One direction alone is of no use to anybody.
			client.Close()
			database.Close()
			done <- struct{}{}
		}()
	}
	<-done
	<-done
}

// thawedWriter writes while the proxy is not frozen.
type thawedWriter struct {
	p   *proxy
	to  io.Writer
	age int
}

// Write waits for the thaw.
func (w thawedWriter) Write(b []byte) (int, error) {
	w.p.mu.Lock()
	for w.p.frozen {
		w.p.flow.Wait()
	}
	silent := w.age != w.p.age
	w.p.mu.Unlock()
	if silent {
		return len(b), nil // and nobody knows
	}
	return w.to.Write(b)
}
