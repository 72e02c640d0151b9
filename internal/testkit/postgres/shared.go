package postgres

import (
	"context"
	"fmt"
	"os"
	"sync"
)

// URLVariable is the environment variable that names the server for tests to
// use, by the address of a database whose user may make further databases.
const URLVariable = "OMARTY_TEST_POSTGRES_URL"

// shared is the cluster of this process; nil until a test asks for one.
var shared struct {
	sync.Mutex
	cluster *Cluster
	err     error
}

// URL gives the address of a database on a server for tests:
// $OMARTY_TEST_POSTGRES_URL where that is set, and else the postgres database of
// a cluster that the first call starts and all of this process share. The
// context bounds the start alone. A package whose tests call URL has Main called
// by its TestMain.
func URL(ctx context.Context) (string, error) {
	if u := os.Getenv(URLVariable); u != "" {
		return u, nil
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil && shared.err == nil {
		cluster, err := Start(ctx)
		if err != nil && ctx.Err() != nil {
			// The caller gave up; the next one may have more time.
			return "", err
		}
		shared.cluster, shared.err = cluster, err
	}
	if shared.err != nil {
		return "", shared.err
	}
	return shared.cluster.URL(superuser), nil
}

// Main runs the tests of a package and then stops the cluster that URL started,
// if it did. It gives the status to exit with:
//
//	func TestMain(m *testing.M) { os.Exit(postgres.Main(m)) }
func Main(m interface{ Run() int }) int {
	status := m.Run()
	if err := stopShared(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		if status == 0 {
			status = 1
		}
	}
	return status
}

// stopShared stops the cluster of this process, if there is one.
func stopShared() error {
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil {
		return nil
	}
	err := shared.cluster.Stop()
	shared.cluster = nil
	return err
}
