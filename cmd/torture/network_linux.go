package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// network is a switch to which the harness and each node have a cable of their own, the
// nodes each in a network namespace: what one cable loses, the kernel's TCP has to bear.
// It is gone when the harness is.
type network struct {
	number  int
	hub     netns.NsHandle
	outside netlink.Link // the harness's end of its cable
}

// cable is a node's way into the network.
type cable struct {
	network *network
	space   netns.NsHandle
	// address is where the node is, and harness where the harness is for it.
	address, harness net.IP
	plug             string // its end in the switch
}

// networks is how many harnesses may have one at a time. Their addresses are of the
// block for benchmarks of networks (RFC 2544).
const networks = 256

func networkAddress(network, host int) net.IP { return net.IPv4(198, 18, byte(network), byte(host)) }

// newNetwork makes a network; nil where that is not allowed.
func newNetwork() *network {
	if os.Geteuid() != 0 {
		return nil
	}
	hub, err := newSpace()
	if err != nil {
		return nil
	}
	n := &network{hub: hub}
	if err := n.lay(); err != nil {
		n.close()
		return nil
	}
	return n
}

// lay lays the harness's cable, under the first number that no other harness has, and makes
// the switch.
func (n *network) lay() error {
	var name string
	err := os.ErrExist
	for number := 0; number < networks && errors.Is(err, os.ErrExist); number++ {
		n.number, name = number, fmt.Sprintf("torture%d", number)
		err = connect(name, "harness", n.hub)
	}
	if err != nil {
		return err
	}
	if n.outside, err = giveAddress(name, networkAddress(n.number, 1)); err != nil {
		return err
	}
	return inside(n.hub, func() error {
		one := &netlink.Bridge{LinkAttrs: named("switch")}
		if err := netlink.LinkAdd(one); err != nil {
			return err
		}
		if err := netlink.LinkSetUp(one); err != nil {
			return err
		}
		if err := plugIn("harness"); err != nil {
			return err
		}
		return isolate("harness", true)
	})
}

// cable makes a cable for a node.
func (n *network) cable(node int) (*cable, error) {
	space, err := newSpace()
	if err != nil {
		return nil, err
	}
	c := &cable{
		network: n, space: space, plug: fmt.Sprintf("node%d", node+1),
		address: networkAddress(n.number, node+2), harness: networkAddress(n.number, 1),
	}
	err = inside(n.hub, func() error {
		if err := connect(c.plug, "cable", space); err != nil {
			return err
		}
		return plugIn(c.plug)
	})
	if err != nil {
		return c, err
	}
	return c, inside(space, func() error {
		loopback, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		if err := netlink.LinkSetUp(loopback); err != nil {
			return err
		}
		_, err = giveAddress("cable", c.address)
		return err
	})
}

// enter puts the thread of who calls it where the node is, for good.
func (c *cable) enter() error { return netns.Set(c.space) }

// pull has the cable lose all that is sent by it, without a word to anybody, and gives
// what mends it.
func (c *cable) pull() (mend func() error, err error) {
	lose := func(all bool) error {
		return inside(c.network.hub, func() error { return isolate(c.plug, all) })
	}
	return func() error { return lose(false) }, lose(true)
}

func (c *cable) close() {
	if c != nil {
		_ = c.space.Close() // it was open
	}
}

func (n *network) close() {
	if n == nil {
		return
	}
	if n.outside != nil {
		_ = netlink.LinkDel(n.outside) // it goes with the switch, too
	}
	_ = n.hub.Close()
}

// connect makes a cable from this namespace into another one, with the names of its ends.
func connect(here, there string, space netns.NsHandle) error {
	return netlink.LinkAdd(&netlink.Veth{LinkAttrs: named(here), PeerName: there, PeerNamespace: netlink.NsFd(space)})
}

func named(name string) netlink.LinkAttrs {
	attributes := netlink.NewLinkAttrs()
	attributes.Name = name
	return attributes
}

// plugIn puts an end of a cable into the switch of this namespace.
func plugIn(name string) error {
	hub, err := netlink.LinkByName("switch")
	if err != nil {
		return err
	}
	plug, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetMaster(plug, hub); err != nil {
		return err
	}
	return netlink.LinkSetUp(plug)
}

// isolate has the switch pass nothing between an end and the others that are isolated, of
// which the harness's is one.
func isolate(name string, yes bool) error {
	plug, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	return netlink.LinkSetIsolated(plug, yes)
}

// giveAddress gives an end of a cable its address, and takes it into use.
func giveAddress(name string, address net.IP) (netlink.Link, error) {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return nil, err
	}
	if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: &net.IPNet{IP: address, Mask: net.CIDRMask(24, 32)}}); err != nil {
		return link, err
	}
	return link, netlink.LinkSetUp(link)
}

// newSpace makes a network namespace that has nothing yet.
func newSpace() (space netns.NsHandle, err error) {
	err = onOwnThread(func() error {
		space, err = netns.New()
		return err
	})
	return space, err
}

// inside does something in a namespace.
func inside(space netns.NsHandle, do func() error) error {
	return onOwnThread(func() error {
		if err := netns.Set(space); err != nil {
			return err
		}
		return do()
	})
}

// onOwnThread does something on a thread that ends after it, wherever it is by then.
func onOwnThread(do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock it
		done <- do()
	}()
	return <-done
}
