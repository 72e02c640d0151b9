package main

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// proxies are the networks of the reverse proxies in front of the program.
type proxies []netip.Prefix

// have tells whether an address is that of one of the proxies.
func (p proxies) have(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(address) })
}

// clientOf gives the address of who sent a request to the first proxy that is ours: the
// peer itself where that is none. X-Forwarded-For, of which each proxy adds to the end who
// sent it the request, is read from there as far as the senders are proxies: what stands
// before was written by a stranger, and may say anything. Where an entry cannot be read,
// it is who wrote that.
func (p proxies) clientOf(peer netip.Addr, forwardedFor []string) netip.Addr {
	address := peer
	for _, line := range slices.Backward(forwardedFor) {
		for more := true; more; {
			if !p.have(address) {
				return address
			}
			var entry string
			if i := strings.LastIndexByte(line, ','); i >= 0 {
				line, entry = line[:i], line[i+1:]
			} else {
				entry, more = line, false
			}
			from, ok := parseForwarded(strings.TrimSpace(entry))
			if !ok {
				return address
			}
			address = from
		}
	}
	return address
}

// parseForwarded reads an entry of X-Forwarded-For: an address, to which some proxies add
// the port.
func parseForwarded(entry string) (netip.Addr, bool) {
	address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(entry, "["), "]"))
	if err != nil {
		withPort, err := netip.ParseAddrPort(entry)
		if err != nil {
			return netip.Addr{}, false
		}
		address = withPort.Addr()
	}
	return address.Unmap().WithZone(""), true
}

type securedKey struct{}

// through makes requests those of their clients: RemoteAddr is the client's address, and
// isSecured tells how it came, also where a proxy stands between. Who is no proxy of ours
// can say nothing of either.
func (p proxies) through(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !p.have(peer.Addr()) {
			next.ServeHTTP(w, r)
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), securedKey{}, r.TLS != nil || lastProto(r.Header) == "https"))
		// The port of a client is not known, and nobody asks for it.
		r.RemoteAddr = netip.AddrPortFrom(p.clientOf(peer.Addr(), r.Header.Values("X-Forwarded-For")), 0).String()
		next.ServeHTTP(w, r)
	})
}

// lastProto gives what the nearest proxy says of how the request came to it.
func lastProto(h http.Header) string {
	lines := h.Values("X-Forwarded-Proto")
	if len(lines) == 0 {
		return ""
	}
	line := lines[len(lines)-1]
	return strings.ToLower(strings.TrimSpace(line[strings.LastIndexByte(line, ',')+1:]))
}

// isSecured tells whether a request came from its client by TLS, as far as is known.
func isSecured(r *http.Request) bool {
	if secured, known := r.Context().Value(securedKey{}).(bool); known {
		return secured
	}
	return r.TLS != nil
}
