package ordering

import (
	"net"
	"net/netip"
)

// clientAddr returns the address in a, which is a source of packets or connections as CoreDNS reports
// it: an IPv4-mapped IPv6 address counts as IPv4, a zone is left out. It returns the zero Addr when
// there is none in a.
func clientAddr(a net.Addr) netip.Addr {
	var client netip.Addr
	switch a := a.(type) {
	case nil:
	case *net.UDPAddr:
		client, _ = netip.AddrFromSlice(a.IP)
	case *net.TCPAddr:
		client, _ = netip.AddrFromSlice(a.IP)
	default:
		client = parseHost(a.String()).WithZone("") // proxyproto has a type of its own
	}
	return client.Unmap()
}

// parseHost returns the address in host, which may have a port; the zero Addr when there is none.
func parseHost(host string) netip.Addr {
	if ap, err := netip.ParseAddrPort(host); err == nil {
		return ap.Addr()
	}
	addr, _ := netip.ParseAddr(host)
	return addr
}
