package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// site is an installation: nodes, what they need, and the links between them all.
type site struct {
	nodes    []*node
	database *database // nil with SQLite
	bus      *bus      // nil with one node
	disk     *disk     // nil where none can be made full
	network  *network  // nil where nodes cannot have cables of their own
	links    []*link
}

// node is a node with the ways to it, and its own ways to the database and to NATS; nil
// where there is none.
type node struct {
	*program
	index                      int
	cable                      *cable // nil where the site has no network
	data                       string // the folder of its files
	fromClients, toData, toBus *link
	// lost is for how long the kernel has waited to send again what its cable lost.
	lost struct{ from, to time.Duration }
}

// binaries are the programs of a site.
type binaries struct {
	program string
	bus     string // "" where no NATS is needed
}

var localhost = net.IPv4(127, 0, 0, 1)

// diskSize is more than a run fills by itself: it is room, not memory.
const diskSize = 12 << 30

// newSite starts what a plan wants, in a folder. The caller closes it, also where there
// is an error.
func newSite(ctx context.Context, p plan, b binaries, folder string) (*site, error) {
	s := &site{}
	// PostgreSQL runs as another user where we are root.
	if err := os.Chmod(folder, 0o711); err != nil {
		return s, err
	}
	files := ""
	if s.disk = newDisk(filepath.Join(folder, "disk"), diskSize); s.disk != nil {
		files = s.disk.path
	}
	var err error
	if p.engine == "postgres" {
		if s.database, err = newDatabase(ctx, files); err != nil {
			return s, err
		}
	}
	if p.nodes > 1 {
		if s.bus, err = newBus(b.bus, folder); err != nil {
			return s, err
		}
		if err := s.bus.start(ctx); err != nil {
			return s, err
		}
	}
	s.network = newNetwork()
	for i := range p.nodes {
		if err := s.addNode(i, p, b.program, folder, files); err != nil {
			return s, err
		}
	}
	for _, n := range s.nodes {
		if err := n.start(ctx); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *site) addNode(i int, p plan, binary, folder, files string) error {
	name := fmt.Sprintf("node %d", i+1)
	n := &node{index: i}
	address, harness := localhost, localhost
	if s.network != nil {
		var err error
		if n.cable, err = s.network.cable(i); err != nil {
			return err
		}
		address, harness = n.cable.address, n.cable.harness
	}
	own := filepath.Join(folder, fmt.Sprintf("node-%d", i+1))
	data := filepath.Join(own, "data")
	var settings []string
	var err error
	if s.database != nil {
		if n.toData, err = s.link(name+" to PostgreSQL", harness, s.database.address()); err != nil {
			return err
		}
		settings = append(settings, "OMARTY_DATABASE_URL="+s.database.urlBy(n.toData.address()))
	} else if files != "" {
		data = filepath.Join(files, "data")
	}
	if p.nodes > 1 {
		if err := shareFiles(data, filepath.Join(folder, "files")); err != nil {
			return err
		}
	}
	if s.bus != nil {
		if n.toBus, err = s.link(name+" to NATS", harness, s.bus.address()); err != nil {
			return err
		}
		settings = append(settings, "OMARTY_NATS_URL=nats://"+n.toBus.address())
	}
	if n.program, err = newProgram(name, binary, address, own, data, settings...); err != nil {
		return err
	}
	if n.cable != nil {
		n.from = n.cable.enter
	}
	n.data = data
	s.nodes = append(s.nodes, n)
	n.fromClients, err = s.link("clients to "+name, localhost, n.address())
	return err
}

// shareFiles has a node keep files where the others do, as if it were mounted there.
func shareFiles(data, shared string) error {
	for _, folder := range []string{data, shared} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
	}
	return os.Symlink(shared, filepath.Join(data, "files"))
}

func (s *site) link(name string, at net.IP, target string) (*link, error) {
	l, err := newLink(name, at, target)
	if err == nil {
		s.links = append(s.links, l)
	}
	return l, err
}

// urls are where clients find the nodes.
func (s *site) urls() []string {
	var urls []string
	for _, n := range s.nodes {
		urls = append(urls, "http://"+n.fromClients.address())
	}
	return urls
}

// close ends all of it.
func (s *site) close() {
	for _, n := range s.nodes {
		n.close()
		n.cable.close()
	}
	for _, l := range s.links {
		l.close()
	}
	s.network.close()
	if s.bus != nil {
		s.bus.close()
	}
	if s.database != nil {
		_ = s.database.close() // that it was killed is no news
	}
	s.disk.close()
}
