package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/omarty/chat/compat"
	"github.com/omarty/chat/graph/live"
)

// doors are what is served, and where.
type doors struct {
	public, admin http.Handler
	// drain ends what stays open, as sockets do, when the program is to stop.
	drain func(context.Context)
}

// places are where the doors are found, as URLs.
type places struct {
	public string
	admin  string // "" for nowhere
}

// open listens, says where, and serves until ctx ends; then it drains what stays
// open, and answers what is under way. The admin door closes last.
func (d doors) open(ctx context.Context, c config, log *slog.Logger, announce func(places)) error {
	listener, err := listenAt(ctx, "OMARTY_LISTEN", c.listen)
	if err != nil {
		return unlessStopping(ctx, err)
	}
	defer listener.Close()
	at := places{public: urlOf("http", listener.Addr())}
	server := newServer(d.public, log)
	serve := server.Serve
	if c.tlsCert != "" {
		certificate, err := openCertificate(c.tlsCert, c.tlsKey, log)
		if err != nil {
			return err
		}
		at.public = urlOf("https", listener.Addr())
		server.TLSConfig = tlsConfig(certificate)
		serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	}
	if c.adminListen != "" {
		adminListener, err := listenAt(ctx, "OMARTY_ADMIN_LISTEN", c.adminListen)
		if err != nil {
			return unlessStopping(ctx, err)
		}
		at.admin = urlOf("http", adminListener.Addr())
		if !adminListener.Addr().(*net.TCPAddr).IP.IsLoopback() {
			log.Warn("whoever reaches the admin listener reads metrics and profiles", "url", at.admin)
		}
		admin := newServer(d.admin, log)
		defer admin.Close()
		go func() {
			if err := admin.Serve(adminListener); !errors.Is(err, http.ErrServerClosed) {
				log.Error("the admin listener has ended", "error", err)
			}
		}()
	}
	announce(at)

	ended := make(chan error, 1)
	go func() { ended <- serve(yield(listener)) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	log.Info("stopping")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	d.drain(ctx)
	if err := server.Shutdown(ctx); err != nil {
		log.Warn("requests were cut off", "error", err)
		server.Close()
	}
	log.Info("stopped")
	return nil
}

// listenAt listens at the address that a setting names.
func listenAt(ctx context.Context, setting, address string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	return listener, nil
}

// newServer gives a server that waits for nobody for long: the handshake of TLS counts
// as headers.
func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ConnContext:       live.WithConn,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// urlOf gives where people on this machine find what listens there.
func urlOf(scheme string, listening net.Addr) string {
	at := listening.(*net.TCPAddr)
	host := at.IP.String()
	if at.IP.IsUnspecified() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, fmt.Sprint(at.Port))
}

// announce tells a person where the program serves and from which database, or a
// machine; whatever the level of the log.
func announce(out io.Writer, asJSON bool, at places, database string) {
	if asJSON {
		about := []any{"url", at.public, "database", database}
		if at.admin != "" {
			about = append(about, "admin", at.admin)
		}
		newLogger(out, slog.LevelInfo, true).Info("listening", about...)
		return
	}
	admin := ""
	if at.admin != "" {
		admin = "  admin        " + at.admin + "/metrics  " + at.admin + "/debug/pprof/\n"
	}
	fmt.Fprintf(out, `Omarty Chat is listening.

  playground   %[1]s/playground
  GraphQL      %[1]s/graphql
  legacy form  %[1]s%[2]s
  health       %[1]s/healthz  %[1]s/readyz
%[4]s  database     %[3]s

Stop it with Ctrl-C.
`, at.public, compat.RegisterPath, database, admin)
}
