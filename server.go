// Omarty Chat is a chat server for the people of a building: a GraphQL API with
// realtime subscriptions, over SQLite inside the process or PostgreSQL.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omarty/chat/compat"
	"github.com/omarty/chat/exports"
	"github.com/omarty/chat/files"
	"github.com/omarty/chat/graph"
	"github.com/omarty/chat/graph/live"
	"github.com/omarty/chat/internal/blob"
	"github.com/omarty/chat/internal/early"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/password"
	"github.com/omarty/chat/internal/picture"
	"github.com/omarty/chat/internal/ratelimit"
	"github.com/omarty/chat/internal/secret"
	"github.com/omarty/chat/internal/service"
	"github.com/omarty/chat/internal/store"
	"github.com/omarty/chat/web"
)

const (
	// drainTime is how long requests under way may take after a signal to stop.
	drainTime = 8 * time.Second
	// pingTime bounds how long /readyz waits for the database: that it is away is told
	// within a second.
	pingTime = 700 * time.Millisecond
	// warnings is how often it is logged at the most of one thing that is done again and
	// again that it cannot be.
	warnings = time.Minute
)

func main() {
	makeGarbageRoom()
	if err := run(early.Context(), os.Args[1:], os.Environ(), os.Stdout, os.Stderr); err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			fmt.Fprintln(os.Stderr, "omarty-chat:", line)
		}
		os.Exit(1)
	}
}

