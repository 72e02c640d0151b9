package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"time"
)

// copies make copies of the database while people write and things break: by the program's
// own command where it is SQLite's, and by PostgreSQL's own where it is that.
type copies struct {
	site    *site
	folder  string
	lasts   time.Duration // the time in which things break
	random  *rand.Rand
	history *history
	counts  *counts
	// last is the newest; nil for none.
	last *copied
}

// copied is a copy, with what was known before it was begun.
type copied struct {
	path   string
	began  time.Duration
	floors map[string]int // the newest positions, by rooms' ids
	marks  map[place]int
}

const (
	// copyTime bounds one copying.
	copyTime = 30 * time.Second
	// firstCopied is when the first copy is made at the latest.
	firstCopied = 20 * time.Second
	// mostCopied is of how many messages copies are made: of more it takes too long.
	mostCopied = 100_000
)

// run makes two copies, if it can: one after some time, and one when about half of it is over.
func (c *copies) run(ctx context.Context, quiet <-chan struct{}) {
	hurry, cancel := until(ctx, quiet)
	defer cancel()
	for i := range 2 {
		part := time.Duration((0.1 + 0.4*c.random.Float64()) * float64(c.lasts))
		if i == 0 {
			part = min(part, firstCopied)
		}
		sleep(hurry, part)
		for tries := 0; hurry.Err() == nil && c.counts.answers.Load() < mostCopied; tries++ {
			one := c.begin(fmt.Sprintf("copy-%d-%d", i, tries))
			out, err := c.site.copyInto(ctx, one.path)
			if err == nil {
				c.last = one
				c.counts.backups.Add(1)
				break
			}
			if ctx.Err() == nil && !c.history.troubled(one.began) {
				c.history.blame(violation{"backup: failed", fmt.Sprintf("nothing was broken, and %v: %s", err, out)})
				return
			}
			sleep(hurry, 300*time.Millisecond)
		}
	}
}

// begin notes what is known.
func (c *copies) begin(name string) *copied {
	one := &copied{path: filepath.Join(c.folder, name), began: c.history.since(), floors: map[string]int{}}
	for id, r := range c.history.rooms {
		one.floors[id] = r.head()
	}
	c.history.mu.Lock()
	defer c.history.mu.Unlock()
	one.marks = maps.Clone(c.history.marks)
	return one
}

// troubled tells whether something was broken since a moment, or a while before it.
func (h *history) troubled(since time.Duration) bool {
	for _, t := range h.soFar() {
		if t.to+t.mends > since {
			return true
		}
	}
	return false
}

// copyInto copies the database into a file that is not there.
func (s *site) copyInto(ctx context.Context, path string) (said string, err error) {
	ctx, cancel := context.WithTimeout(ctx, copyTime)
	defer cancel()
	if s.database == nil {
		return s.nodes[0].command(ctx, nil, "backup", path)
	}
	said, err = s.database.tool(ctx, "pg_dump", "--format=custom", "--file="+path, s.database.cluster.URL("postgres"))
	if err != nil {
		_ = os.Remove(path)
	}
	return said, err
}

// restore puts a copy back, in a place of its own, and starts a node over it. The caller
// closes the node.
func (s *site) restore(ctx context.Context, binary, folder string, one *copied) (*program, error) {
	data := filepath.Join(folder, "again", "data")
	var settings []string
	if s.database != nil {
		url := s.database.cluster.URL("again")
		settings = []string{"OMARTY_DATABASE_URL=" + url}
		for _, step := range [][]string{
			{"createdb", "--maintenance-db=" + s.database.cluster.URL("postgres"), "again"},
			{"pg_restore", "--no-owner", "--exit-on-error", "--dbname=" + url, one.path},
		} {
			if said, err := s.database.tool(ctx, step[0], step[1:]...); err != nil {
				return nil, fmt.Errorf("%s: %w: %s", step[0], err, said)
			}
		}
		// Those are not in PostgreSQL: here they are as they were.
		if err := shareFiles(data, filepath.Join(s.nodes[0].data, "files")); err != nil {
			return nil, err
		}
	}
	n, err := newProgram("the restored node", binary, net.IPv4(127, 0, 0, 1), filepath.Join(folder, "again"), data, settings...)
	if err != nil {
		return nil, err
	}
	arguments := []string{"restore", one.path}
	if s.database != nil {
		arguments = arguments[:1]
	}
	if said, err := n.command(ctx, nil, arguments...); err != nil {
		n.close()
		return nil, fmt.Errorf("restore: %w: %s", err, said)
	}
	return n, n.start(ctx)
}
