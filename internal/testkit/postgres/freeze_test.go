//go:build unix

package postgres

import (
	"context"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// A frozen server answers nobody, neither who is connected nor who comes; then it goes on
// where it was.
func TestFreeze(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("without /proc it is not known which processes are the server's")
	}
	t.Parallel()
	c, err := StartIn(t.Context(), parentForAll(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	conn, err := pgx.Connect(t.Context(), c.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	answers := make(chan error, 1)
	ask := func() { var n int; answers <- conn.QueryRow(context.Background(), "select 1").Scan(&n) }
	ask()
	if err := <-answers; err != nil {
		t.Fatal(err)
	}
	if err := c.Freeze(); err != nil {
		t.Fatal(err)
	}
	thaw := func() {
		if err := c.Thaw(); err != nil {
			t.Fatal(err)
		}
	}
	go ask()
	comes, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if another, err := pgx.Connect(comes, c.URL("postgres")); err == nil {
		t.Error("a frozen server let somebody in")
		another.Close(context.Background())
	}
	select {
	case err := <-answers:
		t.Errorf("a frozen server answered: %v", err)
		thaw()
	default:
		thaw()
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	if c.Ended() {
		t.Error("a server that was frozen has ended")
	}
}

// parentForAll is a folder that all users can enter.
func parentForAll(t *testing.T) string {
	t.Helper()
	path, err := os.MkdirTemp("", "omarty-freeze-") //nolint:usetesting // who runs PostgreSQL cannot enter the other
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(path) })
	if err := os.Chmod(path, 0o711); err != nil {
		t.Fatal(err)
	}
	return path
}