// run does what the arguments and the environment ask for, until ctx ends.
func run(ctx context.Context, args, environ []string, out, logs io.Writer) error {
	c, err := readConfig(args, environ, out)
	if errors.Is(err, errHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	log := newLogger(logs, c.logLevel, c.logJSON)
	for _, name := range unknown(environ) {
		log.Warn("no such setting", "name", name)
	}
	switch {
	case c.demo:
		return serveDemo(ctx, c, out, log)
	case c.errand != nil:
		return c.errand(ctx, c, out, log)
	case c.operation != nil:
		return operate(ctx, c, out, log)
	}
	return serve(ctx, c, log, plainly(c, out))
}

// occasion is in what serving plainly and serving the demo differ.
type occasion struct {
	// now is the clock that the verbs go by.
	now func() time.Time
	// begin comes before anybody is served; end, which it gives, after everybody was.
	begin func(context.Context, *service.Service) (end func(), err error)
	// announce tells where the program serves and from which database.
	announce func(at places, database string)
}

func plainly(c config, out io.Writer) occasion {
	return occasion{
		now:      time.Now,
		begin:    func(context.Context, *service.Service) (func(), error) { return func() {}, nil },
		announce: func(at places, database string) { announce(out, c.logJSON, at, database) },
	}
}

// serve serves until ctx ends, and then until what is under way is answered.
func serve(ctx context.Context, c config, log *slog.Logger, o occasion) error {
	traces, err := openTracing(ctx, c.traces, log)
	if err != nil {
		return err
	}
	defer traces.close()
	db, err := openStore(ctx, c, log, traces.watchers()...)
	if err != nil {
		return unlessStopping(ctx, err)
	}
	defer db.Close()
	c.nats.Trace = traces.bus()
	n := &nodes{}
	contents, err := openFiles(ctx, c)
	if err != nil {
		return unlessStopping(ctx, err)
	}
	defer contents.Close()
	verbs, err := newVerbs(ctx, c, db, contents, n, o.now)
	if err != nil {
		return unlessStopping(ctx, err)
	}
	leave, err := n.join(c, verbs, log)
	if err != nil {
		return err
	}
	defer leave()
	end, err := o.begin(ctx, verbs)
	if err != nil {
		return unlessStopping(ctx, err)
	}
	defer end()
	api := graph.New(measuredVerbs{verbs}, graph.Options{
		Introspection: c.introspection,
		Origins:       c.allowedOrigins,
		Unpaced:       !c.rateLimits,
		Log:           log,
		MaxUpload:     c.maxUpload,
		RequestID:     requestID,
		Note:          note,
		Detached:      detached,
		Span:          traces.spans(),
	})
	stopWatching := watch(ctx, verbs, db, log)
	defer stopWatching()

	health := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	ready := readiness(ctx, db)
	measured := newMeasures()
	numbers := &sources{api: api.Stats, verbs: verbs.Stats, store: db.Stats, logs: n.logs.Stats, bus: n.stats, ready: ready}
	measured.registry.MustRegister(numbers)
	if c.adminListen != "" {
		sampling, stopSampling := context.WithCancel(ctx)
		var watching sync.WaitGroup
		defer func() { stopSampling(); watching.Wait() }()
		watching.Go(func() {
			numbers.watch(sampling, db, sparing(func(err error) { log.Warn("the backlog cannot be read for metrics", "error", err) }))
		})
	}

	mux := http.NewServeMux()
	form := compressed(0, compat.Register(api.Executor(), c.compatMinPassword))
	mux.Handle(compat.RegisterPath+"{$}", form)
	mux.Handle(strings.TrimSuffix(compat.RegisterPath, "/"), form)
	mux.Handle("/graphql", toPlayground(allowOrigins(c.allowedOrigins, compressedUnless(graph.Streams, 1000, api))))
	fetching := func(r *http.Request) (by service.Asker, err error) {
		if token := live.Bearer(r); token != "" {
			by, err = verbs.Authenticate(r.Context(), omarty.Token(token))
		} else {
			by, err = verbs.AuthenticateFile(r.Context(), r.URL.Query().Get("t"))
		}
		note(r.Context(), by.Session, omarty.ID{})
		return by, err
	}
	mux.Handle(exports.Path, shownBy(c.allowedOrigins, exports.Handler(verbs, fetching, log)))
	mux.Handle(files.Path, shownBy(c.allowedOrigins, files.Handler(verbs, fetching, log)))
	page := compressed(1000, web.Handler())
	for _, path := range web.Paths {
		mux.Handle(path, page)
	}
	mux.Handle("GET /{$}", http.RedirectHandler("/playground", http.StatusSeeOther))
	mux.Handle("GET /healthz", health)
	mux.Handle("GET /readyz", ready)

	return doors{
		public: withRequestID(c.trustedProxies.through(withHeaders(traces.served(logged(log, measured.count, recovering(log, mux)))))),
		admin:  adminDoor(measured, health, ready),
		drain:  api.Drain,
	}.open(ctx, c, log, func(at places) { o.announce(at, db.String()) })
}

// watch looks for what other nodes did, until it is stopped: sessions that were
// ended, entries of logs, and who came into rooms; for what is due: polls to be closed;
// and has earlier messages found. Also while what is under way is answered after ctx.
func watch(ctx context.Context, verbs *service.Service, db *store.Store, log *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var watching sync.WaitGroup
	look := func(watch func(context.Context, func(error)), cannot string) {
		// With the database away all of them fail, each time that they look.
		watching.Go(func() { watch(ctx, sparing(func(err error) { log.Warn(cannot, "error", err) })) })
	}
	look(verbs.WatchConnections, "sessions cannot be checked")
	look(verbs.WatchLogs, "logs of rooms cannot be checked")
	look(verbs.WatchJoins, "joins of rooms cannot be checked")
	look(verbs.WatchRates, "full rate buckets cannot be removed")
	look(verbs.WatchExports, "an export cannot be made")
	look(verbs.WatchErasures, "erased accounts cannot be forgotten")
	look(verbs.WatchPolls, "polls cannot be closed")
	look(db.IndexEarlier, "earlier messages cannot be indexed")
	look(verbs.WatchFiles, "files cannot be removed")
	look(verbs.WatchOutbox, "a letter cannot be sent")
	look(verbs.WatchPresence, "presence cannot be told or written")
	watching.Go(func() { verbs.WatchTyping(ctx) })
	return func() { cancel(); watching.Wait() }
}

// sparing passes an error on, and then none for a minute: what fails again and again is
// told now and then. It is safe for concurrent use.
func sparing(pass func(error)) func(error) {
	var last atomic.Int64
	return func(err error) {
		before, now := last.Load(), time.Now().UnixNano()
		if (before == 0 || now-before >= int64(warnings)) && last.CompareAndSwap(before, now) {
			pass(err)
		}
	}
}

func openStore(ctx context.Context, c config, log *slog.Logger, watchers ...store.Option) (*store.Store, error) {
	db, err := store.Open(ctx, c.databaseURL, log, watchers...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.databaseSetting, err)
	}
	return db, nil
}

