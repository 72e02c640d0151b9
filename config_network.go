package main

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// checkNetwork reads the settings about who reaches the program, and how.
func (s settings) checkNetwork(c *config, wrong func(name, format string, a ...any)) {
	if err := checkListen(s.Listen); err != nil {
		wrong("OMARTY_LISTEN", "%v", err)
	}
	if c.adminListen = s.AdminListen; c.adminListen != "" {
		if err := checkListen(c.adminListen); err != nil {
			wrong("OMARTY_ADMIN_LISTEN", "%v", err)
		}
	}
	switch c.tlsCert, c.tlsKey = s.TLSCert, s.TLSKey; {
	case c.tlsCert != "" && c.tlsKey == "":
		wrong("OMARTY_TLS_KEY", "is needed beside OMARTY_TLS_CERT")
	case c.tlsCert == "" && c.tlsKey != "":
		wrong("OMARTY_TLS_CERT", "is needed beside OMARTY_TLS_KEY")
	}
	for _, text := range s.TrustedProxies {
		network, err := parseNetwork(strings.TrimSpace(text))
		if err != nil {
			wrong("OMARTY_TRUSTED_PROXIES", "is addresses and networks such as 10.0.0.0/8, with commas between them; not %q", text)
		}
		c.trustedProxies = append(c.trustedProxies, network)
	}
}

func checkListen(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("is HOST:PORT, and not %q", address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("ends in a port from 0 to 65535, and not in %q", port)
	} else if n == 0 && port != "0" {
		return fmt.Errorf("ends in a port, and not in %q", port)
	}
	return nil
}

// parseNetwork reads a network, or an address as the network of it alone.
func parseNetwork(s string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(s); err == nil {
		address = address.Unmap().WithZone("")
		return address.Prefix(address.BitLen())
	}
	network, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	if network.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("an IPv4 network is written as one: %s", s)
	}
	return network.Masked(), nil
}
