package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/migrations"
)

// poolSize is how many connections the pool has at the most where its URL does not
// say (pool_max_conns): pgx's own four are too few for who waits beside a long
// reading.
const poolSize = 20

const (
	// acquireTime bounds how long it is waited for a connection of the pool: where all
	// are in use, who asks is soon told so.
	acquireTime = 3 * time.Second
	// connectTime bounds how long it may take to connect where the URL does not say, and
	// idlePingTime how long a connection that was idle for a second may take to say that
	// it is still there.
	connectTime  = 2 * time.Second
	idlePingTime = time.Second
)

// lastLines are how long PostgreSQL itself lets a statement run, wait for a lock, and a
// transaction say nothing, where its URL does not say otherwise. The context of who asks
// ends sooner, and cancels what runs; these are for when that does not arrive. A node that
// is cut off in the middle of a transaction has locked a room, in which nobody writes by
// other nodes until PostgreSQL gives it up: nothing of ours thinks for that long.
var lastLines = map[string]time.Duration{
	"statement_timeout":                   2 * timeout,
	"lock_timeout":                        timeout + timeout/2,
	"idle_in_transaction_session_timeout": 3 * time.Second,
}

// postgresEngine is one pool of connections, for ent as for what goes beside it.
type postgresEngine struct {
	pool  *pgxpool.Pool
	db    *sql.DB
	gate  *gate
	pulse *pulse
}

func checkPostgresURL(url string) error {
	if _, err := pgxpool.ParseConfig(url); err != nil {
		// pgx's own error quotes the url, with its password masked as well as it can.
		return errors.New("is no PostgreSQL URL: postgres://USER@HOST:PORT/DATABASE?OPTION=VALUE; in a password, @ is written %40, / %2F and % %25")
	}
	return nil
}

func openPostgres(ctx context.Context, url string, watch pgx.QueryTracer, log *slog.Logger) (engine, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, checkPostgresURL(url)
	}
	if config.ConnConfig.ConnectTimeout == 0 || config.ConnConfig.ConnectTimeout > timeout {
		config.ConnConfig.ConnectTimeout = connectTime
	}
	// A time zone of the server's or the role's choice must not change what a date is.
	config.ConnConfig.RuntimeParams["timezone"] = "UTC"
	// To compile a statement takes longer than any of these takes.
	config.ConnConfig.RuntimeParams["jit"] = "off"
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "omarty-chat"
	}
	for name, after := range lastLines {
		if _, set := config.ConnConfig.RuntimeParams[name]; !set {
			config.ConnConfig.RuntimeParams[name] = strconv.FormatInt(after.Milliseconds(), 10)
		}
	}
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = max(config.MaxConns, poolSize)
	}
	e := &postgresEngine{gate: newGate()}
	plain := config.ConnConfig.Copy()
	config.ConnConfig.DialFunc = farewells(config.ConnConfig.DialFunc)
	config.ConnConfig.Tracer = e.gate.with(watch)
	config.BeforeConnect = e.gate.enter
	if config.PingTimeout == 0 {
		config.PingTimeout = idlePingTime
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := reach(ctx, pool.Ping, log); err != nil {
		pool.Close()
		return nil, err
	}
	e.pool, e.db = pool, sql.OpenDB(pooled{stdlib.GetPoolConnector(pool)})
	e.db.SetMaxIdleConns(0) // the pool keeps them
	if e.pulse, err = newPulse(ctx, plain, e.pulseChanged(log)); err != nil {
		e.Close()
		return nil, fmt.Errorf("reaching PostgreSQL: %w", err)
	}
	return e, nil
}

// acquire gives a connection of the pool, for which it waits for a moment.
func (e *postgresEngine) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, acquireTime)
	defer cancel()
	return e.pool.Acquire(ctx)
}

// pooled is acquire for database/sql.
type pooled struct{ driver.Connector }

// Connect is for database/sql.
func (p pooled) Connect(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, acquireTime)
	defer cancel()
	return p.Connector.Connect(ctx)
}

