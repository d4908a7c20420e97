package ordering

import (
	"net"
	"net/netip"
)

// clientAddr returns the IP address in a, the source of a query as CoreDNS reports it. It returns
// an IPv4-mapped IPv6 address as IPv4, and leaves out a zone. If a has no address it returns the
// zero Addr.
func clientAddr(a net.Addr) netip.Addr {
	var client netip.Addr
	switch a := a.(type) {
	case nil:
	case *net.UDPAddr:
		client, _ = netip.AddrFromSlice(a.IP)
	case *net.TCPAddr:
		client, _ = netip.AddrFromSlice(a.IP)
	default:
		client = parseHost(a.String()).WithZone("") // as for the plugin proxyproto, which has its own type
	}
	return client.Unmap()
}

// parseHost returns the IP address in host, which may have a port. If host has no address it
// returns the zero Addr.
func parseHost(host string) netip.Addr {
	if ap, err := netip.ParseAddrPort(host); err == nil {
		return ap.Addr()
	}
	addr, _ := netip.ParseAddr(host)
	return addr
}
