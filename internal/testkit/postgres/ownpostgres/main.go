//go:build unix

// Ownpostgres gives a test that imports nothing of the module a PostgreSQL server of its
// own, to be treated badly. It prints the address of the server's postgres database, and
// then does what the lines of its standard input say:
//
//	shut       end the server in good order, whoever is connected
//	crash      end it as in a crash
//	start      start it again, on the same data and port
//	freeze     stop its processes where they are
//	thaw       let them go on
//
// It answers each with a line: "ok", or what went wrong. When there is no more to read it
// ends, and the server with it.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/omarty/chat/internal/testkit/postgres"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "ownpostgres:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	ctx := context.Background()
	cluster, err := postgres.Start(ctx, postgres.Durable)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	fmt.Println(cluster.URL("postgres"))
	orders := map[string]func() error{
		"shut":   func() error { return cluster.Shut(false) },
		"crash":  func() error { return cluster.Shut(true) },
		"start":  func() error { return cluster.Restart(ctx) },
		"freeze": cluster.Freeze,
		"thaw":   cluster.Thaw,
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		answer := "there is no such order"
		if obey, ok := orders[lines.Text()]; ok {
			answer = "ok"
			if err := obey(); err != nil {
				answer = strings.ReplaceAll(err.Error(), "\n", " | ")
			}
		}
		fmt.Println(answer)
	}
	return nil
}
