package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/omarty/chat/internal/demo"
	"github.com/omarty/chat/internal/mail"
	"github.com/omarty/chat/internal/phone"
	"github.com/omarty/chat/internal/service"
)

// serveDemo serves the demo over a database of its own, which goes at the end.
func serveDemo(ctx context.Context, c config, out io.Writer, log *slog.Logger) (err error) {
	folder, err := os.MkdirTemp("", "omarty-demo-")
	if err != nil {
		return fmt.Errorf("the demo's folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	c.databaseURL, c.databaseSetting = "sqlite:"+filepath.Join(folder, "omarty.db"), "the demo's database"
	c.dataDir = folder
	outbox := filepath.Join(folder, "outbox")
	c.mails, c.phones = mail.NewFolder(outbox, "demo@omarty.example"), phone.NewFolder(outbox)

	var clock demo.Clock
	var town *demo.Town
	return serve(ctx, c, log, occasion{
		now: clock.Now,
		begin: func(ctx context.Context, verbs *service.Service) (end func(), err error) {
			if town, err = demo.Settle(ctx, verbs, &clock); err != nil {
				return nil, fmt.Errorf("the demo: %w", err)
			}
			return keepTalking(ctx, town, log), nil
		},
		announce: func(at places, database string) {
			if c.logJSON {
				announce(out, true, at, database)
				newLogger(out, slog.LevelInfo, true).Info("demo", "password", demo.Password, "logins", town.Logins(), "subscription", town.Subscription())
				return
			}
			io.WriteString(out, town.Screen(at.public))
		},
	})
}

// keepTalking lets the residents talk until ctx ends or they are stopped.
func keepTalking(ctx context.Context, town *demo.Town, log *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var talking sync.WaitGroup
	talking.Go(func() { town.Talk(ctx, func(err error) { log.Warn("a resident cannot speak", "error", err) }) })
	return func() { cancel(); talking.Wait() }
}
