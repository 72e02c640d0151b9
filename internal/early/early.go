// Package early hears of being asked to stop while the program is still being made ready. It
// needs so few others that Go makes it ready among the first.
package early

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// asked receives the first signal that asks the program to stop.
var asked = hear()

func hear() <-chan os.Signal {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	return signals
}

// Context gives one that ends when the program is asked to stop, or has been already. From then
// on a signal ends the program at once. It is to be called once.
func Context() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-asked
		signal.Reset(os.Interrupt, syscall.SIGTERM)
		cancel()
	}()
	return ctx
}
