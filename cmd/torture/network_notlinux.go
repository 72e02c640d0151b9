//go:build !linux

package main

import (
	"errors"
	"net"
)

// network is one of namespaces; there is none here.
type network struct{}

// cable is a node's way into a network.
type cable struct{ address, harness net.IP }

func newNetwork() *network { return nil }

func (n *network) cable(int) (*cable, error) { return nil, errors.ErrUnsupported }

func (n *network) close() {}

func (c *cable) enter() error { return errors.ErrUnsupported }

func (c *cable) pull() (mend func() error, err error) { return nil, errors.ErrUnsupported }

func (c *cable) close() {}
