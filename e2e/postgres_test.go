//go:build unix

package e2e

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// ownPostgres is a PostgreSQL server of a test's own, which can be treated badly.
type ownPostgres struct {
	url    string
	orders io.Writer
	lines  *bufio.Scanner
}

// buildPostgres builds the program that such a server is of.
var buildPostgres = sync.OnceValues(func() (string, error) {
	program := filepath.Join(filepath.Dir(binary), "ownpostgres")
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, "../internal/testkit/postgres/ownpostgres").CombinedOutput()
	if err != nil {
		_, _ = os.Stderr.Write(out)
	}
	return program, err
})

// startPostgres starts one, which goes with the test.
func startPostgres(t *testing.T) *ownPostgres {
	t.Helper()
	program, err := buildPostgres()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program)
	command.Stderr = os.Stderr
	orders, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	p := &ownPostgres{orders: orders, lines: bufio.NewScanner(answers)}
	t.Cleanup(func() {
		orders.Close()
		if err := command.Wait(); err != nil {
			t.Error(err)
		}
	})
	if !p.lines.Scan() || !strings.HasPrefix(p.lines.Text(), "postgres://") {
		t.Fatalf("PostgreSQL does not start: %q", p.lines.Text())
	}
	p.url = p.lines.Text()
	return p
}

// tell gives it an order: shut, crash, start, freeze or thaw.
func (p *ownPostgres) tell(t *testing.T, order string) {
	t.Helper()
	if _, err := io.WriteString(p.orders, order+"\n"); err != nil {
		t.Fatal(err)
	}
	if !p.lines.Scan() || p.lines.Text() != "ok" {
		t.Fatalf("PostgreSQL was told to %s: %q", order, p.lines.Text())
	}
}