// openFiles opens where the contents of files are: the operator's bucket, or a folder.
func openFiles(ctx context.Context, c config) (contents *blob.Store, err error) {
	if c.filesURL != "" {
		contents, err = blob.Open(ctx, c.filesURL)
	} else {
		contents, err = blob.OpenFolder(filepath.Join(c.dataDir, "files"))
	}
	if err != nil {
		return nil, fmt.Errorf("OMARTY_FILES_URL: %w", err)
	}
	return contents, nil
}

func newVerbs(ctx context.Context, c config, db *store.Store, contents service.Files, n *nodes, now func() time.Time) (*service.Service, error) {
	keeper, err := openSecret(ctx, c, db)
	if err != nil {
		return nil, err
	}
	var pictures service.Pictures
	if contents != nil { // not for an operator's commands
		if pictures, err = picture.NewStudio(filepath.Join(c.dataDir, "pictures")); err != nil {
			return nil, err
		}
	}
	var limiter service.Limiter = ratelimit.Off{}
	var rates service.Rates = ratelimit.Unlimited{}
	var budgets service.Budgets = ratelimit.Off{}
	if c.rateLimits {
		limiter, rates, budgets = countedLimiter{ratelimit.New()}, countedRates{ratelimit.NewShared(db)}, countedBudgets{ratelimit.New()}
	}
	verbs := service.New(service.Parts{
		Store:   db,
		Post:    db.Post,
		Logs:    logs{&n.logs},
		People:  people{&n.people, n},
		Signals: signals{&n.signals, n},
		Nodes:   n,
		Write: func(ctx context.Context, change func(context.Context, service.Tx) error) error {
			return db.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return change(ctx, tx) })
		},
		Passwords: password.NewHasher(),
		Limiter:   limiter,
		Rates:     rates,
		Budgets:   budgets,
		Secrets:   keeper,
		Files:     contents,
		Pictures:  pictures,
		MaxUpload: c.maxUpload,

		Mails:      c.mails,
		Phones:     c.phones,
		ByOperator: c.byOperator,
		Region:     c.region,
		Now:        now,
	})
	db.OnCommit(func(ctx context.Context, entries []omarty.Entry) {
		if verbs.KnowsSessions() {
			n.logs.Publish(entries)
		} else {
			verbs.LookAtLogs()
		}
		verbs.Committed(entries)
		n.tellEntries(ctx, entries)
	})
	return verbs, nil
}

// openSecret gives the installation's secret: the operator's, or the database's.
func openSecret(ctx context.Context, c config, db *store.Store) (*secret.Keeper, error) {
	key := c.secret
	if len(key) == 0 {
		var err error
		if key, err = db.Secret(ctx, "installation"); err != nil {
			return nil, err
		}
	}
	return secret.New(key)
}

// readiness answers whether the program can serve: not while it stops, and not
// without its database.
func readiness(stopping context.Context, db *store.Store) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), pingTime)
		defer cancel()
		w.Header().Set("Cache-Control", "no-store")
		switch {
		case stopping.Err() != nil:
			http.Error(w, "stopping", http.StatusServiceUnavailable)
		case db.Ping(ctx) != nil:
			http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
		default:
			io.WriteString(w, "ready\n")
		}
	})
}

// unlessStopping gives an error of the start: none where the program was told to
// stop meanwhile, which is what ended it.
func unlessStopping(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