func (e *postgresEngine) String() string {
	c := e.pool.Config().ConnConfig
	return fmt.Sprintf("PostgreSQL, %s/%s", strings.Join(servers(&c.Config), ","), c.Database)
}

// servers gives those that a configuration names, each once.
func servers(c *pgconn.Config) []string {
	named := []string{net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))}
	for _, f := range c.Fallbacks { // the same ones, where TLS is preferred
		if one := net.JoinHostPort(f.Host, strconv.Itoa(int(f.Port))); !slices.Contains(named, one) {
			named = append(named, one)
		}
	}
	return named
}

func (e *postgresEngine) clients() (reads, writes *generated.Client) {
	client := generated.NewClient(generated.Driver(entsql.OpenDB(dialect.Postgres, e.db)))
	return client, client
}

func (e *postgresEngine) migrate(ctx context.Context, log *slog.Logger) error {
	return migrate(ctx, e.db, goose.DialectPostgres, migrations.Postgres(), log,
		goose.WithSessionLocker(advisoryLock{log}))
}

// advisoryLock lets one session at a time migrate a database.
type advisoryLock struct{ log *slog.Logger }

// migrationLock is the key of the lock: any number that nothing else in the
// database uses.
const migrationLock = 0x6f6d61727479 // "omarty"

func (l advisoryLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	// Steps take as long as they take, and so do those of another process.
	for name := range lastLines {
		if _, err := conn.ExecContext(ctx, "SET "+name+" = 0"); err != nil {
			return err
		}
	}
	var free bool
	err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", int64(migrationLock)).Scan(&free)
	if err != nil || free {
		return err
	}
	l.log.InfoContext(ctx, "another process migrates the database, and is waited for")
	_, err = conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(migrationLock))
	return err
}

func (advisoryLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock($1)", int64(migrationLock))
	for name := range lastLines {
		_, failed := conn.ExecContext(ctx, "RESET "+name)
		err = errors.Join(err, failed)
	}
	return err
}

// present is nil: a server that is away says so itself, or says nothing.
func (e *postgresEngine) present() error { return nil }

// ping tells what is known, at once.
func (e *postgresEngine) ping(context.Context) error { return e.pulse.err() }

func (e *postgresEngine) lightly(ctx context.Context, change func(context.Context, *sql.Tx) error) error {
	tx, err := e.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if _, err := tx.ExecContext(ctx, "SET LOCAL synchronous_commit TO off"); err != nil {
		return err
	}
	if err := change(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// scrub leaves it to VACUUM, which PostgreSQL does by itself.
func (e *postgresEngine) scrub(context.Context) error { return nil }

func (e *postgresEngine) unavailable(err error) bool {
	// Who is not let in cannot tell an outage from a change of names or passwords
	// that is under way.
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return true
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		switch refused.Code[:2] {
		case "08", // connection
			"40", // rolled back: a deadlock, a serialization failure
			"53", // resources: disk, memory, connections
			"55", // not in the state that is needed: locked
			"57", // operator: shutting down, starting up, cancelled
			"58": // the system beneath it
			return true
		case "25": // read only, as a stand-by is; a transaction that said nothing for too long
			return refused.Code == "25006" || refused.Code == "25P03"
		}
		return false
	}
	var network net.Error
	return errors.As(err, &network) || pgconn.Timeout(err) ||
		pgconn.SafeToRetry(err) || // on a connection that had broken, so that nothing was sent
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, sql.ErrTxDone) || // by database/sql, when its time was up
		errors.Is(err, pgx.ErrTxCommitRollback)
}

// closeTime bounds how long Close waits for a server that does not answer.
const closeTime = time.Second

func (e *postgresEngine) Close() error {
	closed := make(chan error, 1)
	go func() {
		if e.pulse != nil {
			e.pulse.close()
		}
		err := e.db.Close()
		e.pool.Close()
		closed <- err
	}()
	select {
	case err := <-closed:
		return err
	case <-time.After(closeTime):
		return errors.New("PostgreSQL did not answer to the farewell")
	}
}
